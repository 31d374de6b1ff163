/** Healings under way, one per session: whoever asks again joins it, and a compression does not wait for it. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { SessionId } from "../session/Session.ts"

export interface Healings<A, E> {
  /** Begins one, unless that is under way, and does not wait for it. */
  readonly begin: (sessionId: SessionId) => Effect.Effect<void>
  /** Waits for the one under way, or for a new one. */
  readonly join: (sessionId: SessionId) => Effect.Effect<A, E>
  /** Ends the one under way, soon. */
  readonly giveWay: (sessionId: SessionId) => Effect.Effect<void>
}

/** `fork` keeps what is begun out of reach of its callers. Shutdown waits for none: they can be begun again. */
export const make = <A, E>(
  heal: (sessionId: SessionId) => Effect.Effect<A, E>,
  fork: (healing: Effect.Effect<A, E>) => Effect.Effect<Fiber.RuntimeFiber<A, E>>
): Effect.Effect<Healings<A, E>, never, Scope.Scope> => {
  const underWay = new Map<SessionId, Fiber.RuntimeFiber<A, E>>()

  const note = (sessionId: SessionId, fiber: Fiber.RuntimeFiber<A, E>) => {
    underWay.set(sessionId, fiber)
    // At once, if it has ended before it was noted.
    fiber.addObserver(() => underWay.get(sessionId) === fiber && underWay.delete(sessionId))
  }

  const begun = (sessionId: SessionId) =>
    Effect.suspend(() => {
      const known = underWay.get(sessionId)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.tap(fork(heal(sessionId)), (fiber) => Effect.sync(() => note(sessionId, fiber)))
    })

  const giveWay = (sessionId: SessionId) =>
    Effect.suspend(() => {
      const fiber = underWay.get(sessionId)
      return fiber === undefined ? Effect.void : Fiber.interruptFork(fiber)
    })

  return Effect.as(
    Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(underWay.values()))),
    {
      begin: (sessionId) => Effect.asVoid(Effect.uninterruptible(begun(sessionId))),
      join: (sessionId) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(begun(sessionId), (fiber) => restore(Effect.flatten(Fiber.await(fiber))))
        ),
      giveWay
    }
  )
}
