/**
 * Keeps background compressions from being begun for nothing: again before the log has grown, or over and over where
 * each frees next to nothing, because something else than the conversation fills the window.
 */
import type { SessionId } from "../session/Session.ts"

/** After so many background compressions in a row that freed little, no more are begun. */
const MOST_LITTLE = 3

/** Little is less than this part of the target. A window that the conversation itself has filled gives more. */
const LITTLE = 0.25

/** Sessions remembered of each kind. The oldest are forgotten first. */
const CAPACITY = 10_000

/** A compression that a caller asked for, or one begun in the background when the log had come to `seq`. */
export type Origin = { readonly _tag: "Asked" } | { readonly _tag: "Background"; readonly seq: number }

/** The tokens that one compression took out of the view, and those the conversation should have after it. */
export interface Gain {
  readonly freedTokens: number
  readonly targetTokens: number
  readonly origin: Origin
}

/** Compressions in a row that freed little: their number, and the tokens they freed from `since` to `until` (epoch ms). */
export interface Refill {
  readonly times: number
  readonly tokens: number
  readonly since: number
  readonly until: number
}

/** Adds a compression. One that a caller asked for never counts against the session. */
export const refillAfter = (refill: Refill | undefined, gain: Gain, now: number): Refill | undefined => {
  if (gain.freedTokens >= LITTLE * gain.targetTokens) return undefined
  if (gain.origin._tag === "Asked") return refill
  return refill === undefined
    ? { times: 1, tokens: 0, since: now, until: now }
    : { ...refill, times: refill.times + 1, tokens: refill.tokens + gain.freedTokens, until: now }
}

export const isHeldBack = (refill: Refill | undefined): boolean => refill !== undefined && refill.times >= MOST_LITTLE

export const refillPerMinute = ({ since, tokens, until }: Refill): number =>
  Math.round((tokens * 60_000) / Math.max(1_000, until - since))

export const make = () => {
  const refills = new Map<SessionId, Refill>()
  /** The end of the log when a background compression ended without a commit. */
  const vainAt = new Map<SessionId, number>()

  const mayStart = (sessionId: SessionId, seq: number): boolean =>
    vainAt.get(sessionId) !== seq && !isHeldBack(refills.get(sessionId))

  /** A compression that a caller asked for and that ended without a commit changes nothing. */
  const noteEnd = (sessionId: SessionId, origin: Origin, hasCommitted: boolean): void => {
    if (hasCommitted) vainAt.delete(sessionId)
    else if (origin._tag === "Background") setNewest(vainAt, sessionId, origin.seq)
  }

  /** Returns the refill if the session is held back from now on. */
  const noteGain = (sessionId: SessionId, gain: Gain, now: number): Refill | undefined => {
    const before = refills.get(sessionId)
    const refill = refillAfter(before, gain, now)
    if (refill === undefined) refills.delete(sessionId)
    else setNewest(refills, sessionId, refill)
    return isHeldBack(refill) && !isHeldBack(before) ? refill : undefined
  }

  const forget = (sessionId: SessionId): void => {
    refills.delete(sessionId)
    vainAt.delete(sessionId)
  }

  return { mayStart, noteEnd, noteGain, forget }
}

/** Sets an entry as the newest, and forgets the oldest beyond the capacity. */
const setNewest = <A>(entries: Map<SessionId, A>, sessionId: SessionId, value: A): void => {
  entries.delete(sessionId)
  entries.set(sessionId, value)
  for (const oldest of entries.keys()) {
    if (entries.size <= CAPACITY) return
    entries.delete(oldest)
  }
}
