/**
 * Reads what `opencode export` writes, a session and its messages with their parts, and what `opencode run --format json`
 * prints, the parts of replies as they come.
 */
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import {
  type Call,
  makeAssistantMessage,
  makeImagePart,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../content.ts"
import { type Converted, failEntry, getText, listEntries, note, readOneSession, say, showValue } from "../entries.ts"
import {
  countKinds,
  type ImportError,
  makeSession,
  type Tolerance,
  type TranscriptContents,
  type TranscriptRow
} from "../rows.ts"

const isMessage = (value: unknown): boolean => isObject(value) && isObject(value.info) && Array.isArray(value.parts)

export const isOpencodeDocument = (value: unknown): boolean =>
  isObject(value) && isObject(value.info) && Array.isArray(value.messages) && value.messages.every(isMessage)

/** Leaves out what the user took back: `revert` names the first message of it. */
export const readOpencode = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { info, messages } = isObject(document) ? document : {}
  const { id, revert } = isObject(info) ? info : {}
  const all = listEntries({ file, line: null }, "messages", messages)
  const from = isObject(revert) ? all.findIndex(({ value }) => isOf(value, revert.messageID)) : -1
  const kept = from < 0 ? all : all.slice(0, from)
  const takenBack = all.slice(kept.length).map(() => "taken back")
  return readOneSession(kept, tolerance, convertMessage, id, takenBack)
}

export const isOpencodeRow = ({ value: { part, sessionID } }: TranscriptRow): boolean =>
  typeof sessionID === "string" && isObject(part) && typeof part.type === "string"

/** What was asked is not printed. A part is printed again as it goes on. */
export const readOpencodeRows = (
  rows: ReadonlyArray<TranscriptRow>,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const parts = new Map<unknown, JsonObject>()
    const skipped: Array<string> = []
    for (const row of rows) {
      const part = yield* attempt(readPart(row), row)
      if (typeof part === "string") skipped.push(part)
      if (typeof part === "object") parts.set(part.id ?? part.callID ?? part, part)
      if (typeof part === "object" && part.type !== "text" && part.type !== "tool") skipped.push(getText(part, "type"))
    }
    const id = rows.find(isOpencodeRow)?.value.sessionID
    const messages = convertReply(Array.from(parts.values()))
    const session = makeSession({ messages, sessionId: typeof id === "string" ? id : null })
    return { sessions: [session], skipped: countKinds(skipped) }
  })

const readPart = (row: TranscriptRow): Either.Either<JsonObject | string, ImportError> => {
  const { part, type } = row.value
  if (isObject(part) && typeof part.type === "string") return Either.right(part)
  return typeof type === "string" ? Either.right(type) : failEntry(row, "an event with its part")
}

const isOf = ({ info }: JsonObject, id: unknown): boolean => isObject(info) && info.id === id

const convertMessage = (entry: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { info, parts: list } = entry.value
  const parts = Array.isArray(list) ? list.filter(isObject).filter(({ ignored }) => ignored !== true) : []
  const role = isObject(info) ? info.role : undefined
  if (role === "user") {
    const said = parts.flatMap(convertUserPart)
    if (said.length === 0) return Either.right(parts.some(({ type }) => type === "compaction") ? "compaction" : "empty")
    const isOwn = parts.some(({ synthetic, type }) => type === "text" && synthetic !== true)
    return Either.right(isOwn ? say(makeUserMessage(said)) : note(makeUserMessage(said)))
  }
  if (role !== "assistant") return failEntry(entry, "a message of user or assistant")
  if (isObject(info) && info.summary === true) return Either.right("compaction")
  const messages = convertReply(parts)
  return Either.right(messages.length === 0 ? "empty" : say(...messages))
}

const convertUserPart = (part: JsonObject): ReadonlyArray<Part> => {
  if (part.type === "text") return getText(part, "text") === "" ? [] : [makeTextPart(getText(part, "text"))]
  if (part.type !== "file") return []
  const url = getText(part, "url")
  return getText(part, "mime").startsWith("image/") && url.startsWith("data:")
    ? [makeImagePart(url)]
    : [makeTextPart(`[${getText(part, "filename") || url}]`)]
}

/** Each step of a reply is a message, and the results of its calls follow it. */
const convertReply = (parts: ReadonlyArray<JsonObject>): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let texts: Array<Part> = []
  let calls: Array<Call> = []
  let results: Array<Message> = []
  const flush = () => {
    if (texts.length + calls.length > 0) messages.push(makeAssistantMessage(texts, calls))
    for (const result of results) messages.push(result)
    texts = []
    calls = []
    results = []
  }
  for (const part of parts) {
    if (part.type === "step-start") flush()
    if (part.type === "text" && getText(part, "text") !== "") texts.push(makeTextPart(getText(part, "text")))
    if (part.type !== "tool" || !isObject(part.state)) continue
    const { error, input, output, status } = part.state
    const id = getText(part, "callID") || getText(part, "id") || `call_${messages.length}_${calls.length}`
    calls.push({ id, name: getText(part, "tool"), input })
    if (status === "completed" || status === "error") {
      results.push(makeToolMessage(id, [makeTextPart(showValue(status === "error" ? error : output))]))
    }
  }
  flush()
  return messages
}
