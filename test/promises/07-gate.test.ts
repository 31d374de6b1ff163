/** Promise 7, the gate: an answer that is no summary is never committed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { conversation, crowded, id, importMessages, scripted } from "../support/world.ts"

describe("promise 7, the gate", () => {
  it.effect.prop(
    "a summary that is empty, an error text, a refusal, reasoning only, cut off, missing sections or no smaller is never committed; the reason is typed",
    [
      FastCheck.array(FastCheck.constantFrom(...Models.rejected), { minLength: 1, maxLength: 5 }),
      FastCheck.constantFrom("extract" as const, "fail" as const)
    ],
    ([rejected, onExhausted]) => {
      const model = Models.makeCountingModel([...rejected.map(([, outcome]) => outcome), Models.oracle])
      return Effect.gen(function* () {
        yield* importMessages(conversation(12))
        const { compress, view } = yield* Gateway.Gateway
        const store = yield* SessionStore
        const before = yield* store.state(id)
        const result = yield* Effect.either(compress(id))
        const after = yield* store.state(id)
        const asked = rejected.slice(0, 4).map(([reason]) => reason)
        if (result._tag === "Left") {
          assert.strictEqual(result.left._tag, "CompressionFailed")
          const errors = result.left._tag === "CompressionFailed" ? result.left.errors : []
          assert.deepStrictEqual(errors.map(reasonOf), asked)
          assert.deepStrictEqual(after, before)
        } else {
          const told = result.right.attempts.filter(({ error }) => error !== null)
          assert.deepStrictEqual(
            told.map(({ detail, error }) => [error, /\((\S+)\)/.exec(detail ?? "")?.[1]]),
            asked.map((reason) => ["InvalidSummary", reason])
          )
          assert.strictEqual(result.right.outcome, rejected.length < 4 ? "committed" : "degraded")
        }
        assert.strictEqual(result._tag, onExhausted === "fail" && rejected.length >= 4 ? "Left" : "Right")
        const stored = [after, yield* view(id), yield* store.ledger(id), yield* store.snapshots(id)]
        assert.notInclude(JSON.stringify(stored), Models.REJECTED)
      }).pipe(
        Effect.provide(scripted(model.layer, { ...crowded, policy: { ...crowded.policy, onExhausted } })),
        onVirtualClock
      )
    },
    propertyRuns(20, 60)
  )
})

const reasonOf = (error: { readonly _tag: string; readonly reason?: unknown }): unknown => error.reason
