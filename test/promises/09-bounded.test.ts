/** What a compression may spend, on the test clock: calls, time and tokens over all retries, chunks and routes. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck, Fiber, Option, TestClock } from "effect"
import * as ModelError from "../../src/model/ModelError.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { conversation, id, policy, route, scripted, summary } from "../support/world.ts"

const where = { route: "r", detail: "of the script" }
const down = new ModelError.ConnectionError(where)
const overflow = new ModelError.ContextOverflow(where)
const limited = (retryAfter: number) => new ModelError.RateLimited({ route: "r", retryAfter })

const other = { ...route, model: "other" }
/** In its window a long conversation goes in chunks. */
const small = { ...route, contextLength: 8_000 }

/** Compresses a conversation, time passing as needed. */
const compressed = (rounds: number, script: ReadonlyArray<Scripted.Outcome>, options: Partial<Gateway.Options>) => {
  const model = Scripted.make(script)
  return Effect.gen(function* () {
    const store = yield* SessionStore
    const { compress } = yield* Gateway.Gateway
    yield* store.importAll([{ sessionId: id, messages: conversation(rounds) }])
    const fiber = yield* Effect.fork(compress(id))
    yield* Effect.repeat(TestClock.adjust("250 millis"), { until: () => Effect.map(Fiber.poll(fiber), Option.isSome) })
    const result = yield* Fiber.join(fiber)
    return { model, result, calls: model.requests.length }
  }).pipe(Effect.provide(scripted(model.layer, { policy, ...options })))
}

describe("budgets", () => {
  it.effect("what a compression has not spent is in its result", () =>
    Effect.gen(function* () {
      const answer: Scripted.Answer = {
        text: summary("x"),
        delay: "10 seconds",
        usage: { inputTokens: 3_000, outputTokens: 200 }
      }
      const options = { maxCalls: 5, totalTimeout: "1 minute", maxTokens: 20_000 } as const
      const { result } = yield* compressed(12, [down, answer], options)
      const { calls, milliseconds, tokens } = result.budgetLeft ?? { calls: 0, milliseconds: 0, tokens: 0 }
      assert.deepStrictEqual([calls, milliseconds], [3, 50_000])
      assert.isAbove(tokens ?? 0, 0)
      assert.isAtMost(tokens ?? 0, 20_000 - 3_200, "the failed call's prompt was sent, too")
    })
  )

  it.effect("without a bound on tokens none is told", () =>
    Effect.gen(function* () {
      const { result } = yield* compressed(12, [summary("x")], {})
      assert.deepInclude(result.budgetLeft, { calls: 7, tokens: null })
    })
  )

  it.effect("maxCalls ends retries and routes", () =>
    Effect.gen(function* () {
      for (const maxCalls of [1, 2, 3, 4]) {
        const { calls, result } = yield* compressed(12, [down], { routes: [route, other], maxCalls })
        assert.deepStrictEqual([result.outcome, calls, result.modelCalls], ["degraded", maxCalls, maxCalls])
        assert.strictEqual(result.budgetLeft?.calls, 0)
      }
    })
  )

  it.effect("maxCalls bounds the chunks: beside its calls there is one for each", () =>
    Effect.gen(function* () {
      const chunks = (yield* compressed(
        120,
        [Models.oracle].map((text) => (request) => text(request)),
        {
          routes: [small]
        }
      )).calls
      assert.isAbove(chunks, 4)
      const { calls, result } = yield* compressed(120, [down], { routes: [small, other], maxCalls: 2 })
      assert.isAtMost(calls, 2 + chunks)
      assert.isAtLeast(result.budgetLeft?.calls ?? -1, 0)
      assert.strictEqual(result.outcome, "degraded")
    })
  )

  it.effect("a route that finds every piece too long is left for the next one, within the calls", () =>
    Effect.gen(function* () {
      const script = [
        (_: unknown, { model }: { readonly model: string }): Scripted.Outcome =>
          model === other.model ? summary("x") : overflow
      ]
      const { model, result } = yield* compressed(12, script, { routes: [route, other] })
      assert.strictEqual(result.outcome, "committed")
      const asked = model.requests.map(({ route }) => route.model)
      assert.deepStrictEqual(asked.filter((name) => name === route.model).length, 4)
    })
  )

  it.effect("totalTimeout bounds all calls and waits together", () =>
    Effect.gen(function* () {
      const hanging = { ...route, timeout: Duration.seconds(20), idleTimeout: Duration.minutes(5) }
      const routes = [hanging, { ...hanging, model: "other" }]
      const { calls, result } = yield* compressed(12, [Scripted.hang], { routes, totalTimeout: "50 seconds" })
      assert.strictEqual(result.outcome, "degraded")
      assert.deepStrictEqual([calls, result.durationMs, result.budgetLeft?.milliseconds], [3, 50_000, 0])
    })
  )

  it.effect("a wait that does not fit is not begun", () =>
    Effect.gen(function* () {
      const routes = [route, other]
      const script = [limited(60_000), summary("x")]
      const { model, result } = yield* compressed(12, script, { routes, totalTimeout: "60 seconds" })
      assert.deepInclude(result, { outcome: "committed", durationMs: 0 })
      assert.deepStrictEqual(
        model.requests.map(({ route }) => route.model),
        [route.model, other.model]
      )
      const waited = yield* compressed(12, script, { routes, totalTimeout: "61 seconds" })
      assert.strictEqual(waited.result.durationMs, 60_000)
      assert.deepStrictEqual(
        waited.model.requests.map(({ route }) => route.model),
        [route.model, route.model]
      )
    })
  )

  it.effect("maxTokens begins no call whose text is more than what is left", () =>
    Effect.gen(function* () {
      const { model, result } = yield* compressed(12, [down], { routes: [route, other] })
      assert.strictEqual(model.requests.length, 4)
      const none = yield* compressed(12, [summary("x")], { maxTokens: 1_000 })
      assert.deepStrictEqual([none.calls, none.result.outcome, none.result.budgetLeft?.tokens], [0, "degraded", 1_000])
      assert.isNotEmpty(none.result.reason)
      const one = yield* compressed(12, [down], { routes: [route, other], maxTokens: result.tokensBefore + 2_000 })
      assert.deepStrictEqual([one.calls, one.result.outcome], [1, "degraded"])
    })
  )

  it.effect("a silent stream is found by the idle deadline, long before the total one", () =>
    Effect.gen(function* () {
      const silent: Scripted.Outcome = { partial: "## Goal", end: "hang" }
      const quick = { ...route, timeout: Duration.minutes(10), idleTimeout: Duration.seconds(5) }
      const { result } = yield* compressed(12, [silent, summary("x")], { routes: [quick] })
      assert.deepInclude(result, { outcome: "committed", durationMs: 5_000 })
      assert.include(result.attempts[0]?.detail ?? "", "no sign of life within 5000 ms")
    })
  )

  it.effect.prop(
    "promise 9, bounded: no script makes a compression exceed its calls or its time",
    [
      Models.script(Models.outcomesWithOverflow),
      FastCheck.integer({ min: 1, max: 9 }),
      FastCheck.integer({ min: 1, max: 60 }),
      FastCheck.constantFrom(12, 60, 90)
    ],
    ([script, maxCalls, seconds, rounds]) =>
      Effect.gen(function* () {
        const options = { routes: [small, other], maxCalls, totalTimeout: seconds * 1_000 }
        const { calls, result } = yield* compressed(rounds, script, options)
        assert.strictEqual(result.modelCalls, calls)
        assert.isAtLeast(result.budgetLeft?.calls ?? -1, 0)
        assert.isAtMost(result.durationMs, seconds * 1_000)
        // A range of 90 rounds goes in 8 chunks at most, each cut into 8 pieces at most.
        assert.isAtMost(calls, maxCalls + 64)
      }),
    { fastCheck: { numRuns: 60 } }
  )
})
