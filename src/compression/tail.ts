/**
 * Chooses the tail of a view, from the end of the log backwards, so that it fills its room:
 *
 * 1. the last messages, and what the model has not read, each of them at least as an excerpt
 * 2. before them the zone: as many messages as fit, whole but for the outputs of tools, of which a few tokens stay
 * 3. what is then left of the room makes excerpts longer, the newest first
 *
 * Pure. What is shown shortened says how to recall the rest.
 */
import type * as CompressionPolicy from "./CompressionPolicy.ts"
import { countFields, countLeast, countStandIns, isPlain, LEAST_EXCERPT, planExcerpts } from "../view/excerpt.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"
import * as Message from "../message/Message.ts"
import type { Excerpt, Logged, State } from "../session/Session.ts"
import { type Counter, total } from "../message/Tokens.ts"
import * as Handoff from "../handoff/Handoff.ts"
import * as IncrementalView from "../view/incrementalView.ts"

/** `rest` are the messages after the head and after what is covered; `cuts[i]` says whether it may be cut before `i`. */
export interface Range {
  readonly head: ReadonlyArray<Logged>
  readonly headTo: number
  readonly fromSeq: number
  readonly rest: ReadonlyArray<Logged>
  readonly cuts: ReadonlyArray<boolean>
}

/** The tail has what head, live requests and the tokens `reserved` for other parts leave of `fill`. */
export interface TailInputs extends Range {
  readonly state: State
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly counter: Counter
  readonly shares: CompressionPolicy.Shares
  readonly open: ReadonlyArray<Logged>
  readonly headExcerpts: ReadonlyArray<Excerpt>
  readonly fill: number
  readonly reserved: number
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
export const findLastGroup = ({ cuts, rest }: Range, room: number, counter: Counter): LastGroup => {
  const spoken = rest.findLastIndex(({ message }) => message.role === "assistant")
  const reply = rest[spoken]?.message
  const hasCalls = reply !== undefined && Message.toolCalls(reply).length > 0
  const later = rest.slice(spoken + 1).filter(({ message }) => message.role !== "tool")
  const index = hasCalls && countLeast(later, LEAST_EXCERPT, counter) <= room / 2 ? spoken : rest.length - 1
  const from = cuts.lastIndexOf(true, index)
  const entries = rest.slice(from)
  const isUnread = (hasCalls && from <= spoken) || entries.at(-1)?.kind === "notification"
  const least = countLeast(entries, LEAST_EXCERPT, counter) + countStandIns(entries, counter)
  return { from, entries, least, isUnread }
}

/** A tail from index `from` of the rest on, the open requests before it, and the messages to be shown shortened. */
export interface TailChoice {
  readonly from: number
  readonly live: ReadonlyArray<Logged>
  readonly excerpts: ReadonlyArray<Excerpt>
}

/** Fits a tail beside head, live requests and what is reserved. One step for each measurement. */
export const fitTail = (inputs: TailInputs): Generator<void, TailChoice> => fitChoice(inputs, chooseTail)

/** Fits all messages of the rest, as nothing can leave. */
export const fitWhole = (inputs: TailInputs): Generator<void, TailChoice> =>
  fitChoice(inputs, (given, room) => {
    const kept = findKept(given, room) ?? given.last.from
    return makeChoice(given, 0, shareRoom(given, { from: 0, kept, room }))
  })

/** What stays of the inputs with a tail from index `from` of the rest on. */
export const keepFrom = (inputs: TailInputs, from: number, live: ReadonlyArray<Logged>): TailInputs => ({
  ...inputs,
  rest: inputs.rest.slice(from),
  cuts: inputs.cuts.slice(from),
  open: [...live, ...inputs.open.filter(({ seq }) => seq >= (inputs.rest[from]?.seq ?? Infinity))],
  last: { ...inputs.last, from: inputs.last.from - from }
})

/** Fits the excerpts of a plan again, beside a handoff that is smaller than it might have been. */
export const refitExcerpts = (
  { excerpts, kept }: { readonly excerpts: ReadonlyArray<Excerpt>; readonly kept: TailInputs },
  handoff: number
): ReadonlyArray<Excerpt> =>
  excerpts.length === 0 || handoff >= kept.reserved
    ? excerpts
    : runAtOnce(fitWhole({ ...kept, reserved: handoff })).excerpts

/**
 * Repairs of a view take tokens too, so the view of each choice is measured, and its excess is taken from the room of the
 * tail, at first all there is, and then from what open requests have beyond their share.
 */
function* fitChoice(
  inputs: TailInputs,
  choose: (inputs: TailInputs, room: number) => TailChoice
): Generator<void, TailChoice> {
  const { counter, fill, reserved } = inputs
  const placeholder = reserved > 0 ? counter.message(Handoff.makeMessage(makePlaceholder(inputs.state))) : 0
  let given = inputs
  let room = fill - reserved
  for (;;) {
    const choice = choose(given, room)
    const { handoff, head, live, tail } = IncrementalView.assembleWhole(stateWithTail(inputs, choice), counter).parts
    const bridge = handoff.tokens - placeholder
    const excess = head.tokens + bridge + live.tokens + tail.tokens - (fill - reserved)
    // With a counter that returns NaN no comparison holds, and the loop ends.
    if (!(excess > 0)) return choice
    if (room > 0) room = Math.min(room, tail.tokens) - excess
    else if (countLiveShare(given) > given.shares.live) given = { ...given, fill: given.fill - excess }
    else return choice
    yield
  }
}

/** Chooses the longest tail within the room; else the last group of messages, shortened; else no tail. */
const chooseTail = (inputs: TailInputs, room: number): TailChoice => {
  const { counter, last } = inputs
  const kept = findKept(inputs, room)
  if (kept !== undefined) {
    const from = findZone(inputs, { kept, room })
    return makeChoice(inputs, from, shareRoom(inputs, { from, kept, room }))
  }
  const excerpts = planExcerpts(last.entries, room, counter)
  const isSeen = last.isUnread && showsResults(last.entries, excerpts, room, counter)
  if (isSeen || !isClosed(inputs)) return makeChoice(inputs, last.from, excerpts)
  return makeChoice(inputs, findLongestWhole(inputs, room), [])
}

/** Returns whether these excerpts show the results of a batch, at least some, and all fields that its provider may want. */
const showsResults = (
  entries: ReadonlyArray<Logged>,
  excerpts: ReadonlyArray<Excerpt>,
  room: number,
  counter: Counter
): boolean => {
  const leftOut = new Set(excerpts.flatMap(({ seq, tokens }) => (tokens === 0 ? [seq] : [])))
  const fields = entries.reduce((sum, { message }) => sum + countFields(message, counter), 0)
  return fields < room && entries.some(({ message, seq }) => message.role === "tool" && !leftOut.has(seq))
}

/** Returns whether every call at the end has its result. Where a result may still come, its call must stay in the tail. */
const isClosed = ({ cuts, rest }: TailInputs): boolean => cuts[rest.length] === true

/** Finds the longest end of the rest that fits as it is. It may be empty. */
const findLongestWhole = ({ cuts, rest }: TailInputs, room: number): number => {
  let from = rest.length
  let tokens = 0
  for (let i = rest.length - 1; i >= 0; i--) {
    tokens += rest[i]?.tokens ?? 0
    if (tokens > room) break
    if (cuts[i] === true) from = i
  }
  return from
}

// ── the last messages ──

/** Finds where the last messages begin: `protectLastN`, or as many as fit as excerpts; undefined if not even the last group does. */
const findKept = ({ counter, cuts, last, policy, rest }: TailInputs, room: number): number | undefined => {
  if (last.least > room) return undefined
  const wish = cuts.lastIndexOf(true, Math.min(last.from, Math.max(0, rest.length - policy.protectLastN)))
  let from = last.from
  let least = last.least
  for (let i = last.from - 1; i >= wish; i--) {
    least += countClipped(rest.slice(i, i + 1), LEAST_KEPT, counter)
    if (least > room) break
    if (cuts[i] === true) from = i
  }
  return from
}

/** The tokens of the messages from index `kept` of the rest on where those before the last group have `least` for their words. */
const countLast = ({ counter, last, rest }: TailInputs, kept: number, least: number): number =>
  last.least + countClipped(rest.slice(kept, last.from), least, counter)

/** With fewer tokens for their words, the last messages say too little to be kept. */
const LEAST_KEPT = 60

// ── the zone before them ──

/** A tail from index `from` of the rest on: a zone, and the last messages from `kept` on. All of it has `room` tokens. */
interface Division {
  readonly from: number
  readonly kept: number
  readonly room: number
}

/** The tokens of an entry of the zone. */
const countPruned = ({ message, tokens }: Logged): number =>
  message.role === "tool" ? Math.min(PRUNED, tokens) : tokens

/** So much of an output of the zone stays: how it begins and ends, and how to recall it. */
const PRUNED = 100

/** The part of the room that the zone may have where the last messages could use it, too. */
const ZONE = 0.25

/** So much of what comes before the last messages leaves in any case. A handoff of little would be due again at once. */
const LEAVES = 0.5

/** A gap of this part of the target is filled. */
const GAP = 0.05

/** Finds where the longest zone begins that fits. */
const findZone = (inputs: TailInputs, { kept, room }: Omit<Division, "from">): number => {
  const { counter, cuts, fill, rest } = inputs
  const last = rest.slice(kept)
  const free = room - total(last)
  const most = Math.max(free, Math.min(ZONE * room, room - countLast(inputs, kept, LEAST_KEPT)))
  const early = rest.slice(0, kept)
  let whole = total(early)
  const leaves = LEAVES * whole
  let from = kept
  let used = 0
  let tokens = 0
  for (const [i, entry] of [...early.entries()].toReversed()) {
    tokens += countPruned(entry)
    whole -= entry.tokens
    if (tokens > most || whole < leaves) break
    if (cuts[i] === true) [from, used] = [i, tokens]
  }
  // What comes before has shorter excerpts than others of the zone, if it is all that can fill the gap.
  const before = cuts.lastIndexOf(true, from - 1)
  const fits = (entries: ReadonlyArray<Logged>) => countClipped(entries, LEAST_KEPT, counter) <= free - used
  return from > 0 && before > 0 && free - used > GAP * fill && fits(rest.slice(before, from)) ? before : from
}

/** Shares the room among the zone and the last messages. */
const shareRoom = (inputs: TailInputs, { from, kept, room }: Division): ReadonlyArray<Excerpt> => {
  const { counter, rest } = inputs
  const last = rest.slice(kept)
  const zone = rest.slice(from, kept)
  const pruned = zone.reduce((sum, entry) => sum + countPruned(entry), 0)
  const ofZone = Math.min(pruned, Math.max(room - total(last), Math.floor(ZONE * room)))
  const ofLast = room - ofZone
  const isTooLittle =
    countLast(inputs, kept, LEAST_EXCERPT) > ofLast || countClipped(zone, LEAST_EXCERPT, counter) > ofZone
  if (isTooLittle) return planExcerpts(rest.slice(from), room, counter)
  return [
    ...(pruned > ofZone ? clip(zone, ofZone, counter) : pruneZone(zone, ofLast - total(last))),
    ...clipLast(inputs, last, ofLast)
  ]
}

/** Prunes the zone, but for the newest outputs that fit as they are into `room` tokens more, and one of which more fits. */
const pruneZone = (zone: ReadonlyArray<Logged>, room: number): ReadonlyArray<Excerpt> => {
  let left = Math.max(0, room)
  const excerpts: Array<Excerpt> = []
  for (const entry of zone.toReversed()) {
    const pruned = countPruned(entry)
    const more = Math.min(left, entry.tokens - pruned)
    left -= more
    if (pruned + more < entry.tokens) excerpts.push({ seq: entry.seq, tokens: pruned + more })
  }
  return excerpts.toReversed()
}

/** Clips the last messages. Of the room what came last has half, or what it takes; of the rest words of users have most. */
const clipLast = (
  { counter, last: { entries, least } }: TailInputs,
  kept: ReadonlyArray<Logged>,
  room: number
): ReadonlyArray<Excerpt> => {
  const before = kept.slice(0, kept.length - entries.length)
  const whole = total(entries) + countStandIns(entries, counter)
  const most = Math.min(Math.max(Math.floor(room / 2), room - total(before)), whole)
  const ofLast = Math.max(least, Math.min(most, room - countClipped(before, LEAST_EXCERPT, counter)))
  return [...clip(before, room - ofLast, counter), ...planExcerpts(entries, ofLast, counter)]
}

/** Clips outputs of tools and plain words. Calls stay as the model made them, with the thoughts that belong to them. */
const clip = (entries: ReadonlyArray<Logged>, room: number, counter: Counter): ReadonlyArray<Excerpt> =>
  planExcerpts(entries.filter(canClip), room - total(entries.filter((entry) => !canClip(entry))), counter, weigh)

const canClip = ({ message }: Logged): boolean => message.role !== "assistant" || isPlain(message)

const weigh = ({ message }: Logged): number => (message.role === "user" ? OF_USER : 1)

const OF_USER = 4

/** The tokens that entries take when they are clipped to `least`. */
const countClipped = (entries: ReadonlyArray<Logged>, least: number, counter: Counter): number =>
  entries.reduce((sum, entry) => sum + (canClip(entry) ? countLeast([entry], least, counter) : entry.tokens), 0)

// ── with the open requests before it ──

const makeChoice = (inputs: TailInputs, from: number, tailExcerpts: ReadonlyArray<Excerpt>): TailChoice => {
  const { counter, rest } = inputs
  const share = countLiveShare(inputs)
  const tailFrom = rest[from]?.seq ?? Infinity
  const open = inputs.open.filter(({ seq }) => seq < tailFrom)
  const newest = open.slice(-Math.max(1, Math.floor(share / LEAST_REQUEST)))
  const live = countLeast(open, LEAST_REQUEST, counter) > share ? newest : open
  const excerpts = [...inputs.headExcerpts, ...planExcerpts(live, share, counter), ...tailExcerpts]
  return { from, live, excerpts: keepSmallest(excerpts, live) }
}

/** Keeps one excerpt per message, the smallest, but never drops a live request: one of the head is shown twice. */
const keepSmallest = (excerpts: ReadonlyArray<Excerpt>, live: ReadonlyArray<Logged>): ReadonlyArray<Excerpt> => {
  const pinned = new Set(live.map(({ seq }) => seq))
  const smallest = new Map<number, number>()
  for (const { seq, tokens } of excerpts) {
    const to = pinned.has(seq) ? Math.max(LEAST_EXCERPT, tokens) : tokens
    smallest.set(seq, Math.min(to, smallest.get(seq) ?? to))
  }
  return [...smallest].map(([seq, tokens]) => ({ seq, tokens })).toSorted((a, b) => a.seq - b.seq)
}

/** Open requests also have what the others leave, as long as the tail has its share. */
const countLiveShare = ({ fill, head, reserved, rest, shares }: TailInputs): number =>
  Math.max(shares.live, fill - reserved - Math.min(total(head), shares.head) - Math.min(total(rest), shares.tail))

/** An open request in fewer tokens says nothing. The oldest of too many are left to the summary and to recall. */
const LEAST_REQUEST = 40

/** Stands in the place of the handoff, since what is beside it may need repairs. */
const makePlaceholder = ({ manifest }: State) => ({ segments: [], ledger: "-", renderer: manifest.renderer })

/** Returns the state after a compression with this choice, with a placeholder for its handoff, if it has one. */
const stateWithTail = ({ head, reserved, rest, state }: TailInputs, { from, live, excerpts }: TailChoice): State => ({
  ...state,
  manifest: { ...state.manifest, excerpts, ledger: reserved > 0 ? makePlaceholder(state).ledger : "" },
  segments: [],
  head,
  live,
  tail: rest.slice(from)
})
