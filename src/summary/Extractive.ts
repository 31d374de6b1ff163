/**
 * The embedded summarizer: sections filled by plain code. It needs no network, knows no language, and always answers.
 */
import * as Handoff from "../handoff/Handoff.ts"
import type { Merge } from "../handoff/segmentTree.ts"
import { sectionsOfImportedHandoffs } from "./importedHandoffs.ts"
import { groupByFolder } from "../ledger/lines.ts"
import { excerptForDigest } from "../ledger/messageDigest.ts"
import { findTurnOutcomes, type Spoken } from "./turnOutcomes.ts"
import { clipText, toOneLine, splitSentences, splitWords } from "../message/text.ts"
import { findFirstSaid, splitLines, collectQuotes, type Quote, rankQuotes } from "./salientQuotes.ts"
import * as Ledger from "../ledger/Ledger.ts"
import * as Message from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import type { Logged } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"

/**
 * `maxTokens` bounds the summary; what speaks of the `focus` comes first. `isAnswered` says that the turn these messages
 * break off in has ended since, or that its request is live, so that nothing in them is open.
 */
export interface Options {
  readonly counter: Counter
  readonly maxTokens: number
  readonly focus: string | null
  readonly isAnswered?: boolean | undefined
}

/**
 * A summary of these messages in their own words, within `maxTokens` from about 150 on. Redacted; the same input always
 * gives the same text. What the ledger beside it carries (rules, decisions, identifiers, errors) is not said again; a handoff among
 * the messages is carried on.
 */
export const summarize = (entries: ReadonlyArray<Logged>, options: Options): string =>
  runAtOnce(summarizing(entries, options))

/** The same in small steps, for who would have others wait. */
export function* summarizing(entries: ReadonlyArray<Logged>, options: Options): Generator<void, string> {
  const { counter, focus, isAnswered = false, maxTokens } = options
  let noted = Ledger.empty
  const talk: Array<Spoken> = []
  for (const entry of entries) {
    noted = Ledger.add(noted, [entry])
    const said = isTalk(entry) ? spoken(entry) : undefined
    if (said !== undefined && said.sentences.length > 0) talk.push(said)
    yield
  }
  const ledger = isAnswered ? Ledger.answerRequests(noted) : noted
  const before = without(sectionsOfImportedHandoffs(entries), ledger)
  const written = ledger.files.filter(({ access }) => access === "written").map(({ path }) => path)
  const topic = focus === null ? new Set<string>() : topicOf(focus, talk)
  const inProgress = isAnswered ? [] : sinceLastEnd(talk).filter(isOwn).map(gist)
  const done = focused((yield* findTurnOutcomes(talk)).map(numbered), topic)
  const carriedByLedger = [...ledger.constraints, ...ledger.requests, ...ledger.decisions, ...ledger.errors]
  const told = [...done, ...inProgress, ...before.facts, ...carriedByLedger.map(({ text }) => text)].join("\n")
  const [goal, ...others] = ledger.requests.toReversed()
  const sections: Handoff.Sections = {
    goal: goal !== undefined ? [numbered(goal)] : before.goal.length > 0 ? before.goal : [NOTHING_ASKED],
    constraints: before.constraints,
    done: [...before.done, ...done],
    inProgress,
    blocked: [],
    decisions: before.decisions,
    errors: before.errors,
    files: groupByFolder(Array.from(new Set([...before.files, ...written.slice(-MOST_FILES)]))),
    openWork: others
      .filter(({ answered }) => !answered)
      .toReversed()
      .map(numbered),
    facts: [...before.facts, ...(yield* telling(entries, talk, told, topic))]
  }
  const room = maxTokens - counter.text(`${NO_MODEL}\n`)
  return `${NO_MODEL}\n${Handoff.render(Handoff.fit(sections, counter, room))}`
}

/** Joins segments by plain code. `isAnswered` says that open work at their end has been answered since. */
export const condenseSegments = (
  { children, maxTokens }: Pick<Merge, "children" | "maxTokens">,
  isAnswered: boolean,
  counter: Counter
): string => {
  const all = Handoff.merge(children.map(({ text }) => Handoff.parse(text)))
  const sections = isAnswered ? { ...all, inProgress: [], openWork: [] } : all
  return Handoff.render(Handoff.fit(sections, counter, maxTokens))
}

const isTalk = ({ message }: Logged): boolean => message.role === "user" || message.role === "assistant"

const spoken = ({ kind, message, seq }: Logged): Spoken => ({
  seq,
  role: message.role,
  isRequest: message.role === "user" && kind !== "notification",
  endsTurn: Message.endsTurn(message),
  sentences: splitSentences(redact(excerptForDigest(message)))
})

/** The sentences and the lines of tool output that say most, the best last; nothing that is `told` elsewhere. */
function* telling(
  entries: ReadonlyArray<Logged>,
  talk: ReadonlyArray<Spoken>,
  told: string,
  topic: ReadonlySet<string>
): Generator<void, ReadonlyArray<string>> {
  const first = yield* findFirstSaid(talk)
  const untold = ({ text }: Quote) => !told.includes(text)
  const said: Array<Quote> = []
  for (const { role, sentences, seq } of talk) {
    said.push(...collectQuotes(sentences, seq, role === "user" ? 1.3 : 1))
    yield
  }
  const output: Array<Quote> = []
  for (const { message, seq } of entries) {
    if (message.role === "tool")
      output.push(...unsecret(splitLines(excerptForDigest(message), seq, first, topic), message))
    yield
  }
  return interleaved(
    yield* rankQuotes(said, topic, MOST_SENTENCES, untold),
    yield* rankQuotes(output, topic, MOST_LINES, untold)
  ).map(numbered)
}

/** The words of the focus, without those that most of the talk has: small words name no topic. */
const topicOf = (focus: string, talk: ReadonlyArray<Spoken>): ReadonlySet<string> => {
  const said = talk.map(({ sentences }) => new Set(splitWords(sentences.join(" "))))
  const all = splitWords(focus)
  const telling = all.filter((word) => said.filter((own) => own.has(word)).length < MOST * said.length)
  return new Set(telling.length > 0 ? telling : all)
}

/** What speaks of the topic last, since the last stays longest; of all else only the newest. */
const focused = (items: ReadonlyArray<string>, topic: ReadonlySet<string>): ReadonlyArray<string> => {
  if (topic.size === 0) return items
  const isOn = (item: string) => splitWords(item).some((word) => topic.has(word))
  return [...items.filter((item) => !isOn(item)).slice(-MOST_BESIDE), ...items.filter(isOn)]
}

/** Without the lines in which a secret is: most outputs have no line to quote, and redacting is what costs. */
const unsecret = (lines: ReadonlyArray<Quote>, message: Message.Message): ReadonlyArray<Quote> => {
  if (lines.length === 0) return lines
  const safe = toOneLine(redact(excerptForDigest(message)))
  return lines.filter(({ text }) => safe.includes(text))
}

/** Both lists as one, evenly, so that neither leaves before the other. */
const interleaved = <A>(some: ReadonlyArray<A>, others: ReadonlyArray<A>): ReadonlyArray<A> =>
  [some, others]
    .flatMap((list) => list.map((item, i) => ({ item, place: (i + 1) / list.length })))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)

/** What was carried without what these messages say themselves. */
const without = (before: Handoff.Sections, ledger: Ledger.Ledger): Handoff.Sections => {
  const rules = new Set(ledger.constraints.map(({ text }) => text))
  const decided = new Set(ledger.decisions.map(({ text }) => text))
  const failed = new Set(ledger.errors.map(({ text }) => text))
  return {
    ...before,
    goal: before.goal.filter((item) => item !== NOTHING_ASKED),
    constraints: before.constraints.filter((item) => !rules.has(item)),
    decisions: before.decisions.filter((item) => !decided.has(item)),
    errors: before.errors.filter((item) => !failed.has(item))
  }
}

const sinceLastEnd = (talk: ReadonlyArray<Spoken>): ReadonlyArray<Spoken> =>
  talk.slice(talk.findLastIndex(({ endsTurn }) => endsTurn) + 1)

const isOwn = ({ role }: Spoken): boolean => role === "assistant"

const gist = ({ sentences, seq }: Spoken): string =>
  numbered({ text: clipText(toOneLine(sentences.slice(0, 2).join(" ")), LONGEST_GIST), seq })

const numbered = ({ seq, text }: { readonly text: string; readonly seq: number }): string => `${text} (#${seq})`

/** Before the headings: whoever reads the sections back does not take it for one of them. */
const NO_MODEL = "(An extract: quotes, not a model's summary.)"
const NOTHING_ASKED = "No request in these messages."
const LONGEST_GIST = 200
const MOST_SENTENCES = 10
const MOST_LINES = 4
const MOST_FILES = 12
const MOST_BESIDE = 3
const MOST = 0.8
