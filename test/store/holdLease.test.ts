import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Fiber, Layer, Option, TestClock } from "effect"
import * as HoldLease from "../../src/store/holdLease.ts"
import { layerMemory, SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { freshSession, acquireLease, user } from "../support/stores.ts"

/** Begins to wait for an operation lease that another holder has for `ttl` milliseconds. */
const waitBehind = (ttl: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const id = freshSession()
    yield* store.deliver(id, user("hello"), { kind: "request" })
    const lease = yield* acquireLease(id, "operation", "first", ttl)
    const { usingOperation } = yield* HoldLease.make(store)
    const waiter = yield* Effect.fork(usingOperation(id, "second", ({ waitedFor }) => Effect.succeed(waitedFor)))
    return { store, lease, waiter }
  })

/** Asserts that the waiter gets the lease after that many more milliseconds, and not before. */
const assertHeldAfter = <E>(waiter: Fiber.Fiber<string | undefined, E>, milliseconds: number) =>
  Effect.gen(function* () {
    yield* TestClock.adjust(milliseconds - 1)
    assert.isTrue(Option.isNone(yield* Fiber.poll(waiter)), "it had the lease early")
    yield* TestClock.adjust(1)
    assert.isTrue(Option.isSome(yield* Fiber.poll(waiter)), "it did not have the lease in time")
    assert.strictEqual(yield* Fiber.join(waiter), "first")
  })

describe("a lease that another holder has", () => {
  it.scoped.prop(
    "is held the moment it expires, however long that holder had it",
    [fc.integer({ min: 2, max: 1_000 })],
    ([ttl]) =>
      Effect.flatMap(waitBehind(ttl), ({ waiter }) => assertHeldAfter(waiter, ttl)).pipe(
        Effect.provide(Layer.fresh(layerMemory))
      ),
    propertyRuns(20, 200)
  )

  it.scoped("is held at the next request once that holder gave it back, long before it would expire", () =>
    Effect.gen(function* () {
      const { lease, store, waiter } = yield* waitBehind(3_600_000)
      yield* TestClock.adjust(110)
      yield* store.release(lease)
      yield* assertHeldAfter(waiter, 40)
    }).pipe(Effect.provide(layerMemory))
  )
})
