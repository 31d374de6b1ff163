/**
 * Draws `docs/window.svg`, the picture of README: `npx tsx scratch/windowPicture.ts`. A session of a coding agent goes
 * through a gateway with the embedded summarizer; a point is what the model saw in the last step of a turn.
 */
import { Effect, Layer, Logger } from "effect"
import { writeFileSync } from "node:fs"
import * as Gateway from "../src/gateway/Gateway.ts"
import * as Tokens from "../src/message/Tokens.ts"
import * as Scripted from "../src/model/Scripted.ts"
import { SessionId } from "../src/session/Session.ts"
import * as Sqlite from "../src/sqlite/Sqlite.ts"
import * as Session from "./bench/session.ts"

const WINDOW = 128_000
const TURNS = 100
const MODEL_TIME = "200 millis"

/** Tokens of the whole session and of the view, after a turn. */
interface Point {
  readonly log: number
  readonly view: number
}

const runSession = Effect.gen(function* () {
  const gateway = yield* Gateway.Gateway
  const chat = SessionId.make("picture")
  const points: Array<Point> = []
  let log = 0
  for (const { replies, request } of Session.make(TURNS)) {
    yield* gateway.deliver(chat, request)
    const view = yield* gateway.turn(chat, ({ append, step }) =>
      step((view) => append(...replies).pipe(Effect.delay(MODEL_TIME), Effect.as(view)))
    )
    const added = replies.reduce((sum, message) => sum + Tokens.estimate.message(message), 0)
    log += Tokens.estimate.message(request) + added
    points.push({ log, view: view.tokens + added })
  }
  return points
})

const WIDTH = 680
const HEIGHT = 260
const PLOT = { left: 46, right: 668, top: 14, bottom: 222 }

const draw = (points: ReadonlyArray<Point>): string => {
  const last = points.at(-1)?.log ?? 0
  const top = Math.ceil(last / 50_000) * 50_000
  const x = (turn: number) => PLOT.left + ((PLOT.right - PLOT.left) * (turn + 1)) / TURNS
  const y = (tokens: number) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * tokens) / top
  const path = (read: (point: Point) => number) =>
    points.map((point, turn) => `${turn === 0 ? "M" : "L"}${x(turn).toFixed(1)} ${y(read(point)).toFixed(1)}`).join("")
  const label = (atX: number, atY: number, words: string, kind: string, anchor = "start") =>
    `<text x="${atX}" y="${atY.toFixed(1)}" class="${kind}" text-anchor="${anchor}">${words}</text>`
  const thousands = (tokens: number) => `${Math.round(tokens / 1_000)}k`
  const peak = Math.max(...points.map(({ view }) => view))
  const highest = `${Math.ceil(peak / 1_000)}k`
  const drops = points.filter(({ view }, turn) => view < (points[turn - 1]?.view ?? 0)).length
  const ticks = Array.from({ length: top / 50_000 }, (_, n) => (n + 1) * 50_000)
  const alt = `A session of ${thousands(last)} tokens in ${TURNS} turns: the view stays below ${highest} of a window of ${thousands(WINDOW)}.`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${alt}</title>`,
    "<style>",
    "  text { fill: #57606a } .log { fill: #a0616a } .view { fill: #1a7f5a } .window { fill: #57606a }",
    "  path { fill: none; stroke-width: 2; stroke-linejoin: round } path.log { fill: none; stroke: #a0616a; stroke-dasharray: 5 4 }",
    "  path.view { fill: none; stroke: #1a7f5a } line { stroke: #57606a } line.tick { stroke: #8b949e; stroke-opacity: 0.3 }",
    "  @media (prefers-color-scheme: dark) {",
    "    text, .window { fill: #9ea7b3 } .log { fill: #d98f98 } .view { fill: #4cc38a }",
    "    path.log { stroke: #d98f98 } path.view { stroke: #4cc38a } line { stroke: #9ea7b3 }",
    "  }",
    "</style>",
    ...ticks.flatMap((tokens) => [
      `<line class="tick" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(tokens).toFixed(1)}" y2="${y(tokens).toFixed(1)}"/>`,
      label(PLOT.left - 6, y(tokens) + 4, thousands(tokens), "tick", "end")
    ]),
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`,
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(WINDOW).toFixed(1)}" y2="${y(WINDOW).toFixed(1)}"/>`,
    label(PLOT.left + 6, y(WINDOW) - 5, `the model's window, ${thousands(WINDOW)} tokens`, "window"),
    `<path class="log" d="${path(({ log }) => log)}"/>`,
    `<path class="view" d="${path(({ view }) => view)}"/>`,
    label(x(TURNS - 12), y(points[TURNS - 14]?.log ?? 0) - 8, `the session, ${thousands(last)}`, "log", "end"),
    label(PLOT.right, y(peak) - 8, `what the model sees: ${drops} compressions, never above ${highest}`, "view", "end"),
    label(PLOT.left, PLOT.bottom + 18, "turn 1", "tick"),
    label(PLOT.right, PLOT.bottom + 18, `turn ${TURNS}`, "tick", "end"),
    "</svg>",
    ""
  ].join("\n")
}

const live = Gateway.layer({ policy: { contextLength: WINDOW }, routes: [] }).pipe(
  Layer.provide([Sqlite.layerTemporary, Scripted.layer([])]),
  Layer.provide(Logger.replace(Logger.defaultLogger, Logger.none))
)
const points = await Effect.runPromise(Effect.provide(runSession, live))
writeFileSync("docs/window.svg", draw(points))
console.log(`docs/window.svg: ${TURNS} turns, ${points.at(-1)?.log} tokens in all`)
