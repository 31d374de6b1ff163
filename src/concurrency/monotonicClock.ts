/** A clock for how long something takes: the time of day may be set meanwhile, and this one only ever goes on. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds, comparable with each other within a process alone. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) =>
  Number(nanos / 1_000_000n)
)
