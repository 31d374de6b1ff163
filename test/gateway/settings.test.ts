/** Settings that no budget, pause or retry can follow are refused when the gateway is built, not when a model fails. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import type { GatewayOptions } from "../../src/gateway/Gateway.ts"
import { label } from "../../src/model/Provider.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { compressSession, importRounds, manual, route, scripted, summary } from "../support/world.ts"

const buildGateway = (options: Partial<GatewayOptions>) =>
  Effect.scoped(Layer.build(scripted(Scripted.layer([]), options)))

const compressWith = (options: Partial<GatewayOptions>) =>
  Effect.zipRight(importRounds(), compressSession()).pipe(
    Effect.provide(scripted(Scripted.layer([summary("x")]), { policy: manual, ...options }, Sqlite.layerTemporary))
  )

const pauses = { durations: [1_000], afterFailures: 1 }

const refused: ReadonlyArray<readonly [field: string, ReadonlyArray<Partial<GatewayOptions>>]> = [
  ["maxCalls", [NaN, -1, 1.5, Infinity].map((maxCalls) => ({ maxCalls }))],
  ["maxTokens", [NaN, -1, 1.5].map((maxTokens) => ({ maxTokens }))],
  ["totalTimeout", [NaN, -1].map((totalTimeout) => ({ totalTimeout }))],
  [`${label(route)}.contextLength`, [NaN, 0, -5].map((n) => ({ routes: [{ ...route, contextLength: n }] }))],
  [
    "pauses.durations",
    [[], [1_000, NaN], [-1], [0.5], [Infinity]].map((n) => ({ pauses: { ...pauses, durations: n } }))
  ],
  ["pauses.afterFailures", [NaN, 0, 1.5].map((afterFailures) => ({ pauses: { ...pauses, afterFailures } }))],
  [
    "recovery.Timeout.times",
    [NaN, -1].map((times) => ({
      recovery: { ...Recovery.defaults, Timeout: { action: "retry", times, delay: 0 } }
    }))
  ]
]

describe("the settings of a gateway", () => {
  for (const [field, settings] of refused) {
    it.effect(`refuse ${field} out of its range`, () =>
      Effect.forEach(settings, (options) =>
        Effect.map(Effect.flip(buildGateway(options)), (error) => {
          assert.strictEqual(error._tag, "InvalidPolicy")
          assert.strictEqual(error._tag === "InvalidPolicy" ? error.field : "", field)
        })
      )
    )
  }

  it.effect("refuse a duration that is none", () =>
    Effect.gen(function* () {
      // Plain JavaScript and configuration files pass any text.
      const options = JSON.parse(`{ "totalTimeout": "soon" }`)
      assert.include(String(yield* Effect.flip(buildGateway(options))), "totalTimeout")
    })
  )

  for (const [bound, options] of Object.entries<Partial<GatewayOptions>>({
    "a total time": { totalTimeout: Duration.infinity },
    "a time for a call": { routes: [{ ...route, timeout: Duration.infinity, idleTimeout: Duration.infinity }] },
    tokens: { maxTokens: Infinity }
  })) {
    it.live(`may have no bound on ${bound}`, () =>
      Effect.gen(function* () {
        const { budgetLeft, outcome } = yield* compressWith(options)
        assert.strictEqual(outcome, "committed")
        const isBounded = bound === "tokens"
        assert.strictEqual(budgetLeft?.milliseconds === null, !isBounded)
        assert.isNull(budgetLeft?.tokens)
      })
    )
  }

  it.live("may allow no call, no token and no time", () =>
    Effect.gen(function* () {
      for (const options of [{ maxCalls: 0 }, { maxTokens: 0 }, { totalTimeout: 0 }]) {
        const { modelCalls, outcome } = yield* compressWith(options)
        assert.deepStrictEqual([outcome, modelCalls], ["degraded", 0])
      }
    })
  )
})
