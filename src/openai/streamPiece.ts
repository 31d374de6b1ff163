/**
 * Turns the pieces of a streamed answer, read from either API, into `Provider.Event`s.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { CallUsage, Event } from "../model/Provider.ts"
import { makeRefusal, type Refusal } from "./refusal.ts"

/** The reason why an answer ended. */
export type Reason = Extract<Event, { readonly _tag: "Finished" }>["reason"]

/** One piece: text, the end of the answer, or both. An empty piece is still a sign of life. */
export interface Reading {
  readonly text: string
  readonly reasoning: string
  readonly refused: boolean
  readonly whole: Whole | null
  readonly ended: Reason | null
  readonly usage: CallUsage | null
}

/** Text that repeats what the pieces before it said, and is read where none came. The larger of the two `spans` counts. */
export interface Whole {
  readonly spans: (typeof SPANS)[number]
  readonly text: string
}

const SPANS = ["part", "item", "answer"] as const

/** Reads one piece from the wire. A provider may still refuse the call within its stream. */
export type Read = (chunk: unknown) => Either.Either<Reading, Refusal>

/** An empty piece. */
export const nothing: Reading = { text: "", reasoning: "", refused: false, whole: null, ended: null, usage: null }

/** The tokens of a call. Servers without a cache, or that say nothing of it, leave out those that it had. */
export const makeUsage = (inputTokens: number, outputTokens: number, cached: number | null | undefined): CallUsage =>
  cached == null ? { inputTokens, outputTokens } : { inputTokens, outputTokens, cachedTokens: cached }

/** A field that servers leave out or set to null. */
export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

/** A value that is not worth losing an answer for: one of another shape counts as null. */
export const orNull = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.NullOr(schema).annotations({ decodingFallback: () => Either.right(null) })

/** A field that is not worth losing an answer for. */
export const lenient = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(orNull(schema))

/** Makes a reader of the pieces that a schema describes. It refuses all others as unreadable. */
export const makeReader = <A, I>(
  schema: Schema.Schema<A, I>,
  read: (piece: A) => Either.Either<Reading, Refusal>
): Read => {
  const decode = Schema.decodeUnknownEither(schema)
  return (chunk) =>
    Either.flatMap(
      Either.mapLeft(decode(chunk), () => makeRefusal("a piece of the stream is not what the API promises")),
      read
    )
}

/** Collects the words of a value that is a string on most servers, and a list of parts or an object on some. */
export const collectWords = (value: unknown): string => {
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(collectWords).join("")
  if (typeof value !== "object" || value === null) return ""
  const field = ["text", "thinking", "refusal", "content"].find((name) => name in value)
  return field === undefined ? "" : collectWords(Object.getOwnPropertyDescriptor(value, field)?.value)
}

/** The end of the answer as known so far. The usage may come after the end mark. */
export interface Ending {
  readonly reason: Reason | null
  readonly refused: boolean
  readonly hasText: boolean
  readonly whole: Whole | null
  readonly usage: CallUsage | null
}

/** The ending of a stream that has just begun. */
export const openEnding: Ending = { reason: null, refused: false, hasText: false, whole: null, usage: null }

/** Adds one piece to the ending. Once the answer is cut, an end mark after it does not make it whole. */
export const updateEnding = (ending: Ending, reading: Reading): Ending => ({
  reason: ending.reason === null || ending.reason === "stop" ? (reading.ended ?? ending.reason) : ending.reason,
  refused: ending.refused || reading.refused,
  hasText: ending.hasText || reading.text !== "",
  whole: joinWholes(ending.whole, reading.whole),
  usage: reading.usage ?? ending.usage
})

const joinWholes = (before: Whole | null, whole: Whole | null): Whole | null => {
  if (before === null || whole === null || whole.text === "") return before ?? whole
  if (before.spans === whole.spans) return { ...before, text: before.text + whole.text }
  return SPANS.indexOf(whole.spans) > SPANS.indexOf(before.spans) ? whole : before
}

/** Turns a piece into events, at least one. */
export const toEvents = ({ reasoning, text }: Reading): ReadonlyArray<Event> => {
  if (reasoning === "") return [{ _tag: "Text", text }]
  const thought: Event = { _tag: "Reasoning", text: reasoning }
  return text === "" ? [thought] : [thought, { _tag: "Text", text }]
}

/** Returns the last events of a complete stream, or none if the end mark is missing. */
export const toLastEvents = ({ hasText, reason, refused, usage, whole }: Ending): Option.Option<ReadonlyArray<Event>> =>
  Option.map(Option.fromNullable(reason), (reason) => [
    ...(hasText || whole === null ? [] : [{ _tag: "Text" as const, text: whole.text }]),
    { _tag: "Finished", reason: refused ? "refusal" : reason, usage }
  ])
