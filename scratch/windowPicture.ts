/**
 * Draws `docs/window.svg`, the picture of README: `npx tsx scratch/windowPicture.ts`. A session of a coding agent goes
 * through a gateway with the embedded summarizer; a point is what the model saw in the last step of a turn.
 */
import { Effect, Layer, Logger } from "effect"
import { writeFileSync } from "node:fs"
import * as Gateway from "../src/gateway/Gateway.ts"
import * as Tokens from "../src/message/Tokens.ts"
import * as Scripted from "../src/model/Scripted.ts"
import { renderDrawing } from "../src/picture/svg.ts"
import { drawWindowPicture, formatThousands, WINDOW_STYLE } from "../src/picture/windowPicture.ts"
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

const drawSession = (points: ReadonlyArray<Point>): string => {
  const last = points.at(-1)?.log ?? 0
  const highest = `${Math.ceil(Math.max(...points.map(({ view }) => view)) / 1_000)}k`
  const drops = points.filter(({ view }, turn) => view < (points[turn - 1]?.view ?? 0)).length
  const drawing = drawWindowPicture({
    title: `A session of ${formatThousands(last)} tokens in ${TURNS} turns: the view stays below ${highest} of a window of ${formatThousands(WINDOW)}.`,
    points: points.map((point, turn) => ({ x: turn + 1, ...point })),
    marks: [],
    waits: [],
    window: WINDOW,
    words: {
      view: `what the model sees: ${drops} compressions, never above ${highest}`,
      log: `the session, ${formatThousands(last)}`,
      window: `the model's window, ${formatThousands(WINDOW)} tokens`,
      from: "turn 1",
      to: `turn ${TURNS}`
    }
  })
  return renderDrawing(drawing, WINDOW_STYLE)
}

const live = Gateway.layer({ policy: { contextLength: WINDOW }, routes: [] }).pipe(
  Layer.provide([Sqlite.layerTemporary, Scripted.layer([])]),
  Layer.provide(Logger.replace(Logger.defaultLogger, Logger.none))
)
const points = await Effect.runPromise(Effect.provide(runSession, live))
writeFileSync("docs/window.svg", drawSession(points))
console.log(`docs/window.svg: ${TURNS} turns, ${points.at(-1)?.log} tokens in all`)
