/** The two deadlines of an answer that comes in pieces, kept by one sleeper: a race for each piece would cost more than it. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { monotonicMillis } from "./monotonicClock.ts"

export interface Deadlines<E> {
  /** Longest silence, and longest time at all, in milliseconds. */
  readonly idle: number
  readonly total: number
  readonly late: (phase: "idle" | "total") => E
}

/** Runs `hearing`, which says each time that something was heard. An interrupt reaches it at once. */
export const withinDeadlines = <A, E, R, E2>(
  { idle, late, total }: Deadlines<E2>,
  hearing: (heard: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2, R> =>
  Effect.flatMap(monotonicMillis, (begin) => {
    let last = begin
    const heard = Effect.map(monotonicMillis, (now) => void (last = now))

    const watch: Effect.Effect<never, E2> = Effect.flatMap(monotonicMillis, (now) => {
      if (now >= begin + total) return Effect.fail(late("total"))
      if (now >= last + idle) return Effect.fail(late("idle"))
      return Effect.zipRight(Effect.sleep(Math.min(begin + total, last + idle) - now), watch)
    })

    // Unmasked, a race that is interrupted before its fibers have started waits for them for ever.
    return Effect.uninterruptibleMask((restore) =>
      Effect.raceWith(restore(hearing(heard)), Effect.interruptible(watch), {
        onSelfDone: (exit, watching) => Effect.zipRight(Fiber.interrupt(watching), exit),
        onOtherDone: (exit, running) => Effect.zipRight(Fiber.interrupt(running), exit)
      })
    )
  })
