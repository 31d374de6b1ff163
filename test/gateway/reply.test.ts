/** What awaits an answer, and which message answered it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Compressor } from "../../src/compression/Compressor.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { id, manual, scripted } from "../support/world.ts"

const user = (content: string) => ({ role: "user", content }) as const
const reply = (content: string) => ({ role: "assistant", content }) as const
const call = { id: "c1", type: "function", function: { name: "run", arguments: "{}" } } as const

for (const [name, store] of [
  ["in memory", layerMemory],
  ["on SQLite", Sqlite.layerTemporary]
] as const) {
  const run = <A, E>(effect: Effect.Effect<A, E, Gateway | Compressor>) =>
    Effect.provide(effect, scripted(Scripted.layer([]), { policy: manual, routes: [] }, store))

  describe(`a session ${name}`, () => {
    it.effect("shows the requests that await an answer, and neither notifications nor what was answered", () =>
      Effect.gen(function* () {
        const { deliver, turn } = yield* Gateway
        const first = yield* deliver(id, user("one"))
        yield* deliver(id, user("the build is done"), { kind: "notification" })
        const second = yield* deliver(id, user("two"))
        yield* turn(id, (turn) =>
          Effect.gen(function* () {
            const { open } = yield* turn.view()
            assert.deepStrictEqual(open, [
              { seq: 1, arrival: first.arrival },
              { seq: 3, arrival: second.arrival }
            ])
            yield* turn.append({ role: "assistant", content: null, tool_calls: [call] })
            yield* turn.append({ role: "tool", tool_call_id: "c1", content: "done" })
            assert.lengthOf((yield* turn.view()).open, 2)
            yield* turn.append(reply("both"))
            assert.lengthOf((yield* turn.view()).open, 0)
          })
        )
      }).pipe(run)
    )

    it.effect("keeps a request open through compressions until it is answered", () =>
      Effect.gen(function* () {
        const { compress, deliver, turn, view } = yield* Gateway
        const { arrival } = yield* deliver(id, user("please look at all of it"))
        yield* turn(id, (turn) =>
          Effect.gen(function* () {
            yield* turn.view()
            for (let n = 0; n < 30; n++) {
              const callId = `c${n}`
              yield* turn.append(
                { role: "assistant", content: null, tool_calls: [{ ...call, id: callId }] },
                { role: "tool", tool_call_id: callId, content: `${n}: ${"what the file says. ".repeat(80)}` }
              )
            }
            assert.strictEqual((yield* compress(id)).outcome, "committed")
            assert.deepStrictEqual((yield* turn.view()).open, [{ seq: 1, arrival }])
            yield* turn.append(reply("I have looked"))
          })
        )
        assert.deepStrictEqual((yield* view(id)).open, [])
      }).pipe(run)
    )

    it.effect("finds the reply to each arrival, near or far, and none before it is there", () =>
      Effect.gen(function* () {
        const { deliver, reply: findReply, rewind, turn } = yield* Gateway
        const arrivals: Array<number> = []
        for (let n = 0; n < 120; n++) {
          for (const text of ["a", "b"]) {
            const { arrival } = yield* deliver(id, user(`${text} ${n}`))
            arrivals.push(arrival)
            assert.isNull(yield* findReply(id, arrival))
          }
          yield* turn(id, (turn) => Effect.zipRight(turn.view(), turn.append(reply(`reply ${n}`))))
        }
        for (const [i, arrival] of arrivals.entries()) {
          const found = yield* findReply(id, arrival)
          assert.deepStrictEqual(found?.message, reply(`reply ${Math.floor(i / 2)}`))
        }
        yield* rewind(id, 3)
        assert.isNotNull(yield* findReply(id, arrivals[1] ?? 0))
        assert.isNull(yield* findReply(id, arrivals[2] ?? 0))
        assert.isNull(yield* findReply(id, 9_999))
      }).pipe(run)
    )
  })
}
