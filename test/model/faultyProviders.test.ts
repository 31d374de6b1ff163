/** Providers and credentials of an application that keep no promise: each costs a typed error, within its deadline. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FastCheck, Layer, Stream, TestClock } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { layer, ModelClients } from "../../src/model/ModelClients.ts"
import { type Client, type Event, Provider } from "../../src/model/Provider.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { awaitSettled, compressSession, id, importRounds, manual, scripted } from "../support/world.ts"

const ROUTE = ModelServer.route("https://nowhere.invalid/v1", { timeout: "1 minute", idleTimeout: "10 seconds" })
const END: Event = { _tag: "Finished", reason: "stop", usage: null }
const REQUEST = { task: "t", messages: [{ role: "user", content: "hello" }], maxOutputTokens: 100 } as const

const provide = (open: () => Effect.Effect<unknown>) =>
  // @ts-expect-error a provider may be written without types
  Layer.succeed(Provider, { open })

const complete = (route: typeof ROUTE = ROUTE) =>
  Effect.flatMap(ModelClients, ({ complete }) => complete(route, REQUEST))

const streaming = (stream: () => Stream.Stream<unknown, unknown>) => () =>
  Effect.succeed({ isOpen: () => true, stream })

const noText = Object.create(null)
const FAULTS: ReadonlyArray<readonly [what: string, open: () => Effect.Effect<unknown, never>]> = [
  ["fails with a text", streaming(() => Stream.fail("plain"))],
  ["fails with nothing", streaming(() => Stream.fail(undefined))],
  ["fails with an object", streaming(() => Stream.fail({ _tag: "Timeout" }))],
  ["fails with what has no text", streaming(() => Stream.fail(noText))],
  ["dies of what has no text", streaming(() => Stream.die(noText))],
  ["interrupts itself", streaming(() => Stream.fromEffect(Effect.interrupt))],
  ["gives what is no stream", streaming(() => Reflect.get({}, "stream"))],
  ["gives what is no event", streaming(() => Stream.make(null, END))],
  ["gives events of no kind", streaming(() => Stream.make({ _tag: "What" }, END))],
  ["gives words that are no text", streaming(() => Stream.make({ _tag: "Text", text: 5 }, END))],
  ["gives words without a text", streaming(() => Stream.make({ _tag: "Reasoning" }, END))],
  ["gives no client", () => Effect.void],
  ["interrupts its opening", () => Effect.interrupt],
  ["gives no effect", () => Reflect.get({}, "open")],
  ["gives no effect, and what cannot be printed", () => Reflect.get({ open: Object.create(null) }, "open")],
  ["never stops", streaming(() => Stream.forever(Stream.succeed({ _tag: "Text", text: "word ".repeat(2_000) })))],
  [
    "never stops thinking",
    streaming(() => Stream.forever(Stream.succeed({ _tag: "Reasoning", text: "word ".repeat(2_000) })))
  ]
]

describe("a provider that", () => {
  for (const [what, open] of FAULTS) {
    it.effect(`${what} has failed`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(complete())
        assert.deepInclude(error, { _tag: "ProviderError", status: null })
      }).pipe(Effect.provide(Layer.provide(layer(), provide(open))))
    )

    it.effect(`${what} costs a compression no more than its summary, and an auxiliary task its answer`, () =>
      Effect.gen(function* () {
        yield* importRounds()
        const { auxiliary } = yield* Gateway
        const compressing = yield* Effect.fork(compressSession())
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(compressing)).outcome, "degraded")
        const asking = yield* Effect.fork(Effect.flip(auxiliary(id, REQUEST)))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(asking))._tag, "Exhausted")
      }).pipe(Effect.provide(scripted(provide(open), { policy: manual })))
    )
  }

  it.effect("fails to open once opens the next time", () => {
    let opened = 0
    const client: Client = { isOpen: () => true, stream: () => Stream.make(END) }
    return Effect.gen(function* () {
      yield* Effect.flip(complete())
      assert.strictEqual((yield* complete()).finish, "stop")
      assert.strictEqual(opened, 2)
    }).pipe(
      Effect.provide(
        Layer.provide(
          layer(),
          provide(() => (++opened === 1 ? Effect.die("not yet") : Effect.succeed(client)))
        )
      )
    )
  })

  const WAITING: ReadonlyArray<readonly [what: string, open: Effect.Effect<never>]> = [
    ["never opens", Effect.never],
    ["never opens, deaf to interrupts", Effect.uninterruptible(Effect.never)]
  ]
  for (const [what, never] of WAITING) {
    it.effect(`Bounded: ${what} costs a call its deadline, and is asked anew the next time`, () => {
      let opened = 0
      const client: Client = { isOpen: () => true, stream: () => Stream.make(END) }
      const open = () => (++opened <= 2 ? never : Effect.succeed(client))
      return Effect.gen(function* () {
        for (let call = 1; call <= 2; call++) {
          const fiber = yield* Effect.fork(Effect.flip(complete()))
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
        }
        assert.strictEqual((yield* complete()).finish, "stop")
        assert.strictEqual(opened, 3)
      }).pipe(Effect.provide(Layer.provide(layer(), provide(open))))
    })

    it.effect(`Bounded: ${what} holds up neither a compression, nor an interrupt, nor the end of the gateway`, () =>
      Effect.gen(function* () {
        yield* importRounds()
        const { auxiliary, interrupt } = yield* Gateway
        const compressing = yield* Effect.fork(compressSession())
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual((yield* Fiber.join(compressing)).outcome, "degraded")
        const asking = yield* Effect.fork(auxiliary(id, REQUEST))
        yield* TestClock.adjust(1)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(asking)))
        const stopped = yield* Effect.fork(Effect.flip(auxiliary(id, REQUEST)))
        yield* TestClock.adjust(1)
        assert.isTrue(yield* interrupt(id))
        assert.strictEqual((yield* Fiber.join(stopped))._tag, "Interrupted")
        yield* awaitSettled()
      }).pipe(
        Effect.provide(
          scripted(
            provide(() => never),
            { policy: manual }
          )
        )
      )
    )
  }
})

describe("a credential that", () => {
  const FAULTY: ReadonlyArray<readonly [what: string, current: unknown]> = [
    ["fails with what has no text", Effect.fail(noText)],
    ["dies", Effect.die(noText)],
    ["interrupts itself", Effect.interrupt],
    ["gives a plain text", Effect.succeed("key")],
    ["gives nothing", Effect.void],
    ["is no effect", undefined],
    ["is no effect and cannot be printed", Object.create(null)]
  ]
  for (const [what, current] of FAULTY) {
    it.effect(`${what} costs a typed error`, () =>
      Effect.gen(function* () {
        const apiKey = { name: "mine", current, renew: Effect.void }
        // @ts-expect-error a credential may be written without types
        const error = yield* Effect.flip(complete({ ...ROUTE, apiKey }))
        assert.include(["Unauthorized", "ProviderError"], error._tag)
      }).pipe(Effect.provide(Layer.provide(layer(), provide(streaming(() => Stream.make(END))))))
    )
  }
})

describe("the length of an answer", () => {
  it.effect.prop(
    "Bounded: what was asked for passes in any language, many times as much does not",
    [FastCheck.integer({ min: 1, max: 20_000 }), FastCheck.constantFrom("Text" as const, "Reasoning" as const)],
    ([maxOutputTokens, _tag]) => {
      const answer = (characters: number) =>
        Effect.flatMap(ModelClients, ({ complete }) => complete(ROUTE, { ...REQUEST, maxOutputTokens })).pipe(
          Effect.provide(
            Layer.provide(layer(), provide(streaming(() => Stream.make({ _tag, text: "x".repeat(characters) }, END))))
          ),
          Effect.either
        )
      return Effect.gen(function* () {
        assert.strictEqual((yield* answer(16 * maxOutputTokens + 100_000))._tag, "Right")
        assert.strictEqual((yield* answer(64 * maxOutputTokens + 600_000))._tag, "Left")
      })
    },
    { fastCheck: { numRuns: 10 } }
  )
})
