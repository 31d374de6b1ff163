/**
 * What a handoff takes of a view, in tokens.
 */
import type { Shares } from "../CompressionPolicy.ts"
import * as Handoff from "../Handoff.ts"
import type { Segment } from "../Session.ts"
import type { Counter } from "../Tokens.ts"

/** The ledger's part of a handoff. */
export const LEDGER = 0.3

export const handoffTokens = (segments: ReadonlyArray<Segment>, ledger: string, counter: Counter): number =>
  counter.message(Handoff.message({ segments, ledger, renderer: Handoff.RENDERER }))

export const segmentTokens = (segment: Segment, counter: Counter): number =>
  segment.tokens + handoffTokens([{ ...segment, text: "" }], "", counter) - handoffTokens([], "", counter) + 1

/** A summary may be a quarter over its share; in a small window the frame takes what the handoff's share does not hold. */
export const handoffRoom = (shares: Shares, counter: Counter): number =>
  Math.max(
    shares.handoff,
    Math.ceil(1.25 * shares.segment) + Math.floor(LEDGER * shares.handoff) + handoffTokens([WIDEST], "-", counter)
  )

const WIDEST: Segment = {
  id: "",
  level: 0,
  children: [],
  fromSeq: 1_000_000,
  toSeq: 1_000_000,
  text: "",
  tokens: 0,
  degraded: "",
  focus: null,
  model: ""
}
