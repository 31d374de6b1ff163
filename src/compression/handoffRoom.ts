/**
 * What a handoff takes of a view, in tokens.
 */
import type { Shares } from "./CompressionPolicy.ts"
import * as Handoff from "../handoff/Handoff.ts"
import type { Segment } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"
import type { Limits } from "../handoff/segmentTree.ts"

/** The ledger's part of a handoff. */
export const LEDGER = 0.3

export const tokensOfHandoff = (segments: ReadonlyArray<Segment>, ledger: string, counter: Counter): number =>
  counter.message(Handoff.message({ segments, ledger, renderer: Handoff.RENDERER }))

/** A summary may be a quarter over its share; in a small window the frame takes what the handoff's share does not hold. */
export const roomForHandoff = (shares: Shares, counter: Counter): number =>
  Math.max(shares.handoff, Math.ceil(1.25 * (shares.segment + frameOf(WIDEST, counter))) + besides(shares, counter))

/** What is left of the handoff for the segments, whatever the ledger says. */
export const limitSegments = (shares: Shares, counter: Counter): Limits => ({
  room: roomForHandoff(shares, counter) - besides(shares, counter),
  least: shares.segment,
  sizeOf: (segment) => segment.tokens + frameOf(segment, counter)
})

/** The ledger's share and the frame of the whole. */
const besides = (shares: Shares, counter: Counter): number =>
  Math.floor(LEDGER * shares.handoff) + tokensOfHandoff([], "-", counter)

/** The line before a segment, and what its headings are given more. */
const frameOf = (segment: Segment, counter: Counter): number =>
  tokensOfHandoff([{ ...segment, text: HEADINGS }], "", counter) -
  tokensOfHandoff([], "", counter) -
  counter.text(HEADINGS) +
  1

const HEADINGS = "### In progress\n### Blocked\n## Open work"

const WIDEST: Segment = {
  id: "seg_0123456789abcdef",
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
