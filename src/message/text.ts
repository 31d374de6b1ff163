/**
 * Text in any language: split into sentences and words, shortened to characters or tokens.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { INVISIBLE } from "./invisible.ts"
import { redact } from "./Redaction.ts"
import type { Counter } from "./Tokens.ts"

/**
 * Splits a text into sentences, word for word. The marks of lists and headings are left out. A line break ends a
 * sentence.
 */
export const splitSentences = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const line of splitLines(text)) if (line !== "") collectSentences(line.replace(MARKUP, "").trim(), found)
  return found
}

/**
 * Splits a text into words in lower case. Single letters are left out in scripts that write letters. In scripts without
 * spaces each pair of neighbours is a word, as it is for recall.
 */
export const splitWords = (text: string): ReadonlyArray<string> => {
  const lower = text.toLowerCase()
  if (!UNSPACED.test(lower)) return lower.match(SPACED_WORD) ?? []
  // Room for a word at each place, since an array that grows to a million is copied again and again.
  const words: Array<string> = []
  words.length = Math.min(lower.length, MOST_ROOM)
  let count = 0
  let start = 0
  let run = NO_WORD
  for (let at = 0; at <= lower.length; at++) {
    const kind = at < lower.length ? kindAt(lower, at) : NO_WORD
    if (kind !== run) {
      if (run === SPACED && at - start > 1) words[count++] = lower.slice(start, at)
      if (run === DENSE && at - start === 1) words[count++] = shareWord(lower, start, at)
      run = kind
      start = at
    } else if (run === DENSE && !(isHiragana(lower.charCodeAt(at)) && isHiragana(lower.charCodeAt(at - 1))))
      // Pairs of hiragana join words or end them.
      words[count++] = shareWord(lower, at - 1, at + 1)
  }
  words.length = count
  return words
}

const isHiragana = (unit: number): boolean => unit > 0x3040 && unit < 0x30a0

/** Turns line breaks and runs of white space into one space, so that no part can pass for a line of its own. */
export const toOneLine = (text: string): string => (IS_WIDE.test(text) ? text.split(WIDE).join(" ").trim() : text)

/** Cuts the text to at most `length` characters, with an ellipsis. Never parts a surrogate pair. */
export const clipText = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, Math.max(0, length - 1))
  const space = cut.lastIndexOf(" ")
  const kept = space > length * 0.6 ? cut.slice(0, space) : cut
  return `${kept.replace(/[\ud800-\udbff]$/, "").trimEnd()}…`
}

const EACH_INVISIBLE = new RegExp(`[${INVISIBLE}]`, "gu")
const EACH_UNSAFE = new RegExp(String.raw`["\\${INVISIBLE}]|<(?=U\+)`, "gu")

/** Names a character by its number, e.g. `<U+202E>`. */
export const nameCharacter = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`

/** Shows each invisible character by its number, so that a text stays in its line and reads in the order that it has. */
export const escapeInvisible = (text: string): string => text.replace(EACH_INVISIBLE, nameCharacter)

/**
 * Shows an id in one line of a log or an error. The line can be quoted again by any logger: the result holds neither
 * quotes nor backslashes. Ids that differ stay different.
 */
export const escapeId = (id: string): string => id.replace(EACH_UNSAFE, nameCharacter)

/** Makes text of any origin fit for a log line: without secrets, in one line, of at most `length` characters. */
export const safeLine = (text: string, length: number): string => clipText(toOneLine(redact(text)), length)

/**
 * Both ends of a text that is longer than twice `length`, cut between lines or else between words. Redact it before: a
 * secret that is cut in two is not recognized.
 */
export const keepEnds = (text: string, length: number): string => {
  if (text.length <= 2 * length) return text
  const start = text.slice(0, length)
  const end = text.slice(-length)
  const startEnd = [start.lastIndexOf("\n"), start.lastIndexOf(" ")].find((at) => at > length / 2) ?? length
  const endStart = [end.indexOf("\n"), end.indexOf(" ")].find((at) => at >= 0 && at < length / 2) ?? 0
  return `${start.slice(0, cutAtCodePoint(text, startEnd))}\n${end.slice(endStart).replace(/^[\udc00-\udfff]/, "")}`
}

/** Both ends of a text in one line that is longer than `length`: a request stands before or behind what is pasted into it. */
export const clipMiddle = (text: string, length: number): string =>
  text.length <= length ? text : keepEnds(text, Math.floor(length / 2)).replace("\n", " … ")

/** The index, moved back by one where it would part the halves of a surrogate pair. */
export const cutAtCodePoint = (text: string, index: number): number => {
  const isInside = index > 0 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1))
  return isInside ? index - 1 : index
}

/** Cuts the text to at most `tokens` tokens, with an ellipsis. Returns the empty text if not even one word fits. */
export const shortenText = (text: string, counter: Counter, tokens: number): string => {
  const start = text.slice(0, Math.max(0, tokens) * LONGEST_TOKEN)
  if (start.length === text.length && counter.text(text) <= tokens) return text
  let fits = 0
  let beyond = start.length + 1
  while (beyond - fits > 1) {
    const middle = (fits + beyond) >> 1
    if (counter.text(clipText(text, middle)) <= tokens) fits = middle
    else beyond = middle
  }
  return fits < 2 ? "" : clipText(text, fits)
}

export const isBlank = (text: string): boolean => !/\S/.test(text)

/** Returns whether the text is the JSON text of an object. */
export const isObjectJson = (text: string): boolean =>
  text === "{}" || (text.trimStart().startsWith("{") && Option.exists(parseJson(text), Predicate.isRecord))

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/**
 * A copy with U+FFFD for each half of a surrogate pair that stands alone, in every string of the object; the same object
 * if there is none. JSON can carry such a half, but strict servers refuse the whole request.
 */
export const mendSurrogates = <A extends object>(of: A): A => {
  const changed = Object.entries(of).flatMap(([key, value]) => {
    const mended = mendValue(value)
    return mended === value ? [] : [[key, mended] as const]
  })
  return changed.length === 0 ? of : { ...of, ...Object.fromEntries(changed) }
}

const mendValue = (value: unknown): unknown => {
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed()
  if (Array.isArray(value)) {
    const mended = value.map(mendValue)
    return mended.some((item, i) => item !== value[i]) ? mended : value
  }
  return Predicate.isRecord(value) ? mendSurrogates(value) : value
}

/** The longest token, in characters, that any tokenizer makes of text worth keeping. */
const LONGEST_TOKEN = 16

/** True for a line of prose, false for code, a log or a table. */
export const isProse = (line: string): boolean => {
  if (CODE_LINE.test(line)) return false
  const letters = line.match(/[\p{L}\p{M}]/gu)?.length ?? 0
  const marks = line.match(/[^\p{L}\p{M}\p{N}\s.,;:!?'"’“”«»()。、，；：！？「」`/_*-]/gu)?.length ?? 0
  return letters > 0 && marks * 6 <= letters
}

/** Splits at every line break that Unicode knows, so that no reader sees two lines where we saw one. */
export const splitLines = (text: string): ReadonlyArray<string> => text.split(ODD_BREAK.test(text) ? LINE_BREAK : "\n")

/** The text with `\n` for each of these line breaks. */
export const withPlainBreaks = (text: string): string =>
  ODD_BREAK.test(text) ? text.replace(EACH_LINE_BREAK, "\n") : text

/** An expression takes several times as long to split a text, and few texts need it. */
const ODD_BREAK = /[\r\v\f\u0085\u2028\u2029]/
export const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/
const EACH_LINE_BREAK = new RegExp(LINE_BREAK, "g")

/** Finds the phrases of a list in a text. */
export interface Phrases {
  /** Returns the longest phrase at the start of the text; the empty text if there is none. */
  readonly matchStart: (text: string) => string
  /** Returns the first phrase of the text and where it stands. */
  readonly find: (text: string) => { readonly index: number; readonly phrase: string } | undefined
  readonly has: (text: string) => boolean
}

/** Reads a list of phrases, parted by `|` or a new line. */
export const readPhrases = (list: string | undefined): ReadonlyArray<string> =>
  (list ?? "")
    .split(/[|\n]/)
    .map((phrase) => phrase.trim())
    .filter((phrase) => phrase !== "")

/**
 * Makes a finder of the phrases of lists: `*` stands for any ending of a word, `…` for a few words, `#` for a number. The
 * lists are read when a text is first searched: whoever only imports the library does not wait for it.
 */
export const makePhrases = (lists: ReadonlyArray<string | undefined>, hasSpaces: boolean): Phrases => {
  let made: Phrases | undefined
  const phrases = () => (made ??= sortPhrases(lists.flatMap(readPhrases), hasSpaces))
  return {
    matchStart: (text) => phrases().matchStart(text),
    find: (text) => phrases().find(text),
    has: (text) => phrases().has(text)
  }
}

/** Sorts phrases by how they begin, so that few are tried at each place, and compiles those that are needed. */
const sortPhrases = (list: ReadonlyArray<string>, hasSpaces: boolean): Phrases => {
  // Longer phrases come first, so that "do not" is not taken for "do".
  const phrases = list.toSorted((a, b) => b.length - a.length)
  const starts = new Map<number, Start>()
  /** By the first two characters, a bit for each that may come third: at most places no phrase begins. */
  const thirds = new Int32Array(PAIRS)
  /** The first characters of phrases whose second may be any. */
  const alone = new Set<number>()
  for (const phrase of phrases) {
    const literal = /^[^*#…]{1,2}/.exec(phrase)?.[0] ?? ""
    const start = starts.get(numberOfStart(literal, 0)) ?? { phrases: [], pattern: undefined }
    start.phrases.push(phrase)
    starts.set(numberOfStart(literal, 0), start)
    const bits = /^[^*#…]{2}(?! …)[^*#…]/.test(phrase) ? bitOfUnit(phrase, 2) : ANY_UNIT
    if (literal.length < 2) alone.add(literal.charCodeAt(0))
    else thirds[pairOf(literal, 0)] = (thirds[pairOf(literal, 0)] ?? 0) | bits
  }

  const matchStart = (start: Start | undefined, text: string, index: number): string => {
    if (start === undefined) return ""
    start.pattern ??= compilePhrases(start.phrases, hasSpaces)
    start.pattern.lastIndex = index
    return start.pattern.exec(text)?.[0] ?? ""
  }
  const matchAt = (text: string, index: number): string => {
    const mayStart = ((thirds[pairOf(text, index)] ?? 0) & bitOfUnit(text, index + 2)) !== 0
    const phrase = mayStart ? matchStart(starts.get(numberOfStart(text, index)), text, index) : ""
    if (phrase !== "" || !alone.has(text.charCodeAt(index))) return phrase
    return matchStart(starts.get(text.charCodeAt(index)), text, index)
  }

  const firsts = new Set(phrases.map((phrase) => phrase.slice(0, 1).replace(/[\\\]^-]/, String.raw`\$&`)))
  const mayHave = new RegExp(`[${[...firsts].join("")}]`)
  const find = (text: string) => {
    // Tells at once that a text of Latin letters has no phrase in signs of another script.
    if (!mayHave.test(text)) return undefined
    for (let index = 0; index < text.length; index++) {
      if (hasSpaces && index > 0 && isInWord(text, index - 1)) continue
      const phrase = matchAt(text, index)
      if (phrase !== "") return { index, phrase }
    }
    return undefined
  }
  return { matchStart: (text) => matchAt(text, 0), find, has: (text) => find(text) !== undefined }
}

/** Phrases that begin with the same two characters, as far as these are letters of the phrases themselves. */
interface Start {
  readonly phrases: Array<string>
  /** Compiled when it is first needed. */
  pattern: RegExp | undefined
}

/** A number for two characters, which others share. */
const pairOf = (text: string, index: number): number =>
  (31 * text.charCodeAt(index) + text.charCodeAt(index + 1)) & (PAIRS - 1)
const PAIRS = 2048

const bitOfUnit = (text: string, index: number): number => 1 << (text.charCodeAt(index) & 31)
const ANY_UNIT = -1

/** A number for up to two characters. There are fewer at the end of a text. */
const numberOfStart = (text: string, index: number): number =>
  index + 1 >= text.length ? text.charCodeAt(index) : (text.charCodeAt(index) << 16) | text.charCodeAt(index + 1)

/**
 * What can stand within a word: every character beyond Latin 1 but punctuation. A class of Unicode would be exact, and takes
 * milliseconds to compile for each expression that has it.
 */
const IN_WORD = "0-9A-Za-z\u00c0-\u1fff\u2c00-\u2fff\u3040-\uffff"

/** Looks most characters up: an expression for each would take most of the time of a search. */
const isInWord = (text: string, index: number): boolean =>
  ASCII_IN_WORD[text.charCodeAt(index)] ?? A_SIGN_IN_WORD.test(text[index] ?? "")
const A_SIGN_IN_WORD = new RegExp(`[${IN_WORD}']`)
const ASCII_IN_WORD = Array.from({ length: 128 }, (_, unit) => A_SIGN_IN_WORD.test(String.fromCharCode(unit)))

/** Each repetition is bounded, so that no text is slow to read. */
const compilePhrases = (phrases: ReadonlyArray<string>, hasSpaces: boolean): RegExp => {
  const alternatives = phrases.map((phrase) =>
    phrase
      .replace(/[.?()[\]{}+^$\\]/g, String.raw`\$&`)
      .replace(/ ?… ?/g, ".{1,60}")
      .replace(/\*/g, `[${IN_WORD}]{0,20}`)
      .replace(/#/g, "[0-9]{1,12}")
  )
  return new RegExp(`(?:${alternatives.join("|")})${hasSpaces ? `(?![${IN_WORD}'])` : ""}`, "y")
}

const collectSentences = (line: string, found: Array<string>): void => {
  if (line === "") return
  if (!INNER_END.test(line)) {
    found.push(line)
    return
  }
  for (const piece of splitLongLine(line)) {
    if (IS_ASCII.test(piece)) collectAsciiSentences(piece, found)
    else for (const { segment } of sentences().segment(piece)) addSentence(segment, found)
  }
}

const addSentence = (segment: string, found: Array<string>): void => {
  const sentence = segment.trim()
  if (sentence !== "") found.push(sentence)
}

/** Splits as `Intl.Segmenter` does, by the rules of Unicode (UAX 29), but several times faster. */
const collectAsciiSentences = (piece: string, found: Array<string>): void => {
  let start = 0
  SENTENCE_END.lastIndex = 0
  for (let match = SENTENCE_END.exec(piece); match !== null; match = SENTENCE_END.exec(piece)) {
    const end = SENTENCE_END.lastIndex
    if (goesOn(piece, end, match[1] === ".")) continue
    addSentence(piece.slice(start, end), found)
    start = end
  }
  addSentence(piece.slice(start), found)
}

/** A dot ends no sentence in a number, within capitals, or where the next letter is a small one. */
const goesOn = (piece: string, end: number, isDot: boolean): boolean =>
  CONTINUES.has(piece.charAt(end)) ||
  (isDot &&
    (isTrueAt(NEXT_IS_SMALL, piece, end) || (piece[end - 1] === "." && isTrueAt(IN_WORD_OR_NUMBER, piece, end))))

const isTrueAt = (pattern: RegExp, text: string, at: number): boolean => {
  pattern.lastIndex = at
  return pattern.test(text)
}

/** Signs that end a sentence, each with what closes it. */
const SENTENCE_END = /(?:([.!?])["'()[\]{}]*[ \t]*)+/g
const CONTINUES: ReadonlySet<string> = new Set(",:;-")
const NEXT_IS_SMALL = /[^A-Za-z.!?]*[a-z]/y
const IN_WORD_OR_NUMBER = /[0-9]|(?<=[A-Za-z]\.)[A-Z]/y
const IS_ASCII = /^[\t\x20-\x7e]*$/

// The time of Intl.Segmenter grows with the square of its input, so long lines are split first.
const splitLongLine = (line: string): ReadonlyArray<string> =>
  line.length <= PIECE ? [line] : (line.match(LONG_LINE) ?? [])

const PIECE = 1_000
const LONG_LINE = /[^]{1,1000}(?![^\s。！？])|[^]{1,1000}/g

/** In a fixed language, so that the machine's own does not change the result. Scripts are recognized in any language. */
const sentences = () => (segmenter ??= new Intl.Segmenter("en", { granularity: "sentence" }))
/** Made when it is first needed: that takes milliseconds. */
let segmenter: Intl.Segmenter | undefined

/** Most texts are one line already, and a test is cheaper than a replacement. */
const IS_WIDE = /[^\S ]|\u0085|\s\s|^\s|\s$/
/** All white space but a single space. U+0085 is a line break that `\s` does not match. */
const WIDE = / [\s\u0085]+|(?! )[\s\u0085]+/
const MARKUP = /^(?:\s|[#>*+•-]+\s|\d{1,3}[.)]\s|\[[ x]\]\s)+/
const INNER_END = /[.!?…؟।]["'”’)*`]*\s+\S|[。！？]/
const UNSPACED_SIGNS = String.raw`\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3031-\u9fff\uf900-\ufaff`
const UNSPACED = new RegExp(`[${UNSPACED_SIGNS}]`)
const SPACED_WORD = /[\p{L}\p{M}\p{N}_]{2,}/gu
const IS_SPACED = /^[\p{L}\p{M}\p{N}_]$/u

/** Part of no word, of one in a script with spaces, of one without. */
const NO_WORD = 1
const SPACED = 2
const DENSE = 3
/** By the UTF-16 unit, as they are met: an expression for each character takes several times as long. */
const KINDS = new Uint8Array(65_536)

const kindAt = (text: string, at: number): number => {
  const unit = text.charCodeAt(at)
  // Only both halves of a surrogate pair tell what it is. There is none in scripts without spaces.
  if (unit > 0xd7ff && unit < 0xe000)
    return IS_SPACED.test(unit < 0xdc00 ? text.slice(at, at + 2) : text.slice(at - 1, at + 1)) ? SPACED : NO_WORD
  const known = KINDS[unit] ?? 0
  if (known !== 0) return known
  const kind = UNSPACED.test(text.charAt(at)) ? DENSE : IS_SPACED.test(text.charAt(at)) ? SPACED : NO_WORD
  KINDS[unit] = kind
  return kind
}

/** Shares the string of one or two characters that were met of late: a million new ones are slow to collect. */
const shareWord = (text: string, start: number, end: number): string => {
  const first = text.charCodeAt(start)
  const last = text.charCodeAt(end - 1)
  const place = (first * 31 + last) & (SHARED_WORDS - 1)
  const known = SHARED[place] ?? ""
  if (known.length === end - start && known.charCodeAt(0) === first && known.charCodeAt(end - start - 1) === last)
    return known
  const word = text.slice(start, end)
  SHARED[place] = word
  return word
}

/** V8 keeps a longer one as a table. */
const MOST_ROOM = 16_777_216

/** A power of two. */
const SHARED_WORDS = 4096
const SHARED: Array<string> = Array.from({ length: SHARED_WORDS }, () => "")
const CODE_LINE =
  /[{};]$|\s(?:\/\/|\/\*)\s|^\s*"[\w$-]+"\s*:|^\W{0,2}\d{4}-\d\d-\d\d[T ]\d|^\s*(?:at |[|>$➜+@]|\/\/|\/\*|<\/?[a-z]|import |export |const |let |def |class |return )|^\S*[\w/]:\d+(?::\d+)?\b|^\w*(?:Error|Exception)\b/
