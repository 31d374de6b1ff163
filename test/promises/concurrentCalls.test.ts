/** Calls at the same time: the chunks of one range, and many sessions on one route that takes only some at once. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, FastCheck, Fiber, Layer, TestClock } from "effect"
import { ModelClients, layer as clientsLayer } from "../../src/model/ModelClients.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import type { Call } from "../../src/model/Scripted.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as Models from "../support/models.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { conversation, id, route, scripted, summary } from "../support/world.ts"

const patient = { ...route, timeout: Duration.minutes(5), idleTimeout: Duration.minutes(2) }

const textOf = ({ messages }: Pick<Call, "messages">): string => messages.map(Message.text).join("\n")

const compress = (sessionId: SessionId) => Effect.flatMap(Compressor, ({ compress }) => compress(sessionId))

describe("a range of 145,000 tokens on a route with a window of 32,000", () => {
  const latencies = FastCheck.array(FastCheck.integer({ min: 30_000, max: 55_000 }), { minLength: 16, maxLength: 16 })
  const policy = { contextLength: 200_000, mode: "manual" } as const
  const routes = [{ ...patient, contextLength: 32_000 }]

  it.effect.prop(
    "takes at most 1.3 times as long as its slowest chunk, and the chunks are about the same size",
    [latencies],
    ([all]) => {
      const taken: Array<number> = []
      const model = Scripted.make([
        () => {
          const delay = all[taken.length % all.length] ?? 0
          taken.push(delay)
          return { text: summary("x"), delay }
        }
      ])
      return Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.importAll([{ sessionId: id, messages: conversation(440) }])
        const running = yield* Effect.fork(compress(id))
        yield* TestClock.adjust("1 hour")
        const { durationMs, outcome, tokensBefore } = yield* Fiber.join(running)
        assert.strictEqual(outcome, "committed")
        assert.isAbove(tokensBefore, 145_000)
        assert.isAtLeast(taken.length, 5)
        assert.isAtMost(durationMs, 1.3 * Math.max(...taken))
        const sizes = model.requests.map((request) => estimate.text(textOf(request)))
        assert.isAtMost(Math.max(...sizes), 1.2 * Math.min(...sizes))
      }).pipe(Effect.provide(scripted(model.layer, { policy, routes })), onVirtualClock)
    },
    { fastCheck: { numRuns: 5 } }
  )
})

describe("a route that takes four calls at once", () => {
  const ids = Array.from({ length: 20 }, (_, n) => SessionId.make(`session-${n + 10}`))
  const sessionOf = (request: Call) => /session-\d\d/.exec(textOf(request))?.[0]

  const many = Effect.flatMap(SessionStore, (store) =>
    store.importAll(
      ids.map((sessionId) => ({
        sessionId,
        messages: [{ role: "user", content: `I am ${sessionId}` }, ...conversation(20)]
      }))
    )
  )
  const world = (model: ReturnType<typeof Models.counted>, maxConcurrentCalls: number) =>
    scripted(model.layer, {
      policy: { contextLength: 8_000, protectFirstN: 0, mode: "manual" },
      routes: [{ ...patient, timeout: Duration.seconds(60) }],
      totalTimeout: Duration.seconds(100),
      maxConcurrentCalls
    })

  it.effect("serves twenty sessions in the order they came, four at a time, and none starves", () => {
    const model = Models.counted([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* many
      const running = yield* Effect.forEach(ids, (sessionId) => Effect.fork(compress(sessionId)))
      yield* TestClock.adjust("1 hour")
      const results = yield* Fiber.join(Fiber.all(running))
      assert.deepStrictEqual(model.model.requests.map(sessionOf), ids)
      assert.strictEqual(model.calls.most, 4)
      assert.deepStrictEqual(
        results.map(({ durationMs, outcome }) => [outcome, durationMs]),
        ids.map((_, n) => ["committed", 10_000 * (1 + Math.floor(n / 4))])
      )
    }).pipe(Effect.provide(world(model, 4)), onVirtualClock)
  })

  it.effect("a wait counts against the total time alone, and without a place in time nothing is asked", () => {
    const model = Models.counted([{ text: summary("x"), delay: "40 seconds" }])
    return Effect.gen(function* () {
      yield* many
      const running = yield* Effect.forEach(ids.slice(0, 4), (sessionId) => Effect.fork(compress(sessionId)))
      yield* TestClock.adjust("1 hour")
      const results = yield* Fiber.join(Fiber.all(running))
      assert.deepStrictEqual(
        results.map(({ durationMs, modelCalls, outcome }) => [outcome, modelCalls, durationMs / 1_000]),
        [
          ["committed", 1, 40],
          ["committed", 1, 80],
          ["degraded", 1, 100],
          ["degraded", 0, 100]
        ]
      )
    }).pipe(Effect.provide(world(model, 1)), onVirtualClock)
  })

  it.effect("an auxiliary task leaves the line at once when it is stopped, and the next one moves up", () => {
    const model = Models.counted([{ text: "done", delay: "10 seconds" }])
    const request = { task: "flush_memories", messages: [{ role: "user", content: "?" }], maxOutputTokens: 9 } as const
    return Effect.gen(function* () {
      const { auxiliary, interrupt } = yield* Gateway
      const tasks = yield* Effect.forEach(ids.slice(0, 3), (sessionId) =>
        Effect.fork(Effect.zip(Effect.exit(auxiliary(sessionId, request)), Clock.currentTimeMillis))
      )
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(yield* interrupt(SessionId.make("session-11")))
      yield* TestClock.adjust("1 minute")
      const ends = yield* Fiber.join(Fiber.all(tasks))
      assert.deepStrictEqual(
        ends.map(([exit, at]) => [exit._tag, at / 1_000]),
        [
          ["Success", 10],
          ["Failure", 5],
          ["Success", 20]
        ]
      )
    }).pipe(Effect.provide(world(model, 1)), onVirtualClock)
  })

  it.effect("has no place taken from it by calls on another route", () =>
    Effect.gen(function* () {
      const { within } = yield* ModelClients
      const passed: Array<string> = []
      const passing = (name: string) => Effect.sync(() => void passed.push(name))
      const first = yield* Effect.fork(within(route, Effect.never))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      const second = yield* Effect.fork(within({ ...route, timeout: Duration.minutes(9) }, passing("the same route")))
      yield* within({ ...route, model: "another model" }, passing("another"))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      assert.deepStrictEqual(passed, ["another"])
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(passed, ["another", "the same route"])
    }).pipe(Effect.provide(Layer.provide(clientsLayer({ maxConcurrentCalls: 1 }), Scripted.layer([]))))
  )

  it.effect("takes at least one, or the setting is refused", () =>
    Effect.gen(function* () {
      for (const maxConcurrentCalls of [0, -1, 1.5, NaN]) {
        const refused = Layer.provide(clientsLayer({ maxConcurrentCalls }), Scripted.layer([]))
        assert.strictEqual((yield* Effect.flip(Effect.scoped(Layer.build(refused)))).field, "maxConcurrentCalls")
      }
    })
  )
})
