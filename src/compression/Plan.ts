/**
 * Plans a compression: which messages stay as they are, which are summarized, and which are shown shortened. Once the
 * summary is written, drafts the commit of the plan. Pure.
 */
import * as Data from "effect/Data"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { planExcerpts } from "../view/excerpt.ts"
import {
  findLastGroup,
  fitTail,
  fitWhole,
  keepFrom,
  refitExcerpts,
  type Range,
  type TailChoice,
  type TailInputs
} from "./tail.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import * as Message from "../message/Message.ts"
import { isImportedHandoff } from "../message/whoseWords.ts"
import { findOpenRequests, isAnsweredInTail, keepOpen } from "../session/openRequests.ts"
import { type CostAccount, newAccount, type Payment } from "../session/account.ts"
import { applyManifest, type Excerpt, type Logged } from "../session/Session.ts"
import type { Manifest, Segment, State } from "../session/Session.ts"
import { type Counter, total } from "../message/Tokens.ts"
import type * as View from "../view/View.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import * as Ledger from "../ledger/Ledger.ts"
import type { Commit } from "../store/SessionStore.ts"
import type { Summary } from "../summary/Summarizer.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"

/**
 * - `Compress`: summarize `material`, the messages `fromSeq` to `toSeq` of `coveredTokens` tokens, in `summaryTokens`
 *   tokens, and condense segments as `merges` says. `headTo`, `tailFrom`, `live` and `excerpts` go into the manifest
 * - `Shorten`: no message can leave, so the largest are shown as `excerpts`
 *
 * `kept` are the messages that stay. Once the handoff is written, its real size says how long their excerpts may be.
 *
 * - `NothingToCompress`: no message can leave, or too few to be worth a handoff
 * - `NoHeadroom`: system prompt and tools leave only `room` tokens of the window
 */
export type Plan = Data.TaggedEnum<{
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
    readonly merges: ReadonlyArray<SegmentTree.Merge>
    readonly shares: CompressionPolicy.Shares
    readonly kept: TailInputs
  }
  Shorten: {
    readonly live: ReadonlyArray<number>
    readonly excerpts: ReadonlyArray<Excerpt>
    readonly shares: CompressionPolicy.Shares
    readonly kept: TailInputs
  }
  NothingToCompress: {}
  NoHeadroom: { readonly room: number }
}>
export type Compress = Data.TaggedEnum.Value<Plan, "Compress">
export type Shorten = Data.TaggedEnum.Value<Plan, "Shorten">
export const { Compress, Shorten, NothingToCompress, NoHeadroom } = Data.taggedEnum<Plan>()

/** `overhead` are the tokens of the step's system prompt and tools. */
export interface PlanInput {
  readonly state: State
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly counter: Counter
  readonly overhead: number
}

/** Plans a compression. The view made by it is within `shares.target`, without the overhead, whatever the history. */
export const make = (input: PlanInput): Plan => runAtOnce(planInSteps(input))

/** Plans as a generator, so that a caller can yield to the event loop. Each step reads the log once or makes a view. */
export function* planInSteps(input: PlanInput): Generator<void, Plan> {
  const { state, policy, counter, overhead } = input
  const shares = CompressionPolicy.shares(policy, overhead)
  if (shares === undefined) return NoHeadroom({ room: policy.contextLength - overhead })
  if (!(countShown(state, counter) > shares.target)) return NothingToCompress()
  yield
  const isFirst = state.manifest.tailFrom === state.manifest.contextFrom
  const range = isFirst ? findFirstRange(input, shares) : findLaterRange(state)
  const open = findOpenRequests(state)
  const headExcerpts = planExcerpts(range.head, shares.head, counter)
  const last = findLastGroup(range, shares.target, counter)
  const reserved = SegmentTree.roomForNext(state.segments, shares, counter)
  const sure = shares.fill - reserved - shares.head - shares.live
  const fill = last.isUnread && last.least > sure ? shares.target : shares.fill
  const inputs: TailInputs = { ...range, state, policy, counter, shares, open, headExcerpts, fill, reserved, last }
  yield
  const keepTail = yield* fitTail(inputs)
  if (isWorthwhile(inputs, keepTail)) return planCompress(inputs, keepTail)
  yield
  // What stays is all there is, so it may have the whole target, but for the handoff if there is one: it does not grow.
  const hasHandoff = state.segments.length > 0 || state.manifest.ledger !== ""
  const handoff = hasHandoff ? SegmentTree.countHandoff(state, shares, counter) : 0
  const kept: TailInputs = { ...inputs, fill: shares.target, reserved: handoff }
  const { excerpts, live } = yield* fitWhole(kept)
  // Before the first compression no head is kept apart, so that its requests are not shown twice.
  return Shorten({ live: isFirst ? [] : live.map(({ seq }) => seq), excerpts, shares, kept })
}

const planCompress = (inputs: TailInputs, { from, live, excerpts }: TailChoice): Compress => {
  const { counter, fromSeq, headTo, rest, shares, state } = inputs
  const { maxTokens, merges } = SegmentTree.planGrowth(state.segments, SegmentTree.limitSegments(shares, counter))
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
    shares,
    kept: keepFrom(inputs, from, live)
  })
}

/** Counts the view, or its tail as it would be without repairs: these leave out results that nobody asked for. */
const countShown = (state: State, counter: Counter): number => {
  const excerpts = new Map(state.manifest.excerpts.map(({ seq, tokens }) => [seq, tokens] as const))
  const ofTail = state.tail.reduce((sum, { seq, tokens }) => sum + Math.min(tokens, excerpts.get(seq) ?? Infinity), 0)
  return Math.max(ofTail, countConversation(IncrementalView.assembleView(state, counter)))
}

const countConversation = ({ parts }: View.View): number =>
  parts.head.tokens + parts.handoff.tokens + parts.live.tokens + parts.tail.tokens

// ── the head, and the range that may be summarized ──

/** The first compression chooses the head. */
const findFirstRange = (input: PlanInput, shares: CompressionPolicy.Shares): Range => {
  const { tail } = input.state
  const cuts = Message.findSafeCuts(tail.map(({ message }) => message))
  const length = chooseHeadLength(input, cuts, shares.head)
  const head = tail.slice(0, length)
  const rest = tail.slice(length)
  const last = head.at(-1)
  return {
    head,
    headTo: last?.seq ?? 0,
    fromSeq: last === undefined ? (rest[0]?.seq ?? 1) : last.seq + 1,
    rest,
    cuts: cuts.slice(length)
  }
}

/** Later compressions keep the head. */
const findLaterRange = ({ head, manifest, tail }: State): Range => ({
  head,
  headTo: manifest.headTo,
  fromSeq: manifest.tailFrom,
  rest: tail,
  cuts: Message.findSafeCuts(tail.map(({ message }) => message))
})

/** Returns the length of the longest head within its share, of at most `protectFirstN` messages. */
const chooseHeadLength = (
  { state, policy, counter }: PlanInput,
  cuts: ReadonlyArray<boolean>,
  share: number
): number => {
  // A handoff in the log was imported. It is summarized on, and not kept for ever.
  const imported = state.tail.findIndex(isImportedHandoff)
  const longest = imported < 0 ? state.tail.length : imported
  for (let length = Math.min(policy.protectFirstN, longest); length > 0; length--) {
    const head = state.tail.slice(0, length)
    const view = () => IncrementalView.assembleWhole({ ...state, head: [], live: [], tail: head }, counter)
    if (cuts[length] === true && !endsInTools(head) && countConversation(view()) <= share) return length
  }
  return 0
}

/** The handoff that follows the head is a user message, which Mistral refuses right after a tool message. */
const endsInTools = (head: ReadonlyArray<Logged>): boolean => {
  const last = head.at(-1)?.message
  return last?.role === "tool" || (last !== undefined && Message.toolCalls(last).length > 0)
}

/** Below its frame a handoff would take more than the messages it stands for. */
const isWorthwhile = ({ rest, counter }: TailInputs, { from }: TailChoice): boolean =>
  from > 0 && total(rest.slice(0, from)) >= SegmentTree.countEmptyHandoff(counter)

// ── the commit ──

/** What an operation gives to its commit. */
export interface Order {
  readonly operationId: string
  readonly focus: string | null
  readonly payment?: Payment | undefined
}

/** `ledger` covers the messages up to the plan's end; `latest` is the session as it is after the summary was written. */
export interface DraftInput {
  readonly plan: Compress
  readonly summary: Summary
  readonly notes: ReadonlyArray<string>
  readonly ledger: Ledger.Ledger
  readonly latest: State
}

/** `next` and `view` are the session as the commit makes it, with `freedTokens` less in its view than the one now. */
export interface Draft {
  readonly commit: Omit<Commit, "base">
  readonly condensed: ReadonlyArray<Segment>
  readonly freedTokens: number
  readonly latest: State
  readonly next: State
  readonly view: View.View
}

export const draftCommit = (
  order: Order,
  { ledger: covered, latest, notes, plan, summary }: DraftInput,
  counter: Counter
): Draft => {
  const { focus, operationId } = order
  const noted = Ledger.addNotes(covered, notes, plan.toSeq)
  const ledger = isAnsweredInTail(plan.toSeq, latest) ? Ledger.answerRequests(noted) : noted
  const segment: Segment = {
    id: SegmentTree.makeSegmentId(operationId, 0),
    level: 0,
    children: [],
    fromSeq: plan.fromSeq,
    toSeq: plan.toSeq,
    text: summary.text,
    tokens: counter.text(summary.text),
    degraded: summary.degraded,
    focus,
    model: summary.model
  }
  const condensed = summary.condensed.map(({ children, model, text }, index) => {
    const id = SegmentTree.makeSegmentId(operationId, index + 1)
    return SegmentTree.condenseSegments(children, { id, text, model, tokens: counter.text(text) })
  })
  const live = keepOpen(plan.live, latest)
  const unsaid = Ledger.withoutLive(ledger, live, [...latest.segments, segment])
  const made = { segment, condensed, ledger: Ledger.render(unsaid, counter, SegmentTree.ledgerTokens(plan.shares)) }
  const shown = makeManifest({ ...plan, live }, latest, made, counter)
  const next = showNext(applyManifest(latest, shown.manifest, shown.segments), latest, counter)
  const manifest = { ...shown.manifest, account: closeAccount(order, latest, next.freedTokens) }
  return {
    commit: { operationId, manifest, segments: [...condensed, segment], ledger: Ledger.encode(ledger) },
    condensed,
    ...next
  }
}

/** Drafts the commit of a plan that only shortens. `ledger` is the latest; it covers no more than before. */
export const draftShortening = (
  order: Omit<Order, "focus">,
  plan: Shorten,
  { ledger, latest }: Pick<DraftInput, "ledger" | "latest">,
  counter: Counter
): Draft => {
  const live = keepOpen(plan.live, latest)
  const segments = SegmentTree.selectFitting(latest.segments, SegmentTree.limitSegments(plan.shares, counter))
  const room = latest.manifest.ledger === "" && ledger.pins.length === 0 ? 0 : SegmentTree.ledgerTokens(plan.shares)
  const rendered = Ledger.render(Ledger.withoutLive(ledger, live, segments), counter, room)
  const shown = { segments, ledger: rendered, renderer: latest.manifest.renderer }
  const hasHandoff = segments.length > 0 || rendered !== ""
  const excerpts = refitExcerpts(plan, hasHandoff ? counter.message(Handoff.makeMessage(shown)) : 0)
  const shortened = { ...latest.manifest, ...shown, segments: segments.map(({ id }) => id), live, excerpts }
  const next = showNext(applyManifest(latest, shortened, segments), latest, counter)
  const manifest = { ...shortened, account: closeAccount(order, latest, next.freedTokens) }
  return {
    commit: { operationId: order.operationId, manifest, segments: [], ledger: Ledger.encode(ledger) },
    condensed: [],
    ...next
  }
}

/**
 * The account as it goes into the generation that takes `freed` tokens out of the view. The steps since it paid are in neither
 * sum: they have saved something too, so it promises too little rather than too much.
 */
const closeAccount = (
  { payment }: Pick<Order, "payment">,
  { generation, lastSeq, manifest }: State,
  freed: number
): CostAccount => {
  const account = (payment?.generation === generation ? payment.account : manifest.account) ?? newAccount
  return { ...account, left: account.left + Math.max(0, Math.floor(freed)), seq: lastSeq }
}

/**
 * Makes the manifest of a commit, and the segments it shows: the new segment always, condensed segments instead of their
 * children. Where there are too many, the oldest leave the view for recall.
 */
export const makeManifest = (
  plan: Compress,
  state: State,
  made: { readonly segment: Segment; readonly condensed: ReadonlyArray<Segment>; readonly ledger: string },
  counter: Counter
): { readonly manifest: Manifest; readonly segments: ReadonlyArray<Segment> } => {
  const { condensed, ledger, segment } = made
  const limits = SegmentTree.limitSegments(plan.shares, counter)
  const segments = SegmentTree.selectShown(state.segments, condensed, segment, limits)
  const { headTo, tailFrom, live } = plan
  const handoff = { segments, ledger, renderer: Handoff.RENDERER }
  const excerpts = refitExcerpts(plan, counter.message(Handoff.makeMessage(handoff)))
  const shown = { ...handoff, segments: segments.map(({ id }) => id), live, excerpts }
  return { manifest: { ...state.manifest, headTo, tailFrom, ...shown }, segments }
}

const showNext = (next: State, latest: State, counter: Counter): Omit<Draft, "commit" | "condensed"> => {
  const view = IncrementalView.assembleWhole(next, counter)
  return { freedTokens: IncrementalView.assembleView(latest, counter).tokens - view.tokens, latest, next, view }
}
