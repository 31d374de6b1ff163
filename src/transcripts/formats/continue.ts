/** Reads the sessions of Continue, and those of Kiro's editor, which has them from it. */
import * as Either from "effect/Either"
import { isObject, listObjects } from "../../format/json.ts"
import {
  makeAssistantMessage,
  makeImagePart,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../content.ts"
import { type Converted, failEntry, getText, listEntries, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isItem = (value: unknown): boolean =>
  isObject(value) && isObject(value.message) && typeof value.message.role === "string"

export const isContinueDocument = (value: unknown): boolean =>
  isObject(value) && typeof value.sessionId === "string" && Array.isArray(value.history) && value.history.some(isItem)

export const readContinue = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { history, sessionId } = isObject(document) ? document : {}
  const items = listEntries({ file, line: null }, "history", history)
  const told = new Set(items.flatMap(({ value }) => (isObject(value.message) ? [value.message.toolCallId] : [])))
  const compactions = items.flatMap(({ value }) =>
    typeof value.conversationSummary === "string" ? ["compaction"] : []
  )
  return readOneSession(items, tolerance, (item) => convertItem(item, told), sessionId, compactions)
}

/** `told` are the calls whose results are messages of their own. Others have them beside the call. */
const convertItem = (item: TranscriptRow, told: ReadonlySet<unknown>): Either.Either<Converted, ImportError> => {
  const { message, toolCallStates: states } = item.value
  if (!isObject(message)) return failEntry(item, "an item with its message")
  const parts = listParts(message.content)
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("\n")
  switch (message.role) {
    case "thinking":
      return Either.right("thinking")
    case "system":
      return Either.right(text === "" ? "empty" : say({ role: "system", content: text }))
    case "user":
      return Either.right(parts.length === 0 ? "empty" : say(makeUserMessage(parts)))
    case "tool": {
      const id = getText(message, "toolCallId")
      return id === "" ? failEntry(item, "a result with a toolCallId") : Either.right(say(makeToolMessage(id, parts)))
    }
    case "assistant": {
      const calls = listObjects(message.toolCalls).map(({ function: called, id }) => ({
        id: typeof id === "string" ? id : "",
        name: isObject(called) ? getText(called, "name") : "",
        input: isObject(called) ? called.arguments : undefined
      }))
      if (calls.some(({ id }) => id === "")) return failEntry(item, "calls with ids")
      if (parts.length + calls.length === 0) return Either.right("empty")
      const results = listObjects(states).flatMap(({ output, toolCallId: id }) =>
        typeof id === "string" && Array.isArray(output) && !told.has(id)
          ? [
              makeToolMessage(
                id,
                listObjects(output).map(({ content }) => makeTextPart(showValue(content)))
              )
            ]
          : []
      )
      return Either.right(say(makeAssistantMessage(parts, calls), ...results))
    }
    default:
      return failEntry(item, "a message of user, assistant, system or tool")
  }
}

const listParts = (content: unknown): ReadonlyArray<Part> => {
  const all: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  return all.flatMap((part) => {
    if (typeof part === "string") return part === "" ? [] : [makeTextPart(part)]
    if (!isObject(part)) return []
    const { imageUrl, text } = part
    if (isObject(imageUrl) && typeof imageUrl.url === "string") return [makeImagePart(imageUrl.url)]
    return [makeTextPart(typeof text === "string" ? text : `[${getText(part, "type") || "attachment"}]`)]
  })
}
