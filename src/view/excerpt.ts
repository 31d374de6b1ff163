/**
 * Shortens a message too large for its share: the beginning and the end of each text stay, and a marker says how to
 * recall the rest.
 */
import * as Message from "../message/Message.ts"
import type { Excerpt, Logged } from "../session/Session.ts"
import { cutAtCodePoint } from "../message/text.ts"
import { type Counter, estimate } from "../message/Tokens.ts"

/** With fewer tokens an excerpt would be nothing but its marker. */
export const LEAST_EXCERPT = 30

/** Stands in a view for the result of a call that has none. */
export const NO_RESULT = "[no result: this call was never answered]"

/** What becomes of a message: its tokens, and those it may take. Calls that are known to be `answered` leave last. */
interface ExcerptInput {
  readonly seq: number
  readonly tokens: number
  readonly to: number
  readonly answered?: Answered | undefined
}

/** For each call of a message the place of its result; undefined for one without a result. */
type Answered = ReadonlyArray<number | undefined>

/** An excerpt, and the tokens that it takes. */
type Shown = Pick<Logged, "message" | "tokens">

/**
 * Shortens a message of `tokens` tokens to at most `to`, which must be `LEAST` or more. A message that fits is returned
 * as the very same object. Fields that its provider may want back stay whole as far as they fit. The time taken does not
 * depend on the size of the text left out.
 */
export const makeExcerpt = (
  message: Message.Message,
  { answered, seq, to, tokens }: ExcerptInput,
  counter: Counter
): Shown => {
  if (tokens <= to) return { message, tokens }
  const known = lastExcerpts.get(message)
  if (known?.seq === seq && known.to === to && known.tokens === tokens && known.counter === counter) return known.shown
  const shown = cutToFit(message, { answered, seq, to, tokens }, counter)
  // That of a batch depends on its results as well.
  if (Message.toolCalls(message).length < 2) lastExcerpts.set(message, { seq, to, tokens, counter, shown })
  return shown
}

/** The views that a plan measures, and those of its base, mostly show the same excerpts. */
const lastExcerpts = new WeakMap<Message.Message, ExcerptInput & { counter: Counter; shown: Shown }>()

const cutToFit: typeof makeExcerpt = (message, { answered, seq, to, tokens }, counter) => {
  const smaller = dropParts(message, { seq, to, order: orderCalls(Message.toolCalls(message), answered) }, counter)
  const fixed = counter.message(shortenTexts(smaller, 0, { seq, perCharacter: 1 }))
  const cutter: Cutter = { seq, perCharacter: Math.min(1, (tokens - fixed) / Math.max(1, countCharacters(message))) }
  let keep = 4 * to
  for (;;) {
    const shown = shortenTexts(smaller, keep, cutter)
    const cost = counter.message(shown)
    // `!(a > b)` rather than `a <= b`, so that a counter that returns NaN ends the loop too.
    if (!(cost > to && keep > 0)) return { message: shown, tokens: cost }
    const share = fixed < to ? (to - fixed) / (cost - fixed) : to / cost
    keep = Math.floor(keep * Math.min(0.95, share))
  }
}

/** The fields of a message that its excerpt has lost. */
export const findLostFields = (message: Message.Message, excerpt: Message.Message): ReadonlyArray<string> => [
  ...fieldsOf(message).flatMap(([name]) => (name in excerpt ? [] : [name])),
  ...(hasNative(message) && !hasNative(excerpt) ? ["native"] : [])
]

/**
 * The tokens that the entries take as excerpts which have `least` each for their words. What an excerpt needs beside them
 * comes on top: fields that a provider may want back, and the calls that the results of a batch belong to.
 */
export const countLeast = (entries: ReadonlyArray<Logged>, least: number, counter: Counter): number =>
  entries.reduce((sum, entry) => sum + Math.min(entry.tokens, countFixed(entry, counter) + least), 0)

/** An entry, how many of its tokens every excerpt of it takes, and its part of what is left beside them. */
interface Measured {
  readonly entry: Logged
  readonly fixed: number
  readonly weight: number
}

/** The largest cap per weight, beside what is fixed, with which all fit the room: infinite if they fit without one. */
const findCap = (measured: ReadonlyArray<Measured>, room: number): number => {
  let left = room - measured.reduce((sum, { fixed }) => sum + fixed, 0)
  let weights = measured.reduce((sum, { weight }) => sum + weight, 0)
  const wishes = measured.map(({ entry, fixed, weight }) => ({ weight, each: (entry.tokens - fixed) / weight }))
  for (const { each, weight } of wishes.toSorted((a, b) => a.each - b.each)) {
    if (each * weights > left) return left / weights
    left -= each * weight
    weights -= weight
  }
  return Infinity
}

/**
 * The excerpts that make the entries fit the room, with the stand-ins for results that are missing. Each gets the least
 * first, then its part of the room by weight. If even the shortest do not fit, see `planFewest`.
 */
export const planExcerpts = (
  entries: ReadonlyArray<Logged>,
  room: number,
  counter: Counter,
  weigh: (entry: Logged) => number = () => 1
): ReadonlyArray<Excerpt> => {
  const least = (entry: Logged) => countLeast([entry], LEAST_EXCERPT, counter)
  const measured = entries.map((entry) => ({ entry, fixed: least(entry), weight: weigh(entry) }))
  const { results } = Message.pairToolCalls(entries.map(({ message }) => message))
  const cap = findCap(measured, room - countMissing(results) * countStandIn(counter))
  const shares =
    cap < 0
      ? planFewest(entries, results, room, counter)
      : measured.map(({ fixed, weight }) => fixed + Math.floor(cap * weight))
  return entries.flatMap(({ seq, tokens }, i) => {
    const to = shares[i] ?? 0
    return to < tokens ? [{ seq, tokens: to }] : []
  })
}

/** The tokens of the stand-ins for results that the entries miss. */
export const countStandIns = (entries: ReadonlyArray<Logged>, counter: Counter): number =>
  countMissing(Message.pairToolCalls(entries.map(({ message }) => message)).results) * countStandIn(counter)

const countMissing = (results: ReadonlyArray<Answered>): number =>
  results.reduce((sum, ofCalls) => sum + ofCalls.filter((result) => result === undefined).length, 0)

/**
 * The share of each entry where not all fit. Of a batch those calls leave that nobody answered, and then the oldest, each
 * with its result, so that what they would take is left to the others. Of other messages the last are left out.
 */
const planFewest = (
  entries: ReadonlyArray<Logged>,
  results: ReadonlyArray<Answered>,
  room: number,
  counter: Counter
): ReadonlyArray<number> => {
  const standIn = countStandIn(counter)
  let left = room
  const take = (tokens: number): number => {
    if (tokens > left) return 0
    left -= tokens
    return tokens
  }
  const shares = entries.map(({ message, tokens }) => {
    if (message.role === "tool") return 0
    if (Message.toolCalls(message).length === 0) return take(Math.min(LEAST_EXCERPT, tokens))
    return take(LEAST_EXCERPT + countFields(message, counter)) || take(LEAST_EXCERPT)
  })
  for (const [i, { message, seq }] of Array.from(entries.entries()).toReversed()) {
    if (shares[i] === 0) continue
    for (const [k, call] of orderCalls(Message.toolCalls(message), results[i])) {
      const answer = results[i]?.[k]
      const ofResult = answer === undefined ? standIn : Math.min(LEAST_EXCERPT, entries[answer]?.tokens ?? 0)
      const ofCall = countCalls([call], seq, counter)
      if (take(ofCall + ofResult) === 0) break
      shares[i] = (shares[i] ?? 0) + ofCall
      if (answer !== undefined) shares[answer] = ofResult
    }
  }
  return shares
}

interface Cutter {
  readonly seq: number
  readonly perCharacter: number
}

const countCharacters = (message: Message.Message): number =>
  Message.toolCalls(message).reduce((sum, call) => sum + Message.callInput(call).length, 0) +
  fieldsOf(message).reduce((sum, [name, value]) => sum + (isReasoning(name, value) ? value.length : 0), 0) +
  Message.text(message).length

// ── fields ──

type Fields = ReadonlyArray<readonly [name: string, value: unknown]>

/** Lists the fields of a message beside its words and its calls: reasoning, signatures, and whatever else its server put there. */
const fieldsOf = (message: Message.Message): Fields =>
  Object.entries(message).filter(([name, value]) => !OWN_FIELDS.has(name) && (value ?? null) !== null)

const OWN_FIELDS: ReadonlySet<string> = new Set(
  "role content tool_calls tool_call_id refusal audio function_call native".split(" ")
)

/** Returns whether a message is nothing but words and other content: no calls, and nothing its server may want back. */
export const isPlain = (message: Message.Message): boolean =>
  Message.toolCalls(message).length === 0 && fieldsOf(message).length === 0 && !hasNative(message)

const hasNative = (message: Message.Message): boolean => nativeOf(message) !== undefined

const nativeOf = (message: Message.Message): Message.Native | undefined => message.native ?? message[Message.Native]

/** Reasoning that is plain text may be cut. Servers that want it back miss only the field. */
const isReasoning = (name: string, value: unknown): value is string =>
  (name === "reasoning_content" || name === "reasoning") && typeof value === "string"

/** The tokens that every excerpt takes: fields, and calls whose arguments are cut to nothing. */
const countFixed = (entry: Logged, counter: Counter): number => {
  const known = fixedTokens.get(entry)
  if (known?.counter === counter) return known.tokens
  const { message, seq } = entry
  const calls = Message.toolCalls(message)
  const tokens = countFields(message, counter) + (calls.length === 0 ? 0 : countCalls(calls, seq, counter))
  fixedTokens.set(entry, { counter, tokens })
  return tokens
}

/** A plan asks for each entry many times. */
const fixedTokens = new WeakMap<Logged, { readonly counter: Counter; readonly tokens: number }>()

/** The tokens of the fields that an excerpt keeps whole. */
export const countFields = (message: Message.Message, counter: Counter): number => {
  const fields = fieldsOf(message)
  if (fields.length === 0 && !hasNative(message)) return 0
  const whole = withFields({ ...ASSISTANT }, cutReasoning(fields, 0, { seq: 0, perCharacter: 1 }), nativeOf(message))
  return counter.message(whole) - counter.message(ASSISTANT)
}

/** The tokens of calls whose arguments are cut to nothing. */
const countCalls = (calls: ReadonlyArray<Message.ToolCall>, seq: number, counter: Counter): number => {
  const tool_calls = calls.map((call) => cutArguments(call, 0, { seq, perCharacter: 1 }))
  return counter.message({ ...ASSISTANT, tool_calls }) - counter.message(ASSISTANT)
}

const countStandIn = (counter: Counter): number =>
  counter.message({ role: "tool", tool_call_id: "-", content: NO_RESULT })

const ASSISTANT: Message.AssistantMessage = { role: "assistant", content: null }

const hasOwnFields = (call: Message.ToolCall): boolean =>
  Object.keys(call).some((name) => name !== "id" && name !== "type" && name !== call.type)

const withFields = (message: Message.Message, fields: Fields, native: Message.Native | undefined): Message.Message => ({
  ...message,
  ...Object.fromEntries(fields),
  ...(native === undefined ? {} : { [Message.Native]: native })
})

const cutReasoning = (fields: Fields, keep: number, cutter: Cutter): Fields =>
  fields.map(([name, value]) => [name, isReasoning(name, value) ? cutThought(value, keep, cutter) : value])

/** Beyond Latin a few characters may cost more than the pointer does. */
const cutThought = (text: string, keep: number, cutter: Cutter): string => {
  if (keep >= SHORT) return shortenMiddle(text, keep, cutter)
  const pointer = pointTo(cutter)
  return estimate.text(text) > estimate.text(pointer) ? pointer : text
}

const pointTo = ({ seq }: Cutter): string => `recall seq ${seq}`

// ── what cannot be shortened ──

/** A message with fewer fields, parts or calls, and a note that names the parts or calls left out. */
interface Smaller {
  /** Without fields; its text is whole. */
  readonly message: Message.Message
  readonly fields: Fields
  readonly native: Message.Native | undefined
  readonly note: string
}

/** Leaves out what does not fit and cannot be shortened: fields, images, and the last calls of a batch by `order`. */
const dropParts = (
  message: Message.Message,
  { order, seq, to }: { readonly seq: number; readonly to: number; readonly order: Order },
  counter: Counter
): Smaller => {
  const [first] = order
  // A signature without its call is of no use, and neither is a result.
  const room = to - LEAST_EXCERPT - (first === undefined ? 0 : countCalls([first[1]], seq, counter))
  const { bare, fields, native } = keepFields(message, seq, room, counter)
  const others = nonTextParts(message)
  const frameOf = (parts: ReadonlyArray<Message.ContentPart>) =>
    withFields(Message.withContent(bare, parts), cutReasoning(fields, 0, { seq, perCharacter: 1 }), native)
  const parts = others.length > 0 && counter.message(frameOf(others)) <= room ? others : []
  const text = Message.text(message)
  const kept = keepCalls(order, { seq, to, hasWords: text !== "" || others.length > 0 }, frameOf(parts), counter)
  const leftOut = order.length - kept.length
  const note =
    leftOut > 0
      ? noteLeftOut(leftOut, "tool call", seq)
      : parts.length < others.length
        ? noteLeftOut(others.length, "part", seq)
        : ""
  const shown = Message.withContent(bare, parts.length === 0 ? text : [{ type: "text", text }, ...parts])
  return { message: shown.role === "assistant" ? { ...shown, tool_calls: kept } : shown, fields, native, note }
}

/** Keeps the fields that fit, and reasoning always, since it can be cut. */
const keepFields = (message: Message.Message, seq: number, room: number, counter: Counter) => {
  const bare = withoutFields(message)
  let kept: Fields = fieldsOf(message).filter(([name, value]) => isReasoning(name, value))
  const whole = nativeOf(message)
  let native: Message.Native | undefined
  const fits = (fields: Fields, native: Message.Native | undefined) =>
    counter.message(withFields(bare, cutReasoning(fields, 0, { seq, perCharacter: 1 }), native)) <= room
  if (whole !== undefined && fits(kept, whole)) native = whole
  for (const field of fieldsOf(message)) {
    if (!isReasoning(...field) && fits([...kept, field], native)) kept = [...kept, field]
  }
  return { bare, fields: kept, native }
}

const withoutFields = (message: Message.Message): Message.Message =>
  message.role === "assistant"
    ? ASSISTANT
    : message.role === "tool"
      ? { role: "tool", tool_call_id: message.tool_call_id, content: "" }
      : { role: message.role, content: "" }

/** Keeps as many calls as fit when their arguments are cut to nothing. */
const keepCalls = (
  order: Order,
  { hasWords, seq, to }: { readonly seq: number; readonly to: number; readonly hasWords: boolean },
  frame: Message.Message,
  counter: Counter
): Array<Message.ToolCall> => {
  if (order.length === 0) return []
  // With all calls kept and nothing else in the message, no marker is needed.
  const room = to - counter.message(frame) - MARKER
  const costs = order.map(([, call]) => countCalls([call], seq, counter))
  const kept = order.slice(0, countFitting(costs, room, hasWords ? 0 : MARKER))
  return kept.toSorted(([a], [b]) => a - b).map(([, call]) => call)
}

/** Calls with their places, in the order they are kept. */
type Order = ReadonlyArray<readonly [place: number, call: Message.ToolCall]>

/**
 * Keeps calls with fields first, since a signature may stand for all; then those with a result, since it would leave with
 * its call; then the newest.
 */
const orderCalls = (calls: ReadonlyArray<Message.ToolCall>, answered: Answered | undefined): Order => {
  const weigh = ([place, call]: Order[number]) =>
    2 * Number(hasOwnFields(call)) + Number(answered?.[place] !== undefined)
  return Array.from(calls.entries())
    .toReversed()
    .toSorted((a, b) => weigh(b) - weigh(a))
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

// ── text ──

/** Shortens every text of the message to at most `keep` characters. */
const shortenTexts = ({ fields, message, native, note }: Smaller, keep: number, cutter: Cutter): Message.Message => {
  const shown = joinLines([note, note !== "" && keep < SHORT ? "" : shortenMiddle(Message.text(message), keep, cutter)])
  const others = nonTextParts(message)
  const spoken = shown === "" ? [] : [{ type: "text", text: shown } as const]
  const bare = withFields(withoutFields(message), cutReasoning(fields, keep, cutter), native)
  const said = Message.withContent(bare, others.length === 0 ? shown : [...spoken, ...others])
  if (said.role !== "assistant") return said
  const calls = Message.toolCalls(message).map((call) => cutArguments(call, keep, cutter))
  const content = said.content === "" ? null : said.content
  return calls.length === 0
    ? Message.withContent(said, content ?? null)
    : { ...said, content: content ?? null, tool_calls: calls }
}

const joinLines = (texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join("\n")

const cutArguments = (call: Message.ToolCall, keep: number, cutter: Cutter): Message.ToolCall => {
  const input = Message.callInput(call)
  if (input.length <= Math.max(keep, SHORT)) return call
  const shown = keep < SHORT ? pointTo(cutter) : shortenMiddle(input, keep, cutter)
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
