/** What a reader gets that is slow, away, or gone, without a connection. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Layer, Ref, Stream, TestClock } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Events from "../../src/server/events.ts"
import * as SessionList from "../../src/server/sessionList.ts"
import { Settings } from "../../src/server/settings.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { SERVED } from "../support/served.ts"

const settings = Layer.succeed(Settings, { ...SERVED, drop: () => Effect.void })

const live = Events.layer.pipe(
  Layer.provide(SessionList.layer),
  Layer.provideMerge(Gateway.layer({ policy: { contextLength: 8_000 }, routes: [] })),
  Layer.provide([layerMemory, Scripted.layer([]), settings])
)

const began = (at: number) => ({ _tag: "TurnBegan", sessionId: "a", at }) as const
const all = { sessionId: null, after: undefined, drop: Effect.void }

const numbersIn = (text: string): ReadonlyArray<number> =>
  Array.from(text.matchAll(/"at":(\d+)/g), ([, at]) => Number(at))

describe("a reader of events", () => {
  it.scoped("that is slow misses the oldest, and is told so", () =>
    Effect.gen(function* () {
      const { publish, read } = yield* Events.Events
      const stream = yield* read(all)
      const pieces = yield* Stream.toPull(stream)
      assert.include(Chunk.join(yield* pieces, ""), "connected")
      for (let at = 1; at <= 1_000; at++) yield* publish(began(at))
      const text = Chunk.join(yield* pieces, "")
      assert.isTrue(text.startsWith("event: Missed"))
      assert.deepStrictEqual(
        numbersIn(text),
        Array.from({ length: 256 }, (_, i) => 745 + i)
      )
      yield* publish(began(1_001))
      assert.deepStrictEqual(numbersIn(Chunk.join(yield* pieces, "")), [1_001])
    }).pipe(Effect.provide(live))
  )

  it.scoped("that takes nothing for a minute while it overflows is cut off", () =>
    Effect.gen(function* () {
      const { publish, read } = yield* Events.Events
      const drops = yield* Ref.make(0)
      const stream = yield* read({ ...all, drop: Ref.update(drops, (n) => n + 1) })
      const pieces = yield* Stream.toPull(stream)
      yield* pieces
      for (let at = 1; at <= 300; at++) yield* publish(began(at))
      assert.strictEqual(yield* Ref.get(drops), 0)
      yield* TestClock.adjust("61 seconds")
      for (let at = 1; at <= 3; at++) yield* publish(began(at))
      assert.strictEqual(yield* Ref.get(drops), 1)
    }).pipe(Effect.provide(live))
  )

  it.scoped("hears that the connection lives, and of its own session alone", () =>
    Effect.gen(function* () {
      const { publish, read } = yield* Events.Events
      const stream = yield* read({ ...all, sessionId: "b" })
      const reading = yield* Effect.fork(Stream.runCollect(Stream.take(stream, 2)))
      yield* Effect.yieldNow()
      yield* publish(began(1))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(Array.from(yield* Fiber.join(reading)), [": connected\n\n", ": still here\n\n"])
    }).pipe(Effect.provide(live))
  )

  it.scoped("sees the end of its stream when the service stops, and no other begins", () =>
    Effect.gen(function* () {
      const { read, stop } = yield* Events.Events
      const reading = yield* Effect.fork(Stream.runCollect(yield* read(all)))
      yield* Effect.yieldNow()
      yield* stop
      yield* Fiber.join(reading)
      assert.strictEqual((yield* Effect.flip(read(all)))._tag, "Unavailable")
    }).pipe(Effect.provide(live))
  )

  it.scoped("hears of sessions that other processes change, and of those that are forgotten", () =>
    Effect.gen(function* () {
      const gateway = yield* Gateway.Gateway
      const { read } = yield* Events.Events
      const id = SessionId.make("of another")
      const stream = yield* read(all)
      const reading = yield* Effect.fork(
        Stream.runCollect(
          Stream.take(
            Stream.filter(stream, (text) => text.includes("of another")),
            2
          )
        )
      )
      yield* TestClock.adjust("1 seconds")
      yield* gateway.deliver(id, { role: "user", content: "hello" })
      yield* TestClock.adjust("1 seconds")
      yield* gateway.forget(id)
      yield* TestClock.adjust("1 seconds")
      const [changed = "", gone = ""] = Array.from(yield* Fiber.join(reading))
      assert.include(changed, "event: Changed")
      assert.include(changed, '"waiting":1')
      assert.include(gone, "event: Gone")
    }).pipe(Effect.provide(live))
  )
})
