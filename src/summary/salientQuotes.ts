/** Ranks sentences of the talk and lines of tool output by the words that they share, in any language. */
import { isProse, LINE_BREAK, toOneLine, splitWords } from "../message/text.ts"

/** A sentence or line that may be quoted. `bonus` multiplies the worth of its words. */
export interface Quote {
  readonly text: string
  readonly seq: number
  readonly words: ReadonlySet<string>
  readonly bonus: number
}

/** Quotes the sentences of one message that can stand alone. */
export const quoteSentences = (sentences: ReadonlyArray<string>, seq: number, bonus: number): ReadonlyArray<Quote> =>
  sentences
    .filter((text) => text.length >= SHORTEST && text.length <= LONGEST && isProse(text))
    .map((text) => makeQuote(text, seq, bonus))
    .filter(({ text, words }) => words.size > 3 && !text.endsWith(":"))

/** Finds the message that said each word first. */
export function* findFirstMentions(
  talk: ReadonlyArray<{ readonly seq: number; readonly sentences: ReadonlyArray<string> }>
): Generator<void, ReadonlyMap<string, number>> {
  const first = new Map<string, number>()
  for (const { seq, sentences } of talk) {
    for (const word of splitWords(sentences.join("\n"))) if (!first.has(word)) first.set(word, seq)
    yield
  }
  return first
}

/**
 * Quotes the lines of a tool's output that mattered. A word that the talk uses for the first time soon after the output
 * was learned from it, above all a number or a name with digits. Lines about the topic count, too.
 */
export const quoteLines = (
  output: string,
  seq: number,
  firstMentions: ReadonlyMap<string, number>,
  topic: ReadonlySet<string>
): ReadonlyArray<Quote> =>
  keepEnds(output.split(LINE_BREAK))
    .filter((line) => line.length >= SHORTEST && line.length <= LONGEST_LINE)
    .flatMap((line) => {
      const text = line.replace(MARKUP, "").trim()
      const all = splitWords(text)
      const learned = all.filter((word) => isSoonAfter(firstMentions.get(word), seq))
      const isLearned = learned.some((word) => /\d/.test(word)) || (learned.length > 1 && isProse(line))
      const isOnTopic = topic.size > 0 && all.some((word) => topic.has(word))
      return isLearned || isOnTopic ? [makeQuote(text, seq, Math.min(1.5, 0.5 + learned.length / 4))] : []
    })
    .sort((a, b) => b.bonus - a.bonus)
    .slice(0, 3)

const isSoonAfter = (said: number | undefined, seq: number): boolean =>
  said !== undefined && said > seq && said <= seq + 8

/** Keeps both ends of a long output, because the middle of a file can be read again. */
const keepEnds = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length <= 40 ? lines : [...lines.slice(0, 20), ...lines.slice(-20)]

/**
 * Returns the `most` best quotes, the best last. A word counts if several quotes share it, but not if nearly all do, as
 * they share the small words of any language. Leaves out quotes that resemble a better one or are not `isNew`.
 */
export function* rankQuotes(
  all: ReadonlyArray<Quote>,
  topic: ReadonlySet<string>,
  most: number,
  isNew: (quote: Quote) => boolean
): Generator<void, ReadonlyArray<Quote>> {
  const weights = yield* weighWords(all)
  const scored: Array<{ readonly quote: Quote; readonly score: number }> = []
  for (const quote of all) {
    scored.push({ quote, score: scoreQuote(quote, weights, topic) })
    yield
  }
  scored.sort((a, b) => b.score - a.score)
  const taken: Array<Quote> = []
  for (const { quote } of scored) {
    if (taken.length === most) break
    if (!taken.some((other) => measureOverlap(quote, other) > 0.6) && isNew(quote)) taken.push(quote)
    yield
  }
  return taken.toReversed()
}

const makeQuote = (text: string, seq: number, bonus: number): Quote => ({
  text: toOneLine(text),
  seq,
  words: new Set(splitWords(text)),
  bonus: /\d|`|[\w-][/_][\w-]/.test(text) ? bonus * 1.4 : bonus
})

function* weighWords(all: ReadonlyArray<Quote>): Generator<void, ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { words } of all) {
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    yield
  }
  const common = Math.max(5, all.length / 12)
  return new Map(Array.from(counts, ([word, count]) => [word, count > common ? 0 : Math.log1p(count)]))
}

const scoreQuote = (
  { bonus, words }: Quote,
  weights: ReadonlyMap<string, number>,
  topic: ReadonlySet<string>
): number => {
  let sum = 0
  let hits = 0
  for (const word of words) {
    sum += weights.get(word) ?? 0
    if (topic.has(word)) hits++
  }
  return ((bonus * sum) / Math.sqrt(words.size)) * (1 + 4 * hits) + 10 * hits
}

const measureOverlap = (a: Quote, b: Quote): number => {
  let shared = 0
  for (const word of a.words) if (b.words.has(word)) shared++
  return shared / Math.max(1, Math.min(a.words.size, b.words.size))
}

const SHORTEST = 8
const LONGEST = 400
const LONGEST_LINE = 200
const MARKUP = /^(?:\s|[#>*+•-]+\s|\d+[.):]\s)+/
