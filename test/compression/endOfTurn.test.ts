/** Nobody waits for a session that has just answered: what its turn has added is compressed then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import type { CompressionPolicy } from "../../src/compression/CompressionPolicy.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import {
  conversation,
  deliver,
  id,
  readGeneration,
  recordLogLines,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const hello: Message = { role: "user", content: "hello" }

/** A session a little below the soft threshold of 4,000 tokens, and what takes it above. */
const begun = Effect.flatMap(SessionStore, (store) =>
  store.importAll([{ sessionId: id, messages: conversation(9) }])
).pipe(Effect.zipRight(deliver(hello)))
const replies = conversation(4, 9).slice(1)

const answered = runTurn(({ append, step }) => step(() => append(...replies)))

const waited = TestClock.adjust("1 hour")

const world = (model: Scripted.Scripted, mode: CompressionPolicy["mode"] = "background") =>
  scripted(model.layer, { policy: { contextLength: 8_000, mode } })

const model = () => Scripted.make([{ text: summary("x"), delay: "10 seconds" }])

describe("at the end of a turn", () => {
  it.effect("a session that the turn brought over the soft threshold is compressed, without a step", () => {
    const slow = model()
    return Effect.gen(function* () {
      yield* begun
      yield* answered
      assert.strictEqual(yield* readGeneration(), 0)
      yield* waited
      assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [1, 1])
      assert.strictEqual((yield* runTurn(({ view }) => view())).generation, 1)
      assert.strictEqual(slow.requests.length, 1)
    }).pipe(Effect.provide(world(slow)), onVirtualClock)
  })

  it.effect("so it is in a window that proved smaller than configured", () => {
    const slow = model()
    const wide = scripted(slow.layer, { policy: { contextLength: 128_000 } })
    return Effect.gen(function* () {
      yield* begun
      yield* Effect.flatMap(SessionStore, (store) => store.learnWindow(id, "", 8_000))
      yield* answered
      yield* waited
      assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [1, 1])
    }).pipe(Effect.provide(wide), onVirtualClock)
  })

  it.effect("and in one that the turn itself has learned", () => {
    const slow = model()
    const wide = scripted(slow.layer, { policy: { contextLength: 128_000 } })
    return Effect.gen(function* () {
      yield* begun
      const overflow = { _tag: "ContextOverflow", limit: 2_000 } as const
      const call = runTurn(({ append, step }) =>
        step(({ generation }): Effect.Effect<void, unknown> =>
          generation === 0 ? Effect.fail(overflow) : append(...replies)
        )
      )
      const turn = yield* Effect.fork(call)
      yield* waited
      yield* Fiber.join(turn)
      yield* waited
      assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [2, 2])
    }).pipe(Effect.provide(wide), onVirtualClock)
  })

  it.effect("so it is when the agent has failed after it appended", () => {
    const slow = model()
    return Effect.gen(function* () {
      yield* begun
      const failing = runTurn(({ append, step }) => step(() => Effect.zipRight(append(...replies), Effect.fail("out"))))
      assert.strictEqual(yield* Effect.flip(failing), "out")
      yield* waited
      assert.strictEqual(yield* readGeneration(), 1)
    }).pipe(Effect.provide(world(slow)), onVirtualClock)
  })

  it.effect("what the provider reported counts, and the window of the last step", () => {
    const slow = model()
    const few = replies.slice(0, 3)
    return Effect.gen(function* () {
      yield* begun
      yield* runTurn(({ append, report, step }) =>
        step((view) => Effect.zipRight(report({ inputTokens: view.tokens * 1.15 }), append(...few)))
      )
      yield* waited
      assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [1, 1])
      yield* runTurn(({ append, step }) => step(() => append(...replies), { contextLength: 64_000 }))
      yield* waited
      assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [1, 1])
    }).pipe(Effect.provide(world(slow)), onVirtualClock)
  })

  it.effect(
    "nothing is begun below the threshold, nor without new messages, nor where the policy does not say so",
    () =>
      Effect.forEach(["background", "preflight", "manual"] as const, (mode) => {
        const slow = model()
        return Effect.gen(function* () {
          yield* begun
          yield* runTurn(({ append, step }) => step(() => append(...replies.slice(0, 3))))
          yield* runTurn(() => Effect.void)
          if (mode !== "background") yield* answered
          yield* waited
          assert.deepStrictEqual([yield* readGeneration(), slow.requests.length], [0, 0])
        }).pipe(Effect.provide(world(slow, mode)), onVirtualClock)
      })
  )

  it.effect("a report that is no number of tokens is left aside, and the session stays readable", () =>
    Effect.gen(function* () {
      yield* begun
      const { compress } = yield* Compressor
      for (const inputTokens of [NaN, Infinity, -1, 1e300, 12.5]) {
        yield* runTurn(({ append, report, step }) =>
          step(() => Effect.zipRight(report({ inputTokens }), append(hello)))
        )
        yield* compress(id)
        assert.isAbove((yield* runTurn(({ view }) => view())).messages.length, 0)
      }
    }).pipe(Effect.provide(world(Scripted.make([summary("x")]))))
  )

  it.effect("a compression that ended within the turn is not begun again", () => {
    const slow = model()
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      yield* begun
      yield* answered
      const { settled } = yield* Compressor
      yield* runTurn(({ append, view }) =>
        Effect.gen(function* () {
          yield* view()
          yield* waited
          yield* settled(id)
          yield* append({ role: "assistant", content: "hi" })
        })
      )
      yield* waited
      assert.strictEqual(slow.requests.length, 1)
      assert.lengthOf(
        lines.filter((line) => line.startsWith("compression ")),
        2
      )
    }).pipe(Effect.provide([world(slow), layer]), onVirtualClock)
  })
})
