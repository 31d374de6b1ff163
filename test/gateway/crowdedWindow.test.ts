/** Windows that the tools of an agent fill for the most part, told to the gateway or not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Models from "../support/models.ts"
import { repetitions } from "../support/repetitions.ts"
import { countWire } from "../support/strictServer.ts"
import { id, scripted } from "../support/world.ts"

const TURNS = repetitions(20, 80)

const makeTools = (tokens: number) => [
  { type: "function", function: { name: "t", description: "d ".repeat(tokens * 2), parameters: {} } }
]

/** The turns of a session that failed, and the requests that the server refused, which also counts the tools. */
const talk = (contextLength: number, toolTokens: number, isTold: boolean, reports: boolean) =>
  Effect.gen(function* () {
    const { deliver, turn } = yield* Gateway
    const counts = { failed: 0, refusals: 0 }
    for (let n = 0; n < TURNS; n++) {
      yield* deliver(id, { role: "user", content: `Request ${n}: ${"words ".repeat(60)}` })
      const answering = turn(id, ({ append, report, step }) =>
        Effect.gen(function* () {
          yield* step(
            ({ messages }) => {
              const tokens = countWire(messages) + toolTokens
              if (tokens <= contextLength) return reports ? report({ inputTokens: tokens }) : Effect.void
              counts.refusals++
              return Effect.fail({ _tag: "ContextOverflow" } as const)
            },
            isTold ? { tools: makeTools(toolTokens) } : {}
          )
          yield* append({ role: "assistant", content: `answer ${n} ${"text ".repeat(60)}` })
        })
      )
      yield* Effect.catchAll(answering, () => Effect.sync(() => void counts.failed++))
    }
    return counts
  }).pipe(Effect.provide(scripted(Models.makeCountingModel([]).layer, { routes: [], policy: { contextLength } })))

describe("a window of 32,000 tokens", () => {
  for (const [share, isTold, reports] of [
    [0.6, true, false],
    [0.6, true, true],
    [0.6, false, true],
    [0.6, false, false],
    [0.9, false, true]
  ] as const)
    it.effect(
      `of which tools take ${share * 100} %, ${isTold ? "told" : "not told"} and ${reports ? "" : "not "}reported, has room for every turn`,
      () =>
        Effect.gen(function* () {
          const { failed, refusals } = yield* talk(32_000, 32_000 * share, isTold, reports)
          assert.strictEqual(failed, 0)
          // Tools that nobody told of are found by being refused.
          assert.isAtMost(refusals, isTold ? 0 : TURNS)
        })
    )

  it.effect("that is smaller than its tools fails every turn, and none of them for ever", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* talk(32_000, 35_200, true, true)).failed, TURNS)
    })
  )
})
