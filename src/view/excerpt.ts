/**
 * Shortens a message too large for its share: the beginning and the end of each text stay, and a marker says how to
 * recall the rest.
 */
import * as Message from "../message/Message.ts"
import type { Excerpt, Logged } from "../session/Session.ts"
import { cutAtCodePoint } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"

/** With fewer tokens an excerpt would be nothing but its marker. */
export const LEAST_EXCERPT = 30

/**
 * Shortens a message of `tokens` tokens to at most `to`, which must be `LEAST` or more. A message that fits is returned
 * as the very same object. The time taken does not depend on the size of the text left out.
 */
export const makeExcerpt = (
  message: Message.Message,
  { seq, tokens, to }: { readonly seq: number; readonly tokens: number; readonly to: number },
  counter: Counter
): Message.Message => {
  if (tokens <= to) return message
  const cutter: Cutter = { seq, perCharacter: Math.min(1, tokens / Math.max(1, countCharacters(message))) }
  const smaller = dropParts(message, cutter, to, counter)
  let keep = 4 * to
  for (;;) {
    const shown = shortenTexts(smaller, keep, cutter)
    const cost = counter.message(shown)
    // `!(a > b)` rather than `a <= b`, so that a counter that returns NaN ends the loop too.
    if (!(cost > to && keep > 0)) return shown
    keep = Math.floor(keep * Math.min(0.95, to / cost))
  }
}

/** The largest cap per entry with which all entries fit the room; infinite if they fit without one. */
export const findTokenCap = (entries: ReadonlyArray<Logged>, room: number): number => {
  let left = room
  let remaining = entries.length
  for (const tokens of entries.map((entry) => entry.tokens).toSorted((a, b) => a - b)) {
    if (tokens * remaining > left) return Math.floor(left / remaining)
    left -= tokens
    remaining--
  }
  return Infinity
}

/** The excerpts that make the entries fit the room. If even the shortest do not fit, the last entries are left out. */
export const planExcerpts = (entries: ReadonlyArray<Logged>, room: number): ReadonlyArray<Excerpt> => {
  const level = Math.max(LEAST_EXCERPT, findTokenCap(entries, room))
  let left = room
  return entries.flatMap(({ seq, tokens }) => {
    const to = Math.min(level, tokens)
    if (to > left) return [{ seq, tokens: 0 }]
    left -= to
    return to < tokens ? [{ seq, tokens: to }] : []
  })
}

interface Cutter {
  readonly seq: number
  readonly perCharacter: number
}

const countCharacters = (message: Message.Message): number =>
  Message.toolCalls(message).reduce((sum, call) => sum + Message.callInput(call).length, Message.text(message).length)

/** A message with fewer parts or calls, and a note that names what was left out. */
interface Smaller {
  readonly message: Message.Message
  readonly note: string
}

/** Leaves out what cannot be shortened: images, and the oldest calls of a batch. */
const dropParts = (message: Message.Message, { seq }: Cutter, to: number, counter: Counter): Smaller => {
  if (message.role === "assistant") return keepNewestCalls(message, seq, to, counter)
  const others = nonTextParts(message)
  const bare = withoutContent(message)
  if (others.length === 0 || counter.message(Message.withContent(bare, others)) <= to - LEAST_EXCERPT) {
    return { message, note: "" }
  }
  return {
    message: { ...bare, content: Message.text(message) },
    note: noteLeftOut(others.length, "part", seq)
  }
}

/** Keeps the newest calls: as many as fit when their arguments are cut to nothing. */
const keepNewestCalls = (message: Message.AssistantMessage, seq: number, to: number, counter: Counter): Smaller => {
  const calls = Message.toolCalls(message)
  const text = Message.text(message)
  const otherParts = nonTextParts(message).length
  const count = (tool_calls: Array<Message.ToolCall>) =>
    counter.message({ role: "assistant", content: null, tool_calls })
  const frame = count([])
  const leastTokens = (call: Message.ToolCall) => count([cutArguments(call, 0, { seq, perCharacter: 1 })]) - frame
  // With all calls kept and nothing else in the message, no marker is needed.
  const markerRoom = text === "" && otherParts === 0 ? MARKER : 0
  const kept = countFitting(calls.toReversed().map(leastTokens), to - frame - MARKER, markerRoom)
  const leftOut = calls.length - kept
  const note =
    leftOut > 0 ? noteLeftOut(leftOut, "tool call", seq) : otherParts > 0 ? noteLeftOut(otherParts, "part", seq) : ""
  return { message: { role: "assistant", content: text, tool_calls: calls.slice(leftOut) }, note }
}

/** The number of costs, from the first on, that fit the room. The last one may use `extra` as well. */
const countFitting = (costs: ReadonlyArray<number>, room: number, extra: number): number => {
  let left = room
  for (const [i, cost] of costs.entries()) {
    left -= cost
    if (left < (i === costs.length - 1 ? -extra : 0)) return i
  }
  return costs.length
}

/** Tokens reserved for one marker. */
const MARKER = 20

const noteLeftOut = (count: number, what: string, seq: number): string =>
  `[… ${count} ${what}${count === 1 ? "" : "s"} left out; recall seq ${seq} …]`

const nonTextParts = (message: Message.Message): ReadonlyArray<Message.ContentPart> =>
  Message.parts(message).filter((part) => Message.partText(part) === undefined)

/** Drops all fields the library does not know: they may be of any size. */
const withoutContent = (message: Exclude<Message.Message, Message.AssistantMessage>): Message.Message =>
  message.role === "tool"
    ? { role: "tool", tool_call_id: message.tool_call_id, content: "" }
    : { role: message.role, content: "" }

/** Shortens every text of the message to at most `keep` characters. */
const shortenTexts = ({ message, note }: Smaller, keep: number, cutter: Cutter): Message.Message => {
  const shown = joinLines([note, note !== "" && keep < SHORT ? "" : shortenMiddle(Message.text(message), keep, cutter)])
  if (message.role !== "assistant") {
    const others = nonTextParts(message)
    const spoken = shown === "" ? [] : [{ type: "text", text: shown } as const]
    return Message.withContent(withoutContent(message), others.length === 0 ? shown : [...spoken, ...others])
  }
  const calls = Message.toolCalls(message).map((call) => cutArguments(call, keep, cutter))
  const spoken: Message.AssistantMessage = { role: "assistant", content: shown === "" ? null : shown }
  return calls.length === 0 ? spoken : { ...spoken, tool_calls: calls }
}

const joinLines = (texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join("\n")

const cutArguments = (call: Message.ToolCall, keep: number, cutter: Cutter): Message.ToolCall => {
  const input = Message.callInput(call)
  if (input.length <= Math.max(keep, SHORT)) return call
  const shown = keep < SHORT ? `recall seq ${cutter.seq}` : shortenMiddle(input, keep, cutter)
  return Message.withCallInput(call, call.type === "custom" ? shown : JSON.stringify({ excerpt: shown }))
}

/** Texts of this many characters are not worth a marker. */
const SHORT = 24

const shortenMiddle = (text: string, keep: number, { seq, perCharacter }: Cutter): string => {
  if (text.length <= keep) return text
  const head = cutAtCodePoint(text, Math.ceil(keep * 0.6))
  const tail = cutAtCodePoint(text, text.length - Math.floor(keep * 0.4))
  const leftOut = Math.max(1, Math.round((tail - head) * perCharacter))
  const marker = `[… ${leftOut} tokens left out; recall seq ${seq} …]`
  return joinLines([text.slice(0, head), marker, text.slice(tail)])
}
