/**
 * The embedded summarizer: plain code fills the sections with quotes. It needs no network, works in any language, and
 * always answers.
 */
import { partition } from "effect/Array"
import * as Handoff from "../handoff/Handoff.ts"
import type { Merge } from "../handoff/segmentTree.ts"
import { sectionsOfImportedHandoffs } from "./importedHandoffs.ts"
import { groupByFolder } from "../ledger/lines.ts"
import { digestMessage } from "../ledger/messageDigest.ts"
import {
  dropTakenBack,
  findTurnOutcomes,
  readSpoken,
  renderOutcome,
  type OutcomeDensity,
  type Spoken
} from "./turnOutcomes.ts"
import { statesTask } from "../ledger/facts.ts"
import { clipText, toOneLine, splitSentences, splitWords } from "../message/text.ts"
import {
  findFirstMentions,
  quoteLines,
  quoteSentences,
  type Quote,
  coverItems,
  coverRareWords,
  makeQuote
} from "./salientQuotes.ts"
import * as Ledger from "../ledger/Ledger.ts"
import { omitHandoff } from "../message/whoseWords.ts"
import type { Logged } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"

/**
 * `maxTokens` bounds the summary; text about the `focus` is kept longest. `isAnswered` says that nothing in these
 * messages is open: the turn that they break off in has ended since, or its request is shown behind the handoff.
 */
export interface ExtractOptions {
  readonly counter: Counter
  readonly maxTokens: number
  readonly focus: string | null
  readonly isAnswered?: boolean | undefined
}

/**
 * Summarizes these messages in their own words, within `maxTokens` if that is at least about 150. The summary is
 * redacted, and the same input always gives the same text. It leaves out what the ledger beside it says (rules,
 * decisions, identifiers, errors) and takes over what a handoff among the messages says.
 */
export const summarize = (entries: ReadonlyArray<Logged>, options: ExtractOptions): string =>
  runAtOnce(summarizeInSteps(entries, options))

/** Summarizes as a generator, so that a caller can yield to the event loop between its steps. */
export function* summarizeInSteps(entries: ReadonlyArray<Logged>, options: ExtractOptions): Generator<void, string> {
  const material = yield* collectMaterial(entries, options.isAnswered ?? false)
  const sections = yield* selectSections(material, options)
  return renderWithin(sections, options)
}

/** Joins segments by plain code. `isAnswered` says that open work at their end has been answered since. */
export const condenseSegments = (
  { children, maxTokens }: Pick<Merge, "children" | "maxTokens">,
  isAnswered: boolean,
  counter: Counter
): string => {
  const all = Handoff.merge(children.map(({ text }) => Handoff.parse(text)))
  const current = { ...all, goal: all.goal.filter((goal) => goal !== NOTHING_ASKED).slice(-1) }
  const sections = isAnswered ? { ...current, inProgress: [], openWork: [] } : current
  return Handoff.render(Handoff.fit(selectTelling(sections, counter, maxTokens), counter, maxTokens))
}

/** Selects the outcomes, facts and words of the user that together say most, whatever their age. */
const selectTelling = (sections: Handoff.Sections, counter: Counter, maxTokens: number): Handoff.Sections => {
  const { done, facts, said } = sections
  const items = [
    ...done.map((text) => ({ text, bonus: 1.5 })),
    ...[...facts, ...said].map((text) => ({ text, bonus: 1 }))
  ]
  const rest = counter.text(Handoff.render({ ...sections, done: [], facts: [], said: [] }))
  const chosen = coverItems(items, counter, maxTokens - rest - counter.text(HEADINGS_OF_TELLING))
  const keepFrom = (start: number) => (_: string, i: number) => chosen.has(start + i)
  return {
    ...sections,
    done: done.filter(keepFrom(0)),
    facts: facts.filter(keepFrom(done.length)),
    said: said.filter(keepFrom(done.length + facts.length))
  }
}

const HEADINGS_OF_TELLING = Handoff.render({ ...Handoff.empty, done: [""], facts: [""], said: [""] })

/** The sources of a summary. */
interface Material {
  readonly entries: ReadonlyArray<Logged>
  readonly isAnswered: boolean
  readonly talk: ReadonlyArray<Spoken>
  readonly ledger: Ledger.Ledger
  /** The sections of handoffs among the messages. */
  readonly imported: Handoff.Sections
}

function* collectMaterial(entries: ReadonlyArray<Logged>, isAnswered: boolean): Generator<void, Material> {
  let facts = Ledger.empty
  const talk: Array<Spoken> = []
  for (const entry of entries) {
    facts = Ledger.add(facts, [entry])
    const spoken = isTalk(entry) ? readSpoken(omitHandoff(entry)) : undefined
    if (spoken !== undefined && spoken.sentences.length > 0) talk.push(spoken)
    yield
  }
  const ledger = isAnswered ? Ledger.answerRequests(facts) : facts
  return {
    entries,
    isAnswered,
    talk: dropTakenBack(talk),
    ledger,
    imported: removeRepeats(sectionsOfImportedHandoffs(entries), ledger)
  }
}

const isTalk = ({ message }: Logged): boolean => message.role === "user" || message.role === "assistant"

/** Removes from imported sections what these messages say themselves. */
const removeRepeats = (imported: Handoff.Sections, ledger: Ledger.Ledger): Handoff.Sections => {
  const rules = new Set(ledger.constraints.map(({ text }) => text))
  const decisions = new Set(ledger.decisions.map(({ text }) => text))
  const errors = new Set(ledger.errors.map(({ text }) => text))
  return {
    ...imported,
    goal: imported.goal.filter((item) => item !== NOTHING_ASKED),
    constraints: imported.constraints.filter((item) => !rules.has(item)),
    decisions: imported.decisions.filter((item) => !decisions.has(item)),
    errors: imported.errors.filter((item) => !errors.has(item))
  }
}

/** Chooses what each section says. Facts come last: they say what the other sections do not, in the room that is left. */
function* selectSections(material: Material, options: ExtractOptions): Generator<void, Handoff.Sections> {
  const { imported, isAnswered, ledger, talk } = material
  const topic = options.focus === null ? new Set<string>() : findTopicWords(options.focus, talk)
  const done = putTopicLast(yield* selectOutcomes(talk, topic, options), topic)
  const inProgress = isAnswered ? [] : findLastTurn(talk).filter(isByAssistant).map(clipGist)
  const inLedger = [...ledger.constraints, ...ledger.requests, ...ledger.decisions, ...ledger.errors]
  const alreadySaid = [...done, ...inProgress, ...imported.facts, ...inLedger.map(({ text }) => text)].join("\n")
  const sections: Handoff.Sections = {
    goal: selectGoal(ledger, imported),
    constraints: imported.constraints,
    done: [...imported.done, ...done],
    inProgress,
    blocked: [],
    decisions: imported.decisions,
    errors: imported.errors,
    files: groupByFolder(imported.files),
    openWork: findEarlierRequests(ledger).map(addSeq),
    facts: imported.facts,
    said: imported.said
  }
  const room = options.maxTokens - options.counter.text(renderExtract(sections))
  return {
    ...sections,
    facts: [...imported.facts, ...(yield* selectQuotes(material, topic, alreadySaid, room, options.counter))]
  }
}

/** Selects outcomes of turns, as long as all of them fit their share of the summary; else those that say most stay. */
function* selectOutcomes(
  talk: ReadonlyArray<Spoken>,
  topic: ReadonlySet<string>,
  { counter, maxTokens }: ExtractOptions
): Generator<void, ReadonlyArray<string>> {
  const outcomes = yield* findTurnOutcomes(talk)
  const countTokens = makeQuoteCounter(counter)
  const tokens = maxTokens * OUTCOME_SHARE
  let quotes: ReadonlyArray<Quote> = []
  for (const density of OUTCOME_DENSITIES) {
    quotes = outcomes.map((outcome) => makeQuote(renderOutcome(outcome, density), outcome.seq, 1))
    if (quotes.reduce((sum, quote) => sum + countTokens(quote), 0) <= tokens) return quotes.map(addSeq)
    yield
  }
  const chosen = yield* coverRareWords([{ quotes, tokens }], { topic, countTokens, isNew: () => true })
  return chosen.toSorted((a, b) => a.seq - b.seq).map(addSeq)
}

const makeQuoteCounter = (counter: Counter) => (quote: Quote) => counter.text(`- ${addSeq(quote)}\n`)

/** The newest request that states a task and is no rule, or else the newest, or else the goal of an imported handoff. */
const selectGoal = ({ constraints, requests }: Ledger.Ledger, { goal }: Handoff.Sections): ReadonlyArray<string> => {
  const rules = new Set(constraints.map(({ text }) => text))
  const isTask = ({ answered, text }: (typeof requests)[number]) => statesTask(text) && !(answered && rules.has(text))
  const newest = requests.findLast(isTask) ?? requests.at(-1)
  if (newest !== undefined)
    return [addSeq(newest.answered ? { ...newest, text: clipText(newest.text, LONGEST_GIST) } : newest)]
  return goal.length > 0 ? goal : [NOTHING_ASKED]
}

/** The open requests before the newest one, which is the goal. */
const findEarlierRequests = ({ requests }: Ledger.Ledger) => requests.slice(0, -1).filter(({ answered }) => !answered)

/**
 * Selects what fills the room, without what occurs in `alreadySaid`: lines of tool output in a small part of it,
 * sentences of the user, then of all talk. The best come last, where they stay longest; what is on topic, behind them.
 */
function* selectQuotes(
  { entries, talk }: Material,
  topic: ReadonlySet<string>,
  alreadySaid: string,
  room: number,
  counter: Counter
): Generator<void, ReadonlyArray<string>> {
  const firstMentions = yield* findFirstMentions(talk)
  const fromUser: Array<Quote> = []
  const fromTalk: Array<Quote> = []
  for (const { endsTurn, role, sentences, seq } of talk) {
    const quotes = quoteSentences(sentences, seq, role === "user" ? 1.3 : endsTurn ? 1 : REMARK_BONUS)
    fromTalk.push(...quotes)
    if (role === "user") fromUser.push(...quotes)
    yield
  }
  const fromTools: Array<Quote> = []
  for (const entry of entries) {
    const { message, seq } = entry
    if (isTalk(entry)) fromTalk.push(...quoteQuoted(entry))
    if (message.role === "tool")
      fromTools.push(...removeSecretLines(quoteLines(digestMessage(message).quoted, seq, firstMentions, topic)))
    yield
  }
  const countTokens = makeQuoteCounter(counter)
  const options = { topic, countTokens, isNew: ({ text }: Quote) => !alreadySaid.includes(text) }
  const lines = yield* coverRareWords([{ quotes: fromTools, tokens: room * TOOL_SHARE }], options)
  const left = room - lines.reduce((sum, line) => sum + countTokens(line), 0)
  const sentences = yield* coverRareWords(
    [
      { quotes: fromUser, tokens: left * USER_SHARE },
      { quotes: fromTalk, tokens: left }
    ],
    options
  )
  const isOnTopic = ({ words }: Quote) => Array.from(words).some((word) => topic.has(word))
  const [others, onTopic] = partition(interleave(sentences, lines), isOnTopic)
  return [...others, ...onTopic].map(addSeq)
}

/** Sentences that a message only quotes, each behind a mark. */
const quoteQuoted = (entry: Logged): ReadonlyArray<Quote> => {
  const { quoted } = digestMessage(omitHandoff(entry).message)
  if (quoted === "") return []
  return quoteSentences(splitSentences(quoted), entry.seq, QUOTED_BONUS).map((quote) => ({
    ...quote,
    text: `> ${quote.text}`
  }))
}

const removeSecretLines = (lines: ReadonlyArray<Quote>): ReadonlyArray<Quote> =>
  lines.filter(({ text }) => !text.includes("[redacted"))

/** Merges two lists evenly, so that neither is dropped before the other when room is short. */
const interleave = <A>(some: ReadonlyArray<A>, others: ReadonlyArray<A>): ReadonlyArray<A> =>
  [some, others]
    .flatMap((list) => list.map((item, i) => ({ item, place: (i + 1) / list.length })))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)

/** The words of the focus without those that most of the talk uses, because small words name no topic. */
const findTopicWords = (focus: string, talk: ReadonlyArray<Spoken>): ReadonlySet<string> => {
  const spoken = talk.map(({ sentences }) => new Set(splitWords(sentences.join(" "))))
  const words = splitWords(focus)
  const rare = words.filter((word) => spoken.filter((own) => own.has(word)).length < COMMON_SHARE * spoken.length)
  return new Set(rare.length > 0 ? rare : words)
}

/** Puts items about the topic last, where they stay longest, and keeps only the newest of all others. */
const putTopicLast = (items: ReadonlyArray<string>, topic: ReadonlySet<string>): ReadonlyArray<string> => {
  if (topic.size === 0) return items
  const isOnTopic = (item: string) => splitWords(item).some((word) => topic.has(word))
  return [...items.filter((item) => !isOnTopic(item)).slice(-MOST_OFF_TOPIC), ...items.filter(isOnTopic)]
}

const findLastTurn = (talk: ReadonlyArray<Spoken>): ReadonlyArray<Spoken> =>
  talk.slice(talk.findLastIndex(({ endsTurn }) => endsTurn) + 1)

const isByAssistant = ({ role }: Spoken): boolean => role === "assistant"

const clipGist = ({ sentences, seq }: Spoken): string =>
  addSeq({ text: clipText(toOneLine(sentences.slice(0, 2).join(" ")), LONGEST_GIST), seq })

const addSeq = ({ seq, text }: { readonly text: string; readonly seq: number }): string => `${text} (#${seq})`

const renderExtract = (sections: Handoff.Sections): string => `${NO_MODEL}\n${Handoff.render(sections)}`

const renderWithin = (sections: Handoff.Sections, { counter, maxTokens }: ExtractOptions): string =>
  renderExtract(Handoff.fit(sections, counter, maxTokens - counter.text(`${NO_MODEL}\n`)))

/** Stands before the headings, where parsing does not take it for the content of a section. */
const NO_MODEL = "(An extract: quotes, not a model's summary.)"
const NOTHING_ASKED = "No request in these messages."
/** Quoted words are worth less than what a message says itself. */
const QUOTED_BONUS = 0.8
/** What an agent says between two calls is mostly what it is about to do. */
const REMARK_BONUS = 0.6
const LONGEST_GIST = 200
/** The most that tool output may take of the room, and the user's own sentences before others of the talk may. */
const TOOL_SHARE = 0.25
const USER_SHARE = 0.4
/** The most that outcomes of turns may take of a summary. */
const OUTCOME_SHARE = 0.2
/** From the roomiest to the tightest. The first shows 150 tokens of each of the user's messages. */
const OUTCOME_DENSITIES: ReadonlyArray<OutcomeDensity> = [
  { asked: 600, said: 600 },
  { asked: 600, said: 300 },
  { asked: 600, said: 160 },
  { asked: 300, said: 100 }
]
const MOST_OFF_TOPIC = 3
/** A word that this share of the talk uses names no topic. */
const COMMON_SHARE = 0.8
