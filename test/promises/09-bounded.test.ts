/**
 * Promise 9, bounded: what a compression may spend of calls, time and tokens over all retries, chunks and routes, and how
 * many calls run at the same time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, FastCheck, Fiber, Layer, Option, TestClock } from "effect"
import * as Message from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as ModelError from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { compressSession, conversation, importRounds, policy, route, scripted, summary } from "../support/world.ts"

const where = { route: "r", detail: "of the script" }
const down = new ModelError.ConnectionError(where)
const overflow = new ModelError.ContextOverflow(where)
const limited = (retryAfter: number) => new ModelError.RateLimited({ route: "r", retryAfter })

const other = { ...route, model: "other" }
/** In its window a long conversation goes in chunks. */
const small = { ...route, contextLength: 8_000 }

/** Compresses a conversation, time passing as needed. */
const compressRounds = (
  rounds: number,
  script: ReadonlyArray<Scripted.ScriptedOutcome>,
  options: Partial<Gateway.GatewayOptions>
) => {
  const model = Scripted.make(script)
  return Effect.gen(function* () {
    yield* importRounds(rounds)
    const fiber = yield* Effect.fork(compressSession())
    yield* Effect.repeat(TestClock.adjust("250 millis"), { until: () => Effect.map(Fiber.poll(fiber), Option.isSome) })
    const result = yield* Fiber.join(fiber)
    return { model, result, calls: model.requests.length }
  }).pipe(Effect.provide(scripted(model.layer, { policy, ...options })))
}

describe("budgets", () => {
  it.effect("what a compression has not spent is in its result", () =>
    Effect.gen(function* () {
      const answer: Scripted.ScriptedAnswer = {
        text: summary("x"),
        delay: "10 seconds",
        usage: { inputTokens: 3_000, outputTokens: 200 }
      }
      const options = { maxCalls: 5, totalTimeout: "1 minute", maxTokens: 20_000 } as const
      const { result } = yield* compressRounds(12, [down, answer], options)
      const { calls, milliseconds, tokens } = result.budgetLeft ?? { calls: 0, milliseconds: 0, tokens: 0 }
      assert.deepStrictEqual([calls, milliseconds], [3, 50_000])
      assert.isAbove(tokens ?? 0, 0)
      assert.isAtMost(tokens ?? 0, 20_000 - 3_200, "the failed call's prompt was sent, too")
    })
  )

  it.effect("without a bound on tokens none is told", () =>
    Effect.gen(function* () {
      const { result } = yield* compressRounds(12, [summary("x")], {})
      assert.deepInclude(result.budgetLeft, { calls: 7, tokens: null })
    })
  )

  it.effect("maxCalls ends retries and routes", () =>
    Effect.gen(function* () {
      for (const maxCalls of [1, 2, 3, 4]) {
        const { calls, result } = yield* compressRounds(12, [down], { routes: [route, other], maxCalls })
        assert.deepStrictEqual([result.outcome, calls, result.modelCalls], ["degraded", maxCalls, maxCalls])
        assert.strictEqual(result.budgetLeft?.calls, 0)
      }
    })
  )

  it.effect("maxCalls bounds the chunks: beside its calls there is one for each", () =>
    Effect.gen(function* () {
      const chunks = (yield* compressRounds(
        120,
        [Models.oracle].map((text) => (request) => text(request)),
        {
          routes: [small]
        }
      )).calls
      assert.isAbove(chunks, 4)
      const { calls, result } = yield* compressRounds(120, [down], { routes: [small, other], maxCalls: 2 })
      assert.isAtMost(calls, 2 + chunks)
      assert.isAtLeast(result.budgetLeft?.calls ?? -1, 0)
      assert.strictEqual(result.outcome, "degraded")
    })
  )

  it.effect("a route that finds every piece too long is left for the next one, within the calls", () =>
    Effect.gen(function* () {
      const script = [
        (_: unknown, { model }: { readonly model: string }): Scripted.ScriptedOutcome =>
          model === other.model ? summary("x") : overflow
      ]
      const { model, result } = yield* compressRounds(12, script, { routes: [route, other] })
      assert.strictEqual(result.outcome, "committed")
      const asked = model.requests.map(({ route }) => route.model)
      assert.deepStrictEqual(asked.filter((name) => name === route.model).length, 3)
    })
  )

  it.effect("totalTimeout bounds all calls and waits together", () =>
    Effect.gen(function* () {
      const hanging = { ...route, timeout: Duration.seconds(20), idleTimeout: Duration.minutes(5) }
      const routes = [hanging, { ...hanging, model: "other" }]
      const { calls, result } = yield* compressRounds(12, [Scripted.hang], { routes, totalTimeout: "50 seconds" })
      assert.strictEqual(result.outcome, "degraded")
      assert.deepStrictEqual([calls, result.durationMs, result.budgetLeft?.milliseconds], [3, 50_000, 0])
    })
  )

  it.effect("a wait that does not fit is not begun", () =>
    Effect.gen(function* () {
      const routes = [route, other]
      const script = [limited(60_000), summary("x")]
      const { model, result } = yield* compressRounds(12, script, { routes, totalTimeout: "60 seconds" })
      assert.deepInclude(result, { outcome: "committed", durationMs: 0 })
      assert.deepStrictEqual(
        model.requests.map(({ route }) => route.model),
        [route.model, other.model]
      )
      const waited = yield* compressRounds(12, script, { routes, totalTimeout: "61 seconds" })
      assert.strictEqual(waited.result.durationMs, 60_000)
      assert.deepStrictEqual(
        waited.model.requests.map(({ route }) => route.model),
        [route.model, route.model]
      )
    })
  )

  it.effect("maxTokens begins no call whose text is more than what is left", () =>
    Effect.gen(function* () {
      const { model, result } = yield* compressRounds(12, [down], { routes: [route, other] })
      assert.strictEqual(model.requests.length, 4)
      const none = yield* compressRounds(12, [summary("x")], { maxTokens: 1_000 })
      assert.deepStrictEqual([none.calls, none.result.outcome, none.result.budgetLeft?.tokens], [0, "degraded", 1_000])
      assert.isNotEmpty(none.result.reason)
      const one = yield* compressRounds(12, [down], { routes: [route, other], maxTokens: result.tokensBefore + 2_000 })
      assert.deepStrictEqual([one.calls, one.result.outcome], [1, "degraded"])
    })
  )

  it.effect("a silent stream is found by the idle deadline, long before the total one", () =>
    Effect.gen(function* () {
      const silent: Scripted.ScriptedOutcome = { partial: "## Goal", end: "hang" }
      const quick = { ...route, timeout: Duration.minutes(10), idleTimeout: Duration.seconds(5) }
      const { result } = yield* compressRounds(12, [silent, summary("x")], { routes: [quick] })
      assert.deepInclude(result, { outcome: "committed", durationMs: 5_000 })
      assert.include(result.attempts[0]?.detail ?? "", "no sign of life within 5000 ms")
    })
  )

  it.effect.prop(
    "no script makes a compression exceed its calls or its time",
    [
      Models.script(Models.outcomesWithOverflow),
      FastCheck.integer({ min: 1, max: 9 }),
      FastCheck.integer({ min: 1, max: 60 }),
      FastCheck.constantFrom(12, 60, 90)
    ],
    ([script, maxCalls, seconds, rounds]) =>
      Effect.gen(function* () {
        const options = { routes: [small, other], maxCalls, totalTimeout: seconds * 1_000 }
        const { calls, result } = yield* compressRounds(rounds, script, options)
        assert.strictEqual(result.modelCalls, calls)
        assert.isAtLeast(result.budgetLeft?.calls ?? -1, 0)
        assert.isAtMost(result.durationMs, seconds * 1_000)
        // A range of 90 rounds goes in 8 chunks at most, each cut into 8 pieces at most.
        assert.isAtMost(calls, maxCalls + 64)
      }),
    propertyRuns(10, 60)
  )
})

const patient = { ...route, timeout: Duration.minutes(5), idleTimeout: Duration.minutes(2) }

const textOf = ({ messages }: Pick<Scripted.Call, "messages">): string => messages.map(Message.text).join("\n")

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
        yield* importRounds(620)
        const running = yield* Effect.fork(compressSession())
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
    propertyRuns(2, 5)
  )
})

describe("a route that takes four calls at once", () => {
  const ids = Array.from({ length: 20 }, (_, n) => SessionId.make(`session-${n + 10}`))
  const sessionOf = (request: Scripted.Call) => /session-\d\d/.exec(textOf(request))?.[0]

  const many = Effect.flatMap(SessionStore, (store) =>
    store.importAll(
      ids.map((sessionId) => ({
        sessionId,
        messages: [{ role: "user", content: `I am ${sessionId}` }, ...conversation(20)]
      }))
    )
  )
  const gatewayFor = (model: ReturnType<typeof Models.makeCountingModel>, maxConcurrentCalls: number) =>
    scripted(model.layer, {
      policy: { contextLength: 8_000, protectFirstN: 0, mode: "manual" },
      routes: [{ ...patient, timeout: Duration.seconds(60) }],
      totalTimeout: Duration.seconds(100),
      maxConcurrentCalls
    })

  it.effect("serves twenty sessions in the order they came, four at a time, and none starves", () => {
    const model = Models.makeCountingModel([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* many
      const running = yield* Effect.forEach(ids, (sessionId) => Effect.fork(compressSession(sessionId)))
      yield* TestClock.adjust("1 hour")
      const results = yield* Fiber.join(Fiber.all(running))
      assert.deepStrictEqual(model.model.requests.map(sessionOf), ids)
      assert.strictEqual(model.calls.most, 4)
      assert.deepStrictEqual(
        results.map(({ durationMs, outcome }) => [outcome, durationMs]),
        ids.map((_, n) => ["committed", 10_000 * (1 + Math.floor(n / 4))])
      )
    }).pipe(Effect.provide(gatewayFor(model, 4)), onVirtualClock)
  })

  it.effect("a wait counts against the total time alone, and without a place in time nothing is asked", () => {
    const model = Models.makeCountingModel([{ text: summary("x"), delay: "40 seconds" }])
    return Effect.gen(function* () {
      yield* many
      const running = yield* Effect.forEach(ids.slice(0, 4), (sessionId) => Effect.fork(compressSession(sessionId)))
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
    }).pipe(Effect.provide(gatewayFor(model, 1)), onVirtualClock)
  })

  it.effect("an auxiliary task leaves the line at once when it is stopped, and the next one moves up", () => {
    const model = Models.makeCountingModel([{ text: "done", delay: "10 seconds" }])
    const request = { task: "flush_memories", messages: [{ role: "user", content: "?" }], maxOutputTokens: 9 } as const
    return Effect.gen(function* () {
      const { auxiliary, interrupt } = yield* Gateway.Gateway
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
    }).pipe(Effect.provide(gatewayFor(model, 1)), onVirtualClock)
  })

  it.effect("has no place taken from it by calls on another route", () =>
    Effect.gen(function* () {
      const { withPlace } = yield* ModelClients.ModelClients
      const passed: Array<string> = []
      const passing = (name: string) => Effect.sync(() => void passed.push(name))
      const first = yield* Effect.fork(withPlace(route, Effect.never))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      const second = yield* Effect.fork(
        withPlace({ ...route, timeout: Duration.minutes(9) }, passing("the same route"))
      )
      yield* withPlace({ ...route, model: "another model" }, passing("another"))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      assert.deepStrictEqual(passed, ["another"])
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(passed, ["another", "the same route"])
    }).pipe(Effect.provide(Layer.provide(ModelClients.layer({ maxConcurrentCalls: 1 }), Scripted.layer([]))))
  )

  it.effect("takes at least one, or the setting is refused", () =>
    Effect.gen(function* () {
      for (const maxConcurrentCalls of [0, -1, 1.5, NaN]) {
        const refused = Layer.provide(ModelClients.layer({ maxConcurrentCalls }), Scripted.layer([]))
        assert.strictEqual((yield* Effect.flip(Effect.scoped(Layer.build(refused)))).field, "maxConcurrentCalls")
      }
    })
  )
})
