/**
 * One compression, from its lease to its commit. The caller runs it where no interrupt but shutdown reaches it; waiting
 * for the lease and for the summarizer are the only interruptible parts.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { InvalidSummary, type ModelError } from "../model/ModelError.ts"
import * as CompressionEvent from "./CompressionEvent.ts"
import * as CompressionHooks from "./CompressionHooks.ts"
import { type CompressionPolicy, mostOverhead, narrow, scaleToEstimates, shares } from "./CompressionPolicy.ts"
import { CompressionFailed, type CompressionResult, type Outcome } from "../session/CompressionResult.ts"
import * as Ledger from "../ledger/Ledger.ts"
import { draftWithReceipt } from "./makeReceipt.ts"
import * as Plan from "./Plan.ts"
import { isAnswered, listNewestRequests } from "../session/openRequests.ts"
import type { Payment } from "../session/account.ts"
import { UNPAID } from "../handoff/Handoff.ts"
import { findLearnedWindow, type Segment, type SessionId, type State } from "../session/Session.ts"
import { StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Lease, LeaseLost, SessionCounters, SessionStore } from "../store/SessionStore.ts"
import type { Summarizer } from "../summary/Summarizer.ts"
import { type Counter, calibrate } from "../message/Tokens.ts"
import * as LogLines from "../audit/logLines.ts"
import { describeConcealed } from "../ledger/messageDigest.ts"
import { awaitBudget, chargeWork, foldInSlices, runInSlices } from "../concurrency/eventLoopBudget.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import type { Held, Leases } from "../store/holdLease.ts"
import type { Progress, Spent } from "../summary/budget.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import { monotonicMillis } from "../concurrency/fiberServices.ts"

export interface OperationEnvironment {
  readonly store: SessionStore["Type"]
  readonly counters: SessionCounters["Type"]
  readonly summarizer: Summarizer["Type"]
  readonly counter: Counter
  readonly policy: CompressionPolicy
  readonly leases: Leases
  readonly hooks: CompressionHooks.Hooks
}

/** One compression that was asked for or begun in the background. */
export interface Operation {
  readonly sessionId: SessionId
  readonly operationId: string
  /** Equal for two operations whose result would be the same. */
  readonly key: string
  /** Redacted. */
  readonly focus: string | null
  /** Tokens of the system prompt and tools of the step that asks; undefined if no step does. */
  readonly overhead?: number | undefined
  /** The model whose window is to be kept, if the caller named one. */
  readonly model?: string | undefined
  readonly payment?: Payment | undefined
  readonly isUrgent: boolean
  readonly onStarted: (messages: number, tokens: number) => Effect.Effect<void>
  readonly onProgress: (progress: Progress) => Effect.Effect<void>
  /** Told once, before the operation ends, if a model was asked. */
  readonly onSpent: (spent: Spent) => Effect.Effect<void>
}

/**
 * The end of an operation. by `freedTokens` its view became smaller, 0 if this process committed nothing;
 * `targetTokens` those that the conversation should have had after it, as the provider counts.
 */
export interface OperationEnd {
  readonly result: CompressionResult
  readonly freedTokens: number
  readonly targetTokens: number
}

export type OperationFailure = UnknownSession | StoreError | CompressionFailed

/** Waits for the session's lease, then joins what an equal operation of another process has done, or compresses. */
export const runOperation = (
  env: OperationEnvironment,
  operation: Operation
): Effect.Effect<OperationEnd, OperationFailure> => {
  const work = (held: Held) => Effect.uninterruptible(joinOrCompress(env, operation, held))
  return Effect.interruptible(env.leases.usingOperation(operation.sessionId, operation.operationId, work))
}

/** Turns the result of an operation into that of a caller who joined it. */
export const joinResult = (result: CompressionResult): CompressionResult =>
  result.snapshotId === null ? result : { ...result, outcome: "joined" }

const NO_GAIN = { freedTokens: 0, targetTokens: 0 }

const joinOrCompress = Effect.fnUntraced(function* (
  env: OperationEnvironment,
  operation: Operation,
  { waitedFor, ...begun }: Held
) {
  const published = waitedFor === undefined ? undefined : yield* readOutcome(env, waitedFor, operation.key)
  if (published !== undefined) {
    yield* LogLines.logJoined(operation.sessionId, published.operationId)
    return "errors" in published ? yield* published : { result: joinResult(published), ...NO_GAIN }
  }
  return yield* compress(env, operation, begun).pipe(
    Effect.tapErrorTag("CompressionFailed", (failed) => publish(env, operation, failed))
  )
})

/**
 * Publishes a failure to processes that wait for the lease. A commit publishes itself; the other outcomes they find as
 * cheaply by planning. Best effort: the operation has ended as it has, whether or not others can read so.
 */
const publish = (env: OperationEnvironment, operation: Operation, failed: CompressionFailed) => {
  const { key: requestKey, operationId, sessionId } = operation
  const ended = { sessionId, operationId, requestKey, outcome: CompressionEvent.encodeOutcome(withoutQuotes(failed)) }
  return Effect.ignoreLogged(env.store.publish(ended))
}

const withoutQuotes = ({ errors, operationId, sessionId }: CompressionFailed): CompressionFailed => {
  const withoutQuote = (error: ModelError) => {
    if (error._tag !== "InvalidSummary") return error
    return new InvalidSummary({ route: error.route, reason: error.reason, detail: "its words are not kept" })
  }
  return new CompressionFailed({ sessionId, operationId, errors: errors.map(withoutQuote) })
}

/** Reads how an equal operation of another process ended. */
const readOutcome = (env: OperationEnvironment, operationId: string, key: string) =>
  Effect.flatMap(env.store.outcome(operationId, key), (text) =>
    text === null
      ? Effect.succeed(undefined)
      : Effect.mapError(
          CompressionEvent.decodeOutcome(text),
          ({ message }) => new StoreError({ operation: "read an outcome", reason: "corrupt", detail: message })
        )
  )

// ── under the lease: plan, summarize, commit ──

/** The session as an operation found it. */
interface Baseline {
  readonly operation: Operation
  readonly state: State
  /** The ledger of that state, as stored. */
  readonly ledger: string | null
  readonly view: ViewSize
  /** The policy for the window as it is known to be. */
  readonly policy: CompressionPolicy
  readonly startedAt: number
}

const compress = Effect.fnUntraced(function* (
  env: OperationEnvironment,
  operation: Operation,
  { ledger, lease, state }: Omit<Held, "waitedFor">
) {
  const { focus, operationId, sessionId } = operation
  const startedAt = yield* monotonicMillis
  yield* awaitBudget
  const view = yield* measureView(env, state, operation)
  const policy = narrow(env.policy, findLearnedWindow(state.windows, operation.model))
  const baseline: Baseline = { operation, state, ledger, view, policy, startedAt }
  yield* awaitBudget

  const scaled = scaleToEstimates(policy, state.usage, operation.model)
  // The overhead is an estimate: a view that has been refused is made as small as it can be before its turn fails.
  const overhead = operation.isUrgent ? Math.min(view.overhead, mostOverhead(scaled)) : view.overhead
  const targetTokens = operation.payment?.extractTokens ?? scaled.targetTokens
  const input = { state, policy: { ...scaled, targetTokens }, counter: env.counter, overhead }
  const plan = yield* runInSlices(Plan.planInSteps(input))
  if (plan._tag === "NothingToCompress") return yield* endUnchanged(baseline, "nothing-to-compress", null)
  if (plan._tag === "NoHeadroom") {
    return yield* endUnchanged(baseline, "no-headroom", "system prompt and tools leave no room in the window")
  }

  const { messages, tokens } = view
  const { generation } = state
  if (plan._tag === "Shorten") {
    const draft = yield* draftShortening(env, baseline, plan)
    if (draft.freedTokens <= 0) return yield* endUnchanged(baseline, "nothing-to-compress", null)
    yield* LogLines.logStarted(sessionId, operationId, { messages, tokens, generation, model: null, focus })
    return yield* Effect.onExit(commit(env, lease, baseline, draft, SHORTENED), (exit) => logEnd(operation, exit))
  }

  const decision = yield* CompressionHooks.runBefore(env.hooks, describeLeaving(operation, plan))
  if (decision._tag === "Defer") {
    yield* LogLines.logDeferred(sessionId, operationId, decision.reason)
    return yield* endUnchanged(baseline, "deferred", decision.reason)
  }

  yield* LogLines.logStarted(sessionId, operationId, {
    messages,
    tokens,
    generation,
    model: env.summarizer.model,
    focus
  })
  yield* operation.onStarted(plan.material.length, plan.coveredTokens)
  return yield* Effect.onExit(summarizeAndCommit(env, lease, baseline, plan, decision.notes), (exit) =>
    logEnd(operation, exit)
  )
})

const summarizeAndCommit = Effect.fnUntraced(function* (
  env: OperationEnvironment,
  lease: Lease,
  baseline: Baseline,
  plan: Plan.Compress,
  notes: ReadonlyArray<string>
) {
  const summary = yield* summarize(env, baseline, plan)
  const draft = yield* draftOnLatest(env, baseline, { plan, summary, notes })
  const isSuperseded = draft.latest.generation !== baseline.state.generation
  if (!isSuperseded && draft.freedTokens <= 0) {
    return yield* endUnchanged(baseline, "nothing-to-compress", "the view would be no smaller", summary)
  }
  const { degraded, model } = summary
  const concealed = yield* LogLines.logConcealed(baseline.operation, describeConcealed(plan.material))
  const reason = degraded ?? concealed
  const outcome = reason === null ? "committed" : "degraded"
  return yield* commit(env, lease, baseline, draft, { outcome, reason, model, cost: summary })
})

const summarize = (env: OperationEnvironment, { operation, state }: Baseline, plan: Plan.Compress) => {
  const { focus, operationId, sessionId } = operation
  return env.summarizer
    .summarize({
      entries: plan.material,
      tokens: plan.coveredTokens,
      maxTokens: plan.summaryTokens,
      focus,
      requests: listNewestRequests(plan.material),
      isAnswered: isAnswered(plan.toSeq, plan.live, state),
      merges: plan.merges,
      sent: IncrementalView.findSent(state),
      withoutModel: operation.payment?.extractTokens === undefined ? undefined : UNPAID,
      onExhausted: env.policy.onExhausted,
      onProgress: operation.onProgress,
      onSpent: operation.onSpent
    })
    .pipe(
      Effect.interruptible,
      Effect.mapError(({ errors }) => new CompressionFailed({ sessionId, operationId, errors }))
    )
}

/** Drafts the commit on the session's latest state: a turn may have gone on while the model wrote. */
const draftOnLatest = Effect.fnUntraced(function* (
  { counter, store }: OperationEnvironment,
  { ledger: before, operation }: Baseline,
  made: Pick<Plan.DraftInput, "plan" | "summary" | "notes">
) {
  const covered = yield* Ledger.decode(before)
  const ledger = yield* foldInSlices(made.plan.material, covered, (before, entry) => Ledger.add(before, [entry]))
  yield* awaitBudget
  const latest = yield* store.recentState(operation.sessionId)
  return yield* runInSlices(draftWithReceipt(operation, { ...made, ledger, latest }, counter))
})

const commit = Effect.fnUntraced(function* (
  env: OperationEnvironment,
  lease: Lease,
  baseline: Baseline,
  draft: Plan.Draft,
  { cost, ...ended }: Made
) {
  const { operation } = baseline
  const isFailedStore = (error: LeaseLost | StoreError) => error._tag === "StoreError" && error.reason === "failed"
  const { ending, made } = yield* endWith(baseline, draft, { ...ended, cost })
  const alone = { ...draft.commit, base: baseline.state.generation }
  const committed = yield* env.store.commit(lease, { ...alone, ending }).pipe(
    // What cannot be told or counted takes no commit back.
    Effect.catchIf(isFailedStore, () => env.store.commit(lease, alone)),
    Effect.either
  )
  if (committed._tag === "Left") {
    if (committed.left._tag === "StoreError") return yield* committed.left
    const { message, superseded } = committed.left
    return yield* endUnchanged(baseline, superseded ? "superseded" : "failed", message, cost)
  }
  for (const each of draft.condensed) yield* LogLines.logCondensed(operation.sessionId, operation.operationId, each)
  yield* measureView(env, committed.right.state, operation)
  const targetTokens = shares(baseline.policy, baseline.view.overhead)?.target ?? 0
  const result = { ...made, snapshotId: committed.right.snapshotId }
  return { result, freedTokens: draft.freedTokens, targetTokens }
})

/** What the commit publishes and counts. Messages that are added while it is made are not in its figures. */
const endWith = (baseline: Baseline, { next, view }: Plan.Draft, { cost, ...ended }: Made) => {
  const after = sizeOf(view, next, baseline.operation)
  const of = { generation: baseline.state.generation + 1, after, segments: next.segments, snapshotId: null }
  return Effect.map(makeResult(baseline, { ...ended, ...of, cost }), (made) => {
    const makeOutcome = (snapshotId: string) => CompressionEvent.encodeResult({ ...made, snapshotId })
    const counts = CompressionEvent.countsOfCommit(made)
    return { made, ending: { requestKey: baseline.operation.key, makeOutcome, counts } }
  })
}

/** The outcome of a commit, and what it cost. */
type Made = Pick<CompressionResult, "outcome" | "reason" | "model"> & {
  readonly cost: Cost
}

const draftShortening = Effect.fnUntraced(function* (
  { counter, store }: OperationEnvironment,
  { ledger: before, operation }: Baseline,
  plan: Plan.Shorten
) {
  const ledger = yield* Ledger.decode(before)
  const latest = yield* store.recentState(operation.sessionId)
  return yield* chargeWork(() => Plan.draftShortening(operation, plan, { ledger, latest }, counter))
})

// ── results ──

type Cost = Pick<CompressionResult, "attempts" | "budgetLeft" | "modelCalls" | "tokensSpent">

const NO_COST: Cost = { attempts: [], budgetLeft: null, modelCalls: 0, tokensSpent: 0 }

const SHORTENED: Made = {
  outcome: "shortened",
  reason: "no message could leave",
  model: null,
  cost: NO_COST
}

/** Ends an operation that leaves the session as it was. */
const endUnchanged = (
  baseline: Baseline,
  outcome: Exclude<Outcome, "committed" | "degraded" | "shortened" | "joined">,
  reason: string | null,
  cost: Cost = NO_COST
): Effect.Effect<OperationEnd> => {
  const { generation, segments } = baseline.state
  const unchanged = { model: null, generation, snapshotId: null, after: baseline.view, segments }
  return Effect.map(makeResult(baseline, { outcome, reason, cost, ...unchanged }), (result) => ({
    result,
    ...NO_GAIN
  }))
}

const makeResult = (
  { operation, startedAt, view }: Baseline,
  ended: Pick<CompressionResult, "outcome" | "reason" | "model" | "generation" | "snapshotId"> & {
    readonly cost: Cost
    readonly after: ViewSize
    readonly segments: ReadonlyArray<Segment>
  }
): Effect.Effect<CompressionResult> =>
  Effect.map(monotonicMillis, (now) => ({
    sessionId: operation.sessionId,
    operationId: operation.operationId,
    outcome: ended.outcome,
    reason: ended.reason,
    model: ended.model,
    focus: operation.focus,
    generation: ended.generation,
    snapshotId: ended.snapshotId,
    messagesBefore: view.messages,
    messagesAfter: ended.after.messages,
    tokensBefore: view.tokens,
    tokensAfter: ended.after.tokens,
    compressions: SegmentTree.countCompressions(ended.segments),
    modelCalls: ended.cost.modelCalls,
    tokensSpent: ended.cost.tokensSpent,
    attempts: ended.cost.attempts,
    budgetLeft: ended.cost.budgetLeft,
    durationMs: now - startedAt
  }))

/** Logs the end of an operation, so that every `compression started` line has one. */
const logEnd = ({ operationId, sessionId }: Operation, exit: Exit.Exit<OperationEnd, OperationFailure>) =>
  Exit.match(exit, {
    onSuccess: ({ result }) =>
      result.outcome === "superseded" || result.outcome === "failed"
        ? LogLines.logFailed(sessionId, operationId, result.reason ?? result.outcome)
        : LogLines.logDone(result),
    onFailure: (cause) =>
      LogLines.logFailed(sessionId, operationId, Cause.isInterruptedOnly(cause) ? "shutdown" : Cause.pretty(cause))
  })

const describeLeaving = (
  { focus, isUrgent, operationId, sessionId }: Operation,
  { coveredTokens, material }: Plan.Compress
): CompressionHooks.Leaving => ({ sessionId, operationId, entries: material, tokens: coveredTokens, focus, isUrgent })

// ── sizes ──

/** `tokens` as the provider would count them; `overhead` is the part of system prompt and tools. */
interface ViewSize {
  readonly messages: number
  readonly tokens: number
  readonly overhead: number
}

const measureView = ({ counter }: OperationEnvironment, state: State, operation: Operation): Effect.Effect<ViewSize> =>
  Effect.map(runInSlices(IncrementalView.assembleInSlices(state, counter)), (view) => sizeOf(view, state, operation))

const sizeOf = ({ messages, parts, tokens }: Plan.Draft["view"], state: State, operation: Operation): ViewSize => {
  const overhead = operation.overhead ?? parts.system.tokens
  const estimate = tokens - parts.system.tokens + overhead
  const calibrated = calibrate(estimate, state.generation, state.usage, operation.model)
  return { messages: messages.length, tokens: calibrated, overhead }
}
