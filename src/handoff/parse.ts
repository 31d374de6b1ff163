/**
 * Reading a summary back: which heading a line stands under, and where an item begins and ends.
 */
import { findSection, findExactSection, type Heading, PROGRESS, type SectionName } from "./outline.ts"

export interface Reading {
  readonly items: ReadonlyMap<SectionName, ReadonlyArray<string>>
  readonly seen: ReadonlySet<string>
}

/** The items under each heading, oldest first, and the titles of the level 2 headings that were there. */
export const readHandoff = (text: string): Reading => {
  const lines = text.split(LINE_END).map((line) => line.trimEnd())
  const items = new Map<SectionName, Array<string>>()
  const seen = new Set<string>()
  // What comes before the first heading is small talk, unless there is nothing else.
  const isHeaded = lines.some((line) => headingOf(line, false) !== undefined)
  const place: Place = { section: isHeaded ? undefined : "facts", indent: -1, isOpen: false, isFenced: false }
  for (const line of lines) {
    const heading = headingOf(line, place.isFenced)
    if (heading !== undefined) enter(heading, place, seen)
    const rest = heading === undefined ? line : heading.rest
    if (place.section !== undefined) readLine(rest, place, itemsOf(items, place.section))
  }
  return { items: withoutNothing(items), seen }
}

/** Where `read` is: under which heading, how far the last bullet was indented, whether its item may go on. */
interface Place {
  section: SectionName | undefined
  indent: number
  isOpen: boolean
  isFenced: boolean
}

const withoutNothing = (items: ReadonlyMap<SectionName, ReadonlyArray<string>>) =>
  new Map(
    [...items]
      .map(([section, list]) => [section, list.filter((item) => item.length > 40 || !NOTHING.test(item))] as const)
      .filter(([, list]) => list.length > 0)
  )

const itemsOf = (items: Map<SectionName, Array<string>>, section: SectionName): Array<string> => {
  const list = items.get(section) ?? []
  items.set(section, list)
  return list
}

const enter = (heading: Found, place: Place, seen: Set<string>): void => {
  if (heading.known !== undefined) seen.add(heading.known.level === 3 ? PROGRESS : heading.known.title)
  // A heading of its own below a known one parts that section's items; it does not end the section.
  if (heading.known !== undefined || heading.level <= 2 || place.section === undefined)
    place.section = heading.known?.section ?? "facts"
  place.indent = -1
  place.isOpen = false
  place.isFenced = false
}

const readLine = (line: string, place: Place, items: Array<string>): void => {
  if (/^(?:```|~~~)/.test(line)) {
    place.isFenced = !place.isFenced
    return
  }
  if (line.trim() === "") {
    place.isOpen = false
    return
  }
  const bulleted = BULLET.exec(line)
  const indent = bulleted?.[1]?.length ?? 0
  const isNested = place.indent >= 0 && (bulleted === null ? isDeeper(line, place) : indent > place.indent)
  const last = items.at(-1)
  if (isNested && last !== undefined) {
    items.splice(-1, 1, `${last}\n${line.replace(/^(?: {2}|\t)/, "")}`)
    return
  }
  const item = (bulleted?.[2] ?? line).trim()
  place.indent = indent
  place.isOpen = bulleted !== null
  if (item !== "") items.push(item)
}

const isDeeper = (line: string, place: Place): boolean => place.isOpen || place.isFenced || /^(?: {2}|\t)/.test(line)

interface Found {
  readonly known: Heading | undefined
  readonly level: number
  readonly rest: string
}

/** Bold lines and lines with a colon are headings only if they name one exactly: items may look like that too. */
const headingOf = (line: string, isFenced: boolean): Found | undefined => {
  const hashes = /^(#{1,6})\s+(.+)$/s.exec(line)
  if (hashes !== null) {
    const [, level = "", title = ""] = hashes
    const known = isFenced ? findExactSection(title) : findSection(title)
    return isFenced && known === undefined ? undefined : { known, level: level.length, rest: "" }
  }
  const bold = /^(?:\d{1,2}[.)]\s+)?\*\*([^*]+?):?\*\*:?\s*(.*)$/s.exec(line) ?? /^(\p{L}[^:*]{0,39}):()$/u.exec(line)
  const known = bold === null || isFenced ? undefined : findExactSection(bold[1] ?? "")
  return known === undefined ? undefined : { known, level: known.level, rest: bold?.[2] ?? "" }
}

const BULLET = /^(\s*)(?:[-*+•]|\d{1,3}[.)])\s+(.*)$/s
const NOTHING = /^[\s(*_[`]*(?:none|n\/a|nothing|not applicable|no blockers?|[-–—.]*)(?: yet| so far)?[\s.)*_\]`]*$/i
const LINE_END = /\r\n?|\n/
