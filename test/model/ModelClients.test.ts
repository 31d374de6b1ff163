import { assert, describe, it } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  FiberId,
  FiberRef,
  Layer,
  Option,
  Scheduler,
  Stream,
  TestClock
} from "effect"
import type { RuntimeFiber } from "effect/Fiber"
import { type ModelError, ConnectionError, InvalidSummary, RateLimited } from "../../src/model/ModelError.ts"
import { ModelClients, layer } from "../../src/model/ModelClients.ts"
import * as Recovery from "../../src/model/Recovery.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import {
  type Client,
  distinctRoutes,
  endpointKey,
  type Event,
  isSameRoute,
  type ModelRequest,
  Provider,
  type Route
} from "../../src/model/Provider.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { propertyRuns, repetitions } from "../support/repetitions.ts"

const APIS: ReadonlyArray<Route["api"]> = ["responses", "chat"]

const request = (content: string, task = "compression"): ModelRequest => ({
  task,
  messages: [{ role: "user", content }],
  maxOutputTokens: 100
})

const complete = (route: Route, content: string, task?: string) =>
  Effect.flatMap(ModelClients, (clients) => clients.complete(route, request(content, task)))

describe("endpointKey", () => {
  const at = (baseUrl: string, options?: ModelServer.RouteOptions) => endpointKey(ModelServer.route(baseUrl, options))

  it("is the same for URLs that differ in case of the host, default port and trailing slashes", () => {
    const urls = ["https://api.host.test/v1", "https://API.host.test/v1/", "https://api.host.test:443/v1//"]
    assert.strictEqual(new Set(urls.map((url) => at(url))).size, 1)
  })

  it("does not depend on the model or the API, but on the path and the credential", () => {
    const here = at("https://host.test/v1")
    assert.strictEqual(at("https://host.test/v1", { model: "other", api: "chat" }), here)
    assert.notStrictEqual(at("https://host.test/v2"), here)
    assert.notStrictEqual(at("https://host.test/V1"), here)
    assert.notStrictEqual(at("https://host.test/v1", { apiKey: "other" }), here)
  })

  it("tells no credential", () => {
    assert.notInclude(at("https://me:secret-word@host.test/v1", { apiKey: "secret-key" }), "secret")
  })

  it("is the URL as it stands if it is none", () => {
    assert.include(at("not a url"), "not a url")
  })
})

describe("distinctRoutes", () => {
  const routes = FastCheck.array(
    FastCheck.record({
      url: FastCheck.constantFrom("https://a.test/v1", "https://A.test/v1/", "https://b.test/v1"),
      model: FastCheck.constantFrom("m", "n"),
      api: FastCheck.constantFrom(...APIS),
      apiKey: FastCheck.constantFrom("k", "l")
    }).map(({ url, ...options }) => ModelServer.route(url, options))
  )

  it.prop("Routes that resolve to the same place are one: each counts once, the first, in order", [routes], ([all]) => {
    const kept = distinctRoutes(all)
    assert.isTrue(all.every((route) => kept.filter((other) => isSameRoute(route, other)).length === 1))
    assert.deepStrictEqual(
      kept,
      all.filter((route) => all.find((other) => isSameRoute(route, other)) === route)
    )
  })
})

describe("complete", () => {
  const ROUTE = ModelServer.route("https://nowhere.invalid/v1", { timeout: "1 minute", idleTimeout: "10 seconds" })

  const END: Event = { _tag: "Finished", reason: "stop", usage: null }

  const play = (outcomes: ReadonlyArray<Scripted.ScriptedOutcome>) => Layer.provide(layer(), Scripted.layer(outcomes))

  it.effect("gives the whole answer", () => {
    const usage = { inputTokens: 9, outputTokens: 2 }
    return complete(ROUTE, "hello").pipe(
      Effect.map((completion) =>
        assert.deepStrictEqual(completion, { text: "one two", reasoning: "hmm", finish: "length", usage })
      ),
      Effect.provide(play([{ text: ["one ", "two"], reasoning: "hmm", finish: "length", usage }]))
    )
  })

  it.effect("tells how far it is, reasoning included", () => {
    const progress: Array<number> = []
    const onProgress = (characters: number) => Effect.sync(() => progress.push(characters)).pipe(Effect.asVoid)
    return ModelClients.pipe(
      Effect.flatMap((clients) => clients.complete(ROUTE, request(""), { onProgress })),
      (completing) => Effect.zipRight(TestClock.adjust("1 minute"), completing, { concurrent: true }),
      Effect.map(() => assert.deepStrictEqual(progress, [3, 7, 10])),
      Effect.provide(play([{ text: ["one ", "two"], reasoning: "hmm", delay: "1 second" }]))
    )
  })

  const deadline = (outcome: Scripted.ScriptedOutcome, after: string, expected: object) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(complete(ROUTE, "hello")))
      yield* TestClock.adjust("9999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)), after)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(fiber), expected)
    }).pipe(Effect.provide(play([outcome])))

  it.effect("Bounded: silence before the first word ends with Timeout", () =>
    deadline(Scripted.hang, "before", { _tag: "Timeout", phase: "idle", deadline: 10_000 })
  )

  it.effect("Bounded: silence between words ends with Timeout", () =>
    deadline({ partial: "half", end: "hang", delay: "5 seconds" }, "between", {
      _tag: "Timeout",
      phase: "idle",
      deadline: 10_000
    })
  )

  it.effect("Bounded: an answer that never ends, but never falls silent, ends with Timeout", () =>
    deadline({ text: Array.from({ length: 100 }, () => "w"), delay: "9 seconds" }, "trickle", {
      _tag: "Timeout",
      phase: "total",
      deadline: 60_000
    })
  )

  it.effect("Bounded: a key that has to be fetched and never comes ends with Timeout", () =>
    Effect.gen(function* () {
      const apiKey = { name: "slow", current: Effect.never, renew: Effect.void }
      const fiber = yield* Effect.fork(Effect.flip(complete({ ...ROUTE, apiKey }, "hello")))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
    }).pipe(Effect.provide(play([])))
  )

  const boom = () => {
    throw new Error("boom, said test-key")
  }
  const fine = { isOpen: () => true, stream: () => Stream.succeed(END) }
  const THROWING: ReadonlyArray<readonly [string, () => Effect.Effect<Client>]> = [
    ["when it opens a client", boom],
    ["while it opens a client", () => Effect.die("boom")],
    ["when it is asked whether the client is open", () => Effect.succeed({ ...fine, isOpen: boom })],
    ["when it is called", () => Effect.succeed({ ...fine, stream: boom })],
    [
      "while it streams",
      () => Effect.succeed({ ...fine, stream: () => Stream.concat(fine.stream(), Stream.die("boom")) })
    ]
  ]

  for (const [when, open] of THROWING) {
    it.effect(`a provider that throws ${when} has failed, and tells no key`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(complete(ROUTE, ""))
        assert.deepInclude(error, { _tag: "ProviderError", status: null })
        assert.include(error.message, "boom")
        if (when === "when it is called") assert.notInclude(error.message, "test-key")
      }).pipe(Effect.provide(Layer.provide(layer(), Layer.succeed(Provider, { open }))))
    )
  }

  const count = FastCheck.oneof(
    FastCheck.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0.5, 2 ** 60),
    FastCheck.nat()
  )

  it.effect.prop(
    "Bounded: only a count of tokens is a provider's usage",
    [count, count],
    ([inputTokens, outputTokens]) =>
      Effect.gen(function* () {
        const { usage } = yield* complete(ROUTE, "")
        const isCount = [inputTokens, outputTokens].every((n) => n >= 0 && n < 2 ** 53 && n % 1 === 0)
        assert.deepStrictEqual(usage, isCount ? { inputTokens, outputTokens } : null)
      }).pipe(Effect.provide(play([{ text: "yes", usage: { inputTokens, outputTokens } }])))
  )

  it.effect("an answer without an end mark is ConnectionError, one with two is ProviderError", () => {
    const open = () => Effect.succeed({ isOpen: () => true, stream: () => Stream.make(END, END) })
    return Effect.gen(function* () {
      const cut = yield* Effect.provide(Effect.flip(complete(ROUTE, "")), play([{ partial: "half", end: "cut" }]))
      assert.strictEqual(cut._tag, "ConnectionError")
      const twice = yield* Effect.provide(
        Effect.flip(complete(ROUTE, "")),
        Layer.provide(layer(), Layer.succeed(Provider, { open }))
      )
      assert.strictEqual(twice._tag, "ProviderError")
    })
  })

  it.effect("interruption and refusals leave the client where it is", () => {
    const model = Scripted.make([Scripted.hang, new RateLimited({ route: "r", retryAfter: null }), "fine"])
    return Effect.gen(function* () {
      const fiber = yield* Effect.fork(complete(ROUTE, "hello"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* Effect.flip(complete(ROUTE, "hello")))._tag, "RateLimited")
      assert.strictEqual((yield* complete(ROUTE, "hello")).text, "fine")
      assert.deepStrictEqual([model.requests.length, model.opened, model.closed], [3, 1, 0])
    }).pipe(Effect.provide(Layer.provide(layer(), model.layer)))
  })

  it.effect("another policy says which errors drop the client, also of an answer that is turned away", () => {
    const failed = new ConnectionError({ route: "r", detail: "cut" })
    const model = Scripted.make([failed, failed, "no", "no", "yes"])
    const keep = { ...Recovery.defaults, ConnectionError: { action: "back-off", times: 1, delay: 0 } } as const
    const rejected = new InvalidSummary({ route: "r", reason: "empty", detail: "" })
    const drop = { ...Recovery.defaults, InvalidSummary: { action: "fresh-client", times: 1, delay: 0 } } as const
    return Effect.gen(function* () {
      const clients = yield* ModelClients
      const reject = (recovery: Recovery.Policy) =>
        Effect.flip(clients.completeWith(ROUTE, request(""), () => Effect.fail(rejected), { recovery }))
      yield* Effect.flip(clients.complete(ROUTE, request(""), { recovery: keep }))
      assert.strictEqual(model.closed, 0)
      yield* Effect.flip(clients.complete(ROUTE, request("")))
      assert.strictEqual(model.closed, 1)
      assert.strictEqual((yield* reject(Recovery.defaults))._tag, "InvalidSummary")
      assert.strictEqual(model.closed, 1)
      assert.strictEqual((yield* reject(drop))._tag, "InvalidSummary")
      assert.strictEqual(model.closed, 2)
      assert.strictEqual((yield* clients.complete(ROUTE, request(""))).text, "yes")
      assert.strictEqual(model.opened, 3)
    }).pipe(Effect.provide(Layer.provide(layer(), model.layer)))
  })

  it.effect("keeps a bounded number of clients, and those in use until they are done", () => {
    const model = Scripted.make([
      ({ task }) => (task === "slow" ? { partial: "half", end: "cut", delay: "5 seconds" } : "fine")
    ])
    const crowd = Array.from({ length: 200 }, (_, i) => ModelServer.route(`https://host-${i}.test/v1`))
    return Effect.gen(function* () {
      const slow = yield* Effect.fork(Effect.flip(complete(ROUTE, "", "slow")))
      yield* Effect.yieldNow()
      yield* Effect.forEach(crowd, (route) => complete(route, ""))
      assert.isAtMost(model.opened - model.closed, 65)

      yield* complete(ROUTE, "")
      const { opened } = model
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(slow))._tag, "ConnectionError")
      yield* complete(ROUTE, "")
      assert.strictEqual(model.opened, opened, "the failure of the old client dropped the fresh one")
      assert.isAtMost(model.opened - model.closed, 64)
    }).pipe(Effect.provide(Layer.provide(layer(), model.layer)))
  })

  // Needs the real clock: an interrupt in the wrong place would jam the semaphore of the test clock.
  it.live("a caller interrupted at any of its operations harms no other, and gives its client back", () =>
    Effect.gen(function* () {
      for (let at = 1, ended = false; !ended; at += repetitions(4, 1)) {
        const model = Scripted.make([({ task }) => (task === "cut" ? { partial: "", end: "cut" } : "fine")])
        const scheduler = new InterruptingScheduler(at)
        yield* Effect.gen(function* () {
          const first = yield* Effect.fork(Effect.withScheduler(complete(ROUTE, ""), scheduler))
          const second = yield* Effect.fork(complete(ROUTE, ""))
          yield* Fiber.await(first)
          assert.strictEqual((yield* Fiber.join(second)).text, "fine", `operation ${at}`)
          yield* Effect.flip(complete(ROUTE, "", "cut"))
          assert.strictEqual(model.closed, model.opened, `operation ${at}`)
        }).pipe(Effect.provide(Layer.provide(layer(), model.layer)))
        ended = scheduler.seen < at
      }
    })
  )

  it.effect("a first caller interrupted while its client is being opened harms no other", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const open = () => Effect.as(Deferred.await(gate), { isOpen: () => true, stream: () => Stream.succeed(END) })
      yield* Effect.gen(function* () {
        const first = yield* Effect.fork(complete(ROUTE, ""))
        yield* TestClock.adjust(1)
        const second = yield* Effect.fork(complete(ROUTE, ""))
        yield* TestClock.adjust(1)
        yield* Fiber.interruptFork(first)
        yield* TestClock.adjust(1)
        yield* Deferred.succeed(gate, undefined)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(first)))
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
      }).pipe(Effect.provide(Layer.provide(layer(), Layer.succeed(Provider, { open }))))
    })
  )

  const calls = FastCheck.array(
    FastCheck.record({
      start: FastCheck.integer({ min: 0, max: 20 }),
      lasts: FastCheck.integer({ min: 1, max: 20 }),
      outcome: FastCheck.constantFrom("ok" as const, "ok" as const, "cut" as const, "limited" as const, "gone" as const)
    }),
    { minLength: 1, maxLength: 12 }
  )

  it.effect.prop(
    "Fresh client: whatever overlaps with whatever, no call gets a client that failed, and no other is dropped",
    [calls],
    ([calls]) =>
      Effect.gen(function* () {
        const started: Array<{ readonly client: number; readonly healthy: boolean }> = []
        const failed = new Set<number>()
        let opened = 0
        const open = () =>
          Effect.sync(() => {
            const client = ++opened
            const stream = (_: Route, { task }: ModelRequest) => {
              const call = calls[Number(task)]
              started.push({ client, healthy: !failed.has(client) })
              return Stream.fromEffect(
                Effect.delay(
                  Effect.suspend(() => outcomeOf(call?.outcome)),
                  call?.lasts ?? 0
                ).pipe(Effect.tapErrorTag("ConnectionError", () => Effect.sync(() => failed.add(client))))
              )
            }
            return { stream, isOpen: () => true }
          })
        yield* Effect.gen(function* () {
          const fibers = yield* Effect.forEach(calls, ({ lasts, outcome, start }, i) => {
            const call = Effect.exit(complete(ROUTE, "", String(i)))
            const patience = outcome === "gone" ? lasts / 2 : 1_000
            return Effect.fork(Effect.delay(Effect.timeoutOption(call, patience), start))
          })
          yield* TestClock.adjust("1 second")
          yield* Fiber.awaitAll(fibers)
        }).pipe(Effect.provide(Layer.provide(layer(), Layer.succeed(Provider, { open }))))

        assert.isTrue(started.every(({ healthy }) => healthy))
        started.forEach(({ client }, i) => {
          const before = started[i - 1]?.client ?? client
          assert.isTrue(client === before || (client > before && failed.has(before)))
        })
      }),
    propertyRuns(8, 30)
  )

  const outcomeOf = (outcome: string | undefined): Effect.Effect<Event, ModelError> => {
    if (outcome === "cut") return Effect.fail(new ConnectionError({ route: "r", detail: "cut" }))
    if (outcome === "limited") return Effect.fail(new RateLimited({ route: "r", retryAfter: null }))
    return Effect.succeed(END)
  }
})

/**
 * Interrupts the first fiber it runs, at the `at`-th operation of that fiber and those that work for it, and lets others
 * run there unless the code has asked for no pause.
 */
class InterruptingScheduler extends Scheduler.MixedScheduler {
  seen = 0
  readonly at: number
  target: RuntimeFiber<unknown, unknown> | undefined
  constructor(at: number) {
    super(2048)
    this.at = at
  }
  override shouldYield(fiber: RuntimeFiber<unknown, unknown>) {
    this.target ??= fiber
    this.seen += 1
    if (this.seen !== this.at) return super.shouldYield(fiber)
    this.target.unsafeInterruptAsFork(FiberId.none)
    return fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield) === Number.MAX_SAFE_INTEGER ? false : 0
  }
}
