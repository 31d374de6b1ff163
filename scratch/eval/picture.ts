/** Draws the share that is left after each compression, as an SVG. */
import * as Svg from "../../src/picture/svg.ts"

export interface Line {
  readonly name: string
  readonly color: string
  /** From 0 to 1, after 1, 2, 3 … compressions. */
  readonly shares: ReadonlyArray<number>
}

const WIDTH = 640
const HEIGHT = 360
const LEFT = 56
const RIGHT = 200
const TOP = 40
const BOTTOM = 48

export const svg = (title: string, lines: ReadonlyArray<Line>, gate: number): string => {
  const most = Math.max(2, ...lines.map(({ shares }) => shares.length))
  const x = (n: number) => LEFT + ((WIDTH - LEFT - RIGHT) * n) / (most - 1)
  const y = (share: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
  return Svg.wrapShapes(WIDTH, HEIGHT, [
    Svg.renderText(LEFT, 22, title, "start", "black"),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((share) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/>`,
      Svg.renderText(LEFT - 8, y(share) + 4, `${Math.round(share * 100)} %`, "end", "#555")
    ]),
    ...Array.from({ length: most }, (_, n) =>
      Svg.renderText(x(n), HEIGHT - BOTTOM + 18, String(n + 1), "middle", "#555")
    ),
    Svg.renderText((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "compressions", "middle", "#555"),
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(gate)}" y2="${y(gate)}" stroke="#c33" stroke-dasharray="4 4"/>`,
    ...lines.flatMap(({ color, name, shares }) => [
      `<polyline fill="none" stroke="${color}" stroke-width="2" points="${shares.map((share, n) => `${x(n).toFixed(1)},${y(share).toFixed(1)}`).join(" ")}"/>`,
      Svg.renderText(WIDTH - RIGHT + 8, y(shares.at(-1) ?? 0) + 4, name, "start", color)
    ])
  ])
}
