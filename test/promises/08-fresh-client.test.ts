/** The ways a model server fails, met through the real client: what the failed call's retry and the next calls get. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Scope, Stream, TestClock } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import type { ModelError } from "../../src/model/ModelError.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { Provider, type ResolvedRoute as Route } from "../../src/model/Provider.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { conversation, real, scripted, summary } from "../support/world.ts"

const APIS: ReadonlyArray<Route["api"]> = ["responses", "chat"]

/** It passes on the test clock, when a test says so: no healthy answer is too slow for it. */
const DEADLINE = "20 seconds"

const one = SessionId.make("one")
const two = SessionId.make("two")

const TEXT = summary("what counts")
const fine = ModelServer.ok(TEXT)

interface Fault {
  readonly what: string
  readonly answer: ModelServer.Answer
  readonly error: ModelError["_tag"]
}

const FAULTS: ReadonlyArray<Fault> = [
  { what: "a hang beyond the deadline", answer: ModelServer.hang, error: "Timeout" },
  { what: "a stream that falls silent", answer: ModelServer.hangAfter("## Goal"), error: "Timeout" },
  { what: "a dropped connection", answer: ModelServer.reset, error: "ConnectionError" },
  { what: "a stream cut in the middle", answer: ModelServer.cut("## Goal"), error: "ConnectionError" }
]

const imported = Effect.flatMap(SessionStore, (store) =>
  store.importAll([one, two].map((sessionId) => ({ sessionId, messages: conversation(12) })))
)

const compressed = Effect.fnUntraced(function* (sessionId: SessionId) {
  const result = yield* Effect.flatMap(Gateway, ({ compress }) => compress(sessionId))
  const { segments } = yield* Effect.flatMap(SessionStore, (store) => store.state(sessionId))
  assert.strictEqual(result.outcome, "committed")
  assert.deepStrictEqual(
    segments.map(({ text }) => Handoff.omitUser(text)),
    [TEXT]
  )
  return result.attempts.map(({ error }) => error)
})

const flushed = Effect.flatMap(Gateway, ({ auxiliary }) =>
  auxiliary(one, {
    task: "flush_memories",
    messages: [{ role: "user", content: "What is worth remembering?" }],
    maxOutputTokens: 500
  })
).pipe(Effect.map(({ text }) => assert.strictEqual(text, TEXT)))

const sockets = (server: ModelServer.ModelServer) => server.requests.map(({ socket }) => socket)

/** One connection for the call that failed, one for all that came after it; only the latter is open. */
const onlyTheFreshOneIsOpen = Effect.fnUntraced(function* (server: ModelServer.ModelServer) {
  assert.strictEqual((yield* server.until(({ open }) => open === 1)).opened, 2)
  const [failed, ...later] = sockets(server)
  assert.notInclude(later, failed)
  assert.strictEqual(new Set(later).size, 1)
})

for (const api of APIS) {
  describe(`with the real client, ${api}`, () => {
    for (const { answer, error, what } of FAULTS) {
      /** What `call` answers when its first request meets the fault. */
      const metBy = <A, E, R>(server: ModelServer.ModelServer, call: Effect.Effect<A, E, R>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(call)
          yield* server.arrived(1)
          if (error === "Timeout") yield* TestClock.adjust(DEADLINE)
          return yield* Fiber.join(fiber)
        })

      const against = (
        test: (server: ModelServer.ModelServer) => Effect.Effect<void, unknown, Gateway | SessionStore>
      ) =>
        Effect.flatMap(ModelServer.make([answer, fine]), (server) =>
          Effect.provide(
            Effect.zipRight(imported, test(server)),
            real({ routes: [server.route({ api, timeout: DEADLINE, idleTimeout: DEADLINE })] })
          )
        )

      it.scoped(`after ${what} the compression's own retry makes a real summary, and every task gets through`, () =>
        against((server) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* metBy(server, compressed(one)), [error, null])
            yield* onlyTheFreshOneIsOpen(server)
            assert.deepStrictEqual(yield* compressed(two), [null])
            yield* flushed
            assert.strictEqual(server.requests.length, 4)
            yield* onlyTheFreshOneIsOpen(server)
          })
        )
      )

      it.scoped(`after ${what} in another task that task's retry and the next compressions get through`, () =>
        against((server) =>
          Effect.gen(function* () {
            yield* metBy(server, flushed)
            yield* onlyTheFreshOneIsOpen(server)
            assert.deepStrictEqual(yield* compressed(one), [null])
            assert.deepStrictEqual(yield* compressed(two), [null])
            assert.strictEqual(server.requests.length, 4)
            yield* onlyTheFreshOneIsOpen(server)
          })
        )
      )
    }

    /** The real provider on a port where nobody listens until the first call has been refused. */
    const lateServer = Effect.gen(function* () {
      const { url } = yield* Effect.scoped(ModelServer.make([]))
      const scope = yield* Effect.scope
      const started: Array<ModelServer.ModelServer> = []
      const start = Effect.suspend(() =>
        started.length > 0
          ? Effect.void
          : Effect.map(ModelServer.make([fine], Number(new URL(url).port)), (server) => started.push(server))
      ).pipe(Scope.extend(scope))
      const open = (route: Route) =>
        Effect.map(OpenAi.open(route), (client) => ({
          ...client,
          stream: (...call: Parameters<typeof client.stream>) => Stream.tapError(client.stream(...call), () => start)
        }))
      return { route: ModelServer.route(url, { api }), provider: Layer.succeed(Provider, { open }), started }
    })

    for (const [who, call, next] of [
      ["the compression's own retry makes a real summary", compressed(one), flushed],
      ["another task's own retry gets through", flushed, Effect.map(compressed(one), ([error]) => assert.isNull(error))]
    ] as const) {
      it.scoped(`after a refused connection ${who}, and so does the next call`, () =>
        Effect.gen(function* () {
          const { provider, route, started } = yield* lateServer
          yield* Effect.gen(function* () {
            yield* imported
            yield* call
            yield* next
            yield* compressed(two)
          }).pipe(Effect.provide(scripted(provider, { routes: [route] })))
          assert.deepStrictEqual(
            started.map((server) => sockets(server)),
            [[1, 1, 1]]
          )
          for (const server of started) yield* server.until(({ open }) => open === 0)
        })
      )
    }
  })
}
