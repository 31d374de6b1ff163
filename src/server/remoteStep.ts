/**
 * A step of a turn whose model is called on the other side of a connection, after its first view was refused. Each smaller
 * view is answered to one call of the client; the next call tells whether the model's server took it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { StepOptions, Turn, TurnError } from "../gateway/Turn.ts"
import type { ContextOverflow } from "../model/ModelError.ts"
import { TurnLost } from "../session/SessionError.ts"
import type { View } from "../view/View.ts"

export interface RemoteStep {
  /** Tells that the view was refused, and returns a smaller one. Fails with `WindowExceeded` if there is none. */
  readonly refuse: (overflow: ContextOverflow) => Effect.Effect<View, TurnError>
  /** Ends the step: the model's server took the latest view, which teaches the session the window that it has. */
  readonly pass: Effect.Effect<void>
}

/** A view that a client has, and what became of it. */
interface Offer {
  readonly view: View
  readonly verdict: Deferred.Deferred<void, ContextOverflow>
}

/** Begins a step in `scope`. Its first view is the one that the client has, so that no call of `refuse` answers it. */
export const begin = (turn: Turn, options: StepOptions, scope: Scope.Scope): Effect.Effect<RemoteStep, TurnError> =>
  Effect.gen(function* () {
    const offers = yield* Queue.unbounded<Offer>()
    const callModel = (view: View) =>
      Effect.gen(function* () {
        const verdict = yield* Deferred.make<void, ContextOverflow>()
        yield* Queue.offer(offers, { view, verdict })
        return yield* Deferred.await(verdict)
      })
    const fiber = yield* Effect.forkIn(turn.step(callModel, options), scope)

    const awaitEnd = Effect.flatMap(Fiber.await(fiber), (exit): Effect.Effect<never, TurnError> =>
      Exit.isFailure(exit) && !Exit.isInterrupted(exit)
        ? Effect.catchTag(Effect.failCause(exit.cause), "ContextOverflow", Effect.die)
        : Effect.fail(new TurnLost({ sessionId: turn.sessionId, unstored: [] }))
    )
    const takeOffer = Effect.raceFirst(Queue.take(offers), awaitEnd)

    let latest: Offer | undefined = yield* takeOffer
    const refuse = (overflow: ContextOverflow) =>
      Effect.gen(function* () {
        if (latest !== undefined) yield* Deferred.fail(latest.verdict, overflow)
        latest = undefined
        latest = yield* takeOffer
        return latest.view
      })
    const pass = Effect.suspend(() =>
      latest === undefined
        ? Fiber.interrupt(fiber)
        : Effect.zipRight(Deferred.succeed(latest.verdict, undefined), Fiber.await(fiber))
    ).pipe(Effect.asVoid)
    return { refuse, pass }
  })
