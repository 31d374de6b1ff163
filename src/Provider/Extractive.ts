/**
 * The embedded summarizer: sections filled by plain code. It needs no network, knows no language, and always answers.
 *
 * @since 0.1.0
 */
import * as Handoff from "../Handoff.ts"
import { clip, isProse, LINE_BREAK, oneLine, sentences, words } from "../internal/sentences.ts"
import * as Ledger from "../Ledger.ts"
import * as Message from "../Message.ts"
import { redact } from "../Redaction.ts"
import type { Logged } from "../Session.ts"
import type { Counter } from "../Tokens.ts"

/**
 * `maxTokens` bounds the summary; what speaks of the `focus` comes first. `hasEnded` says that the turn these messages
 * break off in has ended since, or that its request is live, so that nothing in them is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly counter: Counter
  readonly maxTokens: number
  readonly focus: string | null
  readonly hasEnded?: boolean | undefined
}

/**
 * A summary of these messages in their own words, within `maxTokens` from about 150 on. Redacted; the same input always
 * gives the same text.
 *
 * @since 0.1.0
 * @category getters
 */
export const summarize = (entries: ReadonlyArray<Logged>, options: Options): string => {
  const { counter, focus, hasEnded = false, maxTokens } = options
  const noted = Ledger.add(Ledger.empty, entries)
  const ledger = hasEnded ? Ledger.ended(noted) : noted
  const talk = entries.filter(isTalk).map(spoken)
  const topic = new Set(focus === null ? [] : words(focus))
  const open = ledger.requests.filter(({ answered }) => !answered).map(numbered)
  const said = ledger.identifiers.filter(({ source }) => source === "said").map(named)
  const telling = ranked([...talk.flatMap(quotes), ...entries.flatMap((entry) => outputLines(entry, topic))], topic)
  const sections: Handoff.Sections = {
    goal: ledger.requests.length === 0 ? ["No request in these messages."] : ledger.requests.slice(-2).map(numbered),
    constraints: ledger.constraints.map(numbered),
    done: talk.filter(isOutcome).map(gist),
    inProgress: hasEnded ? [] : sinceLastEnd(talk).filter(isOwn).map(gist),
    blocked: [],
    decisions: ledger.decisions.map(numbered),
    errors: ledger.errors.map(numbered),
    files: ledger.files.map(({ access, path }) => `${path} (${access})`),
    openWork: open,
    facts: focus === null ? [...telling, ...said] : [...said, ...telling]
  }
  return Handoff.render(Handoff.fit(sections, counter, maxTokens))
}

/** One message of the talk, in sentences. */
interface Spoken {
  readonly seq: number
  readonly role: Message.Message["role"]
  readonly endsTurn: boolean
  readonly sentences: ReadonlyArray<string>
}

const isTalk = ({ message }: Logged): boolean =>
  (message.role === "user" || message.role === "assistant") &&
  Message.text(message) !== "" &&
  !Handoff.isHandoff(message)

const spoken = ({ message, seq }: Logged): Spoken => ({
  seq,
  role: message.role,
  endsTurn: Message.endsTurn(message),
  sentences: sentences(redact(Message.text(message)))
})

const sinceLastEnd = (talk: ReadonlyArray<Spoken>): ReadonlyArray<Spoken> =>
  talk.slice(talk.findLastIndex(({ endsTurn }) => endsTurn) + 1)

const isOwn = ({ role }: Spoken): boolean => role === "assistant"

/** A turn that ended with a question asked for something rather than did it. */
const isOutcome = ({ endsTurn, sentences }: Spoken): boolean => endsTurn && !/[?？؟]\W*$/.test(sentences.at(-1) ?? "")

/** "Done!" alone tells nothing, so a few sentences are taken. */
const gist = ({ sentences, seq }: Spoken): string =>
  numbered({ text: clip(oneLine(sentences.slice(0, 3).join(" ")), LONGEST_GIST), seq })

const numbered = ({ seq, text }: { readonly text: string; readonly seq: number }): string => `${text} (#${seq})`

const named = ({ name, replaced, seq, value }: Ledger.Ledger["identifiers"][number]): string =>
  numbered({ text: `${name}: ${value}${replaced === null ? "" : `, before: ${replaced}`}`, seq })

interface Quote {
  readonly text: string
  readonly seq: number
  readonly words: ReadonlySet<string>
  readonly bonus: number
}

const quotes = ({ role, sentences, seq }: Spoken): ReadonlyArray<Quote> =>
  sentences
    .filter((text) => text.length >= SHORTEST_QUOTE && text.length <= LONGEST_QUOTE && isProse(text))
    .map((text) => quote(text, seq, role === "user" ? 1.3 : 1))
    .filter(({ text, words }) => words.size > 3 && !text.endsWith(":"))

const quote = (text: string, seq: number, bonus: number): Quote => ({
  text: oneLine(text),
  seq,
  words: new Set(words(text)),
  bonus: /\d|`|[\w-][/_][\w-]/.test(text) ? bonus * 1.4 : bonus
})

/** Tool output is quoted only where it speaks of the topic. */
const outputLines = ({ message, seq }: Logged, topic: ReadonlySet<string>): ReadonlyArray<Quote> => {
  if (message.role !== "tool" || topic.size === 0) return []
  const text = Message.text(message)
  const lower = text.toLowerCase()
  if (![...topic].some((word) => lower.includes(word))) return []
  return redact(text)
    .split(LINE_BREAK)
    .filter((line) => line.length <= LONGEST_QUOTE && words(line).some((word) => topic.has(word)))
    .slice(0, 3)
    .map((line) => quote(line.trim(), seq, 1))
}

/**
 * The sentences that say most of what is talked about, the best last: those whose words many others share, but not the
 * words that nearly all share, as the small words of any language are. A sentence like one already taken is left out.
 */
const ranked = (all: ReadonlyArray<Quote>, topic: ReadonlySet<string>): ReadonlyArray<string> => {
  const weights = wordWeights(all)
  const scored = all.map((quote) => ({ quote, score: score(quote, weights, topic) })).sort((a, b) => b.score - a.score)
  const taken: Array<Quote> = []
  for (const { quote } of scored) {
    if (taken.length === MOST_QUOTES) break
    if (!taken.some((other) => overlap(quote, other) > 0.6)) taken.push(quote)
  }
  return taken.map(numbered).toReversed()
}

const wordWeights = (all: ReadonlyArray<Quote>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const { words } of all) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const common = Math.max(5, all.length / 12)
  return new Map(Array.from(counts, ([word, count]) => [word, count > common ? 0 : Math.log1p(count)]))
}

const score = ({ bonus, words }: Quote, weights: ReadonlyMap<string, number>, topic: ReadonlySet<string>): number => {
  let sum = 0
  let hits = 0
  for (const word of words) {
    sum += weights.get(word) ?? 0
    if (topic.has(word)) hits++
  }
  return ((bonus * sum) / Math.sqrt(words.size)) * (1 + 4 * hits) + 10 * hits
}

const overlap = (a: Quote, b: Quote): number => {
  let shared = 0
  for (const word of a.words) if (b.words.has(word)) shared++
  return shared / Math.max(1, Math.min(a.words.size, b.words.size))
}

const LONGEST_GIST = 280
const SHORTEST_QUOTE = 8
const LONGEST_QUOTE = 400
const MOST_QUOTES = 24
