/** Checks that a model's answer can stand for a part of the conversation. */
import * as Either from "effect/Either"
import { type Exhausted, InvalidSummary, type GateReason } from "../model/ModelError.ts"
import * as Handoff from "../handoff/Handoff.ts"
import { redact } from "../message/Redaction.ts"
import { safeLine } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"

/**
 * An answer and its measure. `coveredTokens` is the size of the messages that it stands for, `maxTokens` the size that it
 * was asked for. `missing` names the required section headings that a text lacks.
 */
export interface GateAnswer {
  readonly route: string
  readonly text: string
  /** The reasoning that the provider sent apart from the text. */
  readonly reasoning?: string | undefined
  readonly finish: "stop" | "length" | "refusal" | "other"
  readonly counter: Counter
  readonly coveredTokens: number
  readonly maxTokens: number
  readonly missing: (text: string) => ReadonlyArray<string>
}

/** Returns the answer's summary without reasoning and without a fence around it, or the first reason to reject it. */
export const checkSummary = (answer: GateAnswer): Either.Either<string, InvalidSummary> => {
  const summary = removeWrapping(answer.text.trim())
  for (const { describeFault, reason } of faults) {
    const detail = describeFault(summary, answer)
    if (detail !== undefined) return Either.left(new InvalidSummary({ route: answer.route, reason, detail }))
  }
  return Either.right(summary)
}

interface Fault {
  readonly reason: GateReason
  /** Returns undefined if the summary has no such fault. */
  readonly describeFault: (summary: string, answer: GateAnswer) => string | undefined
}

/** Ordered so that the first fault that applies explains most. */
const faults: ReadonlyArray<Fault> = [
  {
    reason: "cut-off",
    describeFault: (_, { finish }) => {
      if (finish === "length") return "the answer reached its length limit before its end"
      return finish === "other" ? "the answer broke off before its end" : undefined
    }
  },
  {
    reason: "refusal",
    describeFault: (summary, { finish }) =>
      quoteStartIf(finish === "refusal" || (isScant(summary) && REFUSAL.test(readOpening(summary))), summary)
  },
  {
    reason: "reasoning-only",
    describeFault: (summary, { reasoning = "", text }) =>
      isBlank(summary) && !(isBlank(text) && isBlank(reasoning))
        ? "the answer held reasoning and no summary"
        : undefined
  },
  { reason: "empty", describeFault: (summary) => (isBlank(summary) ? "the answer was empty" : undefined) },
  { reason: "html", describeFault: (summary) => quoteStartIf(HTML.test(summary), summary) },
  {
    reason: "error-text",
    describeFault: (summary) =>
      quoteStartIf(isErrorObject(summary) || (isScant(summary) && ERROR.test(readOpening(summary))), summary)
  },
  {
    reason: "sections-missing",
    describeFault: (summary, { missing }) => {
      const absent = missing(summary)
      return absent.length > 0 ? `without ${absent.join(", ")}` : undefined
    }
  },
  {
    reason: "not-smaller",
    describeFault: (summary, { counter, coveredTokens, maxTokens }) => {
      const tokens = counter.text(summary)
      return tokens >= coveredTokens || tokens > SLACK * maxTokens
        ? `${tokens} tokens for ${coveredTokens}, where ${maxTokens} were asked for`
        : undefined
    }
  }
]

/** A model cannot count its tokens. Up to this factor plain code trims the summary, which is cheaper than asking again. */
const SLACK = 2

/** Matches reasoning before the answer or on lines of its own, but no mention of the tag in a sentence. */
const LEADING_REASONING = /^\s*<(think|thinking|thought|reasoning)>[^]*?(?:<\/\1>|$)/i
const UNOPENED_REASONING =
  /(?<![^])(?:(?!<think)[^])*?(?:<\/think(?:ing)?>(?<=^[ \t]*<\/think(?:ing)?>)[ \t]*$|<\/think(?:ing)?>\s*(?=#{1,6} ))/im
const REASONING_IN_LINE = /^[ \t]*<(think|thinking|thought|reasoning)>.*?<\/\1>/gim
/** The tag of a thought, and the rest of a line behind it. */
const THOUGHT_TAG = /<\/?(?:think|thinking|thought|reasoning)>/iy
const LINE_REST = /[ \t]*(?:$|(?=[\n\r\u2028\u2029]))/y

/** The marks of models that do not write `<think>`: Magistral, Seed, Kimi, and gpt-oss without its template. */
const THOUGHT_MARKS: ReadonlyArray<readonly [opening: string, closing: string]> = [
  ["[THINK]", "[/THINK]"],
  ["<seed:think>", "</seed:think>"],
  ["◁think▷", "◁/think▷"],
  ["<|channel|>analysis<|message|>", "<|end|>"]
]
const ANSWER_MARKS = /^(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>|<\|(?:return|end)\|>$/g

/** Removes one thought before the answer, to the end of the text if it does not end, and the marks of the answer. */
const removeForeignThought = (text: string): string => {
  const answer = text.trim().replace(ANSWER_MARKS, "")
  const marks = THOUGHT_MARKS.find(([opening]) => answer.startsWith(opening))
  if (marks === undefined) return answer
  const end = answer.indexOf(marks[1])
  return end < 0 ? "" : answer.slice(end + marks[1].length)
}

/** Repeats until nothing more comes off, because a fence may hold reasoning, and reasoning a fence. */
const removeWrapping = (text: string, layers = MOST_LAYERS): string => {
  const once = removeFence(
    removeInnerReasoning(removeForeignThought(text).replace(LEADING_REASONING, "").replace(REASONING_IN_LINE, ""))
      .replace(UNOPENED_REASONING, "")
      .trim()
  )
  return once === text || layers === 0 ? once : removeWrapping(once, layers - 1)
}

/** One pass over the tags: an expression would look for the end again from each opening that has none. */
const removeInnerReasoning = (text: string): string => {
  const removed: Array<Span> = []
  // No two names are of the same length.
  const opened = new Map<number, number>()
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at + 1)) {
    const tag = findLineTag(text, at)
    if (tag === undefined) continue
    const isClosing = text[at + 1] === "/"
    const name = tag.nameEnd - at - (isClosing ? 2 : 1)
    const start = opened.get(name)
    if (!isClosing) {
      if (start === undefined) opened.set(name, tag.start)
    } else if (start !== undefined) {
      // What was removed within is a part of this.
      while ((removed.at(-1)?.start ?? -1) > start) removed.pop()
      removed.push({ start, end: tag.end })
      for (const [other, begin] of opened) if (begin >= start) opened.delete(other)
    }
  }
  const starts = [0, ...removed.map(({ end }) => end)]
  return starts.map((from, i) => text.slice(from, removed[i]?.start)).join("")
}

interface Span {
  readonly start: number
  readonly end: number
}

/** A tag at the beginning of a line, with the blanks before it, or at the end of one, with those behind it. */
const findLineTag = (text: string, at: number): (Span & { readonly nameEnd: number }) | undefined => {
  THOUGHT_TAG.lastIndex = at
  if (!THOUGHT_TAG.test(text)) return undefined
  const end = THOUGHT_TAG.lastIndex
  let start = at
  while (text[start - 1] === " " || text[start - 1] === "\t") start--
  if (start === 0 || LINE_BREAKS.has(text.charCodeAt(start - 1))) return { start, end, nameEnd: end - 1 }
  LINE_REST.lastIndex = end
  return LINE_REST.test(text) ? { start: at, end: LINE_REST.lastIndex, nameEnd: end - 1 } : undefined
}

/** What an expression takes for the end of a line. */
const LINE_BREAKS: ReadonlySet<number> = new Set([10, 13, 0x2028, 0x2029])

/** No summary is wrapped deeper. */
const MOST_LAYERS = 16

const removeFence = (text: string): string => {
  const [, language = "", body = text] = /^```(\w*)[ \t]*\n([^]*)\n```$/.exec(text) ?? []
  // A fence between the outer ones means two blocks, one at each end, unless the whole is marked as Markdown.
  return /^```/m.test(body) && !/^(?:md|markdown)$/i.test(language) ? text : body.trim()
}

const isBlank = (text: string): boolean => !/[\p{L}\p{N}]/u.test(text)

/** Refusals and errors are short and have no sections. A longer text is a summary, whatever it mentions. */
const isScant = (text: string): boolean => text.length < 600 && (text.match(/^#{1,6} /gm) ?? []).length < 2

/** Returns the text from its first words on, without a heading and Markdown marks before them. */
const readOpening = (text: string): string =>
  text
    .replace(/^#{1,6} .*\n+/, "")
    .replace(/^[\s#>*_[\](){}"'`-]+/, "")
    .replaceAll("’", "'")

const REFUSAL = new RegExp(
  String.raw`^(?:(?:i(?:'m| am) (?:very |so )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately|as an ai|i'm afraid)\b[^]{0,200}?)?` +
    String.raw`\b(?:i|we) ?(?:can(?:no|')t|can not|won't|will not|must decline|decline|(?:am|are|'m|'re) (?:unable|not able|not allowed)|do(?:n't| not) feel comfortable)\b` +
    String.raw`[^.]{0,40}?\b(?:help|assist|comply|summari[sz]\w*|provide|fulfil\w*|continue|do (?:that|this|so)|engage|create|generate|process|discuss|share|with (?:that|this))\b` +
    String.raw`|^(?:there is no|i (?:don't|do not) see (?:any|a)|no) (?:conversation|content|messages?|text|transcript)\b[^]{0,80}?\b(?:summari[sz]e|provided)` +
    String.raw`|^(?:lo siento|je suis désolé|es tut mir leid|tut mir leid|к сожалению|извините|对不起|抱歉|申し訳)`,
  "i"
)

const ERROR =
  /^(?:(?:fatal |api |server |internal |model |provider |openai |http )?(?:error|exception)(?: code)?[ \t]*(?:\d{3}\b|[:!])|traceback \(|(?:http[ /\d.]*)?[45]\d\d[ :-]+[a-z]|(?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|too many requests|rate limit (?:exceeded|reached)|request (?:timed out|failed|was aborted)|connection (?:error|reset|refused|timed out)|unauthorized|forbidden|not found)(?:[.!]|\s*(?:$|\n|[:(-]))|an? (?:unexpected |internal |unknown )?error (?:has )?occurred|something went wrong|the (?:model|server|service|engine) is (?:currently |temporarily )?(?:overloaded|unavailable|busy)|(?:failed|unable|could not|couldn't) (?:to )?(?:generate|create|produce|complete) (?:a |the )?(?:summary|response))|\bsummary generation (?:was|is) unavailable/i

const HTML = /^(?:<!doctype html|<(?:html|head|body|center|title)[\s>]|<\?xml\s)/i

const isErrorObject = (text: string): boolean => {
  if (!text.startsWith("{") || !text.endsWith("}")) return false
  try {
    return Object.keys(JSON.parse(text)).some((key) => ["error", "errors", "detail", "message", "code"].includes(key))
  } catch {
    return false
  }
}

const quoteStartIf = (isFault: boolean, text: string): string | undefined => (isFault ? safeLine(text, 160) : undefined)

/** A model may know a secret from elsewhere, invent something that looks like one, or write more than it was asked for. */
export const redactAndTrim = (summary: string, maxTokens: number, counter: Counter): string => {
  const text = redact(summary)
  return counter.text(text) <= maxTokens ? text : Handoff.render(Handoff.fit(Handoff.parse(text), counter, maxTokens))
}

/** Says why no model wrote a summary. The text is stored with the segment, so it must not quote a rejected summary. */
export const describeExhaustion = ({ errors, message }: Exhausted): string => {
  const last = errors.at(-1)
  return last?._tag === "InvalidSummary" ? `${last.route}: summary rejected (${last.reason})` : message
}
