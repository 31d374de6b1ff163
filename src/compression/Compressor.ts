/**
 * Replaces the middle of a session by a handoff. At most one operation runs per session, in this process and across
 * processes; equal requests share it. Once it has begun, no caller's interrupt ends it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { type InvalidPolicy, readOptions } from "../model/InvalidSetting.ts"
import { REQUEST_FIELDS } from "./requestFields.ts"
import { type CompressionEvent, countEnd, makeEventHub, measureEnd, type WindowEvent } from "./CompressionEvent.ts"
import * as CompressionHooks from "./CompressionHooks.ts"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import type { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import * as LogLines from "../audit/logLines.ts"
import * as HoldLease from "../store/holdLease.ts"
import * as Healing from "./healing.ts"
import * as Operation from "./operation.ts"
import * as BackgroundBrake from "./backgroundBrake.ts"
import * as FiberServices from "../concurrency/fiberServices.ts"
import { redact } from "../message/Redaction.ts"
import { isSessionId, type Manifest, type SessionId } from "../session/Session.ts"
import { makeUnknownSession, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import { SessionCounters, SessionStore } from "../store/SessionStore.ts"
import type { Spent } from "../summary/budget.ts"
import { Summarizer } from "../summary/Summarizer.ts"
import { inUse } from "../message/Tokens.ts"

/**
 * Options of one compression. The window is that of the next model, if it is not the policy's.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompressionRequest extends CompressionPolicy.Window {
  /** A topic that gets most of the summary's room. */
  readonly focus?: string | undefined
  /** Tokens of the system prompt and tools of the step that asks; default: those of the logged system prompt. */
  readonly overhead?: number | undefined
  /** The size of a view that the model's server has just refused, or the limit it named: no larger window is planned for. */
  readonly learnedWindow?: number | undefined
  /** A step cannot go on without the compression, so no hook defers it. */
  readonly isUrgent?: boolean | undefined
  /** How a step pays for it. @internal */
  readonly payment?:
    | {
        readonly account: NonNullable<Manifest["account"]>
        readonly generation: number
        readonly extractTokens?: number | undefined
      }
    | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CompressorOptions {
  readonly policy: CompressionPolicy.PolicyOptions
  /** The time that shutdown waits for a running compression before it drops it; default 10 seconds. */
  readonly shutdownGrace?: Duration.DurationInput | undefined
  /**
   * The time that other processes wait for one that died while it held a session; default 15 seconds. A living holder renews
   * its lease three times in that time.
   */
  readonly leaseTtl?: Duration.DurationInput | undefined
}

/**
 * The failures of `compress`. `CompressionFailed` comes only under `onExhausted: "fail"`.
 *
 * @since 0.1.0
 * @category errors
 */
export type CompressionFailure = UnknownSession | StoreError | CompressionFailed | InvalidPolicy

/**
 * @since 0.1.0
 * @category services
 */
export class Compressor extends Context.Tag("throughline/Compressor")<
  Compressor,
  {
    /**
     * Compresses a session, or joins an equal compression under way. The result names the session that was given.
     *
     * Waiting is interruptible; the compression goes on and is committed. Fails with `CompressionFailed` only if every
     * route failed and the policy says `onExhausted: "fail"`, and with `InvalidPolicy` if the request's window does not
     * go with the policy.
     */
    readonly compress: (
      sessionId: SessionId,
      request?: CompressionRequest
    ) => Effect.Effect<CompressionResult, CompressionFailure>
    /** Begins a compression in the background and does not wait for it. Does nothing where `findHindrance` names one. */
    readonly start: (
      sessionId: SessionId,
      seq: number,
      request?: CompressionRequest
    ) => Effect.Effect<void, InvalidPolicy>
    /**
     * Says why none would begin in the background; null if one would. `held-back`: the last one changed nothing and the
     * log has not grown beyond `seq` since, or the last three in a row each freed less than a quarter of the target.
     */
    readonly findHindrance: (sessionId: SessionId, seq: number) => "under-way" | "held-back" | null
    /**
     * Summarizes degraded segments again, from the log, if a route is healthy, and returns the ids of the segments it
     * healed. Each segment is tried three times at most. A compression of the session interrupts it.
     */
    readonly heal: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<string>, UnknownSession | StoreError>
    /** Begins a healing, unless one is under way, and does not wait for it. */
    readonly startHealing: (sessionId: SessionId, payment?: CompressionRequest["payment"]) => Effect.Effect<void>
    /** Waits until no compression of the session is under way. */
    readonly settled: (sessionId: SessionId) => Effect.Effect<void>
    /** Emits what happens from now on, to all sessions. A slow consumer misses the oldest events. */
    readonly events: Stream.Stream<CompressionEvent>
    /** Tells observers, once, that a session's window proved smaller than configured. */
    readonly tellWindow: (window: WindowEvent) => Effect.Effect<void>
    /** Forgets what it noted of a session that was forgotten. */
    readonly forget: (sessionId: SessionId) => Effect.Effect<void>
    /** The checked policy that this service compresses by. */
    readonly policy: CompressionPolicy.CompressionPolicy
  }
>() {}

/** An operation of this process that callers can join. */
interface Running {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly key: string
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly request: CompressionRequest
  readonly origin: BackgroundBrake.Origin
  readonly result: Deferred.Deferred<CompressionResult, Operation.OperationFailure>
  isWaitedFor: boolean
  spent?: Spent
  span?: FiberServices.OpenSpan
}

type HealingFiber = Fiber.RuntimeFiber<ReadonlyArray<string>, UnknownSession | StoreError>

const makeOperationId = (): string => `op_${randomUUID()}`

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: CompressorOptions) {
  const policy = yield* CompressionPolicy.make(options.policy)
  const store = yield* SessionStore
  const env = {
    store,
    counters: yield* SessionCounters,
    summarizer: yield* Summarizer,
    counter: yield* inUse,
    policy,
    leases: yield* HoldLease.make(store, options.leaseTtl),
    hooks: yield* CompressionHooks.CompressionHooks
  }
  const permits = FiberServices.makeKeyedSemaphore<SessionId>()
  const running = new Map<SessionId, Map<string, Running>>()
  const brake = BackgroundBrake.make()
  const hub = yield* makeEventHub
  const fork = yield* FiberServices.makeServiceFibers(options.shutdownGrace ?? "10 seconds")
  const healings = new Map<SessionId, HealingFiber>()
  // Shutdown interrupts healings and does not wait for them: they can be begun again.
  yield* Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(healings.values())))

  // ── one operation ──

  const register = (entry: Running): void => {
    const ofSession = running.get(entry.sessionId) ?? new Map<string, Running>()
    running.set(entry.sessionId, ofSession.set(entry.key, entry))
  }

  const unregister = ({ key, sessionId }: Running): void => {
    const ofSession = running.get(sessionId)
    ofSession?.delete(key)
    if (ofSession?.size === 0) running.delete(sessionId)
  }

  const runOperation = (entry: Running) => {
    const { key, operationId, policy, request, sessionId } = entry
    return Operation.runOperation(
      { ...env, policy },
      {
        ...request,
        sessionId,
        operationId,
        key,
        focus: request.focus ?? null,
        isUrgent: request.isUrgent ?? false,
        onSpent: (spent) => Effect.sync(() => void (entry.spent = spent)),
        ...hub.observe(entry)
      }
    ).pipe(
      permits.withPermit(sessionId),
      Effect.onExit((exit) => concludeOperation(entry, exit)),
      Effect.map(({ result }) => result),
      (operation) => FiberServices.runInSpan(entry.span, operation),
      // Callers have the result by now, so that a hook never delays them.
      Effect.tap((result) => CompressionHooks.runAfter(env.hooks, result)),
      Effect.annotateLogs({ ...LogLines.annotateSession(sessionId), operation: operationId })
    )
  }

  /**
   * Runs after an operation, in this order:
   *
   * 1. counters in the store, unless the commit has counted, and the event, so that a caller with the result finds both
   * 2. the brake and its event `HeldBack`
   * 3. the registry, so that the next request begins an operation of its own
   * 4. the metric, and the result for every caller, whatever became of the steps before
   */
  const concludeOperation = (entry: Running, ended: Exit.Exit<Operation.OperationEnd, Operation.OperationFailure>) => {
    const exit = Exit.map(ended, ({ result }) => result)
    return countEnd(env.counters, entry.sessionId, exit, entry.spent).pipe(
      Effect.zipRight(hub.publishEnd(entry, exit)),
      Effect.zipRight(Exit.isSuccess(ended) ? noteGain(entry, ended.value) : Effect.void),
      Effect.ensuring(
        Effect.suspend(() => {
          unregister(entry)
          brake.noteEnd(entry.sessionId, entry.origin, Exit.isSuccess(exit) && exit.value.snapshotId !== null)
          return Effect.zipRight(measureEnd(exit), Deferred.done(entry.result, exit))
        })
      )
    )
  }

  /** Tells once that a session is held back. A joined result is another process's work and says nothing about gains. */
  const noteGain = Effect.fnUntraced(function* (entry: Running, { result, ...gain }: Operation.OperationEnd) {
    if (result.snapshotId === null || result.outcome === "joined") return
    const { origin, sessionId } = entry
    const refill = brake.noteGain(sessionId, { ...gain, origin }, yield* Clock.currentTimeMillis)
    if (refill === undefined) return
    const tokensPerMinute = BackgroundBrake.refillPerMinute(refill)
    yield* LogLines.logHeldBack(sessionId, refill.times, tokensPerMinute)
    yield* hub.publishHeldBack(entry, tokensPerMinute)
  })

  // ── requests ──

  /** Finds the equal operation under way or starts one. No other fiber runs between the look-up and the registration. */
  const findOrStart = (sessionId: SessionId, given: CompressionRequest | undefined, origin: BackgroundBrake.Origin) =>
    Effect.gen(function* () {
      const asked = given === undefined ? {} : yield* readOptions(given, REQUEST_FIELDS)
      const configured = yield* CompressionPolicy.forWindow(env.policy, asked)
      const policy = CompressionPolicy.narrow(configured, asked.learnedWindow ?? Infinity)
      const request = withoutSecrets(asked)
      const { contextLength, reservedOutput, targetRatio, targetTokens, threshold } = policy
      const sizes = [contextLength, reservedOutput, targetRatio, targetTokens, threshold]
      const key = JSON.stringify([request.focus ?? null, ...sizes])
      const isWaitedFor = request.isUrgent === true
      const equal = running.get(sessionId)?.get(key)
      if (equal !== undefined) {
        if (isWaitedFor) equal.isWaitedFor = true
        return { entry: equal, isNew: false, asked }
      }
      const result = Deferred.unsafeMake<CompressionResult, Operation.OperationFailure>(FiberId.none)
      const operationId = makeOperationId()
      const entry: Running = { sessionId, operationId, key, policy, request, origin, result, isWaitedFor }
      register(entry)
      entry.span = yield* FiberServices.beginSpan("Compressor.compress", { session: sessionId, operation: operationId })
      yield* Effect.zipRight(stopHealing(sessionId), fork(runOperation(entry)))
      return { entry, isNew: true, asked }
    }).pipe(Effect.tap(({ entry }) => FiberServices.linkToSpan("Gateway.turn", entry.span)))

  const compress = (
    sessionId: SessionId,
    request?: CompressionRequest
  ): Effect.Effect<CompressionResult, CompressionFailure> =>
    Effect.uninterruptibleMask((restore) =>
      requireId(sessionId).pipe(
        Effect.zipRight(findOrStart(sessionId, request, { _tag: "Asked" })),
        Effect.flatMap(({ asked, entry, isNew }) =>
          restore(isNew ? Deferred.await(entry.result) : joinOrRestart(entry, asked))
        )
      )
    )

  const join = (entry: Running) =>
    LogLines.logJoined(entry.sessionId, entry.operationId).pipe(
      Effect.zipRight(hub.publishJoined(entry)),
      Effect.zipRight(Effect.map(Deferred.await(entry.result), Operation.joinResult)),
      Effect.tap((result) =>
        result.outcome === "joined" ? countEnd(env.counters, entry.sessionId, Exit.succeed(result)) : Effect.void
      )
    )

  /** Restarts a compression that was deferred for a caller who could wait, if this caller cannot. */
  const joinOrRestart = (
    entry: Running,
    request: CompressionRequest
  ): Effect.Effect<CompressionResult, CompressionFailure> =>
    Effect.flatMap(join(entry), (result) =>
      result.outcome === "deferred" && request.isUrgent === true
        ? compress(entry.sessionId, request)
        : Effect.succeed(result)
    )

  const findHindrance = (sessionId: SessionId, seq: number) =>
    running.has(sessionId) ? "under-way" : brake.mayStart(sessionId, seq) ? null : "held-back"

  const start = (sessionId: SessionId, seq: number, request?: CompressionRequest) =>
    Effect.suspend(() =>
      isSessionId(sessionId) && findHindrance(sessionId, seq) === null
        ? Effect.asVoid(Effect.uninterruptible(findOrStart(sessionId, request, { _tag: "Background", seq })))
        : Effect.void
    )

  const settled = (sessionId: SessionId) =>
    Effect.suspend(() => {
      const ofSession = running.get(sessionId)
      if (ofSession === undefined) return Effect.void
      return Effect.forEach(ofSession.values(), ({ result }) => Effect.exit(Deferred.await(result)), { discard: true })
    })

  // ── healings: at most one per session, which callers join and a compression interrupts ──

  const findOrStartHealing = (
    sessionId: SessionId,
    payment?: CompressionRequest["payment"]
  ): Effect.Effect<HealingFiber> =>
    Effect.suspend(() => {
      const underWay = healings.get(sessionId)
      if (underWay !== undefined) return Effect.succeed(underWay)
      const operationId = makeOperationId()
      const onHealed = (id: string, generation: number) => hub.publishHealed(sessionId, operationId, id, generation)
      const healing = permits.withPermit(sessionId)(
        Healing.healSession(env, { sessionId, operationId, payment, onHealed })
      )
      return Effect.tap(fork(FiberServices.withSpanIfTraced("Compressor.heal", sessionId, healing)), (fiber) =>
        Effect.sync(() => {
          healings.set(sessionId, fiber)
          // The observer of a fiber that has ended already runs at once.
          fiber.addObserver(() => healings.get(sessionId) === fiber && healings.delete(sessionId))
        })
      )
    })

  const startHealing = (sessionId: SessionId, payment?: CompressionRequest["payment"]) =>
    Effect.asVoid(Effect.uninterruptible(findOrStartHealing(sessionId, payment)))

  const heal = (sessionId: SessionId) =>
    Effect.uninterruptibleMask((restore) =>
      requireId(sessionId).pipe(
        Effect.zipRight(findOrStartHealing(sessionId)),
        Effect.flatMap((fiber) => restore(Effect.flatten(Fiber.await(fiber))))
      )
    )

  /** Does not wait for the end of the healing: the compression waits for its permit anyway. */
  const stopHealing = (sessionId: SessionId) =>
    Effect.suspend(() => {
      const fiber = healings.get(sessionId)
      return fiber === undefined ? Effect.void : Fiber.interruptFork(fiber)
    })

  yield* LogLines.logOpened
  return Compressor.of({
    compress,
    start,
    findHindrance,
    heal,
    startHealing,
    settled,
    forget: (sessionId) => Effect.sync(() => brake.forget(sessionId)),
    events: hub.events,
    tellWindow: hub.publishWindow,
    policy
  })
})

/** No store has a session of a name that is none. */
const requireId = (sessionId: SessionId): Effect.Effect<void, UnknownSession> =>
  isSessionId(sessionId) ? Effect.void : Effect.fail(makeUnknownSession(sessionId))

/** The focus goes into prompts, log lines, segments and the row of the operation. */
const withoutSecrets = ({ focus, ...rest }: CompressionRequest): CompressionRequest => ({
  ...rest,
  focus: focus === undefined ? undefined : redact(focus)
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: CompressorOptions) => Layer.scoped(Compressor, make(options))
