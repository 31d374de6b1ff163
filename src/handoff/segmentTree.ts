/**
 * The segments of a handoff as a log-structured merge tree: which neighbours are condensed into one, how many tokens a new
 * segment may take, and which segments leave the view for recall. The others keep their bytes, so that the provider's
 * prompt cache stays warm up to the newest segment.
 */
import * as Handoff from "./Handoff.ts"
import type { Segment, State } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

/** So many neighbours of one level become one segment of the next. */
const FAN_IN = 4

/** Segments of this level are not condensed again: the oldest leaves. */
const TOP_LEVEL = 2

type Segments = ReadonlyArray<Segment>

/** Neighbours to be condensed into one segment of at most `maxTokens` tokens. */
export interface Merge {
  readonly children: Segments
  readonly maxTokens: number
}

/** The change that the next compression makes: `merges`, and a new segment of at most `maxTokens` tokens. */
export interface Growth {
  readonly merges: ReadonlyArray<Merge>
  readonly maxTokens: number
}

/** Tokens: `room` for all segments together, `least` that one segment needs to say anything; `sizeOf` counts the frame too. */
export interface SegmentLimits {
  readonly room: number
  readonly least: number
  readonly sizeOf: (segment: Segment) => number
}

/**
 * Plans which segments are condensed, and how many tokens the new one may take. Every summary of a summary loses something, so
 * segments are condensed only where the one after the next lacks room: if that fails, the next one still fits.
 */
export const planGrowth = (segments: Segments, limits: SegmentLimits): Growth => {
  const merges: Array<Merge> = []
  let kept = segments
  for (const children of isRoomy(segments, limits) ? [] : findDueRuns(segments)) {
    const others = kept.filter((segment) => !children.includes(segment))
    const share = Math.floor((limits.room - sizeOfAll(others, limits)) / (FAN_IN + 1))
    const maxTokens = Math.min(Math.max(limits.least, share), limitMerge(children))
    merges.push({ children, maxTokens })
    kept = replaceChildren(kept, condenseSegments(children, { id: "", text: "", model: "", tokens: maxTokens }))
  }
  return { merges, maxTokens: roomForNew(segments, kept, limits) }
}

/** Returns whether there is room for two more segments that take a quarter more than those before, or an even share. */
const isRoomy = (segments: Segments, limits: SegmentLimits): boolean => {
  const written = segments.filter((segment) => !isCondensed(segment))
  const wish = written.length === 0 ? Infinity : (1.25 * sizeOfAll(written, limits)) / written.length
  return limits.room - sizeOfAll(segments, limits) >= 2 * Math.min(wish, limits.room / (FAN_IN + 1))
}

/** Makes the segment into which `children` are condensed. */
export const condenseSegments = (
  children: Segments,
  made: Pick<Segment, "id" | "text" | "tokens" | "model">
): Segment => ({
  id: made.id,
  level: (children[0]?.level ?? 0) + 1,
  children: children.map(({ id }) => id),
  fromSeq: children[0]?.fromSeq ?? 0,
  toSeq: children.at(-1)?.toSeq ?? 0,
  text: made.text,
  tokens: made.tokens,
  degraded: null,
  focus: null,
  model: made.model
})

/** Counts the compressions since the last reset that these segments stand for. */
export const countCompressions = (segments: Segments): number =>
  segments.reduce((sum, { level }) => sum + FAN_IN ** level, 0)

/** Selects the segments that a view shows: `merged` instead of their children, `added` last. */
export const selectShown = (segments: Segments, merged: Segments, added: Segment, limits: SegmentLimits): Segments => {
  const all = [...merged.reduce(replaceChildren, segments), added]
  // A merge changes the bytes anyway, so the oldest segments leave now, before they have to.
  const isCrowded = (list: Segments) =>
    list[0]?.level === TOP_LEVEL && sizeOfAll(list.filter(isCondensed), limits) > CROWDED * limits.room
  const settled = merged.length === 0 ? all : dropOldestWhile(all, isCrowded)
  if (sizeOfAll(settled, limits) <= limits.room) return settled
  // More leave than must, so that the bytes do not change again with each of the next compressions.
  return dropOldestWhile(settled, (list) => list.length > 1 && sizeOfAll(list, limits) > ROOMY * limits.room)
}

/** Selects the newest segments that fit the room, if it has become smaller. The others leave the view for recall. */
export const selectFitting = (segments: Segments, limits: SegmentLimits): Segments =>
  dropOldestWhile(segments, (list) => list.length > 0 && sizeOfAll(list, limits) > limits.room)

/** The part of the room that condensed segments may take before the oldest leaves. */
const CROWDED = 0.6
const ROOMY = 0.75

/** Finds the oldest run of each level that is ready to be condensed. Degraded segments wait for their healing. */
const findDueRuns = (segments: Segments): ReadonlyArray<Segments> => {
  const runs: Array<Segments> = []
  for (let i = 0; i + FAN_IN <= segments.length; i++) {
    const run = segments.slice(i, i + FAN_IN)
    const level = run[0]?.level ?? TOP_LEVEL
    const isReady = level < TOP_LEVEL && run.every((segment) => segment.level === level && segment.degraded === null)
    if (isReady && runs.every(([first]) => first?.level !== level)) runs.push(run)
  }
  return runs
}

const replaceChildren = (segments: Segments, parent: Segment): Segments =>
  segments.flatMap((segment) => {
    const at = parent.children.indexOf(segment.id)
    return at < 0 ? [segment] : at === 0 ? [parent] : []
  })

const dropOldestWhile = (segments: Segments, isTooMuch: (list: Segments) => boolean): Segments => {
  let list = segments
  while (isTooMuch(list)) list = list.slice(1)
  return list
}

/**
 * Returns an even share of the room for each segment still to come before the next merge, and more for the first. Where
 * not even two of the least size fit, one takes most of the room. The new segment also fits if no merge succeeds.
 */
const roomForNew = (present: Segments, kept: Segments, limits: SegmentLimits): number => {
  const { least, room } = limits
  if (room < 2.5 * least) return Math.floor(room * 0.75)
  const newest = kept.length - kept.findLastIndex(isCondensed) - 1
  const even = (room - sizeOfAll(kept, limits)) / Math.max(2, FAN_IN + 1 - newest)
  const share = kept.length === 0 ? FIRST_PART * room : even
  const left = room - sizeOfAll(present, limits) - limits.sizeOf(WIDEST)
  return Math.floor(Math.max(least, Math.min(share, left)))
}

/** The first segment stands for most: it is written before any other has made the view small. */
const FIRST_PART = 1 / 3

/** Returns the tokens that a segment may have once it is written again: those of a new one, if the others leave them. */
export const roomForRewritten = (segments: Segments, { id }: Segment, limits: SegmentLimits): number => {
  const before = segments.slice(
    0,
    segments.findIndex((segment) => segment.id === id)
  )
  const others = segments.filter((segment) => segment.id !== id)
  const left = limits.room - sizeOfAll(others, limits) - limits.sizeOf(WIDEST)
  return Math.max(limits.least, Math.min(roomForNew(before, before, limits), Math.floor(left)))
}

/** A condensed segment has to be smaller than its children together. */
const limitMerge = (children: Segments): number =>
  Math.floor(0.9 * children.reduce((sum, { tokens }) => sum + tokens, 0))

const isCondensed = ({ level }: Segment): boolean => level > 0

const sizeOfAll = (segments: Segments, { sizeOf }: SegmentLimits): number =>
  segments.reduce((sum, segment) => sum + sizeOf(segment), 0)

/** Numbers the segments of an operation. Its id is a UUID; half of it is enough to tell it from all others. */
export const makeSegmentId = (operationId: string, index: number): string =>
  `seg_${operationId.replaceAll(/^op_|-/g, "").slice(0, 16)}${index === 0 ? "" : `_${index}`}`

// ── tokens of a handoff ──

/** Tokens of a view: the share of the handoff, and the least that one summary needs. */
export interface HandoffShares {
  readonly handoff: number
  readonly segment: number
}

/** Returns the tokens that the rendered ledger may take. In a small window rules alone would take a fifth of the handoff. */
export const ledgerTokens = ({ handoff }: HandoffShares): number =>
  Math.floor(Math.max(LEDGER_PART * handoff, Math.min(MOST_LEDGER_PART * handoff, LEDGER_OF_SOME_RULES)))

/** The ledger's part of the handoff's share, and the most that it may be. */
const LEDGER_PART = 0.2
const MOST_LEDGER_PART = 0.45
/** Tokens for some fifteen rules, and the files beside them. */
const LEDGER_OF_SOME_RULES = 1_100

/** Counts the frame of a handoff. Messages of fewer tokens are not worth a summary. */
export const countEmptyHandoff = (counter: Counter): number => framesFor(counter).empty

const countHandoffTokens = (segments: Segments, ledger: string, counter: Counter): number =>
  counter.message(Handoff.makeMessage({ segments, ledger, renderer: Handoff.RENDERER }))

/**
 * Returns the tokens to keep free for the handoff. A summary may take a quarter more than its share, and in a small
 * window the frame takes more than the handoff's share.
 */
export const roomForHandoff = (shares: HandoffShares, counter: Counter): number =>
  Math.max(
    shares.handoff,
    Math.ceil(SLACK * (shares.segment + framesFor(counter).countFrame(WIDEST))) + countBesides(shares, counter)
  )

/**
 * Returns the tokens to keep free for the handoff of the next compression: those of the segments it will have, whether or
 * not its merges succeed, and what goes with them.
 */
export const roomForNext = (segments: Segments, shares: HandoffShares, counter: Counter): number => {
  const limits = limitSegments(shares, counter)
  const { maxTokens, merges } = planGrowth(segments, limits)
  const written = (tokens: number): Segment => ({ ...WIDEST, tokens: Math.ceil(SLACK * tokens) })
  const merged = merges.reduce<Segments>(
    (kept, { children, maxTokens: tokens }) =>
      replaceChildren(kept, { ...written(tokens), children: children.map(({ id }) => id) }),
    segments
  )
  const most = Math.max(sizeOfAll(segments, limits), sizeOfAll(merged, limits)) + limits.sizeOf(written(maxTokens))
  return Math.ceil(Math.min(limits.room, most)) + countBesides(shares, counter)
}

/** Returns the most tokens that the handoff of a session takes if no segment is added, whatever its ledger takes. */
export const countHandoff = (
  { segments }: Pick<State, "segments">,
  shares: HandoffShares,
  counter: Counter
): number => {
  const limits = limitSegments(shares, counter)
  return countBesides(shares, counter) + sizeOfAll(selectFitting(segments, limits), limits)
}

/** A summary may take so many times its share. */
const SLACK = 1.25

/** Returns what is left of the handoff for the segments, whatever the ledger takes. */
export const limitSegments = (shares: HandoffShares, counter: Counter): SegmentLimits => {
  const { countFrame } = framesFor(counter)
  return {
    room: roomForHandoff(shares, counter) - countBesides(shares, counter),
    least: shares.segment,
    sizeOf: (segment) => segment.tokens + countFrame(segment)
  }
}

/** Counts the ledger's share and the frame of the whole. */
const countBesides = (shares: HandoffShares, counter: Counter): number =>
  ledgerTokens(shares) + framesFor(counter).withLedger

/** What a handoff takes beside the words of its segments and its ledger, in tokens. */
interface Frames {
  readonly empty: number
  readonly withLedger: number
  /** Counts the line before a segment, and what rendering adds to its headings. */
  readonly countFrame: (segment: Segment) => number
}

/** A plan asks many times for the same. */
const framesFor = (counter: Counter): Frames => {
  const known = frames.get(counter)
  if (known !== undefined) return known
  const made = makeFrames(counter)
  frames.set(counter, made)
  return made
}
const frames = new WeakMap<Counter, Frames>()

const makeFrames = (counter: Counter): Frames => {
  const ofSegments = new WeakMap<Segment, number>()
  const empty = countHandoffTokens([], "", counter)
  const others = empty + counter.text(HEADINGS) - 1
  const countFrame = (segment: Segment): number => {
    const tokens = ofSegments.get(segment) ?? countHandoffTokens([{ ...segment, text: HEADINGS }], "", counter) - others
    ofSegments.set(segment, tokens)
    return tokens
  }
  return { empty, withLedger: countHandoffTokens([], "-", counter), countFrame }
}

const HEADINGS = "### In progress\n### Blocked\n## Open work"

/** The segment with the longest line before it. */
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
