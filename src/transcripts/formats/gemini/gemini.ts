/** Reads what Gemini CLI writes: recorded chats and saved checkpoints. */
import * as Either from "effect/Either"
import { isObject } from "../../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage } from "../../content.ts"
import { CallIds, type Converted, failEntry, getText, listEntries, readOneSession, say } from "../../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../../rows.ts"
import { convertParts, listParts, showResponse } from "./parts.ts"

type Read = Either.Either<TranscriptContents, ImportError>

export const isGeminiChat = (value: unknown): boolean =>
  isObject(value) && typeof value.sessionId === "string" && "projectHash" in value && Array.isArray(value.messages)

export const readGeminiChat = (document: unknown, file: string, tolerance: Tolerance): Read => {
  const { messages, sessionId } = isObject(document) ? document : {}
  return readRecords(listEntries({ file, line: null }, "messages", messages), sessionId, [], tolerance)
}

export const isGeminiChatRow = ({ value }: TranscriptRow): boolean =>
  typeof value.sessionId === "string" && typeof value.projectHash === "string"

/**
 * Reads a chat of newer versions: a line of metadata, then a line for each message. A later line of the same id replaces a
 * message, `$rewindTo` takes back that message and all after it, and `$set` may replace all of them.
 */
export const readGeminiRows = (rows: ReadonlyArray<TranscriptRow>, tolerance: Tolerance): Read => {
  const records = new Map<unknown, TranscriptRow>()
  /** The ids in the order of their first lines. */
  const order: Array<unknown> = []
  const put = (record: TranscriptRow) => {
    if (!records.has(record.value.id)) order.push(record.value.id)
    records.set(record.value.id, record)
  }
  let sessionId: unknown
  const skipped: Array<string> = []
  for (const row of rows) {
    const { $rewindTo: rewindTo, $set: changes, id } = row.value
    if (typeof rewindTo === "string") {
      for (let isTaken = true; isTaken && order.length > 0;) {
        const last = order.pop()
        records.delete(last)
        skipped.push("taken back")
        isTaken = last !== rewindTo
      }
    } else if (isObject(changes)) {
      if (!Array.isArray(changes.messages)) continue
      order.length = 0
      records.clear()
      for (const entry of listEntries(row, "$set.messages", changes.messages)) put(entry)
    } else if (typeof id === "string") put(row)
    else sessionId ??= row.value.sessionId
  }
  return readRecords(Array.from(records.values()), sessionId, skipped, tolerance)
}

const readRecords = (
  records: ReadonlyArray<TranscriptRow>,
  sessionId: unknown,
  skipped: ReadonlyArray<string>,
  tolerance: Tolerance
): Read => {
  const ids = new CallIds()
  return readOneSession(records, tolerance, (record) => convertRecord(record, ids), sessionId, skipped)
}

/** A message of the model stands beside its calls and their results. */
const convertRecord = (record: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { content, toolCalls, type } = record.value
  if (type === "user") {
    const messages = convertParts("user", content, ids)
    return Either.right(messages.length === 0 ? "empty" : say(...messages))
  }
  if (type !== "gemini") {
    return typeof type === "string" ? Either.right(type) : failEntry(record, "a message of a chat of Gemini CLI")
  }
  const calls = Array.isArray(toolCalls) ? toolCalls.filter(isObject) : []
  const made = calls.map((call) => {
    const name = getText(call, "name")
    const id = ids.call(name, call.id)
    const result = listParts(call.result).flatMap(({ functionResponse, text }) =>
      isObject(functionResponse) ? [showResponse(functionResponse.response)] : typeof text === "string" ? [text] : []
    )
    return { call: { id, name, input: call.args }, result }
  })
  const texts = listParts(content).flatMap(({ text }) => (typeof text === "string" && text !== "" ? [text] : []))
  if (texts.length + made.length === 0) return Either.right("empty")
  return Either.right(
    say(
      makeAssistantMessage(
        texts.map(makeTextPart),
        made.map(({ call }) => call)
      ),
      ...made.flatMap(({ call, result }) =>
        result.length === 0 ? [] : [makeToolMessage(call.id, result.map(makeTextPart))]
      )
    )
  )
}

const listContents = (value: unknown): unknown => (isObject(value) ? (value.contents ?? value.history) : value)

const isContent = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.parts) && (value.role === "user" || value.role === "model")

/** A list of contents as Gemini's API takes it, which has roles that no other API has. */
export const isGeminiContents = (value: unknown): boolean => {
  const contents = listContents(value)
  return Array.isArray(contents) && contents.some((content) => isContent(content) && content.role === "model")
}

export const readGeminiContents = (document: unknown, file: string, tolerance: Tolerance): Read => {
  const ids = new CallIds()
  const entries = listEntries({ file, line: null }, "contents", listContents(document))
  return readOneSession(entries, tolerance, (entry) => {
    if (!isContent(entry.value)) return failEntry(entry, "a content of user or model with parts")
    const messages = convertParts(entry.value.role === "model" ? "assistant" : "user", entry.value.parts, ids)
    return Either.right(messages.length === 0 ? "empty" : say(...messages))
  })
}
