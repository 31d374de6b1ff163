import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, Fiber, Layer, Option, Stream, TestClock } from "effect"
import { RateLimited } from "../../src/model/ModelError.ts"
import * as ModelClients from "../../src/model/ModelClients.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { type Client, type Event, Provider, type ModelRequest } from "../../src/model/Provider.ts"
import { route } from "../support/ModelServer.ts"

const ROUTE = route("http://nowhere.invalid/v1")

const request = (content: string): ModelRequest => ({
  task: "compression",
  messages: [{ role: "user", content }],
  maxOutputTokens: 100
})

const withClient = <A, E>(model: Scripted.Scripted, use: (client: Client) => Effect.Effect<A, E>) =>
  Provider.pipe(
    Effect.flatMap((provider) => provider.open(ROUTE)),
    Effect.flatMap(use),
    Effect.scoped,
    Effect.provide(model.layer)
  )

const ask = (client: Client, content = "hello") =>
  Effect.map(Stream.runCollect(client.stream(ROUTE, request(content))), Chunk.toReadonlyArray)

const half: Event = { _tag: "Text", text: "half" }

const whole = (text: string): ReadonlyArray<Event> => [
  { _tag: "Text", text },
  { _tag: "Finished", reason: "stop", usage: null }
]

describe("Scripted", () => {
  it.effect("plays the outcomes in order and repeats the last", () =>
    withClient(Scripted.make(["one", "two"]), (client) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* ask(client), whole("one"))
        assert.deepStrictEqual(yield* ask(client), whole("two"))
        assert.deepStrictEqual(yield* ask(client), whole("two"))
      })
    )
  )

  it.effect("answers with an empty text without any outcome", () =>
    withClient(Scripted.make([]), (client) =>
      Effect.map(ask(client), (events) => assert.deepStrictEqual(events, whole("")))
    )
  )

  it.effect("answers with reasoning, usage and a finish of one's choice", () => {
    const usage = { inputTokens: 3, outputTokens: 1 }
    return withClient(Scripted.make([{ text: "cut of", reasoning: "hmm", finish: "length", usage }]), (client) =>
      Effect.map(ask(client), (events) =>
        assert.deepStrictEqual(events, [
          { _tag: "Reasoning", text: "hmm" },
          { _tag: "Text", text: "cut of" },
          { _tag: "Finished", reason: "length", usage }
        ])
      )
    )
  })

  it.effect("asks a function what to do with a request", () =>
    withClient(Scripted.make([(request, route) => `${request.task} on ${route.model}`]), (client) =>
      Effect.map(ask(client), (events) => assert.deepStrictEqual(events, whole("compression on test-model")))
    )
  )

  it.effect("fails with an error, at once or after a part", () => {
    const error = new RateLimited({ route: "r", retryAfter: 5 })
    return withClient(
      Scripted.make([error, { partial: "half", end: error }, { partial: "half", end: "cut" }]),
      (client) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* Effect.flip(ask(client)), error)
          const pieces = yield* client.stream(ROUTE, request("")).pipe(Stream.either, Stream.runCollect)
          assert.deepStrictEqual(Chunk.toReadonlyArray(pieces), [Either.right(half), Either.left(error)])
          assert.deepStrictEqual(yield* ask(client), [half])
        })
    )
  })

  it.effect("takes its time on the Effect clock", () =>
    withClient(Scripted.make([{ text: ["a", "b"], delay: "1 minute" }]), (client) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(ask(client))
        yield* TestClock.adjust("119 seconds")
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber)).length, 3)
      })
    )
  )

  it.effect("tells what it was asked and what was opened and closed", () =>
    Effect.gen(function* () {
      const model = Scripted.make(["a summary"])
      yield* Effect.provide(
        Effect.flatMap(ModelClients.ModelClients, ({ complete }) => complete(ROUTE, request("hello"))),
        Layer.provide(ModelClients.layer(), model.layer)
      )
      assert.deepStrictEqual(model.requests, [{ ...request("hello"), route: ROUTE }])
      assert.strictEqual(model.opened, 1)
      assert.strictEqual(model.closed, 1)
    })
  )
})
