/**
 * How fast sessions refill, and which of them compressions nobody asked for cannot help: each takes away next to nothing,
 * and the next is due at once, since what fills the window is not the conversation.
 */
import type { SessionId } from "../session/Session.ts"

/** After so many compressions in a row that covered little, no more are begun unasked. */
const MOST = 3

/** Little is less than this part of the target; a window that the conversation itself has filled gives more. */
const LITTLE = 0.25

/** The oldest memories go first. */
const CAPACITY = 10_000

/** What one compression took away, in tokens, and how large the conversation should be after it. */
export interface Gain {
  readonly covered: number
  readonly target: number
  readonly isUnasked: boolean
}

/** Compressions in a row that covered little: how many, and the tokens that came from `since` to `until` (epoch ms). */
export interface Refill {
  readonly times: number
  readonly tokens: number
  readonly since: number
  readonly until: number
}

/** Somebody who asks knows what it is for, and is not counted. */
export const refillAfter = (refill: Refill | undefined, gain: Gain, now: number): Refill | undefined => {
  if (gain.covered >= LITTLE * gain.target) return undefined
  if (!gain.isUnasked) return refill
  return refill === undefined
    ? { times: 1, tokens: 0, since: now, until: now }
    : { ...refill, times: refill.times + 1, tokens: refill.tokens + gain.covered, until: now }
}

export const isHeldBack = (refill: Refill | undefined): boolean => refill !== undefined && refill.times >= MOST

export const refillPerMinute = ({ since, tokens, until }: Refill): number =>
  Math.round((tokens * 60_000) / Math.max(1_000, until - since))

export const make = () => {
  const refills = new Map<SessionId, Refill>()

  /** What is known of the session, if this made it hopeless. */
  const note = (sessionId: SessionId, gain: Gain, now: number): Refill | undefined => {
    const before = refills.get(sessionId)
    const refill = refillAfter(before, gain, now)
    refills.delete(sessionId)
    if (refill === undefined) return undefined
    refills.set(sessionId, refill)
    for (const oldest of refills.keys()) {
      if (refills.size <= CAPACITY) break
      refills.delete(oldest)
    }
    return isHeldBack(refill) && !isHeldBack(before) ? refill : undefined
  }

  return { note, isHopeless: (sessionId: SessionId) => isHeldBack(refills.get(sessionId)) }
}
