import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { ConnectionError } from "../src/AuxiliaryError.ts"
import { Compressor } from "../src/Compressor.ts"
import { Gateway } from "../src/Gateway.ts"
import * as Scripted from "../src/Provider/Scripted.ts"
import { SessionStore } from "../src/SessionStore.ts"
import { Tokens } from "../src/Tokens.ts"
import * as View from "../src/View.ts"
import { asked, conversation, id, policy, scripted, summary } from "./support/world.ts"

const down = new ConnectionError({ route: "r", detail: "refused" })
const manual = { ...policy, mode: "manual" } as const

const degraded = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
  const { compress } = yield* Compressor
  const result = yield* compress(id)
  assert.strictEqual(result.outcome, "degraded")
  return result
})

const segments = Effect.flatMap(SessionStore, (store) =>
  Effect.map(store.state(id), ({ generation, segments }) => ({
    generation,
    texts: segments.map(({ degraded, text }) => (degraded === null ? text : "extract"))
  }))
)

const heal = Effect.flatMap(Gateway, ({ heal }) => heal(id))

describe("healing", () => {
  it.effect(
    "a degraded segment is summarized from the log when a route answers again; old snapshots still show it",
    () => {
      const model = Scripted.make([down, down, summary("healed")])
      return Effect.gen(function* () {
        yield* degraded
        const store = yield* SessionStore
        const counter = yield* Tokens
        const before = View.assemble(yield* store.state(id), counter).messages
        assert.strictEqual((yield* heal).length, 1)
        assert.deepStrictEqual(yield* segments, { generation: 2, texts: [summary("healed")] })
        const [, left] = yield* store.snapshots(id)
        const snapshot = yield* store.snapshot(left?.snapshotId ?? "")
        assert.deepStrictEqual(View.assemble(snapshot, counter).messages, before)
        assert.deepStrictEqual(yield* heal, [])
        assert.strictEqual(model.requests.length, 3)
      }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
    }
  )

  it.effect("the session's next step begins to heal, and does not wait for it", () => {
    const model = Scripted.make([down, down, { text: summary("healed"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* degraded
      const { turn } = yield* Gateway
      const generations = yield* turn(id, ({ view }) =>
        Effect.gen(function* () {
          const first = yield* view()
          yield* asked(model, 3)
          yield* TestClock.adjust("1 minute")
          return [first.generation, (yield* view()).generation]
        })
      )
      assert.deepStrictEqual(generations, [1, 2])
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  it.effect("a segment no model can summarize is tried three times, and then left as it is", () => {
    const model = Scripted.make([down])
    return Effect.gen(function* () {
      yield* degraded
      for (let n = 0; n < 6; n++) {
        yield* TestClock.adjust("1 hour")
        yield* heal
      }
      assert.deepStrictEqual(yield* segments, { generation: 1, texts: ["extract"] })
      assert.strictEqual(model.requests.length, 2 + 3 * 2)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("healing gives way to a compression", () => {
    const model = Scripted.make([down, down, Scripted.hang, summary("new")])
    return Effect.gen(function* () {
      yield* degraded
      const healing = yield* Effect.fork(heal)
      yield* asked(model, 3)
      const { compress, deliver, turn } = yield* Gateway
      yield* turn(id, ({ append }) => append(...conversation(12, 20)))
      yield* deliver(id, { role: "user", content: "go on" })
      const result = yield* compress(id)
      assert.strictEqual(result.outcome, "committed")
      yield* Fiber.await(healing)
      assert.deepStrictEqual((yield* segments).texts, ["extract", summary("new")])
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("shutdown does not wait for a healing", () => {
    const model = Scripted.make([down, down, Scripted.hang])
    return Effect.gen(function* () {
      yield* degraded
      yield* Effect.fork(heal)
      yield* asked(model, 3)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})
