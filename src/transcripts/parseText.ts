/** Parses the text of a file: as one JSON value, as lines of them, or as text; and what is whole of it if it is damaged. */
import * as Either from "effect/Either"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"
import { isObject } from "../format/json.ts"
import { isLive } from "./chosen.ts"
import { type ExactJson, NO_JSON, parseExactly } from "./exactJson.ts"
import { isRequestRow } from "./plainFormats.ts"
import {
  canBeArray,
  describeNearest,
  expectsMessages,
  findDocumentFormat,
  findRowFormat,
  findTextFormat,
  Format,
  type RowFormat
} from "./registry.ts"
import {
  failRepeatedKey,
  ImportError,
  isTooDeep,
  isTooOdd,
  LeavingOut,
  type LeftOut,
  type NumberAsText,
  parseRows,
  type Steps,
  strict,
  TOO_DEEP,
  type Tolerance,
  type TranscriptContents,
  type TranscriptRow,
  type TranscriptSession
} from "./rows.ts"
import { findOpening, type Line, salvageElements, salvageRows, splitLines } from "./salvage.ts"

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

/** What decides how a text is read. */
export interface Asked {
  readonly format: Format | "auto"
  readonly hasBranches: boolean
}

export const readAsked = (options: ReadOptions): Asked => ({
  format: options.format ?? "auto",
  hasBranches: !isLive(options)
})

/** Parses a text, which is not blank. */
export const parseText = (
  source: string,
  file: string,
  options: ReadOptions
): Either.Either<Transcript, ImportError> => {
  const asked = readAsked(options)
  if (options.salvage === true) {
    return Either.map(parseWhole(splitLines(source), file, asked), ({ transcript }) => transcript)
  }
  return Either.orElse(parseStrictly(source, file, asked), (error) =>
    options.strict === true ? Either.left(error) : parseDespiteOdd(source, file, asked, error)
  )
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
    return found === undefined
      ? Either.left(failFormat(rows, file))
      : runAtOnce(readRowsStrictly(found, rows, file, tolerance))
  })
}

export function* readRowsStrictly(
  format: RowFormat,
  rows: ReadonlyArray<TranscriptRow>,
  file: string,
  tolerance: Tolerance
): Steps<Either.Either<Transcript, ImportError>> {
  if (expectsMessages(format) && rows.slice(0, 1).some(isRequestRow)) return Either.left(failFormat(rows, file))
  const read = yield* readRows(format, rows, tolerance)
  return Either.map(read, toTranscript(format.format, inRows(rows)))
}

function* readRows(
  format: RowFormat,
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const read = format.readRows(rows, tolerance)
  return Either.isEither(read) ? read : yield* read
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
export interface Salvage {
  readonly transcript: Transcript
  readonly tried: number
}

/** Reads what is whole of a damaged file. */
export const parseWhole = (
  lines: ReadonlyArray<Line>,
  file: string,
  { format, hasBranches }: Asked
): Either.Either<Salvage, ImportError> => {
  const tolerance = new LeavingOut(hasBranches, (line) => lines[line - 1]?.text)
  const finish = (format: Format, numbers: ReadonlyArray<NumberAsText>, torn: ReadonlyArray<LeftOut>) =>
    toSalvage(format, numbers, torn, tolerance)
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
    : runAtOnce(readRowsTolerantly(rowFormat, rows.taken, rows.left, tolerance))
}

export function* readRowsTolerantly(
  format: RowFormat,
  rows: ReadonlyArray<TranscriptRow>,
  torn: ReadonlyArray<LeftOut>,
  tolerance: LeavingOut
): Steps<Either.Either<Salvage, ImportError>> {
  const read = yield* readRows(format, rows, tolerance)
  return Either.map(read, toSalvage(format.format, inRows(rows), torn, tolerance))
}

const toSalvage =
  (format: Format, numbers: ReadonlyArray<NumberAsText>, torn: ReadonlyArray<LeftOut>, tolerance: LeavingOut) =>
  (contents: TranscriptContents): Salvage => ({
    transcript: {
      ...toTranscript(format, numbers)(contents),
      left: [...torn, ...tolerance.left].sort((a, b) => (a.error.line ?? 0) - (b.error.line ?? 0))
    },
    tried: tolerance.tried + torn.length
  })

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

export const toTranscript =
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
