/** The checks of `scratch/simulate`, with fewer agents and for half an hour. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Findings from "./findings.ts"
import * as Report from "./report.ts"
import type { Variant } from "./scenario.ts"
import { run } from "./simulate.ts"

const simulateVariant = (variant: Variant) => {
  const scenario = { agents: 3, hours: 0.5, seed: 1, variant }
  return Effect.map(run(scenario), (story): Report.Row => ({
    ...scenario,
    name: variant,
    findings: Findings.of(story)
  }))
}

describe("simulation", () => {
  it.live("agents that cross the threshold together wait for nothing, lose nothing, and keep their ids", () =>
    Effect.gen(function* () {
      const row = yield* simulateVariant("default")
      assert.deepStrictEqual(Report.faults(row), [])
      const { figures } = row.findings
      assert.deepStrictEqual(figures.waits, { count: 0, longest: 0, total: 0 })
      assert.deepStrictEqual(figures.compressions, { committed: 3 })
      assert.isAtMost(figures.herd, 60)
      // Otherwise nothing would have been asked.
      assert.isAbove(figures.questions.view + figures.questions.recall, 0)
      assert.strictEqual(figures.acknowledgements, figures.notes)
    })
  )

  it.live("without background compression each waits for a whole summary, and nothing else is different", () =>
    Effect.gen(function* () {
      const row = yield* simulateVariant("preflight")
      assert.deepStrictEqual(Report.faults(row), [])
      const { waits } = row.findings.figures
      assert.strictEqual(waits.count, 3)
      assert.isAtLeast(waits.total / waits.count, 30)
      assert.isAtMost(waits.longest, 55)
    })
  )

  it.live("a store that rotates ids is found out", () =>
    Effect.gen(function* () {
      const row = yield* simulateVariant("rotating ids")
      const { contradictions, idChanges, lost, phantomIdle, unanswered } = row.findings.faults
      assert.isTrue(Report.isAsItMust(row))
      for (const count of [idChanges, lost, phantomIdle, unanswered, contradictions]) assert.isAbove(count, 0)
    })
  )

  it.live("a worker that takes its session from ambient state is found out", () =>
    Effect.gen(function* () {
      const row = yield* simulateVariant("ambient session")
      const { doubled, idChanges, lost } = row.findings.faults
      assert.isTrue(Report.isAsItMust(row))
      for (const count of [idChanges, lost, doubled]) assert.isAbove(count, 0)
    })
  )

  it.live("the same seed tells the same story", () =>
    Effect.gen(function* () {
      const scenario = { agents: 3, hours: 0.25, seed: 7, variant: "default" } as const
      const [first, second] = [yield* run(scenario), yield* run(scenario)]
      assert.deepStrictEqual(second.diary, first.diary)
    })
  )
})
