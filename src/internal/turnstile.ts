/**
 * Fair admission by key, some at a time, first come first served. Joining and leaving are single synchronous steps, so an interrupt can
 * never strand a place, and an empty line is forgotten. (`Semaphore.withPermits` loses its permit when interrupted in a
 * small window; where waiting must stay interruptible this line is used instead.)
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

interface Place {
  readonly admitted: Deferred.Deferred<void>
  isIn: boolean
}

/** As many as `places` of one key are in at the same time. */
export const make = <K>(places = 1) => {
  const lines = new Map<K, Set<Place>>()

  const admit = (line: Set<Place>) => {
    let free = places
    for (const place of line) {
      if (free-- <= 0) return
      place.isIn = true
      Deferred.unsafeDone(place.admitted, Exit.void)
    }
  }
  const join = (key: K): Place => {
    const line = lines.get(key) ?? new Set()
    const place: Place = { admitted: Deferred.unsafeMake<void>(FiberId.none), isIn: false }
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

  /** Waits to be among the first of the line and stays there until the scope closes. */
  const enter = (key: K): Effect.Effect<void, never, Scope.Scope> =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => join(key)),
        (place) => Effect.sync(() => leave(key, place))
      ),
      ({ admitted }) => Deferred.await(admitted)
    )

  /** Runs `use` there; `waiting` is how it waits if it has to. */
  const within = <A, E, R, E2>(
    key: K,
    waiting: (admitted: Effect.Effect<void>) => Effect.Effect<void, E2>,
    use: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2, R> =>
    Effect.uninterruptibleMask((restore) => {
      const place = join(key)
      const admitted = place.isIn ? use : Effect.zipRight(waiting(Deferred.await(place.admitted)), use)
      return Effect.ensuring(
        restore(admitted),
        Effect.sync(() => leave(key, place))
      )
    })

  return { enter, within, size: () => lines.size }
}
