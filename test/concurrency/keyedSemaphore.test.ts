import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Fruitless from "../../src/compression/fruitless.ts"
import * as KeyedSemaphore from "../../src/concurrency/keyedSemaphore.ts"
import { SessionId } from "../../src/session/Session.ts"

const ids = Array.from({ length: 50 }, (_, n) => SessionId.make(`session ${n}`))

describe("what is kept per session", () => {
  it.effect("one holder per session at a time, many sessions at once, and nothing kept afterwards", () =>
    Effect.gen(function* () {
      const permits = KeyedSemaphore.make()
      const inside = new Map<SessionId, number>()
      const enter = (id: SessionId, by: number) => Effect.sync(() => inside.set(id, (inside.get(id) ?? 0) + by))
      const gate = yield* Deferred.make<void>()
      const work = (id: SessionId) =>
        permits.withPermit(id)(
          Effect.gen(function* () {
            yield* enter(id, 1)
            assert.strictEqual(inside.get(id), 1)
            yield* Deferred.await(gate)
            yield* enter(id, -1)
          })
        )
      const fibers = yield* Effect.forEach([...ids, ...ids, ...ids], (id) => Effect.fork(work(id)))
      yield* Effect.repeat(Effect.yieldNow(), { until: () => inside.size === ids.length })
      assert.strictEqual(permits.size(), ids.length)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(Fiber.all(fibers))
      assert.strictEqual(permits.size(), 0)
    })
  )

  it("a fruitless try is remembered until the log grows or something is gained", () => {
    const fruitless = Fruitless.make()
    const [id = SessionId.make("one")] = ids
    fruitless.note(id, 7, false)
    assert.isTrue(fruitless.isKnown(id, 7))
    assert.isFalse(fruitless.isKnown(id, 8))
    fruitless.note(id, 8, true)
    assert.isFalse(fruitless.isKnown(id, 8))
  })

  it("the memory of fruitless tries is bounded, the oldest go first", () => {
    const fruitless = Fruitless.make()
    const many = Array.from({ length: 10_001 }, (_, n) => SessionId.make(`many ${n}`))
    for (const id of many) fruitless.note(id, 1, false)
    assert.deepStrictEqual(
      [many[0], many[1], many.at(-1)].map((id) => id !== undefined && fruitless.isKnown(id, 1)),
      [false, true, true]
    )
  })
})
