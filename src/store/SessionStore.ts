/**
 * Stores sessions: inbox, append-only log, generations, leases. A layer decides which backend does so. Each backend
 * provides four services together, and passes the same contract tests.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { InvalidMessage, Message } from "../message/Message.ts"
import { inUse } from "../message/Tokens.ts"
import type { Counts, SessionStats } from "../session/SessionStats.ts"
import type { LearnedWindowChange, Logged, Receipt, Segment, SessionId, State, Usage } from "../session/Session.ts"
import type {
  IdempotencyConflict,
  InvalidKey,
  SessionBusy,
  SessionExists,
  StoreError,
  Superseded,
  TurnLost,
  UnknownSegment,
  UnknownSession,
  UnknownSnapshot
} from "../session/SessionError.ts"
import type {
  Acknowledged,
  Acquired,
  BeginRequest,
  Begun,
  Commit,
  Committed,
  Delivery,
  ForeignSession,
  Forgotten,
  Lease,
  LeaseHeld,
  LeaseLost,
  LeaseRequest,
  OperationBegun,
  PauseChange,
  Promotion,
  PublishedOutcome,
  Rewind,
  SearchOptions,
  SessionSummary,
  Snapshot
} from "./model.ts"
import type { Histories, LeftEntry } from "./histories.ts"
import * as MemoryStore from "./memoryStore.ts"

export { LeftEntry, Origin } from "./histories.ts"
export type { Histories } from "./histories.ts"
export { ForeignSession, LeaseLost, noPause, SessionSummary, Snapshot } from "./model.ts"
export type {
  Acknowledged,
  Acquired,
  BeginRequest,
  Begun,
  Commit,
  Committed,
  Delivery,
  Ending,
  Forgotten,
  Lease,
  LeaseHeld,
  LeaseName,
  LeaseRequest,
  OperationBegun,
  Pause,
  PauseChange,
  Promotion,
  PublishedOutcome,
  Rewind,
  SearchOptions,
  SearchScope
} from "./model.ts"

/**
 * The sessions themselves. Every method is atomic: it writes all it says, or nothing. What a caller gives to a method it
 * never changes afterwards. A method that needs one lease treats another one as lost.
 *
 * @since 0.1.0
 * @category services
 */
export class SessionStore extends Context.Tag("throughline/SessionStore")<
  SessionStore,
  {
    /**
     * Puts a message into the session's inbox and returns once it is on disk and numbered. The session begins with its
     * first delivery. `message` may come from outside unchecked; what is no message fails with `InvalidMessage`. A
     * delivery with the key and the message of an earlier one returns that one's receipt; the key with another message
     * fails with `IdempotencyConflict`. Messages are compared as JSON values: the order of their keys does not matter. A
     * key that is no text every store can keep fails with `InvalidKey`.
     */
    readonly deliver: (
      sessionId: SessionId,
      message: unknown,
      delivery: Delivery
    ) => Effect.Effect<Receipt, InvalidMessage | IdempotencyConflict | InvalidKey | StoreError>
    /**
     * Makes sessions from whole histories, all or none, also if it is interrupted, its process ends, or a stream of messages
     * fails. Fails with `SessionExists` if one of them is there already.
     */
    readonly importAll: <E = never>(
      histories: Histories<E>
    ) => Effect.Effect<void, E | SessionExists | InvalidMessage | StoreError>

    /**
     * Deletes a session with all that is stored of it, if no turn and no operation holds it. The next delivery to its id
     * begins a new one. Fails with `ForeignSession` if another application keeps the session, too.
     */
    readonly forget: (
      sessionId: SessionId
    ) => Effect.Effect<Forgotten, UnknownSession | SessionBusy | ForeignSession | StoreError>

    /** Takes a lease if it is free or has expired. */
    readonly acquire: (
      sessionId: SessionId,
      request: LeaseRequest
    ) => Effect.Effect<Acquired, UnknownSession | StoreError>
    /** Takes the lease of a turn as `acquire` does, and promotes the inbox under it. */
    readonly begin: (
      sessionId: SessionId,
      request: BeginRequest
    ) => Effect.Effect<Begun | LeaseHeld, UnknownSession | StoreError>
    /** Takes the lease of an operation as `acquire` does, and reads what it begins with. */
    readonly beginOperation: (
      sessionId: SessionId,
      request: BeginRequest
    ) => Effect.Effect<OperationBegun | LeaseHeld, UnknownSession | StoreError>
    /** Extends a lease by `ttl` milliseconds from now. Returns whether it was still the caller's. */
    readonly renew: (lease: Lease, ttl: number) => Effect.Effect<boolean, StoreError>
    /**
     * Gives a lease back. Does nothing if another holder has it by now. A store may return before it has done so: what is
     * asked of it next about the session comes after, and its scope waits for it.
     */
    readonly release: (lease: Lease) => Effect.Effect<void, StoreError>

    /** Moves the inbox to the log, in order of arrival, under the turn's lease. */
    readonly promote: (lease: Lease) => Effect.Effect<Promotion, TurnLost | Superseded | StoreError>
    /** Adds messages to the log under the turn's lease. Adds none if one of them is invalid. */
    readonly append: (
      lease: Lease,
      messages: ReadonlyArray<Message>
    ) => Effect.Effect<ReadonlyArray<Logged>, TurnLost | Superseded | InvalidMessage | StoreError>
    /** Keeps how many tokens the provider counted for a view. Best effort: a crash may lose the report. */
    readonly report: (sessionId: SessionId, usage: Usage) => Effect.Effect<void>
    /**
     * Keeps the window that was learned for a model, in place of the one before, and when a larger one is to be tried;
     * `null` forgets it. Does nothing for an unknown session. A reset forgets all windows of the session.
     */
    readonly learnWindow: (sessionId: SessionId, ...learned: LearnedWindowChange) => Effect.Effect<void, StoreError>

    /** Reads what the session's view is made of now. */
    readonly state: (sessionId: SessionId) => Effect.Effect<State, UnknownSession | StoreError>
    /**
     * Reads the same, perhaps without what other processes wrote in the last second. It is for a holder of a lease, whose
     * writes are refused if the session is at another base by now.
     */
    readonly recentState: (sessionId: SessionId) => Effect.Effect<State, UnknownSession | StoreError>
    /**
     * Reads what a rewind to `seq` goes back to: the newest generation that covers nothing after it. The state holds no
     * message after `seq`, whatever the generation's manifest names.
     */
    readonly stateAt: (sessionId: SessionId, seq: number) => Effect.Effect<State, UnknownSession | StoreError>
    /** Reads the ledger that the newest commit or rewind wrote. Returns `null` without one, and after a reset. */
    readonly ledger: (sessionId: SessionId) => Effect.Effect<string | null, UnknownSession | StoreError>

    /** Makes the next generation under the operation's lease. */
    readonly commit: (lease: Lease, commit: Commit) => Effect.Effect<Committed, LeaseLost | StoreError>
    /**
     * Ends the working context: the next generation begins after the log so far. Revokes the operation's lease,
     * supersedes the turn, and voids what was reported.
     */
    readonly reset: (sessionId: SessionId) => Effect.Effect<Committed, UnknownSession | StoreError>
    /** Takes messages back, with the effects of `reset` on leases and reports. Returns `null` if it was refused. */
    readonly rewind: (
      sessionId: SessionId,
      rewind: Rewind
    ) => Effect.Effect<Committed | null, UnknownSession | StoreError>

    /** Tells equal requests of other processes how an operation ended. */
    readonly publish: (published: PublishedOutcome) => Effect.Effect<void, StoreError>
    /** Reads how an operation ended, if it was asked for with this key; otherwise returns `null`. */
    readonly outcome: (operationId: string, requestKey: string) => Effect.Effect<string | null, StoreError>

    /** Reads messages of the log from `fromSeq` to `toSeq`, both included, without those a rewind took back. */
    readonly range: (
      sessionId: SessionId,
      fromSeq: number,
      toSeq: number
    ) => Effect.Effect<ReadonlyArray<Logged>, StoreError>
    /** Streams every acknowledged message: the log, from the one after message `after` on if it is given, then the inbox. */
    readonly log: (sessionId: SessionId, after?: number) => Stream.Stream<Acknowledged, UnknownSession | StoreError>
    /** Reads what an import could not read of the session's file. A file of several sessions keeps it beside the first. */
    readonly leftOut: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<LeftEntry>, UnknownSession | StoreError>
    /** Lists all sessions, in order of their ids. */
    readonly sessions: Effect.Effect<ReadonlyArray<SessionSummary>, StoreError>
    /** Lists the generations a session left behind, oldest first. */
    readonly snapshots: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<Snapshot>, UnknownSession | StoreError>
    /** Reads what the view of a snapshot is made of. */
    readonly snapshot: (snapshotId: string) => Effect.Effect<State, UnknownSnapshot | StoreError>
    /** Reads the receipt of the commit that left a snapshot behind. Returns `null` if it has none. */
    readonly receipt: (snapshotId: string) => Effect.Effect<string | null, UnknownSnapshot | StoreError>
  }
>() {}

/**
 * Finds messages by their words, and segments by what they cover.
 *
 * @since 0.1.0
 * @category services
 */
export class SessionIndex extends Context.Tag("throughline/SessionIndex")<
  SessionIndex,
  {
    /**
     * Finds messages that hold words of the query, best first, each once; of a query of several words also messages
     * beside such. Leaves out what throughline itself wrote, and what a rewind took back. Sees everything that was appended before.
     */
    readonly search: (
      sessionId: SessionId,
      query: string,
      options: SearchOptions
    ) => Effect.Effect<ReadonlyArray<Logged>, UnknownSession | StoreError>
    /** Reads a segment, and the session it is of. */
    readonly segment: (
      segmentId: string
    ) => Effect.Effect<{ readonly sessionId: SessionId; readonly segment: Segment }, UnknownSegment | StoreError>
    /** Returns the id of the finest segment that covers a message, of equals the newest; `null` if none does. */
    readonly segmentOver: (sessionId: SessionId, seq: number) => Effect.Effect<string | null, StoreError>
  }
>() {}

/**
 * Counts what happened to a session. The counters survive a restart.
 *
 * @since 0.1.0
 * @category services
 */
export class SessionCounters extends Context.Tag("throughline/SessionCounters")<
  SessionCounters,
  {
    /** Adds to the session's counters, each number rounded to the nearest. Does nothing for an unknown session. */
    readonly count: (sessionId: SessionId, counts: Counts) => Effect.Effect<void, StoreError>
    /** Reads the session's counters. */
    readonly stats: (sessionId: SessionId) => Effect.Effect<SessionStats, UnknownSession | StoreError>
    /** Adds `more` to how often healing a segment has failed, and returns the sum. */
    readonly healTries: (segmentId: string, more: number) => Effect.Effect<number, StoreError>
  }
>() {}

/**
 * Remembers which model routes failed, for every process that shares the store.
 *
 * @since 0.1.0
 * @category services
 */
export class RouteMemory extends Context.Tag("throughline/RouteMemory")<
  RouteMemory,
  {
    /**
     * Reads and replaces, in one transaction, what is remembered under keys of routes, each named once. `change` gets the
     * pauses in the order of the keys, and returns as many. It must be pure: a store may call it more than once. A pause
     * without failures is forgotten; `until` is rounded up to a whole millisecond.
     */
    readonly modify: <A>(keys: ReadonlyArray<string>, change: PauseChange<A>) => Effect.Effect<A, StoreError>
  }
>() {}

/**
 * The services every backend provides together.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = SessionStore | SessionIndex | SessionCounters | RouteMemory

/**
 * Keeps sessions in the memory of this process: for tests, examples and trials. It keeps the contract of every other
 * backend but one: its sessions end with the layer's scope.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Services> = Layer.effectContext(
  Effect.map(inUse, (counter) => {
    const { counters, index, routes, store } = MemoryStore.make(counter)
    return Context.make(SessionStore, SessionStore.of(store)).pipe(
      Context.add(SessionIndex, SessionIndex.of(index)),
      Context.add(SessionCounters, SessionCounters.of(counters)),
      Context.add(RouteMemory, RouteMemory.of(routes))
    )
  })
)
