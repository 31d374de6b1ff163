/** One semaphore per session for changes of the view's base, forgotten when nobody holds or awaits it. */
import * as Effect from "effect/Effect"
import type { SessionId } from "../Session.ts"

interface Entry {
  readonly semaphore: Effect.Semaphore
  users: number
}

export const make = () => {
  const entries = new Map<SessionId, Entry>()

  const enter = (sessionId: SessionId): Entry => {
    const entry = entries.get(sessionId) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
    entry.users += 1
    entries.set(sessionId, entry)
    return entry
  }
  const leave = (sessionId: SessionId, entry: Entry) => {
    entry.users -= 1
    if (entry.users === 0) entries.delete(sessionId)
  }

  /** The effect's fiber must be out of reach of interrupts: an interrupted wait could strand the permit. */
  const withPermit =
    (sessionId: SessionId) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => enter(sessionId)),
        ({ semaphore }) => Effect.uninterruptible(semaphore.withPermits(1)(effect)),
        (entry) => Effect.sync(() => leave(sessionId, entry))
      )

  return { withPermit, size: () => entries.size }
}
