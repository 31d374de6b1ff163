/** Reports that cannot be the count of the view correct nothing: both thresholds go by the estimate. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Models from "../support/models.ts"
import { talkTo, workWithTools } from "../support/strictServer.ts"
import { recordLogLines, scripted } from "../support/world.ts"

const WINDOW = 16_000
const TURNS = 40

/** A session of some turns whose server reports so. Compressions that ended with a new view are counted together. */
const talk = (report: (tokens: number, n: number) => number | undefined) => {
  const { layer, lines } = recordLogLines()
  const gateway = scripted(Models.makeCountingModel([]).layer, { routes: [], policy: { contextLength: WINDOW } })
  return Effect.map(talkTo({ takes: WINDOW, report }, TURNS, workWithTools), (talk) => {
    const { committed, degraded } = talk.stats.compressions
    return {
      ...talk,
      compressions: committed + degraded,
      told: lines.filter((line) => line.startsWith("report not believed")).length
    }
  }).pipe(Effect.provide(Layer.merge(gateway, layer)))
}

describe("a server that reports", () => {
  const honestTalk = Effect.runSync(Effect.cached(talk((tokens) => tokens)))

  for (const [what, isBelieved, report] of [
    ["what it counts", true, (tokens) => tokens],
    ["nothing", true, () => undefined],
    ["what is no number", true, () => Number.NaN],
    ["less than nothing", true, () => -5],
    ["0", false, () => 0],
    ["0 every second time", false, (tokens, n) => (n % 2 === 0 ? 0 : tokens)],
    ["3, without what came from the cache", false, () => 3],
    ["a twentieth", false, (tokens) => Math.ceil(tokens / 20)],
    ["five times as many", false, (tokens) => 5 * tokens],
    ["all calls so far together", false, (tokens, n) => (n + 1) * tokens],
    ["far more than there is", false, () => 1e15]
  ] as const satisfies ReadonlyArray<readonly [string, boolean, (tokens: number, n: number) => number | undefined]>) {
    it.effect(`${what} neither switches the thresholds off nor makes each step compress`, () =>
      Effect.gen(function* () {
        const honest = yield* honestTalk
        const { compressions, failed, refusals, stats, told } = yield* talk(report)
        assert.deepStrictEqual(failed, [])
        assert.deepStrictEqual(refusals, [])
        assert.isAtLeast(compressions, honest.compressions - 1)
        assert.isAtMost(compressions, honest.compressions + 2)
        assert.isAtLeast(stats.tokensSaved, 0)
        assert.isAtMost(stats.tokensSaved, TURNS * WINDOW)
        assert.strictEqual(told, isBelieved ? 0 : 1)
      })
    )
  }
})
