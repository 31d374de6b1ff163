/** A session at rest costs its rows on disk, and at most its place among the states in memory, which are bounded. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, LogLevel, TestClock } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { collectMapsAndSets } from "../support/collections.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { conversation, scripted, summary } from "../support/world.ts"

const ids = (count: number) => Array.from({ length: count }, (_, n) => SessionId.make(`session ${n}`))

const imported = (sessions: ReadonlyArray<SessionId>, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(SessionStore, ({ importAll }) => importAll(sessions.map((sessionId) => ({ sessionId, messages }))))

const said: Message = { role: "assistant", content: "hi" }

/** Everything that can happen to a session: turns that end, fail and are stopped, compressions that are joined and heal. */
const lived = (session: SessionId) =>
  Effect.gen(function* () {
    const { auxiliary, compress, deliver, heal, interrupt, reset, turn } = yield* Gateway
    const { settled } = yield* Compressor
    yield* deliver(session, { role: "user", content: "hello" })
    yield* turn(session, ({ append, step }) => step(() => append(said)))
    yield* Effect.all([compress(session), compress(session), compress(session, { focus: "the invoices" })], {
      concurrency: "unbounded"
    })
    yield* heal(session)
    yield* Effect.flip(turn(session, ({ view }) => Effect.zipRight(view(), Effect.fail("out"))))
    const stopped = yield* Effect.fork(turn(session, ({ view }) => Effect.zipRight(view(), Effect.never)))
    yield* Effect.repeat(interrupt(session), { until: (wasThere) => wasThere })
    assert.strictEqual((yield* Effect.flip(Fiber.join(stopped)))._tag, "TurnInterrupted")
    yield* auxiliary(session, { task: "flush_memories", messages: [said], maxOutputTokens: 100 })
    yield* reset(session)
    yield* turn(session, ({ append, step }) => step(() => append(said)))
    yield* settled(session)
  })

/** Two answers of five are no summaries: now and then that is all a compression gets, and a healing mends it. */
const model = () => {
  let asked = 0
  return Scripted.layer([() => (++asked % 5 < 2 ? "" : summary("x"))])
}

const silent = Logger.minimumLogLevel(LogLevel.None)

/** Nothing is under way any more, leases and their heartbeats included. */
const rested = TestClock.adjust("1 minute")

describe("a session at rest", () => {
  it.effect("is held by nothing but the states in memory", () =>
    Effect.gen(function* () {
      const policy = { contextLength: 8_000, mode: "background" } as const
      const { collections, made } = yield* collectMapsAndSets(
        Layer.build(scripted(model(), { policy }, Sqlite.layerTemporary))
      )
      const all = ids(24)
      yield* Effect.gen(function* () {
        const live = (sessions: ReadonlyArray<SessionId>) =>
          imported(sessions, conversation(12)).pipe(
            Effect.zipRight(Effect.forEach(sessions, lived, { concurrency: 4, discard: true })),
            Effect.zipRight(rested)
          )
        yield* live(all.slice(0, 8))
        const before = collections.map(({ size }) => size)
        yield* live(all.slice(8))
        const grown = collections.filter(({ size }, n) => size !== before[n])
        assert.deepStrictEqual(
          grown.map((collection) => Array.from(collection.keys()).toSorted()),
          [all.toSorted()]
        )
      }).pipe(Effect.provide(made))
    }).pipe(Effect.scoped, Effect.provide(silent), onVirtualClock)
  )

  it.effect("has its place in memory among some thousands, however small it is", () =>
    Effect.gen(function* () {
      const all = ids(21_000)
      const { collections, made } = yield* collectMapsAndSets(
        Layer.build(scripted(Scripted.layer([]), {}, Sqlite.layerTemporary))
      )
      yield* Effect.gen(function* () {
        const { state } = yield* SessionStore
        yield* imported(all, [said])
        yield* Effect.forEach(all, state, { discard: true })
        const largest = collections.toSorted((a, b) => b.size - a.size)[0]
        assert.isTrue(largest?.has(all.at(-1)))
        assert.isAtMost(largest?.size ?? 0, 20_000)
      }).pipe(Effect.provide(made))
    }).pipe(Effect.scoped, Effect.provide(silent))
  )
})
