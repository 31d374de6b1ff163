/**
 * Fair admission by key, some at a time, first come first served. Joining and leaving are single synchronous steps, so an interrupt can
 * never strand a place, and an empty line is forgotten. (`Semaphore.withPermits` loses its permit when interrupted in a
 * small window; where waiting must stay interruptible this line is used instead.)
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"

type Place = Deferred.Deferred<void>

/** How long to wait in the line, and what happens instead of longer. */
export interface Patience<A, E> {
  readonly wait: Duration.DurationInput
  readonly late: Effect.Effect<A, E>
}

/** As many as `places` of one key are in at the same time. */
export const make = <K>(places = 1) => {
  const lines = new Map<K, Set<Place>>()

  const admit = (line: Set<Place>) => {
    let free = places
    for (const place of line) {
      if (free-- <= 0) return
      Deferred.unsafeDone(place, Exit.void)
    }
  }
  const join = (key: K): Place => {
    const line = lines.get(key) ?? new Set()
    const place = Deferred.unsafeMake<void>(FiberId.none)
    lines.set(key, line.add(place))
    admit(line)
    return place
  }
  const leave = (key: K, place: Place) => {
    const line = lines.get(key)
    line?.delete(place)
    if (line === undefined || line.size === 0) lines.delete(key)
    else admit(line)
  }

  /** Runs `effect` as one of the first of the line. No scope: on the way of every turn its finalizers would cost more. */
  const pass = <A, E, R, B = never, E2 = never>(
    key: K,
    effect: Effect.Effect<A, E, R>,
    patience?: Patience<B, E2>
  ): Effect.Effect<A | B, E | E2, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => join(key)),
      (place) =>
        Effect.flatMap(Deferred.isDone(place), (isIn): Effect.Effect<A | B, E | E2, R> => {
          if (isIn) return effect
          if (patience === undefined) return Effect.zipRight(Deferred.await(place), effect)
          const admitted = Effect.timeoutOption(Deferred.await(place), patience.wait)
          return Effect.flatMap(admitted, ({ _tag }): Effect.Effect<A | B, E | E2, R> =>
            _tag === "Some" ? effect : patience.late
          )
        }),
      (place) => Effect.sync(() => leave(key, place))
    )

  return { pass, size: () => lines.size }
}
