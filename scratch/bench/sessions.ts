/**
 * Many sessions in one process: what a start on a large store takes, what a session at rest holds, and how many
 * compressions go through with a model that answers at once.
 */
import Database from "better-sqlite3"
import { Effect, Layer } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import type { Measure } from "../eval/measure.ts"
import { milliseconds } from "./figure.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Place from "./place.ts"
import * as Session from "./session.ts"
import { answerTurn, brief, requireCommit, world } from "./world.ts"

const STORED = 100_000
/** Sessions that have a turn in the same process, the long ones first. */
const OPEN = 1_000
const COMPRESSED = 200
const MORE = 20_000
const BATCH = 1_000
const AT_ONCE = 50

const options = { window: 16_000, mode: "manual", outcome: brief } as const

const idOf = (n: number) => SessionId.make(`session-${n}`)
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

/** The states of all open ones fit in memory; those to be compressed are longer. */
const LINES: Session.Lines = { least: 1, most: 12, file: 40 }
const long = Session.messagesOf(Session.make(3, LINES))
const longer = Session.messagesOf(Session.make(16, LINES))
const short: ReadonlyArray<Message> = [
  { role: "user", content: "hello" },
  { role: "assistant", content: "hi" }
]
const messagesOf = (n: number) => (n < OPEN ? long : n < OPEN + COMPRESSED ? longer : short)

const [turn] = Session.make(1, LINES)
const answer = turn === undefined ? [] : Session.messagesOf([turn])

const stored = Effect.flatMap(SessionStore, ({ importAll }) =>
  Effect.forEach(
    numbers(0, STORED / BATCH),
    (batch) => importAll(numbers(batch * BATCH, BATCH).map((n) => ({ sessionId: idOf(n), messages: messagesOf(n) }))),
    { discard: true }
  )
)

/** A turn of each, and then it rests. */
const active = (from: number, count: number) =>
  Effect.forEach(numbers(from, count), (n) => (turn === undefined ? Effect.void : answerTurn(idOf(n), turn)), {
    concurrency: AT_ONCE,
    discard: true
  })

/** Turns that add nothing, so that nothing should be left of them. */
const idle = Effect.flatMap(Gateway, ({ turn }) =>
  Effect.forEach(numbers(0, 3 * OPEN), (n) => turn(idOf(n % OPEN), ({ view }) => view()), {
    concurrency: AT_ONCE,
    discard: true
  })
)

const viewSession = (n: number) => Effect.flatMap(Gateway, ({ view }) => view(idOf(n)))

const compressed = Effect.flatMap(Compressor, ({ compress }) =>
  Effect.forEach(numbers(OPEN, COMPRESSED), (n) => requireCommit(compress(idOf(n))), {
    concurrency: AT_ONCE,
    discard: true
  })
)

const timeEffect = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const begin = performance.now()
    return Effect.map(work, (value) => ({ value, took: performance.now() - begin }))
  })

/** MiB in use, once what is not in use is gone; fibers that have just ended go with the next turn of the event loop. */
const heap = Effect.map(Effect.sleep("50 millis"), () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
})

const bareOpen = (file: string) =>
  Effect.sync(() => {
    const db = new Database(file)
    for (const pragma of ["journal_mode = WAL", "synchronous = FULL"]) db.pragma(pragma)
    db.prepare("SELECT 1 FROM session LIMIT 1").get()
    db.close()
  })

const perSecond = (count: number, took: number): number => (1_000 * count) / took

const tokens = (messages: ReadonlyArray<Message>): string =>
  messages.reduce((sum, message) => sum + estimate.message(message), 0).toLocaleString("en-US")

const figureOf = (name: string, value: number, unit: Measure["unit"], detail: string): Measure => ({
  name,
  value,
  unit,
  gate: null,
  detail
})

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const file = yield* Place.file(place)
    const filled = yield* timeEffect(Effect.provide(stored, world(file, options)))
    const bare = yield* timeEffect(bareOpen(file))
    const opened = yield* timeEffect(Layer.build(world(file, options)))
    return yield* Effect.gen(function* () {
      const first = yield* timeEffect(viewSession(STORED - 1))
      const before = yield* heap
      const turns = yield* timeEffect(active(0, OPEN))
      const rested = yield* heap
      yield* idle
      const again = yield* heap
      const compressions = yield* timeEffect(compressed)
      const compacted = yield* heap
      yield* Effect.forEach(numbers(OPEN + COMPRESSED, MORE), viewSession, { discard: true })
      const after = yield* heap
      const from = (begin: number, end: number) => `from ${begin.toFixed(1)} to ${end.toFixed(1)} MiB`
      return {
        measures: [
          figureOf("a start on 100,000 stored sessions", opened.took, "ms", `bare open ${milliseconds(bare.took)}`),
          figureOf("the first view of one of them", first.took, "ms", `imported in ${milliseconds(filled.took)}`),
          figureOf("turns of 1,000 sessions", perSecond(OPEN, turns.took), "a second", `${AT_ONCE} at a time`),
          figureOf(
            "compressions of 200 sessions",
            perSecond(COMPRESSED, compressions.took),
            "a second",
            `of ${tokens(longer)} tokens each, ${AT_ONCE} at a time`
          ),
          figureOf(
            "heap of a session at rest, its state in memory",
            (1_024 * (rested - before)) / OPEN,
            "KiB",
            `of ${tokens([...long, ...answer])} tokens; 1,000 of them: ${from(before, rested)}`
          ),
          {
            name: "that heap after 3,000 turns more that add nothing",
            value: again / rested,
            unit: "×" as const,
            gate: { most: 1.1 },
            detail: from(rested, again)
          },
          figureOf(
            "the heap once 20,000 short sessions more were looked at",
            after,
            "MiB",
            `from ${compacted.toFixed(1)}: they take the place of others`
          )
        ]
      }
    }).pipe(Effect.provide(opened.value))
  }).pipe(Effect.scoped)
