/** Draws a window over time: how full it was, where compressions made it smaller, and where somebody waited for one. */
import { type Drawing, makeLine, makeText, roundTenth, type Shape } from "./svg.ts"

/** The tokens of the view at a place on the axis, and those of the whole session, where they are drawn. */
export interface Point {
  readonly x: number
  readonly view: number
  readonly log?: number
}

/** A place where the view became smaller. `title` says more. */
export interface Mark {
  readonly x: number
  readonly before: number
  readonly after: number
  readonly title: string
}

export interface Wait {
  readonly from: number
  readonly to: number
  readonly title: string
}

/**
 * - `points`: in order of `x`, which is a number of a turn, a message, or a time
 * - `window`: the tokens that the model takes, if they are drawn
 * - `hard`: the tokens after which a step waits for a compression
 * - `words`: what stands at the lines of view and log, and at both ends of the axis
 */
export interface WindowPicture {
  readonly title: string
  readonly points: ReadonlyArray<Point>
  readonly marks: ReadonlyArray<Mark>
  readonly waits: ReadonlyArray<Wait>
  readonly window?: number | undefined
  readonly hard?: number | undefined
  readonly words: {
    readonly view: string
    readonly log?: string
    readonly window?: string
    readonly from: string
    readonly to: string
  }
}

const WIDTH = 680
const HEIGHT = 260
const PLOT = { left: 46, right: 668, top: 14, bottom: 222 }

/** More points than columns of pixels say no more. */
const MOST_COLUMNS = 2 * (PLOT.right - PLOT.left)

export const drawWindowPicture = (picture: WindowPicture): Drawing => {
  const { hard, marks, title, waits, window, words } = picture
  const points = thinPoints(picture.points)
  const highest = points.reduce((most, { log = 0, view }) => Math.max(most, log, view), window ?? 1)
  const tick = chooseTick(highest)
  const top = Math.ceil((highest * 1.04) / tick) * tick
  const from = points[0]?.x ?? 0
  const to = Math.max(points.at(-1)?.x ?? 0, from + 1)
  const x = (at: number) =>
    PLOT.left + ((PLOT.right - PLOT.left) * (Math.min(to, Math.max(from, at)) - from)) / (to - from)
  const y = (tokens: number) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * tokens) / top
  const peak = points.reduce((most, { view }) => Math.max(most, view), 0)
  const ticks = Array.from({ length: Math.floor(top / tick) }, (_, n) => (n + 1) * tick)
  const logAt = points[Math.floor(points.length * 0.86)]
  return {
    width: WIDTH,
    height: HEIGHT,
    title,
    shapes: [
      ...ticks.flatMap((tokens) => [
        makeLine("tick", PLOT.left, y(tokens), PLOT.right, y(tokens)),
        makeText(PLOT.left - 6, y(tokens) + 4, formatThousands(tokens), "tick", "end")
      ]),
      ...waits.map((wait) => drawWait(wait, x)),
      makeLine("axis", PLOT.left, PLOT.bottom, PLOT.right, PLOT.bottom),
      ...[window].flatMap((tokens) =>
        tokens === undefined ? [] : [makeLine("window", PLOT.left, y(tokens), PLOT.right, y(tokens))]
      ),
      ...(hard === undefined || hard >= (window ?? 0)
        ? []
        : [makeLine("hard", PLOT.left, y(hard), PLOT.right, y(hard))]),
      ...(words.log === undefined ? [] : [drawPath("log", points, ({ log = 0 }) => log, x, y)]),
      drawPath("view", points, ({ view }) => view, x, y),
      ...marks.map((mark) => drawMark(mark, x, y)),
      ...(window === undefined ? [] : [makeText(PLOT.left + 6, y(window) - 5, words.window ?? "", "window")]),
      ...(words.log === undefined || logAt === undefined
        ? []
        : [makeText(x(logAt.x) - 4, y(logAt.log ?? 0) - 8, words.log, "log", "end")]),
      makeText(PLOT.right, labelHeight(y(peak), y(window ?? Infinity)), words.view, "view", "end"),
      makeText(PLOT.left, PLOT.bottom + 18, words.from, "tick"),
      makeText(PLOT.right, PLOT.bottom + 18, words.to, "tick", "end")
    ]
  }
}

/** Above the highest point, or below the line of the window where the words would touch those of the window. */
const labelHeight = (peak: number, window: number): number =>
  Math.abs(peak - 8 - (window - 5)) < 14 ? Math.max(PLOT.top + 10, window - 19) : peak - 8

const drawPath = (
  kind: string,
  points: ReadonlyArray<Point>,
  read: (point: Point) => number,
  x: (at: number) => number,
  y: (tokens: number) => number
): Shape => ({
  tag: "path",
  attributes: {
    class: kind,
    d: points
      .map((point, n) => `${n === 0 ? "M" : "L"}${roundTenth(x(point.x))} ${roundTenth(y(read(point)))}`)
      .join("")
  }
})

const drawMark = (mark: Mark, x: (at: number) => number, y: (tokens: number) => number): Shape => ({
  tag: "circle",
  attributes: { class: "mark", cx: roundTenth(x(mark.x)), cy: roundTenth(y(mark.after)), r: 3 },
  title: mark.title
})

/** A band as high as the plot, wide enough to be seen. */
const drawWait = (wait: Wait, x: (at: number) => number): Shape => ({
  tag: "rect",
  attributes: {
    class: "wait",
    x: roundTenth(x(wait.from)),
    y: PLOT.top,
    width: Math.max(2, roundTenth(x(wait.to) - x(wait.from))),
    height: PLOT.bottom - PLOT.top
  },
  title: wait.title
})

/** Keeps the lowest and the highest point of each column, so that no peak and no drop is lost. */
const thinPoints = (points: ReadonlyArray<Point>): ReadonlyArray<Point> => {
  if (points.length <= MOST_COLUMNS) return points
  const size = Math.ceil((2 * points.length) / MOST_COLUMNS)
  const kept: Array<Point> = []
  for (let start = 0; start < points.length; start += size) {
    const column = points.slice(start, start + size)
    const least = column.reduce((a, b) => (b.view < a.view ? b : a))
    const most = column.reduce((a, b) => (b.view > a.view ? b : a))
    kept.push(...(least === most ? [least] : least.x < most.x ? [least, most] : [most, least]))
  }
  return kept
}

/** A round distance that gives four to eight ticks. */
const chooseTick = (highest: number): number => {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, highest / 4)))
  return [5, 2.5, 2, 1].map((factor) => factor * size).find((tick) => highest / tick >= 4) ?? size
}

/** `1.5k` below ten thousand, `120k` below a million. */
export const formatThousands = (tokens: number): string => {
  if (tokens < 1_000) return String(Math.round(tokens))
  const [size, unit] = tokens < 1_000_000 ? [1_000, "k"] : [1_000_000, "M"]
  const share = tokens / size
  return `${share < 10 ? Math.round(share * 10) / 10 : Math.round(share)}${unit}`
}

/** The colors of the drawing in a file of its own, light and dark. */
export const WINDOW_STYLE = `
  text { fill: #57606a } .log { fill: #a0616a } .view { fill: #1a7f5a } .window { fill: #57606a }
  path { fill: none; stroke-width: 2; stroke-linejoin: round } path.log { fill: none; stroke: #a0616a; stroke-dasharray: 5 4 }
  path.view { fill: none; stroke: #1a7f5a } line { stroke: #57606a } line.tick { stroke: #8b949e; stroke-opacity: 0.3 }
  line.hard { stroke: #9a6700; stroke-dasharray: 2 3 } circle.mark { fill: #fff; stroke: #1a7f5a; stroke-width: 1.5 }
  rect.wait { fill: #bf8700; fill-opacity: 0.35 }
  @media (prefers-color-scheme: dark) {
    text, .window { fill: #9ea7b3 } .log { fill: #d98f98 } .view { fill: #4cc38a }
    path.log { stroke: #d98f98 } path.view { stroke: #4cc38a } line { stroke: #9ea7b3 }
    line.hard { stroke: #d4a72c } circle.mark { fill: #0d1117; stroke: #4cc38a } rect.wait { fill: #d4a72c }
  }
`
