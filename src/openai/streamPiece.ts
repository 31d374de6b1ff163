/**
 * Turns the pieces of a streamed answer, read from either API, into `Provider.Event`s.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { CallUsage, Event } from "../model/Provider.ts"
import type { Refusal } from "./classifyError.ts"

/** The reason why an answer ended. */
export type Reason = Extract<Event, { readonly _tag: "Finished" }>["reason"]

/** One piece: text, the end of the answer, or both. An empty piece is still a sign of life. */
export interface Reading {
  readonly text: string
  readonly reasoning: string
  readonly refused: boolean
  readonly ended: Reason | null
  readonly usage: CallUsage | null
}

/** Reads one piece from the wire. A provider may still refuse the call within its stream. */
export type Read = (chunk: unknown) => Either.Either<Reading, Refusal>

/** An empty piece. */
export const nothing: Reading = { text: "", reasoning: "", refused: false, ended: null, usage: null }

/** Makes a refusal that came without an HTTP status. */
export const makeRefusal = (code: string | null | undefined, text: string | null | undefined): Refusal => ({
  status: null,
  code: code ?? null,
  text: text ?? code ?? "the provider gave no reason",
  retryAfter: null
})

/** A field that servers leave out or set to null. */
export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

/** A field that is not worth losing an answer for: a value of another shape counts as left out. */
export const lenient = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(Schema.NullOr(schema).annotations({ decodingFallback: () => Either.right(null) }))

/** Makes a reader of the pieces that a schema describes. It refuses all others as unreadable. */
export const makeReader = <A, I>(
  schema: Schema.Schema<A, I>,
  read: (piece: A) => Either.Either<Reading, Refusal>
): Read => {
  const decode = Schema.decodeUnknownEither(schema)
  return (chunk) =>
    Either.flatMap(
      Either.mapLeft(decode(chunk), () => makeRefusal(null, "a piece of the stream is not what the API promises")),
      read
    )
}

/** The end of the answer as known so far. The usage may come after the end mark. */
export interface Ending {
  readonly reason: Reason | null
  readonly refused: boolean
  readonly usage: CallUsage | null
}

/** The ending of a stream that has just begun. */
export const openEnding: Ending = { reason: null, refused: false, usage: null }

/** Adds one piece to the ending. */
export const updateEnding = (ending: Ending, reading: Reading): Ending => ({
  reason: reading.ended ?? ending.reason,
  refused: ending.refused || reading.refused,
  usage: reading.usage ?? ending.usage
})

/** Turns a piece into events, at least one. */
export const toEvents = ({ reasoning, text }: Reading): ReadonlyArray<Event> => {
  if (reasoning === "") return [{ _tag: "Text", text }]
  const thought: Event = { _tag: "Reasoning", text: reasoning }
  return text === "" ? [thought] : [thought, { _tag: "Text", text }]
}

/** Returns the last event of a complete stream, or none if the end mark is missing. */
export const toFinished = ({ reason, refused, usage }: Ending): Option.Option<Event> =>
  Option.map(Option.fromNullable(reason), (reason) => ({
    _tag: "Finished",
    reason: refused ? "refusal" : reason,
    usage
  }))
