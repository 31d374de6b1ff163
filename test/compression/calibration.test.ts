/** Steps and compressions reckon with what was reported of the model in use, and with nothing that is no number. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { type Counter, Tokens } from "../../src/message/Tokens.ts"
import type { StepOptions } from "../../src/gateway/Turn.ts"
import { awaitSettled, id, importRounds, recordLogLines, scripted, summary } from "../support/world.ts"

const hi: Message = { role: "assistant", content: "hi" }

/** A step whose provider counts `factor` times what we do. */
const step = (factor: number, options: StepOptions = {}, model = options.model) =>
  Effect.flatMap(Gateway, ({ turn }) =>
    turn(id, ({ append, report, view }) =>
      Effect.gen(function* () {
        const { generation, tokens } = yield* view(options)
        yield* report({ inputTokens: tokens * factor, model })
        yield* append(hi)
        return generation
      })
    )
  )

/** A gateway, and how many compressions were begun in it. */
const world = (mode: "background" | "preflight") => {
  const { layer, lines } = recordLogLines()
  const gateway = scripted(Scripted.layer([summary("x")]), { policy: { contextLength: 32_000, mode } })
  const starts = () => lines.filter((line) => line.startsWith("compression started")).length
  return { layer: Layer.merge(gateway, layer), starts }
}

describe("tools that a provider counts for twice what we do", () => {
  const tools = (tokens: number) => ["x".repeat(4 * tokens)]

  it.effect("do not make a small conversation look large to the soft threshold", () => {
    const { layer, starts } = world("background")
    return Effect.gen(function* () {
      yield* importRounds(4)
      yield* step(2, { tools: tools(7_000) })
      yield* step(2, { tools: tools(7_000) })
      yield* awaitSettled()
      assert.strictEqual(starts(), 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("nor to the hard one, where a step would wait", () => {
    const { layer, starts } = world("preflight")
    return Effect.gen(function* () {
      yield* importRounds(2)
      yield* step(2, { tools: tools(12_950) })
      yield* step(2, { tools: tools(12_950) })
      assert.strictEqual(starts(), 0)
    }).pipe(Effect.provide(layer))
  })
})

describe("a report", () => {
  it.effect("of one model says nothing about the next, neither to its steps nor to a compression for it", () => {
    const { layer, starts } = world("preflight")
    return Effect.gen(function* () {
      yield* importRounds(40)
      yield* step(3, { model: "wordy" })
      const { compress } = yield* Compressor
      assert.strictEqual(yield* step(1, { model: "terse" }), 0)
      assert.strictEqual(starts(), 0)
      yield* step(3, { model: "wordy" })
      const { outcome, tokensBefore } = yield* compress(id, { model: "terse" })
      assert.strictEqual(outcome, "committed")
      assert.isBelow(tokensBefore, 16_000)
    }).pipe(Effect.provide(layer))
  })

  for (const [what, reported, asked] of [
    ["the report", undefined, "wordy"],
    ["the step", "wordy", undefined]
  ] as const) {
    it.effect(`is taken for the step's model where ${what} names none`, () => {
      const { layer, starts } = world("preflight")
      return Effect.gen(function* () {
        yield* importRounds(40)
        yield* step(3, {}, reported)
        assert.strictEqual(yield* step(1, { model: asked }), 1)
        assert.strictEqual(starts(), 1)
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("a counter", () => {
  for (const [what, count] of [
    ["no number", () => Number.NaN],
    [
      "up",
      () => {
        throw new Error("no such encoding")
      }
    ],
    ["an endless one", () => Number.POSITIVE_INFINITY],
    ["less than none", () => -3],
    ["parts of tokens", (text: string) => text.length / 4.3]
  ] as const) {
    it.effect(`that gives ${what} keeps nobody from delivering, answering and compressing`, () => {
      const counter: Counter = { text: count, message: ({ content }) => count(JSON.stringify(content ?? "")) }
      const world = scripted(Scripted.layer([summary("x")])).pipe(Layer.provideMerge(Layer.succeed(Tokens, counter)))
      return Effect.gen(function* () {
        const { turn } = yield* Gateway
        const { compress } = yield* Compressor
        yield* importRounds(12)
        yield* step(1.1)
        assert.strictEqual((yield* compress(id)).outcome, "committed")
        const view = yield* turn(id, (turn) => turn.view())
        assert.isTrue(Number.isSafeInteger(view.tokens) && view.tokens > 0, `${view.tokens} tokens`)
      }).pipe(Effect.provide(world))
    })
  }
})
