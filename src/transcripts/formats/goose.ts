/** Reads the sessions of goose: an export, or a line of what the session is about and a line for each message. */
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import {
  type Call,
  makeAssistantMessage,
  makeDataUrl,
  makeImagePart,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../content.ts"
import { type Converted, failEntry, getText, listEntries, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

export const isGooseDocument = (value: unknown): boolean =>
  isObject(value) && typeof value.working_dir === "string" && Array.isArray(value.conversation)

export const isGooseRow = ({ value }: TranscriptRow): boolean =>
  (typeof value.working_dir === "string" && value.role === undefined) ||
  (typeof value.role === "string" && typeof value.created === "number" && Array.isArray(value.content))

export const readGoose = (document: unknown, file: string, tolerance: Tolerance) => {
  const { conversation, id } = isObject(document) ? document : {}
  return readGooseRows(listEntries({ file, line: null }, "conversation", conversation), tolerance, id)
}

export const readGooseRows = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance,
  id: unknown = null
): Either.Either<TranscriptContents, ImportError> => {
  const isCompacted = rows.some(isForUserAlone)
  const convert = (row: TranscriptRow) => (isCompacted && isHidden(row) ? Either.right("compaction") : convertRow(row))
  return readOneSession(rows, tolerance, convert, id)
}

/** True for what the user does not see: a summary, and what goose tells the model of it. */
const isHidden = ({ value: { metadata } }: TranscriptRow): boolean =>
  isObject(metadata) && metadata.userVisible === false

/** True for a message that a summary stands for. */
const isForUserAlone = ({ value: { metadata } }: TranscriptRow): boolean =>
  isObject(metadata) && metadata.agentVisible === false && metadata.userVisible !== false

/** Results stand in a message of the user, before what the user says. */
const convertRow = (row: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { content, working_dir: folder } = row.value
  // Older versions begin roles with a capital letter.
  const role = getText(row.value, "role").toLowerCase()
  if (row.value.role === undefined && folder !== undefined) return Either.right("session")
  if ((role !== "user" && role !== "assistant") || !Array.isArray(content)) return failEntry(row, "a message of goose")
  const parts: Array<Part> = []
  const calls: Array<Call> = []
  const results: Array<Message> = []
  for (const block of content.filter(isObject)) {
    const id = getText(block, "id")
    if (block.type === "text" && getText(block, "text") !== "") parts.push(makeTextPart(getText(block, "text")))
    if (block.type === "image")
      parts.push(makeImagePart(makeDataUrl(getText(block, "mimeType"), getText(block, "data"))))
    if (block.type === "toolRequest" && id !== "") {
      const { arguments: input, name } = readOutcome(block.toolCall)
      calls.push({ id, name: typeof name === "string" ? name : "unknown", input })
    }
    if (block.type === "toolResponse" && id !== "") results.push(makeToolMessage(id, [makeTextPart(showResult(block))]))
  }
  if (parts.length + calls.length + results.length === 0) return Either.right("empty")
  if (role === "assistant") return Either.right(say(...results, makeAssistantMessage(parts, calls)))
  return Either.right(say(...results, ...(parts.length === 0 ? [] : [makeUserMessage(parts)])))
}

/** What came of a call or of its making: a value, or an error. */
const readOutcome = (outcome: unknown): JsonObject =>
  isObject(outcome) ? (isObject(outcome.value) ? outcome.value : outcome) : {}

const showResult = ({ toolResult }: JsonObject): string => {
  const { error, value } = isObject(toolResult) ? toolResult : {}
  const content = isObject(value) ? value.content : value
  if (!Array.isArray(content)) return showValue(content ?? error)
  return content
    .map((part) => (isObject(part) && typeof part.text === "string" ? part.text : showValue(part)))
    .join("\n")
}
