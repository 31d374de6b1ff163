/** What the shapes of Kiro's messages share: blocks that say, call and answer. */
import { listObjects } from "../../../format/json.ts"
import type { Message } from "../../../message/Message.ts"
import {
  type Call,
  makeAssistantMessage,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../../content.ts"
import { type Converted, say, showValue } from "../../entries.ts"

/** What a message says, does and was answered, however the shape of it names them. */
export interface Said {
  readonly parts: ReadonlyArray<Part>
  readonly calls: ReadonlyArray<Call>
  readonly results: ReadonlyArray<Message>
}

/** Puts the blocks of a message together. */
export const gather = (blocks: ReadonlyArray<Partial<Said>>): Said => ({
  parts: blocks.flatMap(({ parts = [] }) => parts),
  calls: blocks.flatMap(({ calls = [] }) => calls),
  results: blocks.flatMap(({ results = [] }) => results)
})

export const tell = (isUser: boolean, { calls, parts, results }: Said): Converted => {
  if (parts.length + calls.length + results.length === 0) return "empty"
  if (isUser) return say(...results, ...(parts.length === 0 ? [] : [makeUserMessage(parts)]))
  return say(...(parts.length + calls.length === 0 ? [] : [makeAssistantMessage(parts, calls)]), ...results)
}

export const tellText = (text: unknown): ReadonlyArray<Part> =>
  typeof text === "string" && text !== "" ? [makeTextPart(text)] : []

export const answer = (id: string, contents: unknown, keys: ReadonlyArray<string>): Partial<Said> => {
  const parts = listObjects(contents).map((part) =>
    makeTextPart(showValue(part[keys.find((key) => key in part) ?? ""]))
  )
  return id === "" ? {} : { results: [makeToolMessage(id, parts)] }
}
