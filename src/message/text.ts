/**
 * Text in any language, cut into what can be quoted: lines without their markup, sentences, words.
 */

/**
 * The sentences of a text, word for word. Fenced code is left out, list and heading marks are taken off, and a line
 * break ends a sentence.
 */
export const splitSentences = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let fenced = false
  for (const raw of text.split(LINE_BREAK)) {
    if (FENCE.test(raw)) fenced = !fenced
    else if (!fenced) collect(raw.replace(MARKUP, "").trim(), found)
  }
  return found
}

/** The words of a text in lower case, longer than a letter where the script has letters. */
export const splitWords = (text: string): ReadonlyArray<string> => {
  const lower = text.toLowerCase()
  if (!UNSPACED.test(lower)) return lower.match(SPACED_WORD) ?? []
  return pieces(lower).flatMap((piece) =>
    Array.from(WORDS.segment(piece)).flatMap(({ isWordLike, segment }) => (isWordLike === true ? [segment] : []))
  )
}

/** Line breaks and runs of white space become one space, so that nothing in it can look like a line of its own. */
export const toOneLine = (text: string): string => (IS_WIDE.test(text) ? text.replace(WIDE, " ").trim() : text)

/** At most `length` characters, with an ellipsis for the rest; never half a surrogate pair. */
export const clipText = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, Math.max(0, length - 1))
  const space = cut.lastIndexOf(" ")
  const kept = space > length * 0.6 ? cut.slice(0, space) : cut
  return `${kept.replace(/[\ud800-\udbff]$/, "").trimEnd()}…`
}

/** The index, moved back by one where it would part the halves of a surrogate pair. */
export const cutAtCodePoint = (text: string, index: number): number => {
  const isInside = index > 0 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1))
  return isInside ? index - 1 : index
}

/** Whether a line is somebody's words rather than code, a log or a table. */
export const isProse = (line: string): boolean => {
  if (CODE_LINE.test(line)) return false
  const letters = line.match(/[\p{L}\p{M}]/gu)?.length ?? 0
  const marks = line.match(/[^\p{L}\p{M}\p{N}\s.,;:!?'"’“”«»()。、，；：！？「」`/_*-]/gu)?.length ?? 0
  return letters > 0 && marks * 6 <= letters
}

/** Every character Unicode calls a line break, so that no reader sees a line where we saw none. */
export const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/

const collect = (line: string, found: Array<string>): void => {
  if (line === "") return
  if (!INNER_END.test(line)) {
    found.push(line)
    return
  }
  for (const piece of pieces(line)) {
    for (const { segment } of SENTENCES.segment(piece)) {
      const sentence = segment.trim()
      if (sentence !== "") found.push(sentence)
    }
  }
}

// The cost of Intl.Segmenter grows with the square of its input: long lines go in by pieces.
const pieces = (line: string): ReadonlyArray<string> => (line.length <= PIECE ? [line] : (line.match(LONG_LINE) ?? []))

const PIECE = 1_000
const LONG_LINE = /[^]{1,1000}(?![^\s。！？])|[^]{1,1000}/g

// The language is fixed: the machine's own must not change the result. Scripts are told apart in any case.
const SENTENCES = new Intl.Segmenter("en", { granularity: "sentence" })
const WORDS = new Intl.Segmenter("en", { granularity: "word" })

/** Most texts are one line already; asking is cheaper than writing. */
const IS_WIDE = /[^\S ]|\u0085|\s\s|^\s|\s$/
/** The one line break that is no white space to a regular expression is among them. */
const WIDE = /[\s\u0085]+/g
const FENCE = /^\s*(?:```|~~~)/
const MARKUP = /^(?:\s|[#>*+•-]+\s|\d{1,3}[.)]\s|\[[ x]\]\s)+/
const INNER_END = /[.!?…؟।]["'”’)*`]*\s+\S|[。！？]/
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]/
const SPACED_WORD = /[\p{L}\p{M}\p{N}_]{2,}/gu
const CODE_LINE =
  /[{};]$|^\s*(?:at |[|>$➜+@]|\/\/|\/\*|<\/?[a-z]|import |export |const |let |def |class |return )|^\S*[\w/]:\d+(?::\d+)?\b|^\w*(?:Error|Exception)\b/
