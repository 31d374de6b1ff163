/**
 * What providers refuse within one message: blank text, arguments that are no object, nothing at all.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Message from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import type { Repair, Row } from "./repairs.ts"

export interface RepairContext {
  readonly counter: Counter
  readonly note: (repair: Repair) => void
}

export const withMessage = (row: Row, message: Message.Message, { counter }: RepairContext): Row => ({
  ...row,
  message,
  tokens: counter.message(message)
})

/** Messages whose content was looked at and found sound: they never change, so a step does not look again. */
const SOUND = new WeakSet<Message.Message>()

/** The row as it can be shown; none if it says nothing. */
export const mendContent = (row: Row, bench: RepairContext): Row | undefined =>
  SOUND.has(row.message) ? row : mendUnknown(row, bench)

const mendUnknown = (row: Row, bench: RepairContext): Row | undefined => {
  const { seq } = row
  const message = row.message.role === "assistant" ? mendCalls(row.message, seq, bench) : row.message
  const content = withoutBlanks(message.content)
  if (isEmpty(content) && (Message.isSystem(message) || Message.endsTurn(message))) {
    bench.note({ kind: "empty-message", seq })
    return undefined
  }
  const isSound = content === message.content && (message.role === "assistant" || !isEmpty(content))
  if (!isSound) bench.note({ kind: "empty-content", seq })
  const full = isSound ? message : withContent(message, content)
  if (full !== row.message) return withMessage(row, full, bench)
  SOUND.add(full)
  return row
}

type Content = Message.Message["content"]

const isEmpty = (content: Content): boolean => content === undefined || content === null || content.length === 0

const isBlank = (text: string): boolean => !/\S/.test(text)

/** Anthropic refuses blank text wherever it stands; the empty string, though, every adapter leaves out. */
const withoutBlanks = (content: Content): Content => {
  if (content === undefined || content === null || content === "") return content
  if (typeof content === "string") return isBlank(content) ? null : content
  const parts = content.filter((part) => !("text" in part && typeof part.text === "string" && isBlank(part.text)))
  if (parts.length === 0) return null
  return parts.length === content.length ? content : parts
}

const withContent = (message: Message.Message, content: Content): Message.Message => {
  if (message.role === "assistant") return { ...message, content: content ?? null }
  return { ...message, content: content === undefined || content === null || content === "" ? EMPTY : content }
}

const EMPTY = "[empty]"

const mendCalls = (message: Message.AssistantMessage, seq: number, bench: RepairContext): Message.AssistantMessage => {
  const { tool_calls: calls, ...spoken } = message
  if (calls === undefined) return message
  if (calls === null || calls.length === 0) {
    if (!isEmpty(withoutBlanks(spoken.content))) bench.note({ kind: "empty-content", seq })
    return spoken
  }
  const invalid = new Set(calls.filter((call) => !isObject(call.function.arguments)))
  if (invalid.size === 0) return message
  for (const { id } of invalid) bench.note({ kind: "invalid-arguments", seq, toolCallId: id })
  return { ...message, tool_calls: calls.map((call) => (invalid.has(call) ? withObject(call) : call)) }
}

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const isObject = (text: string): boolean =>
  text === "{}" || (text.trimStart().startsWith("{") && Option.exists(parseJson(text), Predicate.isRecord))

const withObject = (call: Message.ToolCall): Message.ToolCall => {
  const { name, arguments: raw } = call.function
  return { ...call, function: { name, arguments: isBlank(raw) ? "{}" : JSON.stringify({ _raw: raw }) } }
}
