/** `throughline picture ID --db DB --svg FILE [LOG…] [--config FILE]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Audit from "../../audit/Audit.ts"
import { hardLimit } from "../../compression/CompressionPolicy.ts"
import { Tokens } from "../../message/Tokens.ts"
import { renderDrawing } from "../../picture/svg.ts"
import { type HistoryPoint, traceWindow, type WindowHistory } from "../../picture/windowHistory.ts"
import { drawWindowPicture, formatThousands, type Wait, WINDOW_STYLE } from "../../picture/windowPicture.ts"
import type { SessionId } from "../../session/Session.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import * as View from "../../view/View.ts"
import { formatTime, shortenSessionId } from "../audit/timeline.ts"
import { printAnswer, writeSvgFile } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg } from "../options.ts"
import { loadSettings, useStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const logs = Args.text({ name: "log" }).pipe(
  Args.repeated,
  Args.withDescription("log files of throughline, plain or gzip: the waits for compressions are drawn from their lines")
)

const svg = Options.text("svg").pipe(Options.withPseudoName("file"), Options.withDescription("the file to draw into"))

export const command = Command.make(
  "picture",
  { session: sessionArg, logs, db: dbOption, svg, config: configOption, json: jsonOption },
  ({ config, db, json, logs, session, svg }) =>
    Effect.gen(function* () {
      const { policy } = yield* loadSettings(config)
      const history = yield* useStore(db, (store) => readHistory(store, session))
      const waits = logs.length === 0 ? [] : yield* readWaits(logs, session)
      const hard = policy.mode === "manual" ? undefined : hardLimit(policy)
      const picture = describeHistory(session, history, waits, policy.contextLength, hard)
      yield* writeSvgFile(svg, renderDrawing(drawWindowPicture(picture), WINDOW_STYLE))
      yield* printAnswer(json, { ...history, waits: waits.map(({ from, to }) => ({ from, to })) }, () => [
        `${svg}: ${picture.title}`
      ])
    })
).pipe(
  Command.withDescription("Draw how full the window of a session was, message by message, and what made it smaller")
)

/** Reads all messages and all generations: a picture is drawn when somebody asks for it. */
const readHistory = (store: SessionStore["Type"], session: SessionId) =>
  Effect.gen(function* () {
    const counter = yield* Tokens
    const sizes = yield* Stream.runCollect(
      Stream.filterMap(store.log(session), ({ at, message, seq }) =>
        seq === null ? Option.none() : Option.some({ seq, at, tokens: counter.message(message) })
      )
    )
    const generations = yield* Effect.forEach(yield* store.snapshots(session), (left) =>
      Effect.all([store.snapshot(left.snapshotId), store.receipt(left.snapshotId)]).pipe(
        Effect.map(([state, receipt]) => ({
          ...left,
          tokens: View.assemble(state, counter).tokens,
          isCompression: receipt !== null
        }))
      )
    )
    const now = View.assemble(yield* store.state(session), counter)
    return traceWindow(Chunk.toReadonlyArray(sizes), generations, now.tokens)
  })

interface TimeRange {
  readonly from: number
  readonly to: number
}

const readWaits = (logs: ReadonlyArray<string>, session: SessionId) =>
  Effect.map(
    Stream.runCollect(
      Stream.filterMap(Audit.lines(logs), ({ at, event }): Option.Option<TimeRange> =>
        event._tag === "Waited" && event.session === session && at !== null
          ? Option.some({ from: at - event.milliseconds, to: at })
          : Option.none()
      )
    ),
    (waits) => Chunk.toReadonlyArray(waits)
  )

/** The axis counts messages, so that a night without any takes no room. */
const describeHistory = (
  session: SessionId,
  { changes, points }: WindowHistory,
  waits: ReadonlyArray<TimeRange>,
  window: number,
  hard: number | undefined
) => {
  const peak = points.reduce((most, { view }) => Math.max(most, view), 0)
  const [first, last] = [points[0], points.at(-1)]
  const compressions = changes.filter(({ isCompression }) => isCompression).length
  const seen = `${countThings(compressions, "compression")}, never above ${formatThousands(peak)}`
  return {
    title:
      `Session ${shortenSessionId(session, 40)}, ${countThings(last?.seq ?? 0, "message")} of ${formatThousands(last?.log ?? 0)} tokens: ` +
      `${seen}${waits.length === 0 ? "" : `, ${countThings(waits.length, "wait")}`}`,
    points: withDrops(points, changes),
    marks: changes.map(({ after, at, before, generation, isCompression, seq }) => ({
      x: seq,
      before,
      after,
      title: `${isCompression ? "compression" : "change"}, generation ${generation + 1} after #${seq}, ${formatSecond(at)}: ${formatCount(before)} → ${formatCount(after)} tokens`
    })),
    waits: waits.map((wait): Wait => ({
      from: placeTime(points, wait.from),
      to: placeTime(points, wait.to),
      title: `waited ${((wait.to - wait.from) / 1_000).toFixed(1)} s until ${formatSecond(wait.to)}`
    })),
    window,
    hard,
    words: {
      view: `what the model sees: ${seen}`,
      window: `the model's window, ${formatThousands(window)} tokens`,
      from: first === undefined ? "no message" : `#${first.seq}, ${formatSecond(first.at)}`,
      to: last === undefined ? "" : `#${last.seq}, ${formatSecond(last.at)}`
    }
  }
}

/** A change makes the view smaller between two messages: the line falls there. */
const withDrops = (points: ReadonlyArray<HistoryPoint>, changes: WindowHistory["changes"]) => {
  const bySeq = new Map(changes.map((change) => [change.seq, change]))
  return points.flatMap(({ seq, view }) => {
    const change = bySeq.get(seq)
    return change === undefined
      ? [{ x: seq, view }]
      : [
          { x: seq, view },
          { x: seq, view: change.after }
        ]
  })
}

/** Places a time between the messages before and after it. */
const placeTime = (points: ReadonlyArray<HistoryPoint>, at: number): number => {
  const next = points.findIndex((point) => point.at > at)
  const [before, after] = next < 0 ? [points.at(-1), undefined] : [points[next - 1], points[next]]
  if (before === undefined || after === undefined) return (before ?? after)?.seq ?? 0
  return before.seq + ((after.seq - before.seq) * (at - before.at)) / Math.max(1, after.at - before.at)
}

const formatSecond = (at: number): string => formatTime(Math.floor(at / 1_000) * 1_000)

const countThings = (n: number, thing: string): string => `${formatCount(n)} ${thing}${n === 1 ? "" : "s"}`
