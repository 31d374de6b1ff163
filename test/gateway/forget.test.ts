/** Forgetting a session, as an agent host does it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { Recall } from "../../src/recall/Recall.ts"
import { findContradictions } from "../support/auditTrail.ts"
import {
  awaitRequests,
  deliver,
  id,
  importRounds,
  manual,
  recordLogLines,
  scripted,
  summary
} from "../support/world.ts"

const user = (content: string) => ({ role: "user", content }) as const
const reply = { role: "assistant", content: "It is paid." } as const

/** Takes up what waits, and answers it. */
const answer = Effect.flatMap(Gateway, ({ turn }) =>
  turn(id, ({ append, view }) => Effect.zipRight(view(), append(reply)))
)

/** 48 imported messages, and two turns. */
const talk = importRounds(12).pipe(
  Effect.zipRight(Effect.repeatN(Effect.zipRight(deliver(user("Is it paid?")), answer), 1))
)

describe("Gateway.forget", () => {
  it.effect("leaves an audit nothing to report, though a message waited and the next session begins with 1", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      const { compress, forget, interrupt, pin, pins, stats, view } = yield* Gateway
      const { recall } = yield* Recall
      yield* talk
      yield* pin(id, { text: "never touch the migrations" })
      assert.deepInclude(yield* compress(id), { outcome: "committed" })
      yield* deliver(user("and invoice 7?"))
      const { messages, waiting } = yield* forget(id)
      assert.deepStrictEqual([messages, waiting], [52, 1])
      const asked: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        view(id),
        stats(id),
        recall(id, "part"),
        pins(id),
        compress(id),
        forget(id)
      ]
      for (const ask of asked) assert.strictEqual((yield* Effect.flip(ask))._tag, "UnknownSession")
      assert.isFalse(yield* interrupt(id))
      yield* deliver(user("hello again"))
      yield* answer
      assert.deepStrictEqual((yield* view(id)).messages, [user("hello again"), reply])
      assert.strictEqual((yield* stats(id)).compressions.committed, 0)
      assert.match(lines.join("\n"), /^session forgotten: session=chat-42 messages=52 waiting=1 upto=3$/m)
      assert.deepStrictEqual(findContradictions(lines), [])
      const unforgotten = lines.filter((line) => !line.startsWith("session forgotten"))
      assert.isNotEmpty(findContradictions(unforgotten))
    }).pipe(
      Effect.provide(Layer.mergeAll(scripted(Scripted.layer([summary("what counts")]), { policy: manual }), layer))
    )
  })

  it.effect("refuses while the session is answered or compressed, and deletes nothing", () => {
    const model = Scripted.make([{ text: summary("what counts"), delay: "30 seconds" }])
    return Effect.gen(function* () {
      const { compress, forget, turn, view } = yield* Gateway
      yield* talk
      const before = yield* view(id)
      const busy = yield* turn(id, () => Effect.flip(forget(id)))
      assert.deepInclude(busy, { _tag: "SessionBusy", sessionId: id, isRetryable: true })
      assert.match(busy.message, /^session chat-42 is busy: turn \d+ of \S+ holds it$/)
      const compression = yield* Effect.fork(compress(id))
      yield* awaitRequests(model, 1)
      assert.deepInclude(yield* Effect.flip(forget(id)), { _tag: "SessionBusy" })
      assert.deepStrictEqual((yield* view(id)).messages, before.messages)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(compression)
      assert.deepInclude(yield* forget(id), { messages: 52, waiting: 0 })
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})
