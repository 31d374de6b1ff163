/**
 * Replaces the middle of a session by a handoff. One operation at a time per session, here and across processes; equal
 * requests share it; once it has begun, no caller's interrupt ends it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { CompressionEvent } from "./CompressionEvent.ts"
import { CompressionHooks } from "./CompressionHooks.ts"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import type { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import * as LogLines from "../audit/logLines.ts"
import * as HoldLease from "../store/holdLease.ts"
import * as Fruitless from "./fruitless.ts"
import * as Healing from "./healing.ts"
import * as Healings from "./healings.ts"
import * as RunHooks from "./runHooks.ts"
import * as EventHub from "./eventHub.ts"
import * as Operation from "./operation.ts"
import * as ServiceFibers from "../concurrency/serviceFibers.ts"
import * as BackgroundBrake from "./backgroundBrake.ts"
import * as KeyedSemaphore from "../concurrency/keyedSemaphore.ts"
import { redact } from "../message/Redaction.ts"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import * as SessionStats from "../session/SessionStats.ts"
import { SessionCounters, SessionStore } from "../store/SessionStore.ts"
import { Summarizer } from "../summary/Summarizer.ts"
import { inUse } from "../message/Tokens.ts"

/**
 * What a compression should do. `focus` is a topic to dwell on; `overhead` are the tokens of the system prompt and
 * tools of the step that asks, if not the logged system prompt's. `isUrgent` says that the step cannot go on without
 * it: then no hook defers it. The window is that of the model to come, if it is not the policy's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request extends CompressionPolicy.Window {
  readonly focus?: string | undefined
  readonly overhead?: number | undefined
  readonly isUrgent?: boolean | undefined
}

/**
 * - `shutdownGrace`: how long shutdown waits for a running compression; default 10 seconds. What is not committed then
 *   is dropped
 * - `leaseTtl`: how long other processes wait for one that died while it held a session; default 15 seconds. A holder
 *   that lives beats three times in it
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly policy: CompressionPolicy.Options
  readonly shutdownGrace?: Duration.DurationInput | undefined
  readonly leaseTtl?: Duration.DurationInput | undefined
}

type Failure = UnknownSession | StoreError | CompressionFailed | InvalidPolicy

/**
 * @since 0.1.0
 * @category services
 */
export class Compressor extends Context.Tag("throughline/Compressor")<
  Compressor,
  {
    /**
     * Compresses, or joins an equal compression under way. The result names the session that was given. Waiting is
     * interruptible; the operation goes on and is committed.
     */
    readonly compress: (sessionId: SessionId, request?: Request) => Effect.Effect<CompressionResult, Failure>
    /**
     * Begins a compression nobody asked for, and does not wait for it; not while an equal one is under way, nor if the
     * last one was for nothing and the log has not grown beyond `seq` since, nor where the last three, begun unasked,
     * each covered less than a quarter of the target.
     */
    readonly start: (sessionId: SessionId, seq: number, request?: Request) => Effect.Effect<void, InvalidPolicy>
    /**
     * Summarizes degraded segments anew, from the log, if a route is healthy; each is tried three times at most. Gives
     * way to a compression. Returns the ids of the segments that were healed.
     */
    readonly heal: (sessionId: SessionId) => Effect.Effect<ReadonlyArray<string>, UnknownSession | StoreError>
    /** Begins to heal, unless that is under way, and does not wait for it. */
    readonly startHealing: (sessionId: SessionId) => Effect.Effect<void>
    /** Waits until no compression of the session is under way. */
    readonly settled: (sessionId: SessionId) => Effect.Effect<void>
    /** What happens from now on, to all sessions; one who is slow misses the oldest. */
    readonly events: Stream.Stream<CompressionEvent>
    readonly policy: CompressionPolicy.CompressionPolicy
  }
>() {}

interface Running extends EventHub.Watched {
  isWaitedFor: boolean
  readonly result: Deferred.Deferred<CompressionResult, Failure>
}

const compressions = Metric.counter("throughline_compressions", {
  description: "Compressions that ended, by outcome and model",
  incremental: true
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const policy = yield* CompressionPolicy.make(options.policy)
  const store = yield* SessionStore
  const env = {
    store,
    counters: yield* SessionCounters,
    summarizer: yield* Summarizer,
    counter: yield* inUse,
    policy,
    leases: yield* HoldLease.make(store, options.leaseTtl),
    hooks: yield* CompressionHooks
  }
  const permits = KeyedSemaphore.make<SessionId>()
  const running = new Map<SessionId, Map<string, Running>>()
  const fruitless = Fruitless.make()
  const refilling = BackgroundBrake.make()
  const onlookers = yield* EventHub.make
  const fork = yield* ServiceFibers.make(options.shutdownGrace ?? "10 seconds")
  const healings = yield* Healings.make((sessionId) => {
    const operationId = `op_${randomUUID()}`
    return permits.withPermit(sessionId)(
      Healing.healSegment(env, sessionId, operationId, onlookers.healed(sessionId, operationId))
    )
  }, fork)

  const register = (sessionId: SessionId, key: string): Running => {
    const entry: Running = {
      sessionId,
      operationId: `op_${randomUUID()}`,
      isWaitedFor: false,
      result: Deferred.unsafeMake<CompressionResult, Failure>(FiberId.none)
    }
    const ofSession = running.get(sessionId) ?? new Map<string, Running>()
    running.set(sessionId, ofSession.set(key, entry))
    return entry
  }
  const unregister = (sessionId: SessionId, key: string) => {
    const ofSession = running.get(sessionId)
    ofSession?.delete(key)
    if (ofSession?.size === 0) running.delete(sessionId)
  }

  const operate = (
    sessionId: SessionId,
    request: Request,
    policy: CompressionPolicy.CompressionPolicy,
    key: string,
    entry: Running,
    seq: number | undefined
  ) => {
    const { operationId, result } = entry
    const listeners = onlookers.listeners(entry)
    // As the policy has it: in the plan's units it would be small just where reports make the conversation look large.
    const target = policy.targetRatio * policy.contextLength
    let covered = 0
    return Operation.runOperation(
      { ...env, policy },
      {
        sessionId,
        operationId,
        key,
        focus: request.focus ?? null,
        overhead: request.overhead,
        model: request.model,
        isUrgent: request.isUrgent ?? false,
        ...listeners,
        onStarted: (messages, tokens) => {
          covered = tokens
          return listeners.onStarted(messages, tokens)
        }
      }
    ).pipe(
      permits.withPermit(sessionId),
      Effect.onExit((exit) => Effect.zipRight(count(sessionId, exit), onlookers.ended(entry, exit))),
      Effect.tap(({ outcome, snapshotId }) =>
        // What another process has covered says nothing of what there was to gain.
        snapshotId === null || outcome === "joined"
          ? Effect.void
          : noteGain(entry, { covered, target, isUnasked: seq !== undefined })
      ),
      Effect.onExit((exit) => {
        unregister(sessionId, key)
        fruitless.note(sessionId, seq, Exit.isSuccess(exit) && exit.value.snapshotId !== null)
        const { model, outcome } = Exit.isSuccess(exit) ? exit.value : { model: null, outcome: "failed" }
        const counted = Metric.tagged(Metric.tagged(compressions, "outcome", outcome), "model", model ?? "none")
        return Effect.zipRight(Metric.increment(counted), Deferred.done(result, exit))
      }),
      Effect.withSpan("Compressor.compress", { attributes: { session: sessionId, operation: operationId } }),
      // By now everybody has the result.
      Effect.tap((ended) => RunHooks.runAfterHooks(env.hooks, ended)),
      Effect.annotateLogs({ session: sessionId, operation: operationId })
    )
  }

  /** Says so once a session is found to be one that compressions cannot help. */
  const noteGain = Effect.fnUntraced(function* (entry: Running, gain: BackgroundBrake.Gain) {
    const refill = refilling.note(entry.sessionId, gain, yield* Clock.currentTimeMillis)
    if (refill === undefined) return
    const tokensPerMinute = BackgroundBrake.refillPerMinute(refill)
    yield* LogLines.logHeldBack(entry.sessionId, refill.times, tokensPerMinute)
    yield* onlookers.heldBack(entry, tokensPerMinute)
  })

  const count = (sessionId: SessionId, exit: Exit.Exit<CompressionResult, Failure>) =>
    Effect.ignoreLogged(
      env.counters.count(sessionId, Exit.isSuccess(exit) ? SessionStats.countsOfResult(exit.value) : { failed: 1 })
    )

  /** Finds the equal operation or begins one: a single step as seen by other fibers. */
  const begin = (sessionId: SessionId, asked: Request, seq?: number) =>
    Effect.flatMap(CompressionPolicy.forWindow(env.policy, asked), (policy) => {
      const request = withoutSecrets(asked)
      const { contextLength, reservedOutput, targetRatio } = policy
      const key = JSON.stringify([request.focus ?? null, contextLength, reservedOutput, targetRatio])
      const equal = running.get(sessionId)?.get(key)
      const found = equal ?? register(sessionId, key)
      if (request.isUrgent === true) found.isWaitedFor = true
      if (equal !== undefined) return Effect.succeed({ ...found, isNew: false })
      return healings
        .giveWay(sessionId)
        .pipe(
          Effect.zipRight(fork(operate(sessionId, request, policy, key, found, seq))),
          Effect.as({ ...found, isNew: true })
        )
    })

  const join = (entry: Running) =>
    LogLines.logJoined(entry.sessionId, entry.operationId).pipe(
      Effect.zipRight(onlookers.joined(entry)),
      Effect.zipRight(Effect.map(Deferred.await(entry.result), Operation.joinResult)),
      Effect.tap((result) => (result.outcome === "joined" ? count(entry.sessionId, Exit.succeed(result)) : Effect.void))
    )

  const compress = (sessionId: SessionId, request: Request = {}): Effect.Effect<CompressionResult, Failure> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(begin(sessionId, request), (found) =>
        restore(found.isNew ? Deferred.await(found.result) : share(sessionId, request, found))
      )
    )

  /** What was deferred for one who could wait is begun again for one who cannot. */
  const share = (sessionId: SessionId, request: Request, found: Running) =>
    Effect.flatMap(join(found), (result) =>
      result.outcome === "deferred" && request.isUrgent === true ? compress(sessionId, request) : Effect.succeed(result)
    )

  const start = (sessionId: SessionId, seq: number, request: Request = {}) =>
    Effect.suspend(() =>
      fruitless.isKnown(sessionId, seq) || refilling.isHopeless(sessionId)
        ? Effect.void
        : Effect.asVoid(Effect.uninterruptible(begin(sessionId, request, seq)))
    )

  const settled = (sessionId: SessionId) =>
    Effect.suspend(() =>
      Effect.forEach(running.get(sessionId)?.values() ?? [], ({ result }) => Effect.exit(Deferred.await(result)), {
        discard: true
      })
    )

  yield* LogLines.logOpened
  return Compressor.of({
    compress,
    start,
    heal: healings.join,
    startHealing: healings.begin,
    settled,
    events: onlookers.events,
    policy
  })
})

/** Its focus goes into prompts, log lines, segments and the operation's row. */
const withoutSecrets = ({ focus, ...rest }: Request): Request => ({
  ...rest,
  focus: focus === undefined ? undefined : redact(focus)
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options) => Layer.scoped(Compressor, make(options))
