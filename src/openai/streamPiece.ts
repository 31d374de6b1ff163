/**
 * What one piece of a streamed answer says, whichever API it came by, and how the pieces add up to `Provider.Event`s.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { CallUsage, Event } from "../model/Provider.ts"
import type { Refusal } from "./classifyError.ts"

/** Why an answer ended. */
export type Reason = Extract<Event, { readonly _tag: "Finished" }>["reason"]

/** One piece: words, a word on the end, or both. A piece with nothing in it is still a sign of life. */
export interface Reading {
  readonly text: string
  readonly reasoning: string
  readonly refused: boolean
  readonly ended: Reason | null
  readonly usage: CallUsage | null
}

/** Reads one piece as it came from the wire; the provider may refuse even now. */
export type Read = (chunk: unknown) => Either.Either<Reading, Refusal>

/** A piece that says nothing we need. */
export const nothing: Reading = { text: "", reasoning: "", refused: false, ended: null, usage: null }

/** A refusal that came without an HTTP status. */
export const refusal = (code: string | null | undefined, text: string | null | undefined): Refusal => ({
  status: null,
  code: code ?? null,
  text: text ?? code ?? "the provider gave no reason",
  retryAfter: null
})

/** A field that servers leave out or set to null. */
export const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

/** A field that is no reason to lose an answer: what is not as described counts as left out. */
export const atMost = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(Schema.NullOr(schema).annotations({ decodingFallback: () => Either.right(null) }))

/** A reader of the pieces a schema describes; anything else is refused as unreadable. */
export const reader = <A, I>(
  schema: Schema.Schema<A, I>,
  read: (piece: A) => Either.Either<Reading, Refusal>
): Read => {
  const decode = Schema.decodeUnknownEither(schema)
  return (chunk) =>
    Either.flatMap(
      Either.mapLeft(decode(chunk), () => refusal(null, "a piece of the stream is not what the API promises")),
      read
    )
}

/** What is known of the end while the stream is still open: usage may come after the end mark. */
export interface Ending {
  readonly reason: Reason | null
  readonly refused: boolean
  readonly usage: CallUsage | null
}

/** The ending of a stream that has only begun. */
export const open: Ending = { reason: null, refused: false, usage: null }

/** What is known of the end after one more piece. */
export const after = (ending: Ending, reading: Reading): Ending => ({
  reason: reading.ended ?? ending.reason,
  refused: ending.refused || reading.refused,
  usage: reading.usage ?? ending.usage
})

/** The events of one piece, at least one. */
export const events = ({ reasoning, text }: Reading): ReadonlyArray<Event> => {
  if (reasoning === "") return [{ _tag: "Text", text }]
  const thought: Event = { _tag: "Reasoning", text: reasoning }
  return text === "" ? [thought] : [thought, { _tag: "Text", text }]
}

/** The last event of a stream that is over; none if it was over before its end mark. */
export const finished = ({ reason, refused, usage }: Ending): Option.Option<Event> =>
  Option.map(Option.fromNullable(reason), (reason) => ({
    _tag: "Finished",
    reason: refused ? "refusal" : reason,
    usage
  }))
