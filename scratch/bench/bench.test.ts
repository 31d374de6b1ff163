/** The benchmarks compare only if the floor writes what the library wrote. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, Logger, LogLevel } from "effect"
import { tmpdir } from "node:os"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Floor from "./floor.ts"
import * as Place from "./place.ts"
import * as Script from "./script.ts"
import * as Session from "./session.ts"
import { answerTurn, id, world } from "./world.ts"

const place = { name: "anywhere", folder: tmpdir(), isMemory: false }
const turns = Session.make(30)

const replayTurns = (file: string) =>
  Effect.gen(function* () {
    const { settled } = yield* Compressor
    yield* Effect.forEach(turns, (turn) => Effect.zipRight(answerTurn(id, turn), settled(id)))
  }).pipe(Effect.provide(world(file, { window: 32_000 })), Logger.withMinimumLogLevel(LogLevel.Error))

const all = (file: string, sql: string) => {
  const db = new Database(file, { readonly: true })
  const rows = db.prepare(sql).all()
  db.close()
  return rows
}

describe("the floor of the benchmarks", () => {
  it.scopedLive("writes the rows of a replay, byte for byte", () =>
    Effect.gen(function* () {
      const [library, floor] = [yield* Place.file(place), yield* Place.file(place)]
      yield* replayTurns(library)
      const script = Script.read(library, id)
      Floor.replay(floor, script, "report")

      for (const sql of [
        "SELECT seq, arrival, kind, tokens, total, body, at FROM message ORDER BY seq",
        "SELECT id, from_seq, to_seq, tokens, body FROM segment ORDER BY id",
        "SELECT generation, manifest, left_seq, at FROM generation ORDER BY generation",
        "SELECT count(*) AS waiting FROM inbox"
      ]) {
        const rows = all(library, sql)
        assert.isNotEmpty(rows)
        assert.deepStrictEqual(all(floor, sql), rows)
      }
      assert.strictEqual(script.words.length, 10 * turns.length)
      assert.isAtLeast(script.compressions.length, 2)
    })
  )
})
