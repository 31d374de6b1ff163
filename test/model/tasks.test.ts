/**
 * Only a compression is shielded, and only its operation: every other task stays interruptible. Shield and deadlines
 * nest, and tasks of several kinds on one route leave one another alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Interrupted } from "../../src/model/ModelError.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as ModelServer from "../support/ModelServer.ts"
import {
  awaitRequests,
  compressSession,
  id,
  importRounds,
  manual,
  readGeneration,
  real,
  route,
  scripted,
  summary
} from "../support/world.ts"

const TASKS = ["vision", "web_extract", "flush_memories", "a task of the caller's own"]
const APIS = ["responses", "chat"] as const

const TEXT = summary("what counts")

const run = (task: string, session: SessionId = id) =>
  Effect.flatMap(Gateway, ({ auxiliary }) =>
    auxiliary(session, {
      task,
      messages: [{ role: "user", content: `This is for ${task}.` }],
      maxOutputTokens: 500
    })
  )

const stop = (session: SessionId = id) => Effect.flatMap(Gateway, ({ interrupt }) => interrupt(session))

describe("a task that is no compression", () => {
  for (const task of TASKS) {
    for (const api of APIS) {
      for (const answer of [ModelServer.hang, ModelServer.hangAfter("Well")]) {
        const begun = Effect.gen(function* () {
          const server = yield* ModelServer.make([answer])
          return { server, world: real({ routes: [server.route({ api })] }) }
        })
        const how = answer === ModelServer.hang ? "before" : "after"
        /** Counts the sockets that were closed: the pool may open another one for the next call. */
        const isClosed = (server: ModelServer.ModelServer) =>
          Effect.map(
            server.until(({ aborted }) => aborted === 1),
            ({ requests }) => assert.strictEqual(requests, 1)
          )

        it.scoped(`${task}, ${api}: interrupted ${how} its first word it ends at once and its socket is closed`, () =>
          Effect.gen(function* () {
            const { server, world } = yield* begun
            yield* Effect.gen(function* () {
              const fiber = yield* Effect.fork(run(task))
              yield* server.arrived(1)
              const exit = yield* Fiber.interrupt(fiber)
              assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
              yield* isClosed(server)
              assert.isFalse(yield* stop())
            }).pipe(Effect.provide(world))
            yield* server.until(({ open }) => open === 0)
          })
        )

        it.scoped(
          `${task}, ${api}: told to stop ${how} its first word it fails with Interrupted, its socket closed`,
          () =>
            Effect.gen(function* () {
              const { server, world } = yield* begun
              yield* Effect.gen(function* () {
                const fiber = yield* Effect.fork(Effect.flip(run(task)))
                yield* server.arrived(1)
                assert.isFalse(yield* stop(SessionId.make("another")))
                assert.isTrue(yield* stop())
                const error = yield* Fiber.join(fiber)
                assert.deepStrictEqual([error._tag, "by" in error && error.by], ["Interrupted", "gateway"])
                yield* isClosed(server)
              }).pipe(Effect.provide(world))
              yield* server.until(({ open }) => open === 0)
            })
        )
      }
    }
  }

  it.effect("is stopped while it waits between two calls, and calls no more", () => {
    const model = Scripted.make([new Interrupted({ route: "r", by: "provider" }), "well"])
    const recovery = { ...Recovery.defaults, Interrupted: { action: "back-off", times: 1, delay: 10_000 } } as const
    return Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(run("vision")))
      yield* awaitRequests(model, 1)
      yield* Effect.replicateEffect(Effect.yieldNow(), 20)
      yield* stop()
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Interrupted")
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(model.requests.length, 1)
    }).pipe(Effect.provide(scripted(model.layer, { recovery })))
  })
})

describe("a provider that breaks its stream with an interrupt flag", () => {
  const flagged = ModelServer.errorInStream({ code: "interrupted", message: "interrupted by the operator" })

  for (const api of APIS) {
    it.scoped(`is asked once more for a compression, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([flagged, ModelServer.ok(TEXT)])
        yield* Effect.gen(function* () {
          yield* importRounds()
          const { attempts, outcome } = yield* compressSession()
          assert.strictEqual(outcome, "committed")
          assert.deepStrictEqual(
            attempts.map(({ error }) => error),
            ["Interrupted", null]
          )
        }).pipe(Effect.provide(real({ routes: [server.route({ api })] })))
      })
    )

    it.scoped(`is asked once more for another task, and not twice, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([flagged, ModelServer.ok("well"), flagged])
        yield* Effect.gen(function* () {
          assert.strictEqual((yield* run("vision")).text, "well")
          const error = yield* Effect.flip(run("vision"))
          assert.deepStrictEqual(
            error._tag === "Exhausted" ? error.errors.map((failed) => [failed._tag, "by" in failed && failed.by]) : [],
            [
              ["Interrupted", "provider"],
              ["Interrupted", "provider"]
            ]
          )
          assert.strictEqual(server.requests.length, 4)
        }).pipe(Effect.provide(real({ routes: [server.route({ api })] })))
      })
    )
  }
})

describe("the shield", () => {
  /** Answers a compression when the gate opens, and never another task. */
  const gated = (gate: Deferred.Deferred<void>) =>
    ModelServer.make(({ prompt }) =>
      prompt.some(({ content }) => content.includes("<transcript>"))
        ? ModelServer.answerAfter(gate, ModelServer.ok(TEXT))
        : ModelServer.hang
    )

  for (const [how, end] of [
    ["stopped", () => stop()],
    ["interrupted", (task) => Effect.as(Fiber.interrupt(task), true)]
  ] as ReadonlyArray<readonly [string, (task: Fiber.RuntimeFiber<unknown, unknown>) => ReturnType<typeof stop>]>) {
    it.scoped(`is not lifted by a task that runs and is ${how} while the same session is compressed`, () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const server = yield* gated(gate)
        yield* Effect.gen(function* () {
          yield* importRounds()
          const compression = yield* Effect.fork(compressSession())
          yield* server.arrived(1)
          const task = yield* Effect.fork(run("vision"))
          yield* server.arrived(2)
          yield* end(task)
          yield* Fiber.await(task)
          yield* server.until(({ aborted }) => aborted === 1)
          // The interrupt of its caller does not reach it, and neither does a second stop signal.
          yield* Fiber.interrupt(compression)
          assert.isFalse(yield* stop())
          const joined = yield* Effect.fork(compressSession())
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual((yield* Fiber.join(joined)).outcome, "joined")
          assert.strictEqual(server.requests.length, 2)
          assert.strictEqual(server.counts().aborted, 1)
          assert.strictEqual(yield* readGeneration(), 1)
        }).pipe(Effect.provide(real({ routes: [server.route()], policy: manual })))
      })
    )
  }

  it.effect("covers no task that is begun beside it in the same fiber", () => {
    const model = Scripted.make([
      ({ task }) => (task === "vision" ? Scripted.hang : { text: TEXT, delay: "10 seconds" })
    ])
    return Effect.gen(function* () {
      yield* importRounds()
      const both = yield* Effect.fork(Effect.all([compressSession(), run("vision")], { concurrency: 2 }))
      yield* awaitRequests(model, 2)
      yield* Fiber.interrupt(both)
      assert.strictEqual(yield* readGeneration(), 0)
      const joined = yield* Effect.fork(compressSession())
      yield* Effect.yieldNow()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(joined)).outcome, "joined")
      assert.strictEqual(model.requests.length, 2)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})

describe("deadlines nest: caller, call, task", () => {
  const slow = { ...route, timeout: Duration.seconds(20) }
  const options = { routes: [slow], policy: manual, totalTimeout: "30 seconds" } as const

  it.effect(
    "a caller of a compression goes at its own, each call ends at the route's, all of them at the total",
    () => {
      const model = Scripted.make([Scripted.hang])
      return Effect.gen(function* () {
        yield* importRounds()
        const caller = yield* Effect.fork(Effect.timeoutOption(compressSession(), "5 seconds"))
        yield* awaitRequests(model, 1)
        yield* TestClock.adjust("5 seconds")
        assert.isTrue(Option.isNone(yield* Fiber.join(caller)))
        const joined = yield* Effect.fork(compressSession())
        yield* Effect.yieldNow()
        yield* TestClock.adjust("15 seconds")
        yield* awaitRequests(model, 2)
        assert.strictEqual(yield* readGeneration(), 0)
        yield* TestClock.adjust("10 seconds")
        const { attempts, budgetLeft, durationMs, outcome, generation: made } = yield* Fiber.join(joined)
        assert.deepStrictEqual([outcome, made, durationMs, budgetLeft?.milliseconds], ["joined", 1, 30_000, 0])
        assert.deepStrictEqual(
          attempts.map(({ detail }) => /within (\d+) ms/.exec(detail ?? "")?.[1]),
          ["20000", "10000"]
        )
        assert.strictEqual(model.closed, 2)
      }).pipe(Effect.provide(scripted(model.layer, options)))
    }
  )

  it.effect("another task ends at the total, over all its calls", () => {
    const model = Scripted.make([Scripted.hang])
    return Effect.gen(function* () {
      const task = yield* Effect.fork(Effect.flip(run("vision")))
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("20 seconds")
      yield* awaitRequests(model, 2)
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(task)
      assert.deepStrictEqual(
        error._tag === "Exhausted" ? error.errors.map((failed) => "deadline" in failed && failed.deadline) : [],
        [20_000, 10_000]
      )
    }).pipe(Effect.provide(scripted(model.layer, options)))
  })

  it.effect("a caller of another task takes the call along when it goes, and the client is no worse for it", () => {
    const model = Scripted.make([Scripted.hang, "well"])
    return Effect.gen(function* () {
      const caller = yield* Effect.fork(Effect.timeoutOption(run("vision"), "5 seconds"))
      yield* awaitRequests(model, 1)
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.join(caller)))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(model.requests.length, 1)
      assert.strictEqual((yield* run("vision")).text, "well")
      assert.strictEqual(model.opened, 1)
    }).pipe(Effect.provide(scripted(model.layer, options)))
  })
})

describe("tasks of several kinds at once on one route", () => {
  const two = SessionId.make("two")

  for (const api of APIS) {
    it.scoped(`the timeout of one breaks none of the others, ${api}`, () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const held = ModelServer.answerAfter(gate, ModelServer.ok(TEXT))
        const server = yield* ModelServer.make(({ prompt }) =>
          prompt.some(({ content }) => content === "This is for web_extract.") ? ModelServer.hang : held
        )
        const patient = server.route({ api, timeout: "10 minutes", idleTimeout: "10 minutes" })
        const hasty = server.route({ api, timeout: "10 seconds" })
        const taskRoutes = (task: string) => [task === "web_extract" ? hasty : patient]
        yield* Effect.gen(function* () {
          yield* importRounds()
          yield* importRounds(12, two)
          const others = yield* Effect.fork(
            Effect.all([compressSession(), compressSession(two), run("vision"), run("flush_memories", two)], {
              concurrency: "unbounded"
            })
          )
          yield* server.arrived(4)
          const failing = yield* Effect.fork(Effect.flip(run("web_extract")))
          yield* server.arrived(5)
          yield* TestClock.adjust("10 seconds")
          yield* server.arrived(6)
          yield* TestClock.adjust("5 seconds")
          const error = yield* Fiber.join(failing)
          assert.deepStrictEqual(error._tag === "Exhausted" ? error.errors.map(({ _tag }) => _tag) : [], [
            "Timeout",
            "Timeout"
          ])
          // The two calls that timed out are closed, the four that wait are not.
          yield* server.until(({ aborted }) => aborted === 2)
          yield* Deferred.succeed(gate, undefined)
          const [one, other, seen, flushed] = yield* Fiber.join(others)
          assert.deepStrictEqual([one.outcome, one.modelCalls], ["committed", 1])
          assert.deepStrictEqual([other.outcome, other.modelCalls], ["committed", 1])
          assert.deepStrictEqual([seen.text, flushed.text], [TEXT, TEXT])
          // The next call of any task gets a client on which nothing has failed.
          assert.strictEqual((yield* run("vision")).text, TEXT)
          const [last, ...earlier] = server.requests.map(({ socket }) => socket).toReversed()
          assert.strictEqual(new Set(earlier).size, 6)
          assert.notInclude(earlier, last)
          assert.strictEqual(server.counts().aborted, 2)
        }).pipe(Effect.provide(real({ routes: [patient], taskRoutes, policy: manual })))
      })
    )
  }
})
