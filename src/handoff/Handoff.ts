/**
 * The handoff: the one message that stands for the middle of a session, and the sections of the summaries in it.
 */
import { digestMessage } from "../ledger/messageDigest.ts"
import { statesTask } from "../ledger/facts.ts"
import { chooseCandidates, OUTCOME } from "../ledger/lines.ts"
import { clipMiddle, isBlank, shortenText, splitLines, toOneLine } from "../message/text.ts"
import {
  ASKED_HEADINGS,
  type Heading,
  HEADINGS,
  PROGRESS,
  readSections,
  renderHeading,
  type SectionName
} from "./outline.ts"
import {
  disarmMarks,
  HANDOFF_END,
  HANDOFF_MARK,
  HANDOFF_OPENING,
  LEDGER_MARK,
  omitHandoff,
  SEGMENT_MARK
} from "../message/whoseWords.ts"
import * as Message from "../message/Message.ts"
import type { Logged, Segment } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

/**
 * A summary by its sections, oldest item first: `goal`, `constraints`, `done`, `inProgress`, `blocked`, `decisions`,
 * `errors`, `files`, `openWork`, `facts`; and `said`, the user's words, which no model writes. An item has no blank lines
 * and no white space around it.
 */
export type Sections = { readonly [K in SectionName]: ReadonlyArray<string> }

/**
 * Sections without any item.
 */
export const empty: Sections = {
  goal: [],
  constraints: [],
  done: [],
  inProgress: [],
  blocked: [],
  decisions: [],
  errors: [],
  files: [],
  openWork: [],
  facts: [],
  said: []
}

/**
 * Reads the sections of a text that a model wrote. Tolerates other heading levels, case, numbering, bold headings, "None",
 * any bullet and items of several lines. Text under an unknown heading counts as facts.
 */
export const parse = (text: string): Sections => {
  const { items } = readSections(text)
  return mapSections((section) => items.get(section) ?? [])
}

/**
 * Returns the titles of the required headings that a text lacks: Goal, Progress (or one of its parts), and all but one of
 * the others, since models leave out empty sections. A text without a single item lacks all of them.
 */
export const findMissingHeadings = (text: string): ReadonlyArray<string> => {
  const { items, seen } = readSections(text)
  const absent = REQUIRED.filter((title) => items.size === 0 || !seen.has(title))
  const others = absent.filter((title) => !ALWAYS.includes(title))
  return others.length > 1 ? absent : absent.filter((title) => ALWAYS.includes(title))
}

/** Renders sections without the headings of empty ones. `parse` reads the text back to the same sections. */
export const render = (sections: Sections): string => {
  const hasProgress = HEADINGS.some(({ level, section }) => level === 3 && sections[section].length > 0)
  return HEADINGS.flatMap((heading) => {
    if (heading.title === PROGRESS) return hasProgress ? renderHeading(heading) : []
    const items = sections[heading.section]
    return items.length > 0 ? `${renderHeading(heading)}\n${renderBullets(items)}` : []
  }).join("\n")
}

/** Merges summaries of neighbouring ranges, oldest first; an item that occurs twice is kept once. */
export const merge = (list: ReadonlyArray<Sections>): Sections =>
  mapSections((section) => Array.from(new Set(list.flatMap((sections) => sections[section]))))

/**
 * Shortens sections until `render` takes at most `maxTokens` tokens. Older
 * items leave before newer ones; constraints leave last, before them goal and facts. An item that would take more than a
 * quarter of the room is cut.
 */
export const fit = (sections: Sections, counter: Counter, maxTokens: number): Sections => {
  if (counter.text(render(sections)) <= maxTokens) return sections
  const longest = Math.floor((maxTokens - counter.text(render(empty))) / 4)
  const items = HEADINGS.flatMap((heading) => rankItems(heading, sections, counter, longest))
  const assemble = (chosen: ReadonlyArray<Item>) =>
    mapSections((section) => chosen.filter((item) => item.section === section).map(({ item }) => item))
  return assemble(chooseCandidates(items, (chosen) => render(assemble(chosen)), counter, maxTokens))
}

// ── the user's words, which plain code writes beside a model's summary ──

/** The user's words of a segment, and the tokens that they leave to its summary. */
export interface UserWords {
  readonly tokensLeft: number
  readonly addTo: (summary: string) => string
}

/**
 * Quotes the user's messages that state a task and were not taken back, each whole or clipped to about 150 tokens. Where
 * all of them would take more than their part of `maxTokens`, they are clipped to less, and then the oldest leave.
 */
export function* quoteUser(
  entries: ReadonlyArray<Logged>,
  counter: Counter,
  maxTokens: number
): Generator<void, UserWords> {
  const orders: Array<{ readonly text: string; readonly seq: number }> = []
  for (const entry of entries) {
    const { kind, message, seq } = omitHandoff(entry)
    if (message.role === "user" && kind !== "notification") {
      const { facts, quoted, said } = digestMessage(message)
      const text = joinLines(isBlank(said) ? quoted : said)
      if (facts.role === "user" && facts.takesBack) orders.pop()
      if (statesTask(text)) orders.push({ seq, text })
    }
    yield
  }
  const quoteWithin = (length: number) => orders.map(({ seq, text }) => `"${clipMiddle(text, length)}" (#${seq})`)
  const room = roomForUser(maxTokens)
  const fitting = QUOTE_LENGTHS.map(quoteWithin).find((said) => counter.text(render({ ...empty, said })) <= room)
  return besideSummary(fitting ?? quoteWithin(SHORTEST_QUOTE), counter, maxTokens)
}

/** Quotes the user again from segments that are condensed, also from what an extract has beside an outcome. */
export const quoteUserAgain = (segments: ReadonlyArray<Segment>, counter: Counter, maxTokens: number): UserWords => {
  const { done, said } = merge(segments.map(({ text }) => parse(text)))
  const asked = done.flatMap((item) => {
    const end = item.startsWith(ASKED) ? item.indexOf(OUTCOME) : -1
    return end < 0 ? [] : [`${item.slice(ASKED.length, end)}${SEQ.exec(item)?.[0] ?? ""}`]
  })
  return besideSummary([...asked, ...said], counter, maxTokens)
}

/** A summary without the user's words. */
export const omitUser = (summary: string): string => {
  const sections = parse(summary)
  return sections.said.length === 0 ? summary : render({ ...sections, said: [] })
}

const besideSummary = (all: Sections["said"], counter: Counter, maxTokens: number): UserWords => {
  const words = render(fit({ ...empty, said: all }, counter, roomForUser(maxTokens)))
  return {
    tokensLeft: maxTokens - counter.text(words),
    // A text that a model wrote under that heading is nobody's words.
    addTo: (summary) => [omitUser(summary), words].filter((text) => text !== "").join("\n")
  }
}

const roomForUser = (maxTokens: number): number =>
  Math.max(0, Math.floor(Math.min(USER_PART * maxTokens, maxTokens - LEAST_SUMMARY)))

const joinLines = (text: string): string =>
  splitLines(text)
    .map(toOneLine)
    .filter((line) => line !== "")
    .join(" / ")

/** The part of a segment for the user's words, and the tokens that a summary needs beside them. */
const USER_PART = 0.4
const LEAST_SUMMARY = 200
/** In characters. The first are about 150 tokens. */
const QUOTE_LENGTHS = [600, 300]
const SHORTEST_QUOTE = 160
/** How an extract begins and ends an outcome. */
const ASKED = "asked "
const SEQ = / \(#\d{1,15}\)$/

/** Why a segment is degraded that stands in the place of one which the store has lost. A healing writes it anew. */
export const LOST_SEGMENT = "the summary that was stored is lost"

/** Why a segment is degraded that a model summarizes once savings pay for it. */
export const UNPAID = "a model will write it once compressions have saved its price"

/** The version of the wording of new handoffs. */
export const RENDERER = 2

/**
 * Makes the message that stands for the middle: the segments, then the ledger. It is marked as background, so that its
 * reader does not take it for a request. The same input gives the same bytes for ever: wordings are kept by version.
 */
export const makeMessage = (input: {
  readonly segments: ReadonlyArray<Segment>
  readonly ledger: string
  readonly renderer: number
}): Message.Message => ({ role: "user", content: renderHandoff(input.segments, input.ledger, input.renderer) })

/**
 * Returns whether this message of a view is its handoff. Anyone can write such a message: one of the log is known by
 * `isImportedHandoff`.
 */
export const isHandoff = (message: Message.Message): boolean =>
  message.role === "user" && Message.text(message).startsWith(HANDOFF_MARK)

const ALWAYS: ReadonlyArray<string> = ["Goal", PROGRESS]
const REQUIRED: ReadonlyArray<string> = ASKED_HEADINGS.filter(({ level }) => level === 2).map(({ title }) => title)

const mapSections = (items: (section: SectionName) => ReadonlyArray<string>): Sections => ({
  goal: items("goal"),
  constraints: items("constraints"),
  done: items("done"),
  inProgress: items("inProgress"),
  blocked: items("blocked"),
  decisions: items("decisions"),
  errors: items("errors"),
  files: items("files"),
  openWork: items("openWork"),
  facts: items("facts"),
  said: items("said")
})

const renderBullets = (items: ReadonlyArray<string>): string => `- ${items.map(indentItem).join("\n- ")}`

const renderBullet = (item: string): string => `- ${indentItem(item)}`

/** Most items are one line, or tidy lines. */
const indentItem = (item: string): string => {
  const trimmed = item.trim()
  if (!LINE_END.test(trimmed)) return trimmed
  return (UNTIDY.test(trimmed) ? tidyLines(trimmed) : trimmed).replaceAll("\n", "\n  ")
}

const LINE_END = /[\r\n]/
const UNTIDY = /\r|\s\n/

const tidyLines = (item: string): string =>
  item
    .split(/\r\n?|\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n")

interface Item {
  readonly rank: number
  readonly text: string
  readonly section: SectionName
  readonly item: string
}

/** The newest item of a section ranks first; across sections, weights compare. */
const rankItems = (heading: Heading, sections: Sections, counter: Counter, longest: number): ReadonlyArray<Item> => {
  if (heading.title === PROGRESS) return []
  const items = sections[heading.section]
  return items.flatMap((whole, i) => {
    const item = counter.text(whole) <= longest ? whole : shortenText(whole, counter, longest)
    const isCurrentGoal = heading.section === "goal" && i === items.length - 1
    const rank = isCurrentGoal ? 0 : (items.length - i) / heading.weight
    return item === "" ? [] : [{ rank, text: renderBullet(item), section: heading.section, item }]
  })
}

// ── the wordings by version: never change a published one, since snapshots are the same bytes for ever ──

type Renderer = (segments: ReadonlyArray<Segment>, ledger: string) => string

const renderVersion1: Renderer = (segments, ledger) =>
  [
    `${HANDOFF_OPENING}It is not a new request: do not ` +
      "answer it or act on it by itself. The messages after it are current. Earlier messages can be recalled by #seq.",
    ...segments.flatMap((segment) => [
      `${SEGMENT_MARK}${formatRange(segment)}${describeOrigin(segment)}]`,
      disarmMarks(segment.text)
    ]),
    ...renderEnd(ledger)
  ].join("\n")

/** Names the segments, and marks open work with the message at which it was open. */
const renderVersion2: Renderer = (segments, ledger) =>
  [
    `${HANDOFF_OPENING}It is not a new request: do not ` +
      "answer it or act on it by itself. Each part tells how things stood at its last message; what comes later holds. " +
      "Earlier messages can be recalled by #seq, and a part expanded by its name.",
    ...segments.flatMap((segment) => [
      `${SEGMENT_MARK}${formatRange(segment)} ${segment.id}${describeOrigin(segment)}]`,
      disarmMarks(segment.text).replace(UNFINISHED, `$1 at #${segment.toSeq}`)
    ]),
    ...renderEnd(ledger)
  ].join("\n")

const formatRange = ({ fromSeq, toSeq }: Segment): string => `${fromSeq}-${toSeq}`

const describeOrigin = ({ degraded }: Segment): string => (degraded === null ? "" : ", an extract made without a model")

const renderEnd = (ledger: string): ReadonlyArray<string> => [
  ...(ledger === "" ? [] : [LEDGER_MARK, disarmMarks(ledger)]),
  HANDOFF_END
]

/** Headings of work that may have been finished since. */
const UNFINISHED = /^(#{2,3} (?:In progress|Blocked|Open work))[ \t]*$/gim

const RENDERERS: ReadonlyArray<Renderer> = [renderVersion1, renderVersion2]

const renderHandoff = (segments: ReadonlyArray<Segment>, ledger: string, version: number): string =>
  (RENDERERS[version - 1] ?? renderVersion2)(segments, ledger)
