/** Draws the timeline of an audit as an SVG. */
import { escapeXml, renderText, wrapShapes } from "../../picture/svg.ts"
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
  return wrapShapes(WIDTH, height, [
    renderText(12, 20, title, "start", "black"),
    renderText(LEFT, 42, formatTime(from), "start", "#555"),
    renderText(WIDTH - RIGHT, 42, formatTime(to), "end", "#555"),
    ...shown.flatMap((row, index) => drawSvgRow(row, TOP + index * ROW, x)),
    renderText(12, height - 8, describeOmissions(rows.length - shown.length, oneSpanIn), "start", "#555")
  ])
}

const drawSvgRow = (
  { marks, session, spans }: TimelineRow,
  y: number,
  x: (at: number) => number
): ReadonlyArray<string> => {
  const isFaulty = marks.length > 0 || spans.some(({ isFaulty }) => isFaulty)
  const middle = y + ROW / 2
  return [
    renderText(LEFT - 10, middle + 4, shortenSessionId(session, 32), "end", isFaulty ? RED : "black"),
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
