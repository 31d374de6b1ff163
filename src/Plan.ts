/**
 * What a compression does to a session: which messages stay, which are summarized, which are shown shortened.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import * as Handoff from "./Handoff.ts"
import { LEAST, shortened, waterLevel } from "./internal/excerpt.ts"
import { handoffRoom, handoffTokens, LEDGER, segmentLimits } from "./internal/handoffRoom.ts"
import * as SegmentTree from "./internal/segmentTree.ts"
import { safeCuts } from "./internal/toolPairs.ts"
import * as Message from "./Message.ts"
import type { Excerpt, Logged, Manifest, Segment, State } from "./Session.ts"
import { type Counter, total } from "./Tokens.ts"
import * as View from "./View.ts"

/**
 * What to do about a session.
 *
 * - `Compress`: summarize `material`, the messages `fromSeq` to `toSeq`, which take `coveredTokens`, in `summaryTokens`,
 *   and condense segments as `merges` says. Head, tail, open requests and excerpts are as a `Manifest` names them
 * - `NothingToCompress`: no message can leave, or too little to be worth a handoff
 * - `NoHeadroom`: system prompt and tools leave only `room` tokens of the usable window
 *
 * @since 0.1.0
 * @category models
 */
export type Result = Data.TaggedEnum<{
  Compress: {
    readonly headTo: number
    readonly fromSeq: number
    readonly toSeq: number
    readonly tailFrom: number
    readonly live: ReadonlyArray<number>
    readonly excerpts: ReadonlyArray<Excerpt>
    readonly material: ReadonlyArray<Logged>
    readonly coveredTokens: number
    readonly summaryTokens: number
    readonly merges: ReadonlyArray<Merge>
    readonly shares: CompressionPolicy.Shares
  }
  NothingToCompress: {}
  NoHeadroom: { readonly room: number }
}>
/**
 * Neighbouring segments to be condensed into one of at most `maxTokens` tokens.
 *
 * @since 0.1.0
 * @category models
 */
export type Merge = SegmentTree.Merge
/**
 * @since 0.1.0
 * @category models
 */
export type Compress = Data.TaggedEnum.Value<Result, "Compress">
/**
 * @since 0.1.0
 * @category constructors
 */
export const { Compress, NothingToCompress, NoHeadroom, $match: match } = Data.taggedEnum<Result>()

/**
 * What a plan is made from. `overhead` are the tokens of the step's system prompt and tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input {
  readonly state: State
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly counter: Counter
  readonly overhead: number
}

/**
 * Plans a compression. Whatever the history, a view made by it is within `shares.target`, the overhead left aside.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (input: Input): Result => {
  const { state, policy, counter, overhead } = input
  const shares = CompressionPolicy.shares(policy, overhead)
  if (shares === undefined) return NoHeadroom({ room: CompressionPolicy.usableWindow(policy) - overhead })
  const ground = survey(input, shares)
  const usual = settle(ground)
  if (isWorthIt(ground, usual)) return compress(ground, usual)
  const isOver = conversation(View.assemble(state, counter)) > shares.target
  if (!isOver) return NothingToCompress()
  const draft = withoutTail(ground, usual)
  return draft.from === 0 ? NothingToCompress() : compress(ground, draft)
}

/**
 * The requests nobody has answered yet, oldest first: those since the last message that ended a turn.
 *
 * @since 0.1.0
 * @category getters
 */
export const openRequests = ({ manifest, head, live, tail }: State): ReadonlyArray<Logged> => {
  const isWhole = head.length > 0 && manifest.tailFrom === manifest.headTo + 1
  const end = lastEnd(tail)
  const before = end >= 0 ? [] : isWhole ? head.slice(lastEnd(head) + 1) : live
  return [...before, ...tail.slice(end + 1)].filter(({ kind }) => kind === "request")
}

const lastEnd = (entries: ReadonlyArray<Logged>): number =>
  entries.findLastIndex(({ message }) => Message.endsTurn(message))

/**
 * What the ledger may take of a handoff, in tokens.
 *
 * @since 0.1.0
 * @category getters
 */
export const ledgerRoom = (shares: CompressionPolicy.Shares): number => Math.floor(LEDGER * shares.handoff)

/**
 * What a commit of this plan writes: the manifest, and the segments it shows. The new segment is always among them, the
 * condensed ones stand for their children, and the oldest leave for recall where there are too many.
 *
 * @since 0.1.0
 * @category constructors
 */
export const manifest = (
  plan: Compress,
  state: State,
  made: { readonly segment: Segment; readonly condensed: ReadonlyArray<Segment>; readonly ledger: string },
  counter: Counter
): { readonly manifest: Manifest; readonly segments: ReadonlyArray<Segment> } => {
  const { condensed, ledger, segment } = made
  const segments = SegmentTree.shown(state.segments, condensed, segment, segmentLimits(plan.shares, counter))
  const { headTo, tailFrom, live, excerpts } = plan
  const shown = { segments: segments.map(({ id }) => id), live, excerpts, ledger, renderer: Handoff.RENDERER }
  return { manifest: { ...state.manifest, headTo, tailFrom, ...shown }, segments }
}

// ── what there is to plan with ──

/** `rest` is what follows the head, or what is already covered; `cuts[i]` says whether it may be cut before `i`. */
interface Ground extends Input {
  readonly shares: CompressionPolicy.Shares
  readonly headTo: number
  readonly head: ReadonlyArray<Logged>
  readonly headExcerpts: ReadonlyArray<Excerpt>
  readonly fromSeq: number
  readonly rest: ReadonlyArray<Logged>
  readonly cuts: ReadonlyArray<boolean>
  readonly open: ReadonlyArray<Logged>
  readonly room: number
}

const survey = (input: Input, shares: CompressionPolicy.Shares): Ground => {
  const { state, counter } = input
  const isFirst = state.head.length === 0 && state.segments.length === 0
  const cuts = safeCuts(state.tail.map(({ message }) => message))
  const length = isFirst ? headLength(input, cuts, shares.head) : 0
  const head = isFirst ? state.tail.slice(0, length) : state.head
  const rest = state.tail.slice(length)
  const headTo = isFirst ? (head.at(-1)?.seq ?? 0) : state.manifest.headTo
  return {
    ...input,
    shares,
    headTo,
    head,
    headExcerpts: shortened(head, shares.head),
    fromSeq: isFirst ? (headTo > 0 ? headTo + 1 : (rest[0]?.seq ?? 1)) : state.manifest.tailFrom,
    rest,
    cuts: cuts.slice(length),
    open: openRequests(state),
    room: shares.target - handoffRoom(shares, counter)
  }
}

/** Mistral refuses a user message right after a tool, and the handoff is one: so the head ends before its tools. */
const headLength = ({ state, policy, counter }: Input, cuts: ReadonlyArray<boolean>, share: number): number => {
  // A handoff in the log was imported: it is to be carried on, not kept as it is for ever.
  const imported = state.tail.findIndex(({ message }) => Handoff.isHandoff(message))
  const most = imported < 0 ? state.tail.length : imported
  for (let length = Math.min(policy.protectFirstN, most); length > 0; length--) {
    const head = state.tail.slice(0, length)
    const last = head.at(-1)?.message
    const endsInTools = last?.role === "tool" || (last !== undefined && Message.toolCalls(last).length > 0)
    const shown = () => conversation(View.assemble({ ...state, head: [], live: [], tail: head }, counter))
    if (cuts[length] === true && !endsInTools && shown() <= share) return length
  }
  return 0
}

// ── which tail ──

/** A tail that begins at index `from` of the rest, with the open requests before it and what is shown shortened. */
interface Draft {
  readonly from: number
  readonly live: ReadonlyArray<Logged>
  readonly excerpts: ReadonlyArray<Excerpt>
}

/** Repairs take tokens too: what a draft really shows is measured, and what it is over is taken from the tail. */
const settle = (ground: Ground): Draft => {
  let room = ground.shares.tailWish
  for (;;) {
    const draft = drafted(ground, room)
    const { head, live, tail } = View.assemble(preview(ground, draft), ground.counter).parts
    const excess = head.tokens + live.tokens + tail.tokens - ground.room
    // So put, it ends whatever the counter says: nothing is greater than what is no number.
    if (!(excess > 0 && room > 0)) return draft
    room = Math.min(room, tail.tokens) - excess
  }
}

const drafted = (ground: Ground, room: number): Draft => {
  const { cuts, rest } = ground
  const from = longestTail(ground, room)
  if (from !== undefined) return withLive(ground, from, [])
  const last = cuts.lastIndexOf(true, rest.length - 1)
  const group = rest.slice(last)
  const canShow = waterLevel(group, room) >= LEAST
  return canShow || !isClosed(ground)
    ? withLive(ground, last, shortened(group, room))
    : withLive(ground, rest.length, [])
}

/** Whether all calls at the end have their results, so that the tail may be empty. */
const isClosed = ({ cuts, rest }: Ground): boolean => cuts[rest.length] === true

/** Grows to its share, and on to `protectLastN` messages as long as they fit the wish. */
const longestTail = ({ rest, cuts, shares, policy }: Ground, room: number): number | undefined => {
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

const withLive = (ground: Ground, from: number, tailExcerpts: ReadonlyArray<Excerpt>): Draft => {
  const share = ground.shares.live
  const before = ground.rest[from]?.seq ?? Infinity
  const open = ground.open.filter(({ seq }) => seq < before)
  const newest = open.slice(-Math.max(1, Math.floor(share / LEAST_REQUEST)))
  const live = waterLevel(open, share) < LEAST_REQUEST ? newest : open
  return { from, live, excerpts: merged([...ground.headExcerpts, ...shortened(live, share), ...tailExcerpts], live) }
}

/** An open request in fewer tokens says nothing; the oldest of so many are left to the summary and to recall. */
const LEAST_REQUEST = 40

/** An open request of the head is shown twice, but has one entry, and is not left out. */
const merged = (excerpts: ReadonlyArray<Excerpt>, live: ReadonlyArray<Logged>): ReadonlyArray<Excerpt> => {
  const pinned = new Set(live.map(({ seq }) => seq))
  const smallest = new Map<number, number>()
  for (const { seq, tokens } of excerpts) {
    const to = pinned.has(seq) ? Math.max(LEAST, tokens) : tokens
    smallest.set(seq, Math.min(to, smallest.get(seq) ?? to))
  }
  return [...smallest].map(([seq, tokens]) => ({ seq, tokens })).toSorted((a, b) => a.seq - b.seq)
}

/** A last group so large that hardly anything lies before it is summarized itself, unless a result may still come. */
const withoutTail = (ground: Ground, usual: Draft): Draft => {
  const everything = withLive(ground, ground.rest.length, [])
  return isClosed(ground) && (usual.from === 0 || isWorthIt(ground, everything)) ? everything : usual
}

// ── what becomes of a draft ──

/** Below twice its frame a handoff would take about as much as what it stands for. */
const isWorthIt = ({ rest, counter }: Ground, { from }: Draft): boolean =>
  from > 0 && total(rest.slice(0, from)) >= 2 * handoffTokens([], "", counter)

const compress = (ground: Ground, { from, live, excerpts }: Draft): Compress => {
  const { counter, fromSeq, headTo, rest, shares, state } = ground
  const { maxTokens, merges } = SegmentTree.growth(state.segments, segmentLimits(shares, counter))
  const tailFrom = rest[from]?.seq ?? state.lastSeq + 1
  const material = rest.slice(0, from)
  return Compress({
    headTo,
    fromSeq,
    toSeq: tailFrom - 1,
    tailFrom,
    live: live.map(({ seq }) => seq),
    excerpts,
    material,
    coveredTokens: total(material),
    summaryTokens: maxTokens,
    merges,
    shares
  })
}

/** The state after the draft, but for the handoff. */
const preview = ({ state, head, rest }: Ground, { from, live, excerpts }: Draft): State => ({
  ...state,
  manifest: { ...state.manifest, excerpts, ledger: "" },
  segments: [],
  head,
  live,
  tail: rest.slice(from)
})

const conversation = ({ parts }: View.View): number =>
  parts.head.tokens + parts.handoff.tokens + parts.live.tokens + parts.tail.tokens
