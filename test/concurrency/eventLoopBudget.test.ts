import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { foldInSlices, workLater, yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import { any, logOf } from "../support/histories.ts"

/** Turns of the event loop that others had while the effect ran. */
const turnsDuring = <A>(effect: Effect.Effect<A>) =>
  Effect.suspend(() => {
    let turns = 0
    let isRunning = true
    const look = () => {
      turns += 1
      if (isRunning) setImmediate(look)
    }
    setImmediate(look)
    return Effect.map(effect, (value) => {
      isRunning = false
      return { value, turns }
    })
  })

/** Work that takes that long, in milliseconds. */
const busy = (milliseconds: number) => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
const entries = (count: number) => Array.from({ length: count }, (_, n) => n)

describe("long work in pieces", () => {
  it.live("lets others have the event loop between pieces; what is short is done at once", () =>
    Effect.gen(function* () {
      const long = yield* turnsDuring(
        foldInSlices(entries(20), 0, (n) => {
          busy(4)
          return n + 1
        })
      )
      assert.strictEqual(long.value, 20)
      assert.isAtLeast(long.turns, 20)
      assert.deepStrictEqual(yield* turnsDuring(foldInSlices([1, 2], 0, (n, entry) => n + entry)), {
        value: 3,
        turns: 0
      })
    })
  )

  it.live("of many at once comes one piece a turn, and in the order they asked", () =>
    Effect.gen(function* () {
      const order: Array<number> = []
      const eight = Array.from({ length: 8 }, (_, n) => n)
      const { turns } = yield* turnsDuring(
        Effect.forEach(eight, (n) => Effect.map(yieldToLoop, () => order.push(n)), { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(order, eight)
      assert.isAtLeast(turns, eight.length - 1)
    })
  )

  it.live("that nobody waits for is done later, in order and all of it, a little in each turn, whatever fails", () =>
    Effect.gen(function* () {
      const done: Array<number> = []
      const doLater = (n: number) => {
        busy(2)
        done.push(n)
        if (n % 5 === 0) throw new Error("it is done again by who needs it")
      }
      workLater(entries(10), doLater)
      assert.deepStrictEqual(done, [])
      yield* yieldToLoop
      assert.isBelow(done.length, 10)
      workLater([10, 11], doLater)
      while (done.length < 12) yield* yieldToLoop
      assert.deepStrictEqual(done, entries(12))
    })
  )

  it.prop("the ledger is the same in pieces", [any], ([history]) => {
    const log = logOf(history)
    const oneByOne = log.reduce((ledger, entry) => Ledger.add(ledger, [entry]), Ledger.empty)
    assert.deepStrictEqual(oneByOne, Ledger.add(Ledger.empty, log))
  })
})
