/** Asks for the sessions of a cluster, from one of its hosts or from a process that has none. */
import type { AlreadyProcessingMessage, MailboxFull, PersistenceError } from "@effect/cluster/ClusterError"
import type { Sharding } from "@effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import * as LogLines from "../audit/logLines.ts"
import * as Metrics from "../gateway/metrics.ts"
import { findReply } from "../gateway/reply.ts"
import { refuseNested } from "../gateway/runningTurns.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import type { Logged, Receipt, SessionId } from "../session/Session.ts"
import { type IdempotencyConflict, type InvalidKey, StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { SessionStats } from "../session/SessionStats.ts"
import { type Delivery, SessionStore } from "../store/SessionStore.ts"
import type { View } from "../view/View.ts"
import { addressOf, type Protocol, type RequestId, type TurnFailed } from "./protocol.ts"

/**
 * The sessions of a cluster, on whichever host they are. What it asks a host for waits while the session moves, at most
 * twice `failover`; `deliver` and `reply` wait for no host. `A` and `E` are what the agent answers and fails with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client<A, E> {
  /** Stores a message, as `Gateway.deliver` does, without asking any host. */
  readonly deliver: (
    sessionId: SessionId,
    message: Message,
    delivery?: Partial<Delivery>
  ) => Effect.Effect<Receipt, InvalidMessage | IdempotencyConflict | InvalidKey | StoreError>
  /**
   * Has the session answered, and waits for it. `request` names the turn, e.g. by the arrival of the message to be
   * answered: asked again, also from elsewhere, it returns the answer that there is, for as long as the cluster keeps
   * requests. A caller that is interrupted interrupts the turn.
   */
  readonly turn: (sessionId: SessionId, request: RequestId) => Effect.Effect<A, E | TurnFailed>
  /** Has the session answered, and returns once that is on disk: the turn is run, whatever becomes of this process. */
  readonly startTurn: (sessionId: SessionId, request: RequestId) => Effect.Effect<void, E | TurnFailed>
  /** Compresses the session now. `request` names the compression, as it does for `turn`. */
  readonly compress: (
    sessionId: SessionId,
    request: RequestId
  ) => Effect.Effect<CompressionResult, UnknownSession | StoreError | CompressionFailed | InvalidPolicy>
  /** The message that answered a delivery, as `Gateway.reply` finds it, without asking any host. */
  readonly reply: (sessionId: SessionId, arrival: number) => Effect.Effect<Logged | null, UnknownSession | StoreError>
  /** The view of the log as it is, from the host that has it in memory. */
  readonly view: (sessionId: SessionId) => Effect.Effect<View, UnknownSession | StoreError>
  /** The session's statistics. */
  readonly stats: (sessionId: SessionId) => Effect.Effect<SessionStats, UnknownSession | StoreError>
  /** Stops the session's turn on its host. Returns whether there was anything to stop. */
  readonly interrupt: (sessionId: SessionId) => Effect.Effect<boolean, StoreError>
  /** The address of the host that has the session now, as `host:port`. */
  readonly locate: (sessionId: SessionId) => Effect.Effect<string, StoreError>
}

type ClusterFailure = AlreadyProcessingMessage | MailboxFull | PersistenceError

export const makeClient = <A, I, E, J>(
  protocol: Protocol<A, I, E, J>
): Effect.Effect<Client<A, E>, never, Sharding | SessionStore> =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const entities = yield* protocol.client
    const hostOf = (sessionId: SessionId) => entities(addressOf(sessionId))

    return {
      deliver: (sessionId, message, { key, kind = "request" } = {}) =>
        Effect.uninterruptible(
          Effect.tap(store.deliver(sessionId, message, { kind, key }), (receipt) =>
            receipt.duplicate
              ? Effect.void
              : Effect.zipRight(Metrics.measureDelivered(kind), LogLines.logBuffered(receipt, kind))
          )
        ),
      turn: (sessionId, request) =>
        Effect.zipRight(refuseNested(sessionId), withStoreErrors(hostOf(sessionId).turn({ sessionId, request }))),
      startTurn: (sessionId, request) =>
        withStoreErrors(hostOf(sessionId).turn({ sessionId, request }, { discard: true })),
      compress: (sessionId, request) => withStoreErrors(hostOf(sessionId).compress({ sessionId, request })),
      reply: (sessionId, arrival) => findReply(store, sessionId, arrival),
      view: (sessionId) => withStoreErrors(hostOf(sessionId).view({ sessionId })),
      stats: (sessionId) => withStoreErrors(hostOf(sessionId).stats({ sessionId })),
      interrupt: (sessionId) => withStoreErrors(hostOf(sessionId).interrupt({ sessionId })),
      locate: (sessionId) => withStoreErrors(hostOf(sessionId).locate({ sessionId }))
    }
  })

/** The database that the cluster works with is the store's: what it fails with, callers of the store know. */
const withStoreErrors = <A, E, R>(
  asked: Effect.Effect<A, E | ClusterFailure, R>
): Effect.Effect<A, Exclude<E, ClusterFailure> | StoreError, R> =>
  Effect.catchIf(asked, isClusterFailure, ({ _tag, message }) =>
    Effect.fail(
      new StoreError({
        operation: "ask the host of a session",
        reason: _tag === "PersistenceError" ? "unavailable" : "busy",
        detail: message === "" ? _tag : message
      })
    )
  )

const CLUSTER_FAILURES: ReadonlyArray<unknown> = ["AlreadyProcessingMessage", "MailboxFull", "PersistenceError"]

const isClusterFailure = (error: unknown): error is ClusterFailure =>
  error instanceof Error && "_tag" in error && CLUSTER_FAILURES.includes(error._tag)
