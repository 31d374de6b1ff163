/**
 * Makes a list of messages one that OpenAI, Anthropic, Mistral and Gemini accept, and says what was changed. Messages
 * that need no repair stay the very same objects.
 */
import * as Message from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import { type RepairContext, withMessage, mendContent } from "./contentRepairs.ts"
import { makeExcerpt } from "./excerpt.ts"
import { pairToolCalls } from "../message/toolPairs.ts"

/**
 * How a view differs from the log: what was done, at the message `seq` (0 for a message that is not of the log).
 *
 * - `excerpt`: shown in at most `tokens` tokens; 0 leaves it out
 * - `no-result`: the call was never answered; a result that says so follows it
 * - `moved-result`: a late result, shown after its call at `callSeq`
 * - `orphaned-result`, `duplicate-result`: a result without a call, or a second one; left out
 * - `renamed-call`: the id was used before in this view; its result is renamed with it
 * - `invalid-arguments`: not the text of a JSON object; shown as one that holds the text
 * - `empty-message`: neither text nor call; left out
 * - `empty-content`: empty text, parts or lists of calls are left out, or stand-in text is put there
 * - `bridge`: a short assistant message stands before it, as only an assistant may follow a tool
 * - `system-as-user`: an instruction that may not stand here is shown as a marked user message
 * - `opening`: a short user message stands before it, as a user has to begin
 *
 * @since 0.1.0
 * @category models
 */
export type Repair =
  | { readonly kind: "excerpt"; readonly seq: number; readonly tokens: number }
  | { readonly kind: "no-result" | "invalid-arguments"; readonly seq: number; readonly toolCallId: string }
  | { readonly kind: "orphaned-result" | "duplicate-result"; readonly seq: number; readonly toolCallId: string }
  | { readonly kind: "moved-result"; readonly seq: number; readonly callSeq: number }
  | { readonly kind: "renamed-call"; readonly seq: number; readonly from: string; readonly to: string }
  | { readonly kind: "empty-message" | "empty-content"; readonly seq: number }
  | { readonly kind: "bridge" | "system-as-user" | "opening"; readonly seq: number }

/** A message on its way into a view; `seq` is 0 if it is not of the log. */
export interface Row {
  readonly part: "system" | "head" | "handoff" | "live" | "tail"
  readonly seq: number
  readonly message: Message.Message
  readonly tokens: number
}

/** How much of a view each part takes. */
type Parts = Record<Row["part"], { readonly messages: number; readonly tokens: number }>

/** What a view shows, and how it differs from the log. */
export interface Mended {
  readonly messages: Array<Message.Message>
  readonly parts: Parts
  readonly repairs: Array<Repair>
}

/** A list being mended, piece by piece. */
export interface Mending extends Mended {
  readonly excerpts: ReadonlyMap<number, number>
  readonly counter: Counter
  /** Ids of calls so far, and those that have a result. */
  readonly used: Set<string>
  /** The last number given to an id that was used before: those below it are taken. */
  readonly numbers: Map<string, number>
  readonly answered: Set<string>
  before: Message.Message["role"] | undefined
  /** Whether anything came at all, and anything but instructions. */
  hasRows: boolean
  hasBegun: boolean
}

const NONE = { messages: 0, tokens: 0 }

/** `excerpts` says which `seq` may take how many tokens. */
export const beginRepairs = (excerpts: ReadonlyMap<number, number>, counter: Counter): Mending => ({
  excerpts,
  counter,
  messages: [],
  parts: { system: NONE, head: NONE, handoff: NONE, live: NONE, tail: NONE },
  repairs: [],
  used: new Set(),
  numbers: new Map(),
  answered: new Set(),
  before: undefined,
  hasRows: false,
  hasBegun: false
})

/** Another that goes on from here, and leaves this one as it is. */
export const forkRepairs = (mending: Mending): Mending => ({
  ...mending,
  messages: mending.messages.slice(),
  parts: { ...mending.parts },
  repairs: mending.repairs.slice(),
  used: new Set(mending.used),
  numbers: new Map(mending.numbers),
  answered: new Set(mending.answered)
})

/**
 * Goes on with more rows. The result is as if all had come at once, provided that each call before them has its result
 * before them: see `isClosed`.
 */
export const addRepairs = (mending: Mending, rows: ReadonlyArray<Row>): void => {
  const { counter, excerpts, repairs } = mending
  const bench: RepairContext = { counter, note: (repair) => repairs.push(repair) }
  const sound: Array<Row> = []
  mending.hasRows ||= rows.length > 0
  for (const row of rows) {
    const mended = mendContent(row, bench)
    const to = excerpts.get(row.seq)
    const shown = mended === undefined || to === undefined ? mended : shorten(mended, to, bench)
    if (shown !== undefined) sound.push(shown)
  }
  mendOrder(mendPairs(sound, mending, bench), mending, bench)
}

/** Whether these rows can be followed by any others and stay as they are: every call has its result among them. */
export const isClosed = (rows: ReadonlyArray<Row>): boolean =>
  pairToolCalls(rows.map(({ message }) => message)).results.every((results) => !results.includes(undefined))

/** What became of the rows so far, `repairs` by their place: for others to keep, since more may be added here. */
export const mendRows = ({ counter, hasBegun, hasRows, ...mending }: Mending): Mended => {
  const repairs = mending.repairs.toSorted((a, b) => a.seq - b.seq)
  const shown = { messages: mending.messages.slice(), parts: { ...mending.parts } }
  if (!hasBegun && hasRows) show(shown, opening("tail", 0, { counter, note: (repair) => repairs.unshift(repair) }))
  return { ...shown, repairs }
}

const shorten = (row: Row, to: number, bench: RepairContext): Row | undefined => {
  if (row.tokens <= to) return row
  const { seq, tokens, message } = row
  bench.note({ kind: "excerpt", seq, tokens: to })
  return to === 0 ? undefined : withMessage(row, makeExcerpt(message, { seq, tokens, to }, bench.counter), bench)
}

// ── calls and results ──

const NO_RESULT = "[no result: this call was never answered]"

const mendPairs = (rows: ReadonlyArray<Row>, mending: Mending, bench: RepairContext): ReadonlyArray<Row> => {
  const { answered } = mending
  const { results, answers } = pairToolCalls(rows.map(({ message }) => message))
  const paired: Array<Row> = []
  for (const [i, row] of rows.entries()) {
    const { message, seq } = row
    if (message.role === "tool") {
      const id = message.tool_call_id
      if (answers[i] !== undefined) continue
      bench.note({ kind: answered.has(id) ? "duplicate-result" : "orphaned-result", seq, toolCallId: id })
      continue
    }
    const calls = Message.toolCalls(message)
    const batch = calls.map((call, k) => ({ call, id: unused(call.id, mending), result: results[i]?.[k] }))
    for (const { call, result } of batch) if (result !== undefined) answered.add(call.id)
    paired.push(withIds(row, batch, bench))
    if (batch.length > 0) paired.push(...resultsOf(row, i, batch, rows, bench))
  }
  return paired
}

interface Call {
  readonly call: Message.ToolCall
  readonly id: string
  readonly result: number | undefined
}

/** Depends only on the ids before it, so that a view that grows keeps the ids it has. Some models use but one id. */
const unused = (id: string, { numbers, used }: Mending): string => {
  const stem = id.slice(0, 32)
  let fresh = id
  for (let n = numbers.get(stem) ?? 2; used.has(fresh); n++) {
    fresh = `${stem}_${n}`
    numbers.set(stem, n)
  }
  used.add(fresh)
  return fresh
}

const withIds = (row: Row, batch: ReadonlyArray<Call>, bench: RepairContext): Row => {
  const renamed = batch.filter(({ call, id }) => call.id !== id)
  if (renamed.length === 0 || row.message.role !== "assistant") return row
  for (const { call, id } of renamed) bench.note({ kind: "renamed-call", seq: row.seq, from: call.id, to: id })
  return withMessage(row, { ...row.message, tool_calls: batch.map(({ call, id }) => ({ ...call, id })) }, bench)
}

/** In the order they came, those that never came last. */
const resultsOf = (
  row: Row,
  index: number,
  batch: ReadonlyArray<Call>,
  rows: ReadonlyArray<Row>,
  bench: RepairContext
): ReadonlyArray<Row> => {
  const end = endOfResults(rows, index + 1)
  const inOrder = batch.toSorted((a, b) => (a.result ?? Infinity) - (b.result ?? Infinity) || 0)
  return inOrder.map(({ call, id, result }) => {
    const came = result === undefined ? undefined : rows[result]
    if (result === undefined || came?.message.role !== "tool") {
      bench.note({ kind: "no-result", seq: row.seq, toolCallId: call.id })
      return withMessage(row, { role: "tool", tool_call_id: id, content: NO_RESULT }, bench)
    }
    if (result >= end) bench.note({ kind: "moved-result", seq: came.seq, callSeq: row.seq })
    return id === call.id ? came : withMessage(came, { ...came.message, tool_call_id: id }, bench)
  })
}

const endOfResults = (rows: ReadonlyArray<Row>, from: number): number => {
  let end = from
  while (rows[end]?.message.role === "tool") end++
  return end
}

// ── who may follow whom ──

const mendOrder = (rows: ReadonlyArray<Row>, mending: Mending, bench: RepairContext): void => {
  for (const row of rows) {
    const isSystem = Message.isSystem(row.message)
    if (!mending.hasBegun && !isSystem) {
      mending.hasBegun = true
      if (row.message.role !== "user") show(mending, opening(row.part, row.seq, bench))
    }
    const { before } = mending
    if (before === "tool" && (isSystem || row.message.role === "user")) show(mending, bridge(row, bench))
    const isMisplaced = isSystem && (before === "tool" || before === "assistant")
    const shown = isMisplaced ? asUser(row, bench) : row
    show(mending, shown)
    mending.before = shown.message.role
  }
}

const show = ({ messages, parts }: Omit<Mended, "repairs">, { message, part, tokens }: Row): void => {
  messages.push(message)
  const before = parts[part]
  parts[part] = { messages: before.messages + 1, tokens: before.tokens + tokens }
}

const opening = (part: Row["part"], seq: number, bench: RepairContext): Row => {
  bench.note({ kind: "opening", seq })
  return withMessage({ part, seq, message: OPENING, tokens: 0 }, OPENING, bench)
}

const OPENING: Message.Message = { role: "user", content: "[the conversation goes on from here]" }

const bridge = (row: Row, bench: RepairContext): Row => {
  bench.note({ kind: "bridge", seq: row.seq })
  return withMessage(row, BRIDGE, bench)
}

const BRIDGE: Message.Message = { role: "assistant", content: "[interrupted here]" }

const asUser = (row: Row, bench: RepairContext): Row => {
  bench.note({ kind: "system-as-user", seq: row.seq })
  const { content } = row.message
  const marked =
    typeof content === "string"
      ? `${AS_USER}\n${content}`
      : [{ type: "text", text: AS_USER } as const, ...(content ?? [])]
  return withMessage(row, { role: "user", content: marked }, bench)
}

const AS_USER = "[system message]"
