import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { ConnectionError, ModelUnavailable, Timeout } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import {
  awaitRequests,
  awaitSettled,
  compressSession,
  conversation,
  id,
  importRounds,
  policy,
  readMessages,
  recordLogLines,
  route,
  scripted,
  summary
} from "../support/world.ts"
import * as Programs from "../support/programs.ts"

const refused = new ConnectionError({ route: "r", detail: "refused" })
const gone = new ModelUnavailable({ route: "r", detail: "gone" })

describe("Compressor", () => {
  const outcomes: ReadonlyArray<
    readonly [string, ReadonlyArray<Scripted.ScriptedOutcome>, Partial<Gateway.GatewayOptions>, string]
  > = [
    ["a summary", [summary("x")], {}, "committed"],
    ["a summary at the second try", [refused, summary("x")], {}, "committed"],
    [
      "a summary of the second route",
      [gone, summary("x")],
      { routes: [route, { ...route, model: "other" }] },
      "committed"
    ],
    ["no route that answers", [gone], {}, "degraded"],
    ["no route at all", [], { routes: [] }, "committed"],
    [
      "no room beside the system prompt",
      [summary("x")],
      { policy: { contextLength: 2_048, reservedOutput: 1_000 } },
      "no-headroom"
    ]
  ]
  for (const [what, script, options, outcome] of outcomes) {
    it.effect(`identity: with ${what} the outcome is ${outcome}, of the session that was given`, () =>
      Effect.gen(function* () {
        if (outcome === "no-headroom") {
          const store = yield* SessionStore
          const messages = [{ role: "system", content: "rule ".repeat(1_500) } as const, ...conversation(3)]
          yield* store.importAll([{ sessionId: id, messages }])
        } else yield* importRounds()
        const before = yield* readMessages()
        const result = yield* Programs.joinInTime(compressSession())
        assert.strictEqual(result.outcome, outcome)
        assert.strictEqual(result.sessionId, id)
        assert.deepStrictEqual(
          (yield* Effect.flatMap(SessionStore, (store) => store.sessions)).map(({ sessionId }) => sessionId),
          [id]
        )
        assert.deepStrictEqual(yield* readMessages(), before)
      }).pipe(Effect.provide(scripted(Scripted.layer(script), options)))
    )
  }

  it.effect("a short session has nothing to compress, an unknown one is a typed error", () =>
    Effect.gen(function* () {
      yield* importRounds(1)
      assert.strictEqual((yield* compressSession()).outcome, "nothing-to-compress")
      const { compress: any } = yield* Compressor
      const error = yield* Effect.flip(any(SessionId.make("nobody")))
      assert.deepStrictEqual([error._tag, "sessionId" in error && error.sessionId], ["UnknownSession", "nobody"])
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("with onExhausted fail the typed error comes back and the session is exactly as before", () =>
    Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const before = yield* store.state(id)
      const error = yield* Effect.flip(compressSession())
      const told = error._tag === "CompressionFailed" ? [error.sessionId, error.errors.map(String)] : [error._tag]
      assert.deepStrictEqual(told, [id, [String(gone)]])
      assert.deepStrictEqual(yield* store.state(id), before)
      assert.deepStrictEqual(yield* store.snapshots(id), [])
    }).pipe(Effect.provide(scripted(Scripted.layer([gone]), { policy: { ...policy, onExhausted: "fail" } })))
  )

  it.effect("one at a time: equal requests share one model call, and both get the result", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const fibers = yield* Effect.all([
        Effect.fork(compressSession()),
        Effect.fork(compressSession()),
        Effect.fork(compressSession())
      ])
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("1 minute")
      const results = yield* Fiber.join(Fiber.all(fibers))
      assert.deepStrictEqual(
        results.map(({ outcome }) => outcome),
        ["committed", "joined", "joined"]
      )
      assert.strictEqual(new Set(results.map(({ operationId }) => operationId)).size, 1)
      assert.strictEqual(model.requests.length, 1)
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  it.effect("one at a time: another focus waits, and plans anew after the commit", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const first = yield* Effect.fork(compressSession())
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(compressSession(id, { focus: "the invoices" }))
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(model.requests.length, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(first)).outcome, "committed")
      assert.strictEqual((yield* Fiber.join(second)).outcome, "nothing-to-compress")
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  it.effect("shield: a caller's timeout returns on time, and the result is committed all the same", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const waiting = yield* Effect.fork(Effect.timeoutOption(compressSession(), "3 seconds"))
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
      assert.strictEqual((yield* store.state(id)).generation, 0)
      yield* TestClock.adjust("7 seconds")
      yield* awaitSettled()
      assert.strictEqual((yield* store.state(id)).generation, 1)
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  it.effect("bounded: silence ends at the route's deadline, all tries together at the total one", () => {
    const model = Scripted.make([Scripted.hang])
    const slow = { ...route, timeout: Duration.minutes(5), idleTimeout: Duration.minutes(5) }
    return Effect.gen(function* () {
      yield* importRounds()
      const fiber = yield* Effect.fork(compressSession())
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("5 minutes")
      yield* awaitRequests(model, 2)
      yield* TestClock.adjust("2.5 minutes")
      const result = yield* Fiber.join(fiber)
      assert.strictEqual(result.outcome, "degraded")
      assert.deepStrictEqual(
        result.attempts.map(({ error }) => error),
        ["Timeout", "Timeout"]
      )
      assert.strictEqual(model.opened, 2)
    }).pipe(Effect.provide(scripted(model.layer, { routes: [slow] })))
  })

  it.effect("fresh client: after a failure that condemns it no later call gets the same client", () => {
    const timeout = new Timeout({ route: "r", phase: "total", deadline: 1 })
    const model = Scripted.make([timeout, summary("x")])
    return Effect.gen(function* () {
      yield* importRounds()
      const result = yield* compressSession()
      assert.deepStrictEqual([result.outcome, result.modelCalls], ["committed", 2])
      assert.deepStrictEqual([model.opened, model.closed], [2, 1])
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  const rejected: ReadonlyArray<readonly [string, Scripted.ScriptedOutcome, string]> = [
    ["nothing", "", "empty"],
    ["white space", "  \n ", "empty"],
    ["a refusal", "I'm sorry, but I can't help with that.", "refusal"],
    ["HTML", "<html><body>502 Bad Gateway</body></html>", "html"],
    ["reasoning only", "<think>Let me see.</think>", "reasoning-only"],
    ["a text without sections", "We talked about the billing report for a while.", "sections-missing"],
    ["a text cut off", { text: summary("x"), finish: "length" }, "cut-off"],
    ["more than there was", summary("x ".repeat(9_000)), "not-smaller"]
  ]
  for (const [what, outcome, reason] of rejected) {
    it.effect(`the gate: ${what} is never committed, and the reason is told`, () => {
      const model = Scripted.make([outcome, summary("what counts")])
      return Effect.gen(function* () {
        yield* importRounds()
        const result = yield* compressSession()
        assert.strictEqual(result.outcome, "committed")
        const [first] = result.attempts
        assert.strictEqual(first?.error, "InvalidSummary")
        assert.include(first?.detail ?? "", reason)
        const { segments } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
        assert.deepStrictEqual(
          segments.map(({ text }) => Handoff.omitUser(text)),
          [summary("what counts")]
        )
      }).pipe(Effect.provide(scripted(model.layer)))
    })
  }

  it.effect("what arrives while the summary is written is not covered by it", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const store = yield* SessionStore
      const mark = (yield* store.state(id)).lastSeq
      const fiber = yield* Effect.fork(compressSession())
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("5 seconds")
      const late = { role: "user", content: "one more thing" } as const
      yield* store.deliver(id, late, { kind: "request" })
      const seen = yield* Effect.flatMap(Gateway.Gateway, ({ turn }) =>
        turn(id, (turn) =>
          Effect.gen(function* () {
            yield* turn.view()
            yield* TestClock.adjust("10 seconds")
            yield* Fiber.join(fiber)
            return yield* turn.view()
          })
        )
      )
      const { generation, manifest } = yield* store.state(id)
      assert.strictEqual(generation, 1)
      assert.isTrue(manifest.tailFrom <= mark + 1)
      assert.deepStrictEqual(seen.messages.at(-1), late)
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  it.effect("a reset while the summary is written supersedes it", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    return Effect.gen(function* () {
      yield* importRounds()
      const fiber = yield* Effect.fork(compressSession())
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.flatMap(Gateway.Gateway, ({ reset }) => reset(id))
      yield* TestClock.adjust("10 seconds")
      const result = yield* Fiber.join(fiber)
      assert.deepStrictEqual([result.outcome, result.sessionId], ["superseded", id])
      assert.strictEqual((yield* Effect.flatMap(SessionStore, (store) => store.state(id))).segments.length, 0)
    }).pipe(Effect.provide(scripted(model.layer)))
  })

  const shutdown = (delay: Duration.DurationInput) =>
    Effect.gen(function* () {
      const { layer, lines } = recordLogLines()
      const model = Scripted.make([{ text: summary("x"), delay }])
      const stores = yield* Layer.build(scripted(Scripted.layer([])))
      const scope = yield* Scope.make()
      const gateway = Gateway.layer({ policy, routes: [route] }).pipe(
        Layer.provide(Layer.succeedContext(stores)),
        Layer.provide(model.layer),
        Layer.provideMerge(layer)
      )
      const store = Context.get(stores, SessionStore)
      yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
      const { compress } = Context.get(yield* Layer.buildWithScope(gateway, scope), Gateway.Gateway)
      yield* Effect.fork(Effect.provide(compress(id), layer))
      yield* awaitRequests(model, 1)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      return { generation: (yield* store.state(id)).generation, lines }
    }).pipe(Effect.scoped)

  it.effect("a request that is still live stands behind the handoff, and no summary calls it open", () =>
    Effect.gen(function* () {
      const { deliver, turn } = yield* Gateway.Gateway
      const content = "Please check all the invoices of May."
      yield* importRounds(2)
      yield* deliver(id, { role: "user", content })
      yield* turn(id, (turn) =>
        Effect.gen(function* () {
          yield* turn.view()
          yield* turn.append(...conversation(24).filter((m) => m.role === "tool" || Message.toolCalls(m).length > 0))
          yield* compressSession()
          const { messages } = yield* turn.view()
          const handoff = messages.findIndex(Handoff.isHandoff)
          assert.isTrue(messages.some((message, i) => i > handoff && Message.text(message) === content))
          const text = Message.text(messages[handoff] ?? { role: "user", content: "" })
          assert.deepStrictEqual([Handoff.parse(text).openWork, Handoff.parse(text).inProgress], [[], []])
        })
      )
    }).pipe(Effect.provide(scripted(Scripted.layer([]), { routes: [], policy: { ...policy, mode: "manual" } })))
  )

  it.effect("shutdown waits for a running compression", () =>
    Effect.gen(function* () {
      const { generation, lines } = yield* shutdown("9 seconds")
      assert.strictEqual(generation, 1)
      assert.isTrue(lines.some((line) => line.startsWith("compression done: session=chat-42")))
    })
  )

  it.effect("shutdown waits as well if it comes by an interrupt", () =>
    Effect.gen(function* () {
      const { layer, lines } = recordLogLines()
      const model = Scripted.make([{ text: summary("x"), delay: "9 seconds" }])
      const program = Effect.zipRight(importRounds(), compressSession()).pipe(
        Effect.provide([scripted(model.layer), layer])
      )
      const fiber = yield* Effect.fork(program)
      yield* awaitRequests(model, 1)
      yield* Fiber.interruptFork(fiber)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.await(fiber)
      assert.isTrue(lines.some((line) => line.startsWith("compression done: session=chat-42")))
    })
  )

  it.effect("while shutdown waits for a compression, no other process gets its lease", () =>
    Effect.gen(function* () {
      const model = Scripted.make([{ text: summary("x"), delay: "50 seconds" }])
      const services = yield* Layer.build(Sqlite.layerTemporary)
      const store = Context.get(services, SessionStore)
      yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
      const minute = Duration.minutes(1)
      const patient = { ...route, timeout: minute, idleTimeout: minute }
      const gateway = Gateway.layer({ policy, routes: [patient], shutdownGrace: minute }).pipe(
        Layer.provide([Layer.succeedContext(services), model.layer])
      )
      const scope = yield* Scope.make()
      const { compress } = Context.get(yield* Layer.buildWithScope(gateway, scope), Gateway.Gateway)
      const compressing = yield* Effect.fork(compress(id))
      yield* awaitRequests(model, 1)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("40 seconds")
      const other = yield* store.acquire(id, { name: "operation", holder: "other", ttl: 15_000 })
      assert.strictEqual(other._tag, "Held")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.join(compressing)).outcome, "committed")
    }).pipe(Effect.scoped)
  )

  it.effect("after its grace shutdown drops what is uncommitted, and says so", () =>
    Effect.gen(function* () {
      const { generation, lines } = yield* shutdown("11 seconds")
      assert.strictEqual(generation, 0)
      assert.isTrue(lines.some((line) => line.startsWith("compression failed: session=chat-42")))
    })
  )
})
