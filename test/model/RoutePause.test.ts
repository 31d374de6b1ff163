import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as RoutePause from "../../src/model/RoutePause.ts"

const anyPolicy: FastCheck.Arbitrary<RoutePause.PausePolicy> = FastCheck.record({
  durations: FastCheck.array(FastCheck.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 5 }),
  afterFailures: FastCheck.integer({ min: 1, max: 4 })
})
const anyScope = FastCheck.constantFrom("task" as const, "route" as const)
const anyTime = FastCheck.integer({ min: 1, max: 2 ** 40 })

/** Returns the memory of a route that failed at each of these times. */
const failAt = (
  policy: RoutePause.PausePolicy,
  scope: "task" | "route",
  times: ReadonlyArray<number>
): RoutePause.Pause => times.reduce((pause, now) => RoutePause.afterFailure(policy, pause, scope, now), RoutePause.none)

describe("RoutePause", () => {
  it("lasts 30, 60, 300, then 900 seconds", () => {
    const lasted = [1, 2, 3, 4, 5, 6].map(
      (n) => failAt(RoutePause.defaults, "route", Array<number>(n).fill(7_000)).until - 7_000
    )
    assert.deepStrictEqual(lasted, [30_000, 60_000, 300_000, 900_000, 900_000, 900_000])
  })

  it("a route that has not failed is allowed", () => {
    assert.strictEqual(RoutePause.admission(RoutePause.none, 0), "allowed")
  })

  it.prop(
    "a task is patient until its policy's number of failures in a row, a route without quota or key is not",
    [anyPolicy, anyScope, FastCheck.array(anyTime, { minLength: 1, maxLength: 8 })],
    ([policy, scope, times]) => {
      const sorted = times.toSorted((a, b) => a - b)
      const pause = failAt(policy, scope, sorted)
      const isPatient = scope === "task" && times.length < policy.afterFailures
      assert.strictEqual(RoutePause.admission(pause, sorted.at(-1) ?? 0), isPatient ? "allowed" : "paused")
      assert.strictEqual(pause.failures, times.length)
    }
  )

  it.prop(
    "while a pause lasts no call is let through, at its end one is, and then none for as long again",
    [anyPolicy, FastCheck.integer({ min: 1, max: 8 }), anyTime],
    ([policy, n, now]) => {
      const pause = failAt(policy, "route", Array<number>(n).fill(now))
      assert.strictEqual(RoutePause.admission(pause, pause.until - 1), "paused")
      assert.strictEqual(RoutePause.admission(pause, pause.until), "probe")
      const probing = RoutePause.probePause(policy, pause, pause.until)
      assert.strictEqual(probing.until - pause.until, pause.until - now)
      assert.strictEqual(RoutePause.admission(probing, probing.until - 1), "paused")
      assert.strictEqual(RoutePause.admission(probing, probing.until), "probe")
    }
  )

  it.prop(
    "no pause is shorter than the one before it, if the policy's are not",
    [anyPolicy],
    ([{ durations, ...rest }]) => {
      const policy = { ...rest, durations: durations.toSorted((a, b) => a - b) }
      const lasted = [1, 2, 3, 4, 5, 6, 7].map((n) => failAt(policy, "route", Array<number>(n).fill(1)).until)
      assert.deepStrictEqual(
        lasted,
        lasted.toSorted((a, b) => a - b)
      )
    }
  )
})
