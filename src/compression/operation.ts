/** One compression from its lease to its commit. The caller sees to it that no interrupt but shutdown reaches it. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { type ModelError, InvalidSummary } from "../model/ModelError.ts"
import type { Options as CompressionHooks } from "./CompressionHooks.ts"
import type { CompressionPolicy } from "./CompressionPolicy.ts"
import { CompressionFailed, CompressionResult, type Outcome } from "../session/CompressionResult.ts"
import * as Ledger from "../ledger/Ledger.ts"
import * as Plan from "./Plan.ts"
import type { SessionId, State } from "../session/Session.ts"
import { StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Lease as StoreLease, SessionCounters, SessionStore } from "../store/SessionStore.ts"
import type { Summarizer } from "../summary/Summarizer.ts"
import { type Counter, calibrated } from "../message/Tokens.ts"
import type * as View from "../view/View.ts"
import * as LogLines from "../audit/logLines.ts"
import * as OpenRequests from "../session/openRequests.ts"
import * as DraftCommit from "./draftCommit.ts"
import { chargeWork, runInSlices, foldInSlices, awaitBudget } from "../concurrency/eventLoopBudget.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import * as RunHooks from "./runHooks.ts"
import type { Held, Leases } from "../store/holdLease.ts"
import type { Progress } from "../summary/progress.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

export interface Environment {
  readonly store: SessionStore["Type"]
  readonly counters: SessionCounters["Type"]
  readonly summarizer: Context.Tag.Service<Summarizer>
  readonly counter: Counter
  readonly policy: CompressionPolicy
  readonly leases: Leases
  readonly hooks: CompressionHooks
}

export interface CompressionRequest {
  readonly sessionId: SessionId
  readonly operationId: string
  /** Two orders with one key want the same. */
  readonly key: string
  /** Redacted. */
  readonly focus: string | null
  /** Tokens of the step's system prompt and tools, if a step asks. */
  readonly overhead: number | undefined
  /** The model the window is of, if it was named. */
  readonly model: string | undefined
  readonly isUrgent: boolean
  readonly onStarted: (messages: number, tokens: number) => Effect.Effect<void>
  readonly onProgress: (progress: Progress) => Effect.Effect<void>
}

export type Failure = UnknownSession | StoreError | CompressionFailed

export const runOperation = (
  env: Environment,
  order: CompressionRequest
): Effect.Effect<CompressionResult, Failure> => {
  const request = { name: "operation", holder: order.operationId } as const
  const work = (held: Held) => Effect.uninterruptible(underLease(env, order, held))
  return Effect.interruptible(env.leases.using(order.sessionId, request, work))
}

const underLease = Effect.fnUntraced(function* (
  env: Environment,
  order: CompressionRequest,
  { lease, waitedFor }: Held
) {
  const other = waitedFor === undefined ? undefined : yield* readOutcome(env, waitedFor, order.key)
  if (other !== undefined) {
    yield* LogLines.logJoined(order.sessionId, other.operationId)
    return "errors" in other ? yield* other : joinResult(other)
  }
  const publish = (ended: CompressionResult | CompressionFailed) =>
    env.store.publish({
      sessionId: order.sessionId,
      operationId: order.operationId,
      requestKey: order.key,
      outcome: encodeOutcome(ended)
    })
  const result = yield* Effect.tapErrorTag(compress(env, order, lease), "CompressionFailed", (failed) =>
    // It failed whether or not others can read so.
    Effect.ignoreLogged(publish(withoutQuotes(failed)))
  )
  // Whoever waited finds the other outcomes as cheaply by planning itself. What is committed stays so, unread or not.
  if (result.snapshotId !== null) yield* Effect.ignoreLogged(publish(withoutDetails(result)))
  return result
})

const PublishedText = Schema.parseJson(Schema.Union(CompressionFailed, CompressionResult))
/** An outcome as text, for the store. */
export const encodeOutcome = Schema.encodeSync(PublishedText)
export const decodeOutcome = Schema.decode(PublishedText)

/** Reads how an equal request of another process ended. */
const readOutcome = (env: Environment, operationId: string, key: string) =>
  Effect.flatMap(env.store.outcome(operationId, key), (text) =>
    text === null
      ? Effect.succeed(undefined)
      : Effect.mapError(
          decodeOutcome(text),
          ({ message }) => new StoreError({ operation: "read an outcome", reason: "corrupt", detail: message })
        )
  )

/** Details may quote a rejected answer, no word of which is to reach the store. */
const withoutDetails = (result: CompressionResult): CompressionResult => ({
  ...result,
  attempts: result.attempts.map((attempt) => ({ ...attempt, detail: null }))
})

const withoutQuotes = ({ errors, operationId, sessionId }: CompressionFailed): CompressionFailed => {
  const withoutQuote = (error: ModelError) => {
    if (error._tag !== "InvalidSummary") return error
    return new InvalidSummary({ route: error.route, reason: error.reason, detail: "its words are not kept" })
  }
  return new CompressionFailed({ sessionId, operationId, errors: errors.map(withoutQuote) })
}

/** What a caller is told whose equal request was already under way. */
export const joinResult = (result: CompressionResult): CompressionResult =>
  result.outcome === "committed" || result.outcome === "degraded" ? { ...result, outcome: "joined" } : result

const compress = Effect.fnUntraced(function* (env: Environment, order: CompressionRequest, lease: StoreLease) {
  const { counter, counters, store, summarizer } = env
  const { focus, operationId, sessionId } = order
  const startedAt = yield* monotonicMillis
  yield* awaitBudget
  const state = yield* store.state(sessionId)
  const before = measure(yield* runInSlices(IncrementalView.assembleInSlices(state, counter)), state, order)
  yield* awaitBudget

  const finish = (outcome: Outcome, about: Partial<CompressionResult>) =>
    Effect.map(monotonicMillis, (now): CompressionResult => ({
      sessionId,
      operationId,
      outcome,
      reason: null,
      model: null,
      focus,
      generation: state.generation,
      snapshotId: null,
      messagesBefore: before.messages,
      messagesAfter: before.messages,
      tokensBefore: before.tokens,
      tokensAfter: before.tokens,
      compressions: SegmentTree.countCompressions(state.segments),
      modelCalls: 0,
      tokensSpent: 0,
      attempts: [],
      budgetLeft: null,
      ...about,
      durationMs: now - startedAt
    }))

  const policy = inEstimates(env.policy, state, order)
  const plan = yield* runInSlices(Plan.planInSteps({ state, policy, counter, overhead: before.overhead }))
  if (plan._tag === "NothingToCompress") return yield* finish("nothing-to-compress", {})
  if (plan._tag === "NoHeadroom") {
    return yield* finish("no-headroom", { reason: "system prompt and tools leave no room in the window" })
  }

  const decision = yield* RunHooks.runBeforeHooks(env.hooks, leaving(order, plan))
  if (decision._tag === "Defer") {
    yield* LogLines.logDeferred(sessionId, operationId, decision.reason)
    return yield* finish("deferred", { reason: decision.reason })
  }

  const { generation } = state
  yield* LogLines.logStarted(sessionId, operationId, { ...before, generation, model: summarizer.model, focus })
  yield* order.onStarted(plan.material.length, plan.coveredTokens)

  return yield* Effect.gen(function* () {
    const summary = yield* Effect.interruptible(
      summarizer.summarize({
        entries: plan.material,
        tokens: plan.coveredTokens,
        maxTokens: plan.summaryTokens,
        focus,
        requests: OpenRequests.listNewestRequests(plan.material),
        isAnswered: OpenRequests.isAnswered(plan.toSeq, plan.live, state),
        merges: plan.merges,
        onExhausted: env.policy.onExhausted,
        onProgress: order.onProgress,
        onSpent: (spent) => Effect.ignoreLogged(counters.count(sessionId, spent))
      })
    ).pipe(Effect.mapError(({ errors }) => new CompressionFailed({ sessionId, operationId, errors })))
    const { attempts, budgetLeft, modelCalls, tokensSpent } = summary
    const spent = { attempts, budgetLeft, modelCalls, tokensSpent }

    const covered = yield* Ledger.decode(yield* store.ledger(sessionId))
    const known = yield* foldInSlices(plan.material, covered, (ledger, entry) => Ledger.add(ledger, [entry]))
    yield* awaitBudget
    const latest = yield* store.state(sessionId)
    const isSuperseded = latest.generation !== state.generation
    const drafted = yield* chargeWork(() =>
      DraftCommit.draftCommit(order, { plan, summary, known, notes: decision.notes, latest }, counter)
    )
    if (!isSuperseded && drafted.isNoSmaller) {
      return yield* finish("nothing-to-compress", { ...spent, reason: "the view would be no smaller" })
    }

    const { commit, condensed } = drafted
    const committed = yield* Effect.either(
      store.commit(lease, { ...commit, base: state.generation, ledger: Ledger.encode(commit.ledger) })
    )
    if (committed._tag === "Left") {
      if (committed.left._tag === "StoreError") return yield* committed.left
      const { message, superseded } = committed.left
      return yield* finish(superseded ? "superseded" : "failed", { ...spent, reason: message })
    }
    yield* Effect.forEach(condensed, (parent) => LogLines.logCondensed(sessionId, operationId, parent), {
      discard: true
    })
    const next = committed.right.state
    const after = measure(yield* runInSlices(IncrementalView.assembleInSlices(next, counter)), next, order)
    return yield* finish(summary.degraded === null ? "committed" : "degraded", {
      ...spent,
      reason: summary.degraded,
      model: summary.model,
      generation: committed.right.generation,
      snapshotId: committed.right.snapshotId,
      messagesAfter: after.messages,
      tokensAfter: after.tokens,
      compressions: SegmentTree.countCompressions(next.segments)
    })
  }).pipe(Effect.onExit((exit) => conclude(order, exit)))
})

/** Every started line has its end. */
const conclude = (order: CompressionRequest, exit: Exit.Exit<CompressionResult, Failure>) =>
  Exit.match(exit, {
    onSuccess: (result) =>
      result.outcome === "superseded" || result.outcome === "failed"
        ? LogLines.logFailed(order.sessionId, order.operationId, result.reason ?? result.outcome)
        : LogLines.logDone(result),
    onFailure: (cause) =>
      LogLines.logFailed(
        order.sessionId,
        order.operationId,
        Cause.isInterruptedOnly(cause) ? "shutdown" : Cause.pretty(cause)
      )
  })

const leaving = (
  { focus, isUrgent, operationId, sessionId }: CompressionRequest,
  { coveredTokens, material }: Plan.Compress
) => ({
  sessionId,
  operationId,
  entries: material,
  tokens: coveredTokens,
  focus,
  isUrgent
})

/** The view as it costs now: messages, tokens as the provider would count them, and the fixed part of it. */
const measure = (view: View.View, state: State, order: CompressionRequest) => {
  const overhead = order.overhead ?? view.parts.system.tokens
  const estimate = view.tokens - view.parts.system.tokens + overhead
  return {
    messages: view.messages.length,
    tokens: calibrated(estimate, state.generation, state.usage, order.model),
    overhead
  }
}

/** The policy in the units of the estimate: where the provider counts more than we do, the window is smaller. */
const inEstimates = (policy: CompressionPolicy, { usage }: State, { model }: CompressionRequest): CompressionPolicy => {
  const factor = calibrated(1_000_000, -1, usage, model) / 1_000_000
  const scaled = (tokens: number) => Math.floor(tokens / factor)
  return { ...policy, contextLength: scaled(policy.contextLength), reservedOutput: scaled(policy.reservedOutput) }
}
