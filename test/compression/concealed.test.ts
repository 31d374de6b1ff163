/** What cannot be read for secrets is secret as a whole, and the compression says so. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { Recall } from "../../src/recall/Recall.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { id, importMessages, scripted, summary } from "../support/world.ts"

const hostile = `wombat ${"://a:[0m--token ".repeat(20_000)}`
const talk = Array.from({ length: 60 }, (_, n) => [
  { role: "user", content: `Look at part ${n}. ${"It is long. ".repeat(30)}` } as const,
  { role: "assistant", content: "It is fine." } as const
]).flat()

describe("a message that cannot be read for secrets within its steps", () => {
  const { layer, model } = Models.makeCountingModel([summary("the parts")])

  it.effect("is kept from the model, named as the reason, and found by recall", () =>
    Effect.gen(function* () {
      yield* importMessages([...talk.slice(0, 4), { role: "user", content: hostile }, ...talk.slice(4)])
      const { outcome, reason } = yield* (yield* Gateway).compress(id)
      assert.strictEqual(outcome, "degraded")
      assert.match(String(reason), /could not be read for secrets: #5$/)
      // A model wrote the summary of the rest. To write it again would help nothing.
      const { segments } = yield* (yield* SessionStore).state(id)
      assert.deepStrictEqual(
        segments.map(({ degraded }) => degraded),
        [null]
      )
      const sent = JSON.stringify(model.requests)
      assert.include(sent, "could not be read for secrets")
      assert.notInclude(sent, "wombat")
      const found = yield* (yield* Recall).recall(id, "wombat")
      assert.include(JSON.stringify(found), "wombat")
    }).pipe(Effect.provide(scripted(layer, { policy: { contextLength: 16_000 } })))
  )
})
