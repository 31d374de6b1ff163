/** Draws who answered which session when: a row is a session, a bar a turn, its color the host. */
import { type Drawing, makeLine, makeText, renderDrawing, roundTenth, type Shape } from "../../src/picture/svg.ts"

/** A turn on a host, which has a number. Times are in milliseconds since the start. */
export interface Turn {
  readonly session: string
  readonly host: number
  readonly from: number
  readonly to: number
  /** False for one that its host was in the middle of when it was killed. */
  readonly isAnswered: boolean
}

export interface Run {
  readonly sessions: ReadonlyArray<string>
  readonly hosts: number
  readonly turns: ReadonlyArray<Turn>
  /** The host that was killed, and when. */
  readonly killed: { readonly host: number; readonly at: number }
}

const WIDTH = 720
const LEFT = 80
const RIGHT = 20
const TOP = 62
const ROW = 24
const BAR = 14

export const drawRun = ({ hosts, killed, sessions, turns }: Run): string => {
  const end = Math.max(...turns.map(({ to }) => to))
  const bottom = TOP + sessions.length * ROW
  const x = (time: number) => LEFT + ((WIDTH - LEFT - RIGHT) * time) / end
  const y = (session: string) => TOP + sessions.indexOf(session) * ROW
  const bar = ({ from, host, isAnswered, session, to }: Turn): Shape => ({
    tag: "rect",
    attributes: {
      class: isAnswered ? `h${host}` : `h${host} cut`,
      x: roundTenth(x(from)),
      y: y(session) + (ROW - BAR) / 2,
      width: roundTenth(Math.max(1, x(to) - x(from))),
      height: BAR
    }
  })
  const legend = Array.from({ length: hosts }, (_, host): ReadonlyArray<Shape> => {
    const left = LEFT + host * 90
    return [
      { tag: "rect", attributes: { class: `h${host}`, x: left, y: 12, width: 12, height: 12 } },
      makeText(left + 18, 22, `host ${host + 1}`, "label")
    ]
  })
  const seconds = Array.from({ length: Math.floor(end / 1_000) + 1 }, (_, second) => second)
  const drawing: Drawing = {
    width: WIDTH,
    height: bottom + 24,
    title:
      `Who answered which session when: ${sessions.length} sessions on ${hosts} hosts. Host ${killed.host + 1} is killed ` +
      `after ${(killed.at / 1_000).toFixed(1)} s, and the others answer its sessions.`,
    shapes: [
      ...legend.flat(),
      ...seconds.map((second) => makeLine("tick", x(second * 1_000), TOP, x(second * 1_000), bottom)),
      ...seconds.map((second) => makeText(x(second * 1_000), bottom + 16, `${second} s`, "label", "middle")),
      ...sessions.map((session) => makeText(LEFT - 10, y(session) + ROW / 2 + 4, session, "label", "end")),
      ...turns.map(bar),
      makeLine("kill", x(killed.at), TOP - 8, x(killed.at), bottom),
      makeText(x(killed.at), TOP - 14, `host ${killed.host + 1} is killed`, "kill", "middle")
    ]
  }
  return renderDrawing(drawing, STYLE)
}

const STYLE = `
  text { fill: #57606a } text.kill { fill: #cf222e } line.kill { stroke: #cf222e; stroke-width: 1.5 }
  line.tick { stroke: #8b949e; stroke-opacity: 0.3 } .cut { fill-opacity: 0.3 }
  .h0 { fill: #0969da } .h1 { fill: #bf8700 } .h2 { fill: #1a7f5a }
  @media (prefers-color-scheme: dark) {
    text { fill: #9ea7b3 } text.kill { fill: #ff7b72 } line.kill { stroke: #ff7b72 }
    .h0 { fill: #58a6ff } .h1 { fill: #d4a72c } .h2 { fill: #4cc38a }
  }
`
