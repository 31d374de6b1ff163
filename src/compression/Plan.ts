/**
 * Plans a compression: which messages stay as they are, which are summarized, and which are shown shortened. Once the
 * summary is written, drafts the commit of the plan. Pure.
 */
import * as Data from "effect/Data"
import * as CompressionPolicy from "./CompressionPolicy.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { countLeast, keepSmallest, LEAST_EXCERPT, planExcerpts, showsResults } from "../view/excerpt.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import * as Message from "../message/Message.ts"
import { isImportedHandoff } from "../message/whoseWords.ts"
import { findOpenRequests, isAnsweredInTail, keepOpen } from "../session/openRequests.ts"
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
  }
  Shorten: {
    readonly live: ReadonlyArray<number>
    readonly excerpts: ReadonlyArray<Excerpt>
    readonly shares: CompressionPolicy.Shares
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
  const isFirst = state.manifest.tailFrom === state.manifest.contextFrom
  const range = isFirst ? findFirstRange(input, shares) : findLaterRange(state)
  const open = findOpenRequests(state)
  const handoffRoom = SegmentTree.roomForHandoff(shares, counter)
  const headExcerpts = planExcerpts(range.head, shares.head, counter)
  const last = findLastGroup(range, shares.target, counter)
  const inputs: TailInputs = { ...range, state, policy, counter, shares, open, headExcerpts, handoffRoom, last }
  yield
  const most = Math.max(shares.tailWish, last.isUnread ? Math.min(last.least, shares.target) : 0)
  const keepTail = yield* fitTail(inputs, most)
  if (isWorthwhile(inputs, keepTail)) return planCompress(inputs, keepTail)
  yield
  if (!(countConversation(IncrementalView.assembleWhole(state, counter)) > shares.target)) return NothingToCompress()
  // The tail is a last group so large that hardly anything lies before it. Once read, it is summarized itself.
  const everything = makeChoice(inputs, inputs.rest.length, [])
  const canSummarizeAll = !last.isUnread && (keepTail.from === 0 || isWorthwhile(inputs, everything))
  const choice = canSummarizeAll ? everything : keepTail
  const compress = planCompress(inputs, choice)
  if (compress.coveredTokens >= SegmentTree.countEmptyHandoff(counter)) return compress
  yield
  // What stays is all there is, so it may have the whole target, but for the handoff if there is one: it does not grow.
  const handoff = isFirst && state.manifest.ledger === "" ? 0 : SegmentTree.countHandoff(state, shares, counter)
  const { excerpts, live } = yield* fitTail({ ...inputs, handoffRoom: compress.coveredTokens + handoff }, shares.target)
  // Before the first compression no head is kept apart, so that its requests are not shown twice.
  return Shorten({ live: isFirst ? [] : live.map(({ seq }) => seq), excerpts, shares })
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
    shares
  })
}

const countConversation = ({ parts }: View.View): number =>
  parts.head.tokens + parts.handoff.tokens + parts.live.tokens + parts.tail.tokens

// ── the head, and the range that may be summarized ──

/** `rest` are the messages after the head and after what is covered; `cuts[i]` says whether it may be cut before `i`. */
interface Range {
  readonly head: ReadonlyArray<Logged>
  readonly headTo: number
  readonly fromSeq: number
  readonly rest: ReadonlyArray<Logged>
  readonly cuts: ReadonlyArray<boolean>
}

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

// ── the tail ──

interface TailInputs extends Range {
  readonly state: State
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly counter: Counter
  readonly shares: CompressionPolicy.Shares
  readonly open: ReadonlyArray<Logged>
  readonly headExcerpts: ReadonlyArray<Excerpt>
  readonly handoffRoom: number
  readonly last: LastGroup
}

/**
 * The messages from index `from` of the rest on, which stay or leave together. Excerpts of them take `least` tokens or
 * more. `isUnread` if the model has not seen them: what it never sees of a result, it calls for again and again.
 */
interface LastGroup {
  readonly from: number
  readonly entries: ReadonlyArray<Logged>
  readonly least: number
  readonly isUnread: boolean
}

/** Finds the last calls with all that came since, unless that is too much; else what follows the last cut. */
const findLastGroup = ({ cuts, rest }: Range, room: number, counter: Counter): LastGroup => {
  const spoken = rest.findLastIndex(({ message }) => message.role === "assistant")
  const reply = rest[spoken]?.message
  const hasCalls = reply !== undefined && Message.toolCalls(reply).length > 0
  const later = rest.slice(spoken + 1).filter(({ message }) => message.role !== "tool")
  const index = hasCalls && countLeast(later, LEAST_EXCERPT, counter) <= room / 2 ? spoken : rest.length - 1
  const from = cuts.lastIndexOf(true, index)
  const entries = rest.slice(from)
  const isUnread = (hasCalls && from <= spoken) || entries.at(-1)?.kind === "notification"
  return { from, entries, least: countLeast(entries, LEAST_EXCERPT, counter), isUnread }
}

/** A tail from index `from` of the rest on, the open requests before it, and the messages to be shown shortened. */
interface TailChoice {
  readonly from: number
  readonly live: ReadonlyArray<Logged>
  readonly excerpts: ReadonlyArray<Excerpt>
}

/**
 * Finds the longest tail that fits beside head, live requests and handoff. Repairs of a view take tokens too, so the
 * view of each choice is measured, and its excess is taken from the tail, at first `most`. One step for each measurement.
 */
function* fitTail(inputs: TailInputs, most: number): Generator<void, TailChoice> {
  const { counter, handoffRoom, shares } = inputs
  const placeholder = counter.message(Handoff.makeMessage({ ...inputs.state.manifest, ...PLACEHOLDER }))
  let room = most
  for (;;) {
    const choice = chooseTail(inputs, room)
    const view = IncrementalView.assembleWhole(stateWithTail(inputs, choice), counter)
    const excess = countConversation(view) - placeholder - (shares.target - handoffRoom)
    // With a counter that returns NaN no comparison holds, and the loop ends.
    if (!(excess > 0 && room > 0)) return choice
    room = Math.min(room, view.parts.tail.tokens) - excess
    yield
  }
}

/** Returns the longest whole tail within `room`; else the last group of messages, shortened; else no tail. */
const chooseTail = (inputs: TailInputs, room: number): TailChoice => {
  const { counter, last } = inputs
  const from = findLongestTail(inputs, room)
  if (from !== undefined && from <= last.from) return makeChoice(inputs, from, [])
  const excerpts = planExcerpts(last.entries, room, counter)
  const isSeen = !(last.least > room) || (last.isUnread && showsResults(last.entries, excerpts, room, counter))
  // Where a result may still come, its call must stay in the tail.
  if (isSeen || inputs.cuts[inputs.rest.length] !== true) return makeChoice(inputs, last.from, excerpts)
  return makeChoice(inputs, from ?? inputs.rest.length, [])
}

/** The tail grows to its share, and on to `protectLastN` messages as long as they fit the wish. */
const findLongestTail = ({ rest, cuts, shares, policy }: TailInputs, room: number): number | undefined => {
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

const makeChoice = (inputs: TailInputs, from: number, tailExcerpts: ReadonlyArray<Excerpt>): TailChoice => {
  const { counter } = inputs
  const share = inputs.shares.live
  const tailFrom = inputs.rest[from]?.seq ?? Infinity
  const open = inputs.open.filter(({ seq }) => seq < tailFrom)
  const newest = open.slice(-Math.max(1, Math.floor(share / LEAST_REQUEST)))
  const live = countLeast(open, LEAST_REQUEST, counter) > share ? newest : open
  const excerpts = [...inputs.headExcerpts, ...planExcerpts(live, share, counter), ...tailExcerpts]
  return { from, live, excerpts: keepSmallest(excerpts, live) }
}

/** An open request in fewer tokens says nothing. The oldest of too many are left to the summary and to recall. */
const LEAST_REQUEST = 40

/** Below twice its frame a handoff would take about as much as the messages it stands for. */
const isWorthwhile = ({ rest, counter }: TailInputs, { from }: TailChoice): boolean =>
  from > 0 && total(rest.slice(0, from)) >= 2 * SegmentTree.countEmptyHandoff(counter)

/** Stands in the place of the handoff, beside which repairs may be needed, such as a bridge before it. */
const PLACEHOLDER = { segments: [], ledger: "-" }

/** Returns the state after a compression with this choice, with a placeholder for its handoff. */
const stateWithTail = ({ state, head, rest }: TailInputs, { from, live, excerpts }: TailChoice): State => ({
  ...state,
  manifest: { ...state.manifest, excerpts, ledger: PLACEHOLDER.ledger },
  segments: PLACEHOLDER.segments,
  head,
  live,
  tail: rest.slice(from)
})

// ── the commit ──

/** `ledger` covers the messages up to the plan's end; `latest` is the session as it is after the summary was written. */
export interface DraftInput {
  readonly plan: Compress
  readonly summary: Summary
  readonly notes: ReadonlyArray<string>
  readonly ledger: Ledger.Ledger
  readonly latest: State
}

/**
 * `next` and `view` are the session as the commit makes it. `isNoSmaller`: its view would take at least as many tokens as
 * the one now.
 */
export interface Draft {
  readonly commit: Omit<Commit, "base">
  readonly condensed: ReadonlyArray<Segment>
  readonly isNoSmaller: boolean
  readonly latest: State
  readonly next: State
  readonly view: View.View
}

export const draftCommit = (
  { focus, operationId }: { readonly operationId: string; readonly focus: string | null },
  { ledger: covered, latest, notes, plan, summary }: DraftInput,
  counter: Counter
): Draft => {
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
  return {
    commit: { operationId, manifest: shown.manifest, segments: [...condensed, segment], ledger: Ledger.encode(ledger) },
    condensed,
    ...showNext(applyManifest(latest, shown.manifest, shown.segments), latest, counter)
  }
}

/** Drafts the commit of a plan that only shortens. `ledger` is the latest; it covers no more than before. */
export const draftShortening = (
  operationId: string,
  plan: Shorten,
  { ledger, latest }: Pick<DraftInput, "ledger" | "latest">,
  counter: Counter
): Draft => {
  const live = keepOpen(plan.live, latest)
  const segments = SegmentTree.selectFitting(latest.segments, SegmentTree.limitSegments(plan.shares, counter))
  const room = latest.manifest.ledger === "" && ledger.pins.length === 0 ? 0 : SegmentTree.ledgerTokens(plan.shares)
  const rendered = Ledger.render(Ledger.withoutLive(ledger, live, segments), counter, room)
  const shown = { segments: segments.map(({ id }) => id), live, excerpts: plan.excerpts, ledger: rendered }
  const manifest = { ...latest.manifest, ...shown }
  return {
    commit: { operationId, manifest, segments: [], ledger: Ledger.encode(ledger) },
    condensed: [],
    ...showNext(applyManifest(latest, manifest, segments), latest, counter)
  }
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
  const { headTo, tailFrom, live, excerpts } = plan
  const shown = { segments: segments.map(({ id }) => id), live, excerpts, ledger, renderer: Handoff.RENDERER }
  return { manifest: { ...state.manifest, headTo, tailFrom, ...shown }, segments }
}

const showNext = (next: State, latest: State, counter: Counter): Omit<Draft, "commit" | "condensed"> => {
  const view = IncrementalView.assembleWhole(next, counter)
  return { isNoSmaller: view.tokens >= IncrementalView.assembleView(latest, counter).tokens, latest, next, view }
}
