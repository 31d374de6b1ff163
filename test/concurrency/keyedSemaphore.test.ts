import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { makeKeyedSemaphore } from "../../src/concurrency/fiberServices.ts"

const ids = Array.from({ length: 50 }, (_, n) => SessionId.make(`session ${n}`))

describe("what is kept per session", () => {
  it.effect("one holder per session at a time, many sessions at once, and nothing kept afterwards", () =>
    Effect.gen(function* () {
      const permits = makeKeyedSemaphore()
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
})
