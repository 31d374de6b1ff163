import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, TestClock } from "effect"
import { propertyRuns } from "../support/repetitions.ts"
import { makeFairQueue } from "../../src/concurrency/fiberServices.ts"

/** How long each stays, and whether it is interrupted while the others come and go. */
const visitors = FastCheck.array(FastCheck.record({ stays: FastCheck.nat(5), isInterrupted: FastCheck.boolean() }), {
  maxLength: 20
})

const yields = (times: number) => Effect.repeatN(Effect.yieldNow(), times)

describe("a fair queue", () => {
  it.effect.prop(
    "lets in at most as many as it has places, in the order they came, and forgets nobody",
    [FastCheck.integer({ min: 1, max: 4 }), visitors],
    ([places, all]) =>
      Effect.gen(function* () {
        const line = makeFairQueue<string>(places)
        const entered: Array<number> = []
        let inside = 0
        const visit = (n: number, stays: number) =>
          line.withPlace(
            "k",
            Effect.acquireUseRelease(
              Effect.sync(() => void (inside += 1)),
              () => {
                entered.push(n)
                assert.isAtMost(inside, places)
                return yields(stays)
              },
              () => Effect.sync(() => void (inside -= 1))
            )
          )
        const fibers = yield* Effect.forEach(all, ({ stays }, n) => Effect.fork(visit(n, stays)))
        yield* Effect.forEach(fibers, (fiber, n) =>
          all[n]?.isInterrupted === true ? Effect.zipRight(yields(n % 3), Fiber.interrupt(fiber)) : Fiber.join(fiber)
        )
        assert.deepStrictEqual(
          entered,
          entered.toSorted((a, b) => a - b)
        )
        all.forEach(({ isInterrupted }, n) => assert.isTrue(isInterrupted || entered.includes(n)))
        assert.strictEqual(line.countLines(), 0)
      }),
    propertyRuns(75, 300)
  )

  it.effect("of several places has nobody wait while one is free", () =>
    Effect.gen(function* () {
      const line = makeFairQueue<string>(2)
      const visitors = yield* Effect.replicateEffect(Effect.fork(line.withPlace("k", Effect.never)), 3)
      yield* yields(10)
      let passed = 0
      const passing = Effect.sync(() => void (passed += 1))
      const fourth = yield* Effect.fork(line.withPlace("k", passing))
      yield* line.withPlace("another key", passing)
      yield* yields(10)
      assert.strictEqual(passed, 1)
      yield* Fiber.interruptAll(visitors)
      yield* Fiber.join(fourth)
      assert.strictEqual(passed, 2)
    })
  )

  it.effect("who waits for longer than he would passes by, and the next takes his place", () =>
    Effect.gen(function* () {
      const line = makeFairQueue<string>()
      const inside = yield* Effect.fork(line.withPlace("k", Effect.never))
      const hasty = yield* Effect.fork(
        line.withPlace("k", Effect.succeed("in"), { wait: "1 second", late: Effect.succeed("late") })
      )
      const patient = yield* Effect.fork(line.withPlace("k", Effect.succeed("in")))
      yield* yields(10)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(hasty), "late")
      yield* Fiber.interrupt(inside)
      assert.strictEqual(yield* Fiber.join(patient), "in")
      assert.strictEqual(line.countLines(), 0)
    })
  )
})
