/** The timeline of an audit: a row for each session, time to the right, violations in red. */
import type { Report, Span } from "../../audit/Audit.ts"
import { makePrintable, paintGlyphs } from "../terminal/printable.ts"
import type { Style } from "../terminal/terminal.ts"

/** A session with its operations, and the times of its violations. */
export interface TimelineRow {
  readonly session: string
  readonly spans: ReadonlyArray<TimeRange>
  readonly marks: ReadonlyArray<number>
}

/** The times of an operation. One without an end is drawn at its start. */
export interface TimeRange {
  readonly from: number
  readonly to: number
  readonly isFaulty: boolean
}

export interface Timeline {
  readonly rows: ReadonlyArray<TimelineRow>
  readonly from: number
  readonly to: number
  /** Draws one in this many of the operations without a violation. */
  readonly oneSpanIn: number
}

/** Puts sessions with a violation first. Returns nothing if the log lines have no times. */
export const makeTimeline = ({ findings, oneSpanIn, spans }: Report): Timeline | undefined => {
  const bySession = new Map<string, { readonly spans: Array<TimeRange>; readonly marks: Array<number> }>()
  const rowOf = (session: string) => {
    const row = bySession.get(session) ?? { spans: [], marks: [] }
    bySession.set(session, row)
    return row
  }
  for (const { at, session } of findings) if (at !== null) rowOf(session).marks.push(at)
  for (const span of spans) rowOf(span.session).spans.push(...timesOfSpan(span))
  const rows = Array.from(bySession, ([session, row]) => ({ session, ...row }))
  const times = rows.flatMap(({ marks, spans }) => [...marks, ...spans.flatMap(({ from, to }) => [from, to])])
  if (times.length === 0) return undefined
  const [from, to] = times.reduce(([low, high], at) => [Math.min(low, at), Math.max(high, at)], [Infinity, -Infinity])
  return { rows, from, to, oneSpanIn }
}

const MOST_ROWS = 24
const NAME = 28
const CLEAN = "█"
const FAULTY = "!"
const RED = 31
const BLUE = 34

/** Draws the timeline as lines for a terminal. Without color only the glyphs tell violations apart. */
export const drawTimeline = (
  { from, oneSpanIn, rows, to }: Timeline,
  { color, width }: Style
): ReadonlyArray<string> => {
  const shown = rows.slice(0, MOST_ROWS)
  const name = Math.min(NAME, Math.max(...shown.map(({ session }) => session.length)))
  const inner = Math.max(20, width - name - 2)
  const columnOf = (at: number) => Math.min(inner - 1, Math.floor(((at - from) / Math.max(1, to - from)) * inner))
  const begin = formatTime(from)
  const end = formatTime(to)
  return [
    `${" ".repeat(name + 2)}${begin}${end.padStart(Math.max(end.length + 1, inner - begin.length))}`,
    ...shown.map((row) =>
      `${shortenSessionId(row.session, name).padEnd(name)}  ${drawRow(row, columnOf, inner, color)}`.trimEnd()
    ),
    ...(rows.length > MOST_ROWS ? [`and ${rows.length - MOST_ROWS} more sessions`] : []),
    ...(oneSpanIn > 1 ? [`one in ${oneSpanIn} of the operations without a violation is drawn`] : [])
  ]
}

const drawRow = (row: TimelineRow, columnOf: (at: number) => number, width: number, color: boolean): string => {
  const glyphs = Array.from({ length: width }, () => " ")
  const fillColumns = (from: number, to: number, glyph: string) => glyphs.fill(glyph, columnOf(from), columnOf(to) + 1)
  for (const { from, isFaulty, to } of row.spans) if (!isFaulty) fillColumns(from, to, CLEAN)
  for (const { from, isFaulty, to } of row.spans) if (isFaulty) fillColumns(from, to, FAULTY)
  for (const at of row.marks) fillColumns(at, at, FAULTY)
  const line = glyphs.join("")
  return color ? line.replaceAll(/█+|!+/g, (run) => paintGlyphs(run, run.startsWith(FAULTY) ? RED : BLUE)) : line
}

const timesOfSpan = ({ from, isFaulty, to }: Span): ReadonlyArray<TimeRange> =>
  from === null ? [] : [{ from, to: Math.max(from, to ?? from), isFaulty }]

/** Keeps both ends of an id: most ids begin with a date, so that the start alone does not tell them apart. */
export const shortenSessionId = (session: string, width: number): string => {
  const name = makePrintable(session)
  if (name.length <= width) return name
  const left = Math.ceil((width - 1) / 2)
  return `${name.slice(0, left)}…${name.slice(name.length - (width - 1 - left))}`
}

/** Prints a time as the log has it, without a zone. The lines of the pretty logger have the time of day alone. */
export const formatTime = (at: number): string =>
  new Date(at)
    .toISOString()
    .replace(/^1970-01-01T/, "")
    .replace("T", " ")
    .replace(/(?:\.000)?Z$/, "")
