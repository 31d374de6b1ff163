/** Restore: its errors, each of which changes nothing, and its log line. `rewind.test.ts` has the property of its views. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { findContradictions } from "../support/auditTrail.ts"
import {
  awaitRequests,
  compressSession,
  conversation,
  id,
  importMessages,
  importRounds,
  manual,
  readState,
  recordLogLines,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const newestSnapshot = Effect.flatMap(SessionStore, (store) =>
  Effect.map(store.snapshots(id), (snapshots) => snapshots.at(-1)?.snapshotId ?? "")
)

const restore = (sessionId: SessionId, snapshotId: string) =>
  Effect.flatMap(Gateway, (gateway) => gateway.restore(sessionId, snapshotId))

describe("restore", () => {
  it.effect("takes a compression back while a turn is under way, which goes on; the audit finds nothing", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* importRounds(10)
      const before = yield* readState()
      yield* compressSession()
      const compressed = yield* readState()
      const snapshotId = yield* newestSnapshot
      const restored = yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          const restored = yield* restore(id, snapshotId)
          yield* append({ role: "assistant", content: "and on" })
          return restored
        })
      )
      const after = yield* readState()
      assert.deepStrictEqual(after.tail.slice(0, -1), before.tail)
      assert.strictEqual(after.tail.at(-1)?.message.content, "and on")
      assert.deepStrictEqual(after.segments, [])
      const last = `restore: session=${id} snapshot=${snapshotId} generation=2`
      assert.include(lines, last)
      yield* restore(id, restored.snapshotId)
      assert.deepStrictEqual((yield* readState()).segments, compressed.segments)
      assert.deepStrictEqual(findContradictions(lines), [])
    }).pipe(Effect.provide(Layer.merge(scripted(Scripted.layer([{ text: summary("x") }]), { policy: manual }), layer)))
  })

  it.effect("of what is unknown, another session's or too large fails, says what to do, and changes nothing", () =>
    Effect.gen(function* () {
      yield* importRounds(10)
      const other = SessionId.make("other")
      yield* importMessages(conversation(1), other)
      yield* compressSession()
      const snapshotId = yield* newestSnapshot
      yield* runTurn(({ append }) => append({ role: "assistant", content: "word ".repeat(7_000) }))
      const before = yield* readState()
      const unknown = yield* Effect.flip(restore(id, "none"))
      assert.strictEqual(unknown._tag, "UnknownSnapshot")
      assert.strictEqual((yield* Effect.flip(restore(SessionId.make("nobody"), snapshotId)))._tag, "UnknownSession")
      for (const [sessionId, reason, says] of [
        [other, "another-session", "list those of this one"],
        [id, "too-large", "restore a newer snapshot"]
      ] as const) {
        const error = yield* Effect.flip(restore(sessionId, snapshotId))
        assert.deepInclude(error, { _tag: "InvalidRestore", sessionId, snapshotId, reason })
        assert.include(error.message, says)
      }
      assert.deepStrictEqual(yield* readState(), before)
    }).pipe(Effect.provide(scripted(Scripted.layer([{ text: summary("x") }]), { policy: manual })))
  )

  it.effect("shows what was pinned since", () =>
    Effect.gen(function* () {
      yield* importRounds(10)
      yield* compressSession()
      const first = yield* newestSnapshot
      const { pin, reset, restore, view } = yield* Gateway
      yield* pin(id, { text: "Never touch the ledger of May." })
      yield* restore(id, first)
      const shown = JSON.stringify((yield* view(id)).messages)
      assert.include(shown, "Never touch the ledger of May.")
      const { snapshotId } = yield* reset(id)
      yield* restore(id, snapshotId)
      assert.strictEqual(JSON.stringify((yield* view(id)).messages), shown)
    }).pipe(Effect.provide(scripted(Scripted.layer([{ text: summary("x") }]), { policy: manual })))
  )

  it.effect("during a compression fails at once, and works when that has ended", () => {
    const model = Scripted.make([{ text: summary("x") }, { text: summary("y"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds(10)
      yield* compressSession()
      const snapshotId = yield* newestSnapshot
      yield* runTurn(({ append }) => append(...conversation(5, 50)))
      const compression = yield* Effect.fork(compressSession())
      yield* awaitRequests(model, 2)
      const error = yield* Effect.flip(restore(id, snapshotId))
      assert.deepInclude(error, { _tag: "InvalidRestore", reason: "busy" })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(compression)
      yield* Effect.flatMap(Compressor, ({ settled }) => settled(id))
      assert.strictEqual((yield* restore(id, snapshotId)).generation, 3)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})
