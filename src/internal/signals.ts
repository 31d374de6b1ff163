/** Who can be told to stop: the running turns and interruptible tasks of each session. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { SessionId } from "../Session.ts"

type Signal = Deferred.Deferred<void>

export const make = () => {
  const signals = new Map<SessionId, Set<Signal>>()

  const raise = (sessionId: SessionId): Signal => {
    const signal = Deferred.unsafeMake<void>(FiberId.none)
    signals.set(sessionId, (signals.get(sessionId) ?? new Set()).add(signal))
    return signal
  }
  const lower = (sessionId: SessionId, signal: Signal) => {
    const ofSession = signals.get(sessionId)
    ofSession?.delete(signal)
    if (ofSession?.size === 0) signals.delete(sessionId)
  }

  /**
   * Runs `effect` until it ends or the session is told to stop; then it is interrupted and `stopped` is the failure. The
   * race is masked, its sides are not: interrupted after making its fibers and before starting them, it would wait for
   * them for ever.
   */
  const stoppable =
    <E2>(sessionId: SessionId, stopped: () => E2) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => raise(sessionId)),
        (signal) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.raceFirst(
              restore(effect),
              Effect.flatMap(restore(Deferred.await(signal)), () => Effect.fail(stopped()))
            )
          ),
        (signal) => Effect.sync(() => lower(sessionId, signal))
      )

  /** Whether there was anybody to stop. */
  const stop = (sessionId: SessionId): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const ofSession = signals.get(sessionId) ?? []
      let stopped = false
      for (const signal of ofSession) {
        Deferred.unsafeDone(signal, Exit.void)
        stopped = true
      }
      return stopped
    })

  return { stoppable, stop, size: () => signals.size }
}
