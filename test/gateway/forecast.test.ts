/** What a compression would do, said before it does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Cli from "../support/cli.ts"
import { importHistory, OFFLINE_CONFIG } from "../support/cliWorkplace.ts"
import { id, importRounds, readGeneration, readState, scripted, summary } from "../support/world.ts"

const policy = { contextLength: 200_000, targetTokens: 2_000 } as const

describe("the plan of a compression", () => {
  it.effect("says what leaves and how large the view is after it, and asks no model", () => {
    const model = Scripted.make([summary("x")])
    return Effect.gen(function* () {
      const { compress, plan } = yield* Gateway.Gateway
      yield* importRounds(40)
      const { after, leaving, view } = yield* plan(id)
      assert.deepStrictEqual([model.requests.length, yield* readGeneration()], [0, 0])
      const result = yield* compress(id)
      const { segments } = yield* readState()
      assert.deepInclude(leaving, { fromSeq: segments[0]!.fromSeq, toSeq: segments[0]!.toSeq })
      assert.deepInclude(view, { messages: result.messagesBefore, tokens: result.tokensBefore })
      assert.isAtMost(result.tokensAfter, after.tokens)
    }).pipe(Effect.provide(scripted(model.layer, { policy })))
  })

  it.effect("says what that saves over the next steps, what it costs, and after how many steps it is paid back", () =>
    Effect.gen(function* () {
      const { plan } = yield* Gateway.Gateway
      yield* importRounds(40)
      const { after, cost, savedLater, savedPerStep, stepsToPayBack, view, writer } = yield* plan(id, { steps: 50 })
      assert.strictEqual(writer, "model")
      assert.approximately(savedPerStep, 0.1 * (view.tokens - after.tokens), 1e-9)
      assert.approximately(savedLater, 50 * savedPerStep - cost, 1e-9)
      assert.isAtLeast(stepsToPayBack! * savedPerStep, cost)
      assert.isBelow((stepsToPayBack! - 1) * savedPerStep, cost)
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy })))
  )

  it.effect("says when one begins: at the next step, later at this pace, or only when asked", () =>
    Effect.gen(function* () {
      const thresholdOf = (options: Gateway.GatewayOptions["policy"], rounds: number) =>
        Effect.gen(function* () {
          yield* importRounds(rounds)
          return (yield* (yield* Gateway.Gateway).plan(id)).threshold
        }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy: options })))
      assert.isTrue((yield* thresholdOf(policy, 200)).isDue)
      const later = yield* thresholdOf(policy, 20)
      assert.isFalse(later.isDue)
      assert.isBelow(later.expected!, later.latest)
      assert.isAbove(later.expected!, later.carried)
      const asked = yield* thresholdOf({ ...policy, mode: "manual" }, 200)
      assert.deepInclude(asked, { isDue: false, expected: null, latest: Infinity })
      const ratio = yield* thresholdOf({ ...policy, threshold: 0.5 }, 200)
      assert.deepInclude(ratio, { isDue: false, expected: 100_000, latest: 100_000 })
    })
  )

  it.effect("says that nothing leaves where nothing can, and knows no session that is none", () =>
    Effect.gen(function* () {
      const { plan } = yield* Gateway.Gateway
      yield* importRounds(1)
      const { after, cost, leaving, view } = yield* plan(id)
      assert.deepStrictEqual([leaving, cost, after.tokens], [null, 0, view.tokens])
      const unknown = yield* Effect.flip(plan(SessionId.make("nobody")))
      assert.strictEqual(unknown._tag, "UnknownSession")
      const wrong = yield* Effect.flip(plan(id, { steps: -1 }))
      assert.strictEqual(wrong._tag, "InvalidPolicy")
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { policy })))
  )

  it.scopedLive("is printed by the command line, in tokens or in money", () =>
    Effect.gen(function* () {
      const { db, write } = yield* importHistory
      const run = (...args: ReadonlyArray<string>) =>
        Effect.map(
          Cli.run(["plan", "chat", "--db", db, "--config", write("config.yaml", OFFLINE_CONFIG), ...args]),
          Cli.assertSuccess
        )
      const said = String(JSON.stringify(yield* run()))
      for (const words of [
        "would leave",
        "view after",
        "tokens a step",
        "over the next 20",
        "without a model",
        "begins"
      ]) {
        assert.include(said, words)
      }
      assert.match(JSON.stringify(yield* run("--price", "1.25", "--steps", "7")), /\$\d+\.\d{4} over the next 7/)
      assert.include(JSON.stringify(yield* run("--json")), "savedPerStep")
    })
  )
})
