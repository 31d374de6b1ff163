/** The cache of clients over the real client, checked by the requests and connections of the model server. */
import { assert, describe, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { ModelClients, layer } from "../../src/model/ModelClients.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { Provider, type ModelRequest, type ResolvedRoute } from "../../src/model/Provider.ts"
import * as ModelServer from "../support/ModelServer.ts"

const APIS: ReadonlyArray<ResolvedRoute["api"]> = ["responses", "chat"]

const request = (content: string, task: string): ModelRequest => ({
  task,
  messages: [{ role: "user", content }],
  maxOutputTokens: 100
})

const complete = (route: ResolvedRoute, content: string, task = "compression") =>
  Effect.flatMap(ModelClients, (clients) => clients.complete(route, request(content, task)))

/** A provider that counts its clients, opened and closed, and can close them all. */
const watched = (provider: Context.Tag.Service<Provider>) => {
  const scopes: Array<Scope.CloseableScope> = []
  const seen = { opened: 0, closed: 0 }
  const open = (route: ResolvedRoute) =>
    Effect.gen(function* () {
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
      scopes.push(scope)
      seen.opened += 1
      yield* Effect.addFinalizer(() => Effect.sync(() => (seen.closed += 1)))
      return yield* Scope.extend(provider.open(route), scope)
    })
  const closeAll = Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void))
  return { seen, closeAll: Effect.suspend(() => closeAll), layer: Layer.succeed(Provider, { open }) }
}

const real = () => watched({ open: OpenAi.open })

const PATIENT = "20 seconds"

for (const api of APIS) {
  describe(`the real client, ${api}`, () => {
    const SHORT = "80 millis"

    const FAULTS: ReadonlyArray<readonly [string, ModelServer.Answer, ModelServer.RouteOptions, object]> = [
      ["a hang beyond the deadline", ModelServer.hang, { timeout: SHORT }, { _tag: "Timeout", phase: "total" }],
      ["silence", ModelServer.hangAfter("half a"), { idleTimeout: SHORT }, { _tag: "Timeout", phase: "idle" }],
      ["a trickle", ModelServer.trickle("w ", 5), { timeout: SHORT }, { _tag: "Timeout", phase: "total" }],
      ["a dropped connection", ModelServer.reset, {}, { _tag: "ConnectionError" }],
      ["a stream cut in the middle", ModelServer.cut("half a"), {}, { _tag: "ConnectionError" }],
      ["a stream without its end mark", ModelServer.endless("half a"), {}, { _tag: "ConnectionError" }]
    ]

    for (const [name, answer, options, expected] of FAULTS) {
      it.scopedLive(`Fresh client: after ${name} every task gets a new connection`, () => {
        const provider = real()
        return Effect.gen(function* () {
          const server = yield* ModelServer.make(({ prompt }) =>
            prompt[0]?.content === "bad" ? answer : ModelServer.ok("fine")
          )
          const error = yield* Effect.flip(complete(server.route({ api, ...options }), "bad"))
          assert.deepInclude(error, expected)
          const route = server.route({ api, timeout: PATIENT })
          assert.strictEqual((yield* complete(route, "good")).text, "fine")
          assert.strictEqual((yield* complete(route, "good", "vision")).text, "fine")

          const socketsOf = (content: string) =>
            server.requests.flatMap(({ prompt, socket }) => (prompt[0]?.content === content ? [socket] : []))
          assert.strictEqual(new Set(socketsOf("good")).size, 1)
          assert.isEmpty(socketsOf("good").filter((socket) => socketsOf("bad").includes(socket)))
          assert.deepStrictEqual(provider.seen, { opened: 2, closed: 1 })
          yield* server.until(({ open }) => open === 1)
        }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
      })
    }

    it.scopedLive("Fresh client: after a refused connection the next call gets through", () => {
      const provider = real()
      return Effect.gen(function* () {
        const { url } = yield* Effect.scoped(ModelServer.make([]))
        const route = ModelServer.route(url, { api })
        assert.strictEqual((yield* Effect.flip(complete(route, "hello")))._tag, "ConnectionError")
        yield* ModelServer.make([ModelServer.ok("fine")], Number(new URL(url).port))
        assert.strictEqual((yield* complete(route, "hello")).text, "fine")
        assert.strictEqual((yield* complete(route, "hello", "vision")).text, "fine")
        assert.deepStrictEqual(provider.seen, { opened: 2, closed: 1 })
      }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
    })

    it.scopedLive("a healthy client is shared by tasks and APIs and uses its connection again", () => {
      const provider = real()
      return Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine")])
        for (const route of [server.route({ api: "chat" }), server.route({ api: "responses", model: "other" })]) {
          yield* complete(route, "hello")
          yield* complete(route, "hello", "vision")
        }
        assert.deepStrictEqual(server.sockets(), { opened: 1, open: 1 })
        assert.strictEqual(provider.seen.opened, 1)
      }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
    })

    it.scopedLive("two calls at once, one times out: the other finishes, and exactly one client is new", () => {
      const provider = real()
      return Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const slow = ModelServer.answerAfter(gate, ModelServer.ok("at last"))
        const server = yield* ModelServer.make(({ prompt: [message] }) => {
          if (message?.content === "slow") return slow
          return message?.content === "dead" ? ModelServer.hang : ModelServer.ok("fine")
        })
        const survivor = yield* Effect.fork(complete(server.route({ api }), "slow"))
        yield* server.arrived(1)
        const error = yield* Effect.flip(complete(server.route({ api, timeout: SHORT }), "dead"))
        assert.strictEqual(error._tag, "Timeout")
        assert.deepStrictEqual(provider.seen, { opened: 1, closed: 0 })

        const both = Effect.replicateEffect(complete(server.route({ api }), "quick"), 2, { concurrency: 2 })
        assert.deepStrictEqual(
          (yield* both).map(({ text }) => text),
          ["fine", "fine"]
        )
        assert.deepStrictEqual(provider.seen, { opened: 2, closed: 0 })

        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Fiber.join(survivor)).text, "at last")
        assert.deepStrictEqual(provider.seen, { opened: 2, closed: 1 })
      }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
    })

    it.scopedLive("Fresh client: a late second failure of the old client does not drop the fresh one", () => {
      const provider = real()
      return Effect.gen(function* () {
        const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const server = yield* ModelServer.make([
          ModelServer.answerAfter(gates[0], ModelServer.reset),
          ModelServer.answerAfter(gates[1], ModelServer.cut("half a")),
          ModelServer.ok("fine")
        ])
        const route = server.route({ api })
        const first = yield* Effect.fork(Effect.flip(complete(route, "1")))
        yield* server.arrived(1)
        const second = yield* Effect.fork(Effect.flip(complete(route, "2")))
        yield* server.arrived(2)

        yield* Deferred.succeed(gates[0], undefined)
        assert.strictEqual((yield* Fiber.join(first))._tag, "ConnectionError")
        yield* complete(route, "3")
        yield* Deferred.succeed(gates[1], undefined)
        assert.strictEqual((yield* Fiber.join(second))._tag, "ConnectionError")
        yield* complete(route, "4")

        assert.deepStrictEqual(provider.seen, { opened: 2, closed: 1 })
        assert.strictEqual(server.requests[3]?.socket, server.requests[2]?.socket)
      }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
    })

    it.scopedLive("Fresh client: one that somebody closed is never handed out", () => {
      const provider = real()
      return Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine")])
        yield* complete(server.route({ api }), "hello")
        yield* provider.closeAll
        const again = Effect.replicateEffect(complete(server.route({ api }), "hello"), 3, { concurrency: 3 })
        assert.deepStrictEqual(
          (yield* again).map(({ text }) => text),
          ["fine", "fine", "fine"]
        )
        assert.deepStrictEqual(provider.seen, { opened: 2, closed: 1 })
      }).pipe(Effect.provide(Layer.provide(layer(), provider.layer)))
    })

    it.scopedLive("closing the layer closes every socket, of calls under way too", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine"), ModelServer.hangAfter("half a")])
        const scope = yield* Scope.make()
        const clients = yield* Layer.buildWithScope(Layer.provide(layer(), OpenAi.layer), scope)
        const call = Effect.provide(complete(server.route({ api }), "hello"), clients)
        yield* call
        const underWay = yield* Effect.fork(Effect.flip(call))
        yield* server.arrived(2)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Fiber.join(underWay))._tag, "ConnectionError")
        yield* server.until(({ open }) => open === 0)
        assert.deepInclude(yield* Effect.flip(call), { _tag: "ConnectionError", detail: "the client was closed" })
        assert.strictEqual(server.requests.length, 2)
      })
    )

    it.scopedLive("a call is interruptible by its caller, and its connection is closed", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.hangAfter("half a")])
        const fiber = yield* Effect.fork(complete(server.route({ api }), "hello"))
        yield* server.arrived(1)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        yield* server.until(({ aborted }) => aborted === 1)
      }).pipe(Effect.provide(Layer.provide(layer(), OpenAi.layer)))
    )
  })
}
