/** One semaphore per key, forgotten when no fiber holds or awaits it. */
import * as Effect from "effect/Effect"

interface Entry {
  readonly semaphore: Effect.Semaphore
  users: number
}

export const make = <K>() => {
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
