/** Adds up the progress of all calls of one summary: chunks, retries and merges. */
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../concurrency/fiberServices.ts"

/** Tokens written so far, and the most that are expected. */
export interface Progress {
  readonly tokensWritten: number
  readonly tokensExpected: number
}

/** The part of one answer. Until its `end`, the answer is expected to fill all its room. */
export interface Part {
  readonly onProgress: (characters: number) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
}

/** Starts a tally. `begin` adds an answer of at most `maxTokens`. The tokens written never shrink, also after a retry. */
export const makeTally = (report: (progress: Progress) => Effect.Effect<void>) => {
  const total = { tokensWritten: 0, tokensExpected: 0 }
  const reportTotal = Effect.suspend(() => (total.tokensWritten === 0 ? Effect.void : report({ ...total })))

  const begin = (maxTokens: number): Part => {
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

/** The progress at a moment of the monotonic clock. */
export interface Sample extends Progress {
  readonly at: number
}

/** Estimates from the speed since the first words came; null before that. */
export const estimateMillisecondsLeft = (first: Sample, now: Sample): number | null => {
  const written = now.tokensWritten - first.tokensWritten
  const elapsed = now.at - first.at
  return written <= 0 || elapsed <= 0 ? null : Math.ceil((elapsed * (now.tokensExpected - now.tokensWritten)) / written)
}

/** Reports each percent once. */
export const throttleProgress = (
  report: (progress: Progress, millisecondsLeft: number | null) => Effect.Effect<void>
) => {
  let first: Sample | undefined
  let lastShare = -1
  return (progress: Progress): Effect.Effect<void> =>
    Effect.flatMap(monotonicMillis, (at) => {
      const now = { ...progress, at }
      first ??= now
      if (progressShare(now) === lastShare) return Effect.void
      lastShare = progressShare(now)
      return report(progress, estimateMillisecondsLeft(first, now))
    })
}

/**
 * Returns how far a compression is, in whole percent from 0 to 100.
 *
 * @since 0.1.0
 * @category getters
 */
export const progressShare = (progress: { readonly tokensWritten: number; readonly tokensExpected: number }): number =>
  Math.floor((100 * progress.tokensWritten) / Math.max(1, progress.tokensExpected))
