/** Promise 2, one at a time: equal requests join one operation, and what may be stopped meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, FastCheck, Fiber, Layer, Option, Scope, TestClock } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import type { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../support/ModelServer.ts"
import * as Models from "../support/models.ts"
import * as Programs from "../support/programs.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { problems } from "../support/providerShapes.ts"
import {
  awaitSettled,
  compressSession,
  conversation,
  crowded,
  deliver,
  id,
  importMessages,
  importRounds,
  policy,
  readState,
  real,
  recordLogLines,
  route,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const TEXT = summary("what counts")
const late: Message = { role: "user", content: "one more thing" }
const question: Message = { role: "user", content: "What is worth remembering?" }

const interrupt = Effect.flatMap(Gateway.Gateway, ({ interrupt }) => interrupt(id))
/** A gateway whose summaries wait for `release` after the request has come. */
const streaming = <A, E>(
  test: (world: {
    readonly server: ModelServer.ModelServer
    readonly release: Effect.Effect<void>
    readonly lines: ReadonlyArray<string>
  }) => Effect.Effect<A, E, Gateway.Gateway | Compressor | SessionStore>,
  rounds = 12
) =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const server = yield* ModelServer.make([ModelServer.answerAfter(gate, ModelServer.ok(TEXT))])
    const { layer, lines } = recordLogLines()
    const release = Effect.asVoid(Deferred.succeed(gate, undefined))
    yield* Effect.zipRight(importRounds(rounds), test({ server, release, lines })).pipe(
      Effect.provide([real({ routes: [server.route()] }), layer])
    )
  })

/** The session has moved on by one generation, whose only segment is the summary of a single call. */
const committedOnce = (server: ModelServer.ModelServer) =>
  Effect.gen(function* () {
    const { generation, segments } = yield* readState()
    assert.strictEqual(generation, 1)
    assert.deepStrictEqual(
      segments.map(({ text }) => Handoff.omitUser(text)),
      [TEXT]
    )
    assert.deepStrictEqual(server.counts(), { requests: 1, opened: 1, open: 1, aborted: 0 })
  })

describe("while a summary streams", () => {
  it.scoped("a delivery, an interrupt, a caller that is gone and a second request change nothing about it", () =>
    streaming(({ release, server }) =>
      Effect.gen(function* () {
        const first = yield* Effect.fork(compressSession())
        yield* server.arrived(1)

        yield* deliver(late)
        assert.isFalse(yield* interrupt)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
        const second = yield* Effect.fork(compressSession())
        yield* Effect.yieldNow()
        yield* release

        assert.strictEqual((yield* Fiber.join(second)).outcome, "joined")
        yield* committedOnce(server)
        const { messages } = yield* runTurn(({ view }) => view())
        assert.deepStrictEqual(messages.at(-1), late)
      })
    )
  )

  it.scoped("each of many equal requests gets its result, also those that gave up in between do not", () =>
    streaming(({ lines, release, server }) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.fork(compressSession()))
        yield* server.arrived(1)
        yield* Effect.forEach([fibers[0], fibers[3]], (fiber) => (fiber ? Fiber.interrupt(fiber) : Effect.void))
        yield* release
        const exits = yield* Effect.forEach(fibers, Fiber.await)
        assert.deepStrictEqual(
          exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.outcome : "interrupted")),
          ["interrupted", "joined", "joined", "interrupted", "joined"]
        )
        yield* committedOnce(server)
        assert.strictEqual(lines.filter((line) => line.startsWith("compression started:")).length, 1)
        assert.strictEqual(lines.filter((line) => line.startsWith("compression joined:")).length, 4)
      })
    )
  )

  it.scoped("a caller's timeout returns on time, and the result is committed all the same", () =>
    streaming(({ release, server }) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.timeoutOption(compressSession(), "3 seconds"))
        yield* server.arrived(1)
        yield* TestClock.adjust("2999 millis")
        assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
        assert.strictEqual((yield* readState()).generation, 0)
        yield* release
        yield* awaitSettled()
        yield* committedOnce(server)
      })
    )
  )

  it.scoped("a turn goes on: its steps keep the view they were given, the next one has the new", () =>
    streaming(({ release, server }) =>
      Effect.gen(function* () {
        yield* Effect.fork(compressSession())
        yield* server.arrived(1)
        const reply: Message = { role: "assistant", content: "noted" }
        const views = yield* runTurn(({ append, view }) =>
          Effect.gen(function* () {
            yield* deliver(late)
            const before = yield* view()
            yield* append(reply)
            yield* release
            yield* awaitSettled()
            return [before, yield* view()] as const
          })
        )
        assert.deepStrictEqual(
          views.map(({ generation }) => generation),
          [0, 1]
        )
        assert.deepStrictEqual(views[0].messages, [...conversation(12), late])
        assert.deepStrictEqual(views[1].messages.slice(-2), [late, reply])
        yield* committedOnce(server)
      })
    )
  )

  it.scoped("an interrupt stops the turn that waits for it, and not the summary", () =>
    streaming(
      ({ release, server }) =>
        Effect.gen(function* () {
          yield* deliver(late)
          const waiting = yield* Effect.fork(Effect.flip(Effect.asVoid(runTurn(({ view }) => view()))))
          yield* server.arrived(1)
          assert.isTrue(yield* interrupt)
          assert.deepInclude(yield* Fiber.join(waiting), { _tag: "TurnInterrupted", sessionId: id })
          yield* release
          yield* awaitSettled()
          yield* committedOnce(server)
          const { messages } = yield* runTurn(({ view }) => view())
          assert.deepStrictEqual(messages.at(-1), late)
        }),
      20
    )
  )
})

describe("Gateway.interrupt", () => {
  it.scoped("stops a running turn: what it appended stays, and the next turn begins at once", () =>
    streaming(({ server }) =>
      Effect.gen(function* () {
        const appended = yield* Deferred.make<void>()
        const call: Message = {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_x", type: "function", function: { name: "wait", arguments: "{}" } }]
        }
        const running = yield* Effect.fork(
          runTurn(({ append }) =>
            Effect.zipRight(append(call), Effect.zipRight(Deferred.succeed(appended, undefined), Effect.never))
          )
        )
        yield* Deferred.await(appended)
        assert.isTrue(yield* interrupt)
        assert.deepInclude(yield* Effect.flip(Fiber.join(running)), { _tag: "TurnInterrupted", sessionId: id })
        const { messages } = yield* runTurn(({ view }) => view())
        assert.deepStrictEqual(messages.at(-2), call)
        assert.deepStrictEqual(problems(messages), [])
        assert.deepStrictEqual((yield* readState()).tail.at(-1)?.message, call)
        assert.isFalse(yield* interrupt)
        assert.strictEqual(server.requests.length, 0)
      })
    )
  )

  it.scoped("stops an auxiliary task and closes its socket; no other session hears of it", () =>
    streaming(({ release, server }) =>
      Effect.gen(function* () {
        const other = SessionId.make("other")
        const flush = (sessionId: SessionId) =>
          Effect.flatMap(Gateway.Gateway, ({ auxiliary }) =>
            auxiliary(sessionId, { task: "flush_memories", messages: [question], maxOutputTokens: 500 })
          )
        const [stopped, kept] = yield* Effect.all([Effect.fork(Effect.flip(flush(id))), Effect.fork(flush(other))])
        yield* server.arrived(2)
        assert.isTrue(yield* interrupt)
        assert.deepInclude(yield* Fiber.join(stopped), { _tag: "Interrupted", by: "gateway" })
        yield* server.until(({ aborted }) => aborted === 1)
        yield* release
        assert.strictEqual((yield* Fiber.join(kept)).text, TEXT)
      })
    )
  )
})

describe("shutdown", () => {
  it.scoped("does not wait beyond its grace for an operation that waits for another process", () =>
    Effect.gen(function* () {
      const stores = yield* Layer.build(Sqlite.layerTemporary)
      const scope = yield* Scope.make()
      const gateways = Gateway.layer({ policy, routes: [route] }).pipe(
        Layer.provide([Layer.succeedContext(stores), Scripted.layer([TEXT])])
      )
      const { compress } = Context.get(yield* Layer.buildWithScope(gateways, scope), Gateway.Gateway)
      const store = Context.get(stores, SessionStore)
      yield* store.importAll([{ sessionId: id, messages: conversation(12) }])
      yield* store.acquire(id, { name: "operation", holder: "elsewhere", ttl: 3_600_000 })
      const waiting = yield* Effect.fork(compress(id))
      yield* TestClock.adjust("1 second")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiting)))
      assert.strictEqual((yield* store.state(id)).generation, 0)
    })
  )
})

describe("promise 2, one at a time", () => {
  const ask = FastCheck.record({
    focus: FastCheck.constantFrom(undefined, "invoices", "routes"),
    times: FastCheck.integer({ min: 1, max: 3 }),
    elsewhere: FastCheck.boolean(),
    pause: FastCheck.constantFrom<number | "3 seconds">(0, 7, 30, "3 seconds")
  })

  it.effect.prop(
    "per session one operation runs, with one set of model calls for equal requests, in one gateway and over two on one store",
    [FastCheck.array(ask, { minLength: 1, maxLength: 4 }), Models.script(Models.outcomes)],
    ([asks, script]) => {
      const model = Models.makeCountingModel(script)
      const { layer, lines } = recordLogLines()
      return Effect.gen(function* () {
        yield* importMessages(conversation(12))
        const here = yield* Gateway.Gateway
        const there = yield* secondGateway(model)
        const asked = yield* Effect.forEach(asks, ({ elsewhere, focus, pause, times }) =>
          Effect.zipLeft(
            Effect.replicateEffect(Effect.fork((elsewhere ? there : here).compress(id, { focus })), times),
            typeof pause === "string" ? TestClock.adjust(pause) : Effect.replicateEffect(Effect.yieldNow(), pause)
          )
        )
        yield* Programs.untilNobodyWaits(id, asked.flat())
        const groups = yield* Effect.forEach(asked, (fibers) => Fiber.join(Fiber.all(fibers)))
        for (const group of groups) assert.strictEqual(new Set(group.map(({ operationId }) => operationId)).size, 1)
        const results = groups.flat()
        const operations = new Map(results.map((result) => [result.operationId, result]))
        const calls = [...operations.values()].reduce((sum, { modelCalls }) => sum + modelCalls, 0)
        assert.strictEqual(model.model.requests.length, calls)
        assert.isAtMost(model.calls.most, 1)
        const changed = results.filter(({ outcome }) => outcome === "committed" || outcome === "degraded")
        assert.strictEqual((yield* Effect.flatMap(SessionStore, (store) => store.state(id))).generation, changed.length)
        assert.deepStrictEqual(overlaps(lines), [])
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(scripted(model.layer, crowded), layer)), onVirtualClock)
    },
    propertyRuns(6, 18)
  )
})

/** As in another process, but for the file handle. */
const secondGateway = (model: ReturnType<typeof Models.makeCountingModel>) =>
  Effect.gen(function* () {
    const store = Layer.succeed(SessionStore, yield* SessionStore)
    const gateway = Gateway.layer(crowded).pipe(Layer.provide(store), Layer.provide(model.layer))
    return Context.get(yield* Layer.build(gateway), Gateway.Gateway)
  })

/** Operations that began before another one had ended. */
const overlaps = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  let running: string | undefined
  return lines.flatMap((line) => {
    const [, what, operation] = /^compression (started|done|failed): .*?operation=(\S+)/.exec(line) ?? []
    if (what === undefined) return []
    const wrong = what === "started" ? running !== undefined : running !== operation
    running = what === "started" ? operation : undefined
    return wrong ? [line] : []
  })
}
