/** Defines what the processes of a soak tell each other, and what they write into their journals. */
import { Schema } from "effect"

export const StoreKind = Schema.Literal("native", "hermes", "old hermes")
export type StoreKind = typeof StoreKind.Type

/** What a gateway's process has to know; in JSON it is its argument. `shift` is how wrong its clock is, in milliseconds. */
export const Place = Schema.Struct({
  name: Schema.String,
  store: StoreKind,
  filename: Schema.String,
  journal: Schema.String,
  sessions: Schema.Int,
  seed: Schema.Int,
  shift: Schema.Int,
  /** Kills itself when it writes this line of its journal; null to live on. */
  diesAt: Schema.NullOr(Schema.Int),
  /** The loopback server of the model; null for a model within the process. */
  url: Schema.NullOr(Schema.String)
})
export type Place = typeof Place.Type

/**
 * Work for `milliseconds`, or until so many verbs are done, whatever comes first. `fibers` work side by side, each with a
 * rest of at most `pause` milliseconds after a verb.
 */
export const Shift = Schema.TaggedStruct("Work", {
  milliseconds: Schema.Int,
  verbs: Schema.Int,
  fibers: Schema.Int,
  pause: Schema.Int
})
export type Shift = typeof Shift.Type

/** From the parent: work, or set the clock wrong from now on. */
export const Told = Schema.Union(Shift, Schema.TaggedStruct("Jump", { shift: Schema.Int }))
export type Told = typeof Told.Type

/** What a process holds when it rests. Bytes after a garbage collection, counts else. */
export const Usage = Schema.Struct({
  heap: Schema.Number,
  descriptors: Schema.Int,
  timers: Schema.Int,
  listeners: Schema.Int,
  clients: Schema.Int
})
export type Usage = typeof Usage.Type

/** To the parent: opened and listening, or back from work. */
export const Said = Schema.Union(Schema.TaggedStruct("Ready", {}), Schema.TaggedStruct("Rested", { usage: Usage }))
export type Said = typeof Said.Type

/** `at` is of the monotonic clock, which all processes of a machine share, in milliseconds. */
const write = { at: Schema.Number, session: Schema.String, tags: Schema.Array(Schema.String) }

/**
 * A line of a journal. Messages are known by their tags, the first word of each.
 *
 * - `Tried`: about to deliver a message, or to append these together in a turn
 * - `Stored`: acknowledged
 * - `Refused`: told that nothing of it was written
 * - `Unknown`: told that it may have been written
 * - `Did`: what became of a verb
 * - `Committed`: a compression was committed
 * - `Broke`: a promise was seen to be broken
 * - `Line`: a log line
 *
 * What was tried and has no other line may have been written: the process was killed, or the caller gave up.
 */
export const Event = Schema.Union(
  Schema.TaggedStruct("Tried", write),
  Schema.TaggedStruct("Stored", { ...write, arrival: Schema.NullOr(Schema.Int) }),
  Schema.TaggedStruct("Refused", { ...write, reason: Schema.String }),
  Schema.TaggedStruct("Unknown", write),
  Schema.TaggedStruct("Did", { at: Schema.Number, verb: Schema.String, outcome: Schema.String }),
  Schema.TaggedStruct("Committed", { at: Schema.Number, session: Schema.String, generation: Schema.Int }),
  Schema.TaggedStruct("Broke", { at: Schema.Number, promise: Schema.String, text: Schema.String }),
  Schema.TaggedStruct("Line", { at: Schema.Number, text: Schema.String })
)
export type Event = typeof Event.Type

/** The sessions of a store, the same ones in every round. */
export const sessionsOf = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `session-${i}`)

/** Milliseconds of a clock that no shift touches. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6
