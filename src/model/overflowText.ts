/**
 * Reads the words in which servers say that an input is longer than the model's window, and the window that they name.
 * There is no common code for it: each server has a wording of its own.
 */
import { redact } from "../message/Redaction.ts"
import { ContextOverflow } from "./ModelError.ts"

/** Makes the error of an agent's own model call that was refused in these words, which a step knows how to mend. */
export const makeAgentOverflow = (text: string): ContextOverflow =>
  new ContextOverflow({ route: "the agent's model", detail: redact(text), limit: readTokenLimit(text) })

/** Returns whether a refusal with this HTTP status (null if it has none) and this text is about the size of the input. */
export const isOverflow = (status: number | null, text: string): boolean => {
  // A body that is too large for the server has the same remedy as one that is too large for the model.
  if (status === 413) return true
  // Cerebras says nothing else. The client writes these words in place of a body.
  if (status === 400 && text === "400 status code (no body)") return true
  // A request that is larger than the rate of a minute is refused however long one waits.
  if (LARGER_THAN_RATE.test(text)) return true
  if (RATE.test(text)) return false
  if (status === null || status >= 500) return TOO_LARGE.test(text)
  return (status === 400 || status === 422) && (TOO_LARGE.test(text) || TOO_LONG.test(text))
}

/**
 * Returns the most tokens that the text says the server takes, in whichever of the known wordings; null if it names none.
 * Sizes in bytes, characters or images are none, and neither is the size of what was sent.
 */
export const readTokenLimit = (text: string): number | null => {
  for (const wording of LIMITS) {
    const limit = Array.from(text.matchAll(wording), readNumber).find((tokens) => tokens >= SMALLEST_LIMIT)
    if (limit !== undefined) return limit
  }
  return null
}

/** The part of a request that a server refused, other than its tokens, and the most that it says it takes. */
export interface SizeRefusal {
  /** The bytes of the request, the bytes of one picture, or the number of pictures. */
  readonly of: "request" | "image" | "images"
  /** null if the text names none. */
  readonly limit: number | null
}

/** Returns what the text of an overflow says of bytes and pictures; null if it is about tokens. */
export const readSizeRefusal = (text: string): SizeRefusal | null => {
  if (TOKENS.test(text)) return null
  const count = IMAGES.exec(text)?.groups?.["count"]
  if (count !== undefined) return { of: "images", limit: Number(count) }
  if (MANY_IMAGES.test(text)) return { of: "images", limit: null }
  if (IMAGE.test(text)) return { of: "image", limit: readByteLimit(text) }
  const isOfBytes = BYTES.test(text) || (STATUS_413.test(text) && !INPUT_WORD.test(text))
  return isOfBytes ? { of: "request", limit: readByteLimit(text) } : null
}

const IMAGES =
  /(?:at most|up to|no more than|max(?:imum)?(?: of)?|limit(?:ed)? (?:of|is|to)) (?<count>[1-9]\d{0,3}) (?:images?|pictures?)\b/i
const MANY_IMAGES = /many[ -]?(?:images?|pictures)|number of (?:images|pictures)|\b\d+ images?\b/i
const IMAGE = /\bimage\b|\bimages? dimensions|\bimage_url\b|\bpixels?\b/i
const TOKENS = /tokens?\b|\bTPM\b|context[ _-]?(?:length|window|size|limit)/i
const BYTES =
  /\bbytes?\b|\b\d+ ?[kmg]i?b\b|payload|entity too large|request_too_large|body size|maximum (?:allowed )?size|string too long|string value length|\bimages\b/i

/** A status alone is one of the body, since servers give the status of any other error to a prompt that is too long. */
const STATUS_413 = /^\W*413\b|\b(?:status(?: code)?|http(?:\/[\d.]+)?|code)[:/ ]+413\b/i
const INPUT_WORD = /\b(?:prompt|input)\b/i

/** The smallest of the sizes that the text names: what was refused is larger than the limit. */
const readByteLimit = (text: string): number | null => {
  const sizes = SIZES.flatMap((wording) => Array.from(text.matchAll(wording), readNumber))
  const limits = sizes.filter((bytes) => bytes >= SMALLEST_BODY)
  return limits.length === 0 ? null : Math.min(...limits)
}

const SIZES = [
  /(?<![\d.,_])(?<number>\d{1,3}(?:[,_]\d{3}){1,5}|\d{1,15}(?:\.\d{1,3})?)\s?(?<unit>bytes?|[kmg]i?b)\b/gi,
  /\bmax(?:imum)?\b[a-z ]{0,40}[ :=(]{1,2}(?<number>\d{4,15})\b/gi
]

/** No server takes less. A smaller number is about something else, such as the length of an id. */
const SMALLEST_BODY = 10_000

/** A request of its own size, with the limit per minute: "Request too large … TPM: Limit 30000, Requested 45512". */
const LARGER_THAN_RATE = /request too large\b(?:(?!request too large\b).)*\b(?:tokens per|TPM)\b/is

const RATE = /rate[ _-]?limit|too many requests|\bper (?:second|min(?:ute)?|hour|day)\b|quota|billing|throttl/i

const INPUT = "(?:prompt|inputs?|tokens?|messages?|context|request|conversation|length|sequence)"
const MOST = String.raw`(?:max\w*|limits?|length|size|window)`

/** Names the input, so that it also holds for a status of 500, under which anything else may be too long. */
const TOO_LARGE = new RegExp(
  [
    String.raw`context[ _-]?(?:length|window|size|limit)`,
    String.raw`\b${INPUT}(?:\W{1,3}(?:is|are|was))?\W{1,3}too[ _](?:long|large|big)`,
    String.raw`too (?:long|large) for (?:the |this |requested )*model`,
    String.raw`too many (?:input |prompt )?tokens`,
    String.raw`max(?:imum)? (?:number of (?:input )?tokens|(?:prompt|input|model|sequence) length|(?:input|prompt) tokens)`,
    String.raw`reduce (?:the |your )?(?:length|size|number of (?:tokens|messages)|prompt|input)`,
    String.raw`\b${INPUT}\b[^;\n]{0,80}\bexceed(?:s|ed|ing)?\b[^;\n]{0,60}\b${MOST}\b`,
    String.raw`range of input length`,
    String.raw`\binputs\W* tokens \+ \W*max_new_tokens`,
    String.raw`max_prompt_tokens_exceeded|exceed_context_size|request_too_large|string_above_max_length|"1261"`
  ].join("|"),
  "i"
)

const TOO_LONG = /too long|tokens must be reduced/i

/** A number of tokens, with its thousands marked or not. What comes before a plus is a part of the size that was sent. */
const NUMBER = String.raw`(?<number>\d{1,3}(?:[,_]\d{3}){1,5}|\d{1,15})(?![,_]?\d)\s?(?<unit>k|m)?\b(?!\s*(?:bytes?|[kmg]i?b|char\w*|images?|\+))`
const LINK = String.raw`(?:[ _]limit)?(?: (?:is|of|was|to))?(?: only| at most)?["'\x60]?\s?[:=(]?\s?`

/** Ordered so that a limit that names itself goes before a mere comparison. */
const LIMITS = [
  String.raw`(?<!string with (?:a )?)\b(?!max_(?:completion_|output_|new_)?tokens)max(?:imum)?(?:\b|_)(?! output)[\w ]{0,40}?(?:length|len|tokens?|window|context|allowed|size)${LINK}${NUMBER}`,
  String.raw`context[ _-]?(?:length|window|size|limit)${LINK}${NUMBER}`,
  String.raw`\bn_ctx${LINK}${NUMBER}`,
  String.raw`(?<!^|\d)${NUMBER}(?: tokens?)? max(?:imum)?\b`,
  String.raw`\blimit(?: (?:is|of|to))?:? ${NUMBER}`,
  String.raw`\[\s?\d{1,15}, ?${NUMBER}\s?\]`,
  String.raw`(?:<=?|≤|less than(?: or equal to)?|at most|no more than) ?${NUMBER}`,
  String.raw`(?:\d|tokens) ?> ?${NUMBER}`
].map((source) => new RegExp(source, "gi"))

const readNumber = ({ groups = {} }: RegExpMatchArray): number =>
  Number((groups["number"] ?? "").replaceAll(/[,_]/g, "")) * (UNITS[groups["unit"]?.toLowerCase() ?? ""] ?? 1)

const UNITS: Readonly<Record<string, number>> = {
  k: 1_000,
  m: 1_000_000,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1_024,
  mib: 1_048_576,
  gib: 1_073_741_824
}

/** No model has a smaller window. A smaller number is an error code, a count of retries or an index. */
const SMALLEST_LIMIT = 1_000
