/**
 * Counts the tokens of text and messages: a fast estimate by script, corrected by what providers report.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Message from "./Message.ts"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * A provider's count of a view: `inputTokens` for the view that ended at `seq` in `generation`, which was estimated at
 * `estimate` tokens.
 *
 * @since 0.1.0
 * @category models
 */
export const Usage = Schema.Struct({
  generation: Schema.Int,
  seq: Schema.Int,
  model: Schema.String,
  inputTokens: Schema.Int,
  estimate: Schema.Int
})
/**
 * @since 0.1.0
 * @category models
 */
export type Usage = typeof Usage.Type

/**
 * Counts tokens: whole numbers, never negative, 0 for the empty text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counter {
  /** The tokens of a text on its own. */
  readonly text: (s: string) => number
  /** The tokens of a message, with its tool calls and what its wire form adds. */
  readonly message: (m: Message.Message) => number
}

/**
 * The fixed part of a step: its system prompt and its tool definitions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fixed {
  readonly system?: string | Message.Message | undefined
  readonly tools?: ReadonlyArray<unknown> | undefined
}

/**
 * Makes a counter from a function that counts text. What a message holds beside its text and its calls, such as reasoning
 * and signatures, counts as the JSON text that a provider is sent.
 *
 * Pictures and files count as providers bill them, never by the length of their base64, wherever in the message they are:
 *
 * - a picture: 1,000 tokens, or 85 for the detail `low`
 * - a PDF, and any other document: 2,500 tokens a page, one page for each 50,000 bytes, at most 100 pages; four pages if
 *   the message only names it, by an id or a URL
 * - sound and video: one token for each 500 bytes
 * - a file of text: one token for each 4 bytes
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (text: (s: string) => number): Counter => ({
  text,
  message: (m) => {
    let tokens = MESSAGE + countContent(text, m) + countOthers(text, m, MESSAGE_FIELDS)
    for (const call of Message.toolCalls(m)) tokens += countCall(text, call)
    const native = m.native ?? m[Message.Native]
    if (native !== undefined) tokens += countValue(text, native)
    return m.role === "tool" ? tokens + CALL_ID : tokens
  }
})

/**
 * Estimates tokens from characters: 4 per token in Latin text, 2 in other alphabets, 1 in Chinese, Japanese and Korean.
 *
 * @since 0.1.0
 * @category constructors
 */
export const estimate: Counter = make((s) => Math.ceil((BEYOND_LATIN_1.test(s) ? countQuarters(s) : s.length) / 4))

/**
 * The counter in use: `estimate`, unless a layer such as `GptTokenizer.layer` provides another.
 *
 * @since 0.1.0
 * @category services
 */
export class Tokens extends Context.Reference<Tokens>()("throughline/Tokens", { defaultValue: () => estimate }) {}

/**
 * The counter in use, made safe to calculate with: fractions are rounded up, and `estimate` replaces a count that throws,
 * is not a finite number, or is negative.
 *
 * @since 0.1.0
 * @category getters
 */
export const inUse: Effect.Effect<Counter> = Effect.map(Tokens, (counter) => {
  const safe = safeCounters.get(counter) ?? makeSafe(counter)
  safeCounters.set(counter, safe)
  return safe
})

/**
 * The tokens of a step's system prompt and tool definitions.
 *
 * @since 0.1.0
 * @category getters
 */
export const overhead = (counter: Counter, { system, tools }: Fixed): number => {
  const prompt: Message.Message | undefined = typeof system === "string" ? { role: "system", content: system } : system
  return (
    (prompt === undefined ? 0 : counter.message(prompt)) +
    (tools === undefined || tools.length === 0 ? 0 : counter.text(JSON.stringify(tools)))
  )
}

/**
 * The sum of tokens of entries that were counted before.
 *
 * @since 0.1.0
 * @category getters
 */
export const total = (entries: ReadonlyArray<{ readonly tokens: number }>): number =>
  entries.reduce((sum, { tokens }) => sum + tokens, 0)

/**
 * Returns whether a report may be about the view that it names. One of less than half or more than three times the
 * estimate counts something else, such as only the tokens outside the cache, or the calls so far together.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isCredible = ({ estimate, inputTokens }: Pick<Usage, "estimate" | "inputTokens">): boolean =>
  inputTokens >= SMALLEST_FACTOR * estimate && inputTokens <= LARGEST_FACTOR * estimate

/**
 * Corrects the estimate of a view of `generation` for `model` by the last report: exact for the view that was reported,
 * scaled by the report's ratio for any other. A report that is not credible corrects nothing, and so does one of another
 * model; a model without a name counts as the same. The result grows with the estimate and is never negative.
 *
 * @since 0.1.0
 * @category getters
 */
export const calibrate = (estimate: number, generation: number, usage: Usage | null, model = ""): number => {
  const isOfUse = usage !== null && usage.estimate > 0 && !isOfAnother(usage, model) && isCredible(usage)
  if (!isOfUse) return Math.max(0, Math.round(estimate))
  const factor = usage.inputTokens / usage.estimate
  const tokens =
    usage.generation === generation ? usage.inputTokens + factor * (estimate - usage.estimate) : factor * estimate
  return Math.max(0, Math.round(tokens))
}

const isOfAnother = (usage: Usage, model: string): boolean =>
  usage.model !== "" && model !== "" && usage.model !== model

const makeSafe = (counter: Counter): Counter => ({
  text: (s) => countSafely(() => counter.text(s)) ?? estimate.text(s),
  message: (m) => countSafely(() => counter.message(m)) ?? estimate.message(m)
})

/** One for each counter, whoever asks: what is mended and cut with it is remembered by its identity. */
const safeCounters = new WeakMap<Counter, Counter>([[estimate, estimate]])

const countSafely = (count: () => number): number | undefined => {
  try {
    const tokens = count()
    return Number.isFinite(tokens) && tokens >= 0 ? Math.ceil(tokens) : undefined
  } catch {
    return undefined
  }
}

/** Limits of the ratio of a report to the estimate. */
const SMALLEST_FACTOR = 0.5
const LARGEST_FACTOR = 3

/** The tokens that the wire form adds to a message, a tool call and a tool result. */
const MESSAGE = 4
const CALL = 8
const CALL_ID = 4

/** OpenAI's price of a picture: fixed for `low`, a medium size for all others, since no picture is decoded. */
const IMAGE_LOW = 85
const IMAGE = 1_000

/**
 * Providers show a model each page of a document as text (1,500 to 3,000 tokens at Anthropic) or as a picture (258 tokens
 * at Gemini), or as both, and take at most 100 pages. No document is decoded, so its size tells the number of pages.
 */
const PAGE = 2_500
const PAGE_BYTES = 50_000
const MOST_PAGES = 100

/** The size of a file that is only named is not known. A report of the provider corrects the count up to three times. */
const NAMED = 4 * PAGE

/** Gemini bills 32 tokens for a second of sound, which is 16,000 bytes of MP3. */
const MEDIA_BYTES = 500
const TEXT_BYTES = 4

/** V8 answers this at once for a string that it stores as one byte per character, as it does most. */
const BEYOND_LATIN_1 = /[\u0100-\uffff]/

const countQuarters = (s: string): number => {
  let sum = 0
  for (let i = 0; i < s.length; i++) sum += quartersOf(s.charCodeAt(i))
  return sum
}

/** Kana, Han, Hangul and halves of surrogate pairs begin at U+2E80; dashes, arrows and frames at U+2000. */
const quartersOf = (code: number): number => (code < 0x100 ? 1 : code < 0x2000 ? 2 : 4)

/** Counted on their own. */
const MESSAGE_FIELDS: ReadonlySet<string> = new Set(["role", "content", "tool_calls", "tool_call_id", "native"])
const CALL_FIELDS: ReadonlySet<string> = new Set(["id", "type", "function", "custom"])
const CALLED_FIELDS: ReadonlySet<string> = new Set(["name", "arguments", "input"])
const TEXT_FIELDS: ReadonlySet<string> = new Set(["type", "text"])
const IMAGE_FIELDS: ReadonlySet<string> = new Set(["type", "image_url"])

const countContent = (text: Counter["text"], message: Message.Message): number => {
  if (typeof message.content === "string") return text(message.content)
  return Message.parts(message).reduce((sum, part) => sum + countPart(text, part), 0)
}

const countPart = (text: Counter["text"], part: Message.ContentPart): number => {
  if (part.type === "text") return text(part.text) + countOthers(text, part, TEXT_FIELDS)
  if (part.type !== "image_url") return countValue(text, part)
  return (part.image_url.detail === "low" ? IMAGE_LOW : IMAGE) + countOthers(text, part, IMAGE_FIELDS)
}

const countCall = (text: Counter["text"], call: Message.ToolCall): number =>
  CALL +
  text(Message.callName(call)) +
  text(Message.callInput(call)) +
  countOthers(text, call, CALL_FIELDS) +
  countOthers(text, call.type === "custom" ? call.custom : call.function, CALLED_FIELDS)

/** The JSON text of all fields that are not `known`. Most messages have none, and nothing is made for them. */
const countOthers = (text: Counter["text"], of: object, known: ReadonlySet<string>): number => {
  for (const key in of) if (!known.has(key)) return countJson(text, of, known)
  return 0
}

/** Servers write null for what a message does not have. */
const countJson = (text: Counter["text"], of: object, known: ReadonlySet<string>): number => {
  const others = Object.entries(of).filter(([key, value]) => !known.has(key) && (value ?? null) !== null)
  return others.length === 0 ? 0 : countValue(text, Object.fromEntries(others))
}

/** The JSON text of a value, with the pictures and files in it by what they are. */
const countValue = (text: Counter["text"], value: unknown): number => {
  let files = 0
  const json = JSON.stringify(value, function (_key, inner: unknown) {
    if (Predicate.isRecord(inner)) {
      const named = countNamed(inner)
      if (named === undefined) return inner
      files += named
      // What names the file is no part of its own.
      return { ...inner, source: undefined }
    }
    const tokens = typeof inner === "string" && inner.length >= SHORTEST_FILE ? countFile(inner, this) : undefined
    if (tokens === undefined) return inner
    files += tokens
    return ""
  })
  return files + text(json)
}

/** The tokens of a part that only names its file; undefined for any other value, such as a citation. */
const countNamed = (part: { readonly [name: string]: unknown }): number | undefined => {
  const tokens = Predicate.isString(part["type"]) ? NAMED_PARTS.get(part["type"]) : undefined
  if (tokens === undefined) return undefined
  const file = [part["source"], part["file"]].find(Predicate.isRecord) ?? part
  const isUrl = (url: unknown) => Predicate.isString(url) && /^https?:/i.test(url)
  const isNamed = Predicate.isString(file["file_id"]) || isUrl(file["file_url"]) || isUrl(file["url"])
  return isNamed && !Predicate.isString(file["file_data"]) ? tokens : undefined
}

const NAMED_PARTS: ReadonlyMap<string, number> = new Map([
  ["file", NAMED],
  ["input_file", NAMED],
  ["document", NAMED],
  ["image", IMAGE],
  ["input_image", IMAGE]
])

/** Shorter base64 costs no more as text than as a file. */
const SHORTEST_FILE = 200

/** The tokens of a string that holds a file in base64; undefined for any other. */
const countFile = (data: string, holder: unknown): number | undefined => {
  const type = findMediaType(data, holder)
  if (type === undefined) return undefined
  const bytes = (data.length * 3) / 4
  if (type.startsWith("image/")) return IMAGE
  if (type.startsWith("audio/") || type.startsWith("video/")) return Math.ceil(bytes / MEDIA_BYTES)
  if (TEXTUAL.test(type)) return Math.ceil(bytes / TEXT_BYTES)
  return PAGE * Math.min(MOST_PAGES, Math.ceil(bytes / PAGE_BYTES))
}

/** Tells the media type of base64 by its data URL, by the fields beside it, or by its first bytes. */
const findMediaType = (data: string, holder: unknown): string | undefined => {
  const start = data.slice(0, SHORTEST_FILE)
  if (start.startsWith("data:")) return /^data:([^,]*);base64,/.exec(start)?.[1]
  if (!BASE64.test(start)) return undefined
  if (Predicate.isRecord(holder)) {
    const type = MEDIA_TYPE_FIELDS.map((field) => holder[field]).find(Predicate.isString)
    if (type !== undefined) return type
    if (Predicate.isString(holder["format"])) return `audio/${holder["format"]}`
  }
  const bytes = Buffer.from(start, "base64").toString("latin1")
  return MARKS.find(([mark]) => mark.test(bytes))?.[1]
}

const TEXTUAL = /^text\/|[/+](?:json|xml|yaml|javascript)$/
const BASE64 = /^[A-Za-z0-9+/]+$/
const MEDIA_TYPE_FIELDS = ["media_type", "mediaType", "mimeType", "mime_type"]
const MARKS: ReadonlyArray<readonly [mark: RegExp, type: string]> = [
  [/^(?:\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP)/s, "image/*"],
  [/^(?:RIFF....WAVE|ID3|OggS|fLaC)/s, "audio/*"],
  [/^%PDF/, "application/pdf"]
]
