/** Which messages a compression leaves as they are: the longest tail that fits, and what is shown before it. */
import type { CompressionPolicy, Shares } from "./CompressionPolicy.ts"
import type { Excerpt, Logged, State } from "../session/Session.ts"
import { type Counter, total } from "../message/Tokens.ts"
import * as View from "../view/View.ts"
import { LEAST_EXCERPT, planExcerpts, findTokenCap } from "../view/excerpt.ts"
import { tokensOfHandoff } from "./handoffRoom.ts"

/**
 * What there is to choose from. `rest` is what follows the head, or what is already covered; `cuts[i]` says whether it
 * may be cut before `i`.
 */
export interface PlanInputs {
  readonly state: State
  readonly policy: CompressionPolicy
  readonly counter: Counter
  readonly shares: Shares
  readonly head: ReadonlyArray<Logged>
  readonly headExcerpts: ReadonlyArray<Excerpt>
  readonly rest: ReadonlyArray<Logged>
  readonly cuts: ReadonlyArray<boolean>
  readonly open: ReadonlyArray<Logged>
  readonly room: number
}

/** A tail that begins at index `from` of the rest, with the open requests before it and what is shown shortened. */
export interface TailChoice {
  readonly from: number
  readonly live: ReadonlyArray<Logged>
  readonly excerpts: ReadonlyArray<Excerpt>
}

/**
 * Repairs take tokens too: what a draft really shows is measured, and what it is over is taken from the tail. A step for
 * each measurement.
 */
export function* fitTail(ground: PlanInputs): Generator<void, TailChoice> {
  let room = ground.shares.tailWish
  for (;;) {
    const draft = drafted(ground, room)
    const { head, live, tail } = View.assemble(preview(ground, draft), ground.counter).parts
    const excess = head.tokens + live.tokens + tail.tokens - ground.room
    // So put, it ends whatever the counter says: nothing is greater than what is no number.
    if (!(excess > 0 && room > 0)) return draft
    room = Math.min(room, tail.tokens) - excess
    yield
  }
}

const drafted = (ground: PlanInputs, room: number): TailChoice => {
  const { cuts, rest } = ground
  const from = longestTail(ground, room)
  if (from !== undefined) return withLive(ground, from, [])
  const last = cuts.lastIndexOf(true, rest.length - 1)
  const group = rest.slice(last)
  const canShow = findTokenCap(group, room) >= LEAST_EXCERPT
  return canShow || !isClosed(ground)
    ? withLive(ground, last, planExcerpts(group, room))
    : withLive(ground, rest.length, [])
}

/** Whether all calls at the end have their results, so that the tail may be empty. */
const isClosed = ({ cuts, rest }: PlanInputs): boolean => cuts[rest.length] === true

/** Grows to its share, and on to `protectLastN` messages as long as they fit the wish. */
const longestTail = ({ rest, cuts, shares, policy }: PlanInputs, room: number): number | undefined => {
  let from: number | undefined
  let tokens = 0
  for (let i = rest.length - 1; i >= 0; i--) {
    tokens += rest[i]?.tokens ?? 0
    const isWished = rest.length - i <= policy.protectLastN && tokens <= shares.tailWish
    if (tokens > room || (tokens > shares.tail && !isWished)) break
    if (cuts[i] === true) from = i
  }
  return from
}

const withLive = (ground: PlanInputs, from: number, tailExcerpts: ReadonlyArray<Excerpt>): TailChoice => {
  const share = ground.shares.live
  const before = ground.rest[from]?.seq ?? Infinity
  const open = ground.open.filter(({ seq }) => seq < before)
  const newest = open.slice(-Math.max(1, Math.floor(share / LEAST_REQUEST)))
  const live = findTokenCap(open, share) < LEAST_REQUEST ? newest : open
  return {
    from,
    live,
    excerpts: merged([...ground.headExcerpts, ...planExcerpts(live, share), ...tailExcerpts], live)
  }
}

/** An open request in fewer tokens says nothing; the oldest of so many are left to the summary and to recall. */
const LEAST_REQUEST = 40

/** An open request of the head is shown twice, but has one entry, and is not left out. */
const merged = (excerpts: ReadonlyArray<Excerpt>, live: ReadonlyArray<Logged>): ReadonlyArray<Excerpt> => {
  const pinned = new Set(live.map(({ seq }) => seq))
  const smallest = new Map<number, number>()
  for (const { seq, tokens } of excerpts) {
    const to = pinned.has(seq) ? Math.max(LEAST_EXCERPT, tokens) : tokens
    smallest.set(seq, Math.min(to, smallest.get(seq) ?? to))
  }
  return [...smallest].map(([seq, tokens]) => ({ seq, tokens })).toSorted((a, b) => a.seq - b.seq)
}

/** A last group so large that hardly anything lies before it is summarized itself, unless a result may still come. */
export const orSummarizeAll = (ground: PlanInputs, usual: TailChoice): TailChoice => {
  const everything = withLive(ground, ground.rest.length, [])
  return isClosed(ground) && (usual.from === 0 || isWorthwhile(ground, everything)) ? everything : usual
}

/** Below twice its frame a handoff would take about as much as what it stands for. */
export const isWorthwhile = ({ rest, counter }: PlanInputs, { from }: TailChoice): boolean =>
  from > 0 && total(rest.slice(0, from)) >= 2 * tokensOfHandoff([], "", counter)

/** The state after the draft, but for the handoff. */
const preview = ({ state, head, rest }: PlanInputs, { from, live, excerpts }: TailChoice): State => ({
  ...state,
  manifest: { ...state.manifest, excerpts, ledger: "" },
  segments: [],
  head,
  live,
  tail: rest.slice(from)
})
