/** What a refused step tells of the server's window, and when a larger window than the learned one is tried. */
import * as Predicate from "effect/Predicate"
import { type CompressionPolicy, softLimit } from "../compression/CompressionPolicy.ts"
import { redact } from "../message/Redaction.ts"
import { readTokenLimit } from "../model/overflowText.ts"
import { growIfDue, type Patience, type Refusal } from "../session/learnedWindow.ts"
import { findLearnedWindow, type LearnedWindow, type State } from "../session/Session.ts"

export const isOverflow = (error: unknown): boolean => Predicate.isTagged(error, "ContextOverflow")

export const addRefusal = ({ limit, tokens }: Refusal, step: { readonly tokens: number }, error: unknown): Refusal => ({
  tokens: Math.min(tokens, step.tokens),
  limit: readLimit(error) ?? limit
})

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

// ── trials ──

/** In messages. A view of fewer than 2,048 tokens is refused for another reason, as long as the server does not name it. */
export const PATIENCE: Patience = { wait: 64, waitNamed: 1_024, least: 2_048 }

/** The windows as a step is to try them, those that are due for a trial larger than they were learned. */
export const listTrials = (
  { lastSeq, windows }: State,
  model: string | undefined,
  policy: CompressionPolicy
): ReadonlyArray<LearnedWindow> => {
  // Background compressions begin at the threshold, and only a view larger than the learned window tests another one.
  const growth = Math.max(2, (1.25 * policy.contextLength) / softLimit(policy))
  return windows.map((window) =>
    findLearnedWindow([window], model) === Infinity ? window : growIfDue(window, lastSeq, growth)
  )
}
