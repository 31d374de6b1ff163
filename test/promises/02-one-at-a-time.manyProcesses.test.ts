/** Two processes compress one session as fast as they can, and some of their model calls fail. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, TestClock } from "effect"
import { ModelUnavailable } from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Crash from "../support/crashProcess.ts"
import { repetitions } from "../support/repetitions.ts"
import { awaitRequests, conversation, id, policy, route, summary } from "../support/world.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const COMPRESSIONS = repetitions(40, 250)
const SEEDS = [1, 2, 3].slice(0, repetitions(1, 3))

/** A gateway that shares nothing with another but the file. */
const gateway = (filename: string, model: Scripted.Scripted) =>
  Gateway.layer({ policy: { ...policy, onExhausted: "fail" }, routes: [route] }).pipe(
    Layer.provideMerge(Sqlite.layer({ filename, durability: "process" })),
    Layer.provide(model.layer),
    Layer.build
  )

describe("an operation that failed", () => {
  it.scoped("is read as the same typed error by who waited elsewhere, which makes no model call of its own", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const rejected = Scripted.make([
        { text: "I'm sorry, but I can't help with that.", delay: "1 second" },
        new ModelUnavailable({ route: "r", detail: "gone" })
      ])
      const idle = Scripted.make([summary("what counts")])
      const here = yield* gateway(filename, rejected)
      const there = yield* gateway(filename, idle)
      const compress = (context: typeof here) =>
        Effect.fork(Effect.flip(Context.get(context, Gateway.Gateway).compress(id)))
      yield* Context.get(here, SessionStore).importAll([{ sessionId: id, messages: conversation(12) }])

      const first = yield* compress(here)
      yield* awaitRequests(rejected, 1)
      const second = yield* compress(there)
      yield* TestClock.adjust("500 millis")
      yield* TestClock.adjust("500 millis")
      const failed = yield* Fiber.join(first)
      yield* TestClock.adjust("1 second")
      const read = yield* Fiber.join(second)

      if (failed._tag !== "CompressionFailed" || read._tag !== "CompressionFailed") return assert.fail(read._tag)
      assert.strictEqual(read.operationId, failed.operationId)
      assert.deepStrictEqual(
        failed.errors.map(({ _tag }) => _tag),
        ["InvalidSummary", "ModelUnavailable"]
      )
      const [refusal, gone] = failed.errors.map(({ message }) => message)
      const withoutWords = refusal?.replace(/: I'm sorry.*/, ": its words are not kept")
      assert.notStrictEqual(withoutWords, refusal)
      assert.deepStrictEqual(
        read.errors.map(({ message }) => message),
        [withoutWords, gone]
      )
      assert.strictEqual(idle.requests.length, 0)
    })
  )
})

describe("many processes", () => {
  layer(Crash.bundle, { excludeTestServices: true })((it) => {
    for (const seed of SEEDS) {
      it.effect(
        `two, ${COMPRESSIONS} compressions each (seed ${seed}): nothing lost or doubled, one model call a range`,
        () =>
          Effect.gen(function* () {
            const filename = yield* temporaryDatabase
            const agents = yield* Effect.forEach(["left", "right"], (name) =>
              Crash.agent({ filename, name, seed, jitter: 12, rounds: COMPRESSIONS })
            )
            for (const { ended } of agents) assert.strictEqual(yield* ended, 0)

            const said = agents.map((agent) => agent.said)
            const { generation } = yield* Crash.examine(filename, said, 0)
            const words = said.flat()
            const results = Crash.all(words, "Compressed")
            const failed = Crash.all(words, "Failed")
            const summarized = results.filter(({ outcome }) => outcome === "committed")
            const committed = [...summarized, ...results.filter(({ outcome }) => outcome === "shortened")]
            const joined = results.filter(({ outcome }) => outcome === "joined")
            assert.deepStrictEqual(
              committed.map(({ generation }) => generation).toSorted((a, b) => a - b),
              Array.from({ length: generation }, (_, i) => i + 1),
              "each generation is one compression's"
            )
            const nothing = results.filter(({ outcome }) => outcome === "nothing-to-compress")
            assert.strictEqual(
              committed.length + joined.length + nothing.length + failed.length,
              2 * COMPRESSIONS,
              "no outcome but these"
            )
            const operations = new Set(committed.map(({ operationId }) => operationId))
            assert.deepStrictEqual(
              joined.filter(({ operationId }) => !operations.has(operationId)),
              []
            )
            assert.isTrue(failed.every(({ error }) => error === "CompressionFailed"))

            const called = Crash.all(words, "Called")
            const sum = (of: "calls" | "failures" | "merges") => called.reduce((total, counts) => total + counts[of], 0)
            assert.strictEqual(sum("calls"), summarized.length + sum("merges") + sum("failures"))
            assert.isAbove(sum("merges"), 0)
            // Otherwise they have not met.
            assert.isAbove(generation, COMPRESSIONS / 2)
            assert.isAbove(joined.length, 0)
            assert.isAbove(sum("failures"), 0)
          }).pipe(Effect.scoped)
      )
    }
  })
})
