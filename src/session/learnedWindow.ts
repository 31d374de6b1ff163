/**
 * What refused calls teach of a window, and when a larger one than the learned is tried: the same for the model of a
 * session, in messages, and for a route that writes summaries, in tasks.
 */
import { findLearnedWindow, type LearnedWindow, type State } from "./Session.ts"

/** The size of the smallest request that was refused, and the limit the server named, in tokens. */
export interface Refusal {
  readonly tokens: number
  readonly limit: number | null
}

/** The window is no larger than what was refused, and than the limit. */
export const sizeOfRefusal = ({ limit, tokens }: Refusal): number => Math.min(tokens, limit ?? Infinity)

/** The window that a refusal leaves, beside the one learned before. */
export interface Lesson {
  readonly contextLength: number
  readonly isNamed: boolean
  readonly probe: NonNullable<LearnedWindow["probe"]>
}

/** The window learned so far, and the number of the newest message or task. */
export type Learned = Pick<State, "lastSeq" | "windows">

/**
 * Messages or tasks until a larger window is tried for the first time, after a refusal that named no limit, and after one
 * that did: a server that names its window is believed for longer. Without a named limit nothing below `least` is believed.
 */
export interface Patience {
  readonly wait: number
  readonly waitNamed: number
  readonly least: number
}

/**
 * What is learned of a refusal after which a smaller request has passed. A refusal that names no limit never widens the
 * window: it was refused at a trial, so the next trial comes later.
 */
export const learnFrom = (
  refusal: Refusal,
  { lastSeq, windows }: Learned,
  model: string,
  { least, wait: first, waitNamed }: Patience
): Lesson => {
  const size = sizeOfRefusal(refusal)
  const isNamed = size === refusal.limit
  const known = windows.find((window) => window.model === model)
  const unnamed = Math.min(findLearnedWindow(windows, model), Math.max(size, least))
  const wait = known?.probe?.wait ?? (refusal.limit === null ? first : waitNamed)
  return {
    contextLength: refusal.limit === null ? unnamed : size,
    isNamed,
    probe: { fromSeq: lastSeq + wait, wait: wait * 2 }
  }
}

/** The window as it is to be tried: `growth` times as large once its trial is due, else as it was learned. */
export const growIfDue = (window: LearnedWindow, lastSeq: number, growth: number): LearnedWindow =>
  window.probe === undefined || lastSeq < window.probe.fromSeq
    ? window
    : { ...window, contextLength: Math.ceil(window.contextLength * growth) }
