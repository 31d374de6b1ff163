import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, identity } from "effect"
import * as Turnstile from "../../src/internal/turnstile.ts"

/** How long each stays, and whether it is interrupted while the others come and go. */
const visitors = FastCheck.array(FastCheck.record({ stays: FastCheck.nat(5), isInterrupted: FastCheck.boolean() }), {
  maxLength: 20
})

const yields = (times: number) => Effect.repeatN(Effect.yieldNow(), times)

describe("a turnstile", () => {
  it.effect.prop(
    "lets in at most as many as it has places, in the order they came, and forgets nobody",
    [FastCheck.integer({ min: 1, max: 4 }), visitors],
    ([places, all]) =>
      Effect.gen(function* () {
        const line = Turnstile.make<string>(places)
        const entered: Array<number> = []
        let inside = 0
        const visit = (n: number, stays: number) => {
          const stay = Effect.scoped(
            Effect.gen(function* () {
              yield* Effect.acquireRelease(
                Effect.sync(() => void (inside += 1)),
                () => Effect.sync(() => void (inside -= 1))
              )
              entered.push(n)
              assert.isAtMost(inside, places)
              yield* yields(stays)
            })
          )
          return n % 2 === 0 ? Effect.scoped(Effect.zipRight(line.enter("k"), stay)) : line.within("k", identity, stay)
        }
        const fibers = yield* Effect.forEach(all, ({ stays }, n) => Effect.fork(visit(n, stays)))
        yield* Effect.forEach(fibers, (fiber, n) =>
          all[n]?.isInterrupted === true ? Effect.zipRight(yields(n % 3), Fiber.interrupt(fiber)) : Fiber.join(fiber)
        )
        assert.deepStrictEqual(
          entered,
          entered.toSorted((a, b) => a - b)
        )
        all.forEach(({ isInterrupted }, n) => assert.isTrue(isInterrupted || entered.includes(n)))
        assert.strictEqual(line.size(), 0)
      }),
    { fastCheck: { numRuns: 300 } }
  )

  it.effect("of several places has nobody wait while one is free", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const line = Turnstile.make<string>(2)
        yield* line.enter("k")
        yield* line.enter("k")
        const third = yield* Effect.fork(Effect.scoped(line.enter("k")))
        yield* yields(10)
        assert.isNull(third.unsafePoll())
        yield* Effect.scoped(line.enter("another key"))
        yield* Fiber.interrupt(third)
      })
    )
  )
})
