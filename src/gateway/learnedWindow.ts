/** What a refused call tells of the server's window, and when a larger window than the learned one is tried. */
import * as Predicate from "effect/Predicate"
import type { CompressionPolicy } from "../compression/CompressionPolicy.ts"
import { redact } from "../message/Redaction.ts"
import { readTokenLimit } from "../model/overflowText.ts"
import { findLearnedWindow, type LearnedWindow, type State } from "../session/Session.ts"

export const isOverflow = (error: unknown): boolean => Predicate.isTagged(error, "ContextOverflow")

/** The smallest view that was refused, and the limit the server named, in tokens. */
export interface Refusal {
  readonly tokens: number
  readonly limit: number | null
}

export const addRefusal = ({ limit, tokens }: Refusal, step: { readonly tokens: number }, error: unknown): Refusal => ({
  tokens: Math.min(tokens, step.tokens),
  limit: readLimit(error) ?? limit
})

/** The window is no larger than what was refused, and than the limit. */
export const sizeOfRefusal = ({ limit, tokens }: Refusal): number => Math.min(tokens, limit ?? Infinity)

/** An agent's own error needs no more than the tag, so its other fields may be anything. */
const readLimit = (error: unknown): number | null => {
  const named = Predicate.hasProperty(error, "limit") ? error.limit : null
  const limit = typeof named === "number" ? Math.floor(named) : readTokenLimit(detailOf(error))
  return limit !== null && Number.isSafeInteger(limit) && limit >= LEAST_WINDOW ? limit : null
}

/** No model has fewer tokens: a smaller number is about something else. */
const LEAST_WINDOW = 512

export const detailOf = (error: unknown): string => {
  for (const name of ["detail", "message"] as const) {
    const text = Predicate.hasProperty(error, name) ? error[name] : undefined
    if (typeof text === "string" && text !== "") return redact(text)
  }
  return "it gave no reason"
}

// ── learning ──

/** The window that a refusal leaves, beside the one learned before. */
export interface Lesson {
  readonly contextLength: number
  readonly isNamed: boolean
  readonly probe: NonNullable<LearnedWindow["probe"]>
}

/**
 * What is learned of a refusal after which a smaller view has passed. A refusal that names no limit never widens the
 * window: it was refused at a trial, so the next trial comes later.
 */
export const learnFrom = (refusal: Refusal, { lastSeq, windows }: State, model: string): Lesson => {
  const size = sizeOfRefusal(refusal)
  const isNamed = size === refusal.limit
  const known = windows.find((window) => window.model === model)
  const unnamed = Math.min(findLearnedWindow(windows, model), Math.max(size, LEAST_UNNAMED))
  const wait = known?.probe?.wait ?? (refusal.limit === null ? WAIT : WAIT_NAMED)
  return {
    contextLength: refusal.limit === null ? unnamed : size,
    isNamed,
    probe: { fromSeq: lastSeq + wait, wait: wait * 2 }
  }
}

/** A smaller view is refused for another reason than the window, as long as the server does not name it. */
const LEAST_UNNAMED = 2_048

/** Messages until a larger window is tried for the first time. A server that names its window is believed for longer. */
const WAIT = 64
const WAIT_NAMED = 1_024

/** The windows learned for a model that are due for a trial, each as large as it is to be tried. */
export const listTrials = (
  { lastSeq, windows }: State,
  model: string | undefined,
  { threshold }: CompressionPolicy
): ReadonlyArray<LearnedWindow> =>
  windows.map((window) => {
    const { contextLength, probe } = window
    if (findLearnedWindow([window], model) === Infinity || probe === undefined || lastSeq < probe.fromSeq) return window
    // Background compressions begin at the threshold, and only a view larger than the learned window tests another one.
    return { ...window, contextLength: Math.ceil(contextLength * Math.max(2, 1.25 / threshold)) }
  })
