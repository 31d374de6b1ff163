/** A logger that throws spoils no line but its own: what the line tells of has happened. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, Stream, TestClock } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { conversation, id, policy, scripted, summary } from "../support/world.ts"

const LINES = ["", "message buffered", "message promoted", "compression started", "compression done", "reset", "rewind"]

describe("a logger that throws", () => {
  for (const line of LINES) {
    const faulty = Logger.make(({ message }) => {
      if (String(message).startsWith(line)) throw new Error("no room for the log")
    })
    it.effect(`at ${line === "" ? "every line" : line} changes no result`, () =>
      Effect.gen(function* () {
        const { compress, deliver, events, reset, rewind, turn } = yield* Gateway.Gateway
        const store = yield* SessionStore
        const told: Array<string> = []
        yield* Effect.forkScoped(Stream.runForEach(events, ({ _tag }) => Effect.sync(() => told.push(_tag))))
        yield* TestClock.adjust("1 second")
        yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
        yield* deliver(id, { role: "user", content: "And the last one?" })
        const { messages } = yield* turn(id, ({ view }) => view())
        assert.strictEqual(messages.at(-1)?.content, "And the last one?")
        assert.strictEqual((yield* compress(id)).outcome, "committed")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(told.at(-1), "Committed")
        assert.strictEqual((yield* rewind(id, 48)).undone, 1)
        yield* reset(id)
        assert.strictEqual((yield* store.state(id)).generation, 3)
      }).pipe(
        Effect.scoped,
        Effect.provide([
          scripted(Scripted.layer([summary("x")]), { policy: { ...policy, mode: "manual" } }),
          Logger.replace(Logger.defaultLogger, faulty),
          Audit.messageLevel(LogLevel.Info)
        ])
      )
    )
  }
})
