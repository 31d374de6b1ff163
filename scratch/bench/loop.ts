/** Measures how long the event loop is held up while nine sessions compress and a second process writes to the same file. */
import { Effect, Schedule } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import * as Random from "../../src/cli/random.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { milliseconds, spread } from "./figure.ts"
import * as Floor from "./floor.ts"
import { median, runInPairs } from "./paired.ts"
import * as Place from "./place.ts"
import * as Script from "./script.ts"
import * as Session from "./session.ts"
import { answerTurn, world } from "./world.ts"

/** Just below the threshold of the window, and beyond it twice. */
const BEFORE = 24
const TURNS = 50
/** The monitor's own timer, in milliseconds. */
const TICK = 1

const sessions = Array.from({ length: 9 }, (_, n) => SessionId.make(`session-${n + 1}`))
const history = Session.messagesOf(Session.make(BEFORE))
const turns = Session.make(TURNS, undefined, 8)

/** All sessions at once, each pausing up to ten milliseconds between turns; the delay's p99 and longest. */
const atOnce = <E, R>(file: string, turn: (sessionId: SessionId, n: number) => Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    yield* secondProcess(file)
    const monitor = monitorEventLoopDelay({ resolution: TICK })
    monitor.enable()
    yield* Effect.forEach(
      sessions,
      (sessionId, seed) => {
        const random = Random.make(seed)
        const numbers = Array.from(turns.keys())
        return Effect.forEach(numbers, (n) => Effect.delay(turn(sessionId, n), random.between(0, 10)), {
          discard: true
        })
      },
      { concurrency: "unbounded", discard: true }
    )
    monitor.disable()
    return { p99: monitor.percentile(99) / 1e6 - TICK, most: monitor.max / 1e6 - TICK }
  })

const secondProcess = (file: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = fork(fileURLToPath(new URL("writer.js", import.meta.url)), [file])
      await once(child, "message")
      // Without it this measures less than it says.
      child.once("exit", (code) => code !== null && process.exit(1))
      return child
    }),
    (child) =>
      Effect.promise(() => {
        const ended = once(child, "exit")
        child.kill()
        return ended
      })
  )

const library = (file: string) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.importAll(sessions.map((sessionId) => ({ sessionId, messages: history })))
    const delay = yield* atOnce(file, (sessionId, n) =>
      Effect.forEach(turns.slice(n, n + 1), (turn) => answerTurn(sessionId, turn))
    )
    const { settled } = yield* Compressor
    yield* Effect.forEach(sessions, settled)
    const states = yield* Effect.forEach(sessions, store.state)
    return { ...delay, compressions: states.reduce((sum, { generation }) => sum + generation, 0) }
  }).pipe(Effect.provide(world(file)))

/** The other process holds the file now and then. */
const retryCommit = (commit: () => void) => Effect.retry(Effect.try(commit), Schedule.spaced("2 millis"))

const bare = (file: string, script: Script.Script) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Floor.open(file)),
    (floor) =>
      atOnce(file, (sessionId, n) =>
        Effect.forEach(floor.commits(sessionId, script.turns[n]?.rows ?? []), retryCommit)
      ),
    (floor) => Effect.sync(floor.close)
  )

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const script = yield* readScript(place)
    const pairs = yield* runInPairs(place, (file) => bare(file, script), library)
    const delays = pairs.map(({ measured }) => measured.p99)
    const compressions = median(pairs.map(({ measured }) => measured.compressions))
    const most = milliseconds(median(pairs.map(({ measured }) => measured.most)))
    const floor = milliseconds(median(pairs.map(({ floor }) => floor.p99)))
    return {
      measures: [
        {
          name: "event-loop delay, p99, nine sessions and a second process",
          value: median(delays),
          unit: "ms" as const,
          gate: { most: 10 },
          detail: `${spread(delays)}; floor ${floor}; longest ${most}; ${compressions} compressions`
        }
      ]
    }
  })

const readScript = (place: Place.Place) =>
  Effect.scoped(
    Effect.flatMap(Place.file(place), (file) => {
      const [first = SessionId.make("session-1")] = sessions
      const all = Effect.forEach(turns, (turn) => answerTurn(first, turn), { discard: true })
      return Effect.as(Effect.provide(all, world(file)), file)
    }).pipe(Effect.map((file) => Script.read(file, "session-1")))
  )
