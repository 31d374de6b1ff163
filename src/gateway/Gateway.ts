/**
 * The entry point: deliver messages to sessions and answer them in turns, without managing the context window yourself.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import * as ModelClients from "../model/ModelClients.ts"
import { type Exhausted, Interrupted } from "../model/ModelError.ts"
import * as ModelTask from "../summary/modelTask.ts"
import type { CompressionEvent } from "../compression/CompressionEvent.ts"
import * as Compressor from "../compression/Compressor.ts"
import { checkDuration, type InvalidPolicy, readOptions } from "../model/InvalidSetting.ts"
import type { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import type { SessionStats } from "../session/SessionStats.ts"
import * as LogLines from "../audit/logLines.ts"
import * as EditHandoff from "./editHandoff.ts"
import * as Restore from "./restore.ts"
import * as Rewind from "./rewind.ts"
import * as Pins from "./pins.ts"
import * as HoldLease from "../store/holdLease.ts"
import * as Metrics from "./metrics.ts"
import * as TurnLease from "./turnLease.ts"
import * as StopSignals from "../concurrency/stopSignals.ts"
import { withSpanIfTraced } from "../concurrency/fiberServices.ts"
import { type ForgetFailure, forgetSession } from "./forget.ts"
import { findReply } from "./reply.ts"
import { makeNovelty } from "./novelty.ts"
import { makeTurn } from "./makeTurn.ts"
import { makeLearnedLimits } from "./learnedLimits.ts"
import { type Forecast, forecastSession, type ForecastOptions } from "./forecast.ts"
import { findWriter } from "./stepBudget.ts"
import type * as Message from "../message/Message.ts"
import * as RoutePauses from "../summary/RoutePauses.ts"
import { distinctRoutes, label, type ModelRequest, type Route } from "../model/Provider.ts"
import * as Recall from "../recall/Recall.ts"
import { isSessionId, type Logged, type Receipt, type SessionId } from "../session/Session.ts"
import {
  type IdempotencyConflict,
  type InvalidPin,
  type InvalidKey,
  type InvalidRestore,
  type InvalidRewind,
  makeMisuse,
  type PinTooLarge,
  type SessionBusy,
  type StoreError,
  TurnInterrupted,
  makeUnknownSession,
  type UnknownSession,
  type UnknownSnapshot
} from "../session/SessionError.ts"
import { type Begun, type Delivery, type Forgotten, SessionCounters, SessionStore } from "../store/SessionStore.ts"
import * as Summarizer from "../summary/Summarizer.ts"
import { inUse } from "../message/Tokens.ts"
import { refuseNested, withinTurn } from "./runningTurns.ts"
import type { NestedTurn, Turn } from "./Turn.ts"
import * as View from "../view/View.ts"

/**
 * The policy of the conversation's window, the model routes for summaries and for other auxiliary tasks, and how long
 * shutdown waits for a running compression. All durations accept what `Duration.decode` does.
 *
 * @since 0.1.0
 * @category models
 */
export interface GatewayOptions
  extends Compressor.CompressorOptions, Summarizer.SummarizerOptions, ModelClients.ModelClientsOptions {
  /** The pauses of a failing route: how long each lasts, and after how many failures. */
  readonly pauses?: RoutePauses.PausePolicy | undefined
  /** The routes of a task other than `compression`; default: those of `compression`. */
  readonly taskRoutes?: ((task: string) => ReadonlyArray<Route>) | undefined
}

/**
 * Options of one turn.
 *
 * @since 0.1.0
 * @category models
 */
export interface TurnOptions {
  /** The longest wait for the session's turn before `SessionBusy`; without it, the turn waits as long as it takes. */
  readonly wait?: Duration.DurationInput | undefined
}

export type { Forecast, ForecastOptions, ForecastThreshold } from "./forecast.ts"
export { type Edited, type EditOptions, InvalidEdit } from "./editHandoff.ts"
export type { Restored } from "./restore.ts"
export type { ResetResult, Rewound } from "./rewind.ts"
export type { ForgetFailure } from "./forget.ts"
export { type Pin, PinRequest } from "./pins.ts"
export type { PausePolicy } from "../summary/RoutePauses.ts"
export type { SummarizerOptions } from "../summary/Summarizer.ts"

/**
 * A model call for a session beside its conversation, e.g. to flush memories.
 *
 * @since 0.1.0
 * @category models
 */
export type AuxiliaryRequest = ModelRequest

/**
 * The failures of `turn` besides those of its agent.
 *
 * - `SessionBusy`: another turn held the session for longer than `wait`
 * - `NestedTurn`: the agent of the session's own turn asked for it
 * - `TurnInterrupted`: `interrupt` stopped the turn
 * - `UnknownSession`: the session was never delivered to
 * - `StoreError`: the store failed
 * - `InvalidPolicy`: `wait` is no duration
 *
 * @since 0.1.0
 * @category errors
 */
export type TurnFailure = SessionBusy | NestedTurn | TurnInterrupted | UnknownSession | StoreError | InvalidPolicy

/**
 * Sessions as an agent host sees them: messages in, turns, compressions, and the way back.
 *
 * @since 0.1.0
 * @category services
 */
export class Gateway extends Context.Tag("throughline/Gateway")<
  Gateway,
  {
    /**
     * Stores a message in the session's inbox and returns its receipt once it is on disk and numbered. The session
     * begins with its first delivery. Never waits for a turn or a compression.
     *
     * `message` is checked at run time, too: what is no chat message fails with `InvalidMessage`. A delivery is a `request` unless its `kind` says otherwise. Another message under an
     * idempotency `key` in use fails with `IdempotencyConflict`; the same JSON value gets its first receipt again.
     */
    readonly deliver: (
      sessionId: SessionId,
      message: Message.Message,
      delivery?: Partial<Delivery>
    ) => Effect.Effect<Receipt, Message.InvalidMessage | IdempotencyConflict | InvalidKey | StoreError>
    /**
     * Runs an agent on a session. Turns of one session run one at a time, in this process and across processes, in the
     * order they were asked for within a process. Fails as the agent does, or with a `TurnFailure`.
     */
    readonly turn: <A, E, R>(
      sessionId: SessionId,
      agent: (turn: Turn) => Effect.Effect<A, E, R>,
      options?: TurnOptions
    ) => Effect.Effect<A, E | TurnFailure, R>
    /**
     * Returns the message that answered a delivery: the one that ended the turn which took it up. Null while the delivery
     * awaits its answer, and after it was taken back. `arrival` is that of the receipt. Reads back from the end of the log.
     */
    readonly reply: (sessionId: SessionId, arrival: number) => Effect.Effect<Logged | null, UnknownSession | StoreError>
    /**
     * Compresses the session now, or joins an equal compression under way, and returns what came of it. A caller that
     * is interrupted stops waiting; the compression goes on and is committed. Fails with `InvalidPolicy` if the
     * request's window contradicts the policy, and with `CompressionFailed` if every route failed under
     * `onExhausted: "fail"`.
     */
    readonly compress: (
      sessionId: SessionId,
      request?: Compressor.CompressionRequest
    ) => Effect.Effect<CompressionResult, UnknownSession | StoreError | CompressionFailed | InvalidPolicy>
    /**
     * Summarizes again, with a model, the segments that were extracted without one. Does nothing while every route is
     * paused, and gives way to a compression. Each segment is tried three times at most. Returns the ids of the
     * segments that were replaced.
     */
    readonly heal: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<string>, UnknownSession | StoreError>
    /**
     * The compressions of all sessions in this process, from the moment of subscription on. A slow subscriber misses
     * the oldest events.
     */
    readonly events: Stream.Stream<CompressionEvent>
    /** Says what a compression would do now, save and cost, and when one begins. Asks no model, and changes nothing. */
    readonly plan: (
      sessionId: SessionId,
      options?: ForecastOptions
    ) => Effect.Effect<Forecast, UnknownSession | StoreError | InvalidPolicy>
    /** Counts the session's compressions, model calls and waits, from its first message on and across restarts. */
    readonly stats: (sessionId: SessionId) => Effect.Effect<SessionStats, UnknownSession | StoreError>
    /** The view of the log as it is, without moving deliveries from the inbox to the log. */
    readonly view: (sessionId: SessionId) => Effect.Effect<View.View, UnknownSession | StoreError>
    /**
     * Ends the working context: the next view begins empty, but for the system prompt. The log stays and can be
     * searched; the inbox is not touched. Takes effect at once: a turn under way fails with `Superseded` at its next
     * append.
     */
    readonly reset: (sessionId: SessionId) => Effect.Effect<Rewind.ResetResult, UnknownSession | StoreError>
    /**
     * Takes back every message after `seq`; 0 takes back all. The log keeps them as undone, and the inbox is not
     * touched. Does nothing if there is no message after `seq`. Takes effect at once, as `reset` does. Fails with
     * `InvalidRewind` if `seq` is not in the log or was taken back before.
     */
    readonly rewind: (
      sessionId: SessionId,
      seq: number
    ) => Effect.Effect<Rewind.Rewound, InvalidRewind | UnknownSession | StoreError>
    /**
     * Deletes a session with all that is stored of it, in one transaction: log, inbox, handoffs, snapshots, pins, receipts,
     * what recall finds, counters. The next delivery to its id begins a new session. Nothing brings it back. Fails with
     * `SessionBusy` while a turn or an operation holds the session, and with `ForeignSession` if Hermes has it, too.
     */
    readonly forget: (sessionId: SessionId) => Effect.Effect<Forgotten, ForgetFailure>
    /**
     * Keeps messages or a text in every view, word for word and redacted, until it is unpinned, a reset ends the context,
     * or a rewind takes back its last message (for a text: what the log ended with). A pin of the same name is replaced.
     * Waits for a compression under way. The view shows the pin at once if it shows the words nowhere else; otherwise the
     * next compression does. Pins are never cut: what does not fit into their share of the window fails with
     * `PinTooLarge`, which says how much room there is. What is no request, or has no words, fails with `InvalidPin`.
     */
    readonly pin: (
      sessionId: SessionId,
      request: Pins.PinRequest
    ) => Effect.Effect<Pins.Pin, InvalidPin | PinTooLarge | UnknownSession | StoreError>
    /** Lets the pin of this name leave the view at the next compression. Returns whether there was such a pin. */
    readonly unpin: (sessionId: SessionId, name: string) => Effect.Effect<boolean, UnknownSession | StoreError>
    /** Lists what is pinned, oldest first. */
    readonly pins: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<Pins.Pin>, UnknownSession | StoreError>
    /**
     * Makes the view what it was at a snapshot, in a new generation. Messages that came since follow it; those that a
     * rewind took back since are shown again if the snapshot had them. A turn under way goes on and sees the restored
     * view at its next step. Fails with `InvalidRestore`, which says what to do, if the snapshot is another session's, if
     * a compression is under way, or if the view would not fit the window; with `UnknownSnapshot` if there is none.
     */
    readonly restore: (
      sessionId: SessionId,
      snapshotId: string
    ) => Effect.Effect<Restore.Restored, InvalidRestore | UnknownSnapshot | UnknownSession | StoreError>
    /** Replaces the handoff by its text as a person mended it, redacted and gated, in a new generation. */
    readonly editHandoff: (
      sessionId: SessionId,
      text: string,
      options?: EditHandoff.EditOptions
    ) => Effect.Effect<EditHandoff.Edited, EditHandoff.InvalidEdit | UnknownSession | StoreError>
    /**
     * Makes a model call for the task that the request names, on the task's routes, with secrets removed from its
     * messages. Interruptible, unlike a compression. Fails with `Exhausted` if no route gave an answer, and with
     * `Interrupted` if `interrupt` stopped it.
     */
    readonly auxiliary: (
      sessionId: SessionId,
      request: AuxiliaryRequest
    ) => Effect.Effect<ModelClients.Completion, Exhausted | Interrupted>
    /**
     * Stops the session's turn and its auxiliary tasks in this process, never a compression. Returns whether there was
     * anything to stop.
     */
    readonly interrupt: (sessionId: SessionId) => Effect.Effect<boolean>
  }
>() {}

/**
 * Makes the gateway of a process, on the services that `layer` provides. Its scope renews the leases of running turns.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: GatewayOptions) {
  const store = yield* SessionStore
  const counters = yield* SessionCounters
  const compressor = yield* Compressor.Compressor
  const services = yield* Effect.context<ModelClients.ModelClients | RoutePauses.RoutePauses>()
  const counter = yield* inUse
  const process = randomUUID()
  let holders = 0
  const stopSignals = StopSignals.make<SessionId>()
  const isNew = makeNovelty()
  const learnedLimits = makeLearnedLimits()
  const outputMeter = Metrics.makeOutputMeter(compressor.policy.promptCache)
  const leases = yield* HoldLease.make(store, options.leaseTtl)
  const writer = findWriter(options.routes)
  const env = { store, counters, compressor, counter, isNew, learnedLimits, outputMeter, writer }

  /** Uninterruptible: every stored delivery gets its log line. */
  const deliver = (sessionId: SessionId, message: unknown, delivery?: Partial<Delivery>) => {
    const read = Either.try({ try: () => ({ ...delivery }), catch: (cause) => makeMisuse("deliver", cause) })
    if (Either.isLeft(read)) return Effect.fail(read.left)
    const { key, kind = "request" } = read.right
    const delivered = Effect.tap(store.deliver(sessionId, message, { kind, key }), (receipt) =>
      receipt.duplicate
        ? Effect.void
        : Effect.zipRight(Metrics.measureDelivered(kind), LogLines.logBuffered(receipt, kind))
    )
    return withSpanIfTraced("Gateway.deliver", sessionId, Effect.uninterruptible(delivered))
  }

  /** Names a holder that none before it had. */
  const nameHolder = (work: string) => `${work} ${++holders} of ${process}`
  const underTurnLease = TurnLease.make(leases, () => nameHolder("turn"))

  const turn = <A, E, R>(
    sessionId: SessionId,
    agent: (turn: Turn) => Effect.Effect<A, E, R>,
    options?: TurnOptions
  ): Effect.Effect<A, E | TurnFailure, R> => {
    if (!isSessionId(sessionId)) return Effect.fail(makeUnknownSession(sessionId))
    const asked = readOptions(options, TURN_FIELDS)
    if (Either.isLeft(asked)) return Effect.fail(asked.left)
    const { wait } = asked.right
    const interruptible = stopSignals.interruptible(sessionId, () => new TurnInterrupted({ sessionId }))
    const runAgent = (begun: Begun) => {
      const { checkEnd, turn } = makeTurn(env, begun)
      return Effect.ensuring(interruptible(withinTurn(sessionId, agent(turn))), checkEnd)
    }
    const underLease = Effect.zipRight(refuseNested(sessionId), underTurnLease(sessionId, runAgent, wait))
    const answered = Effect.annotateLogs(Metrics.measureTurn(underLease), LogLines.annotateSession(sessionId))
    return withSpanIfTraced("Gateway.turn", sessionId, answered)
  }

  const reset = (sessionId: SessionId) =>
    Effect.tap(Rewind.resetSession(store, sessionId), () => Effect.sync(() => learnedLimits.forget(sessionId)))

  const forget = (sessionId: SessionId) =>
    Effect.tap(forgetSession(store, sessionId), () => {
      learnedLimits.forget(sessionId)
      return compressor.forget(sessionId)
    })

  const pinning = { store, counter, leases, policy: compressor.policy, makeHolder: () => nameHolder("pin") }
  const restore = (sessionId: SessionId, snapshotId: string) =>
    Restore.restoreSnapshot({ ...pinning, holder: nameHolder("restore") }, sessionId, snapshotId)

  const auxiliary = (sessionId: SessionId, request: AuxiliaryRequest) => {
    const routes = options.taskRoutes?.(request.task) ?? options.routes
    const first = routes.find(({ provider }) => provider !== "embedded")
    const route = first === undefined ? request.task : label(first)
    return ModelTask.runAuxiliaryRequest(request, { ...options, routes, counter }).pipe(
      stopSignals.interruptible(sessionId, () => new Interrupted({ route, by: "gateway" })),
      Effect.provide(services)
    )
  }

  return Gateway.of({
    deliver,
    turn,
    reply: (sessionId, arrival) => findReply(store, sessionId, arrival),
    compress: compressor.compress,
    heal: compressor.heal,
    events: compressor.events,
    plan: (sessionId, options) => forecastSession({ ...env, policy: compressor.policy }, sessionId, options),
    stats: counters.stats,
    view: (sessionId) => Effect.map(store.state(sessionId), (state) => View.assemble(state, counter)),
    reset,
    forget,
    rewind: (sessionId, seq) => Rewind.rewindSession(store, counter, sessionId, seq),
    pin: (sessionId, request) => Pins.pinWords(pinning, sessionId, request),
    unpin: (sessionId, name) => Pins.unpinWords(pinning, sessionId, name),
    pins: (sessionId) => Pins.listPins(store, sessionId),
    restore,
    editHandoff: (sessionId, text, options) => EditHandoff.editHandoff(pinning, sessionId, text, options),
    auxiliary,
    interrupt: stopSignals.stopAll
  })
})

const TURN_FIELDS = { wait: checkDuration }

/**
 * The whole library on a `SessionStore` and a `Provider`.
 *
 * @example
 * Gateway.layer({ policy: { contextLength: 128_000 }, routes: [route] }).pipe(
 *   Layer.provide([Sqlite.layer({ filename: "sessions.db" }), OpenAi.layer])
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: GatewayOptions) =>
  Layer.scoped(Gateway, make(options)).pipe(
    Layer.provideMerge(Compressor.layer(options)),
    Layer.provideMerge(Recall.layer),
    Layer.provide(Summarizer.layer({ ...options, routes: distinctRoutes(options.routes) })),
    Layer.provide([ModelClients.layer(options), RoutePauses.layer(options.pauses)])
  )

/**
 * The same from a `Config`, e.g. of the environment: each option may be one, and so may all of them together.
 *
 * @example
 * Gateway.layerConfig({
 *   policy: { contextLength: Config.integer("CONTEXT_LENGTH") },
 *   routes: Config.all([Provider.routeConfig({ model: Config.string("MODEL"), apiKey: Config.redacted("OPENAI_API_KEY") })])
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Config.Wrap<GatewayOptions>) =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))
