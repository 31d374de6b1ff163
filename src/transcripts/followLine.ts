/**
 * Reads the session files of Claude Code, Codex and pi line by line, as they grow. What only the whole file shows is not
 * known then: each line is a message of its own, also where an import would join the lines of a reply, and what the user
 * went back from stays.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { type Message, text as messageText } from "../message/Message.ts"
import type { DeliveryKind } from "../session/Session.ts"
import { isClaudeCodeRow, isNoticeText, readClaudeCodeLine } from "./claudeCode.ts"
import { isCodexRow, isSpokenInCodex, readCodexLine } from "./codex.ts"
import { readCodexHeader } from "./codexHeader.ts"
import { isPiRow, readPiLine } from "./pi.ts"
import type { ImportError, TranscriptRow } from "./rows.ts"
import { type Line, salvageRows } from "./salvage.ts"

/**
 * What the lines so far say about those that follow. `format` is null until a line is recognized. `sessionId` is the session
 * of the latest line, null for that of the file's name; `spoken` are the sessions that have messages.
 */
export const LinesRead = Schema.Struct({
  format: Schema.NullOr(Schema.Literal("pi", "codex", "claude-code")),
  sessionId: Schema.NullOr(Schema.String),
  spoken: Schema.Array(Schema.NullOr(Schema.String))
})
export type LinesRead = typeof LinesRead.Type

export const nothingRead: LinesRead = { format: null, sessionId: null, spoken: [] }

/** A line without its break, and the place of its first byte. `isUtf8` is as in any other line. */
export interface PlacedLine extends Line {
  readonly file: string
  readonly offset: number
}

/** A message of a line. The same line always gives it the same `key`. */
export interface LineMessage {
  readonly sessionId: string | null
  readonly message: Message
  readonly key: string
  readonly kind: DeliveryKind
}

/** What a line says, and what could not be read of it. */
export interface LineRead {
  readonly read: LinesRead
  readonly messages: ReadonlyArray<LineMessage>
  readonly left: ReadonlyArray<ImportError>
}

/**
 * Reads a line after those of `before`. A writer that was killed within a line leaves the next one behind its half: what is
 * whole is read.
 */
export const readLine = (before: LinesRead, line: PlacedLine): LineRead => {
  const { left, taken } = salvageRows([line], line.file)
  const errors = left.map(({ error }) => error)
  return taken.reduce(
    (sofar: LineRead, row, index) =>
      Either.match(readRow(sofar.read, row, `${line.offset}.${index}`), {
        onLeft: (error) => ({ ...sofar, left: [...sofar.left, error] }),
        onRight: ({ messages, read }) => ({ ...sofar, read, messages: [...sofar.messages, ...messages] })
      }),
    { read: before, messages: [], left: errors }
  )
}

const readRow = (
  before: LinesRead,
  row: TranscriptRow,
  place: string
): Either.Either<Omit<LineRead, "left">, ImportError> => {
  const format = before.format ?? detectFormat(row)
  if (format === null) return Either.right({ read: before, messages: [] })
  const sessionId = findSession(format, row, before.sessionId)
  const hasSpoken = before.spoken.includes(sessionId)
  return Either.map(readMessages(format, row, hasSpoken), (messages) => {
    const isFirst = !hasSpoken && messages.some((message) => format !== "codex" || isSpokenInCodex(message))
    return {
      read: { format, sessionId, spoken: isFirst ? [...before.spoken, sessionId] : before.spoken },
      messages: messages.map((message, part) => ({
        sessionId,
        message,
        key: `${format}:${identify(row, place)}${part === 0 ? "" : `#${part}`}`,
        kind: isRequest(format, row, message) ? "request" : "notification"
      }))
    }
  })
}

const detectFormat = (row: TranscriptRow): LinesRead["format"] => {
  if (isPiRow(row)) return "pi"
  if (isCodexRow(row)) return "codex"
  return isClaudeCodeRow(row) ? "claude-code" : null
}

/** A fork of Codex repeats the header of the session it came from after its own. */
const findSession = (format: string, row: TranscriptRow, before: string | null): string | null => {
  const { id, sessionId, type } = row.value
  if (format === "codex") return before ?? readCodexHeader(row) ?? null
  const named = format === "pi" ? (type === "session" ? id : undefined) : sessionId
  return typeof named === "string" && named !== "" ? named : before
}

const readMessages = (
  format: string,
  row: TranscriptRow,
  hasSpoken: boolean
): Either.Either<ReadonlyArray<Message>, ImportError> => {
  if (format === "codex") return readCodexLine(row, hasSpoken)
  if (format === "pi") return row.value.type === "session" ? Either.right([]) : readPiLine(row)
  return row.value.isCompactSummary === true && hasSpoken ? Either.right([]) : readClaudeCodeLine(row)
}

/** The id that the agent gave to the line. Without one the words of it, and its place unless it has a time. */
const identify = ({ value }: TranscriptRow, place: string): string => {
  const id = value.uuid ?? value.id
  if (typeof id === "string" && id !== "") return id
  const digest = createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32)
  return typeof value.timestamp === "string" ? digest : `${place}:${digest}`
}

/** What an agent says in the name of its user wants no answer. */
const isRequest = (format: string, row: TranscriptRow, message: Message): boolean => {
  if (message.role !== "user") return false
  if (format === "codex") return isSpokenInCodex(message)
  return format === "pi" || !isNoticeText(row, messageText(message))
}
