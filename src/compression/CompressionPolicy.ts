/**
 * When to compress, and how much of the window each part of the view may have.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { InvalidPolicy } from "../model/InvalidSetting.ts"

export { InvalidPolicy }

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
  /** What the model's answer needs; the rest is the usable window. */
  readonly reservedOutput: number
  /** The soft threshold. Default 0.50. */
  readonly threshold: number
  /** The hard threshold: a step does not start above it. Default 0.85. */
  readonly hardThreshold: number
  /** What head, handoff, live request and tail may have together after a compression. Default 0.20. */
  readonly targetRatio: number
  /** How many messages the head would like to keep. Default 3. */
  readonly protectFirstN: number
  /** How many messages the tail would like to keep. Default 20. */
  readonly protectLastN: number
  /** `extract` answers with the embedded summarizer when every route failed, `fail` with the typed error. */
  readonly onExhausted: "extract" | "fail"
}

/**
 * What one may leave out takes its default; `reservedOutput` is then an eighth of the window, at most 16,384.
 *
 * @since 0.1.0
 * @category models
 */
export type PolicyOptions = { readonly [K in keyof CompressionPolicy]?: CompressionPolicy[K] | undefined } & {
  readonly contextLength: number
}

/**
 * A policy from its settings, each checked.
 *
 * @example
 * CompressionPolicy.make({ contextLength: 128_000, targetRatio: 0.25 })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: PolicyOptions): Either.Either<CompressionPolicy, InvalidPolicy> => {
  const { contextLength } = options
  const policy: CompressionPolicy = {
    mode: options.mode ?? "background",
    contextLength,
    reservedOutput: options.reservedOutput ?? Math.min(16_384, Math.floor(contextLength / 8)),
    threshold: options.threshold ?? 0.5,
    hardThreshold: options.hardThreshold ?? 0.85,
    targetRatio: options.targetRatio ?? 0.2,
    protectFirstN: options.protectFirstN ?? 3,
    protectLastN: options.protectLastN ?? 20,
    onExhausted: options.onExhausted ?? "extract"
  }
  const problem = rules.find(({ holds }) => !holds(policy))
  return problem === undefined
    ? Either.right(policy)
    : Either.left(new InvalidPolicy({ field: problem.field, issue: problem.issue(policy) }))
}

/**
 * The window of the model in use, where it is not the policy's own. `model` is its name: what was reported of another
 * model's tokens says nothing about this one's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Window {
  readonly contextLength?: number | undefined
  readonly reservedOutput?: number | undefined
  readonly model?: string | undefined
}

/**
 * The policy for another model's window: the same ratios of it. What the answer needs takes its default there, unless
 * it is given.
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
  return make({ ...policy, contextLength, reservedOutput: window.reservedOutput ?? own })
}

interface Rule {
  readonly field: keyof CompressionPolicy
  readonly holds: (policy: CompressionPolicy) => boolean
  readonly issue: (policy: CompressionPolicy) => string
}

const within = (n: number, low: number, high: number) => Number.isFinite(n) && n >= low && n <= high
const isCount = (n: number) => Number.isInteger(n) && n >= 0

const rules: ReadonlyArray<Rule> = [
  {
    field: "contextLength",
    holds: (p) => Number.isInteger(p.contextLength) && within(p.contextLength, 2_048, 10_000_000),
    issue: (p) => `expected a whole number of tokens from 2048 to 10000000, got ${p.contextLength}`
  },
  {
    field: "reservedOutput",
    holds: (p) => isCount(p.reservedOutput) && p.reservedOutput <= p.contextLength / 2,
    issue: (p) => `expected a whole number of tokens, at most half of the window, got ${p.reservedOutput}`
  },
  {
    field: "targetRatio",
    holds: (p) => within(p.targetRatio, 0.02, 0.8),
    issue: (p) => `expected a ratio from 0.02 to 0.8, got ${p.targetRatio}`
  },
  {
    field: "threshold",
    holds: (p) => within(p.threshold, 0.05, 1) && p.threshold > p.targetRatio,
    issue: (p) => `expected a ratio above the target ratio ${p.targetRatio} and at most 1, got ${p.threshold}`
  },
  {
    field: "hardThreshold",
    holds: (p) => within(p.hardThreshold, p.threshold, 1),
    issue: (p) => `expected a ratio from the threshold ${p.threshold} to 1, got ${p.hardThreshold}`
  },
  {
    field: "protectFirstN",
    holds: (p) => isCount(p.protectFirstN),
    issue: (p) => `expected a whole number, got ${p.protectFirstN}`
  },
  {
    field: "protectLastN",
    holds: (p) => isCount(p.protectLastN),
    issue: (p) => `expected a whole number, got ${p.protectLastN}`
  }
]

/**
 * The window less what the answer needs.
 *
 * @since 0.1.0
 * @category getters
 */
export const usableWindow = (policy: CompressionPolicy): number => policy.contextLength - policy.reservedOutput

/**
 * Above this many tokens a compression is worth its cost.
 *
 * @since 0.1.0
 * @category getters
 */
export const softLimit = (policy: CompressionPolicy): number =>
  Math.floor(Math.min(policy.threshold * policy.contextLength, usableWindow(policy)))

/**
 * Above this many tokens no step is begun.
 *
 * @since 0.1.0
 * @category getters
 */
export const hardLimit = (policy: CompressionPolicy): number =>
  Math.floor(Math.min(policy.hardThreshold * policy.contextLength, usableWindow(policy)))

/**
 * What each part of the view may have after a compression, in tokens. `tailWish` is how far the tail may stretch to
 * keep `protectLastN` messages; `segment` is the least a summary needs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shares {
  readonly target: number
  readonly head: number
  readonly handoff: number
  readonly segment: number
  readonly live: number
  readonly tail: number
  readonly tailWish: number
}

/**
 * The shares of a view whose system prompt and tools take `overhead` tokens; none if these leave no room.
 * Head 12 %, live requests 13 %, tail 25 to 35 %, handoff the rest, 40 %.
 *
 * @since 0.1.0
 * @category getters
 */
export const shares = (policy: CompressionPolicy, overhead: number): Shares | undefined => {
  const room = usableWindow(policy) - overhead
  const target = Math.floor(Math.min(policy.targetRatio * policy.contextLength, 0.8 * room))
  if (target < SMALLEST_TARGET) return undefined
  const handoff = Math.floor(0.4 * target)
  return {
    target,
    head: Math.floor(0.12 * target),
    live: Math.floor(0.13 * target),
    tail: Math.floor(0.25 * target),
    tailWish: Math.floor(0.35 * target),
    handoff,
    segment: Math.min(LEAST_SUMMARY, Math.floor(0.5 * handoff))
  }
}

/** Below this a handoff is all headings and no content. */
const SMALLEST_TARGET = 400
const LEAST_SUMMARY = 250
