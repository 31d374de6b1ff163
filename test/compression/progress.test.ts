import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, TestClock } from "effect"
import { estimateMillisecondsLeft, progressShare, throttleProgress } from "../../src/compression/CompressionEvent.ts"
import { makeTally, type Progress } from "../../src/summary/budget.ts"
import { onVirtualClock } from "../support/virtualClock.ts"

const PARTS = 4
const rooms = FastCheck.array(FastCheck.integer({ min: 1, max: 2_000 }), { minLength: PARTS, maxLength: PARTS })
/** The script of one part. */
interface Act {
  readonly part: number
  readonly characters: number | null
}

/** A part reports its characters, which count from 0 in each try, or ends. */
const act: FastCheck.Arbitrary<Act> = FastCheck.record({
  part: FastCheck.nat(PARTS - 1),
  characters: FastCheck.option(FastCheck.nat(10_000), { freq: 4 })
})

const reports = (rooms: ReadonlyArray<number>, acts: ReadonlyArray<Act>) =>
  Effect.gen(function* () {
    const heard: Array<Progress> = []
    const tally = makeTally((progress) => Effect.sync(() => heard.push(progress)))
    const parts = rooms.map((room) => tally.begin(room))
    for (const { characters, part } of acts) {
      const { end, onProgress } = parts[part] ?? tally.begin(1)
      yield* characters === null ? end : onProgress(characters)
    }
    return heard
  })

describe("progress", () => {
  it.effect.prop(
    "never goes back, never beyond what is expected, whatever parts and tries there are",
    [rooms, FastCheck.array(act, { maxLength: 40 })],
    ([rooms, acts]) =>
      Effect.map(reports(rooms, acts), (heard) => {
        for (const [i, now] of heard.entries()) {
          const before = heard[i - 1] ?? { tokensWritten: 0, tokensExpected: Infinity }
          assert.isAtLeast(now.tokensWritten, before.tokensWritten)
          assert.isAtMost(now.tokensWritten, now.tokensExpected)
          assert.isAtMost(now.tokensExpected, before.tokensExpected)
          assert.isAtLeast(progressShare(now), progressShare(before))
          assert.isAtMost(progressShare(now), 100)
        }
      })
  )

  it.effect.prop(
    "is complete when every part has ended",
    [rooms, FastCheck.array(act, { minLength: 1 })],
    ([rooms, acts]) =>
      Effect.map(
        reports(rooms, [{ part: 0, characters: 8 }, ...acts, ...rooms.map((_, part) => ({ part, characters: null }))]),
        (heard) => assert.strictEqual(progressShare(heard.at(-1) ?? { tokensWritten: 0, tokensExpected: 1 }), 100)
      )
  )

  it.prop(
    "the time left is unknown at first, and then what the same speed takes for the rest",
    [FastCheck.nat(1_000), FastCheck.integer({ min: 1, max: 1_000 }), FastCheck.integer({ min: 1, max: 60_000 })],
    ([before, written, elapsed]) => {
      const tokensExpected = before + 3 * written
      const first = { tokensWritten: before, tokensExpected, at: 5_000 }
      const now = { tokensWritten: before + written, tokensExpected, at: 5_000 + elapsed }
      assert.isNull(estimateMillisecondsLeft(first, first))
      assert.isNull(estimateMillisecondsLeft(first, { ...first, at: now.at }))
      assert.strictEqual(estimateMillisecondsLeft(first, now), 2 * elapsed)
      assert.strictEqual(estimateMillisecondsLeft(first, { ...now, tokensWritten: tokensExpected }), 0)
    }
  )

  it.effect("each percent is told once, however many pieces come", () =>
    Effect.gen(function* () {
      const told: Array<readonly [number, number | null]> = []
      const hear = throttleProgress((progress, left) => Effect.sync(() => told.push([progressShare(progress), left])))
      for (let tokensWritten = 1; tokensWritten <= 1_000; tokensWritten++) {
        yield* hear({ tokensWritten, tokensExpected: 1_000 })
        yield* TestClock.adjust("1 millis")
      }
      assert.deepStrictEqual(
        told.map(([percent]) => percent),
        Array.from({ length: 101 }, (_, percent) => percent)
      )
      assert.deepStrictEqual(told[0], [0, null])
      assert.deepStrictEqual(told[50], [50, 500])
    }).pipe(onVirtualClock)
  )
})
