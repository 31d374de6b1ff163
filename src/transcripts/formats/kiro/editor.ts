/** Reads the executions of Kiro's editor, whose sessions tell little of what was said. */
import * as Either from "effect/Either"
import { isObject, listObjects } from "../../../format/json.ts"
import { type Converted, failEntry, getText, listEntries, note } from "../../entries.ts"
import type { ImportError, TranscriptRow } from "../../rows.ts"
import { answer, gather, type Said, tell, tellText } from "./parts.ts"

/** An execution has messages, or in older versions a chat. */
export const isKiroExecution = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.executionId === "string" &&
  (Array.isArray(value.chat) || (isObject(value.context) && Array.isArray(value.context.messages)))

/** The messages of an execution. */
export const listExecution = (value: unknown, file: string): ReadonlyArray<TranscriptRow> => {
  const { chat, context } = isObject(value) ? value : {}
  const place = { file, line: null }
  return isObject(context) && Array.isArray(context.messages)
    ? listEntries(place, "context.messages", context.messages)
    : listEntries(place, "chat", chat)
}

/** What the editor itself says in the name of the user. */
const CONTEXT = ["<EnvironmentContext>", "<key_kiro_features>", "<identity>", "## Included Rules"]

export const convertExecuted = (entry: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { content, entries, role } = entry.value
  if (role !== "human" && role !== "bot" && role !== "tool") return failEntry(entry, "a message of human, bot or tool")
  const blocks = listObjects(entries).map((block): Partial<Said> => {
    const id = getText(block, "id")
    if (block.type === "text") return { parts: tellText(block.text) }
    if (block.type === "toolUse" && id !== "")
      return { calls: [{ id, name: getText(block, "name"), input: block.args }] }
    return block.type === "toolUseResponse" ? answer(id, [block], ["message"]) : {}
  })
  const said = gather([{ parts: tellText(content) }, ...blocks])
  const isContext = said.parts.every(
    (part) => part.type === "text" && CONTEXT.some((mark) => part.text.trimStart().startsWith(mark))
  )
  const told = tell(role !== "bot", said)
  // Older versions do not say which call a tool answers.
  return Either.right(typeof told === "object" && (isContext || role === "tool") ? note(...told.messages) : told)
}
