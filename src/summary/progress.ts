/** How far the calls of one summary have come, together: chunks, retries and merges. */
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

/** Tokens written so far, and expected at most. */
export interface Progress {
  readonly tokensWritten: number
  readonly tokensExpected: number
}

/** What one answer adds. Until its `end` as much is expected of it as it has room for. */
export interface Part {
  readonly onProgress: (characters: number) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
}

/** `begin` promises an answer of at most so many tokens. What is written never grows less, whatever is asked again. */
export const make = (report: (progress: Progress) => Effect.Effect<void>) => {
  const total = { tokensWritten: 0, tokensExpected: 0 }
  const tell = Effect.suspend(() => (total.tokensWritten === 0 ? Effect.void : report({ ...total })))

  const begin = (maxTokens: number): Part => {
    let written = 0
    let expected = maxTokens
    total.tokensExpected += expected
    const onProgress = (characters: number) =>
      Effect.suspend(() => {
        const tokens = Math.min(expected, Math.ceil(characters / CHARACTERS))
        if (tokens <= written) return Effect.void
        total.tokensWritten += tokens - written
        written = tokens
        return tell
      })
    /** Few answers need all their room. */
    const end = Effect.suspend(() => {
      if (expected === written) return Effect.void
      total.tokensExpected -= expected - written
      expected = written
      return tell
    })
    return { onProgress, end }
  }

  return { begin }
}

export type Tally = ReturnType<typeof make>

/** Of a token: close enough for a bar. */
const CHARACTERS = 4

/** Progress at a moment, by the steady clock. */
export interface Sample extends Progress {
  readonly at: number
}

/** At the speed since the first words came; null until there is one. */
export const estimateMillisecondsLeft = (first: Sample, now: Sample): number | null => {
  const written = now.tokensWritten - first.tokensWritten
  const elapsed = now.at - first.at
  return written <= 0 || elapsed <= 0 ? null : Math.ceil((elapsed * (now.tokensExpected - now.tokensWritten)) / written)
}

/** Tells only what is news: each percent once. */
export const throttleProgress = (
  tell: (progress: Progress, millisecondsLeft: number | null) => Effect.Effect<void>
) => {
  let first: Sample | undefined
  let told = -1
  return (progress: Progress): Effect.Effect<void> =>
    Effect.flatMap(monotonicMillis, (at) => {
      const now = { ...progress, at }
      first ??= now
      if (progressShare(now) === told) return Effect.void
      told = progressShare(now)
      return tell(progress, estimateMillisecondsLeft(first, now))
    })
}

/** How far a compression is, in whole percent from 0 to 100. */
export const progressShare = (progress: { readonly tokensWritten: number; readonly tokensExpected: number }): number =>
  Math.floor((100 * progress.tokensWritten) / Math.max(1, progress.tokensExpected))
