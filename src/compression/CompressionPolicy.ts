/**
 * When to compress, and how much of the window each part of the view may have.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as PromptCache from "../cost/PromptCache.ts"
import {
  type CheckField,
  checkSetting,
  InvalidPolicy,
  isAnyNumber,
  isObject,
  isOneOf,
  isText,
  readOptions
} from "../model/InvalidSetting.ts"
import { calibrate, type Usage } from "../message/Tokens.ts"

export { InvalidPolicy }

/**
 * A ratio of the window, tokens whatever the window, or `"cost"`. Most of what a long session costs is to read its view again
 * at every step. `"cost"` compresses once reading what could leave has cost as much as a compression costs and savings pay
 * for it, and at half of the window at the latest.
 *
 * @since 0.1.0
 * @category models
 */
export type Threshold = number | "cost" | { readonly tokens: number }

/**
 * All token figures are tokens of the conversation's model; all ratios are of `contextLength`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompressionPolicy {
  /** `background` also compresses at the soft threshold, beside the turn; `preflight` only at the hard one, before a
   * step; `manual` only when asked or on overflow. Default `background`. */
  readonly mode: "background" | "preflight" | "manual"
  /** The model's window. */
  readonly contextLength: number
  /** Tokens kept free for the model's answer. The rest of the window is the usable window. */
  readonly reservedOutput: number
  /** The soft threshold. Default `"cost"`. In tokens, it also bounds the view after a compression, to half of them. */
  readonly threshold: Threshold
  /** The prices by which `threshold: "cost"` decides. Default: those of `kind: "anthropic"`. */
  readonly promptCache: PromptCache.PromptCache
  /** With `threshold: "cost"`, the share by which a session may cost more than without compressions, at whatever step it
   * ends, unless its window forces one. Default 0.02. */
  readonly costTolerance: number
  /** The hard threshold: a step does not start above it. Default 0.85. */
  readonly hardThreshold: number
  /** The part for head, handoff, live requests and tail together after a compression. Default 0.20. */
  readonly targetRatio: number
  /** The most tokens for these, however large the window. Default 16,000 with `threshold: "cost"`, else no bound. */
  readonly targetTokens: number | undefined
  /** Messages that the head keeps if they fit. Default 3. */
  readonly protectFirstN: number
  /** Messages that the tail keeps, as excerpts where they are large. Default 20. */
  readonly protectLastN: number
  /** When every route failed, `extract` uses the embedded summarizer, and `fail` fails with the typed error. */
  readonly onExhausted: "extract" | "fail"
}

/**
 * The settings of a policy. Those left out take their defaults: `reservedOutput` an eighth of the window, at most 16,384.
 *
 * @since 0.1.0
 * @category models
 */
export type PolicyOptions = {
  readonly [K in Exclude<keyof CompressionPolicy, "promptCache">]?: CompressionPolicy[K] | undefined
} & {
  readonly contextLength: number
  readonly promptCache?: PromptCache.PromptCacheOptions | undefined
}

/**
 * Makes a policy from its settings, and checks each of them.
 *
 * @example
 * CompressionPolicy.make({ contextLength: 128_000, targetRatio: 0.25 })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: PolicyOptions): Either.Either<CompressionPolicy, InvalidPolicy> =>
  Either.flatMap(readOptions<Partial<PolicyOptions>>(options, POLICY_FIELDS), (given) =>
    Either.flatMap(readPrices(given), (promptCache) => checkPolicy({ ...given, promptCache }))
  )

const readPrices = (options: Partial<PolicyOptions>) =>
  Either.mapLeft(
    PromptCache.make(options.promptCache),
    ({ field, issue }) => new InvalidPolicy({ field: `promptCache.${field}`, issue })
  )

const checkPolicy = (
  options: Partial<PolicyOptions> & Pick<CompressionPolicy, "promptCache">
): Either.Either<CompressionPolicy, InvalidPolicy> => {
  const { contextLength = Number.NaN, promptCache } = options
  const policy: CompressionPolicy = {
    mode: options.mode ?? "background",
    contextLength,
    reservedOutput: options.reservedOutput ?? Math.min(16_384, Math.floor(contextLength / 8)),
    threshold: copyThreshold(options.threshold ?? "cost"),
    promptCache,
    costTolerance: options.costTolerance ?? 0.02,
    hardThreshold: options.hardThreshold ?? 0.85,
    targetRatio: options.targetRatio ?? 0.2,
    targetTokens: options.targetTokens,
    protectFirstN: options.protectFirstN ?? 3,
    protectLastN: options.protectLastN ?? 20,
    onExhausted: options.onExhausted ?? "extract"
  }
  const problem = rules.find(({ isValid }) => !isValid(policy))
  return problem === undefined
    ? Either.right(policy)
    : Either.left(new InvalidPolicy({ field: problem.field, issue: problem.describeIssue(policy) }))
}

/** The caller may change its own object later. */
const copyThreshold = (threshold: Threshold): Threshold =>
  typeof threshold === "object" ? { tokens: threshold.tokens } : threshold

const isThreshold: CheckField = (field, value) => {
  const isInTokens = Predicate.hasProperty(value, "tokens") && typeof value.tokens === "number"
  const isValid = typeof value === "number" || value === "cost" || isInTokens
  return checkSetting(field, isValid, '"cost", a ratio or { tokens }', value)
}

/** The numbers that the rules compare. */
const POLICY_FIELDS = {
  mode: isOneOf("background", "preflight", "manual"),
  contextLength: isAnyNumber,
  reservedOutput: isAnyNumber,
  threshold: isThreshold,
  promptCache: isObject,
  costTolerance: isAnyNumber,
  hardThreshold: isAnyNumber,
  targetRatio: isAnyNumber,
  targetTokens: isAnyNumber,
  protectFirstN: isAnyNumber,
  protectLastN: isAnyNumber,
  onExhausted: isOneOf("extract", "fail")
}

/** The checks of `Window`, for `readOptions`. Its numbers are compared with the policy by `forWindow`. */
export const WINDOW_FIELDS = {
  contextLength: isAnyNumber,
  reservedOutput: isAnyNumber,
  threshold: isThreshold,
  model: isText
}

/**
 * The window of the model in use and its soft threshold, if they are not the policy's. `model` is its name: token counts
 * reported for another model do not correct the estimates for this one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Window {
  readonly contextLength?: number | undefined
  readonly reservedOutput?: number | undefined
  readonly threshold?: Threshold | undefined
  readonly model?: string | undefined
}

/**
 * Adapts a policy to another model's window, with the same ratios. `reservedOutput` takes its default for that window,
 * unless it is given.
 *
 * @since 0.1.0
 * @category combinators
 */
export const forWindow = (
  policy: CompressionPolicy,
  window: Window
): Either.Either<CompressionPolicy, InvalidPolicy> => {
  const { contextLength = policy.contextLength } = window
  const own = contextLength === policy.contextLength ? policy.reservedOutput : undefined
  return checkPolicy({
    ...policy,
    contextLength,
    reservedOutput: window.reservedOutput ?? own,
    threshold: window.threshold ?? policy.threshold
  })
}

/**
 * Narrows a policy to a window that proved smaller than configured, and may be smaller than one that can be configured.
 * The reserve takes no more than its default for that window.
 *
 * @since 0.1.0
 * @category combinators
 */
export const narrow = (policy: CompressionPolicy, contextLength: number): CompressionPolicy =>
  contextLength >= policy.contextLength
    ? policy
    : {
        ...policy,
        contextLength,
        reservedOutput: Math.min(policy.reservedOutput, Math.floor(contextLength / 8))
      }

/**
 * Scales a policy by estimated tokens per token of the provider, since a plan counts in estimates.
 *
 * @internal
 */
export const scaleToEstimates = (policy: CompressionPolicy, usage: Usage | null, model?: string): CompressionPolicy => {
  const factor = calibrate(1_000_000, -1, usage, model) / 1_000_000
  const scale = (tokens: number) => Math.floor(tokens / factor)
  return {
    ...policy,
    contextLength: scale(policy.contextLength),
    reservedOutput: scale(policy.reservedOutput),
    threshold: typeof policy.threshold === "object" ? { tokens: scale(policy.threshold.tokens) } : policy.threshold,
    targetTokens: Number.isFinite(mostTargetTokens(policy)) ? scale(mostTargetTokens(policy)) : undefined
  }
}

interface Rule {
  readonly field: keyof CompressionPolicy
  readonly isValid: (policy: CompressionPolicy) => boolean
  readonly describeIssue: (policy: CompressionPolicy) => string
}

const isWithin = (n: number, low: number, high: number) => Number.isFinite(n) && n >= low && n <= high
const isCount = (n: number) => Number.isInteger(n) && n >= 0

const rules: ReadonlyArray<Rule> = [
  {
    field: "contextLength",
    isValid: (p) => Number.isInteger(p.contextLength) && isWithin(p.contextLength, 2_048, 10_000_000),
    describeIssue: (p) => `expected a whole number of tokens from 2048 to 10000000, got ${p.contextLength}`
  },
  {
    field: "reservedOutput",
    isValid: (p) => isCount(p.reservedOutput) && p.reservedOutput <= p.contextLength / 2,
    describeIssue: (p) => `expected a whole number of tokens, at most half of the window, got ${p.reservedOutput}`
  },
  {
    field: "targetRatio",
    isValid: (p) => isWithin(p.targetRatio, 0.02, 0.8),
    describeIssue: (p) => `expected a ratio from 0.02 to 0.8, got ${p.targetRatio}`
  },
  {
    field: "targetTokens",
    isValid: ({ targetTokens = 1_024 }) => Number.isInteger(targetTokens) && isWithin(targetTokens, 1_024, 10_000_000),
    describeIssue: (p) => `expected a whole number of tokens from 1024 to 10000000, got ${p.targetTokens}`
  },
  {
    field: "threshold",
    isValid: ({ targetRatio, threshold }) =>
      typeof threshold === "object"
        ? Number.isInteger(threshold.tokens) && isWithin(threshold.tokens, 1_024, 10_000_000)
        : isWithin(latestRatio(threshold), 0.05, 1) && latestRatio(threshold) > targetRatio,
    describeIssue: ({ targetRatio, threshold }) =>
      typeof threshold === "object"
        ? `expected a whole number of tokens from 1024 to 10000000, got ${threshold.tokens}`
        : `expected a ratio above the target ratio ${targetRatio} and at most 1, got ${latestRatio(threshold)}`
  },
  {
    field: "costTolerance",
    isValid: (p) => isWithin(p.costTolerance, 0, 1),
    describeIssue: (p) => `expected a ratio from 0 to 1, got ${p.costTolerance}`
  },
  {
    field: "hardThreshold",
    isValid: ({ hardThreshold, threshold }) =>
      isWithin(hardThreshold, typeof threshold === "number" ? threshold : 0.05, 1),
    describeIssue: ({ hardThreshold, threshold }) =>
      `expected a ratio from ${typeof threshold === "number" ? `the threshold ${threshold}` : "0.05"} to 1, got ${hardThreshold}`
  },
  {
    field: "protectFirstN",
    isValid: (p) => isCount(p.protectFirstN),
    describeIssue: (p) => `expected a whole number, got ${p.protectFirstN}`
  },
  {
    field: "protectLastN",
    isValid: (p) => isCount(p.protectLastN),
    describeIssue: (p) => `expected a whole number, got ${p.protectLastN}`
  }
]

/**
 * Returns the window without the tokens reserved for the answer.
 *
 * @since 0.1.0
 * @category getters
 */
export const usableWindow = (policy: CompressionPolicy): number => policy.contextLength - policy.reservedOutput

/**
 * Returns the tokens above which a compression begins in the background; with `threshold: "cost"`, at the latest.
 *
 * @since 0.1.0
 * @category getters
 */
export const softLimit = (policy: CompressionPolicy): number => {
  const { contextLength, threshold } = policy
  if (typeof threshold === "object") return Math.min(threshold.tokens, hardLimit(policy))
  const most = threshold === "cost" ? hardLimit(policy) : usableWindow(policy)
  return Math.floor(Math.min(latestRatio(threshold) * contextLength, most))
}

/** The ratio of the window at which a compression begins, whatever it costs. */
const latestRatio = (threshold: number | "cost"): number => (threshold === "cost" ? 0.5 : threshold)

/**
 * Returns the tokens above which no step begins.
 *
 * @since 0.1.0
 * @category getters
 */
export const hardLimit = (policy: CompressionPolicy): number =>
  Math.floor(Math.min(policy.hardThreshold * policy.contextLength, usableWindow(policy)))

/**
 * The tokens that each part of the view can count on. What one does not use, the others get, up to `fill` tokens together:
 * the target, or less where the next compression would come too soon. `segment` is the least that a summary needs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shares {
  readonly target: number
  readonly fill: number
  readonly head: number
  readonly handoff: number
  readonly segment: number
  readonly live: number
  readonly tail: number
}

/**
 * Returns the shares of a view whose system prompt and tools take `overhead` tokens; undefined if these leave no room.
 * Head 12 %, live requests 8 %; handoff 45 %, in a large target up to 70 %; tail the rest.
 *
 * Beside a large overhead the reserve gives way: the conversation has room for an eighth of the window, or for half of
 * what the overhead leaves.
 *
 * @since 0.1.0
 * @category getters
 */
export const shares = (policy: CompressionPolicy, overhead: number): Shares | undefined => {
  const left = policy.contextLength - overhead
  if (!(left >= SMALLEST_TARGET)) return undefined
  const room = Math.max(left - policy.reservedOutput, Math.min(policy.contextLength / 8, left / 2))
  const ofWindow = Math.min(policy.targetRatio * policy.contextLength, mostTargetTokens(policy), 0.8 * room)
  const target = Math.max(SMALLEST_TARGET, Math.floor(Math.min(ofWindow, mostTarget(policy, overhead))))
  const handoff = Math.floor(Math.max(0.45 * target, Math.min(0.7 * target, target - BESIDES)))
  return {
    target,
    fill: Math.floor(Math.min(target, (2 / 3) * Math.max(softLimit(policy) - overhead, WORTHWHILE * target))),
    head: Math.floor(0.12 * target),
    live: Math.floor(0.08 * target),
    tail: Math.floor(0.8 * target) - handoff,
    handoff,
    segment: Math.min(LEAST_SUMMARY, Math.floor(0.5 * handoff))
  }
}

/** A conversation of fewer times its target is not worth a compression. */
export const WORTHWHILE = 1.25

/** A view that came near a threshold of tokens would be over it again at once. */
const mostTarget = ({ threshold }: CompressionPolicy, overhead: number): number =>
  typeof threshold === "object" ? Math.min(threshold.tokens / 2, 0.8 * (threshold.tokens - overhead)) : Infinity

/** What a head, a few segments and the last messages take. More of it is read at every step, and used at few. */
const mostTargetTokens = ({ targetTokens, threshold }: CompressionPolicy): number =>
  targetTokens ?? (threshold === "cost" ? 16_000 : Infinity)

/** What all but the handoff need of a large target. More is worth more in the handoff. */
const BESIDES = 4_800

/**
 * Returns the largest overhead beside which the smallest conversation fits.
 *
 * @internal
 */
export const mostOverhead = ({ contextLength }: CompressionPolicy): number => contextLength - SMALLEST_TARGET

/** With fewer tokens a handoff would be headings without content. */
const SMALLEST_TARGET = 400
const LEAST_SUMMARY = 250
