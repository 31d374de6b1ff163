import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { noPause, type Pause } from "../../src/store/SessionStore.ts"
import * as RoutePauses from "../../src/summary/RoutePauses.ts"

const anyPolicy: FastCheck.Arbitrary<RoutePauses.PausePolicy> = FastCheck.record({
  durations: FastCheck.array(FastCheck.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 5 }),
  afterFailures: FastCheck.integer({ min: 1, max: 4 })
})
const anyScope = FastCheck.constantFrom("task" as const, "route" as const)
const anyTime = FastCheck.integer({ min: 1, max: 2 ** 40 })

/** Returns the memory of a route that failed at each of these times. */
const failAt = (policy: RoutePauses.PausePolicy, scope: "task" | "route", times: ReadonlyArray<number>): Pause =>
  times.reduce((pause, now) => RoutePauses.afterFailure(policy, pause, scope, now), noPause)

describe("RoutePauses", () => {
  it("lasts 30, 60, 300, then 900 seconds", () => {
    const lasted = [1, 2, 3, 4, 5, 6].map(
      (n) => failAt(RoutePauses.defaults, "route", Array<number>(n).fill(7_000)).until - 7_000
    )
    assert.deepStrictEqual(lasted, [30_000, 60_000, 300_000, 900_000, 900_000, 900_000])
  })

  it("a route that has not failed is allowed", () => {
    assert.strictEqual(RoutePauses.admit(RoutePauses.defaults, noPause, 0), "allowed")
  })

  it("a pause that ends later than any can is not believed: the clock that began it ran ahead", () => {
    const pause = failAt(RoutePauses.defaults, "route", [86_400_000])
    assert.strictEqual(RoutePauses.admit(RoutePauses.defaults, pause, 0), "probe")
  })

  it.prop(
    "a task is patient until its policy's number of failures in a row, a route without quota or key is not",
    [anyPolicy, anyScope, FastCheck.array(anyTime, { minLength: 1, maxLength: 8 })],
    ([policy, scope, times]) => {
      const sorted = times.toSorted((a, b) => a - b)
      const pause = failAt(policy, scope, sorted)
      const isPatient = scope === "task" && times.length < policy.afterFailures
      assert.strictEqual(RoutePauses.admit(policy, pause, sorted.at(-1) ?? 0), isPatient ? "allowed" : "paused")
      assert.strictEqual(pause.failures, times.length)
    }
  )

  it.prop(
    "while a pause lasts no call is let through, at its end one is, and then none for as long again",
    [anyPolicy, FastCheck.integer({ min: 1, max: 8 }), anyTime],
    ([policy, n, now]) => {
      const pause = failAt(policy, "route", Array<number>(n).fill(now))
      assert.strictEqual(RoutePauses.admit(policy, pause, pause.until - 1), "paused")
      assert.strictEqual(RoutePauses.admit(policy, pause, pause.until), "probe")
      const probing = RoutePauses.probePause(policy, pause, pause.until)
      assert.strictEqual(probing.until - pause.until, pause.until - now)
      assert.strictEqual(RoutePauses.admit(policy, probing, probing.until - 1), "paused")
      assert.strictEqual(RoutePauses.admit(policy, probing, probing.until), "probe")
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
