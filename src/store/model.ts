/** The values a store takes and returns. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import {
  type DeliveryKind,
  isSessionId,
  isStorable,
  type Logged,
  type Manifest,
  type Segment,
  SessionId,
  type State
} from "../session/Session.ts"
import { escapeId } from "../message/text.ts"
import { NO_ID, Origin } from "./histories.ts"
import type { Usage } from "../message/Tokens.ts"
import type { Counts } from "../session/SessionStats.ts"
import { type InvalidKey, makeInvalidKey, makeMisuse, type StoreError } from "../session/SessionError.ts"

/**
 * The purpose of a lease: the agent answers (`turn`), or an operation changes the view's base (`operation`).
 *
 * @since 0.1.0
 * @category models
 */
export type LeaseName = "turn" | "operation"

/**
 * The right to write to a session until another holder takes it. Every write verifies `token` and `holder` in its
 * transaction. `epoch` changes with each reset and rewind; no two sessions that had one id after the other share one.
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
 * A request for a lease. `holder` names this one acquisition: a caller never uses it twice, so that a store that lost
 * its newest writes cannot take an old holder for the new one. `ttl` is how long the lease lasts without a renewal, in
 * milliseconds.
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
 * A request for the lease of a turn, or of an operation.
 *
 * @since 0.1.0
 * @category models
 */
export type BeginRequest = Omit<LeaseRequest, "name">

/**
 * A lease that ends later than so many of its lives from now was taken by a clock that ran ahead. It is not believed, or
 * it would lock its session until that time comes.
 */
export const MOST_LIVES = 4

/**
 * The lease is another holder's for `remaining` more milliseconds, at least one, unless that holder renews it or gives it
 * back. A caller that waits asks again no later than then. The store's own clock computes the time left, because the
 * clocks of two hosts differ.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeaseHeld {
  readonly _tag: "Held"
  readonly holder: string
  readonly remaining: number
}

/**
 * The answer to a request for a lease.
 *
 * @since 0.1.0
 * @category models
 */
export type Acquired = { readonly _tag: "Granted"; readonly lease: Lease } | LeaseHeld

/**
 * The messages that moved from the inbox to the log, and the session with them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Promotion {
  readonly promoted: ReadonlyArray<Logged>
  readonly state: State
}

/**
 * The lease of a turn, and what the turn begins with. `isLatest` returns whether `promote` could tell nothing else: a store
 * that does not know returns false.
 *
 * @since 0.1.0
 * @category models
 */
export interface Begun extends Promotion {
  readonly _tag: "Granted"
  readonly lease: Lease
  readonly isLatest: () => boolean
}

/**
 * The lease of an operation, and what `state` and `ledger` tell under it. Who changes the ledger meanwhile revokes the lease.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationBegun {
  readonly _tag: "Granted"
  readonly lease: Lease
  readonly state: State
  readonly ledger: string | null
}

/**
 * Another holder has the lease by now. Nothing was written.
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
 * A new generation. A store writes all of it in one transaction, or nothing. It refuses the commit if the session is no
 * longer at `base`. It fails if there is a segment with one of the ids already, or if `manifest` names messages that the
 * log does not have yet: they would never be shown. `ledger` and `receipt` are text the store keeps without reading it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Commit {
  readonly operationId: string
  readonly base: number
  readonly manifest: Manifest
  readonly segments: ReadonlyArray<Segment>
  readonly ledger: string | null
  /** What the commit can show for itself later. It stays with its generation. */
  readonly receipt?: string | undefined
  readonly ending?: Ending | undefined
}

/**
 * Ends an operation with its commit, in the same transaction: publishes its outcome, adds to the session's counters, and
 * gives its lease back. `makeOutcome` makes the text that is published, and may be called more than once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ending {
  readonly requestKey: string
  readonly makeOutcome: (snapshotId: string) => string
  readonly counts: Counts
}

/**
 * A generation in which the messages after `seq` are undone. A store refuses it if the session is no longer at `base`,
 * and fails if `manifest` names messages that the log does not have yet. The store adds what is undone to `manifest`
 * itself, because the log may have grown meanwhile.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rewind {
  readonly base: number
  readonly seq: number
  readonly manifest: Manifest
  readonly ledger: string | null
}

/**
 * A new generation, and the name of the snapshot of the one before.
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
 * What was deleted with a session: messages of its log, and deliveries that waited. `lastArrival` is the highest number
 * that any delivery to the store had by then.
 *
 * @since 0.1.0
 * @category models
 */
export interface Forgotten {
  readonly messages: number
  readonly waiting: number
  readonly lastArrival: number
}

/**
 * `application` keeps the session in its own database, too, so that it cannot be forgotten here: it has to be deleted
 * there first. Nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ForeignSession extends Schema.TaggedError<ForeignSession>()("ForeignSession", {
  sessionId: SessionId,
  application: Schema.String
}) {
  override get message() {
    return `cannot forget session ${escapeId(this.sessionId)}: ${this.application} has it, too. Delete it there first, then forget what is left here`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The end of an operation, for equal requests of other processes. Equal requests have the same `requestKey`. `outcome`
 * is text the store keeps without reading it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PublishedOutcome {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly requestKey: string
  readonly outcome: string
}

/**
 * One session in a list of all: messages of its log, deliveries that wait, its generation, and the tokens of its log. Of one
 * that was imported as a part of another, `origin` tells what it was.
 *
 * @since 0.1.0
 * @category models
 */
export const SessionSummary = Schema.Struct({
  sessionId: Schema.String,
  messages: Schema.Int,
  waiting: Schema.Int,
  generation: Schema.Int,
  tokens: Schema.Int,
  origin: Schema.optionalWith(Origin, { exact: true })
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
 * A message that was acknowledged. `seq` is its place in the log, `null` while it is in the inbox. `undone` tells that a
 * rewind took it back.
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
  readonly unreadable?: string
}

/**
 * The kind of a delivery, and its idempotency key.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  readonly kind: DeliveryKind
  readonly key?: string | undefined
}

/**
 * The messages of a log to search: `fromSeq` to `toSeq`, without those of `except`, and those of `also`.
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

export const isInScope = ({ also, except, fromSeq, toSeq }: SearchScope, seq: number): boolean =>
  also.includes(seq) || (fromSeq <= seq && seq <= toSeq && !except.includes(seq))

/**
 * The messages to search, and the largest number to find.
 *
 * @since 0.1.0
 * @category models
 */
export interface SearchOptions {
  readonly scope: SearchScope
  readonly limit: number
}

/**
 * The memory of a route. `failures` counts the tasks that failed in a row, `level` the pauses in a row. `until`
 * is in epoch milliseconds, 0 before the first pause.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pause {
  readonly failures: number
  readonly level: number
  readonly until: number
}

/**
 * What is to be remembered of routes, made of what was, and the caller's own result.
 *
 * @since 0.1.0
 * @category models
 */
export type PauseChange<A> = (pauses: ReadonlyArray<Pause>) => readonly [result: A, changed: ReadonlyArray<Pause>]

/**
 * The memory of a route that has not failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noPause: Pause = { failures: 0, level: 0, until: 0 }

/** Refuses a session that cannot be begun, and a kind or key that could not be read back. */
export const checkDelivery = (
  sessionId: SessionId,
  { key, kind }: Delivery
): Either.Either<void, InvalidKey | StoreError> => {
  if (!isSessionId(sessionId)) return Either.left(makeMisuse("deliver", NO_ID))
  if (kind !== "request" && kind !== "notification") {
    return Either.left(makeMisuse("deliver", "the kind of a delivery is request or notification"))
  }
  return key === undefined || (typeof key === "string" && isStorable(key))
    ? Either.void
    : Either.left(makeInvalidKey(sessionId, key))
}

/** Returns whether a report could be read back. By hand, since steps report, and reading anything else may throw. */
export const isUsage = (usage: Usage): boolean => {
  try {
    const { estimate, generation, inputTokens, model, seq } = usage
    return typeof model === "string" && [estimate, generation, inputTokens, seq].every(Number.isSafeInteger)
  } catch {
    return false
  }
}
