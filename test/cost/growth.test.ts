/** When a compression pays, and what a session costs that is compressed by that rule. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Growth from "../../src/cost/growth.ts"
import { newAccount } from "../../src/session/account.ts"
import * as PromptCache from "../../src/cost/PromptCache.ts"
import { repetitions } from "../support/repetitions.ts"

/** In tokens. */
const ROUNDING = 0.01

const params = { numRuns: repetitions(300, 10_000) }

const price = fc.double({ min: 0, max: 20, noNaN: true })
const kinds = fc.constantFrom<PromptCache.Kind>("anthropic", "openai-automatic", "openai-explicit", "llama.cpp", "none")
const caches = fc
  .oneof(
    fc.record({ kind: kinds }),
    fc
      .tuple(price, price, price, price)
      .map(([a, b, output, summary]) => ({ read: Math.min(a, b), write: Math.max(a, b), output, summary }))
  )
  .map((options) => Either.getOrThrow(PromptCache.make(options)))
const writers = fc.constantFrom<PromptCache.Writer>("in-place", "model", "embedded")

/** Steps of small additions, with a file read now and then, and answers. */
const added = fc.oneof({ weight: 6, arbitrary: fc.nat(1_500) }, { weight: 1, arbitrary: fc.nat(40_000) })
/** Whether the cache has expired before a step. */
const isCold = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
const sessions = fc.array(fc.tuple(added, fc.nat(3_000), isCold), { minLength: 1, maxLength: 400 })

type Steps = ReadonlyArray<readonly [input: number, output: number, isCold: boolean]>

interface Setting {
  readonly cache: PromptCache.PromptCache
  readonly writer: PromptCache.Writer
  readonly fixed: number
  readonly target: number
  readonly tolerance: number
  /** The part of the target that is filled, and of the longest summary that is written. */
  readonly filled: number
}
const settings: fc.Arbitrary<Setting> = fc.record({
  cache: caches,
  writer: writers,
  fixed: fc.nat(30_000),
  target: fc.integer({ min: 1_000, max: 60_000 }),
  tolerance: fc.constantFrom(0, 0.02, 0.1, 0.5),
  filled: fc.double({ min: 0.1, max: 1, noNaN: true })
})

/** The bills after each step, with compressions by the rule and without. Its price counts at the step before it. */
const play = ({ cache, filled, fixed, target, tolerance, writer }: Setting, session: Steps) => {
  const bills: Array<{ readonly compressed: number; readonly whole: number }> = []
  let [view, cached, growth] = [fixed, 0, Growth.none]
  let account: Growth.Account = newAccount
  let isHealed = true
  let [log, kept] = [fixed, 0]
  let [compressed, whole, compressions] = [0, 0, 0]
  const pay = (price: number, after: number) => {
    const { left, spent, whole } = Growth.addSteps(cache, account, growth)
    account = { spent: spent + price, whole, left: left + view - after }
    growth = Growth.none
    view = after
    cached = after
  }
  for (const [input, output, isCold] of session) {
    log += input
    view += input
    if (isCold) [cached, kept] = [0, 0]
    whole += cache.read * kept + cache.write * (log - kept)
    kept = log
    compressed += cache.read * cached + cache.write * (view - cached)
    growth = Growth.addStep(growth, { view, written: view - cached, output, isCold }, fixed + target)
    log += output
    cached = view
    view += output
    const candidate = { view, fixed, target, writer }
    const position = { account, growth }
    const by = Growth.chooseWriter(cache, position, candidate, tolerance)
    if (by !== undefined) {
      const isShort = by !== writer
      const after = fixed + filled * target * (isShort ? Growth.EXTRACT : 1)
      const cost = { rewritten: after - fixed, summary: 0.1 * filled * target, task: 500 }
      compressed += PromptCache.priceBy(by, cache, cost, { covered: view - after, view })
      compressions++
      pay((isShort ? Growth.estimateExtract : Growth.estimateCost)(cache, candidate), after)
      isHealed &&= !isShort
    } else if (!isHealed) {
      const price = Growth.estimateHealing(cache, account, candidate)
      isHealed = Growth.canPay(Growth.addSteps(cache, account, growth), price, tolerance)
      if (isHealed) {
        const cost = { rewritten: view - fixed, summary: 0.1 * filled * target, task: 500 }
        compressed += PromptCache.priceBy("model", cache, cost, { covered: account.left, view })
        pay(price, view)
      }
    }
    bills.push({ compressed, whole })
  }
  return { bills, compressions }
}

/** The bill of the session with a compression whenever the view is above the threshold. */
const playThreshold = ({ cache, fixed, target, writer }: Setting, session: Steps, threshold: number): number => {
  let [view, cached, bill] = [fixed, 0, 0]
  for (const [input, output] of session) {
    view += input
    bill += cache.read * cached + cache.write * (view - cached) + cache.output * output
    cached = view
    view += output
    if (view <= threshold) continue
    const after = fixed + target
    const cost = { rewritten: target, summary: 0.1 * target, task: 500 }
    bill += PromptCache.priceBy(writer, cache, cost, { covered: view - after, view })
    view = after
    cached = after
  }
  return bill
}

describe("a session that is compressed once that pays", () => {
  it("costs at most the tolerance more than without compressions, at whatever step it ends and whatever the prices", () => {
    fc.assert(
      fc.property(settings, sessions, (setting, session) => {
        for (const { compressed, whole } of play(setting, session).bills) {
          assert.isAtMost(compressed, whole * (1 + setting.tolerance) + ROUNDING)
        }
      }),
      params
    )
  })

  const steady = (steps: number, tokens: number) =>
    Array.from({ length: steps }, () => [tokens - 100, 100, false] as const)
  const priced = (kind: PromptCache.Kind) => Either.getOrThrow(PromptCache.make({ kind }))
  const usual = { writer: "in-place", fixed: 8_000, target: 20_000, tolerance: 0.1, filled: 0.8 } as const

  it("costs less than half of a long session without compressions", () => {
    const growths = fc.record({
      kind: kinds.filter((kind) => kind !== "llama.cpp"),
      writer: writers,
      tokens: fc.integer({ min: 200, max: 3_000 })
    })
    fc.assert(
      fc.property(growths, ({ kind, tokens, writer }) => {
        const { bills } = play({ ...usual, cache: priced(kind), writer }, steady(2_000, tokens))
        assert.isBelow(bills.at(-1)!.compressed, bills.at(-1)!.whole / 2)
      }),
      params
    )
  })

  it("is never compressed where reading is free, and at once where nothing is cached", () => {
    assert.strictEqual(play({ ...usual, cache: priced("llama.cpp") }, steady(2_000, 500)).compressions, 0)
    const { bills, compressions } = play({ ...usual, cache: priced("none") }, steady(100, 500))
    assert.isAtLeast(compressions, 2)
    assert.isBelow(bills.at(-1)!.compressed, bills.at(-1)!.whole)
  })

  it("waits longer for a summary by a model that reads everything than for one in place or by none", () => {
    const compressionsBy = (writer: PromptCache.Writer) =>
      play({ ...usual, cache: priced("anthropic"), writer }, steady(1_000, 500)).compressions
    assert.isAbove(compressionsBy("in-place"), compressionsBy("model"))
    assert.isAtLeast(compressionsBy("embedded"), compressionsBy("in-place"))
  })

  it("costs no more than a threshold in tokens of whatever size, but for a fifth", () => {
    const setting = { ...usual, cache: priced("anthropic"), filled: 1 }
    const session = steady(1_500, 400)
    const { compressed } = play(setting, session).bills.at(-1)!
    for (const tokens of [34_000, 40_000, 48_000, 60_000, 80_000, 100_000, 150_000]) {
      assert.isBelow(compressed, 1.2 * playThreshold(setting, session, tokens))
    }
  })
})
