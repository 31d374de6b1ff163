/** Chooses sentences of the talk and lines of tool output by their rare words, in any language. */
import { saysOnlyWhere } from "../ledger/facts.ts"
import { isProse, splitLines, splitWords, toOneLine } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"

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
  keepEnds(splitLines(output))
    .filter((line) => line.length >= SHORTEST && line.length <= LONGEST_LINE)
    .flatMap((line) => {
      const text = line.replace(MARKUP, "").trim()
      if (text.length < SHORTEST || SAYS_NOTHING.test(text) || saysOnlyWhere(text)) return []
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

/** What a choice of quotes is bounded by and about. */
export interface CoverOptions {
  readonly topic: ReadonlySet<string>
  /** What a quote costs, in tokens. */
  readonly countTokens: (quote: Quote) => number
  readonly isNew: (quote: Quote) => boolean
}

/**
 * Chooses quotes that together say most rare words in few tokens, in portions: each portion names its candidates and the
 * tokens that all portions up to it may take. A word that is said already counts less each time it is said again, and
 * small words, which nearly all quotes share in any language, count nothing. Quotes that are not `isNew`, or that
 * resemble a chosen one and have no new word, stay out. Returns the best last.
 */
export function* coverRareWords(
  portions: ReadonlyArray<{ readonly quotes: ReadonlyArray<Quote>; readonly tokens: number }>,
  { countTokens, isNew, topic }: CoverOptions
): Generator<void, ReadonlyArray<Quote>> {
  const weights = yield* weighWords(Array.from(new Set(portions.flatMap(({ quotes }) => quotes))))
  const timesSaid = new Map<string, number>()
  const chosen = new Set<Quote>()
  let spent = 0

  const score = ({ bonus, words }: Quote, cost: number): number => {
    let sum = 0
    let hits = 0
    for (const word of words) {
      sum += (weights.get(word) ?? 0) * REPEATED ** (timesSaid.get(word) ?? 0)
      if (topic.has(word)) hits++
    }
    return (bonus * sum * (1 + 4 * hits) + 10 * hits) / cost ** 0.9
  }

  const choose = (quote: Quote, cost: number) => {
    chosen.add(quote)
    spent += cost
    for (const word of quote.words) timesSaid.set(word, (timesSaid.get(word) ?? 0) + 1)
  }

  const saysMore = (quote: Quote): boolean =>
    Array.from(quote.words).some((word) => weights.get(word) !== 0 && !timesSaid.has(word)) ||
    !resemblesAny(quote, chosen)

  for (const { quotes, tokens } of portions) {
    let rest: Array<Candidate> = []
    for (const quote of quotes) {
      const cost = countTokens(quote)
      if (!chosen.has(quote)) rest.push({ quote, cost, score: score(quote, cost) })
      yield
    }
    // A score only falls while others are chosen. So a few rounds over all candidates, each with a lower bar than the one
    // before, choose nearly as well as looking for the best one each time.
    const highest = rest.reduce((most, candidate) => Math.max(most, candidate.score), 0)
    for (let bar = highest * BAR_STEP; bar > highest * LOWEST_BAR && rest.length > 0; bar *= BAR_STEP) {
      const later: Array<Candidate> = []
      for (const candidate of rest) {
        const { cost, quote } = candidate
        if (candidate.score >= bar) yield
        const current = candidate.score >= bar ? score(quote, cost) : candidate.score
        if (spent + cost > tokens) continue
        if (current < bar) later.push({ ...candidate, score: current })
        else if (isNew(quote) && saysMore(quote)) choose(quote, cost)
      }
      rest = later
    }
  }
  return Array.from(chosen).toReversed()
}

/** Chooses items of lists that together say most rare words in `room` tokens, and returns their places. */
export const coverItems = (
  items: ReadonlyArray<{ readonly text: string; readonly bonus: number }>,
  counter: Counter,
  room: number
): ReadonlySet<number> => {
  const quotes = items.map(({ bonus, text }, place) => makeQuote(text, place, bonus))
  const countTokens = ({ seq }: Quote) => counter.text(`- ${items[seq]?.text ?? ""}\n`)
  const options = { topic: new Set<string>(), countTokens, isNew: () => true }
  return new Set(runAtOnce(coverRareWords([{ quotes, tokens: room }], options)).map(({ seq }) => seq))
}

interface Candidate {
  readonly quote: Quote
  readonly cost: number
  readonly score: number
}

/** What a word is worth that has been said, for each time. */
const REPEATED = 0.4
const BAR_STEP = 0.8
/** Quotes that are worth less than this share of the best one say nothing new. */
const LOWEST_BAR = 0.01

/** Makes a quote. One with a number, code or a path says more. */
export const makeQuote = (text: string, seq: number, bonus: number): Quote => ({
  text: toOneLine(text),
  seq,
  words: new Set(splitWords(text)),
  bonus: /\d|`|[\w-][/_][\w-]/.test(text) ? bonus * 1.4 : bonus
})

/** A word that only one quote has may be a slip of the pen, and counts less than one that comes back. */
function* weighWords(all: ReadonlyArray<Quote>): Generator<void, ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { words } of all) {
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    yield
  }
  const common = Math.max(5, all.length / 12)
  const weigh = (count: number) => Math.log1p(all.length / count) * (count > 1 ? 1 : 0.6)
  return new Map(Array.from(counts, ([word, count]) => [word, count > common ? 0 : weigh(count)]))
}

const resemblesAny = (quote: Quote, others: Iterable<Quote>): boolean => {
  for (const other of others) if (measureOverlap(quote, other) > 0.6) return true
  return false
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
/** What tools say whatever they did: that they did it, that there is more, that something failed. */
const SAYS_NOTHING =
  /^(?:Successfully |Successful|The file .{1,200} has been |File (?:created|updated|written|saved)|\(?no output|Command (?:exited|finished|completed)|Process exited|Debugger |Waiting for |[[(.… ]{0,6}\d+ more lines|\d{1,7}:#)/i
