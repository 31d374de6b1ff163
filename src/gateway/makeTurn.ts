/** The handle of one turn: gives each step its view, compresses a view that does not fit, and checks its end. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type CompressionPolicy, forWindow, narrow } from "../compression/CompressionPolicy.ts"
import type { CompressionRequest, Compressor } from "../compression/Compressor.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import {
  findLearnedWindow,
  type LearnedWindow,
  type Logged,
  replaceLearnedWindow,
  type SessionId,
  type State
} from "../session/Session.ts"
import { WindowExceeded } from "../session/SessionError.ts"
import type { Begun, SessionCounters, SessionStore } from "../store/SessionStore.ts"
import type { Writer } from "../cost/PromptCache.ts"
import { type Counter, calibrate, isCredible, total, type Usage } from "../message/Tokens.ts"
import { learnFrom, type Refusal, sizeOfRefusal } from "../session/learnedWindow.ts"
import { addRefusal, detailOf, isOverflow, listTrials, PATIENCE } from "./learnedWindow.ts"
import { findWindowOfBytes, isSmaller, type LearnedLimits } from "./learnedLimits.ts"
import { readOptions } from "../model/InvalidSetting.ts"
import { STEP_FIELDS, USAGE_FIELDS } from "./stepFields.ts"
import {
  calibrateOverhead,
  countOverhead,
  type BudgetInput,
  type Estimate,
  estimateOf,
  isOverHard,
  isOverSoft,
  makeBudget
} from "./stepBudget.ts"
import type { StepOptions, StepUsage, Turn, TurnError } from "./Turn.ts"
import type * as View from "../view/View.ts"
import * as LogLines from "../audit/logLines.ts"
import { warmDigests } from "../ledger/messageDigest.ts"
import * as EventLoopBudget from "../concurrency/eventLoopBudget.ts"
import { annotateSpan, monotonicMillis, withSpanIfTraced } from "../concurrency/fiberServices.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import * as Metrics from "./metrics.ts"
import * as WireLimits from "../view/WireLimits.ts"

export interface TurnEnvironment {
  readonly store: SessionStore["Type"]
  readonly counters: SessionCounters["Type"]
  readonly compressor: Compressor["Type"]
  readonly counter: Counter
  /** Returns true for a text it was never asked about. */
  readonly isNew: (text: string) => boolean
  readonly learnedLimits: LearnedLimits
  readonly outputMeter: ReturnType<typeof Metrics.makeOutputMeter>
  /** The model that would write a summary. */
  readonly writer: Writer
}

/** `checkEnd` runs once after the agent, however it ended. */
export interface TurnHandle {
  readonly turn: Turn
  readonly checkEnd: Effect.Effect<void>
}

/** Calls of one step after the first, each with a smaller view. Halving 2,000,000 tokens so often leaves fewer than 4,000. */
const MOST_RESCUES = 9

/** Compressions a step waits for, after the first, when the one before left too much. */
const MOST_REPLANS = 2

export const makeTurn = (
  { compressor, counter, counters, isNew, learnedLimits, outputMeter, store, writer }: TurnEnvironment,
  begun: Begun
): TurnHandle => {
  const { lease } = begun
  const { sessionId } = lease
  const countWaiting = makeWaitCounter(counters, sessionId)
  let last: LastView | undefined
  let isFirst = true

  const assembleStep = (state: State, options: StepOptions): Effect.Effect<Step> => {
    const limits = learnedLimits.narrow(sessionId, WireLimits.resolve(options))
    const slices = IncrementalView.assembleInSlices(state, counter, { ...options, limits, isSent: true })
    return Effect.map(EventLoopBudget.runInSlices(slices), (view) => {
      last = { state, options, size: estimateOf(view), appended: 0 }
      const tokens = calibrateView(view.tokens, state, options)
      const byteWindow = findWindowOfBytes({ view, tokens }, options.tools, limits.maxRequestBytes)
      return { state, view, tokens, byteWindow }
    })
  }

  /** Uninterruptible: every promoted message gets its log line. */
  const promoteInbox = (options: StepOptions): Effect.Effect<Step, TurnError> =>
    Effect.gen(function* () {
      const isLatest = isFirst && begun.isLatest()
      isFirst = false
      if (isLatest) return yield* assembleStep(begun.state, options)
      const { promoted, state } = yield* store.promote(lease)
      yield* takeUp(sessionId, promoted)
      return yield* assembleStep(state, options)
    }).pipe(Effect.uninterruptible)

  const budgetFor = (policy: CompressionPolicy, step: Pick<BudgetInput, "state" | "options" | "tokens" | "view">) =>
    makeBudget({ policy, counter, writer, ...step })

  const compressNow = (options: StepOptions, learnedWindow: number, payment?: CompressionRequest["payment"]) =>
    countWaiting(
      compressor.compress(sessionId, {
        ...compressionRequest(counter, last?.state, options, learnedWindow, payment),
        isUrgent: true
      })
    )

  /**
   * `most` is the window that a refused call of this step leaves, beside what the session remembers. Only where a refused
   * call can be rescued `isTrying` a larger window.
   */
  const takeStep = (
    options: StepOptions,
    { isTrying = false, most = Infinity }: { readonly isTrying?: boolean; readonly most?: number } = {}
  ): Effect.Effect<Step, TurnError> =>
    Effect.gen(function* () {
      const configured = yield* forWindow(compressor.policy, options)
      // Steps of many sessions do not share one turn of the event loop. The first waits behind what its turn has just read.
      if (!(isFirst && begun.isLatest())) yield* EventLoopBudget.awaitBudget
      let step = yield* promoteInbox(options)
      const policy = narrow(narrowToLearned(configured, step.state, options, isTrying), most)
      if (policy.mode === "manual") return step
      const budgetOf = ({ byteWindow, state, tokens, view }: Step) =>
        budgetFor(narrow(policy, byteWindow), { state, options, tokens, view: estimateOf(view) })
      let budget = budgetOf(step)
      for (let plans = 0; plans <= MOST_REPLANS && isOverHard(budget); plans++) {
        yield* compressNow(options, Math.min(most, step.byteWindow), budget.payCompression())
        step = yield* promoteInbox(options)
        budget = budgetOf(step)
      }
      if (isOverSoft(budget)) {
        const request = compressionRequest(counter, step.state, options, step.byteWindow, budget.payCompression())
        yield* compressor.start(sessionId, step.state.lastSeq, request)
      }
      const healing = budget.payHealing()
      if (healing !== undefined) yield* compressor.startHealing(sessionId, healing)
      return step
    })

  const view = (given?: StepOptions) =>
    Effect.gen(function* () {
      const options = yield* readOptions(given, STEP_FIELDS)
      const step = yield* takeStep(options)
      rememberStep(step, options)
      yield* annotateSpan(() => describeStep(step))
      return IncrementalView.copyView(step.view)
    }).pipe((viewed) => withSpanIfTraced("Turn.view", sessionId, viewed))

  const append = (...messages: ReadonlyArray<Message>): Effect.Effect<void, TurnError | InvalidMessage> =>
    messages.length === 0
      ? Effect.void
      : store.append(lease, messages).pipe(
          Effect.flatMap((entries) =>
            Effect.zipRight(
              outputMeter.estimate(sessionId, entries),
              Effect.sync(() => {
                warmDigests(entries)
                if (last !== undefined) last.appended += total(entries)
              })
            )
          )
        )

  const report = (reported: StepUsage) =>
    Effect.suspend(() => {
      // Anything but a count of tokens would make the stored session unreadable.
      const read = Either.getOrUndefined(readOptions(reported, USAGE_FIELDS))
      if (last === undefined || read?.inputTokens === undefined) return Effect.void
      const inputTokens = Math.round(read.inputTokens)
      if (!Number.isSafeInteger(inputTokens)) return Effect.void
      const model = read.model ?? last.options.model ?? ""
      const { size, state } = last
      const estimate = size.tokens
      const usage = { generation: state.generation, seq: state.lastSeq, model, inputTokens, estimate }
      last = { ...last, state: { ...state, usage } }
      const isTold = isCredible(usage) || !isNew(JSON.stringify([sessionId, model]))
      const told = isTold ? Effect.void : LogLines.logUnbelieved(sessionId, model, inputTokens, estimate)
      const measured = Metrics.measureTokensIn(inputTokens, read.cachedTokens ?? 0, compressor.policy.promptCache)
      const written = outputMeter.report(sessionId, read.outputTokens)
      return Effect.all([measured, written, store.report(sessionId, usage), told, widen(last.state, usage)], {
        discard: true
      })
    })

  /** A view that passed is no larger than the window, so a window that was learned to be smaller is larger after all. */
  const widen = (state: State, { estimate, inputTokens, model }: Usage): Effect.Effect<void> => {
    const learned = findLearnedWindow(state.windows, model)
    if (inputTokens <= learned || learned === Infinity || !isCredible({ estimate, inputTokens })) return Effect.void
    return widenTo(
      state.windows.map((window) => ({ ...window, contextLength: inputTokens })),
      state,
      model
    )
  }

  /** Keeps those windows that are larger than the ones learned for the model. */
  const widenTo = (wider: ReadonlyArray<LearnedWindow>, { windows }: State, model: string | undefined) =>
    Effect.ignoreLogged(
      Effect.forEach(
        wider.filter((window, i) => findLearnedWindow(windows.slice(i, i + 1), model) < window.contextLength),
        ({ contextLength, model, probe }) => store.learnWindow(sessionId, model, contextLength, probe),
        { discard: true }
      )
    )

  /** A view larger than the learned window has passed, so the trial succeeded. The next one may follow at once. */
  const keepTrial = (step: Step, options: StepOptions): Effect.Effect<void> =>
    step.tokens <= findLearnedWindow(step.state.windows, options.model)
      ? Effect.void
      : forWindow(compressor.policy, options).pipe(
          Effect.flatMap((policy) => widenTo(listTrials(step.state, options.model, policy), step.state, options.model)),
          Effect.ignore
        )

  const step: Turn["step"] = (call, given) =>
    Effect.gen(function* () {
      const options = yield* readOptions(given, STEP_FIELDS)
      const step = yield* takeStep(options, { isTrying: true })
      yield* annotateSpan(() => describeStep(step))
      return yield* call(IncrementalView.copyView(step.view)).pipe(
        Effect.tap(() => {
          rememberStep(step, options)
          return keepTrial(step, options)
        }),
        Effect.catchIf(isOverflow, (error) => rescue(call, options, step, error))
      )
    }).pipe((answered) => withSpanIfTraced("Turn.step", sessionId, answered))

  /** Calls again with ever smaller views, or fewer pictures, and remembers the window that was refused once one passes. */
  const rescue = Effect.fnUntraced(function* <A, E, R>(
    call: (view: View.View) => Effect.Effect<A, E, R>,
    options: StepOptions,
    refused: Step,
    overflow: E
  ) {
    let error = overflow
    let step = refused
    let most = Infinity
    let window: Refusal = { tokens: Infinity, limit: null }
    let isOfTokens = true
    for (let tries = 0; tries < MOST_RESCUES; tries++) {
      const before = step
      const lesson = learnedLimits.learn(sessionId, step.view, options.tools, detailOf(error))
      window = addRefusal(window, step, lesson === null ? error : null)
      isOfTokens &&= lesson === null
      if (lesson !== null) yield* LogLines.logLimitLearned(sessionId, lesson)
      if (lesson === null || lesson.hasTooManyWords) {
        // Only what stands beside system prompt and tools can become smaller.
        const halved = (most + calibrateOverhead(counter, step.state, options)) / 2
        const byteWindow = lesson === null ? Infinity : findWindowOfBytes(step, options.tools, lesson.most)
        most = Math.min(halved, sizeOfRefusal(window), byteWindow)
        yield* compressNow(options, most)
      }
      step = yield* takeStep(options, { most })
      if (!isSmaller(step, before)) break
      const answered = yield* Effect.either(call(IncrementalView.copyView(step.view)))
      if (answered._tag === "Right") {
        rememberStep(step, options)
        if (isOfTokens) yield* learn(step.state, options, window)
        return answered.right
      }
      if (!isOverflow(answered.left)) return yield* Effect.fail(answered.left)
      error = answered.left
    }
    const { contextLength } = yield* forWindow(compressor.policy, options)
    const { limit, tokens } = window
    return yield* new WindowExceeded({ sessionId, contextLength, refused: tokens, limit, detail: detailOf(error) })
  })

  /** Tells the user of the first window that is learned; later ones only make it more exact. */
  const learn = Effect.fnUntraced(function* (state: State, options: StepOptions, refusal: Refusal) {
    const { contextLength: configured } = yield* forWindow(compressor.policy, options)
    const model = options.model ?? ""
    const before = findLearnedWindow(state.windows, model)
    const { contextLength: learned, isNamed, probe } = learnFrom(refusal, state, model, PATIENCE)
    if (learned >= configured) return
    yield* store.learnWindow(sessionId, model, learned, probe)
    const windows = replaceLearnedWindow(state.windows, model, learned, probe)
    if (last !== undefined) last = { ...last, state: { ...last.state, windows } }
    if (learned >= before) return
    const window = { sessionId, model, configured, learned, isNamed }
    yield* LogLines.logWindowLearned(sessionId, window)
    if (before === Infinity) yield* compressor.tellWindow(window)
  })

  /**
   * Begins a compression if the turn has added too much. No step waits for it. The running count decides whether to
   * assemble the view at all; it knows nothing of a compression that has ended meanwhile, so the view decides.
   */
  const checkEnd = Effect.gen(function* () {
    if (last === undefined) return
    const { appended, options, size, state } = last
    const configured = yield* forWindow(compressor.policy, options)
    const policy = narrowToLearned(configured, state, options, true)
    const counted = calibrateView(size.tokens + appended, state, options)
    if (appended === 0 || !isOverSoft(budgetFor(policy, { state, options, tokens: counted, view: size }))) return
    const now = yield* store.recentState(sessionId)
    const { tokens, view } = yield* assembleStep(now, options)
    const budget = budgetFor(policy, { state: now, options, tokens, view: estimateOf(view) })
    if (!isOverSoft(budget)) return
    const request = compressionRequest(counter, now, options, Infinity, budget.payCompression())
    yield* compressor.start(sessionId, now.lastSeq, request)
  }).pipe(Effect.catchAll((error) => Effect.logDebug(`the end of a turn was not checked: ${error.message}`)))

  return { turn: { sessionId, view, append, report, step }, checkEnd }
}

/** Notes the messages that moved from the inbox to the log. To be run uninterruptibly: each gets its log line. */
export const takeUp = (sessionId: SessionId, promoted: ReadonlyArray<Logged>): Effect.Effect<void> =>
  promoted.length === 0
    ? Effect.void
    : LogLines.logPromoted(sessionId, promoted).pipe(
        Effect.zipRight(Metrics.measureTakenUp(promoted)),
        Effect.zipRight(Effect.sync(() => warmDigests(promoted)))
      )

const narrowToLearned = (
  policy: CompressionPolicy,
  state: State,
  { model }: StepOptions,
  isTrying: boolean
): CompressionPolicy =>
  narrow(policy, findLearnedWindow(isTrying ? listTrials(state, model, policy) : state.windows, model))

/** A view as a step gets it, and its tokens as the provider would count them. */
interface Step {
  readonly state: State
  readonly view: View.View
  readonly tokens: number
  /** The tokens of a view whose words fill the bytes that the server takes. */
  readonly byteWindow: number
}

/** The latest view of the turn, and the tokens of the messages appended since. */
interface LastView {
  readonly state: State
  readonly options: StepOptions
  readonly size: Estimate
  appended: number
}

const describeStep = ({ state, tokens, view }: Step) => ({
  generation: state.generation,
  messages: view.messages.length,
  tokens
})

const rememberStep = ({ state, tokens, view }: Step, { model, tools }: StepOptions): void =>
  IncrementalView.rememberSent(state, { view, lastSeq: state.lastSeq, tokens, tools, model })

const compressionRequest = (
  counter: Counter,
  state: State | undefined,
  options: StepOptions,
  learnedWindow: number,
  payment?: CompressionRequest["payment"]
): CompressionRequest => {
  const { contextLength, model, reservedOutput, threshold } = options
  const overhead = countOverhead(counter, state, options)
  return { overhead, contextLength, reservedOutput, threshold, model, learnedWindow, payment }
}

/** An estimate of the whole view, as the provider would count it. */
const calibrateView = (estimate: number, { generation, usage }: State, { model }: StepOptions): number =>
  calibrate(estimate, generation, usage, model)

// ── waiting ──

/** Adds the time that the steps of one turn wait for compressions to the session's statistics. */
const makeWaitCounter = (counters: SessionCounters["Type"], sessionId: SessionId) => {
  let hasWaited = false

  const addWait = (milliseconds: number) =>
    Effect.suspend(() => {
      if (milliseconds < 1) return Effect.void
      const turnsWaited = hasWaited ? 0 : 1
      hasWaited = true
      const counts = { turnsWaited, waitedMs: milliseconds, longestWaitMs: milliseconds }
      return Effect.zipRight(
        Metrics.measureStepWait(milliseconds),
        Effect.zipRight(
          LogLines.logWaited(sessionId, milliseconds),
          Effect.ignoreLogged(counters.count(sessionId, counts))
        )
      )
    })

  /** Counts a wait that fails or is interrupted, too. */
  return <A, E>(compression: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(monotonicMillis, (start) =>
      Effect.ensuring(
        compression,
        Effect.flatMap(monotonicMillis, (now) => addWait(Math.floor(now - start)))
      )
    )
}
