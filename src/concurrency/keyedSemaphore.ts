/** One semaphore per key, forgotten when nobody holds or awaits it. */
import * as Effect from "effect/Effect"

interface Entry {
  readonly semaphore: Effect.Semaphore
  users: number
}

export const make = <K>() => {
  const entries = new Map<K, Entry>()

  const enter = (key: K): Entry => {
    const entry = entries.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
    entry.users += 1
    entries.set(key, entry)
    return entry
  }
  const leave = (key: K, entry: Entry) => {
    entry.users -= 1
    if (entry.users === 0) entries.delete(key)
  }

  /** The effect's fiber must be out of reach of interrupts: an interrupted wait could strand the permit. */
  const withPermit =
    (key: K) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => enter(key)),
        ({ semaphore }) => Effect.uninterruptible(semaphore.withPermits(1)(effect)),
        (entry) => Effect.sync(() => leave(key, entry))
      )

  return { withPermit, size: () => entries.size }
}
