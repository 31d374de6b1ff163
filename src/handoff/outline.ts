/**
 * The headings of a summary: what goes under each, how else models call it, and how long its items stay. Reads a summary
 * back by them.
 */

export type SectionName =
  | "goal"
  | "constraints"
  | "done"
  | "inProgress"
  | "blocked"
  | "decisions"
  | "errors"
  | "files"
  | "openWork"
  | "facts"
  | "said"

/**
 * - `section`: takes the lines under the heading
 * - `asks`: tells a model what belongs there; null where plain code writes it
 * - `alias`: matches other wordings of the title
 * - `weight`: how many items are kept for each item of a heading of weight 1
 */
export interface Heading {
  readonly section: SectionName
  readonly level: 2 | 3
  readonly title: string
  readonly asks: string | null
  readonly alias: RegExp
  readonly weight: number
}

/** The heading above three others. */
export const PROGRESS = "Progress"

/** In the order of the text. "Progress" has no items of its own: lines that a model puts there count as in progress. */
export const HEADINGS: ReadonlyArray<Heading> = [
  {
    section: "goal",
    level: 2,
    title: "Goal",
    asks: "what the user wants overall, and of late",
    alias: /\b(?:goals?|objectives?|intent|purpose|primary request|user requests?|tasks?)\b/,
    weight: 8
  },
  {
    section: "constraints",
    level: 2,
    title: "Constraints and preferences",
    asks: "rules and wishes of the user, word for word",
    alias: /\b(?:constraints?|preferences?|rules|requirements?)\b/,
    weight: Number.POSITIVE_INFINITY
  },
  {
    section: "inProgress",
    level: 2,
    title: PROGRESS,
    asks: "",
    alias: /\b(?:progress|status|current state)\b/,
    weight: 4
  },
  {
    section: "done",
    level: 3,
    title: "Done",
    asks: "what is finished, with file names and results",
    alias: /\b(?:done|completed?|accomplish\w*|finished)\b/,
    weight: 4
  },
  {
    section: "inProgress",
    level: 3,
    title: "In progress",
    asks: "what was being worked on at the end",
    alias: /\b(?:in[- ]progress|current (?:work|task|focus)|ongoing|working on)\b/,
    weight: 4
  },
  {
    section: "blocked",
    level: 3,
    title: "Blocked",
    asks: "what cannot go on, and why",
    alias: /\b(?:blocked|blockers?|waiting)\b/,
    weight: 3
  },
  {
    section: "decisions",
    level: 2,
    title: "Decisions",
    asks: "what was decided, and why",
    alias: /\b(?:decisions?|decided|choices)\b/,
    weight: 3
  },
  {
    section: "errors",
    level: 2,
    title: "Errors and fixes",
    asks: "exact error texts, and what solved them or did not",
    alias: /\b(?:errors?|fixes|problems?|issues?|bugs?)\b/,
    weight: 3
  },
  {
    section: "files",
    level: 2,
    title: "Files",
    asks: "paths read or changed, and what matters in each",
    alias: /\b(?:files?|artifacts?|code sections?)\b/,
    weight: 2
  },
  {
    section: "openWork",
    level: 2,
    title: "Open work",
    asks: "what was asked for and is not finished",
    alias: /\b(?:open|next steps?|remaining|to-?dos?|pending|outstanding)\b/,
    weight: 4
  },
  {
    section: "facts",
    level: 2,
    title: "Critical facts",
    asks: "ids, hashes, URLs, ports, versions, numbers, names: exactly as written",
    alias: /\b(?:facts?|critical|context|identifiers?|references?|notes?)\b/,
    weight: 6
  },
  { section: "said", level: 2, title: "The user's words", asks: null, alias: /(?!)/, weight: 8 }
]

/** The headings that a model is asked for. */
export const ASKED_HEADINGS = HEADINGS.filter(({ asks }) => asks !== null)

/** Renders a heading as Markdown. */
export const renderHeading = ({ level, title }: Heading): string => `${"#".repeat(level)} ${title}`

/** Finds the heading of a title: the one of that title, else the first whose wording occurs in it. */
const findHeading = (title: string): Heading | undefined => {
  const name = normalizeTitle(title)
  return BY_TITLE.get(name) ?? BY_SPECIFICITY.find(({ alias }) => alias.test(name))
}

/** Finds the heading of exactly this title; case, marks and numbering do not matter. */
const findExactHeading = (title: string): Heading | undefined => BY_TITLE.get(normalizeTitle(title))

/** Lines longer than any heading become empty, so that they match none. */
const normalizeTitle = (title: string): string => {
  if (title.length > 80) return ""
  const lower = title.toLowerCase()
  return IS_NORMAL.test(lower) ? lower : lower.replace(/&/g, "and").replace(/^\P{L}+|(?<=\p{L})\P{L}+$/gu, "")
}

/** Found in most titles: they begin and end with a letter, and an expression for letters of any script is slow. */
const IS_NORMAL = /^[a-z](?:[a-z\d ',/-]{0,78}[a-z])?$/

const BY_TITLE: ReadonlyMap<string, Heading> = new Map(
  HEADINGS.map((heading) => [normalizeTitle(heading.title), heading])
)

/** Earlier headings win: "open issues" are open work, "critical context" is facts, "task status" is progress. */
const BY_SPECIFICITY = ["openWork", "inProgress", "done", "blocked", "constraints", "decisions", "errors", "files"]
  .flatMap((section) => HEADINGS.filter((heading) => heading.section === section))
  .concat(HEADINGS.filter(({ section }) => section === "facts" || section === "goal"))

// ── reading a summary back: the heading a line stands under, and where an item begins and ends ──

export interface Reading {
  readonly items: ReadonlyMap<SectionName, ReadonlyArray<string>>
  readonly seen: ReadonlySet<string>
}

/** Reads the items under each heading, oldest first, and the titles of the level 2 headings in the text. */
export const readSections = (text: string): Reading => {
  const items = new Map<SectionName, Array<string>>()
  const seen = new Set<string>()
  const place: ReaderState = { section: "facts", indent: -1, isOpen: false, isFenced: false }
  let isHeaded = false
  for (const line of readLines(text)) {
    if (line === "") {
      place.isOpen = false
      continue
    }
    const heading = readHeading(line, isHeaded && place.isFenced)
    if (heading !== undefined && !isHeaded) {
      // Text before the first heading is small talk, unless there is no heading at all.
      items.clear()
      place.section = undefined
      isHeaded = true
    }
    if (heading !== undefined) enterHeading(heading, place, seen)
    const rest = heading === undefined ? line : heading.rest
    if (place.section !== undefined) readLine(rest, place, itemsOf(items, place.section))
  }
  return { items: dropEmptyItems(items), seen }
}

/** One after the other, without blanks at its end: a million lines at once take longer to keep than to make. */
function* readLines(text: string): Generator<string> {
  const plain = text.includes("\r") ? text.replace(LINE_END, "\n") : text
  for (let start = 0; start <= plain.length;) {
    const end = plain.indexOf("\n", start)
    yield plain.slice(start, end < 0 ? undefined : end).trimEnd()
    start = end < 0 ? Infinity : end + 1
  }
}

/** State of the reader: the current section, the indent of the last bullet, and whether its item may go on. */
interface ReaderState {
  section: SectionName | undefined
  indent: number
  isOpen: boolean
  isFenced: boolean
}

const dropEmptyItems = (items: ReadonlyMap<SectionName, ReadonlyArray<string>>) =>
  new Map(
    [...items]
      .map(
        ([section, list]) => [section, list.some(isNothing) ? list.filter((item) => !isNothing(item)) : list] as const
      )
      .filter(([, list]) => list.length > 0)
  )

const isNothing = (item: string): boolean =>
  item.length <= 40 && NOTHING_STARTS.has(item.charCodeAt(0)) && NOTHING.test(item)

const itemsOf = (items: Map<SectionName, Array<string>>, section: SectionName): Array<string> => {
  const known = items.get(section)
  if (known !== undefined) return known
  const list: Array<string> = []
  items.set(section, list)
  return list
}

const enterHeading = (heading: FoundHeading, place: ReaderState, seen: Set<string>): void => {
  if (heading.known !== undefined) seen.add(heading.known.level === 3 ? PROGRESS : heading.known.title)
  // An unknown heading below a known one separates items of its section; it does not end the section.
  if (heading.known !== undefined || heading.level <= 2 || place.section === undefined)
    place.section = heading.known?.section ?? "facts"
  place.indent = -1
  place.isOpen = false
  place.isFenced = false
}

const readLine = (line: string, place: ReaderState, items: Array<string>): void => {
  if (line.startsWith("```") || line.startsWith("~~~")) {
    place.isFenced = !place.isFenced
    return
  }
  if (line === "") return
  BULLET.lastIndex = 0
  const isBulleted = mayBeBullet(line.charCodeAt(0)) && BULLET.test(line)
  const indent = isBulleted ? line.length - line.trimStart().length : 0
  const isNested = place.indent >= 0 && (isBulleted ? indent > place.indent : continuesItem(line, place))
  const last = items.at(-1)
  if (isNested && last !== undefined) {
    items[items.length - 1] = `${last}\n${line.replace(/^(?: {2}|\t)/, "")}`
    return
  }
  const item = (isBulleted ? line.slice(BULLET.lastIndex) : line).trim()
  place.indent = indent
  place.isOpen = isBulleted
  if (item !== "") items.push(item)
}

/** Tells most lines by their first sign: an expression for each takes longer. Blanks are up to 32 and beyond ASCII. */
const mayBeBullet = (sign: number): boolean => sign <= 32 || sign > 127 || BULLET_STARTS.has(sign)

const continuesItem = (line: string, place: ReaderState): boolean =>
  place.isOpen || place.isFenced || line.startsWith("  ") || line.startsWith("\t")

interface FoundHeading {
  readonly known: Heading | undefined
  readonly level: number
  readonly rest: string
}

/** Bold lines and lines with a colon are headings only by their exact title, since items may look like that too. */
const readHeading = (line: string, isFenced: boolean): FoundHeading | undefined => {
  // Most lines are told by how they begin or end, and no expression is tried.
  if (line.startsWith("#")) return readMarkedHeading(line, isFenced)
  const isBold = BOLD_STARTS.has(line.charCodeAt(0))
  if (isFenced || !(isBold || line.endsWith(":"))) return undefined
  const [, title, rest = ""] = (isBold ? BOLD : LABEL).exec(line) ?? []
  const known = title === undefined ? undefined : findExactHeading(title)
  return known && { known, level: known.level, rest }
}

const readMarkedHeading = (line: string, isFenced: boolean): FoundHeading | undefined => {
  const [, level = "", title] = /^(#{1,6})\s+(.+)$/s.exec(line) ?? []
  if (title === undefined) return undefined
  const known = isFenced ? findExactHeading(title) : findHeading(title)
  return isFenced && known === undefined ? undefined : { known, level: level.length, rest: "" }
}

const signsOf = (signs: string): ReadonlySet<number> => new Set(Array.from(signs, (sign) => sign.charCodeAt(0)))

const BOLD_STARTS = signsOf("*0123456789")
const BOLD = /^(?:\d{1,2}[.)]\s+)?\*\*([^*]+?):?\*\*:?\s*(.*)$/s
const LABEL = /^(\p{L}[^:*]{0,39}):$/u

const BULLET_STARTS = signsOf("-*+0123456789")
const BULLET = /\s*(?:[-*+•]|\d{1,3}[.)])\s+/y
const NOTHING = /^[\s(*_[`]*(?:none|n\/a|nothing|not applicable|no blockers?|[-–—.]*)(?: yet| so far)?[\s.)*_\]`]*$/i
/** Tells most items by their first sign. */
const NOTHING_STARTS = signsOf("(*_[`nN-–—.)]")
const LINE_END = /\r\n?/g
