/**
 * Repairs a list of messages until OpenAI, Anthropic, Mistral and Gemini accept it, and reports each change. A message
 * that needs no repair stays the very same object.
 */
import * as Message from "../message/Message.ts"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Counter } from "../message/Tokens.ts"
import { makeExcerpt } from "./excerpt.ts"
import type { Parts, Repair, RepairContext, Row, Size } from "./model.ts"

/** Messages that providers accept, and the repairs that made them so. */
export interface Mended {
  readonly messages: Array<Message.Message>
  readonly parts: { -readonly [part in keyof Parts]: Size }
  readonly repairs: Array<Repair>
}

/** Repairs in progress: rows are added in pieces. */
export interface Mending extends Mended {
  readonly excerpts: ReadonlyMap<number, number>
  readonly counter: Counter
  /** Ids of the calls so far. */
  readonly used: Set<string>
  /** Per id used before, the last number appended to it: all lower numbers are taken. */
  readonly numbers: Map<string, number>
  /** Ids of the calls that have a result. */
  readonly answered: Set<string>
  roleBefore: Message.Message["role"] | undefined
  /** True after the first row, system messages included. */
  hasRows: boolean
  /** True after the first row that is no system message. */
  hasBegun: boolean
}

const EMPTY_PART: Size = { messages: 0, tokens: 0 }

/** Begins with no rows. `excerpts` maps a `seq` to the tokens its message may take. */
export const beginRepairs = (excerpts: ReadonlyMap<number, number>, counter: Counter): Mending => ({
  excerpts,
  counter,
  messages: [],
  parts: { system: EMPTY_PART, head: EMPTY_PART, handoff: EMPTY_PART, live: EMPTY_PART, tail: EMPTY_PART },
  repairs: [],
  used: new Set(),
  numbers: new Map(),
  answered: new Set(),
  roleBefore: undefined,
  hasRows: false,
  hasBegun: false
})

/** A copy that takes further rows and leaves the original as it is. */
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
 * Repairs further rows. The result equals that of adding all rows at once, provided that the rows of each earlier call
 * were closed: see `isClosed`.
 */
export const addRepairs = (mending: Mending, rows: ReadonlyArray<Row>): void => {
  const { counter, excerpts, repairs } = mending
  const context: RepairContext = { counter, note: (repair) => repairs.push(repair) }
  const sound: Array<Row> = []
  mending.hasRows ||= rows.length > 0
  for (const row of rows) {
    const mended = mendContent(row, context)
    const to = excerpts.get(row.seq)
    const shown = mended === undefined || to === undefined ? mended : shortenRow(mended, to, context)
    if (shown !== undefined) sound.push(shown)
  }
  mendOrder(mendPairs(sound, mending, context), mending, context)
}

/** True if every call has its result among these rows: no later row can change how they are shown. */
export const isClosed = (rows: ReadonlyArray<Row>): boolean =>
  Message.pairToolCalls(rows.map(({ message }) => message)).results.every((results) => !results.includes(undefined))

/** The rows so far as messages, repairs ordered by `seq`. A copy, because more rows may follow. */
export const finishRepairs = ({ counter, hasBegun, hasRows, ...mending }: Mending): Mended => {
  const repairs = mending.repairs.toSorted((a, b) => a.seq - b.seq)
  const shown = { messages: mending.messages.slice(), parts: { ...mending.parts } }
  if (!hasBegun && hasRows)
    appendRow(shown, makeOpening("tail", 0, { counter, note: (repair) => repairs.unshift(repair) }))
  return { ...shown, repairs }
}

const shortenRow = (row: Row, to: number, context: RepairContext): Row | undefined => {
  if (row.tokens <= to) return row
  const { seq, tokens, message } = row
  context.note({ kind: "excerpt", seq, tokens: to })
  return to === 0 ? undefined : withMessage(row, makeExcerpt(message, { seq, tokens, to }, context.counter), context)
}

// ── content ──

const withMessage = (row: Row, message: Message.Message, { counter }: RepairContext): Row => ({
  ...row,
  message,
  tokens: counter.message(message)
})

/** Messages whose content needs no repair. Messages never change, so later steps skip them. */
const SOUND = new WeakSet<Message.Message>()

/** Repairs what providers refuse within one message. Returns `undefined` for a message that says nothing. */
const mendContent = (row: Row, context: RepairContext): Row | undefined =>
  SOUND.has(row.message) ? row : mendUnknown(row, context)

const mendUnknown = (row: Row, context: RepairContext): Row | undefined => {
  const { seq } = row
  const given = Message.hideNative(row.message)
  const message = given.role === "assistant" ? mendCalls(given, seq, context) : given
  const content = withoutBlanks(message.content)
  if (isEmpty(content) && (Message.isSystem(message) || Message.endsTurn(message))) {
    context.note({ kind: "empty-message", seq })
    return undefined
  }
  const isSound = content === message.content && (message.role === "assistant" || !isEmpty(content))
  if (!isSound) context.note({ kind: "empty-content", seq })
  const full = isSound ? message : withContent(message, content)
  if (full !== row.message) return withMessage(row, full, context)
  SOUND.add(full)
  return row
}

type Content = string | ReadonlyArray<Message.ContentPart> | null | undefined

const isEmpty = (content: Content): boolean => content === undefined || content === null || content.length === 0

const isBlank = (text: string): boolean => !/\S/.test(text)

/** Anthropic refuses blank text in any place. The empty string may stay, since every adapter drops it. */
const withoutBlanks = (content: Content): Content => {
  if (content === undefined || content === null || content === "") return content
  if (typeof content === "string") return isBlank(content) ? null : content
  const parts = content.filter((part) => !("text" in part && typeof part.text === "string" && isBlank(part.text)))
  if (parts.length === 0) return null
  return parts.length === content.length ? content : parts
}

const withContent = (message: Message.Message, content: Content): Message.Message =>
  message.role === "assistant"
    ? Message.withContent(message, content ?? null)
    : Message.withContent(message, content === undefined || content === null || content === "" ? EMPTY : content)

const EMPTY = "[empty]"

const mendCalls = (
  message: Message.AssistantMessage,
  seq: number,
  context: RepairContext
): Message.AssistantMessage => {
  const { tool_calls: calls, ...spoken } = message
  if (calls === undefined) return message
  if (calls === null || calls.length === 0) {
    if (!isEmpty(withoutBlanks(spoken.content))) context.note({ kind: "empty-content", seq })
    return spoken
  }
  const invalid = new Set(calls.filter((call) => call.type === "function" && !isObject(call.function.arguments)))
  if (invalid.size === 0) return message
  for (const { id } of invalid) context.note({ kind: "invalid-arguments", seq, toolCallId: id })
  return { ...message, tool_calls: calls.map((call) => (invalid.has(call) ? withObject(call) : call)) }
}

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const isObject = (text: string): boolean =>
  text === "{}" || (text.trimStart().startsWith("{") && Option.exists(parseJson(text), Predicate.isRecord))

const withObject = (call: Message.ToolCall): Message.ToolCall => {
  const raw = Message.callInput(call)
  return Message.withCallInput(call, isBlank(raw) ? "{}" : JSON.stringify({ _raw: raw }))
}

// ── calls and results ──

const NO_RESULT = "[no result: this call was never answered]"

const mendPairs = (rows: ReadonlyArray<Row>, mending: Mending, context: RepairContext): ReadonlyArray<Row> => {
  const { answered } = mending
  const { results, answers } = Message.pairToolCalls(rows.map(({ message }) => message))
  const paired: Array<Row> = []
  for (const [i, row] of rows.entries()) {
    const { message, seq } = row
    if (message.role === "tool") {
      const id = message.tool_call_id
      if (answers[i] !== undefined) continue
      context.note({ kind: answered.has(id) ? "duplicate-result" : "orphaned-result", seq, toolCallId: id })
      continue
    }
    const calls = Message.toolCalls(message)
    const batch = calls.map((call, k) => ({ call, id: claimCallId(call.id, mending), result: results[i]?.[k] }))
    for (const { call, result } of batch) if (result !== undefined) answered.add(call.id)
    paired.push(renameCalls(row, batch, context))
    if (batch.length > 0) paired.push(...collectResults(row, i, batch, rows, context))
  }
  return paired
}

interface Call {
  readonly call: Message.ToolCall
  readonly id: string
  readonly result: number | undefined
}

/**
 * An id that no earlier call of the view has. It depends only on the ids before it, so a growing view keeps the ids it
 * has shown. Some models give every call the same id.
 */
const claimCallId = (id: string, { numbers, used }: Mending): string => {
  const stem = id.slice(0, 32)
  let fresh = id
  for (let n = numbers.get(stem) ?? 2; used.has(fresh); n++) {
    fresh = `${stem}_${n}`
    numbers.set(stem, n)
  }
  used.add(fresh)
  return fresh
}

const renameCalls = (row: Row, batch: ReadonlyArray<Call>, context: RepairContext): Row => {
  const renamed = batch.filter(({ call, id }) => call.id !== id)
  if (renamed.length === 0 || row.message.role !== "assistant") return row
  for (const { call, id } of renamed) context.note({ kind: "renamed-call", seq: row.seq, from: call.id, to: id })
  return withMessage(row, { ...row.message, tool_calls: batch.map(({ call, id }) => ({ ...call, id })) }, context)
}

/** The results of one batch of calls in the order they came, those of unanswered calls at the end. */
const collectResults = (
  row: Row,
  index: number,
  batch: ReadonlyArray<Call>,
  rows: ReadonlyArray<Row>,
  context: RepairContext
): ReadonlyArray<Row> => {
  const end = findEndOfResults(rows, index + 1)
  const inOrder = batch.toSorted((a, b) => (a.result ?? Infinity) - (b.result ?? Infinity) || 0)
  return inOrder.map(({ call, id, result }) => {
    const came = result === undefined ? undefined : rows[result]
    if (result === undefined || came?.message.role !== "tool") {
      context.note({ kind: "no-result", seq: row.seq, toolCallId: call.id })
      return withMessage(row, { role: "tool", tool_call_id: id, content: NO_RESULT }, context)
    }
    if (result >= end) context.note({ kind: "moved-result", seq: came.seq, callSeq: row.seq })
    return id === call.id ? came : withMessage(came, { ...came.message, tool_call_id: id }, context)
  })
}

const findEndOfResults = (rows: ReadonlyArray<Row>, from: number): number => {
  let end = from
  while (rows[end]?.message.role === "tool") end++
  return end
}

// ── order of roles ──

const mendOrder = (rows: ReadonlyArray<Row>, mending: Mending, context: RepairContext): void => {
  for (const row of rows) {
    const isSystem = Message.isSystem(row.message)
    if (!mending.hasBegun && !isSystem) {
      mending.hasBegun = true
      if (row.message.role !== "user") appendRow(mending, makeOpening(row.part, row.seq, context))
    }
    const { roleBefore } = mending
    if (roleBefore === "tool" && (isSystem || row.message.role === "user")) appendRow(mending, makeBridge(row, context))
    const isMisplaced = isSystem && (roleBefore === "tool" || roleBefore === "assistant")
    const shown = isMisplaced ? showAsUser(row, context) : row
    appendRow(mending, shown)
    mending.roleBefore = shown.message.role
  }
}

const appendRow = ({ messages, parts }: Omit<Mended, "repairs">, { message, part, tokens }: Row): void => {
  messages.push(message)
  const before = parts[part]
  parts[part] = { messages: before.messages + 1, tokens: before.tokens + tokens }
}

const makeOpening = (part: Row["part"], seq: number, context: RepairContext): Row => {
  context.note({ kind: "opening", seq })
  return withMessage({ part, seq, message: OPENING, tokens: 0 }, OPENING, context)
}

const OPENING: Message.Message = { role: "user", content: "[the conversation goes on from here]" }

const makeBridge = (row: Row, context: RepairContext): Row => {
  context.note({ kind: "bridge", seq: row.seq })
  return withMessage(row, BRIDGE, context)
}

const BRIDGE: Message.Message = { role: "assistant", content: "[interrupted here]" }

const showAsUser = (row: Row, context: RepairContext): Row => {
  context.note({ kind: "system-as-user", seq: row.seq })
  const { content } = row.message
  const marked =
    typeof content === "string"
      ? `${AS_USER}\n${content}`
      : [{ type: "text", text: AS_USER } as const, ...Message.parts(row.message)]
  return withMessage(row, Message.withContent({ role: "user", content: "" }, marked), context)
}

const AS_USER = "[system message]"
