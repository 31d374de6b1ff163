/** Limits what one task may spend over all its retries, chunks and routes: calls, time, and tokens sent and received. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Ref from "effect/Ref"
import { checkAll, checkDuration, type Checked, checkWhole } from "../model/InvalidSetting.ts"
import type { Completion } from "../model/ModelClients.ts"
import type { Route } from "../model/Provider.ts"
import type { Attempt, BudgetLeft } from "../session/CompressionResult.ts"
import { monotonicMillis } from "../concurrency/fiberServices.ts"

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

export const startSpending = ({ maxCalls, maxTokens, totalTimeout }: Budget): Effect.Effect<Spending> =>
  Effect.gen(function* () {
    const deadline = (yield* monotonicMillis) + Duration.toMillis(totalTimeout)
    const callsLeft = yield* Ref.make(maxCalls)
    const tokensLeft = yield* Ref.make(maxTokens)
    const calls = yield* Ref.make(0)
    const attempts = yield* Ref.make<ReadonlyArray<Attempt>>([])
    return { deadline, callsLeft, maxTokens, tokensLeft, calls, attempts, routes: new Map<Route, RouteState>() }
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
export const chargeAnswer = ({ tokensLeft }: Spending, reserved: number, { text, usage }: Completion) => {
  const cost = usage === null ? Math.ceil(text.length / 4) : usage.inputTokens + usage.outputTokens - reserved
  return Ref.update(tokensLeft, (left) => left - cost)
}
