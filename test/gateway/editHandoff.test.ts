/** A person mends the handoff: gated, redacted, in a new generation, and the view before can be restored. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { compressSession, id, importRounds, manual, scripted, summary } from "../support/world.ts"

const layer = () => scripted(Scripted.layer([summary("the report")]), { policy: manual })

const readHandoff = Effect.map(
  Effect.flatMap(Gateway, ({ view }) => view(id)),
  ({ messages }) => Message.text(messages.find(Handoff.isHandoff) ?? assert.fail("no handoff"))
)

const edit = (text: string, generation?: number) =>
  Effect.flatMap(Gateway, ({ editHandoff }) => editHandoff(id, text, { generation }))

describe("editHandoff", () => {
  it.effect("shows the mended words without their secrets, and restore takes them back", () =>
    Effect.gen(function* () {
      yield* importRounds(14)
      yield* compressSession()
      const before = yield* readHandoff
      const key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
      const { generation, snapshotId } = yield* edit(before.replace("port 8123", `port 9000, OPENAI_API_KEY=${key}`), 1)
      assert.strictEqual(generation, 2)
      const after = yield* readHandoff
      assert.include(after, "port 9000")
      assert.notInclude(after, "port 8123")
      assert.notInclude(after, key)
      assert.include(after, "keep the old interface")
      const { segments } = yield* (yield* SessionStore).state(id)
      assert.deepStrictEqual(
        segments.map(({ model }) => model),
        ["edited"]
      )
      yield* (yield* Gateway).restore(id, snapshotId)
      assert.strictEqual(yield* readHandoff, before)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("says why it refuses, and changes nothing", () =>
    Effect.gen(function* () {
      yield* importRounds(14)
      const reasonOf = (text: string, generation?: number) =>
        Effect.map(Effect.flip(edit(text, generation)), (error) => ("reason" in error ? error.reason : error._tag))
      assert.strictEqual(yield* reasonOf("anything"), "no-handoff")
      yield* compressSession()
      const before = yield* readHandoff
      const start = before.indexOf("\n## ")
      const end = before.indexOf("\n[throughline", start)
      assert.deepStrictEqual(
        yield* Effect.all([
          reasonOf(" \n"),
          reasonOf(before, 0),
          reasonOf("my own words"),
          reasonOf(before.replace("port 8123", "port 8123 ".repeat(9_000))),
          reasonOf(`${before.slice(0, start)}\nError: 500 Internal Server Error${before.slice(end)}`)
        ]),
        ["empty", "changed", "malformed", "too-large", "rejected"]
      )
      const store = yield* SessionStore
      yield* store.acquire(id, { name: "operation", holder: "a compression", ttl: 60_000 })
      assert.strictEqual(yield* reasonOf(before.replace("port 8123", "port 9000")), "busy")
      const { generation } = yield* store.state(id)
      assert.strictEqual(generation, 1)
      assert.strictEqual(yield* readHandoff, before)
    }).pipe(Effect.provide(layer()))
  )
})
