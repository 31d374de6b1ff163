/** What a compression would do if it began now. Asks no model, and changes nothing. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import {
  type CompressionPolicy,
  forWindow,
  hardLimit,
  narrow,
  shares,
  softLimit,
  usableWindow
} from "../compression/CompressionPolicy.ts"
import * as Plan from "../compression/Plan.ts"
import * as Growth from "../cost/growth.ts"
import type { Writer } from "../cost/PromptCache.ts"
import type { Counter } from "../message/Tokens.ts"
import { type InvalidPolicy, isAmount, readOptions } from "../model/InvalidSetting.ts"
import { findLearnedWindow, type SessionId, type State } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import type { Parts, Size } from "../view/View.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import { estimateOf, findPosition } from "./stepBudget.ts"
import { STEP_FIELDS } from "./stepFields.ts"
import type { StepOptions } from "./Turn.ts"

/**
 * What a compression of a session would do. Tokens are estimates, money is in input tokens that no cache has: times the price of
 * one it is an amount.
 *
 * - `window`: the tokens that a view may have; those after which a step waits for a compression, infinite with
 *   `mode: "manual"`; and the last message of the log
 * - `view`: the view now, system prompt and tools included; these are `fixed`, and `parts` are without the tools
 * - `leaving`: the messages that a summary would stand for; null if none can leave
 * - `after`: the view after it, at most
 * - `cost`: the summary, and the view after it written anew, at most; `writer` says who would write the summary
 * - `savedPerStep`: what each step would then read less; `savedLater` is that over the next `steps`, less `cost`
 * - `stepsToPayBack`: the steps after which it has paid for itself; null if never
 *
 * @since 0.1.0
 * @category models
 */
export interface Forecast {
  readonly window: { readonly usable: number; readonly hard: number; readonly lastSeq: number }
  readonly view: Size & { readonly fixed: number; readonly parts: Parts }
  readonly leaving: (Size & { readonly fromSeq: number; readonly toSeq: number }) | null
  readonly after: Size
  readonly writer: Writer
  readonly cost: number
  readonly savedPerStep: number
  readonly steps: number
  readonly savedLater: number
  readonly stepsToPayBack: number | null
  readonly threshold: ForecastThreshold
}

/**
 * Why a compression begins when it does.
 *
 * - `isDue`: it would begin at the next step
 * - `carried`: what sending of that which could leave has cost since the last compression, more where the cache had expired.
 *   With `threshold: "cost"` it begins once this has come to `cost`, and the session can pay
 * - `spent`: what the session has cost, as far as it is known; `whole`: what it would have cost without compressions. A compression
 *   may make `spent` larger by `costTolerance` than `whole`; where a model's summary would make it too large, an extract stands for it
 * - `expected`: the tokens of the view at which that comes true, if it grows by `tokensPerStep` as it has; null if never
 * - `latest`: the tokens at which it begins in any case, infinite in a mode that leaves it to others
 *
 * @since 0.1.0
 * @category models
 */
export interface ForecastThreshold {
  readonly isDue: boolean
  readonly carried: number
  readonly spent: number
  readonly whole: number
  readonly tokensPerStep: number
  readonly expected: number | null
  readonly latest: number
}

/**
 * The step that is asked about, and the number of `steps` that the saving is summed over; default 20.
 *
 * @since 0.1.0
 * @category models
 */
export interface ForecastOptions extends StepOptions {
  readonly steps?: number | undefined
}

export interface ForecastEnvironment {
  readonly policy: CompressionPolicy
  readonly counter: Counter
  readonly writer: Writer
}

export const forecastSession = (
  { store, ...env }: ForecastEnvironment & { readonly store: SessionStore["Type"] },
  sessionId: SessionId,
  options: ForecastOptions | undefined
): Effect.Effect<Forecast, UnknownSession | StoreError | InvalidPolicy> =>
  Effect.gen(function* () {
    const asked = yield* readOptions(options, { ...STEP_FIELDS, steps: isAmount })
    return yield* forecastCompression(env, yield* store.state(sessionId), asked)
  })

/** Forecasts the compression of a session in this state. */
export const forecastCompression = (
  env: ForecastEnvironment,
  state: State,
  options: ForecastOptions = {}
): Either.Either<Forecast, InvalidPolicy> =>
  Either.map(forWindow(env.policy, options), (configured) =>
    forecastWithin(
      { ...env, policy: narrow(configured, findLearnedWindow(state.windows, options.model)) },
      state,
      options
    )
  )

const forecastWithin = (
  { counter, policy, writer }: ForecastEnvironment,
  state: State,
  { steps = 20, ...options }: ForecastOptions
): Forecast => {
  const view = IncrementalView.assembleView(state, counter, options)
  const estimate = estimateOf(view)
  const size = { messages: view.messages.length, tokens: view.tokens }
  const { after, leaving } = planLeaving(Plan.make({ state, policy, counter, overhead: estimate.fixed }), state, {
    ...size,
    fixed: estimate.fixed
  })
  const target = shares(policy, estimate.fixed)?.target ?? Infinity
  const candidate = { view: view.tokens, fixed: estimate.fixed, target, writer }
  const cost = leaving === null ? 0 : Growth.estimateCost(policy.promptCache, candidate)
  const savedPerStep = policy.promptCache.read * (view.tokens - after.tokens)
  const stepsToPayBack = savedPerStep > 0 ? Math.ceil(cost / savedPerStep) : null
  const hard = policy.mode === "manual" ? Infinity : hardLimit(policy)
  return {
    window: { usable: usableWindow(policy), hard, lastSeq: state.lastSeq },
    view: { ...size, fixed: estimate.fixed, parts: view.parts },
    leaving,
    after,
    writer,
    cost,
    savedPerStep,
    steps,
    savedLater: steps * savedPerStep - cost,
    stepsToPayBack,
    threshold: explainThreshold(policy, findPosition(state, estimate, target, policy.promptCache), candidate)
  }
}

/** Says which messages the plan takes out, and how large it leaves the view at most. */
const planLeaving = (
  plan: Plan.Plan,
  { segments }: State,
  { fixed, messages, tokens }: Size & { readonly fixed: number }
): Pick<Forecast, "leaving" | "after"> => {
  if (plan._tag !== "Compress") return { leaving: null, after: { messages, tokens } }
  const { coveredTokens, fromSeq, material, shares, toSeq } = plan
  const leaving = { fromSeq, toSeq, messages: material.length, tokens: coveredTokens }
  const handoffs = segments.length === 0 ? 1 : 0
  const after = {
    messages: Math.max(1, messages - material.length + plan.live.length) + handoffs,
    tokens: Math.min(tokens, fixed + shares.target)
  }
  return { leaving, after }
}

const explainThreshold = (
  policy: CompressionPolicy,
  position: Growth.Position,
  candidate: Growth.Candidate
): ForecastThreshold => {
  const { costTolerance, mode, promptCache, threshold } = policy
  const latest = mode === "background" ? softLimit(policy) : Infinity
  const isByCost = mode === "background" && threshold === "cost"
  const pays = isByCost && Growth.chooseWriter(promptCache, position, candidate, costTolerance) !== undefined
  const expected = isByCost ? Growth.predictDue(promptCache, position, candidate, costTolerance) : latest
  const { account, growth } = position
  const { spent, whole } = Growth.addSteps(promptCache, account, growth)
  return {
    isDue: pays || candidate.view > latest,
    carried: Growth.priceCarried(promptCache, growth),
    spent,
    whole,
    tokensPerStep: Math.round(Growth.findPace(growth)),
    expected: expected < latest ? Math.round(expected) : Number.isFinite(latest) ? latest : null,
    latest
  }
}
