/**
 * Locks by key: a fair queue for waits that must stay interruptible, and a semaphore for fibers that no interrupt
 * reaches. `Semaphore.withPermits` can lose its permit when it is interrupted in a small window. A key that no fiber
 * holds or awaits is forgotten.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"

type Place = Deferred.Deferred<void>

/** The longest wait for a place, and the effect that runs instead of waiting longer. */
export interface Patience<A, E> {
  readonly wait: Duration.DurationInput
  readonly late: Effect.Effect<A, E>
}

/**
 * Makes queues in which at most `places` effects of one key run at the same time, first come, first served. Joining and
 * leaving a line are single synchronous steps, so no interrupt can strand a place.
 */
export const makeFairQueue = <K>(places = 1) => {
  const lines = new Map<K, Set<Place>>()

  const admitFirst = (line: Set<Place>) => {
    let free = places
    for (const place of line) {
      if (free-- <= 0) return
      Deferred.unsafeDone(place, Exit.void)
    }
  }
  const joinLine = (key: K): Place => {
    const line = lines.get(key) ?? new Set()
    const place = Deferred.unsafeMake<void>(FiberId.none)
    lines.set(key, line.add(place))
    admitFirst(line)
    return place
  }
  const leaveLine = (key: K, place: Place) => {
    const line = lines.get(key)
    line?.delete(place)
    if (line === undefined || line.size === 0) lines.delete(key)
    else admitFirst(line)
  }

  /** Runs `effect` in a place of its key. Uses no scope: every turn passes here, and finalizers would cost more. */
  const withPlace = <A, E, R, B = never, E2 = never>(
    key: K,
    effect: Effect.Effect<A, E, R>,
    patience?: Patience<B, E2>
  ): Effect.Effect<A | B, E | E2, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => joinLine(key)),
      (place) =>
        Effect.flatMap(Deferred.isDone(place), (isIn): Effect.Effect<A | B, E | E2, R> => {
          if (isIn) return effect
          if (patience === undefined) return Effect.zipRight(Deferred.await(place), effect)
          const admitted = Effect.timeoutOption(Deferred.await(place), patience.wait)
          return Effect.flatMap(admitted, ({ _tag }): Effect.Effect<A | B, E | E2, R> =>
            _tag === "Some" ? effect : patience.late
          )
        }),
      (place) => Effect.sync(() => leaveLine(key, place))
    )

  return { withPlace, countLines: () => lines.size }
}

interface Entry {
  readonly semaphore: Effect.Semaphore
  users: number
}

/** Makes one semaphore with one permit per key. */
export const makeKeyedSemaphore = <K>() => {
  const entries = new Map<K, Entry>()

  const addUser = (key: K): Entry => {
    const entry = entries.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
    entry.users += 1
    entries.set(key, entry)
    return entry
  }
  const removeUser = (key: K, entry: Entry) => {
    entry.users -= 1
    if (entry.users === 0) entries.delete(key)
  }

  /** Runs one effect of a key at a time. Call it in an uninterruptible fiber: an interrupted wait strands the permit. */
  const withPermit =
    (key: K) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => addUser(key)),
        ({ semaphore }) => Effect.uninterruptible(semaphore.withPermits(1)(effect)),
        (entry) => Effect.sync(() => removeUser(key, entry))
      )

  return { withPermit, size: () => entries.size }
}
