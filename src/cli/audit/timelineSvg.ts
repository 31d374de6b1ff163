/** Draws the timeline of an audit as an SVG. */
import { formatTime, type TimelineRow, shortenSessionId, type Timeline } from "./timeline.ts"

const WIDTH = 960
const LEFT = 240
const RIGHT = 20
const TOP = 56
const ROW = 22
const MOST_ROWS = 400
const RED = "#d22"
const BLUE = "#36c"

export const drawTimelineSvg = ({ from, oneSpanIn, rows, to }: Timeline, title: string): string => {
  const shown = rows.slice(0, MOST_ROWS)
  const x = (at: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (at - from)) / Math.max(1, to - from)
  const height = TOP + shown.length * ROW + 24
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    textElement(12, 20, title, "start", "black"),
    textElement(LEFT, 42, formatTime(from), "start", "#555"),
    textElement(WIDTH - RIGHT, 42, formatTime(to), "end", "#555"),
    ...shown.flatMap((row, index) => drawSvgRow(row, TOP + index * ROW, x)),
    textElement(12, height - 8, describeOmissions(rows.length - shown.length, oneSpanIn), "start", "#555"),
    "</svg>",
    ""
  ].join("\n")
}

const drawSvgRow = (
  { marks, session, spans }: TimelineRow,
  y: number,
  x: (at: number) => number
): ReadonlyArray<string> => {
  const isFaulty = marks.length > 0 || spans.some(({ isFaulty }) => isFaulty)
  const middle = y + ROW / 2
  return [
    textElement(LEFT - 10, middle + 4, shortenSessionId(session, 32), "end", isFaulty ? RED : "black"),
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${middle}" y2="${middle}" stroke="#ddd"/>`,
    ...spans
      .toSorted((a, b) => Number(a.isFaulty) - Number(b.isFaulty))
      .map(({ from, isFaulty, to }) => {
        const width = Math.max(2, x(to) - x(from)).toFixed(1)
        const color = isFaulty ? RED : BLUE
        const about = `<title>${escapeXml(`${formatTime(from)} to ${formatTime(to)}`)}</title>`
        return `<rect x="${x(from).toFixed(1)}" y="${y + 4}" width="${width}" height="${ROW - 8}" fill="${color}">${about}</rect>`
      }),
    ...marks.map((at) => `<circle cx="${x(at).toFixed(1)}" cy="${middle}" r="3" fill="white" stroke="${RED}"/>`)
  ]
}

const describeOmissions = (sessions: number, oneSpanIn: number): string =>
  [
    ...(sessions > 0 ? [`and ${sessions} more sessions`] : []),
    ...(oneSpanIn > 1 ? [`one in ${oneSpanIn} of the operations without a violation is drawn`] : [])
  ].join("; ")

const textElement = (x: number, y: number, text: string, anchor: "start" | "end", color: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}">${escapeXml(text)}</text>`

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

const escapeXml = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? "")
