/**
 * Reads the sessions of other agents from their files: Claude Code, Codex, pi, Hermes Agent, or plain chat messages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { isSqliteFile } from "../hermes/file.ts"
import { systemErrorText } from "../message/systemErrorText.ts"
import type { StoreError } from "../session/SessionError.ts"
import { isClaudeCodeRow, readClaudeCode } from "./claudeCode.ts"
import { isCodexRow, readCodex } from "./codex.ts"
import { readHermes } from "./hermes.ts"
import { isPiRow, readPi } from "./pi.ts"
import { isJsonArray, isMessageRow, isSessionRow, readArray, readMessageRows, readSessionRows } from "./plainFormats.ts"
import { ImportError, parseRows, type TranscriptRow, type TranscriptContents, type TranscriptSession } from "./rows.ts"

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
 * - `messages`: a JSON array of chat messages
 * - `jsonl`: one chat message per line
 * - `sessions`: one `{session, message}` per line
 * - `pi`, `claude-code`, `codex`: the session files of these agents
 * - `hermes`: the database of a Hermes Agent
 *
 * @since 0.1.0
 * @category models
 */
export const Format = Schema.Literal("messages", "jsonl", "sessions", "pi", "claude-code", "codex", "hermes")
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
}

/**
 * `format` is detected if it is `"auto"`, which is the default.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  readonly format?: Format | "auto" | undefined
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
  const { file, format = "auto" } = options
  const source = text.replace(/^\uFEFF/, "")
  if (source.trim() === "") return Either.left(failEmpty(file, "an empty file"))
  const isArray = format === "messages" || (format === "auto" && isJsonArray(source))
  const transcript = isArray
    ? Either.map(readArray(source, file), toTranscript("messages"))
    : Either.flatMap(parseRows(source, file), (rows) => readRows(rows, file, format))
  return Either.filterOrLeft(
    transcript,
    ({ sessions }) => sessions.length > 0,
    () => failEmpty(file, "none")
  )
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
  { format = "auto" }: ReadOptions = {}
): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> =>
  Effect.suspend((): Effect.Effect<Transcript, ImportError | StoreError | UnreadableTranscript> => {
    const isDatabase = format === "hermes" || (format === "auto" && isSqliteFile(filename))
    if (!isDatabase) return Effect.flatMap(readText(filename), (text) => parse(text, { file: filename, format }))
    return Effect.map(readHermes(filename), toTranscript("hermes")).pipe(
      Effect.filterOrFail(
        ({ sessions }) => sessions.length > 0,
        () => failEmpty(filename, "none")
      )
    )
  })

const readText = (file: string): Either.Either<string, UnreadableTranscript> =>
  Either.flatMap(
    Either.try({
      try: () => readFileSync(file),
      catch: (cause) => new UnreadableTranscript({ file, reason: "unreadable", detail: systemErrorText(cause) })
    }),
    (bytes) =>
      Either.try({
        try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
        catch: (cause) => new UnreadableTranscript({ file, reason: "not-utf8", detail: String(cause) })
      })
  )

interface RowFormat {
  readonly format: Format
  readonly isRow: (row: TranscriptRow) => boolean
  readonly readRows: (rows: ReadonlyArray<TranscriptRow>) => Either.Either<TranscriptContents, ImportError>
}

/** The format with the most specific mark comes first. */
const ROW_FORMATS: ReadonlyArray<RowFormat> = [
  { format: "sessions", isRow: isSessionRow, readRows: readSessionRows },
  { format: "pi", isRow: isPiRow, readRows: readPi },
  { format: "codex", isRow: isCodexRow, readRows: readCodex },
  { format: "claude-code", isRow: isClaudeCodeRow, readRows: readClaudeCode },
  { format: "jsonl", isRow: isMessageRow, readRows: readMessageRows }
]

const readRows = (
  rows: ReadonlyArray<TranscriptRow>,
  file: string,
  format: Format | "auto"
): Either.Either<Transcript, ImportError> => {
  const found = format === "auto" ? detectFormat(rows) : ROW_FORMATS.find((known) => known.format === format)
  if (found !== undefined) return Either.map(found.readRows(rows), toTranscript(found.format))
  const [first] = rows
  const expected = `the lines of a chat (${Format.literals.join(", ")})`
  return Either.left(new ImportError({ file, line: first?.line ?? null, expected, found: "objects of another kind" }))
}

/** Decides by the first line that any format recognises. Agents write lines that no format knows before it. */
const detectFormat = (rows: ReadonlyArray<TranscriptRow>): RowFormat | undefined => {
  for (const row of rows) {
    const found = ROW_FORMATS.find(({ isRow }) => isRow(row))
    if (found !== undefined) return found
  }
  return undefined
}

const toTranscript =
  (format: Format) =>
  ({ sessions, skipped }: TranscriptContents): Transcript => ({
    format,
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped
  })

const failEmpty = (file: string, found: string): ImportError =>
  new ImportError({ file, line: null, expected: "at least one chat message", found })
