/** What a request costs with a prefix cache, and when a compression pays. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Either, FastCheck as fc } from "effect"
import * as PromptCache from "../../src/cost/PromptCache.ts"
import { repetitions } from "../support/repetitions.ts"

const kinds = fc.constantFrom<PromptCache.Kind>("anthropic", "openai-automatic", "openai-explicit", "llama.cpp", "none")
const price = fc.double({ min: 0, max: 10, noNaN: true })
const caches = fc
  .record({ kind: kinds, prices: fc.option(fc.tuple(price, price, price)) })
  .map(({ kind, prices }) =>
    prices === null
      ? { kind }
      : { kind, read: Math.min(prices[0], prices[1]), write: Math.max(prices[0], prices[1]), output: prices[2] }
  )
  .map((options) => Either.getOrThrow(PromptCache.make(options)))
const block = fc.record({ text: fc.string({ maxLength: 6 }), tokens: fc.integer({ min: 0, max: 4_000 }) })
/** Blocks of equal texts have equal tokens. */
const blocks = fc
  .array(block, { maxLength: 30 })
  .map((all) => all.map(({ text, tokens }) => ({ text: `${text}${tokens}`, tokens })))
const breakpoints = fc.option(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { nil: undefined })
const requests = fc.record({ blocks, breakpoints, output: fc.option(fc.nat(5_000), { nil: undefined }) })
const costs = fc.record({
  rewritten: fc.nat(100_000),
  summary: fc.nat(5_000),
  task: fc.integer({ min: 1, max: 5_000 })
})
const params = { numRuns: repetitions(100, 2_000) }

const tokensOf = (request: PromptCache.PricedRequest) => request.blocks.reduce((sum, { tokens }) => sum + tokens, 0)

describe("the price of a request", () => {
  it("counts every token once, and is never negative", () => {
    fc.assert(
      fc.property(caches, requests, fc.option(requests, { nil: undefined }), (cache, request, previous) => {
        const { cost, fresh, read, written } = PromptCache.price(cache, request, previous)
        assert.isAtLeast(Math.min(cost, fresh, read, written), 0)
        assert.strictEqual(fresh + read + written, tokensOf(request))
      }),
      params
    )
  })

  it("is no higher the more of the request stood in the one before", () => {
    fc.assert(
      fc.property(caches, requests, blocks, fc.nat(30), fc.nat(30), (cache, request, other, a, b) => {
        const priceAfter = (shared: number) => {
          const before = [...request.blocks.slice(0, shared), { text: "another", tokens: 1 }, ...other]
          return PromptCache.price(cache, request, { ...request, blocks: before }).cost
        }
        assert.isAtMost(priceAfter(Math.max(a, b)), priceAfter(Math.min(a, b)) + 1e-6)
      }),
      params
    )
  })

  it("reads nothing without a request before, after the cache has expired, and where there is no cache", () => {
    fc.assert(
      fc.property(caches, requests, (cache, request) => {
        assert.strictEqual(PromptCache.price(cache, request).read, 0)
        assert.strictEqual(PromptCache.price(cache, request, request, Duration.infinity).read, 0)
        const none = Either.getOrThrow(PromptCache.make({ kind: "none" }))
        assert.strictEqual(PromptCache.price(none, request, request).read, 0)
      }),
      params
    )
  })

  it("is that of the kind: steps of 128 tokens, whole blocks, four breakpoints, or every token", () => {
    const before = {
      blocks: [
        { text: "x".repeat(4_000), tokens: 1_000 },
        { text: "ab", tokens: 500 }
      ]
    }
    const now = { blocks: [before.blocks[0]!, { text: "ac", tokens: 500 }, { text: "d", tokens: 100 }] }
    const readBy = (kind: PromptCache.Kind, request: PromptCache.PricedRequest, previous: PromptCache.PricedRequest) =>
      PromptCache.price(Either.getOrThrow(PromptCache.make({ kind })), request, previous).read
    assert.strictEqual(readBy("llama.cpp", now, before), 1_250)
    assert.strictEqual(readBy("openai-automatic", now, before), 1_152)
    assert.strictEqual(readBy("anthropic", now, before), 0)
    const large = { blocks: [...Array(40).keys()].map((i) => ({ text: `${i}`, tokens: 100 })) }
    const [first, last] = [
      { ...large, breakpoints: [12] },
      { ...large, breakpoints: [39] }
    ]
    assert.strictEqual(readBy("anthropic", last, first), 0)
    assert.strictEqual(readBy("anthropic", { ...large, breakpoints: [30, 39] }, first), 1_300)
    assert.strictEqual(readBy("openai-explicit", last, first), 1_300)
  })
})

describe("the best growth between two compressions", () => {
  const reads = fc.double({ min: 0.01, max: 2, noNaN: true })
  const steps = fc.integer({ min: 1, max: 20_000 })

  it("costs no more a step than any other growth", () => {
    fc.assert(
      fc.property(reads, price, price, costs, steps, fc.double({ min: 0.05, max: 20, noNaN: true }), (...drawn) => {
        const [read, more, output, cost, tokensPerStep, factor] = drawn
        const prices = { read, write: read + more, output }
        const best = PromptCache.findBestGrowth(prices, cost, tokensPerStep)
        const costPerStep = (growth: number) =>
          (read * growth) / 2 + (PromptCache.priceCompression(prices, cost, growth) * tokensPerStep) / growth
        assert.isAtMost(costPerStep(best), costPerStep(factor * best) * (1 + 1e-9))
      }),
      params
    )
  })

  it("pays its compression back before the next one from the least growth on, and not below", () => {
    fc.assert(
      fc.property(reads, price, price, costs, steps, (read, more, output, cost, tokensPerStep) => {
        const prices = { read, write: read + more, output }
        const least = PromptCache.findLeastGrowth(prices, cost, tokensPerStep)
        const isPaid = (growth: number) =>
          PromptCache.countStepsToPayBack(prices, cost, growth) <= growth / tokensPerStep
        assert.isTrue(isPaid(least * 1.001))
        assert.isFalse(isPaid(least * 0.999))
      }),
      params
    )
  })

  it("is infinite where reading is free, as with llama.cpp", () => {
    const local = Either.getOrThrow(PromptCache.make({ kind: "llama.cpp" }))
    const cost = { rewritten: 10_000, summary: 1_000, task: 1_000 }
    assert.strictEqual(PromptCache.findBestGrowth(local, cost, 500), Infinity)
    assert.strictEqual(PromptCache.countStepsToPayBack(local, cost, 50_000), Infinity)
  })
})

describe("the settings of a cache", () => {
  it("refuses prices that are none, and reading that costs more than writing", () => {
    const issueOf = (options: object) =>
      Either.match(PromptCache.make(options), { onLeft: ({ field }) => field, onRight: () => "valid" })
    assert.strictEqual(issueOf({ kind: "anthropic", read: -1 }), "read")
    assert.strictEqual(issueOf({ output: Number.NaN }), "output")
    assert.strictEqual(issueOf({ read: 2, write: 1 }), "read")
    assert.strictEqual(issueOf({ ttl: "soon" }), "ttl")
    assert.strictEqual(issueOf({ kind: "other" }), "kind")
    assert.strictEqual(issueOf({ kind: "none" }), "valid")
  })
})
