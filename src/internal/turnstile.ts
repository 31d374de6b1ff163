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

type Place = Deferred.Deferred<void>

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

  /** Waits to be among the first of the line and stays there until the scope closes. */
  const enter = (key: K): Effect.Effect<void, never, Scope.Scope> =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => join(key)),
        (place) => Effect.sync(() => leave(key, place))
      ),
      Deferred.await
    )

  return { enter, size: () => lines.size }
}
