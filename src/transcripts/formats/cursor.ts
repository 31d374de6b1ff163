/** Reads the transcripts of Cursor's agent: lines with a role, whose words stand in a message without one. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, listObjects } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage, type Part } from "../content.ts"
import { CallIds, type Converted, failEntry, getText, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

export const isCursorRow = ({ value: { message, role } }: TranscriptRow): boolean =>
  (role === "user" || role === "assistant") && isObject(message) && "content" in message && message.role === undefined

export const readCursor = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const ids = new CallIds()
  return readOneSession(rows, tolerance, (row) => convertRow(row, ids))
}

const convertRow = (row: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { message, role, type } = row.value
  if (role === undefined && typeof type === "string") return Either.right(type)
  if ((role !== "user" && role !== "assistant") || !isObject(message)) return failEntry(row, "a message of Cursor")
  const content = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content
  const blocks = listObjects(content)
  const parts = blocks.flatMap((block) => convertText(block))
  const results = blocks.filter(({ type }) => type === "tool_result").map((block) => convertResult(block, ids))
  if (role === "user") {
    if (parts.length + results.length === 0) return Either.right("empty")
    return Either.right(say(...results, ...(parts.length === 0 ? [] : [makeUserMessage(parts)])))
  }
  const calls = blocks
    .filter(({ type }) => type === "tool_use")
    .map((block) => {
      const name = getText(block, "name")
      return { id: ids.call(name, block.id), name, input: block.input }
    })
  if (parts.length + calls.length === 0) return Either.right("empty")
  return Either.right(say(makeAssistantMessage(parts, calls), ...results))
}

const convertText = (block: JsonObject): ReadonlyArray<Part> => {
  if (block.type === "image") return [makeTextPart("[image]")]
  const text = block.type === "text" ? unwrapQuery(getText(block, "text")) : ""
  return text === "" ? [] : [makeTextPart(text)]
}

/** What the user typed, without the tag that Cursor puts around it. */
const unwrapQuery = (text: string): string => {
  const query = text.trim()
  return query.startsWith(OPENING) && query.endsWith(CLOSING)
    ? query.slice(OPENING.length, -CLOSING.length).trim()
    : text
}

const OPENING = "<user_query>"
const CLOSING = "</user_query>"

const convertResult = (block: JsonObject, ids: CallIds): Message => {
  const { content } = block
  const texts = Array.isArray(content)
    ? listObjects(content).map((part) => (typeof part.text === "string" ? part.text : showValue(part)))
    : [showValue(content)]
  return makeToolMessage(ids.answer(getText(block, "name"), block.tool_use_id), texts.map(makeTextPart))
}
