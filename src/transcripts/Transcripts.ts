/**
 * Reads the sessions of other agents from their files: Claude Code, Codex, pi, Hermes Agent, or plain chat messages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { constants } from "node:buffer"
import { readFileSync, statSync } from "node:fs"
import { isObject } from "../format/json.ts"
import { isSqliteFile } from "../hermes/file.ts"
import { systemErrorText } from "../message/systemErrorText.ts"
import type { StoreError } from "../session/SessionError.ts"
import { chooseSessions, failEmpty, isLive } from "./chosen.ts"
import { readHermes } from "./hermes.ts"
import { isRequestRow } from "./plainFormats.ts"
import { type ExactJson, NO_JSON, parseExactly } from "./exactJson.ts"
import {
  canBeArray,
  describeNearest,
  expectsMessages,
  findDocumentFormat,
  findRowFormat,
  findTextFormat,
  Format
} from "./registry.ts"
import {
  failRepeatedKey,
  ImportError,
  isTooDeep,
  isTooOdd,
  type Branch,
  LeavingOut,
  type LeftOut,
  type NumberAsText,
  parseRows,
  strict,
  TOO_DEEP,
  type Subagent,
  type TranscriptContents,
  type TranscriptRow,
  type TranscriptSession
} from "./rows.ts"
import { countLines, decodeLines, findOpening, type Line, salvageElements, salvageRows, splitLines } from "./salvage.ts"

export {
  /**
   * The format of a file:
   *
   * - `messages`: a JSON array of chat messages, or an object that has one under `messages`, or one such object per line
   * - `jsonl`: one chat message per line
   * - `sessions`: one `{session, message}` per line
   * - `pi`, `claude-code`, `codex`: the session files of these agents
   * - `hermes`: the database of a Hermes Agent
   * - `chatgpt`, `claude-ai`: the `conversations.json` of an export
   * - `gemini-cli`, `qwen-code`, `opencode`, `cline`, `copilot-cli`, `openhands`, `swe-agent`, `goose`, `kiro`,
   *   `continue`, `trae`, `aider`: what these agents write
   * - `codex-exec`: what `codex exec --json` prints
   * - `gemini`: a list of contents as Gemini's API takes it
   * - `letta`, `langsmith`: an agent file, and exported runs
   * - `sharegpt`, `tau-bench`: conversations to train on, and results of a benchmark
   * - the formats of `MessageFormat`: a JSON array of such messages, the body of a request with them, or one per line
   *
   * @since 0.1.0
   * @category models
   */
  Format,
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
   * A sub-agent: the session that it worked for, the call that began it, and a name that no other sub-agent of that
   * session has. `of` and `call` are null where the file does not tell.
   *
   * @since 0.1.0
   * @category models
   */
  type Subagent,
  /**
   * A branch of a conversation that is not the live one: the whole conversation as it was, from its beginning. `of` is the
   * session of the live branch, null where the file does not tell. No other branch of that session has the name.
   *
   * @since 0.1.0
   * @category models
   */
  type Branch,
  /**
   * An entry that was left out because it could not be read, and why. `text` is the entry as it stands in the file; of a
   * file that is one JSON value, the entry as JSON.
   *
   * @since 0.1.0
   * @category models
   */
  type LeftOut,
  /**
   * The messages of one session, in order. `sessionId` is null if the format has no session ids; the id of a sub-agent's
   * session, and of a branch, is `<of>.<name>`.
   *
   * @since 0.1.0
   * @category models
   */
  type TranscriptSession
}

/**
 * The sessions of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transcript {
  readonly format: Format
  /** The lines of the file that are not blank; null for a database. */
  readonly lines: number | null
  /** At least one, each with at least one message. */
  readonly sessions: ReadonlyArray<TranscriptSession>
  /** Counts, by kind, the lines or rows that are not messages of a conversation. */
  readonly skipped: { readonly [kind: string]: number }
  /** The numbers that no double holds: each is kept as the text of it. */
  readonly numbersAsText: ReadonlyArray<NumberAsText>
  /** What was left out because it could not be read, by lines. */
  readonly left: ReadonlyArray<LeftOut>
}

/**
 * An entry that is not in the format is left out, and named in `left`. If more than a tenth of the entries are so, the first
 * of them is an error. With `strict`, it is one in any case. With `salvage`, whatever is whole is read, and lines that are
 * torn or padded are left out too. A Hermes database has no lines; there both change nothing.
 *
 * `format` is detected if it is `"auto"`, which is the default. Sub-agents become sessions of their own; `"skip"` leaves
 * them out, and counts their messages in `skipped`. Of a tree `branch` says which branches are read: the `"live"` one, which
 * is the default, `"all"`, each as a session of its own, or those of a name alone, such as `"branch-1"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  readonly format?: Format | "auto" | undefined
  readonly salvage?: boolean | undefined
  readonly strict?: boolean | undefined
  readonly subagents?: "import" | "skip" | undefined
  readonly branch?: string | undefined
}

/**
 * A file could not be read, is neither a database nor text in UTF-8, or is longer than a text can be.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableTranscript extends Schema.TaggedError<UnreadableTranscript>()("UnreadableTranscript", {
  file: Schema.String,
  reason: Schema.Literal("unreadable", "not-utf8", "too-large"),
  detail: Schema.String
}) {
  override get message(): string {
    if (this.reason === "unreadable") return `cannot read ${this.file}: ${this.detail}`
    return `${this.file}: ${this.reason === "too-large" ? this.detail : "expected text in UTF-8"}`
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
  const asked = { format, hasBranches: !isLive(read.right) }
  const parsed = salvage
    ? Either.map(parseWhole(splitLines(source), file, asked), ({ transcript }) => transcript)
    : Either.orElse(parseStrictly(source, file, asked), (error) =>
        read.right.strict === true ? Either.left(error) : parseDespiteOdd(source, file, asked, error)
      )
  const lines = countLines(splitLines(source))
  return Either.flatMap(parsed, (transcript) => chooseSessions({ ...transcript, lines }, file, read.right))
}

interface Asked {
  readonly format: Format | "auto"
  readonly hasBranches: boolean
}

/** Reads a text of which few entries are odd. Fails with `error` if they are many. */
const parseDespiteOdd = (source: string, file: string, asked: Asked, error: ImportError) => {
  const lines = splitLines(source)
  const whole = Either.getOrUndefined(parseWhole(lines, file, asked))
  return whole === undefined || isTooOdd(lines, whole.transcript.left, whole.tried)
    ? Either.left(error)
    : Either.right(whole.transcript)
}

/** The first place that cannot be read is an error. */
const parseStrictly = (
  source: string,
  file: string,
  { format, hasBranches }: Asked
): Either.Either<Transcript, ImportError> => {
  const tolerance = { ...strict, hasBranches }
  const text = findTextFormat(format, source)
  if (text !== undefined) return Either.map(text.readText(source), toTranscript(text.format, []))
  const json = parseDocument(source, format)
  if (json?.repeatedKey !== undefined) return Either.left(failRepeatedKey({ file, line: null }, json.repeatedKey))
  if (isTooDeep(json?.value)) {
    return Either.left(new ImportError({ file, line: null, expected: "a session file", found: TOO_DEEP }))
  }
  const document = json === undefined ? undefined : findDocumentFormat(format, json.value)
  if (json !== undefined && document !== undefined) {
    const contents = document.readDocument(json.value, file, tolerance)
    return Either.map(contents, toTranscript(document.format, inArray(json.numbersAsText)))
  }
  return Either.flatMap(makeRows(source, file, json), (rows) => {
    const found = findRowFormat(format, rows)
    return found === undefined || (expectsMessages(found) && rows.slice(0, 1).some(isRequestRow))
      ? Either.left(failFormat(rows, file))
      : Either.map(found.readRows(rows, tolerance), toTranscript(found.format, inRows(rows)))
  })
}

/**
 * Parses a text that is one JSON value. Undefined for other texts, which can only be lines, except of an array that is no
 * JSON: no line of another format begins with a bracket.
 */
const parseDocument = (source: string, format: Format | "auto"): ExactJson | undefined =>
  parseExactly(source) ??
  (format === "messages" || (canBeArray(format) && source.trimStart().startsWith("[")) ? NO_JSON : undefined)

/** An object alone is a line, however many lines it has. */
const makeRows = (
  source: string,
  file: string,
  json: ExactJson | undefined
): Either.Either<ReadonlyArray<TranscriptRow>, ImportError> =>
  isObject(json?.value)
    ? Either.right([{ file, line: 1, value: json.value, numbersAsText: json.numbersAsText }])
    : parseRows(source, file)

/** What is whole of a damaged file. `tried` counts the entries that could have been odd. */
interface Salvage {
  readonly transcript: Transcript
  readonly tried: number
}

/** Reads what is whole of a damaged file. */
const parseWhole = (
  lines: ReadonlyArray<Line>,
  file: string,
  { format, hasBranches }: Asked
): Either.Either<Salvage, ImportError> => {
  const tolerance = new LeavingOut(hasBranches, (line) => lines[line - 1]?.text)
  const finish =
    (format: Format, numbers: ReadonlyArray<NumberAsText>, torn: ReadonlyArray<LeftOut>) =>
    (contents: TranscriptContents): Salvage => ({
      transcript: {
        ...toTranscript(format, numbers)(contents),
        left: [...torn, ...tolerance.left].sort((a, b) => (a.error.line ?? 0) - (b.error.line ?? 0))
      },
      tried: tolerance.tried + torn.length
    })
  const text = lines.every(({ isUtf8 }) => isUtf8) ? lines.map(({ text }) => text).join("\n") : ""
  const readAll = (values: unknown, numbersAsText: ReadonlyArray<string>, torn: ReadonlyArray<LeftOut>) => {
    const found = findDocumentFormat(format, values)
    return found === undefined
      ? Either.left(failFormat([], file))
      : Either.map(found.readDocument(values, file, tolerance), finish(found.format, inArray(numbersAsText), torn))
  }
  const asText = findTextFormat(format, text)
  if (asText !== undefined) return Either.map(asText.readText(text), finish(asText.format, [], []))
  const parsed = parseExactly(text)
  const json = parsed?.repeatedKey !== undefined || isTooDeep(parsed?.value) ? undefined : parsed
  const document = json === undefined ? undefined : findDocumentFormat(format, json.value)
  if (json !== undefined && document !== undefined) return readAll(json.value, json.numbersAsText, [])
  const whole = text === "" ? undefined : Either.getOrUndefined(makeRows(text, file, json))
  const rows = whole === undefined ? salvageRows(lines, file) : { taken: whole, left: [] }
  const rowFormat = findRowFormat(format, rows.taken)
  const opening = canBeArray(format) ? findOpening(lines) : undefined
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
      const asked = { ...read.right, file: filename }
      if (!salvage) return Effect.flatMap(readText(filename), (text) => parse(text, asked))
      return Effect.flatMap(readBytes(filename), (bytes) => {
        const lines = decodeLines(bytes)
        const whole = parseWhole(lines, filename, { format, hasBranches: !isLive(asked) })
        return Either.flatMap(whole, ({ transcript }) =>
          chooseSessions({ ...transcript, lines: countLines(lines) }, filename, asked)
        )
      })
    }
    return Effect.flatMap(readHermes(filename), (contents) =>
      chooseSessions(toTranscript("hermes", [])(contents), filename, {})
    )
  })

const readBytes = (file: string): Either.Either<Uint8Array, UnreadableTranscript> => {
  const size = Either.getOrUndefined(attemptRead(file, "unreadable", () => statSync(file).size)) ?? 0
  if (size <= constants.MAX_STRING_LENGTH) return attemptRead(file, "unreadable", () => readFileSync(file))
  const detail = `expected at most ${constants.MAX_STRING_LENGTH} bytes of text, found ${size}`
  return Either.left(new UnreadableTranscript({ file, reason: "too-large", detail }))
}

const attemptRead = <A>(file: string, reason: "unreadable" | "not-utf8", read: () => A) =>
  Either.try({
    try: read,
    catch: (cause) => new UnreadableTranscript({ file, reason, detail: systemErrorText(cause) })
  })

const readText = (file: string): Either.Either<string, UnreadableTranscript> =>
  Either.flatMap(readBytes(file), (bytes) =>
    attemptRead(file, "not-utf8", () => new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  )

const failFormat = ([first]: ReadonlyArray<TranscriptRow>, file: string): ImportError => {
  const expected = `a session file (${Format.literals.join(", ")})`
  if (first !== undefined && isRequestRow(first)) {
    const found = "a list of messages in each line; save each line as a file of its own"
    return new ImportError({ file, line: first.line, expected, found })
  }
  const nearest = describeNearest(first?.value)
  const found = `objects of another kind${nearest === "" ? "" : `; nearest are ${nearest}`}`
  return new ImportError({ file, line: first?.line ?? null, expected, found })
}

const toTranscript =
  (format: Format, numbersAsText: ReadonlyArray<NumberAsText>) =>
  ({ sessions, skipped }: TranscriptContents): Transcript => ({
    format,
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped,
    numbersAsText,
    left: [],
    lines: null
  })

const inRows = (rows: ReadonlyArray<TranscriptRow>): ReadonlyArray<NumberAsText> =>
  rows.flatMap(({ line, numbersAsText }) => numbersAsText.map((path) => ({ line, path })))

const inArray = (paths: ReadonlyArray<string>): ReadonlyArray<NumberAsText> =>
  paths.map((path) => ({ line: null, path }))
