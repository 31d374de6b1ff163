/** The time of each turn as an SVG: a dot a turn, lines at p50 and p99, the scale logarithmic. */
import { quantile } from "./paired.ts"
import * as Svg from "../../src/picture/svg.ts"

export interface Series {
  readonly name: string
  readonly color: string
  /** In milliseconds, turn by turn. */
  readonly times: ReadonlyArray<number>
}

const WIDTH = 720
const HEIGHT = 360
const LEFT = 60
const RIGHT = 170
const TOP = 40
const BOTTOM = 44

export const svg = (title: string, series: ReadonlyArray<Series>): string => {
  const all = series.flatMap(({ times }) => times)
  const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))]
  const turns = Math.max(...series.map(({ times }) => times.length))
  const x = (turn: number) => LEFT + ((WIDTH - LEFT - RIGHT) * turn) / turns
  const y = (time: number) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - Math.log10(time))) / (high - low)
  const line = (time: number, color: string, dashes: string) =>
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(time)}" y2="${y(time)}" stroke="${color}"${dashes}/>`
  const scale = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  const labels = series
    .flatMap(({ color, name, times }) =>
      [0.5, 0.99].map((share) => ({ color, name, share, time: quantile(times, share) }))
    )
    .toSorted((a, b) => b.time - a.time)
  return Svg.wrapShapes(WIDTH, HEIGHT, [
    Svg.renderText(LEFT, 22, title, "start", "black"),
    ...scale.flatMap((time) => [
      line(time, "#ddd", ""),
      Svg.renderText(LEFT - 8, y(time) + 4, `${time} ms`, "end", "#555")
    ]),
    Svg.renderText((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, `turn, 1 to ${turns}`, "middle", "#555"),
    ...series.flatMap(({ color, times }) =>
      times.map(
        (time, turn) => `<circle cx="${x(turn).toFixed(1)}" cy="${y(time).toFixed(1)}" r="1.6" fill="${color}"/>`
      )
    ),
    ...labels.map(({ color, time }) => line(time, color, ` stroke-dasharray="5 4"`)),
    ...labels.map(({ color, name, share, time }, i) =>
      Svg.renderText(
        WIDTH - RIGHT + 8,
        TOP + 14 + i * 18,
        `${name} p${100 * share}: ${time.toFixed(2)} ms`,
        "start",
        color
      )
    )
  ])
}
