/**
 * Views of one session, step after step. As long as the base stays the same, a message mended for one step is not
 * mended again for the next. The result equals `assembleWhole`.
 */
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { copyMessage, type Message } from "../message/Message.ts"
import * as Tokens from "../message/Tokens.ts"
import type { Logged, Segment, State } from "../session/Session.ts"
import type { Repair, Row, View } from "./model.ts"
import { limitMarks, splitHandoff } from "./cacheMarks.ts"
import * as Repairs from "./repairs.ts"
import { defaults } from "./WireLimits.ts"
import { findOpenRequests } from "../session/openRequests.ts"

/** The fixed part of a step, and what its provider takes; without `limits` no picture leaves. */
export interface ViewOptions extends Tokens.Fixed, Repairs.FinishOptions {}

/** Assembles a view from nothing but its state. */
export const assembleWhole = (state: State, counter: Tokens.Counter, options: ViewOptions = {}): View => {
  const mending = Repairs.beginRepairs(listExcerpts(state), counter, options.limits)
  Repairs.addRepairs(mending, [...makeBaseRows(state, counter, options), ...makeTailRows(state.tail)])
  return makeView(state, Repairs.finishRepairs(mending, options), counter, options)
}

/** The view as its reader gets it, who may change it: of the messages that later views share, it holds copies. */
export const copyView = (view: View): View => ({ ...view, messages: view.messages.map(copyMessage) })

/** The last view of a base that went to its model: its log up to `lastSeq`, and what was sent along. */
export interface SentView {
  readonly view: View
  readonly lastSeq: number
  /** The tokens of the view and its tools, as the provider counts them. */
  readonly tokens: number
  readonly tools: ReadonlyArray<unknown> | undefined
  readonly model: string | undefined
}

const sentViews = new WeakMap<State["base"], SentView>()

/** Remembers the view as long as its base is in use, so that a summary can continue the request that it was part of. */
export const rememberSent = ({ base }: State, sent: SentView): void => void sentViews.set(base, sent)

/** Returns the last view of this base that went to its model in this process. */
export const findSent = ({ base }: State): SentView | undefined => sentViews.get(base)

/** A base and the beginning of its tail, mended so far: the first `taken` messages of the tail, up to `lastSeq`. */
interface Memory {
  readonly instructions: number
  readonly counter: Tokens.Counter
  readonly system: Tokens.Fixed["system"]
  readonly limits: Repairs.MessageLimits
  readonly mending: Repairs.Mending
  hasBase: boolean
  taken: number
  lastSeq: number | undefined
}

/**
 * Keyed by the state's base, so that a memory goes with the last state of its base. Two are kept of each: for
 * steps with a system prompt of their own, one for compressions, which look at the session without it.
 */
const memories = new WeakMap<State["base"], ReadonlyArray<Memory>>()
const KEPT = 2

/** Messages mended between two yields: a few milliseconds of work. */
const SLICE = 500

/** Assembles a view, mending only what no earlier call has mended. */
export const assembleView = (state: State, counter: Tokens.Counter, options: ViewOptions = {}): View =>
  runAtOnce(assembleInSlices(state, counter, options))

/** Like `assembleView`, but a generator: the caller can yield to the event loop between slices. */
export function* assembleInSlices(
  state: State,
  counter: Tokens.Counter,
  options: ViewOptions = {},
  slice: number = SLICE
): Generator<void, View> {
  // An excerpt of 0 tokens leaves a message out, after which a later result may belong to an earlier call.
  if (state.manifest.excerpts.some(({ tokens }) => tokens === 0)) return assembleWhole(state, counter, options)
  let upTo = 0
  let open: ReadonlyArray<Row> = []
  for (;;) {
    // Looked up again after each yield: another caller may have mended further than this state reaches.
    const memory = findMemory(state, counter, options)
    // Open rows are looked at again with the next slice, so that one is at least as long.
    upTo = Math.min(Math.max(upTo, memory.taken) + Math.max(slice, open.length), state.tail.length)
    open = mendNewRows(memory, state, upTo, options)
    if (upTo === state.tail.length) return viewOfMemory(memory, open, state, options)
    yield
  }
}

/** Mends the base and the tail up to `upTo`. Returns the rows behind the last place at which no call awaits its result. */
const mendNewRows = (memory: Memory, state: State, upTo: number, options: ViewOptions): ReadonlyArray<Row> => {
  const base = memory.hasBase ? [] : makeBaseRows(state, memory.counter, options)
  const rows = [...base, ...makeTailRows(state.tail.slice(memory.taken, upTo))]
  const closed = Repairs.countClosed(rows)
  if (closed < base.length) return rows
  Repairs.addRepairs(memory.mending, rows.slice(0, closed))
  memory.hasBase = true
  memory.taken += closed - base.length
  memory.lastSeq = state.tail[memory.taken - 1]?.seq
  return rows.slice(closed)
}

const viewOfMemory = (
  { counter, mending }: Memory,
  open: ReadonlyArray<Row>,
  state: State,
  options: ViewOptions
): View => {
  if (open.length === 0) return makeView(state, Repairs.finishRepairs(mending, options), counter, options)
  const withOpen = Repairs.forkRepairs(mending)
  Repairs.addRepairs(withOpen, open)
  return makeView(state, Repairs.finishRepairs(withOpen, options), counter, options)
}

const findMemory = (state: State, counter: Tokens.Counter, options: ViewOptions): Memory => {
  const kept = memories.get(state.base) ?? []
  const known = kept.find((memory) => isContinuationOf(memory, state, counter, options))
  if (known !== undefined) return known
  const made = newMemory(state, counter, options)
  memories.set(state.base, [made, ...kept.filter((memory) => !isFor(memory, options))].slice(0, KEPT))
  return made
}

const newMemory = (state: State, counter: Tokens.Counter, options: ViewOptions): Memory => ({
  instructions: state.system.length,
  counter,
  system: options.system,
  limits: options.limits ?? defaults,
  mending: Repairs.beginRepairs(listExcerpts(state), counter, options.limits),
  hasBase: false,
  taken: 0,
  lastSeq: undefined
})

/** True if the state only adds to the tail that this memory has mended. */
const isContinuationOf = (memory: Memory, state: State, counter: Tokens.Counter, options: ViewOptions): boolean =>
  memory.counter === counter &&
  isFor(memory, options) &&
  memory.instructions === state.system.length &&
  (memory.taken === 0 || state.tail[memory.taken - 1]?.seq === memory.lastSeq)

const isFor = ({ limits, system }: Memory, options: ViewOptions): boolean => {
  const { cacheMarks, callIds, imagesInToolResults } = options.limits ?? defaults
  const isForOrder = limits.imagesInToolResults === imagesInToolResults && limits.callIds === callIds
  return system === options.system && isForOrder && limits.cacheMarks === cacheMarks
}

// ── from a state to rows, and from repaired rows to a view ──

/** The rows before the tail. They stay the same for a whole generation, as long as the system prompt does. */
const makeBaseRows = (state: State, counter: Tokens.Counter, { limits, system }: ViewOptions): ReadonlyArray<Row> => {
  const makeRow = (part: Row["part"], message: Message): Row => ({
    part,
    seq: 0,
    message,
    tokens: counter.message(message)
  })
  const { renderer, ledger } = state.manifest
  const handsOff = state.segments.length > 0 || ledger !== ""
  const makeHandoffRow = (): Row => {
    const row = makeRow("handoff", Handoff.makeMessage({ segments: state.segments, ledger, renderer }))
    return limits?.cacheMarks === true ? { ...row, message: splitHandoff(row.message, state.segments) } : row
  }
  return [
    ...(system === undefined ? rowsOfLog("system", state.system) : [makeRow("system", systemMessage(system))]),
    ...rowsOfLog("head", state.head),
    ...(handsOff ? [makeHandoffRow()] : []),
    ...rowsOfLog("live", state.live)
  ]
}

const makeTailRows = (tail: ReadonlyArray<Logged>): ReadonlyArray<Row> => rowsOfLog("tail", tail)

const rowsOfLog = (part: Row["part"], entries: ReadonlyArray<Logged>): ReadonlyArray<Row> =>
  entries.map(({ message, seq, tokens, unreadable }) => {
    const row = { part, seq, message, tokens }
    return unreadable === undefined ? row : { ...row, isUnreadable: true }
  })

const systemMessage = (system: string | Message): Message =>
  typeof system === "string" ? { role: "system", content: system } : system

/** The tokens that each `seq` of an excerpt may take. */
const listExcerpts = ({ manifest }: State): ReadonlyMap<number, number> =>
  new Map(manifest.excerpts.map(({ seq, tokens }) => [seq, tokens] as const))

const makeView = (
  state: State,
  { messages, parts, repairs }: Repairs.Mended,
  counter: Tokens.Counter,
  { limits, tools }: ViewOptions
): View => ({
  sessionId: state.sessionId,
  generation: state.generation,
  // The handoff is the last message of its part: a bridge may stand before it.
  messages:
    limits?.cacheMarks === true && parts.handoff.messages > 0
      ? limitMarks(messages, tools, parts.system.messages + parts.head.messages + parts.handoff.messages - 1)
      : messages,
  tokens: Object.values(parts).reduce((sum, { tokens }) => sum + tokens, Tokens.overhead(counter, { tools })),
  parts,
  repairs: [...state.segments.filter(({ degraded }) => degraded === Handoff.LOST_SEGMENT).map(noteLost), ...repairs],
  open: findOpenRequests(state).map(({ arrival, seq }) => ({ seq, arrival }))
})

const noteLost = ({ fromSeq, toSeq }: Segment): Repair => ({ kind: "lost-segment", seq: fromSeq, toSeq })
