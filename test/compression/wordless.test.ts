/** Nothing is silently small: what nobody could read is never called a summary. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "../support/models.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { id, importMessages, scripted } from "../support/world.ts"

const world = (routes?: []) =>
  scripted(Models.makeCountingModel([]).layer, { ...(routes && { routes }), policy: { contextLength: 16_000 } })

const picture: Message = {
  role: "user",
  content: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }]
}
const thought = { role: "assistant", content: null, reasoning_content: "The bill is too high. ".repeat(100) } as const

describe("a compression of messages without words", () => {
  for (const [what, routes] of [
    ["by a model", undefined],
    ["without a model", []]
  ] as const) {
    it.effect(`${what} is degraded, and says why`, () =>
      Effect.gen(function* () {
        const { compress } = yield* Gateway
        const { state } = yield* SessionStore
        yield* importMessages(Array.from({ length: 40 }, () => [picture, thought]).flat())
        const { outcome, reason } = yield* compress(id)
        assert.strictEqual(outcome, "degraded")
        assert.match(String(reason), /no words/)
        assert.deepStrictEqual(
          (yield* state(id)).segments.map(({ degraded }) => degraded),
          [reason]
        )
      }).pipe(Effect.provide(world(routes as [] | undefined)))
    )
  }

  it.effect.prop(
    "whenever messages leave the view, a segment stands for them, and it is says so if they had no words",
    [
      FastCheck.array(
        FastCheck.constantFrom<Message>(picture, thought, { role: "user", content: "Pay it. ".repeat(90) }),
        { minLength: 30, maxLength: 120 }
      )
    ],
    ([messages]) =>
      Effect.gen(function* () {
        const { compress } = yield* Gateway
        const { range, state } = yield* SessionStore
        yield* importMessages(messages)
        const { outcome, reason } = yield* compress(id)
        const { segments } = yield* state(id)
        const [segment] = segments
        if (segment === undefined) return assert.include(["nothing-to-compress", "shortened"], outcome)
        const left = yield* range(id, segment.fromSeq, segment.toSeq)
        const hasWords = left.some(({ message }) => message.role === "user" && typeof message.content === "string")
        // With few words a summary may be larger than they are, which degrades it for another reason.
        assert.strictEqual(/no words/.test(String(reason)), !hasWords)
        if (!hasWords) assert.strictEqual(outcome, "degraded")
      }).pipe(Effect.provide(world())),
    propertyRuns(10, 60)
  )
})
