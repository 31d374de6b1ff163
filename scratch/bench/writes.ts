/**
 * Counts the bytes that a compression writes, its heartbeats included, after 100,000 messages against after 100. Each commit of the
 * write-ahead log is one fsync, so both are read from that log, which is empty before.
 */
import Database from "better-sqlite3"
import { Effect, Fiber, TestClock } from "effect"
import { readFileSync } from "node:fs"
import { Compressor } from "../../src/compression/Compressor.ts"
import { onVirtualClock } from "../../test/support/virtualClock.ts"
import { importHistory, lines, LONG, SHORT, small } from "./history.ts"
import * as Place from "./place.ts"
import * as Session from "./session.ts"
import { answerTurn, brief, requireCommit, id, world } from "./world.ts"

/** How long the model takes, on a virtual clock, while the lease is kept alive. */
const DELAY = "40 seconds"

const since = Session.make(6, lines, 8)

export const figure = (place: Place.Place) =>
  Effect.gen(function* () {
    const [short, long] = [yield* countWrites(place, SHORT), yield* countWrites(place, LONG)]
    const gate = { most: 1.1 }
    const about = `after ${LONG} messages against ${SHORT}`
    return {
      measures: [
        {
          name: "bytes written by a compression",
          value: long.bytes / short.bytes,
          unit: "×" as const,
          gate,
          detail: `${long.bytes} ${about}: ${short.bytes}`
        },
        {
          name: "fsyncs of a compression, the model taking 40 s",
          value: long.commits / short.commits,
          unit: "×" as const,
          gate,
          detail: `${long.commits} ${about}: ${short.commits}`
        }
      ]
    }
  })

const countWrites = (place: Place.Place, length: number) =>
  Effect.flatMap(Place.file(place), (file) =>
    Effect.gen(function* () {
      yield* awaitAMinute(importHistory(length))
      yield* Effect.forEach(since, (turn) => answerTurn(id, turn), { discard: true })
      const { compress } = yield* Compressor
      emptyWriteAheadLog(file)
      yield* awaitAMinute(requireCommit(compress(id)))
      return read(`${file}-wal`)
    }).pipe(Effect.provide(world(file, { ...small, outcome: { text: brief, delay: DELAY } })), onVirtualClock)
  ).pipe(Effect.scoped)

const awaitAMinute = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

const emptyWriteAheadLog = (file: string) => {
  const db = new Database(file)
  db.pragma("wal_checkpoint(TRUNCATE)")
  db.close()
}

const HEADER = 32
const FRAME_HEADER = 24

/** A frame is a page; the last one of a commit says how large the database is after it. */
const read = (file: string) => {
  const log = readFileSync(file)
  const frame = FRAME_HEADER + log.readUInt32BE(8)
  const frames = Array.from({ length: Math.floor((log.length - HEADER) / frame) }, (_, n) => HEADER + n * frame)
  return { bytes: log.length, commits: frames.filter((at) => log.readUInt32BE(at + 4) > 0).length }
}
