/**
 * Limits what one task may spend over all its retries, chunks and routes: calls, time, and tokens sent and received; and
 * what one call may hold, where a server has proved to take less than its route says. Adds up how much of it is written.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Metric from "effect/Metric"
import * as Ref from "effect/Ref"
import { checkAll, checkDuration, type Checked, checkWhole } from "../model/InvalidSetting.ts"
import type { Completion } from "../model/ModelClients.ts"
import * as Prompt from "../handoff/prompt.ts"
import { priceCall } from "../model/price.ts"
import { type CallUsage, label, type Route } from "../model/Provider.ts"
import type { Attempt, BudgetLeft } from "../session/CompressionResult.ts"
import { logRouteWindow } from "../audit/logLines.ts"
import { monotonicMillis } from "../concurrency/fiberServices.ts"
import { growIfDue, learnFrom, type Learned, type Patience, type Refusal } from "../session/learnedWindow.ts"
import { findLearnedWindow, type LearnedWindowChange, replaceLearnedWindow } from "../session/Session.ts"

export interface Budget {
  readonly maxCalls: number
  readonly totalTimeout: Duration.Duration
  readonly maxTokens: number
}

/** The options a budget is made from. Those left out have defaults. */
export interface BudgetOptions {
  readonly maxCalls?: number | undefined
  readonly maxTokens?: number | undefined
  readonly totalTimeout?: Duration.DurationInput | undefined
}

/** Refuses a budget that no task could keep. `maxTokens` may be infinite; 0 of anything allows no call. */
export const checkBudget = ({ maxCalls = 0, maxTokens = Infinity, totalTimeout = 0 }: BudgetOptions): Checked =>
  checkAll([
    checkWhole("maxCalls", maxCalls),
    maxTokens === Infinity ? Either.void : checkWhole("maxTokens", maxTokens),
    checkDuration("totalTimeout", totalTimeout)
  ])

/** Defaults: 8 calls, 1.5 times the first route's timeout for all of them, and any number of tokens. */
export const makeBudget = (first: Route | undefined, options: BudgetOptions): Budget => ({
  maxCalls: options.maxCalls ?? 8,
  // A finite number, because the tokens spent are the difference to the tokens left.
  maxTokens: Math.min(options.maxTokens ?? Infinity, Number.MAX_SAFE_INTEGER),
  totalTimeout:
    options.totalTimeout === undefined
      ? Duration.times(first?.timeout ?? Duration.minutes(1), 1.5)
      : Duration.decode(options.totalTimeout)
})

/**
 * The state of a task, shared by all its chunks. `deadline` is in milliseconds of the monotonic clock, which ignores
 * changes of the time of day.
 */
export interface Spending {
  readonly deadline: number
  readonly callsLeft: Ref.Ref<number>
  readonly maxTokens: number
  readonly tokensLeft: Ref.Ref<number>
  readonly calls: Ref.Ref<number>
  readonly attempts: Ref.Ref<ReadonlyArray<Attempt>>
  readonly routes: Map<Route, RouteState>
  readonly windows: TaskWindows
}

/**
 * A route as the chunks of a task know it. A task of many chunks claims a route once and counts as one failure of it. No
 * further chunk asks a route that `isLeft`.
 */
export interface RouteState {
  readonly claim: Effect.Effect<boolean>
  hasFailed: boolean
  isLeft: boolean
}

export const startSpending = (
  { maxCalls, maxTokens, totalTimeout }: Budget,
  windows: TaskWindows = makeRouteWindows()()
): Effect.Effect<Spending> =>
  Effect.gen(function* () {
    const deadline = (yield* monotonicMillis) + Duration.toMillis(totalTimeout)
    const callsLeft = yield* Ref.make(maxCalls)
    const tokensLeft = yield* Ref.make(maxTokens)
    const calls = yield* Ref.make(0)
    const attempts = yield* Ref.make<ReadonlyArray<Attempt>>([])
    const routes = new Map<Route, RouteState>()
    return { deadline, callsLeft, maxTokens, tokensLeft, calls, attempts, routes, windows }
  })

export const readBudgetLeft = (spending: Spending): Effect.Effect<BudgetLeft> =>
  Effect.gen(function* () {
    const tokens = yield* Ref.get(spending.tokensLeft)
    const milliseconds = Math.max(0, Math.floor(yield* readTimeLeft(spending)))
    return {
      calls: yield* Ref.get(spending.callsLeft),
      milliseconds: Number.isSafeInteger(milliseconds) ? milliseconds : null,
      tokens: spending.maxTokens < Number.MAX_SAFE_INTEGER ? Math.max(0, tokens) : null
    }
  })

/** Calls made, and tokens that they sent and received, as their provider counted them or as estimated. */
export interface Spent {
  readonly modelCalls: number
  readonly tokensSpent: number
}

export const readSpent = ({ calls, maxTokens, tokensLeft }: Spending): Effect.Effect<Spent> =>
  Effect.all({ modelCalls: Ref.get(calls), tokensSpent: Effect.map(Ref.get(tokensLeft), (left) => maxTokens - left) })

/** Milliseconds until the deadline; negative after it. */
export const readTimeLeft = ({ deadline }: Spending): Effect.Effect<number> =>
  Effect.map(monotonicMillis, (now) => deadline - now)

/** Takes one call and the tokens of its text from the budget, unless the other chunks have left too little. */
export const reserveCall = Effect.fnUntraced(function* (spending: Spending, tokens: number) {
  if ((yield* readTimeLeft(spending)) <= 0) return false
  if (!(yield* takeFrom(spending.tokensLeft, tokens))) return false
  if (yield* takeFrom(spending.callsLeft, 1)) return true
  yield* Ref.update(spending.tokensLeft, (left) => left + tokens)
  return false
})

const takeFrom = (from: Ref.Ref<number>, amount: number) =>
  Ref.modify(from, (left) => (left < amount ? [false, left] : [true, left - amount]))

/**
 * Takes the tokens that a call cost beyond the `reserved` ones: by the provider's own count, or else an estimate of the
 * answer.
 */
export const chargeAnswer = ({ tokensLeft }: Spending, call: ReservedCall, { text, usage }: Completion) => {
  const counted: CallUsage = usage ?? { inputTokens: call.reserved, outputTokens: Math.ceil(text.length / 4) }
  const { inputTokens, outputTokens } = counted
  const charged = Ref.update(tokensLeft, (left) => left - (inputTokens + outputTokens - call.reserved))
  const measured = measureBoth(modelTokens, call, inputTokens, outputTokens)
  return Effect.all([charged, measured, measureDollars(call, counted)], { discard: true })
}

const measureDollars = (call: ReservedCall, usage: CallUsage) => {
  const { price } = call.route
  if (price === undefined) return Effect.void
  const { received, sent } = priceCall(price, usage)
  return measureBoth(modelDollars, call, sent, received)
}

const measureBoth = (
  metric: Metric.Metric.Counter<number>,
  { route, task }: ReservedCall,
  into: number,
  out: number
) => {
  const tagged = Metric.tagged(Metric.tagged(metric, "task", task), "route", label(route))
  return Effect.zipRight(
    Metric.incrementBy(Metric.tagged(tagged, "direction", "in"), into),
    Metric.incrementBy(Metric.tagged(tagged, "direction", "out"), out)
  )
}

/** A call, and the tokens that were taken from the budget for it. */
interface ReservedCall {
  readonly task: string
  readonly route: Route
  readonly reserved: number
}

/** Notes how a call ended, for the result of its task. */
export const noteAttempt = ({ attempts }: Spending, task: string, attempt: Attempt): Effect.Effect<void> => {
  const noted = Ref.update(attempts, (before) => [...before, attempt])
  // Where a request in place is not possible, no call was made.
  if (attempt.error === "NotInPlace") return noted
  const calls = Metric.tagged(Metric.tagged(modelCalls, "task", task), "route", attempt.route)
  return Effect.zipRight(noted, Metric.increment(Metric.tagged(calls, "outcome", attempt.error ?? "ok")))
}

const modelCalls = Metric.counter("throughline_model_calls", {
  description: "Model calls for summaries and other tasks, by task, route and outcome: ok, or the tag of the error",
  incremental: true
})
const modelTokens = Metric.counter("throughline_model_tokens", {
  description: "Tokens of model calls for summaries and other tasks, by task, route and direction",
  incremental: true
})
const modelDollars = Metric.counter("throughline_model_dollars", {
  description: "What these tokens cost, in dollars, where the route has a price",
  incremental: true
})

// ── windows ──

/** The windows of the routes as the calls of one task find them, in tokens sent and asked for together. */
export interface TaskWindows {
  /** The most that a call may hold. */
  readonly find: (route: Route) => number
  /** Returns whether no call has passed since the window was changed, so that one chunk should go before the others. */
  readonly isUncertain: (route: Route) => boolean
  /** Makes the window smaller after a refusal: as small as the `limit` that the server named, or as a part of the text needs. */
  readonly refuse: (route: Route, call: CallSize, limit: number | null) => void
  /** Remembers the window in which the call has passed, and tells the user of the first one of a route. */
  readonly pass: (route: Route, call: CallSize) => Effect.Effect<void>
}

/** The window of the route that a chunk asks first. */
export const findWindow = ({ routes, windows }: Spending, all: ReadonlyArray<Route>) => {
  const route = all.find((route) => routes.get(route)?.isLeft !== true)
  return route === undefined
    ? { tokens: Infinity, isUncertain: false }
    : { tokens: windows.find(route), isUncertain: windows.isUncertain(route) }
}

/** The tokens that a call sends, and the most that it asks for. */
export interface CallSize {
  readonly text: number
  readonly answer: number
}

/** In tasks. */
const PATIENCE: Patience = { wait: 2, waitNamed: 64, least: Prompt.LEAST_WINDOW }

/**
 * The share of the material that is tried after a first refusal, and after each further one in a row. The first lets two
 * chunks of whole messages hold the text. Many refusals cost more than a window that is too small, which grows again.
 */
const SHARES = { first: 0.6, further: 0.4 }

/** A window that was learned is tried so many times as large now and then. */
const GROWTH = 1.25

/** Remembers the windows of routes that proved smaller, as long as the process lives. Each task begins with what is known. */
export const makeRouteWindows = (): (() => TaskWindows) => {
  let known: Learned = { lastSeq: 0, windows: [] }
  const keep = (...change: LearnedWindowChange) => {
    known = { ...known, windows: replaceLearnedWindow(known.windows, ...change) }
  }
  return () => {
    known = { ...known, lastSeq: known.lastSeq + 1 }
    const changed = new Map<string, ChangedWindow>()
    for (const learned of known.windows) {
      const { contextLength: tokens } = growIfDue(learned, known.lastSeq, GROWTH)
      const safe = learned.contextLength
      if (tokens > safe) changed.set(learned.model, { is: "grown", tokens, limit: null, safe, before: known })
    }
    const find = (route: Route) =>
      Math.min(route.contextLength, changed.get(label(route))?.tokens ?? findLearnedWindow(known.windows, label(route)))

    const isUncertain = (route: Route) => (changed.get(label(route))?.is ?? "certain") !== "certain"

    const refuse: TaskWindows["refuse"] = (route, { answer, text }, limit) => {
      const name = label(route)
      const [size, window, learned] = [text + answer, find(route), findLearnedWindow(known.windows, name)]
      const named = limit !== null && limit < size ? limit : null
      // Another chunk of the task has been refused meanwhile.
      if (named === null && size > window) return
      const share = changed.get(name)?.is === "refused" ? SHARES.further : SHARES.first
      const [unnamed, safe] = size > learned ? [learned, learned] : [Prompt.measureWindow(text, answer, share), 0]
      const tokens = Math.min(window, Math.max(Prompt.LEAST_WINDOW, named ?? unnamed))
      changed.set(name, { is: "refused", tokens, limit: named === null ? null : tokens, safe, before: known })
    }

    const pass: TaskWindows["pass"] = (route, { answer, text }) =>
      Effect.suspend(() => {
        const name = label(route)
        const window = changed.get(name)
        if (window === undefined) return Effect.void
        const safe = Math.max(window.safe, text + answer)
        changed.set(name, { ...window, is: "certain", safe })
        const { before, limit } = window
        const probe = before.windows.find(({ model }) => model === name)?.probe
        if (limit === null && window.tokens > findLearnedWindow(before.windows, name)) {
          return Effect.sync(() => keep(name, safe < route.contextLength ? safe : null, probe))
        }
        const learned = learnFrom({ tokens: limit ?? safe, limit }, before, name, PATIENCE)
        keep(name, learned.contextLength, learned.probe)
        return window.is === "certain" || findLearnedWindow(before.windows, name) < Infinity
          ? Effect.void
          : logRouteWindow(name, { configured: route.contextLength, ...learned, learned: learned.contextLength })
      })

    return { find, isUncertain, refuse, pass }
  }
}

/**
 * A window that a task has changed: `grown` for a trial, `refused` as long as nothing smaller has passed. `safe` is the
 * largest call known to pass, and is what the next task begins with if the server names no limit.
 */
interface ChangedWindow extends Refusal {
  readonly is: "grown" | "refused" | "certain"
  readonly safe: number
  /** The window as it was known before. */
  readonly before: Learned
}

// ── progress, over all calls of one summary: chunks, retries and merges ──

/** Tokens written so far, and the most that are expected. */
export interface Progress {
  readonly tokensWritten: number
  readonly tokensExpected: number
}

/** The part of one answer. Until its `end`, the answer is expected to fill all its room. */
export interface PartProgress {
  readonly onProgress: (characters: number) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
}

/** Starts a tally. `begin` adds an answer of at most `maxTokens`. The tokens written never shrink, also after a retry. */
export const makeTally = (report: (progress: Progress) => Effect.Effect<void>) => {
  const total = { tokensWritten: 0, tokensExpected: 0 }
  const reportTotal = Effect.suspend(() => (total.tokensWritten === 0 ? Effect.void : report({ ...total })))

  const begin = (maxTokens: number): PartProgress => {
    let written = 0
    let expected = maxTokens
    total.tokensExpected += expected
    const onProgress = (characters: number) =>
      Effect.suspend(() => {
        const tokens = Math.min(expected, Math.ceil(characters / CHARACTERS_PER_TOKEN))
        if (tokens <= written) return Effect.void
        total.tokensWritten += tokens - written
        written = tokens
        return reportTotal
      })
    // Most answers end before they have filled their room.
    const end = Effect.suspend(() => {
      if (expected === written) return Effect.void
      total.tokensExpected -= expected - written
      expected = written
      return reportTotal
    })
    return { onProgress, end }
  }

  return { begin }
}

export type Tally = ReturnType<typeof makeTally>

/** An estimate, close enough for a progress bar. */
const CHARACTERS_PER_TOKEN = 4
