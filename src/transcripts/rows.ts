/**
 * What every format of an imported file is read through: lines that are JSON objects, checked one by one.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Message from "../message/Message.ts"

/**
 * A file could not be imported. `line` counts from 1 and is null where no single line is to blame; nothing of the file
 * was taken.
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
 * One line of a file: a JSON object and where it stood.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly file: string
  readonly line: number
  readonly value: JsonObject
}

/**
 * @since 0.1.0
 * @category models
 */
export type JsonObject = { readonly [key: string]: unknown }

/**
 * The messages of one session, in order. `sessionId` is null where the format names none.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImportedSession {
  readonly sessionId: string | null
  readonly messages: ReadonlyArray<Message.Message>
}

/**
 * What a file holds. `skipped` counts, by kind, the rows that are no messages of the conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Contents {
  readonly sessions: ReadonlyArray<ImportedSession>
  readonly skipped: { readonly [kind: string]: number }
}

/**
 * The lines of a file as rows; blank lines are passed over, a line that is no JSON object is an error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parseRows = (text: string, file: string): Either.Either<ReadonlyArray<Row>, ImportError> =>
  Either.all(
    text.split("\n").flatMap((content, index) => (content.trim() === "" ? [] : [row(content, file, index + 1)]))
  )

const row = (content: string, file: string, line: number): Either.Either<Row, ImportError> => {
  const value = parseJson(content)
  return isObject(value)
    ? Either.right({ file, line, value })
    : Either.left(new ImportError({ file, line, expected: "a JSON object", found: describeValue(value) }))
}

/**
 * The value a JSON text stands for, or undefined if it is no JSON.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parseJson = (text: string): unknown => Either.getOrUndefined(Either.try((): unknown => JSON.parse(text)))

/**
 * @since 0.1.0
 * @category predicates
 */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * What a value is, without showing it: the file may hold secrets.
 *
 * @since 0.1.0
 * @category getters
 */
export const describeValue = (value: unknown): string => {
  if (value === undefined) return "text that is not JSON"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/**
 * Reads a row, or a value within it, as `schema` has it; the error says which field is at fault.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decodeWith = <A, I>(schema: Schema.Schema<A, I>, expected: string) => {
  const decodeUnknown = Schema.decodeUnknownEither(schema)
  return (row: Row, value: unknown = row.value): Either.Either<A, ImportError> =>
    Either.mapLeft(decodeUnknown(value), (error) => failImport(row, expected, describeValue(value) + at(error)))
}

/** Names the field and not its value. The first issue is the telling one: a union complains once per member. */
const at = (error: ParseResult.ParseError): string => {
  const path = ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".")
  return path === undefined || path === "" ? "" : ` with a missing or wrong ${path}`
}

/**
 * The value as a chat message, the very same object.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parseMessage = (
  place: { readonly file: string; readonly line: number | null },
  value: unknown,
  expected = "a chat message"
): Either.Either<Message.Message, ImportError> => {
  const parsed = Message.parse(value)
  if (Either.isRight(parsed)) return Either.right(parsed.right)
  const detail = Either.match(explain(value), { onLeft: at, onRight: () => "" })
  return Either.left(
    new ImportError({ file: place.file, line: place.line, expected, found: describeValue(value) + detail })
  )
}

const explain = Schema.decodeUnknownEither(Message.Message)

/**
 * @since 0.1.0
 * @category errors
 */
export const failImport = (row: Row, expected: string, found: string): ImportError =>
  new ImportError({ file: row.file, line: row.line, expected, found })

/**
 * How often each kind occurs.
 *
 * @since 0.1.0
 * @category getters
 */
export const countKinds = (kinds: Iterable<string>): { readonly [kind: string]: number } => {
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Object.fromEntries(counts)
}
