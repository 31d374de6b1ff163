/** The budget of a step: its view against the limits of the policy, and what the account of the session pays for. */
import * as Duration from "effect/Duration"
import { type CompressionPolicy, hardLimit, shares, softLimit, WORTHWHILE } from "../compression/CompressionPolicy.ts"
import * as Growth from "../cost/growth.ts"
import type { PromptCache, Writer } from "../cost/PromptCache.ts"
import { type Counter, calibrate, overhead, total } from "../message/Tokens.ts"
import type { Route } from "../model/Provider.ts"
import { newAccount, type Payment } from "../session/account.ts"
import { UNPAID } from "../handoff/Handoff.ts"
import { isDegraded, type State } from "../session/Session.ts"
import type { StepOptions } from "./Turn.ts"
import type { View } from "../view/View.ts"

/** A view by its estimated tokens; `fixed` are those of system prompt and tools. */
export interface Estimate {
  readonly tokens: number
  readonly fixed: number
}

export const estimateOf = ({ parts, tokens }: View): Estimate => ({
  tokens,
  fixed: tokens - parts.head.tokens - parts.handoff.tokens - parts.live.tokens - parts.tail.tokens
})

/** A view against the limits of its policy, in tokens as the provider counts them. */
export interface Budget {
  readonly tokens: number
  readonly hard: number
  readonly soft: number
  /** Tells whether a compression is worth its cost. A function: counting the tools takes time, and few views exceed a limit. */
  readonly exceedsTarget: () => boolean
  /** Tells whether a compression pays before the view exceeds the soft limit. */
  readonly isDue: () => boolean
  /** Pays for a compression that begins now. */
  readonly payCompression: () => Payment | undefined
  /** Pays for models to summarize what they have not yet; undefined if there is nothing, or the account cannot. */
  readonly payHealing: () => Payment | undefined
}

/** `writer` is that of the summary. `tokens` are those of the view as the provider counts them. */
export interface BudgetInput {
  readonly policy: CompressionPolicy
  readonly counter: Counter
  readonly writer: Writer
  readonly state: State
  readonly options: StepOptions
  readonly view: Estimate
  readonly tokens: number
}

export const makeBudget = ({ counter, options, policy, state, tokens, view, writer }: BudgetInput): Budget => {
  const { costTolerance, mode, promptCache, threshold } = policy
  const soft = mode === "background" ? softLimit(policy) : Infinity
  const isByCost = mode === "background" && threshold === "cost"
  const target = () => shares(policy, view.fixed)?.target ?? Infinity
  const candidate = () => ({ view: view.tokens, fixed: view.fixed, target: target(), writer })
  const position = () => findPosition(state, view, target(), promptCache)
  const choose = () => Growth.chooseWriter(promptCache, position(), candidate(), costTolerance)
  const pay = (price: number, extractTokens?: number): Payment => {
    const { account, growth } = position()
    const { left, spent, whole } = Growth.addSteps(promptCache, account, growth)
    const paid = { spent: Math.ceil(spent + price), whole: Math.floor(whole), left, seq: state.lastSeq }
    return { account: paid, generation: state.generation, extractTokens }
  }
  return {
    tokens,
    hard: hardLimit(policy),
    soft,
    exceedsTarget: () => {
      const overhead = calibrateOverhead(counter, state, options)
      return tokens - overhead > WORTHWHILE * (shares(policy, overhead)?.target ?? Infinity)
    },
    isDue: () => isByCost && choose() !== undefined,
    payCompression: () => {
      // Without room for a target nothing can be priced.
      if (!isByCost || !Number.isFinite(target())) return undefined
      // Beyond the soft limit a compression is needed, whatever it costs.
      const isShort = tokens <= soft && choose() === "embedded" && writer !== "embedded"
      return isShort
        ? pay(Growth.estimateExtract(promptCache, candidate()), Math.floor(Growth.EXTRACT * target()))
        : pay(Growth.estimateCost(promptCache, candidate()))
    },
    payHealing: () => {
      const degraded = state.segments.filter(isDegraded)
      if (degraded.length === 0) return undefined
      const isUrgent = !isByCost || degraded.some((segment) => segment.degraded !== UNPAID)
      const price = Growth.estimateHealing(promptCache, position().account, candidate())
      const isPriced = Number.isFinite(price)
      const payment = pay(isPriced ? price : 0)
      return isUrgent || (isPriced && Growth.canPay(payment.account, 0, costTolerance)) ? payment : undefined
    }
  }
}

/** The step has to wait for a compression. */
export const isOverHard = ({ exceedsTarget, hard, tokens }: Budget): boolean => tokens > hard && exceedsTarget()

/** A compression should begin in the background. */
export const isOverSoft = ({ exceedsTarget, isDue, soft, tokens }: Budget): boolean =>
  (tokens > soft || isDue()) && exceedsTarget()

/** Tokens of the step that no compression can remove: its system prompt and its tools. */
export const countOverhead = (counter: Counter, state: State | undefined, options: StepOptions): number => {
  const logged = options.system === undefined ? (state?.system ?? []) : []
  return overhead(counter, options) + total(logged)
}

/** The overhead is a part of the view: only the ratio of the provider's report applies. */
export const calibrateOverhead = (counter: Counter, state: State, options: StepOptions): number =>
  calibrate(countOverhead(counter, state, options), -1, state.usage, options.model)

/** Who would write the next summary, by the routes of summaries. */
export const findWriter = (routes: ReadonlyArray<Pick<Route, "provider" | "inPlace">>): Writer => {
  const first = routes.find(({ provider }) => provider !== "embedded")
  if (first === undefined) return "embedded"
  return first.inPlace === undefined || first.inPlace === false ? "model" : "in-place"
}

// ── growth ──

/** The steps of a base so far: those in the first `taken` messages of its tail. The last had `view` tokens and ended `at`. */
interface Measured {
  readonly growth: Growth.Growth
  readonly taken: number
  readonly view: number
  readonly at: number
}

/** What the session has cost up to its last compression, and the steps since. */
export const findPosition = (
  state: State,
  view: Estimate,
  target: number,
  cache: Pick<PromptCache, "ttl">
): Growth.Position => ({
  account: state.manifest.account ?? newAccount,
  growth: measureGrowth(state, view, target, cache)
})

/** Keyed by the state's base, so that each message is looked at once, and a process begins where another has ended. */
const measured = new WeakMap<State["base"], Measured>()

/**
 * Measures what the steps since the last compression have read. Every answer in the tail tells of a step, whose view was all
 * that stands before it, and was asked for when the last of that came. The account says which of them it has counted; without
 * one, what a compression has left in the tail is below its target, and is of earlier steps.
 */
export const measureGrowth = (
  state: State,
  { fixed, tokens }: Estimate,
  target: number,
  { ttl }: Pick<PromptCache, "ttl">
): Growth.Growth => {
  const { account, contextFrom, tailFrom } = state.manifest
  const isCompressed = tailFrom > contextFrom
  const floor = fixed + target
  const known = measured.get(state.base)
  const taken = known?.taken ?? 0
  if (known !== undefined && taken >= state.tail.length) return known.growth
  const steps: Array<{
    readonly view: number
    readonly output: number
    readonly askedAt: number
    readonly at: number
  }> = []
  let view = tokens
  for (let i = state.tail.length - 1; i >= taken; i--) {
    const { at, message, seq, tokens } = state.tail[i]!
    if (account !== undefined ? seq <= account.seq : isCompressed && view - tokens <= floor) break
    view -= tokens
    if (message.role === "assistant") steps.push({ view, output: tokens, askedAt: state.tail[i - 1]?.at ?? at, at })
  }
  const lifetime = Duration.toMillis(ttl)
  const start = account !== undefined ? view : isCompressed ? floor : 0
  let { at: before, growth, view: last } = known ?? { growth: Growth.none, view: start, at: Infinity }
  for (const { askedAt, at, output, view } of steps.toReversed()) {
    const step = { view, written: Math.max(0, view - last), output, isCold: askedAt - before > lifetime }
    growth = Growth.addStep(growth, step, floor)
    last = Math.max(last, view)
    before = at
  }
  measured.set(state.base, { growth, taken: state.tail.length, view: last, at: before })
  return growth
}
