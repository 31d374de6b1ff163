/** A session whose model changes: the window of a step is that of the model it is for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, TestClock } from "effect"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { id, importRounds, scripted, summary, viewStep } from "../support/world.ts"

const LARGE = 64_000
const SMALL = 8_000

const within = (window: CompressionPolicy.Window) =>
  Effect.flatMap(Compressor, ({ policy }) => CompressionPolicy.forWindow(policy, window))

const world = (model: Scripted.Scripted, mode: CompressionPolicy.CompressionPolicy["mode"] = "background") =>
  scripted(model.layer, { policy: { contextLength: LARGE, mode } })

const model = () => Scripted.make([{ text: summary("x"), delay: "10 seconds" }])

describe("a policy for another window", () => {
  const ratios = { threshold: 0.4, hardThreshold: 0.7, targetRatio: 0.1 }
  const policy = Effect.runSync(
    CompressionPolicy.make({ contextLength: 100_000, reservedOutput: 20_000, mode: "manual", ...ratios })
  )

  it("is the same policy with its ratios taken of that window", () => {
    const small = Effect.runSync(CompressionPolicy.forWindow(policy, { contextLength: SMALL }))
    assert.deepStrictEqual(small, { ...policy, contextLength: SMALL, reservedOutput: 1_000 })
    assert.strictEqual(CompressionPolicy.softLimit(small), 3_200)
  })

  it("is the policy itself where no window is given, or its own", () => {
    assert.deepStrictEqual(Effect.runSync(CompressionPolicy.forWindow(policy, {})), policy)
    assert.deepStrictEqual(Effect.runSync(CompressionPolicy.forWindow(policy, { contextLength: 100_000 })), policy)
  })

  it("is refused where it would be no policy", () => {
    const refused = (window: CompressionPolicy.Window) =>
      Effect.runSync(Effect.flip(CompressionPolicy.forWindow(policy, window))).field
    assert.strictEqual(refused({ contextLength: 100 }), "contextLength")
    assert.strictEqual(refused({ contextLength: SMALL, reservedOutput: 5_000 }), "reservedOutput")
  })
})

describe("a threshold in tokens", () => {
  const inTokens = (contextLength: number, tokens: number) =>
    Effect.runSync(CompressionPolicy.make({ contextLength, threshold: { tokens } }))

  it("is the same in every window, and at most the hard threshold", () => {
    for (const contextLength of [128_000, 200_000, 1_000_000]) {
      const policy = inTokens(contextLength, 64_000)
      assert.strictEqual(CompressionPolicy.softLimit(policy), 64_000)
      assert.isAtMost(CompressionPolicy.shares(policy, 8_000)?.target ?? Infinity, 32_000)
    }
    const small = inTokens(32_000, 64_000)
    assert.strictEqual(CompressionPolicy.softLimit(small), CompressionPolicy.hardLimit(small))
  })

  it("can be given for one model, and is checked", () => {
    const policy = inTokens(200_000, 64_000)
    const other = Effect.runSync(
      CompressionPolicy.forWindow(policy, { contextLength: 1_000_000, threshold: { tokens: 90_000 } })
    )
    assert.strictEqual(CompressionPolicy.softLimit(other), 90_000)
    for (const tokens of [0, -1, 1.5, Number.NaN, 1e9]) {
      const error = Effect.runSync(Effect.flip(CompressionPolicy.forWindow(policy, { threshold: { tokens } })))
      assert.strictEqual(error.field, "threshold")
    }
  })

  it.effect("begins a compression beside the turn once the view has so many", () => {
    const { layer, requests } = Scripted.make([summary("x")])
    return Effect.gen(function* () {
      yield* importRounds(60)
      assert.isAbove((yield* viewStep({ contextLength: 1_000_000 })).tokens, 3_000)
      const { settled } = yield* Compressor
      yield* settled(id)
      assert.strictEqual(requests.length, 0)
      yield* viewStep({ contextLength: 1_000_000, threshold: { tokens: 3_000 } })
      yield* settled(id)
      const view = yield* viewStep({ contextLength: 1_000_000 })
      assert.strictEqual(view.generation, 1)
      assert.isAtMost(view.tokens, 1_500)
    }).pipe(Effect.provide(scripted(layer, { policy: { contextLength: LARGE } })))
  })
})

describe("a smaller window", () => {
  it.effect("is compressed for before the next send", () => {
    const { layer, requests } = Scripted.make([summary("x")])
    return Effect.gen(function* () {
      yield* importRounds(25)
      assert.strictEqual((yield* viewStep()).generation, 0)
      const view = yield* viewStep({ contextLength: SMALL })
      assert.strictEqual(view.generation, 1)
      assert.isAtMost(view.tokens, CompressionPolicy.hardLimit(yield* within({ contextLength: SMALL })))
      assert.strictEqual(requests.length, 1)
    }).pipe(Effect.provide(scripted(layer, { policy: { contextLength: LARGE } })))
  })

  it.effect("plans anew after the commit of a compression for the larger one, at most twice", () => {
    const slow = model()
    return Effect.gen(function* () {
      yield* importRounds(100)
      const first = yield* viewStep()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(slow.requests.length, 1)
      const second = yield* Effect.fork(viewStep({ contextLength: SMALL }))
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(slow.requests.length, 1)
      yield* TestClock.adjust("1 hour")
      const view = yield* Fiber.join(second)
      assert.deepStrictEqual([first.generation, view.generation], [0, 2])
      assert.isAtMost(view.tokens, CompressionPolicy.hardLimit(yield* within({ contextLength: SMALL })))
      assert.isAtMost(slow.requests.length, 1 + 3)
    }).pipe(Effect.provide(world(slow)), onVirtualClock)
  })

  it.effect("that no policy could have is a typed error of the step, and nothing happens", () => {
    const { layer, requests } = Scripted.make([summary("x")])
    return Effect.gen(function* () {
      yield* importRounds(25)
      assert.strictEqual((yield* Effect.flip(viewStep({ contextLength: 100 })))._tag, "InvalidPolicy")
      const { compress } = yield* Compressor
      assert.strictEqual((yield* Effect.flip(compress(id, { reservedOutput: LARGE })))._tag, "InvalidPolicy")
      assert.strictEqual(requests.length, 0)
      assert.strictEqual((yield* viewStep()).generation, 0)
    }).pipe(Effect.provide(scripted(layer, { policy: { contextLength: LARGE } })))
  })

  const windows = FastCheck.array(FastCheck.integer({ min: 6_000, max: 40_000 }), { minLength: 1, maxLength: 4 })

  it.effect.prop(
    "promise 11, fits: whatever windows follow each other, a compression for one is under that one's target",
    [FastCheck.integer({ min: 20, max: 120 }), windows],
    ([rounds, switches]) =>
      Effect.gen(function* () {
        yield* importRounds(rounds)
        const { compress } = yield* Compressor
        for (const contextLength of switches) {
          const policy = yield* within({ contextLength })
          const { outcome, tokensAfter } = yield* compress(id, { contextLength })
          assert.include(["committed", "shortened", "nothing-to-compress"], outcome)
          const target = CompressionPolicy.shares(policy, 0)?.target ?? 0
          if (outcome !== "nothing-to-compress") assert.isAtMost(tokensAfter, target)
          assert.isAtMost((yield* viewStep({ contextLength })).tokens, CompressionPolicy.hardLimit(policy))
        }
      }).pipe(Effect.provide(world(Scripted.make([summary("x")]), "preflight"))),
    propertyRuns(4, 15)
  )
})

describe("a larger window", () => {
  it.effect("changes nothing but the thresholds", () => {
    const { layer, requests } = Scripted.make([summary("x")])
    return Effect.gen(function* () {
      yield* importRounds(40)
      const small = yield* viewStep({ contextLength: SMALL })
      const large = yield* viewStep({ contextLength: 200_000 })
      assert.deepStrictEqual([small.generation, requests.length], [1, 1])
      assert.deepStrictEqual(large, small)
    }).pipe(Effect.provide(scripted(layer, { policy: { contextLength: LARGE } })))
  })
})
