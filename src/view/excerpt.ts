/**
 * A message too large for its share, shortened: the beginning and the end of each text, and where to recall the rest.
 */
import * as Message from "../message/Message.ts"
import type { Excerpt, Logged } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

/** Below this many tokens an excerpt is all marker. */
export const LEAST = 30

/**
 * `tokens` is what the whole message takes, `to` what the excerpt may take: it is kept for every `to` from `LEAST` on.
 * What already fits is the very same object. The cost does not depend on the size of what is left out.
 */
export const makeExcerpt = (
  message: Message.Message,
  { seq, tokens, to }: { readonly seq: number; readonly tokens: number; readonly to: number },
  counter: Counter
): Message.Message => {
  if (tokens <= to) return message
  const cutter: Cutter = { seq, perCharacter: Math.min(1, tokens / Math.max(1, characters(message))) }
  const smaller = fewerParts(message, cutter, to, counter)
  let keep = 4 * to
  for (;;) {
    const shown = cutTo(smaller, keep, cutter)
    const cost = counter.message(shown)
    // So put, it ends whatever the counter says.
    if (!(cost > to && keep > 0)) return shown
    keep = Math.floor(keep * Math.min(0.95, to / cost))
  }
}

/** The cap under which all entries together fit the room, each taking at most the cap; infinite if they fit as they are. */
export const fitWaterLevel = (entries: ReadonlyArray<Logged>, room: number): number => {
  let left = room
  let remaining = entries.length
  for (const tokens of entries.map((entry) => entry.tokens).toSorted((a, b) => a - b)) {
    if (tokens * remaining > left) return Math.floor(left / remaining)
    left -= tokens
    remaining--
  }
  return Infinity
}

/** The excerpts with which the entries fit the room. Where even the least do not, the last entries are left out. */
export const shortenMessage = (entries: ReadonlyArray<Logged>, room: number): ReadonlyArray<Excerpt> => {
  const level = Math.max(LEAST, fitWaterLevel(entries, room))
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

const characters = (message: Message.Message): number =>
  Message.toolCalls(message).reduce((sum, call) => sum + call.function.arguments.length, Message.text(message).length)

/** A message with fewer parts, and a note of what it had to do without. */
interface Smaller {
  readonly message: Message.Message
  readonly note: string
}

/** Images and the oldest calls of a batch cannot be shortened: what of them does not fit is left out. */
const fewerParts = (message: Message.Message, { seq }: Cutter, to: number, counter: Counter): Smaller => {
  if (message.role === "assistant") return fewerCalls(message, seq, to, counter)
  const others = nonText(message.content)
  if (others.length === 0 || counter.message({ ...bare(message), content: others }) <= to - LEAST) {
    return { message, note: "" }
  }
  return { message: { ...bare(message), content: Message.text(message) }, note: noteOf(others.length, "part", seq) }
}

const fewerCalls = (message: Message.AssistantMessage, seq: number, to: number, counter: Counter): Smaller => {
  const calls = Message.toolCalls(message)
  const others = nonText(message.content ?? "").length
  const saysNothing = Message.text(message) === "" && others === 0
  const cost = (tool_calls: ReadonlyArray<Message.ToolCall>) =>
    counter.message({ role: "assistant", content: null, tool_calls })
  let room = to - cost([]) - MARKER
  let first = calls.length
  for (const call of calls.toReversed()) {
    room -= cost([cutArguments(call, 0, { seq, perCharacter: 1 })]) - cost([])
    if (room < (first === 1 && saysNothing ? -MARKER : 0)) break
    first--
  }
  const note = first > 0 ? noteOf(first, "tool call", seq) : others > 0 ? noteOf(others, "part", seq) : ""
  return { message: { role: "assistant", content: Message.text(message), tool_calls: calls.slice(first) }, note }
}

/** Room for one marker, in tokens. */
const MARKER = 20

const noteOf = (count: number, what: string, seq: number): string =>
  `[… ${count} ${what}${count === 1 ? "" : "s"} left out; recall seq ${seq} …]`

type Content = Extract<Message.Message, { readonly role: "user" }>["content"]

const nonText = (content: Content): Exclude<Content, string> =>
  typeof content === "string" ? [] : content.filter((part) => !("text" in part && typeof part.text === "string"))

/** Fields the library does not know may be of any size, so an excerpt does without them. */
const bare = (message: Exclude<Message.Message, Message.AssistantMessage>) =>
  message.role === "tool"
    ? ({ role: "tool", tool_call_id: message.tool_call_id } as const)
    : ({ role: message.role } as const)

/** Every text of the message cut to at most `keep` characters. */
const cutTo = ({ message, note }: Smaller, keep: number, cutter: Cutter): Message.Message => {
  const shown = joined([note, note !== "" && keep < SHORT ? "" : cut(Message.text(message), keep, cutter)])
  if (message.role !== "assistant") {
    const others = nonText(message.content)
    const spoken = shown === "" ? [] : [{ type: "text", text: shown } as const]
    return { ...bare(message), content: others.length === 0 ? shown : [...spoken, ...others] }
  }
  const calls = Message.toolCalls(message).map((call) => cutArguments(call, keep, cutter))
  const spoken: Message.AssistantMessage = { role: "assistant", content: shown === "" ? null : shown }
  return calls.length === 0 ? spoken : { ...spoken, tool_calls: calls }
}

const joined = (texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join("\n")

const cutArguments = (call: Message.ToolCall, keep: number, cutter: Cutter): Message.ToolCall => {
  const { id, type, function: made } = call
  if (made.arguments.length <= Math.max(keep, SHORT)) return call
  const shown = keep < SHORT ? `recall seq ${cutter.seq}` : cut(made.arguments, keep, cutter)
  return { id, type, function: { name: made.name, arguments: JSON.stringify({ excerpt: shown }) } }
}

/** Texts this short are not worth a marker. */
const SHORT = 24

const cut = (text: string, keep: number, { seq, perCharacter }: Cutter): string => {
  if (text.length <= keep) return text
  const head = cutAtCodePoint(text, Math.ceil(keep * 0.6))
  const tail = cutAtCodePoint(text, text.length - Math.floor(keep * 0.4))
  const leftOut = Math.max(1, Math.round((tail - head) * perCharacter))
  const marker = `[… ${leftOut} tokens left out; recall seq ${seq} …]`
  return joined([text.slice(0, head), marker, text.slice(tail)])
}

/** Never between the halves of a surrogate pair. */
export const cutAtCodePoint = (text: string, index: number): number => {
  const isInside = index > 0 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1))
  return isInside ? index - 1 : index
}
