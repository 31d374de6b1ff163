/**
 * The handoff: what a summary is made of, how one is asked for, and the one message that stands for the middle.
 *
 * @since 0.1.0
 */
import { chooseCandidates, shortenText } from "../message/text.ts"
import { type Heading, renderMarkdown, readOutline, PROGRESS, type SectionName } from "./outline.ts"
import * as Prompt from "./prompt.ts"
import { readHandoff } from "./parse.ts"
import { isHandoffText } from "../message/ownMarks.ts"
import { renderHandoff, NEWEST } from "./wordings.ts"
import * as Message from "../message/Message.ts"
import type { Logged, Segment } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

/**
 * A summary by its sections, oldest item first: `goal`, `constraints`, `done`, `inProgress`, `blocked`, `decisions`,
 * `errors`, `files`, `openWork`, `facts`. An item has no blank lines and no white space around it.
 *
 * @since 0.1.0
 * @category models
 */
export type Sections = { readonly [K in SectionName]: ReadonlyArray<string> }

/**
 * Sections without any item.
 *
 * @since 0.1.0
 * @category constructors
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
  facts: []
}

/**
 * The sections of a text a model wrote. Tolerant of heading levels, case, numbering, bold headings, "None", any bullet
 * and items of several lines; what stands under an unknown heading counts as fact.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string): Sections => {
  const { items } = readHandoff(text)
  return mapSections((section) => items.get(section) ?? [])
}

/**
 * The titles of the required headings a text does not have: Goal, Progress (or one of its parts), and all but one of
 * the others, since models leave out what would be empty. Headings without a single item count for nothing.
 *
 * @since 0.1.0
 * @category predicates
 */
export const missing = (text: string): ReadonlyArray<string> => {
  const { items, seen } = readHandoff(text)
  const absent = required.filter((title) => items.size === 0 || !seen.has(title))
  const others = absent.filter((title) => !ALWAYS.includes(title))
  return others.length > 1 ? absent : absent.filter((title) => ALWAYS.includes(title))
}

/**
 * The text of a summary, `parse`d back to the same sections.
 *
 * @since 0.1.0
 * @category getters
 */
export const render = (sections: Sections): string =>
  readOutline
    .flatMap((heading) => {
      const items = heading.title === PROGRESS ? [] : sections[heading.section].map(bullet)
      return heading.level === 3 && items.length === 0 ? [] : [renderMarkdown(heading), ...items]
    })
    .join("\n")

/**
 * Summaries of neighbouring ranges as one, oldest first; an item that occurs twice is kept once.
 *
 * @since 0.1.0
 * @category combinators
 */
export const merge = (list: ReadonlyArray<Sections>): Sections =>
  mapSections((section) => Array.from(new Set(list.flatMap((sections) => sections[section]))))

/**
 * The sections shortened until their text takes at most `maxTokens` tokens, which holds from about 120 on. Older items
 * leave before newer ones; constraints leave last, before them goal and facts. An item that would take more than a
 * quarter of the room is cut.
 *
 * @since 0.1.0
 * @category combinators
 */
export const fit = (sections: Sections, counter: Counter, maxTokens: number): Sections => {
  if (counter.text(render(sections)) <= maxTokens) return sections
  const longest = Math.floor((maxTokens - counter.text(render(empty))) / 4)
  const items = readOutline.flatMap((heading) => ranked(heading, sections, counter, longest))
  const assemble = (chosen: ReadonlyArray<Item>) =>
    mapSections((section) => chosen.filter((item) => item.section === section).map(({ item }) => item))
  return assemble(chooseCandidates(items, (chosen) => render(assemble(chosen)), counter, maxTokens))
}

/**
 * The messages to be summarized as text: a line `#seq role` before each, its content indented by a space, so that no
 * content can look like the next message. Redacted; tool results in full, a large one that came before only named.
 *
 * @since 0.1.0
 * @category getters
 */
export const material: (entries: ReadonlyArray<Logged>) => string = Prompt.renderMaterial

/**
 * The same for segments that are to be condensed into one.
 *
 * @since 0.1.0
 * @category getters
 */
export const materialOfSegments: (segments: ReadonlyArray<Segment>) => string = Prompt.renderSegments

/**
 * What a summarizer is to summarize, and how.
 *
 * - `focus`: the topic that gets most of the room
 * - `requests`: the last user turns, which guide the emphasis without a focus
 * - `isAnswered`: the turn the material breaks off in has ended since, or its request is live, so nothing in it is open
 * - `isOfSummaries`: the material are segments to be condensed, not messages
 * - `instructions`: what the application adds
 * - `maxTokens`: how long the answer may be
 * - `rejected`: why the last answer was turned away
 *
 * @since 0.1.0
 * @category models
 */
export type PromptInput = Prompt.PromptInput

/**
 * What a summarizer is asked: its rules as system message, the material and the task as user message. Nothing in the
 * material can end it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const prompt: (input: PromptInput) => ReadonlyArray<Message.Message> = Prompt.renderPrompt

/**
 * The version of the wording that new handoffs are made with.
 *
 * @since 0.1.0
 * @category models
 */
export const RENDERER: number = NEWEST

/**
 * The one message that stands for the middle: the segments, then the ledger. It is marked as background, so that its
 * reader does not take it for a request. The same input gives the same bytes for ever: wordings are kept by version.
 *
 * @since 0.1.0
 * @category constructors
 */
export const message = (input: {
  readonly segments: ReadonlyArray<Segment>
  readonly ledger: string
  readonly renderer: number
}): Message.Message => ({ role: "user", content: renderHandoff(input.segments, input.ledger, input.renderer) })

/**
 * Whether this is a handoff throughline wrote, and not somebody's words.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isHandoff = (message: Message.Message): boolean =>
  message.role === "user" && isHandoffText(Message.text(message))

const ALWAYS: ReadonlyArray<string> = ["Goal", PROGRESS]
const required: ReadonlyArray<string> = readOutline.filter(({ level }) => level === 2).map(({ title }) => title)

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
  facts: items("facts")
})

const bullet = (item: string): string => `- ${lines(item).join("\n  ")}`

const lines = (item: string): ReadonlyArray<string> =>
  item
    .trim()
    .split(/\r\n?|\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")

interface Item {
  readonly rank: number
  readonly text: string
  readonly section: SectionName
  readonly item: string
}

/** The newest item of a section ranks first; across sections, weights compare. */
const ranked = (heading: Heading, sections: Sections, counter: Counter, longest: number): ReadonlyArray<Item> => {
  if (heading.title === PROGRESS) return []
  const items = sections[heading.section]
  return items.flatMap((whole, i) => {
    const item = counter.text(whole) <= longest ? whole : shortenText(whole, counter, longest)
    const isCurrentGoal = heading.section === "goal" && i === items.length - 1
    const rank = isCurrentGoal ? 0 : (items.length - i) / heading.weight
    return item === "" ? [] : [{ rank, text: bullet(item), section: heading.section, item }]
  })
}
