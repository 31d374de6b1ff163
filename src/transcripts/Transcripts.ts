/**
 * Reads the sessions of other agents from their files: Claude Code, Codex, pi, Hermes Agent, or plain chat messages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as MessageFormat from "../format/MessageFormat.ts"
import { isSqliteFile } from "../hermes/file.ts"
import { systemErrorText } from "../message/systemErrorText.ts"
import type { StoreError } from "../session/SessionError.ts"
import { isClaudeCodeRow, readClaudeCode } from "./claudeCode.ts"
import { isCodexRow, readCodex } from "./codex.ts"
import { readHermes } from "./hermes.ts"
import { isPiRow, readPi } from "./pi.ts"
import {
  isMessageRow,
  isSessionRow,
  parseMessages,
  readForeignMessages,
  readForeignRows,
  readMessageRows,
  readMessages,
  readSessionRows
} from "./plainFormats.ts"
import {
  failRepeatedKey,
  ImportError,
  leaveOut,
  type NumberAsText,
  parseRows,
  strict,
  type Tolerance,
  type TranscriptContents,
  type TranscriptRow,
  type TranscriptSession
} from "./rows.ts"
import { NO_JSON, parseExactly } from "./exactJson.ts"
import { decodeLines, findOpening, type Line, salvageElements, salvageRows, splitLines } from "./salvage.ts"

export {
  /**
   * A file could not be imported. `line` counts from 1, and is null if no single line is at fault. `expected` and `found`
   * show no content of the file, which may hold secrets.
   *
   * @since 0.1.0
   * @category errors
   */
  ImportError,
  /**
   * A number that no double holds, such as 9007199254740993 or 1e400. It was read as the text of it. `path` are the keys and
   * indexes that lead to it, joined by dots. `line` is null in a file that is one array.
   *
   * @since 0.1.0
   * @category models
   */
  type NumberAsText,
  /**
   * The messages of one session, in order. `sessionId` is null if the format has no session ids.
   *
   * @since 0.1.0
   * @category models
   */
  type TranscriptSession
}

/**
 * The format of a file:
 *
 * - `messages`: a JSON array of chat messages, or an object that has one under `messages`
 * - `jsonl`: one chat message per line
 * - `sessions`: one `{session, message}` per line
 * - `pi`, `claude-code`, `codex`: the session files of these agents
 * - `hermes`: the database of a Hermes Agent
 * - the formats of `MessageFormat`: a JSON array of such messages, the body of a request with them, or one per line
 *
 * @since 0.1.0
 * @category models
 */
export const Format = Schema.Literal(
  "messages",
  "jsonl",
  "sessions",
  "pi",
  "claude-code",
  "codex",
  "hermes",
  "anthropic",
  "responses",
  "ai-sdk-model",
  "ai-sdk-ui",
  "legacy-functions"
)
/**
 * @since 0.1.0
 * @category models
 */
export type Format = typeof Format.Type

/**
 * The sessions of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transcript {
  readonly format: Format
  /** At least one, each with at least one message. */
  readonly sessions: ReadonlyArray<TranscriptSession>
  /** Counts, by kind, the lines or rows that are not messages of a conversation. */
  readonly skipped: { readonly [kind: string]: number }
  /** The numbers that no double holds: each is kept as the text of it. */
  readonly numbersAsText: ReadonlyArray<NumberAsText>
  /** What `salvage` left out because it could not be read: an error for each place, by lines. */
  readonly left: ReadonlyArray<ImportError>
}

/**
 * With `salvage`, lines that are torn, padded or not in the format are left out, and what is whole is read. Without it
 * the first of them is an error. A Hermes database has no lines; there it changes nothing.
 *
 * `format` is detected if it is `"auto"`, which is the default.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  readonly format?: Format | "auto" | undefined
  readonly salvage?: boolean | undefined
}

/**
 * A file could not be read, or is neither a database nor text in UTF-8.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableTranscript extends Schema.TaggedError<UnreadableTranscript>()("UnreadableTranscript", {
  file: Schema.String,
  reason: Schema.Literal("unreadable", "not-utf8"),
  detail: Schema.String
}) {
  override get message(): string {
    return this.reason === "unreadable"
      ? `cannot read ${this.file}: ${this.detail}`
      : `${this.file}: expected text in UTF-8`
  }
}

/**
 * Parses the text of a file in any format but `hermes`. Returns all of its messages, or the first error. `file` is the
 * name that the error shows.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (
  text: string,
  options: ReadOptions & { readonly file: string }
): Either.Either<Transcript, ImportError> => {
  const read = Either.try(() => ({ ...options }))
  if (Either.isLeft(read)) return Either.left(failEmpty("", "options that cannot be read"))
  const { file = "", format = "auto", salvage = false } = read.right
  if (typeof text !== "string" || typeof file !== "string") return Either.left(failEmpty("", "what is no text"))
  const source = text.replace(/^\uFEFF/, "")
  if (source.trim() === "") return Either.left(failEmpty(file, "an empty file"))
  const parsed = salvage ? parseWhole(splitLines(source), file, format) : parseStrictly(source, file, format)
  return requireSessions(parsed, file)
}

const requireSessions = (parsed: Either.Either<Transcript, ImportError>, file: string) =>
  Either.filterOrLeft(
    parsed,
    ({ sessions }) => sessions.length > 0,
    () => failEmpty(file, "none")
  )

const parseStrictly = (
  source: string,
  file: string,
  format: Format | "auto"
): Either.Either<Transcript, ImportError> => {
  const messages = mayBeArray(format) ? parseMessages(source) : undefined
  if (messages !== undefined || format === "messages") {
    const { numbersAsText, repeatedKey, value } = messages ?? parseExactly(source) ?? NO_JSON
    if (repeatedKey !== undefined) return Either.left(failRepeatedKey({ file, line: null }, repeatedKey))
    const found = findArrayFormat(format, value)
    return Either.map(readArray(found, value, file, strict), toTranscript(found, inArray(numbersAsText)))
  }
  return Either.flatMap(parseRows(source, file), (rows) => {
    const found = format === "auto" ? detectFormat(rows) : findFormat(format)
    return found === undefined || holdsLists(found, rows)
      ? Either.left(failFormat(rows, file))
      : Either.map(found.readRows(rows, strict), toTranscript(found.format, inRows(rows)))
  })
}

const mayBeArray = (format: Format | "auto"): boolean =>
  format === "messages" || format === "auto" || isForeignFormat(format)

/** The format of an array, or of an object that has one. */
const findArrayFormat = (format: Format | "auto", value: unknown): ArrayFormat => {
  if (format !== "auto") return isForeignFormat(format) ? format : "messages"
  const detected = MessageFormat.detect(value)
  return isForeignFormat(detected) ? detected : "messages"
}

type ArrayFormat = "messages" | Exclude<MessageFormat.MessageFormat, "chat">

const isForeignFormat = (format: string | undefined): format is Exclude<ArrayFormat, "messages"> =>
  format !== "chat" && Schema.is(MessageFormat.MessageFormat)(format)

const readArray = (format: ArrayFormat, value: unknown, file: string, tolerance: Tolerance) =>
  format === "messages" ? readMessages(value, file, tolerance) : readForeignMessages(format, value, file, tolerance)

/** Reads what is whole of a damaged file. */
const parseWhole = (
  lines: ReadonlyArray<Line>,
  file: string,
  format: Format | "auto"
): Either.Either<Transcript, ImportError> => {
  const unread: Array<ImportError> = []
  const tolerance = leaveOut(unread)
  const finish =
    (format: Format, numbers: ReadonlyArray<NumberAsText>, left: ReadonlyArray<ImportError>) =>
    (contents: TranscriptContents) => ({
      ...toTranscript(format, numbers)(contents),
      left: [...left, ...unread].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
    })
  const text = lines.every(({ isUtf8 }) => isUtf8) ? lines.map(({ text }) => text).join("\n") : ""
  const readAll = (values: unknown, numbersAsText: ReadonlyArray<string>, left: ReadonlyArray<ImportError>) => {
    const found = findArrayFormat(format, values)
    return Either.map(readArray(found, values, file, tolerance), finish(found, inArray(numbersAsText), left))
  }
  const messages = mayBeArray(format) ? parseMessages(text) : undefined
  if (messages?.value !== undefined && messages.repeatedKey === undefined)
    return readAll(messages.value, messages.numbersAsText, [])
  const rows = salvageRows(lines, file)
  const rowFormat = format === "auto" ? detectFormat(rows.taken) : findFormat(format)
  const opening = mayBeArray(format) ? findOpening(lines) : undefined
  if (opening === "[" || (opening === "{" && rowFormat === undefined)) {
    const { left, numbersAsText, taken } = salvageElements(lines, file)
    return readAll(taken, numbersAsText, left)
  }
  return rowFormat === undefined
    ? Either.left(failFormat(rows.taken, file))
    : Either.map(rowFormat.readRows(rows.taken, tolerance), finish(rowFormat.format, inRows(rows.taken), rows.left))
}

/**
 * Reads the sessions of a file, which is text or a Hermes database. The bytes of the file do not change.
 *
 * Fails with an `UnreadableTranscript` if the file cannot be read, with an `ImportError` if it is not in the format, and
 * with a `StoreError` if it is a database that is damaged or not a Hermes database.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readFile = (
  filename: string,
  options?: ReadOptions
): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> =>
  Effect.suspend((): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> => {
    const read = Either.try({
      try: () => ({ ...options }),
      catch: () => new UnreadableTranscript({ file: "", reason: "unreadable", detail: "its options cannot be read" })
    })
    if (Either.isLeft(read)) return read.left
    const { format = "auto", salvage = false } = read.right
    if (typeof filename !== "string") {
      return new UnreadableTranscript({ file: "", reason: "unreadable", detail: "the name of a file is text" })
    }
    const isDatabase = format === "hermes" || (format === "auto" && isSqliteFile(filename))
    if (!isDatabase) {
      if (!salvage) return Effect.flatMap(readText(filename), (text) => parse(text, { file: filename, format }))
      return Effect.flatMap(readBytes(filename), (bytes) =>
        requireSessions(parseWhole(decodeLines(bytes), filename, format), filename)
      )
    }
    return Effect.flatMap(readHermes(filename), (contents) =>
      requireSessions(Either.right(toTranscript("hermes", [])(contents)), filename)
    )
  })

const readBytes = (file: string): Either.Either<Uint8Array, UnreadableTranscript> =>
  Either.try({
    try: () => readFileSync(file),
    catch: (cause) => new UnreadableTranscript({ file, reason: "unreadable", detail: systemErrorText(cause) })
  })

const readText = (file: string): Either.Either<string, UnreadableTranscript> =>
  Either.flatMap(readBytes(file), (bytes) =>
    Either.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: (cause) => new UnreadableTranscript({ file, reason: "not-utf8", detail: String(cause) })
    })
  )

interface RowFormat {
  readonly format: Format
  readonly isRow: (row: TranscriptRow) => boolean
  readonly readRows: (
    rows: ReadonlyArray<TranscriptRow>,
    tolerance: Tolerance
  ) => Either.Either<TranscriptContents, ImportError>
}

/** The format with the most specific mark comes first. */
const ROW_FORMATS: ReadonlyArray<RowFormat> = [
  { format: "sessions", isRow: isSessionRow, readRows: readSessionRows },
  { format: "pi", isRow: isPiRow, readRows: readPi },
  { format: "codex", isRow: isCodexRow, readRows: readCodex },
  { format: "claude-code", isRow: isClaudeCodeRow, readRows: readClaudeCode },
  { format: "jsonl", isRow: isMessageRow, readRows: readMessageRows }
]

const findFormat = (format: Format): RowFormat | undefined =>
  isForeignFormat(format) ? makeForeignRows(format) : ROW_FORMATS.find((known) => known.format === format)

const makeForeignRows = (format: Exclude<ArrayFormat, "messages">): RowFormat => ({
  format,
  isRow: () => true,
  readRows: readForeignRows(format)
})

const failFormat = ([first]: ReadonlyArray<TranscriptRow>, file: string): ImportError => {
  const expected = `the lines of a chat (${Format.literals.join(", ")})`
  const found = isList(first)
    ? "a list of messages in each line; save each line as a file of its own"
    : "objects of another kind"
  return new ImportError({ file, line: first?.line ?? null, expected, found })
}

const isList = (row: TranscriptRow | undefined): boolean =>
  Array.isArray(row?.value.messages) && row.value.role === undefined

/** Lines with lists are read by no format of one message per line, and its own error would not say why. */
const holdsLists = ({ format }: RowFormat, [first]: ReadonlyArray<TranscriptRow>): boolean =>
  (format === "jsonl" || isForeignFormat(format)) && isList(first)

/**
 * Decides by the first line that any format recognises. Agents write lines that no format knows before it. Messages alone
 * are chat messages unless one of them can only be of another API.
 */
const detectFormat = (rows: ReadonlyArray<TranscriptRow>): RowFormat | undefined => {
  for (const row of rows) {
    const found = ROW_FORMATS.find(({ isRow }) => isRow(row))
    if (found !== undefined && found.format !== "jsonl") return found
    if (found !== undefined) break
  }
  const detected = MessageFormat.detect(rows.map(({ value }) => value))
  if (isForeignFormat(detected)) return makeForeignRows(detected)
  return rows.some(isMessageRow) ? findFormat("jsonl") : undefined
}

const toTranscript =
  (format: Format, numbersAsText: ReadonlyArray<NumberAsText>) =>
  ({ sessions, skipped }: TranscriptContents): Transcript => ({
    format,
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped,
    numbersAsText,
    left: []
  })

const inRows = (rows: ReadonlyArray<TranscriptRow>): ReadonlyArray<NumberAsText> =>
  rows.flatMap(({ line, numbersAsText }) => numbersAsText.map((path) => ({ line, path })))

const inArray = (paths: ReadonlyArray<string>): ReadonlyArray<NumberAsText> =>
  paths.map((path) => ({ line: null, path }))

const failEmpty = (file: string, found: string): ImportError =>
  new ImportError({ file, line: null, expected: "at least one chat message", found })
