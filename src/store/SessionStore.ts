/**
 * Where sessions live: inbox, append-only log, generations, leases. The seam at which a Layer swaps one store for
 * another; every backend passes the same contract tests.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import type { Ledger } from "../ledger/Ledger.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import type { Pause } from "../model/RoutePause.ts"
import type { Counts, SessionStats } from "../session/SessionStats.ts"
import type { DeliveryKind, Logged, Manifest, Receipt, Segment, SessionId, State, Usage } from "../session/Session.ts"
import type {
  IdempotencyConflict,
  SessionExists,
  StoreError,
  Superseded,
  TurnLost,
  UnknownSegment,
  UnknownSession,
  UnknownSnapshot
} from "../session/SessionError.ts"

/**
 * What a lease is for: the agent answering (`turn`), or a change of the view's base (`operation`).
 *
 * @since 0.1.0
 * @category models
 */
export type LeaseName = "turn" | "operation"

/**
 * The right to write, until somebody else takes it: every write verifies `token` in its transaction. `epoch` is the
 * session's count of resets and rewinds when the lease was taken.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lease {
  readonly sessionId: SessionId
  readonly name: LeaseName
  readonly holder: string
  readonly token: number
  readonly epoch: number
}

/**
 * The answer to asking for a lease: it is yours, or it is `holder`'s until `expiresAt` (epoch milliseconds).
 *
 * @since 0.1.0
 * @category models
 */
export type Acquired =
  | { readonly _tag: "Granted"; readonly lease: Lease }
  | { readonly _tag: "Held"; readonly holder: string; readonly expiresAt: number }

/**
 * The lease is somebody else's by now: nothing was written.
 *
 * @since 0.1.0
 * @category errors
 */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", {
  name: Schema.Literal("turn", "operation"),
  superseded: Schema.Boolean
}) {
  override get message() {
    return `the ${this.name} lease was ${this.superseded ? "superseded by a reset or rewind" : "taken over"}`
  }
}

/**
 * How long a lease lasts without a heartbeat, in milliseconds, and who asks.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeaseRequest {
  readonly name: LeaseName
  readonly holder: string
  readonly ttl: number
}

/**
 * A new generation: everything of it is written in one transaction, or nothing. It is refused if the session is no
 * longer at `base`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Commit {
  readonly operationId: string
  readonly base: number
  readonly manifest: Manifest
  readonly segments: ReadonlyArray<Segment>
  readonly ledger: Ledger
}

/**
 * A generation in which the messages after `seq` are undone. It is refused if the session is no longer at `base`; what
 * is undone by `manifest` is left to the store, since the log may have grown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rewind {
  readonly base: number
  readonly seq: number
  readonly manifest: Manifest
  readonly ledger: Ledger
}

/**
 * What a commit left behind and made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Committed {
  readonly generation: number
  readonly snapshotId: string
  readonly state: State
}

/**
 * One line of `sessions`.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionSummary = Schema.Struct({
  sessionId: Schema.String,
  messages: Schema.Int,
  waiting: Schema.Int,
  generation: Schema.Int,
  tokens: Schema.Int
})
/**
 * @since 0.1.0
 * @category models
 */
export type SessionSummary = typeof SessionSummary.Type

/**
 * A generation that was left behind, at `at` (epoch milliseconds).
 *
 * @since 0.1.0
 * @category models
 */
export const Snapshot = Schema.Struct({
  snapshotId: Schema.String,
  sessionId: Schema.String,
  generation: Schema.Int,
  lastSeq: Schema.Int,
  at: Schema.Int
})
/**
 * @since 0.1.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type

/**
 * A message that was acknowledged: in the log it has a `seq`, in the inbox none yet. It is `undone` if a rewind took it
 * back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acknowledged {
  readonly seq: number | null
  readonly arrival: number | null
  readonly kind: DeliveryKind | null
  readonly message: Message
  readonly at: number
  readonly undone: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  readonly kind: DeliveryKind
  readonly key?: string | undefined
}

/**
 * Whole histories, all imported or none.
 *
 * @since 0.1.0
 * @category models
 */
export type Histories = ReadonlyArray<{ readonly sessionId: SessionId; readonly messages: ReadonlyArray<Message> }>

/**
 * Where in a log to look: from `fromSeq` to `toSeq`, without the messages of `except`, and in those of `also`.
 *
 * @since 0.1.0
 * @category models
 */
export interface SearchScope {
  readonly fromSeq: number
  readonly toSeq: number
  readonly except: ReadonlyArray<number>
  readonly also: ReadonlyArray<number>
}

/**
 * - `deliver` returns when the message is on disk and numbered; the session begins with its first delivery.
 * - `promote` moves the inbox to the log, in order; `append` adds to the log; both under the turn's lease.
 * - `report` keeps what the provider said a view had cost; it is an estimate's aid and may be lost in a crash.
 * - `commit` makes a generation under the operation's lease; `reset` ends the working context without one, and `rewind`
 *   takes messages back. Both revoke the operation's lease and supersede the turn, and void what was reported.
 * - `stateAt`: what a rewind goes back to, the newest generation that covers nothing after `seq`, with the log so far.
 * - `publish` tells other processes how an operation ended; `outcome` reads it if it was an equal request's.
 * - `count` adds to the session's counters, which `stats` reads; of an unknown session nothing is counted.
 * - `log` streams every acknowledged message, log then inbox.
 *
 * @since 0.1.0
 * @category services
 */
export class SessionStore extends Context.Tag("throughline/SessionStore")<
  SessionStore,
  {
    readonly deliver: (
      sessionId: SessionId,
      message: Message,
      delivery: Delivery
    ) => Effect.Effect<Receipt, IdempotencyConflict | StoreError>
    readonly importAll: (histories: Histories) => Effect.Effect<void, SessionExists | InvalidMessage | StoreError>
    readonly acquire: (
      sessionId: SessionId,
      request: LeaseRequest
    ) => Effect.Effect<Acquired, UnknownSession | StoreError>
    readonly renew: (lease: Lease, ttl: number) => Effect.Effect<boolean, StoreError>
    readonly release: (lease: Lease) => Effect.Effect<void, StoreError>
    readonly promote: (
      lease: Lease
    ) => Effect.Effect<
      { readonly promoted: ReadonlyArray<Logged>; readonly state: State },
      TurnLost | Superseded | StoreError
    >
    readonly append: (
      lease: Lease,
      messages: ReadonlyArray<Message>
    ) => Effect.Effect<ReadonlyArray<Logged>, TurnLost | Superseded | InvalidMessage | StoreError>
    readonly report: (sessionId: SessionId, usage: Usage) => Effect.Effect<void>
    readonly state: (sessionId: SessionId) => Effect.Effect<State, UnknownSession | StoreError>
    readonly ledger: (sessionId: SessionId) => Effect.Effect<Ledger, UnknownSession | StoreError>
    readonly commit: (lease: Lease, commit: Commit) => Effect.Effect<Committed, LeaseLost | StoreError>
    readonly reset: (sessionId: SessionId) => Effect.Effect<Committed, UnknownSession | StoreError>
    readonly stateAt: (sessionId: SessionId, seq: number) => Effect.Effect<State, UnknownSession | StoreError>
    /** Null if it was refused. */
    readonly rewind: (
      sessionId: SessionId,
      rewind: Rewind
    ) => Effect.Effect<Committed | null, UnknownSession | StoreError>
    /** Messages of the log, both ends included; what is undone is left out. */
    readonly range: (
      sessionId: SessionId,
      fromSeq: number,
      toSeq: number
    ) => Effect.Effect<ReadonlyArray<Logged>, StoreError>
    /** Messages that hold words of the query, best first, each once; what throughline itself wrote or a rewind undid is left out. */
    readonly search: (
      sessionId: SessionId,
      query: string,
      options: { readonly places: SearchScope; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<Logged>, UnknownSession | StoreError>
    readonly segment: (
      segmentId: string
    ) => Effect.Effect<{ readonly sessionId: SessionId; readonly segment: Segment }, UnknownSegment | StoreError>
    /** The id of the finest segment that covers a message, of equals the newest. */
    readonly segmentOver: (sessionId: SessionId, seq: number) => Effect.Effect<string | null, StoreError>
    /** How often a segment's healing has failed, `more` included. */
    readonly healTries: (segmentId: string, more: number) => Effect.Effect<number, StoreError>
    readonly publish: (
      requestKey: string,
      ended: CompressionResult | CompressionFailed
    ) => Effect.Effect<void, StoreError>
    readonly outcome: (
      operationId: string,
      requestKey: string
    ) => Effect.Effect<CompressionResult | CompressionFailed | undefined, StoreError>
    /** Reads and replaces, in one transaction, what is remembered under a route's key. */
    readonly pause: <A>(key: string, change: (pause: Pause) => readonly [A, Pause]) => Effect.Effect<A, StoreError>
    readonly count: (sessionId: SessionId, counts: Counts) => Effect.Effect<void, StoreError>
    readonly stats: (sessionId: SessionId) => Effect.Effect<SessionStats, UnknownSession | StoreError>
    readonly log: (sessionId: SessionId) => Stream.Stream<Acknowledged, UnknownSession | StoreError>
    readonly sessions: Effect.Effect<ReadonlyArray<SessionSummary>, StoreError>
    readonly snapshots: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<Snapshot>, UnknownSession | StoreError>
    readonly snapshot: (snapshotId: string) => Effect.Effect<State, UnknownSnapshot | StoreError>
  }
>() {}
