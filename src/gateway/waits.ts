/** How long the steps of one turn wait for compressions, counted for the session. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { SessionId } from "../session/Session.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

export const make = (store: Context.Tag.Service<SessionStore>, sessionId: SessionId) => {
  let hasWaited = false

  /** What takes no time was not waited for. */
  const count = (milliseconds: number) =>
    Effect.suspend(() => {
      if (milliseconds < 1) return Effect.void
      const turnsWaited = hasWaited ? 0 : 1
      hasWaited = true
      const counts = { turnsWaited, waitedMs: milliseconds, longestWaitMs: milliseconds }
      return Effect.ignoreLogged(store.count(sessionId, counts))
    })

  /** However it ends: who gives up has waited, too. */
  return <A, E>(compression: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(monotonicMillis, (begun) =>
      Effect.ensuring(
        compression,
        Effect.flatMap(monotonicMillis, (now) => count(Math.floor(now - begun)))
      )
    )
}
