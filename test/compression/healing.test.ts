import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Scheduler, TestClock } from "effect"
import type { RuntimeFiber } from "effect/Fiber"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { ConnectionError } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { Tokens } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import { awaitRequests, conversation, id, policy, recordLogLines, scripted, summary } from "../support/world.ts"

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
    texts: segments.map(({ degraded, text }) => (degraded === null ? Handoff.omitUser(text) : "extract"))
  }))
)

const heal = Effect.flatMap(Gateway, ({ heal }) => heal(id))

/** Lets all other fibers go on once, at the `at`-th operation. */
class PausingScheduler extends Scheduler.MixedScheduler {
  seen = 0
  readonly at: number
  constructor(at: number) {
    super(2_048)
    this.at = at
  }
  override shouldYield(fiber: RuntimeFiber<unknown, unknown>) {
    this.seen += 1
    return this.seen === this.at ? 0 : super.shouldYield(fiber)
  }
}

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
          yield* awaitRequests(model, 3)
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
      yield* awaitRequests(model, 3)
      const { compress, deliver, turn } = yield* Gateway
      yield* turn(id, ({ append }) => append(...conversation(12, 20)))
      yield* deliver(id, { role: "user", content: "go on" })
      const result = yield* compress(id)
      assert.strictEqual(result.outcome, "committed")
      yield* Fiber.await(healing)
      assert.deepStrictEqual((yield* segments).texts, ["extract", summary("new")])
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("after a reset no model is asked for what else was degraded before it", () => {
    const model = Scripted.make([down, down, down, down, { text: summary("healed"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* degraded
      const { compress, reset, turn } = yield* Gateway
      yield* turn(id, ({ append }) => append(...conversation(6, 20)))
      yield* TestClock.adjust("1 hour")
      yield* compress(id)
      assert.deepStrictEqual((yield* segments).texts, ["extract", "extract"])
      yield* TestClock.adjust("1 hour")
      const healing = yield* Effect.fork(heal)
      yield* awaitRequests(model, 5)
      yield* reset(id)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(healing), [])
      assert.strictEqual(model.requests.length, 5)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.live("one that ends before its caller goes on stands in no other's way", () => {
    let isDown = true
    const model = Scripted.layer([() => (isDown ? down : summary("healed"))])
    const pauses = { durations: [0], afterFailures: 1_000 }
    return Effect.gen(function* () {
      const store = yield* SessionStore
      const { compress, heal } = yield* Gateway
      const unhealed: Array<number> = []
      for (let at = 1; at <= 40; at++) {
        const session = SessionId.make(`session ${at}`)
        yield* store.importAll([{ sessionId: session, messages: conversation(12) }])
        yield* Effect.withScheduler(heal(session), new PausingScheduler(at))
        isDown = true
        assert.strictEqual((yield* compress(session)).outcome, "degraded")
        isDown = false
        if ((yield* heal(session)).length !== 1) unhealed.push(at)
      }
      assert.deepStrictEqual(unhealed, [])
    }).pipe(Effect.provide([scripted(model, { policy: manual, pauses }), recordLogLines().layer]))
  })

  it.effect("shutdown does not wait for a healing", () => {
    const model = Scripted.make([down, down, Scripted.hang])
    return Effect.gen(function* () {
      yield* degraded
      yield* Effect.fork(heal)
      yield* awaitRequests(model, 3)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})
