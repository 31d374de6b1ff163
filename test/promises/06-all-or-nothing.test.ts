/** Killed at any instant, a session is what was acknowledged, in its old generation or in the new one. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Random } from "effect"
import { isHandoffContent } from "../../src/hermes/marks.ts"

import * as Crash from "../support/crashProcess.ts"
import type { Said } from "../support/crashWords.ts"
import * as Hermes from "../support/hermes.ts"
import { repetitions } from "../support/repetitions.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

/** Set it to repeat the moments; what a process has reached by then is its own. */
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000)
const FILES = repetitions(1, 8)
const KILLS = repetitions(6, 25)
/** Of Hermes, one; by hand, more. */
const HERMES_FILES = Number(process.env.CRASH_HERMES_FILES ?? 1)
const HERMES_KILLS = repetitions(3, 20)

/** What one agent may have written without having said so: an arrival, a second one, a message of its turn. */
const UNHEARD = 3

/** An agent runs until it has said so many things, and a moment more; with none, it dies in its start. */
const killed = (place: Crash.Place, random: Random.Random) =>
  Effect.gen(function* () {
    const agent = yield* Crash.agent(place)
    const words = yield* random.nextIntBetween(0, 60)
    yield* agent.hasSaid(words)
    yield* Effect.sleep(yield* random.nextIntBetween(0, words === 0 ? 80 : 6))
    yield* agent.signal("SIGKILL")
    assert.strictEqual(yield* agent.ended, "SIGKILL")
    return agent.said
  }).pipe(Effect.scoped)

const generationsIn = (said: ReadonlyArray<Said>): ReadonlyArray<number> =>
  Crash.all(said, "Compressed").map(({ generation }) => generation)

const oneFile = (seed: number, database = temporaryDatabase, kills = KILLS) =>
  Effect.gen(function* () {
    const filename = yield* database
    const random = Random.make(`kills of ${seed}`)
    const heard: Array<ReadonlyArray<Said>> = []
    let known: Effect.Effect.Success<ReturnType<typeof Crash.examine>> = { generation: 0, tags: [], written: 0 }
    const place = { filename, seed, jitter: 3, rounds: 0 }

    // Somebody has to begin: an agent that is killed in its start leaves no session to examine.
    const rounds = (name: string, rounds: number) =>
      Effect.gen(function* () {
        const agent = yield* Crash.agent({ ...place, name, rounds })
        assert.strictEqual(yield* agent.ended, 0)
        heard.push(agent.said)
        return agent.said
      }).pipe(Effect.scoped)

    yield* rounds("first", 3)
    known = yield* Crash.examine(filename, heard, 0)
    for (let kill = 1; kill <= kills; kill++) {
      const said = yield* killed({ ...place, name: `agent ${kill}` }, random)
      heard.push(said)
      const now = yield* Crash.examine(filename, heard, kill * UNHEARD)
      const old = Math.max(known.generation, ...generationsIn(said))
      assert.include([old, old + 1], now.generation, "the generation is the old one or the new one")
      assert.deepStrictEqual(now.tags.slice(0, known.written), known.tags.slice(0, known.written), "the log only grows")
      known = now
    }
    const outcomes = Crash.all(yield* rounds("last", 5), "Compressed").map(({ outcome }) => outcome)
    assert.include(outcomes, "committed", "the next start goes on")
    const { generation } = yield* Crash.examine(filename, heard, kills * UNHEARD)
    return { generation, said: heard.flat() }
  }).pipe(Effect.scoped)

const assertOnce = (filename: string) => {
  const contents = Hermes.rowsOf(filename).flatMap(({ content }) => (isHandoffContent(content) ? [] : [content]))
  assert.strictEqual(new Set(contents).size, contents.length, "no row is there twice")
  Hermes.assertSound(filename)
}

describe(`killed at any instant (CRASH_SEED=${SEED})`, () => {
  layer(Crash.bundle, { excludeTestServices: true })((it) => {
    it.effect(
      `${FILES * KILLS} times: what was acknowledged is there once and in order, the generation is old or new`,
      () =>
        Effect.gen(function* () {
          const seeds = Array.from({ length: FILES }, (_, i) => SEED + i)
          const files = yield* Effect.forEach(seeds, (seed) => oneFile(seed), { concurrency: 2 })
          const said = files.flatMap(({ said }) => said)
          const generations = files.reduce((sum, { generation }) => sum + generation, 0)
          // Otherwise the kills have met nobody at work. Agents on a busy machine compress less before they are killed.
          assert.isAbove(Crash.all(said, "Appended").length, FILES * KILLS)
          assert.isAbove(generations, (FILES * KILLS) / 4)
        })
    )

    it.effect(
      `${HERMES_FILES * HERMES_KILLS} times on a Hermes database: the same, and Hermes reads every message once`,
      () =>
        Effect.gen(function* () {
          const database = Effect.tap(Crash.hermesDatabase, (filename) =>
            // While its folder is there.
            Effect.addFinalizer(() => Effect.sync(() => assertOnce(filename)))
          )
          const seeds = Array.from({ length: HERMES_FILES }, (_, i) => SEED + i)
          const files = yield* Effect.forEach(seeds, (seed) => oneFile(seed, database, HERMES_KILLS))
          const said = files.flatMap(({ said }) => said)
          assert.isAbove(Crash.all(said, "Appended").length, HERMES_FILES * HERMES_KILLS)
        }),
      300_000 * HERMES_FILES
    )
  })
})
