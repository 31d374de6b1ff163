import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Stream } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Tokens from "../../src/message/Tokens.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { traceWindow } from "../../src/picture/windowHistory.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerMemory, SessionStore } from "../../src/store/SessionStore.ts"
import * as View from "../../src/view/View.ts"

const chat = SessionId.make("chat")

const live = Gateway.layer({ policy: { contextLength: 8_000, mode: "manual" }, routes: [] }).pipe(
  Layer.provideMerge(layerMemory),
  Layer.provide(Scripted.layer([]))
)

describe("the history of a window", () => {
  it.effect("gives each message the size that the view had after it, through compressions, a rewind and a reset", () =>
    Effect.gen(function* () {
      const gateway = yield* Gateway.Gateway
      const store = yield* SessionStore
      const sizes: Array<number> = []
      const answer = (n: number) =>
        Effect.gen(function* () {
          yield* gateway.deliver(chat, { role: "user", content: `${n}: ${"what of the orders? ".repeat(40)}` })
          yield* gateway.turn(chat, (turn) =>
            Effect.gen(function* () {
              yield* turn.view()
              sizes.push((yield* gateway.view(chat)).tokens)
              yield* turn.append({ role: "assistant", content: `${n} of them are late. `.repeat(60) })
              sizes.push((yield* gateway.view(chat)).tokens)
            })
          )
        })
      for (let n = 1; n <= 20; n++) {
        yield* answer(n)
        if (n === 9 || n === 15) assert.strictEqual((yield* gateway.compress(chat)).outcome, "committed")
        if (n === 17) yield* gateway.rewind(chat, 32)
        if (n === 18) yield* gateway.reset(chat)
      }
      const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(chat)))
      const messages = log.map(({ at, message, seq }) => ({
        seq: seq ?? 0,
        at,
        tokens: Tokens.estimate.message(message)
      }))
      const generations = yield* Effect.forEach(yield* store.snapshots(chat), (left) =>
        Effect.map(store.snapshot(left.snapshotId), (state) => ({
          ...left,
          tokens: View.assemble(state, Tokens.estimate).tokens,
          isCompression: left.generation < 2
        }))
      )
      const { changes, points } = traceWindow(messages, generations, (yield* gateway.view(chat)).tokens)
      assert.deepStrictEqual(
        points.map(({ view }) => view),
        sizes
      )
      assert.strictEqual(
        points.at(-1)?.log,
        messages.reduce((sum, { tokens }) => sum + tokens, 0)
      )
      assert.deepStrictEqual(
        changes.map(({ isCompression, seq }) => [seq, isCompression]),
        [
          [18, true],
          [30, true],
          [34, false],
          [36, false]
        ]
      )
      for (const { after, before } of changes) assert.isBelow(after, before)
      assert.strictEqual(changes.at(-1)?.after, 0)
    }).pipe(Effect.provide(live))
  )

  it("of no message is empty", () => {
    assert.deepStrictEqual(traceWindow([], [], 0), { points: [], changes: [] })
  })
})
