/** Windows that the tools of an agent fill for the most part, told to the gateway or not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { PolicyOptions } from "../../src/compression/CompressionPolicy.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Models from "../support/models.ts"
import { repetitions } from "../support/repetitions.ts"
import { countWire } from "../support/strictServer.ts"
import { id, scripted } from "../support/world.ts"

const TURNS = repetitions(20, 80)

const makeTools = (tokens: number) => [
  { type: "function", function: { name: "t", description: "d ".repeat(tokens * 2), parameters: {} } }
]

interface Crowd {
  readonly policy: PolicyOptions
  /** Estimated. */
  readonly toolTokens: number
  readonly isTold?: boolean
  readonly reports?: boolean
  /** The words of each request and answer. */
  readonly words?: number
  /** The tokens of the server for one that is estimated. */
  readonly factor?: number
}

/** The turns of a session that failed, and the requests that the server refused, which also counts the tools. */
const talk = ({ factor = 1, isTold = true, policy, reports = true, toolTokens, words = 60 }: Crowd) =>
  Effect.gen(function* () {
    const { deliver, stats, turn } = yield* Gateway
    const counts = { failed: 0, refusals: 0 }
    for (let n = 0; n < TURNS; n++) {
      yield* deliver(id, { role: "user", content: `Request ${n}: ${"words ".repeat(words)}` })
      const answering = turn(id, ({ append, report, step }) =>
        Effect.gen(function* () {
          yield* step(
            ({ messages }) => {
              const tokens = Math.ceil(factor * (countWire(messages) + toolTokens))
              if (tokens <= policy.contextLength) return reports ? report({ inputTokens: tokens }) : Effect.void
              counts.refusals++
              return Effect.fail({ _tag: "ContextOverflow" } as const)
            },
            isTold ? { tools: makeTools(toolTokens) } : {}
          )
          yield* append({ role: "assistant", content: `answer ${n} ${"text ".repeat(words)}` })
        })
      )
      yield* Effect.catchAll(answering, () => Effect.sync(() => void counts.failed++))
    }
    return { ...counts, committed: (yield* stats(id)).compressions.committed }
  }).pipe(Effect.provide(scripted(Models.makeCountingModel([]).layer, { routes: [], policy })))

describe("a window of 32,000 tokens", () => {
  for (const [share, isTold, reports] of [
    [0.6, true, false],
    [0.6, true, true],
    [0.6, false, true],
    [0.6, false, false],
    [0.9, false, true],
    [0.9, true, false],
    [0.9, true, true],
    [0.95, true, true],
    [0.97, true, true],
    [0.97, true, false]
  ] as const)
    it.effect(
      `of which tools take ${share * 100} %, ${isTold ? "told" : "not told"} and ${reports ? "" : "not "}reported, has room for every turn`,
      () =>
        Effect.gen(function* () {
          const policy = { contextLength: 32_000 }
          const { committed, failed, refusals } = yield* talk({ policy, toolTokens: 32_000 * share, isTold, reports })
          assert.strictEqual(failed, 0)
          // Tools that nobody told of are found by being refused.
          assert.isAtMost(refusals, isTold ? 0 : TURNS)
          if (isTold && share <= 0.9) assert.isAtMost(committed, TURNS / 3)
        })
    )

  it.effect("that is smaller than its tools fails every turn, and none of them for ever", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* talk({ policy: { contextLength: 32_000 }, toolTokens: 35_200 })).failed, TURNS)
    })
  )
})

describe("every turn has room", () => {
  const cases: ReadonlyArray<Crowd> = [
    { policy: { contextLength: 16_000, reservedOutput: 8_000 }, toolTokens: 4_000 },
    { policy: { contextLength: 16_000, reservedOutput: 8_000 }, toolTokens: 7_800 },
    { policy: { contextLength: 16_000, reservedOutput: 8_000 }, toolTokens: 12_000 },
    { policy: { contextLength: 2_048 }, toolTokens: 300, words: 15 },
    { policy: { contextLength: 2_048 }, toolTokens: 1_400, words: 15 },
    { policy: { contextLength: 4_096 }, toolTokens: 2_000, words: 15 },
    { policy: { contextLength: 4_096 }, toolTokens: 3_400, words: 15 },
    { policy: { contextLength: 4_096 }, toolTokens: 2_000, words: 2_000 },
    { policy: { contextLength: 16_000, threshold: 0.21, targetRatio: 0.2 }, toolTokens: 1_000 },
    { policy: { contextLength: 16_000, targetRatio: 0.02 }, toolTokens: 1_000 },
    { policy: { contextLength: 16_000, threshold: 0.06, hardThreshold: 0.06, targetRatio: 0.05 }, toolTokens: 4_000 },
    { policy: { contextLength: 32_000 }, toolTokens: 28_800, words: 6_000 },
    { policy: { contextLength: 32_000 }, toolTokens: 22_000, factor: 1.3, reports: false },
    { policy: { contextLength: 32_000 }, toolTokens: 22_000, factor: 1.3 },
    { policy: { contextLength: 32_000 }, toolTokens: 35_200, factor: 0.8, reports: false },
    { policy: { contextLength: 32_000 }, toolTokens: 35_200, factor: 0.8 },
    { policy: { contextLength: 32_000, mode: "manual" }, toolTokens: 28_800 },
    { policy: { contextLength: 32_000, mode: "preflight" }, toolTokens: 28_800 }
  ]
  for (const crowd of cases)
    it.effect(JSON.stringify(crowd), () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* talk(crowd)).failed, 0)
      })
    )
})
