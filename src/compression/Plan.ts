/**
 * What a compression does to a session: which messages stay, which are summarized, which are shown shortened.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { planExcerpts } from "../view/excerpt.ts"
import { roomForHandoff, LEDGER, limitSegments } from "./handoffRoom.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import * as ChooseTail from "./chooseTail.ts"
import { findSafeCuts } from "../message/toolPairs.ts"
import * as Message from "../message/Message.ts"
import type { Excerpt, Logged, Manifest, Segment, State } from "../session/Session.ts"
import { type Counter, total } from "../message/Tokens.ts"
import * as View from "../view/View.ts"
import { findOpenRequests } from "../session/openRequests.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"

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
export const make = (input: Input): Result => runAtOnce(planInSteps(input))

/**
 * The same in steps: each looks at the log once, or at a view it may lead to.
 *
 * @since 0.1.0
 * @category constructors
 */
export function* planInSteps(input: Input): Generator<void, Result> {
  const { state, policy, counter, overhead } = input
  const shares = CompressionPolicy.shares(policy, overhead)
  if (shares === undefined) return NoHeadroom({ room: CompressionPolicy.usableWindow(policy) - overhead })
  const ground = survey(input, shares)
  yield
  const usual = yield* ChooseTail.fitTail(ground)
  if (ChooseTail.isWorthwhile(ground, usual)) return compress(ground, usual)
  yield
  const isOver = conversation(View.assemble(state, counter)) > shares.target
  if (!isOver) return NothingToCompress()
  const draft = ChooseTail.orSummarizeAll(ground, usual)
  return draft.from === 0 ? NothingToCompress() : compress(ground, draft)
}

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
export const manifestOf = (
  plan: Compress,
  state: State,
  made: { readonly segment: Segment; readonly condensed: ReadonlyArray<Segment>; readonly ledger: string },
  counter: Counter
): { readonly manifest: Manifest; readonly segments: ReadonlyArray<Segment> } => {
  const { condensed, ledger, segment } = made
  const segments = SegmentTree.selectShown(state.segments, condensed, segment, limitSegments(plan.shares, counter))
  const { headTo, tailFrom, live, excerpts } = plan
  const shown = { segments: segments.map(({ id }) => id), live, excerpts, ledger, renderer: Handoff.RENDERER }
  return { manifest: { ...state.manifest, headTo, tailFrom, ...shown }, segments }
}

// ── what there is to plan with ──

interface Ground extends ChooseTail.PlanInputs {
  readonly headTo: number
  readonly fromSeq: number
}

const survey = (input: Input, shares: CompressionPolicy.Shares): Ground => {
  const { state, counter } = input
  const isFirst = state.head.length === 0 && state.segments.length === 0
  const cuts = findSafeCuts(state.tail.map(({ message }) => message))
  const length = isFirst ? headLength(input, cuts, shares.head) : 0
  const head = isFirst ? state.tail.slice(0, length) : state.head
  const rest = state.tail.slice(length)
  const headTo = isFirst ? (head.at(-1)?.seq ?? 0) : state.manifest.headTo
  return {
    ...input,
    shares,
    headTo,
    head,
    headExcerpts: planExcerpts(head, shares.head),
    fromSeq: isFirst ? (headTo > 0 ? headTo + 1 : (rest[0]?.seq ?? 1)) : state.manifest.tailFrom,
    rest,
    cuts: cuts.slice(length),
    open: findOpenRequests(state),
    room: shares.target - roomForHandoff(shares, counter)
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

// ── what becomes of a draft ──

const compress = (ground: Ground, { from, live, excerpts }: ChooseTail.TailChoice): Compress => {
  const { counter, fromSeq, headTo, rest, shares, state } = ground
  const { maxTokens, merges } = SegmentTree.planGrowth(state.segments, limitSegments(shares, counter))
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

const conversation = ({ parts }: View.View): number =>
  parts.head.tokens + parts.handoff.tokens + parts.live.tokens + parts.tail.tokens
