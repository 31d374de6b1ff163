/**
 * The headings of a summary: what goes under each, how else models call it, and how long its items stay.
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

/**
 * `section` takes the lines under the heading, `asks` tells a model what belongs there, `alias` recognises other
 * wordings, `weight` says how many items of it are worth one item of weight 1.
 */
export interface Heading {
  readonly section: SectionName
  readonly level: 2 | 3
  readonly title: string
  readonly asks: string
  readonly alias: RegExp
  readonly weight: number
}

/** The heading of three others. */
export const PROGRESS = "Progress"

/** In the order of the text. "Progress" has no items of its own; lines that a model puts there are not called done. */
export const readOutline: ReadonlyArray<Heading> = [
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
    weight: 2
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
  }
]

/** The headings a summary is made of, as one writes them. */
export const renderMarkdown = ({ level, title }: Heading): string => `${"#".repeat(level)} ${title}`

/** The heading a title stands for. The exact one first; then the most specific wording that occurs in it. */
export const findSection = (title: string): Heading | undefined => {
  const name = plain(title)
  return exactly(name) ?? bySpecificity.find(({ alias }) => alias.test(name))
}

/** The heading a title names exactly, but for case, marks and numbering. */
export const findExactSection = (title: string): Heading | undefined => exactly(plain(title))

const exactly = (name: string) => readOutline.find((heading) => plain(heading.title) === name)

/** A line longer than any heading is none. */
const plain = (title: string): string =>
  title.length > 80
    ? ""
    : title
        .toLowerCase()
        .replace(/&/g, "and")
        .replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "")

/** "Open issues" are open work, "critical context" is facts, "task status" is progress. */
const bySpecificity = ["openWork", "inProgress", "done", "blocked", "constraints", "decisions", "errors", "files"]
  .flatMap((section) => readOutline.filter((heading) => heading.section === section))
  .concat(readOutline.filter(({ section }) => section === "facts" || section === "goal"))
