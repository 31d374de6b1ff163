import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import { ContextOverflow, ProviderError } from "../../src/model/ModelError.ts"
import { hardLimit } from "../../src/compression/CompressionPolicy.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { problems } from "../support/providerShapes.ts"
import {
  awaitRequests,
  deliver,
  id,
  importRounds,
  manual,
  readGeneration,
  readMessages,
  recordLogLines,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"
import { passForMessage } from "../support/untyped.ts"

const hello: Message = { role: "user", content: "hello" }
const hi: Message = { role: "assistant", content: "hi" }
const later: Message = { role: "user", content: "later" }

const model = () => Scripted.make([summary("x")])

describe("Gateway", () => {
  it.effect("a message delivered is seen by the next step, and the reply is in the log", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const seen = yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          const first = yield* view()
          yield* append(hi)
          yield* deliver({ role: "user", content: "and?" })
          return [first, yield* view()]
        })
      )
      assert.deepStrictEqual(
        seen.map(({ messages }) => messages),
        [[hello], [hello, hi, { role: "user", content: "and?" }]]
      )
      assert.deepStrictEqual(
        (yield* readMessages()).map(({ content }) => content),
        ["hello", "hi", "and?"]
      )
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("what is no message is refused, and nothing is written", () =>
    Effect.gen(function* () {
      const { deliver } = yield* Gateway
      for (const bad of [
        null,
        "hi",
        {},
        { role: "user" },
        { role: "tool", content: "x" },
        { role: "robot", content: "x" }
      ]) {
        assert.strictEqual((yield* Effect.flip(deliver(id, passForMessage(bad))))._tag, "InvalidMessage")
      }
      assert.deepStrictEqual(yield* Effect.flatMap(SessionStore, (store) => store.sessions), [])
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("an agent that throws instead of failing leaves the session to the next turn", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const thrown = yield* Effect.exit(
        runTurn((): Effect.Effect<void> => {
          throw new Error("never thought of")
        })
      )
      assert.isTrue(Exit.isFailure(thrown))
      assert.strictEqual(yield* runTurn(() => Effect.succeed("answered"), { wait: 0 }), "answered")
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("a turn on a session nobody ever delivered to is a typed error", () =>
    Effect.gen(function* () {
      const { turn } = yield* Gateway
      const error = yield* Effect.flip(turn(SessionId.make("nobody"), () => Effect.void))
      assert.strictEqual(error._tag, "UnknownSession")
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("a second turn waits for the first, or gives up with SessionBusy", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const order: Array<string> = []
      const first = yield* Deferred.make<void>()
      const say = (word: string) => Effect.sync(() => order.push(word))
      const begun = yield* Deferred.make<void>()
      const a = yield* Effect.fork(
        runTurn(() =>
          Deferred.succeed(begun, undefined).pipe(Effect.zipRight(Deferred.await(first)), Effect.zipRight(say("first")))
        )
      )
      yield* Deferred.await(begun)
      const b = yield* Effect.fork(runTurn(() => say("second")))
      const c = yield* Effect.fork(Effect.flip(runTurn(() => say("third"), { wait: 1_000 })))
      yield* TestClock.adjust("1 second")
      const busy = yield* Fiber.join(c)
      assert.strictEqual(busy._tag, "SessionBusy")
      yield* Deferred.succeed(first, undefined)
      yield* Fiber.join(a)
      yield* Fiber.join(b)
      assert.deepStrictEqual(order, ["first", "second"])
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("interrupt stops the running turn with a typed error; what it appended stays", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const { interrupt } = yield* Gateway
      assert.isFalse(yield* interrupt(id))
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Effect.flip(
          runTurn(({ append, view }) =>
            Effect.gen(function* () {
              yield* view()
              yield* append(hi)
              yield* Deferred.succeed(begun, undefined)
              return yield* Effect.never
            })
          )
        )
      )
      yield* Deferred.await(begun)
      assert.isTrue(yield* interrupt(id))
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TurnInterrupted")
      assert.deepStrictEqual(
        (yield* readMessages()).map(({ content }) => content),
        ["hello", "hi"]
      )
      yield* runTurn(({ append }) => append(hi))
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("interrupt stops an auxiliary task with a typed error", () =>
    Effect.gen(function* () {
      const { auxiliary, interrupt } = yield* Gateway
      const fiber = yield* Effect.fork(
        Effect.flip(auxiliary(id, { task: "flush_memories", messages: [hello], maxOutputTokens: 10 }))
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* interrupt(id))
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Interrupted")
    }).pipe(Effect.provide(scripted(Scripted.layer([Scripted.hang]))))
  )

  it.effect("after a reset the running turn is superseded and gets its messages back", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const { reset } = yield* Gateway
      const error = yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          yield* reset(id)
          return yield* Effect.flip(append(hi))
        })
      )
      assert.strictEqual(error._tag, "Superseded")
      assert.deepStrictEqual(error._tag === "Superseded" ? error.unstored : [], [hi])
      const { messages, repairs } = yield* runTurn(({ view }) => view())
      assert.deepStrictEqual([problems(messages), repairs], [[], [{ kind: "opening", seq: 0 }]])
      assert.deepStrictEqual(
        (yield* readMessages()).map(({ content }) => content),
        ["hello"]
      )
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("over the hard threshold a step waits for the compression and fits", () => {
    const scriptedModel = model()
    return Effect.gen(function* () {
      yield* importRounds(20)
      yield* deliver(hello)
      const view = yield* runTurn(({ view }) => view())
      const { policy } = yield* Compressor
      assert.strictEqual(view.generation, 1)
      assert.isTrue(view.tokens <= hardLimit(policy))
      assert.deepStrictEqual(view.messages.at(-1), hello)
      assert.strictEqual(scriptedModel.requests.length, 1)
      yield* runTurn(({ view }) => view())
      assert.strictEqual(scriptedModel.requests.length, 1)
    }).pipe(Effect.provide(scripted(scriptedModel.layer)))
  })

  it.effect("over the soft threshold the step does not wait, and the compression comes beside it", () => {
    const model = Scripted.make([{ text: summary("x"), delay: "10 seconds" }])
    const background = { contextLength: 8_000, mode: "background" } as const
    return Effect.gen(function* () {
      yield* importRounds(12)
      const { settled } = yield* Compressor
      const generations = yield* runTurn(({ view }) =>
        Effect.gen(function* () {
          const first = yield* view()
          yield* awaitRequests(model, 1)
          yield* TestClock.adjust("1 minute")
          yield* settled(id)
          return [first.generation, (yield* view()).generation]
        })
      )
      assert.deepStrictEqual(generations, [0, 1])
    }).pipe(Effect.provide(scripted(model.layer, { policy: background })))
  })

  it.effect("without new material a compression that failed is not begun again", () => {
    const model = Scripted.make([new ProviderError({ route: "r", status: 502, detail: "bad gateway" })])
    const failing = { contextLength: 8_000, mode: "background", onExhausted: "fail" } as const
    return Effect.gen(function* () {
      yield* importRounds(12)
      const { settled } = yield* Compressor
      const look = Effect.gen(function* () {
        yield* runTurn(({ view }) => view())
        const waiting = yield* Effect.fork(settled(id))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(waiting)
        return model.requests.length
      })
      assert.strictEqual(yield* look, 2)
      assert.strictEqual(yield* look, 2)
      yield* deliver(hello)
      assert.strictEqual(yield* look, 4)
    }).pipe(Effect.provide(scripted(model.layer, { policy: failing })))
  })

  it.effect("what the provider reports corrects the estimate, so that a step compresses in time", () =>
    Effect.gen(function* () {
      yield* importRounds(10)
      const generations = yield* runTurn(({ append, report, view }) =>
        Effect.gen(function* () {
          const first = yield* view()
          yield* report({ inputTokens: first.tokens * 2 })
          yield* append(hi)
          return [first.generation, (yield* view()).generation]
        })
      )
      assert.deepStrictEqual(generations, [0, 1])
    }).pipe(Effect.provide(scripted(model().layer)))
  )

  it.effect("on ContextOverflow the failed step alone runs once more, after a compression", () =>
    Effect.gen(function* () {
      yield* importRounds(10)
      const views: Array<number> = []
      const overflow = new ContextOverflow({ route: "main", detail: "too long" })
      const reply = yield* runTurn(({ step }) =>
        Effect.gen(function* () {
          yield* step(() => Effect.void)
          return yield* step((view) => {
            views.push(view.generation)
            return view.generation === 0 ? Effect.fail(overflow) : Effect.succeed("done")
          })
        })
      )
      assert.strictEqual(reply, "done")
      assert.deepStrictEqual(views, [0, 1])
      const again = yield* Effect.flip(runTurn(({ step }) => step(() => Effect.fail(overflow))))
      assert.deepInclude(again, { _tag: "WindowExceeded", contextLength: 8_000, limit: null, detail: "too long" })
    }).pipe(Effect.provide(scripted(model().layer, { policy: manual })))
  )

  it.effect("a system prompt and tools given with a step count, and the prompt replaces a logged one", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages: [{ role: "system", content: "old" }, hello] }])
      const [plain, given] = yield* runTurn(({ view }) =>
        Effect.all([view(), view({ system: "new rules", tools: [{ type: "function", function: { name: "f" } }] })])
      )
      assert.deepStrictEqual(plain?.messages[0], { role: "system", content: "old" })
      assert.deepStrictEqual(given?.messages, [{ role: "system", content: "new rules" }, hello])
      assert.isTrue((given?.tokens ?? 0) > (plain?.tokens ?? 0))
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("a turn given up while it waits leaves the line to the next", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const first = yield* Deferred.make<void>()
      const a = yield* Effect.fork(runTurn(() => Deferred.await(first)))
      yield* Effect.yieldNow()
      const b = yield* Effect.fork(runTurn(() => Effect.void))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(b)
      yield* Deferred.succeed(first, undefined)
      yield* Fiber.join(a)
      const done = yield* Effect.fork(runTurn(() => Effect.succeed("free")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(done), "free")
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("every acknowledged message and every operation has its log lines", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* importRounds(12)
      yield* deliver(hello)
      yield* runTurn(({ view }) => view())
      const { compress } = yield* Gateway
      const result = yield* compress(id, { focus: "the invoices" })
      assert.deepStrictEqual(
        lines.map((line) => line.replace(/ (arrival|seq|operation|messages|tokens)=\S+/g, "")),
        [
          "message buffered: session=chat-42 kind=request",
          "message promoted: session=chat-42",
          `compression started: session=chat-42 generation=0 model=test-model@scripted.invalid focus="the invoices"`,
          `compression done: session=chat-42 outcome=committed generation=1 model=test-model@scripted.invalid focus="the invoices"`
        ]
      )
      assert.include(lines[2] ?? "", `operation=${result.operationId}`)
      assert.include(lines[3] ?? "", `messages=${result.messagesBefore}->${result.messagesAfter}`)
      assert.strictEqual(yield* readGeneration(), 1)
    }).pipe(Effect.provide([scripted(model().layer, { policy: manual }), layer]))
  })

  it.effect("a look at the view waits for no turn and takes nothing up", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const { view } = yield* Gateway
      const during = yield* runTurn(() => Effect.zipRight(deliver(later), view(id)))
      assert.deepStrictEqual(during.messages, [hello])
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )

  it.effect("a turn begins with what was delivered before it, and its first view has what was delivered since", () =>
    Effect.gen(function* () {
      yield* deliver(hello)
      const seen = yield* runTurn((turn) =>
        Effect.gen(function* () {
          yield* deliver(later)
          return yield* turn.view()
        })
      )
      assert.deepStrictEqual(seen.messages, [hello, later])
    }).pipe(Effect.provide(scripted(Scripted.layer([]))))
  )
})
