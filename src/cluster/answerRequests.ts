/** Answers requests for the sessions of a host. */
import * as Entity from "@effect/cluster/Entity"
import { Sharding } from "@effect/cluster/Sharding"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { suspendForeign } from "../concurrency/fiberServices.ts"
import { Gateway } from "../gateway/Gateway.ts"
import type { Turn } from "../gateway/Turn.ts"
import { escapeId } from "../message/text.ts"
import { Superseded, TurnLost } from "../session/SessionError.ts"
import * as Metrics from "./metrics.ts"
import type { Protocol, RequestId, TurnFailed } from "./protocol.ts"

/**
 * Answers a session, whichever host it is on. `request` is what the turn was asked for with. What a turn did before its
 * host was lost is in the log: an agent looks at its view first, since the request is run again elsewhere.
 *
 * @since 0.1.0
 * @category models
 */
export type Agent<A, E, R> = (turn: Turn, request: RequestId) => Effect.Effect<A, E, R>

/**
 * The mailbox has no order of its own: a view, an interrupt or a compression must not wait for a turn, and turns wait for
 * each other in the gateway. A defect of an agent is told to its caller, and stops nothing else of the session.
 */
export const layerEntity = <A, I, E, J, R>(
  protocol: Protocol<A, I, E, J>,
  agent: Agent<A, E | TurnFailed, R>,
  failover: Duration.Duration
) =>
  protocol.toLayer(
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const sharding = yield* Sharding
      const context = yield* Effect.context<R>()
      const { shardId } = yield* Entity.CurrentAddress
      const { host, port } = yield* Entity.CurrentRunnerAddress
      const isHere = () => sharding.hasShardId(shardId)
      yield* Metrics.measureSession(isHere)

      /**
       * A turn that lost its session is not over: its holder now may never have heard of the request. By the time
       * it is run again, a host that was frozen knows what it has lost, and leaves the request to the new one.
       */
      const rerunIfLost = <B, F, S>(turn: Effect.Effect<B, F, S>): Effect.Effect<B, F, S> =>
        Effect.catchAll(turn, (error) => {
          if (!(error instanceof TurnLost)) return Effect.fail(error)
          return Effect.logWarning(`${error.message}; it is run again where the session is now`).pipe(
            Effect.annotateLogs("session", escapeId(error.sessionId)),
            Effect.zipRight(Effect.sleep(failover)),
            Effect.flatMap(() => (isHere() ? Effect.zipRight(Metrics.measureRerun, rerunIfLost(turn)) : Effect.never))
          )
        })

      return protocol.of({
        turn: ({ payload: { request, sessionId } }) =>
          gateway
            .turn(sessionId, (turn) => suspendForeign(() => agent(turn, request)))
            .pipe(rerunIfLost, Effect.mapError(withoutMessages), Effect.provide(context)),
        compress: ({ payload: { sessionId } }) => gateway.compress(sessionId),
        view: ({ payload: { sessionId } }) => gateway.view(sessionId),
        stats: ({ payload: { sessionId } }) => gateway.stats(sessionId),
        interrupt: ({ payload: { sessionId } }) => gateway.interrupt(sessionId),
        locate: () => Effect.succeed(`${host}:${port}`)
      })
    }),
    { concurrency: "unbounded", mailboxCapacity: "unbounded", disableFatalDefects: true }
  )

/** Replies are kept for days beside the sessions. The messages of an error are the agent's, and it has them. */
const withoutMessages = <E>(error: E): E | Superseded =>
  error instanceof Superseded ? new Superseded({ sessionId: error.sessionId, unstored: [] }) : error
