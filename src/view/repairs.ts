/**
 * Repairs a list of messages until OpenAI, Anthropic, Mistral and Gemini accept it, and reports each change. A message
 * that needs no repair stays the very same object.
 */
import * as Message from "../message/Message.ts"
import { isBlank, isObjectJson } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { findLostFields, makeExcerpt, NO_RESULT } from "./excerpt.ts"
import { CALL_IDS, mendMessage, separateParts, SURROGATE_ESCAPE, TOOL_NAME } from "./messageRepairs.ts"
import * as RequestSize from "./requestSize.ts"
import type { Parts, Repair, RepairContext, Row, Size } from "./model.ts"
import { defaults, type Limits } from "./WireLimits.ts"

/** The rules of a provider for a single message: other limits leave messages out as a whole. */
export type MessageLimits = Pick<Limits, "imagesInToolResults" | "callIds" | "cacheMarks">

/** Messages that providers accept, and the repairs that made them so. */
export interface Mended {
  readonly messages: Array<Message.Message>
  readonly parts: { -readonly [part in keyof Parts]: Size }
  readonly repairs: Array<Repair>
}

/** Repairs in progress: rows are added in pieces. */
export interface Mending extends Mended, RequestSize.Request {
  readonly messages: Array<Message.Message>
  readonly pictured: Array<RequestSize.Pictured>
  readonly excerpts: ReadonlyMap<number, number>
  readonly counter: Counter
  /** Ids of the calls so far. */
  readonly used: Set<string>
  /** Per id used before, the last number appended to it: all lower numbers are taken. */
  readonly numbers: Map<string, number>
  /** Ids of the calls that have a result. */
  readonly answered: Set<string>
  readonly limits: MessageLimits
  roleBefore: Message.Message["role"] | undefined
  /** The last row as it was added, and not yet mended. */
  lastRow: Row | undefined
  /** True if the last message of the model has a field for its reasoning. */
  hasReasoning: boolean
  /** True after the first row, system messages included. */
  hasRows: boolean
  /** True after the first row that is no system message. */
  hasBegun: boolean
}

const EMPTY_PART: Size = { messages: 0, tokens: 0 }

/** Begins with no rows. `excerpts` maps a `seq` to the tokens its message may take. */
export const beginRepairs = (
  excerpts: ReadonlyMap<number, number>,
  counter: Counter,
  limits: MessageLimits = defaults
): Mending => ({
  excerpts,
  counter,
  messages: [],
  pictured: [],
  measured: 0,
  bytes: 0,
  parts: { system: EMPTY_PART, head: EMPTY_PART, handoff: EMPTY_PART, live: EMPTY_PART, tail: EMPTY_PART },
  repairs: [],
  used: new Set(),
  numbers: new Map(),
  answered: new Set(),
  limits,
  roleBefore: undefined,
  lastRow: undefined,
  hasReasoning: false,
  hasRows: false,
  hasBegun: false
})

/** A copy that takes further rows and leaves the original as it is. */
export const forkRepairs = (mending: Mending): Mending => ({
  ...mending,
  messages: mending.messages.slice(),
  pictured: mending.pictured.slice(),
  parts: { ...mending.parts },
  repairs: mending.repairs.slice(),
  used: new Set(mending.used),
  numbers: new Map(mending.numbers),
  answered: new Set(mending.answered)
})

/**
 * Repairs further rows. The result equals that of adding all rows at once, provided that the rows of each earlier call
 * were closed: see `countClosed`.
 */
export const addRepairs = (mending: Mending, rows: ReadonlyArray<Row>): void => {
  const { counter, excerpts, repairs } = mending
  const context: RepairContext = { counter, note: (repair) => repairs.push(repair) }
  const sound: Array<Row> = []
  mending.hasRows ||= rows.length > 0
  mending.lastRow = rows.at(-1) ?? mending.lastRow
  const pairs = rows.some(({ message, seq }) => excerpts.has(seq) && Message.toolCalls(message).length > 1)
    ? Message.pairToolCalls(rows.map(({ message }) => message))
    : undefined
  for (const [i, row] of rows.entries()) {
    if (row.isUnreadable === true) context.note({ kind: "unreadable", seq: row.seq })
    const mended = mendContent(row, context)
    const to = excerpts.get(row.seq)
    const shown = mended === undefined || to === undefined ? mended : shortenRow(mended, to, pairs?.results[i], context)
    if (shown !== undefined) sound.push(shown)
  }
  mendOrder(mendPairs(sound, mending, context), mending, context)
}

/** Counts the first rows in which every call has its result, as far as they go: no later row can change how they are shown. */
export const countClosed = (rows: ReadonlyArray<Row>): number => {
  let closed = 0
  let reach = 0
  for (const [i, results] of Message.pairToolCalls(rows.map(({ message }) => message)).results.entries()) {
    for (const result of results) reach = Math.max(reach, result ?? Infinity)
    if (reach <= i) closed = i + 1
  }
  return closed
}

/** What is sent beside the rows, and how much may be. No provider takes a view that `isSent` without a message. */
export interface FinishOptions {
  readonly limits?: Limits | undefined
  readonly tools?: ReadonlyArray<unknown> | undefined
  readonly isSent?: boolean
}

/**
 * The rows so far as messages, repairs ordered by `seq`. A copy, because more rows may follow. With `limits` its pictures
 * leave until it can be sent, together with `tools`.
 */
export const finishRepairs = (mending: Mending, { isSent = false, limits, tools }: FinishOptions): Mended => {
  const { counter, hasBegun, hasRows, lastRow, roleBefore } = mending
  const repairs = mending.repairs.slice()
  const shown = { messages: mending.messages.slice(), pictured: [], parts: { ...mending.parts }, repairs }
  if (limits !== undefined && mending.pictured.length > 0) {
    RequestSize.fitRequest(shown, mending, { counter, limits, tools })
  }
  if (!hasBegun && (hasRows || isSent))
    appendRow(shown, makeOpening("tail", 0, { counter, note: (repair) => repairs.unshift(repair) }))
  if (roleBefore === "assistant" && lastRow !== undefined && !Message.endsTurn(lastRow.message))
    appendRow(shown, makeClosing(lastRow, { counter, note: (repair) => repairs.push(repair) }))
  return { ...shown, repairs: repairs.sort((a, b) => a.seq - b.seq) }
}

const shortenRow = (
  row: Row,
  to: number,
  answered: ReadonlyArray<number | undefined> | undefined,
  context: RepairContext
): Row | undefined => {
  if (row.tokens <= to) return row
  const { seq, tokens, message } = row
  context.note({ kind: "excerpt", seq, tokens: to })
  if (to === 0) return undefined
  const shown = makeExcerpt(message, { seq, tokens, to, answered }, context.counter)
  const fields = findLostFields(message, shown.message)
  if (fields.length > 0) context.note({ kind: "left-out-fields", seq, fields })
  return { ...row, ...shown }
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
const mendContent = (row: Row, context: RepairContext): Row | undefined => {
  const { message, seq } = row
  if (SOUND.has(message)) return row
  const mended = isPlain(message) ? message : mendMessage(message, seq, context)
  if (mended === undefined) return undefined
  if (mended !== message) return withMessage(row, mended, context)
  SOUND.add(message)
  return row
}

/** Recognizes most messages that need no repair, at a fraction of the price. */
const isPlain = (message: Message.Message): boolean => {
  for (const field in message) if (!PLAIN_FIELDS.has(field)) return false
  const { content } = message
  const calls = Message.toolCalls(message)
  if (typeof content !== "string") return (content ?? null) === null && calls.length > 0 && calls.every(isPlainCall)
  return !isBlank(content) && content.isWellFormed() && hasPlainCalls(message)
}

const PLAIN_FIELDS: ReadonlySet<string> = new Set(["role", "content", "tool_calls", "tool_call_id"])

const hasPlainCalls = (message: Message.Message): boolean =>
  message.role !== "assistant" ||
  message.tool_calls === undefined ||
  (message.tool_calls !== null && message.tool_calls.length > 0 && message.tool_calls.every(isPlainCall))

const isPlainCall = (call: Message.ToolCall): boolean => {
  for (const field in call) if (!PLAIN_CALL_FIELDS.has(field)) return false
  const name = Message.callName(call)
  const input = Message.callInput(call)
  return (
    call.type === "function" &&
    TOOL_NAME.test(name) &&
    isObjectJson(input) &&
    input.isWellFormed() &&
    !SURROGATE_ESCAPE.test(input)
  )
}

const PLAIN_CALL_FIELDS: ReadonlySet<string> = new Set(["id", "type", "function"])

// ── calls and results ──

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
    const spoken = [renameCalls(row, batch, context)]
    if (batch.length > 0) spoken.push(...collectResults(row, i, batch, rows, context))
    paired.push(...(message.role === "assistant" ? moveParts(spoken, mending, context) : spoken))
  }
  return paired
}

interface Call {
  readonly call: Message.ToolCall
  readonly id: string
  readonly result: number | undefined
}

/**
 * An id that providers accept and that no earlier call of the view has. It depends only on the ids before it, so a
 * growing view keeps the ids it has shown. Some models give every call the same id.
 */
const claimCallId = (id: string, { limits, numbers, used }: Mending): string => {
  const { makeId, makeStem, sound } = CALL_IDS[limits.callIds]
  const isSound = sound.test(id)
  // Most calls come by here, and need no stem.
  if (isSound && !used.has(id)) {
    used.add(id)
    return id
  }
  const stem = makeStem(id)
  let fresh = isSound ? id : makeId(stem, 1)
  for (let n = numbers.get(stem) ?? 2; used.has(fresh); n++) {
    fresh = makeId(stem, n)
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
    const named = nameAfterCall(came.message, call, came.seq, context)
    if (id === call.id && named === came.message) return came
    return withMessage(came, { ...named, tool_call_id: id }, context)
  })
}

/** A result that names its tool names it as its call does. */
const nameAfterCall = (
  message: Message.ToolMessage,
  call: Message.ToolCall,
  seq: number,
  context: RepairContext
): Message.ToolMessage => {
  const to = Message.callName(call)
  if (!("name" in message) || message.name === to) return message
  context.note({ kind: "renamed-tool", seq, from: String(message.name), to })
  return Object.assign({ ...message }, { name: to })
}

/** Moves pictures and files of a reply and of its results into user messages behind them. */
const moveParts = (rows: ReadonlyArray<Row>, mending: Mending, context: RepairContext): ReadonlyArray<Row> => {
  if (!rows.some(({ message }) => Array.isArray(message.content))) return rows
  const moved: Array<Row> = []
  const kept = rows.map((row) => {
    const separated =
      row.message.role === "tool" && mending.limits.imagesInToolResults ? undefined : separateParts(row.message)
    if (separated === undefined) return row
    const { message, parts } = separated
    context.note({ kind: "moved-parts", seq: row.seq })
    const shown = [{ type: "text", text: nameSource(message) } as const, ...parts]
    const asUser = Message.withContent<Message.Message>({ role: "user", content: "" }, shown)
    moved.push(withMessage({ ...row, isMoved: true }, asUser, context))
    return withMessage(row, message, context)
  })
  return [...kept, ...moved]
}

const nameSource = (message: Message.Message): string =>
  message.role === "tool" ? `[of the result of call ${message.tool_call_id}]` : "[of the reply above]"

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
    if (roleBefore === "tool" && (isSystem || row.message.role === "user"))
      appendRow(mending, makeBridge(row, mending.hasReasoning, context))
    const isMisplaced = isSystem && (roleBefore === "tool" || roleBefore === "assistant")
    const shown = isMisplaced ? showAsUser(row, context) : row
    appendRow(mending, shown)
    mending.roleBefore = shown.message.role
    if (shown.message.role === "assistant") mending.hasReasoning = "reasoning_content" in shown.message
  }
}

const appendRow = ({ messages, parts, pictured }: Pick<Mending, "messages" | "parts" | "pictured">, row: Row): void => {
  const { message, part, tokens } = row
  if (Array.isArray(message.content)) pictured.push(...RequestSize.findPictures(row, messages.length))
  messages.push(message)
  const before = parts[part]
  parts[part] = { messages: before.messages + 1, tokens: before.tokens + tokens }
}

const makeOpening = (part: Row["part"], seq: number, context: RepairContext): Row => {
  context.note({ kind: "opening", seq })
  return withMessage({ part, seq, message: OPENING, tokens: 0 }, OPENING, context)
}

const OPENING: Message.Message = { role: "user", content: "[the conversation goes on from here]" }

/** Servers take an assistant at the end for the beginning of the answer, or refuse it. */
const makeClosing = (row: Row, context: RepairContext): Row => {
  context.note({ kind: "closing", seq: row.seq })
  return withMessage(row, OPENING, context)
}

const makeBridge = (row: Row, hasReasoning: boolean, context: RepairContext): Row => {
  context.note({ kind: "bridge", seq: row.seq })
  const bridge: Message.Message = {
    role: "assistant",
    content: row.isMoved === true ? "[the results are continued by the user]" : "[interrupted here]"
  }
  // Servers that want a reply's reasoning back refuse the request if any reply has no such field.
  return withMessage(row, hasReasoning ? Object.assign(bridge, { reasoning_content: "" }) : bridge, context)
}

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
