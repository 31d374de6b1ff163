/** Pauses of routes on the test clock: how long they last, which tasks they hold for, and what ends them. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Layer, TestClock } from "effect"
import * as ModelError from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { awaitRequests, conversation, policy, route, scripted, summary } from "../support/world.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const where = { route: "r", detail: "of the script" }
const down = new ModelError.ConnectionError(where)
const late = new ModelError.Timeout({ route: "r", phase: "total", deadline: 1 })
const quota = new ModelError.QuotaExceeded(where)
const unauthorized = new ModelError.Unauthorized(where)
const overflow = new ModelError.ContextOverflow(where)

const fine = summary("what counts")
const manual = { ...policy, mode: "manual" } as const

let sessions = 0
/** Compresses a session of its own: each is a new task on the same routes. */
const compressAnother = (rounds = 12) =>
  Effect.gen(function* () {
    const sessionId = SessionId.make(`session-${++sessions}`)
    const store = yield* SessionStore
    yield* store.importAll([{ sessionId, messages: conversation(rounds) }])
    const { compress } = yield* Gateway.Gateway
    return yield* compress(sessionId)
  })

const outcomeOfAnother = Effect.map(compressAnother(), ({ outcome, reason }) => [outcome, reason] as const)

const flush = Effect.flatMap(Gateway.Gateway, ({ auxiliary }) =>
  Effect.either(
    auxiliary(SessionId.make("any"), {
      task: "flush_memories",
      messages: [{ role: "user", content: "What is worth remembering?" }],
      maxOutputTokens: 500
    })
  )
)

const PAUSED = ["degraded", "paused after failures: test-model@scripted.invalid"] as const

describe("pauses", () => {
  it.effect("last 30, 60, 300, then 900 seconds, and one call tries in between", () => {
    const model = Scripted.make([quota])
    return Effect.gen(function* () {
      yield* compressAnother()
      for (const [calls, seconds] of [30, 60, 300, 900, 900].entries()) {
        assert.strictEqual(model.requests.length, calls + 1)
        yield* TestClock.adjust(`${seconds * 1_000 - 1} millis`)
        assert.deepStrictEqual(yield* outcomeOfAnother, PAUSED)
        assert.strictEqual(model.requests.length, calls + 1, `no call within ${seconds} seconds`)
        yield* TestClock.adjust("1 millis")
        yield* compressAnother()
      }
      assert.strictEqual(model.requests.length, 6)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  for (const error of [down, late]) {
    it.effect(`begin after two compressions in a row have ended with ${error._tag}, not after one`, () => {
      const model = Scripted.make([error, error, fine, error, error, error, error])
      return Effect.gen(function* () {
        const outcomes = yield* Effect.replicateEffect(outcomeOfAnother, 5)
        assert.deepStrictEqual(
          outcomes.map(([outcome]) => outcome),
          ["degraded", "committed", "degraded", "degraded", "degraded"]
        )
        assert.deepStrictEqual(outcomes.at(-1), PAUSED)
        assert.strictEqual(model.requests.length, 7)
      }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
    })
  }

  it.effect("a compression in many chunks that fails is one failure", () => {
    const model = Scripted.make([down])
    const small = { ...route, contextLength: 8_000 }
    return Effect.gen(function* () {
      assert.isAbove((yield* compressAnother(60)).modelCalls, 2)
      const before = model.requests.length
      yield* compressAnother()
      assert.isAbove(model.requests.length, before, "the route was paused after one compression")
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual, routes: [small] })))
  })

  it.effect("a compression in many chunks asks a route without quota no more once it has said so", () => {
    const model = Scripted.make([quota])
    const small = { ...route, contextLength: 8_000 }
    return Effect.gen(function* () {
      yield* compressAnother(120)
      assert.isAtMost(model.requests.length, 4, "the calls under way, and no other")
      yield* TestClock.adjust("30 seconds")
      const before = model.requests.length
      yield* compressAnother()
      assert.strictEqual(model.requests.length, before + 1, "the pause was the first one")
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual, routes: [small], maxConcurrentCalls: 4 })))
  })

  it.effect("one probe goes while many ask; its success ends the matter", () => {
    const model = Scripted.make([quota, { text: fine, delay: "5 seconds" }])
    return Effect.gen(function* () {
      yield* compressAnother()
      yield* TestClock.adjust("30 seconds")
      const fibers = yield* Effect.replicateEffect(Effect.fork(outcomeOfAnother), 5)
      yield* awaitRequests(model, 2)
      yield* TestClock.adjust("5 seconds")
      const outcomes = yield* Fiber.join(Fiber.all(fibers))
      assert.strictEqual(model.requests.length, 2)
      assert.deepStrictEqual(
        outcomes.filter(([outcome]) => outcome === "degraded"),
        Array.from({ length: 4 }, () => PAUSED)
      )
      const next = yield* Effect.fork(outcomeOfAnother)
      yield* awaitRequests(model, 3)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(next), ["committed", null])
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("a probe that is interrupted before it ends goes to the next caller", () => {
    const model = Scripted.make([quota, Scripted.hang, fine])
    return Effect.gen(function* () {
      yield* compressAnother()
      yield* TestClock.adjust("30 seconds")
      const probe = yield* Effect.fork(flush)
      yield* awaitRequests(model, 2)
      assert.deepStrictEqual(yield* outcomeOfAnother, PAUSED)
      yield* Fiber.interrupt(probe)
      assert.strictEqual((yield* compressAnother()).outcome, "committed")
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("a probe is one compression, in as many pieces as it takes", () => {
    const model = Scripted.make([quota, overflow, fine])
    return Effect.gen(function* () {
      yield* compressAnother()
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* outcomeOfAnother, ["committed", null])
      assert.strictEqual(model.requests.length, 4)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("a task that may not go does not use up the probe of another", () => {
    const model = Scripted.make([down, down, down, down, down, down, quota, fine])
    return Effect.gen(function* () {
      yield* compressAnother()
      yield* compressAnother()
      yield* TestClock.adjust("30 seconds")
      yield* compressAnother()
      // Now compressions are paused for 60 seconds, and all tasks for 30.
      assert.isTrue(Either.isLeft(yield* flush))
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* outcomeOfAnother, PAUSED)
      assert.strictEqual(model.requests.length, 7)
      assert.isTrue(Either.isRight(yield* flush))
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.scoped("outlive a restart", () =>
    Effect.gen(function* () {
      const folder = yield* makeTemporaryFolder()
      const model = Scripted.make([quota, fine])
      const once = () =>
        outcomeOfAnother.pipe(
          Effect.provide(
            Gateway.layer({ policy: manual, routes: [route] }).pipe(
              Layer.provideMerge(Sqlite.layer({ filename: join(folder, "sessions.db") })),
              Layer.provide(model.layer)
            )
          )
        )
      assert.strictEqual((yield* once())[0], "degraded")
      assert.deepStrictEqual(yield* once(), PAUSED)
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(yield* once(), PAUSED)
      assert.strictEqual(model.requests.length, 1)
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* once(), ["committed", null])
    })
  )

  for (const [error, isFlushed] of [
    [late, true],
    [down, true],
    [quota, false],
    [unauthorized, false]
  ] as const) {
    it.effect(`${error._tag} of compressions ${isFlushed ? "never pauses" : "pauses"} flush_memories`, () => {
      const model = Scripted.make([({ task }) => (task === "compression" ? error : fine)])
      return Effect.gen(function* () {
        yield* Effect.replicateEffect(compressAnother(), 3)
        assert.deepStrictEqual(yield* outcomeOfAnother, PAUSED)
        assert.strictEqual(Either.isRight(yield* flush), isFlushed)
      }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
    })

    it.effect(`${error._tag} of one model ${isFlushed ? "leaves" : "takes"} the others of its place`, () => {
      const other = { ...route, model: "other" }
      const model = Scripted.make([(_, { model }) => (model === route.model ? error : fine)])
      const atOther = () => model.requests.filter(({ route }) => route.model === other.model).length
      return Effect.gen(function* () {
        yield* Effect.replicateEffect(compressAnother(), 2)
        const before = atOther()
        const [outcome] = yield* outcomeOfAnother
        assert.deepStrictEqual([outcome, atOther() - before], isFlushed ? ["committed", 1] : ["degraded", 0])
      }).pipe(Effect.provide(scripted(model.layer, { policy: manual, routes: [route, other] })))
    })
  }
})
