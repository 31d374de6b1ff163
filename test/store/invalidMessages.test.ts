import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Message } from "../../src/message/Message.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { assistant, backends, freshSession, acquireLease, user } from "../support/stores.ts"

/** A compiler lets these pass, and models and their servers write them. */
const invalid: ReadonlyArray<readonly [string, Message]> = [
  [
    "a call without an id",
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "", type: "function", function: { name: "read_file", arguments: "{}" } }]
    }
  ],
  ["a result without an id", { role: "tool", tool_call_id: "", content: "done" }],
  ["a part without its text", JSON.parse(`{"role":"user","content":[{"type":"text"}]}`)],
  ["a part of another API", JSON.parse(`{"role":"user","content":[{"type":"tool_result"}]}`)]
]

for (const [name, backend] of backends) {
  describe(`What is no message, on ${name}`, () => {
    it.layer(backend)((it) => {
      it.effect("is not appended, and the session stays readable", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* store.deliver(id, user("one"), { kind: "request" })
          const lease = yield* acquireLease(id)
          yield* store.promote(lease)
          const before = yield* store.state(id)
          for (const [what, message] of invalid) {
            const error = yield* Effect.flip(store.append(lease, [assistant("two"), message]))
            assert.strictEqual(error._tag, "InvalidMessage", what)
          }
          assert.deepStrictEqual(yield* store.state(id), before)
          assert.lengthOf(yield* store.append(lease, [assistant("two")]), 1)
          yield* store.release(lease)
          for (const [what, message] of invalid) {
            const error = yield* Effect.flip(store.append(lease, [message]))
            assert.strictEqual(error._tag, "InvalidMessage", `${what}, under a lease that is lost`)
          }
        })
      )

      it.effect("is not delivered, and begins no session", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          for (const [what, message] of [...invalid, ["no object", null] as const]) {
            const error = yield* Effect.flip(store.deliver(id, message, { kind: "request", key: "k" }))
            assert.strictEqual(error._tag, "InvalidMessage", what)
          }
          assert.strictEqual((yield* Effect.flip(store.state(id)))._tag, "UnknownSession")
          assert.isFalse((yield* store.deliver(id, user("one"), { kind: "request", key: "k" })).duplicate)
        })
      )

      it.effect("is not imported, nor is what came with it", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          for (const [what, message] of invalid) {
            const [good, bad] = [freshSession(), freshSession()]
            const error = yield* Effect.flip(
              store.importAll([
                { sessionId: good, messages: [user("one")] },
                { sessionId: bad, messages: [user("one"), message] }
              ])
            )
            assert.strictEqual(error._tag, "InvalidMessage", what)
            assert.strictEqual((yield* Effect.flip(store.state(good)))._tag, "UnknownSession", what)
          }
        })
      )
    })
  })
}
