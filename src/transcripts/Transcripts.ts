/**
 * Reads a file of chat messages, whichever agent wrote it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { StoreError } from "../session/SessionError.ts"
import * as ClaudeCode from "./claudeCode.ts"
import * as Codex from "./codex.ts"
import * as Hermes from "./hermes.ts"
import * as Jsonl from "./jsonl.ts"
import * as Messages from "./messages.ts"
import * as Pi from "./pi.ts"
import { type Contents, ImportError, type Row, parseRows } from "./rows.ts"
import * as Sessions from "./sessions.ts"

export { ImportError, type ImportedSession } from "./rows.ts"

/**
 * What a file can be:
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
 * What a file held, and as what it was read. At least one session, each with at least one message.
 *
 * @since 0.1.0
 * @category models
 */
export interface Imported extends Contents {
  readonly format: Format
}

/**
 * The chat messages of a file, all of them or the first error. `file` is only its name, for that error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (
  text: string,
  options: { readonly file: string; readonly format: Format | "auto" }
): Either.Either<Imported, ImportError> => {
  const { file } = options
  const source = text.replace(/^\uFEFF/, "")
  if (source.trim() === "") return Either.left(nothing(file, "an empty file"))
  const isArray = options.format === "messages" || (options.format === "auto" && Messages.recognizes(source))
  const imported = isArray
    ? Either.map(Messages.read(source, file), as("messages"))
    : Either.flatMap(parseRows(source, file), (rows) => readRows(rows, options))
  return Either.filterOrLeft(
    imported,
    ({ sessions }) => sessions.length > 0,
    () => nothing(file, "none")
  )
}

/**
 * The sessions of a file, whether it is text or a database.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readFrom = <E>(
  file: string,
  format: Format | "auto",
  text: Effect.Effect<string, E>
): Effect.Effect<Imported, E | ImportError | StoreError> =>
  Effect.suspend((): Effect.Effect<Imported, E | ImportError | StoreError> => {
    const isDatabase = format === "hermes" || (format === "auto" && Hermes.recognizes(file))
    if (!isDatabase) return Effect.flatMap(text, (text) => read(text, { file, format }))
    return Effect.map(Hermes.read(file), as("hermes")).pipe(
      Effect.filterOrFail(
        ({ sessions }) => sessions.length > 0,
        () => nothing(file, "none")
      )
    )
  })

interface Reader {
  readonly format: Format
  readonly recognizes: (row: Row) => boolean
  readonly read: (rows: ReadonlyArray<Row>) => Either.Either<Contents, ImportError>
}

/** In this order: what is told apart by the most specific mark comes first. */
const readers: ReadonlyArray<Reader> = [
  { format: "sessions", ...Sessions },
  { format: "pi", ...Pi },
  { format: "codex", ...Codex },
  { format: "claude-code", ...ClaudeCode },
  { format: "jsonl", ...Jsonl }
]

const readRows = (
  rows: ReadonlyArray<Row>,
  { file, format }: { readonly file: string; readonly format: Format | "auto" }
): Either.Either<Imported, ImportError> => {
  const reader = format === "auto" ? detect(rows) : readers.find((reader) => reader.format === format)
  if (reader !== undefined) return Either.map(reader.read(rows), as(reader.format))
  const [first] = rows
  const expected = `the lines of a chat (${Format.literals.join(", ")})`
  return Either.left(new ImportError({ file, line: first?.line ?? null, expected, found: "objects of another kind" }))
}

/** The first line that any format knows decides: agents put lines of housekeeping before it. */
const detect = (rows: ReadonlyArray<Row>): Reader | undefined => {
  for (const row of rows) {
    const reader = readers.find(({ recognizes }) => recognizes(row))
    if (reader !== undefined) return reader
  }
  return undefined
}

const as =
  (format: Format) =>
  ({ sessions, skipped }: Contents): Imported => ({
    format,
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped
  })

const nothing = (file: string, found: string): ImportError =>
  new ImportError({ file, line: null, expected: "at least one chat message", found })
