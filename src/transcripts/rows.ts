/** Parses and checks the lines of a file, which are JSON objects in most formats. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, parseJson } from "../format/json.ts"
import { findEnd, NO_JSON, parseExactly } from "./exactJson.ts"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { findForeign } from "../message/foreignParts.ts"
import * as Message from "../message/Message.ts"

/**
 * A file could not be imported. `line` counts from 1, and is null if no single line is at fault. `expected` and `found`
 * show no content of the file, which may hold secrets.
 *
 * @since 0.1.0
 * @category errors
 */
export class ImportError extends Schema.TaggedError<ImportError>()("ImportError", {
  file: Schema.String,
  line: Schema.NullOr(Schema.Int),
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    const place = this.line === null ? this.file : `${this.file}:${this.line}`
    return `${place}: expected ${this.expected}, found ${this.found}`
  }
}

/**
 * One entry of a file: a JSON object and its place, which is its line, or its path `at` in a file that is one JSON value.
 * `numbersAsText` are paths within it. An element that is no object is `given`, and has an empty `value`.
 */
export interface TranscriptRow {
  readonly file: string
  readonly line: number | null
  readonly at?: string
  readonly value: JsonObject
  readonly given?: unknown
  /** Tells the entry from others if its `value` is not always the same object. */
  readonly key?: object
  readonly numbersAsText: ReadonlyArray<string>
}

/** Reading in steps, between which others may work. */
export type Steps<A> = Generator<void, A>

/** The place of an entry in its file. */
export type EntryPlace = Pick<TranscriptRow, "file" | "line" | "at">

/**
 * A number that no double holds, such as 9007199254740993 or 1e400. It was read as the text of it. `path` are the keys and
 * indexes that lead to it, joined by dots. `line` is null in a file that is one array.
 *
 * @since 0.1.0
 * @category models
 */
export interface NumberAsText {
  readonly line: number | null
  readonly path: string
}

/**
 * A sub-agent: the session that it worked for, the call that began it, and a name that no other sub-agent of that session
 * has. `of` and `call` are null where the file does not tell.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subagent {
  readonly of: string | null
  readonly call: string | null
  readonly name: string
}

/**
 * A branch of a conversation that is not the live one: the whole conversation as it was, from its beginning. `of` is the
 * session of the live branch, null where the file does not tell. No other branch of that session has the name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Branch {
  readonly of: string | null
  readonly name: string
}

/**
 * The messages of one session, in order. `sessionId` is null if the format has no session ids; the id of a sub-agent's
 * session, and of a branch, is `<of>.<name>`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TranscriptSession {
  readonly sessionId: string | null
  readonly messages: ReadonlyArray<Message.Message>
  /** The indexes of user messages that no user said: the agent's own program did. Missing if there are none. */
  readonly notices?: ReadonlyArray<number>
  /** Missing if the session is the user's own. */
  readonly subagent?: Subagent
  /** Missing if the session is the live branch. */
  readonly branch?: Branch
}

/** Makes a session, without the fields that say nothing. `branch` is the name of one that is not live. */
export const makeSession = ({
  branch,
  messages,
  notices = [],
  sessionId,
  subagent
}: {
  readonly sessionId: string | null
  readonly messages: ReadonlyArray<Message.Message>
  readonly notices?: ReadonlyArray<number>
  readonly subagent?: Subagent | undefined
  readonly branch?: string | undefined
}): TranscriptSession => {
  const nameAfter = (name: string | undefined, id: string | null) =>
    name === undefined || id === null ? id : `${id}.${name}`
  const of = nameAfter(subagent?.name, sessionId)
  return {
    sessionId: nameAfter(branch, of),
    messages,
    ...(notices.length === 0 ? {} : { notices }),
    ...(subagent === undefined ? {} : { subagent }),
    ...(branch === undefined ? {} : { branch: { of, name: branch } })
  }
}

/** The sessions of a file. `skipped` counts, by kind, the rows that are not messages of a conversation. */
export interface TranscriptContents {
  readonly sessions: ReadonlyArray<TranscriptSession>
  readonly skipped: { readonly [kind: string]: number }
}

/**
 * An entry that was left out because it could not be read, and why. `text` is the entry as it stands in the file; of a file
 * that is one JSON value, the entry as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeftOut {
  readonly error: ImportError
  readonly text: string
}

/** An entry that is read. `given` is what stands there if it is no object. */
type Tried = Pick<TranscriptRow, "given" | "key"> & { readonly value: unknown }

/** Decides what becomes of an entry that cannot be read, and whether other branches are read. */
export interface Tolerance {
  /**
   * Makes messages of objects that stand in the file. Long texts of `source` may be shortened: then the messages are made
   * once more of the whole ones when they are taken, so `make` is one of few functions for a whole file, and depends on
   * nothing else. What it returns may be other messages of the same roles, which stand for these.
   */
  readonly make: (source: ReadonlyArray<JsonObject>, make: MakeMessages, place: EntryPlace) => ReturnType<MakeMessages>
  /** Returns undefined for an entry that is left out. Fails if none may be left out. `entry` is what was read. */
  readonly attempt: <A>(read: Either.Either<A, ImportError>, entry: Tried) => Either.Either<A | undefined, ImportError>
  readonly isStrict: boolean
  readonly hasBranches: boolean
}

/** Makes messages of objects. `place` is where an error is. */
export type MakeMessages = (
  source: ReadonlyArray<JsonObject>,
  place: EntryPlace
) => Either.Either<ReadonlyArray<Message.Message>, ImportError>

export const makeAtOnce: Tolerance["make"] = (source, make, place) => make(source, place)

/** The first entry that cannot be read ends the import. */
export const strict: Tolerance = { attempt: (read) => read, make: makeAtOnce, isStrict: true, hasBranches: false }

/** Leaves out each entry that cannot be read, and counts all that were tried, each once: branches have entries in common. */
export class LeavingOut implements Tolerance {
  readonly isStrict = false
  readonly left: Array<LeftOut> = []
  readonly #tried = new Set<unknown>()
  readonly hasBranches: boolean
  readonly #textOf: (line: number) => string | undefined
  readonly make: Tolerance["make"]
  /** `textOf` returns the text of a line. */
  constructor(hasBranches: boolean, textOf: (line: number) => string | undefined, make = makeAtOnce) {
    this.hasBranches = hasBranches
    this.#textOf = textOf
    this.make = make
  }
  get tried(): number {
    return this.#tried.size
  }
  readonly attempt = <A>(
    read: Either.Either<A, ImportError>,
    entry: Tried
  ): Either.Either<A | undefined, ImportError> => {
    const key = entry.key ?? (isObject(entry.value) ? entry.value : entry)
    const isNew = !this.#tried.has(key)
    this.#tried.add(key)
    if (Either.isRight(read)) return read
    const line = read.left.line === null ? undefined : this.#textOf(read.left.line)
    const isWhole = line !== undefined && parseJson(line) !== undefined
    if (isNew) this.left.push({ error: read.left, text: isWhole ? line : JSON.stringify(entry.given ?? entry.value) })
    return Either.right(undefined)
  }
}

/** Returns whether too many of the entries that were tried have been left out. */
export const isTooOdd = (
  lines: ReadonlyArray<{ readonly text: string }>,
  left: ReadonlyArray<LeftOut>,
  tried: number
): boolean => (left.length - countPrelude(lines, left)) * ODD_SHARE > tried

/** One entry of so many may be odd. */
const ODD_SHARE = 10

/** Counts what a terminal wrote before the first entry: few lines, and nothing like entries. */
const countPrelude = (lines: ReadonlyArray<{ readonly text: string }>, left: ReadonlyArray<LeftOut>): number => {
  const first = lines.findIndex(({ text }) => text.trimStart().startsWith("{")) + 1
  const before = left.filter(({ error }) => error.line !== null && error.line < first)
  return before.length > MOST_OF_PRELUDE || before.some(({ text }) => text.includes('":')) ? 0 : before.length
}

const MOST_OF_PRELUDE = 20

/** The fields of these names that an object has. */
export const pickFields = (value: JsonObject, ...names: ReadonlyArray<string>): JsonObject =>
  Object.fromEntries(names.flatMap((name) => (Object.hasOwn(value, name) ? [[name, value[name]]] : [])))

/** The object with only these fields in one of its objects. */
export const pickWithin = (value: JsonObject, name: string, ...names: ReadonlyArray<string>): JsonObject => {
  const within = value[name]
  return isObject(within) ? { ...value, [name]: pickFields(within, ...names) } : value
}

/**
 * Parses the lines of a text. Blank lines are skipped; a line that is not a JSON object is an error. Objects may also
 * follow each other over several lines.
 */
export const parseRows = (text: string, file: string): Either.Either<ReadonlyArray<TranscriptRow>, ImportError> => {
  const lines = text
    .split("\n")
    .flatMap((content, index) => (content.trim() === "" ? [] : [{ content, line: index + 1 }]))
  const first = lines[0]?.content ?? ""
  const isSpread = lines.length > 1 && first.trimStart().startsWith("{") && parseJson(first) === undefined
  const objects = isSpread ? splitObjects(text) : undefined
  return Either.all((objects ?? lines).map(({ content, line }) => parseRow(content, file, line)))
}

/** Splits objects that follow each other, with the line in which each begins. Undefined if there is anything else. */
const splitObjects = (text: string) => {
  const objects: Array<{ readonly content: string; readonly line: number }> = []
  let line = 1
  for (let place = 0; place < text.length; place++) {
    if (text[place] === "\n") line++
    if (text.charAt(place).trim() === "") continue
    const end = text[place] === "{" ? findEnd(text, place) : undefined
    const content = text.slice(place, end)
    if (end === undefined || parseJson(content) === undefined) return undefined
    objects.push({ content, line })
    line += content.split("\n").length - 1
    place = end - 1
  }
  return objects
}

/** Parses a line. */
export const parseRow = (content: string, file: string, line: number): Either.Either<TranscriptRow, ImportError> => {
  const { numbersAsText, repeatedKey, value } = parseExactly(content) ?? NO_JSON
  if (repeatedKey !== undefined) return Either.left(failRepeatedKey({ file, line }, repeatedKey))
  if (isObject(value) && !isTooDeep(value)) return Either.right({ file, line, value, numbersAsText })
  const found = isObject(value) ? TOO_DEEP : describeValue(value)
  return Either.left(new ImportError({ file, line, expected: "a JSON object", found }))
}

/** Levels of arrays and objects. Writing a value as JSON again takes stack for each, and a message may have 200. */
const MOST_LEVELS = 1_000

/** Says why a value is not read. */
export const TOO_DEEP = `more than ${MOST_LEVELS} levels of nesting`

export const isTooDeep = (value: unknown, levels = MOST_LEVELS): boolean => {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((field) => isTooDeep(field, levels - 1))
}

/** One of the two values would be lost. */
export const failRepeatedKey = (place: Place, path: string): ImportError =>
  new ImportError({ ...place, expected: "each key of an object once", found: `${path} twice` })

interface Place {
  readonly file: string
  readonly line: number | null
}

/** Names the type of a value without showing it, because the file may hold secrets. */
export const describeValue = (value: unknown): string => {
  if (value === undefined) return "text that is not JSON"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** Makes a decoder for a row, or for a value within it. Its error names the field at fault. */
export const decodeWith = <A, I>(schema: Schema.Schema<A, I>, expected: string) => {
  const decodeUnknown = Schema.decodeUnknownEither(schema)
  return (row: TranscriptRow, value: unknown = row.value): Either.Either<A, ImportError> =>
    Either.mapLeft(decodeUnknown(value), (error) =>
      failImport(row, expected, describeValue(value) + describeField(error))
    )
}

/** Names the field at fault, not its value. Only the first issue is useful: a union has one for each of its members. */
const describeField = (error: ParseResult.ParseError): string => {
  const path = ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".")
  return path === undefined || path === "" ? "" : ` with a missing or wrong ${path}`
}

/** Checks that a value is a chat message, and returns the same object. */
export const parseMessage = (
  place: Place,
  value: unknown,
  expected = "a chat message"
): Either.Either<Message.Message, ImportError> => {
  const parsed = Message.parse(value)
  if (Either.isRight(parsed)) return Either.right(parsed.right)
  const foreign = findForeign(value)
  const invalid = Either.match(decodeMessage(value), { onLeft: describeField, onRight: () => "" })
  const detail = foreign === undefined ? invalid : `: ${foreign}`
  return Either.left(
    new ImportError({ file: place.file, line: place.line, expected, found: describeValue(value) + detail })
  )
}

const decodeMessage = Schema.decodeUnknownEither(Message.Message)

export const failImport = (row: EntryPlace, expected: string, found: string): ImportError =>
  new ImportError({
    file: row.file,
    line: row.line,
    expected: row.at === undefined ? expected : `${row.at} to be ${expected}`,
    found
  })

/** Counts each kind. */
export const countKinds = (kinds: Iterable<string>): { readonly [kind: string]: number } => {
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Object.fromEntries(counts)
}
