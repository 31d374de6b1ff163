/** A threshold by cost: when a session is compressed by itself, whatever its window. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, FastCheck as fc, TestClock } from "effect"
import type { PolicyOptions } from "../../src/compression/CompressionPolicy.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as PromptCache from "../../src/cost/PromptCache.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { UNPAID } from "../../src/handoff/Handoff.ts"
import { findWriter, measureGrowth } from "../../src/gateway/stepBudget.ts"
import type { Message } from "../../src/message/Message.ts"
import { ConnectionError } from "../../src/model/ModelError.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { type Logged, type State, wholeLog } from "../../src/session/Session.ts"
import { repetitions } from "../support/repetitions.ts"
import {
  awaitSettled,
  compressSession,
  conversation,
  deliver,
  id,
  importRounds,
  manual,
  readGeneration,
  readState,
  route,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

/** The sizes of the views of an agent's steps, and the number of compressions: each ends before the next step. */
const work = Effect.fnUntraced(function* (rounds: number, pause: Duration.DurationInput = 0) {
  const sizes: Array<number> = []
  for (let n = 0; n < rounds; n++) {
    yield* TestClock.adjust(pause)
    const [request, ...replies] = conversation(1, n)
    yield* deliver(request!)
    yield* runTurn(({ append, step }) =>
      Effect.zipRight(
        step(({ tokens }) => Effect.sync(() => sizes.push(tokens))),
        append(...replies)
      )
    )
    yield* awaitSettled()
  }
  return { sizes, compressions: yield* readGeneration() }
})

const million = { contextLength: 1_000_000, threshold: "cost" } as const

const workBy = (rounds: number, policy: PolicyOptions, pause?: Duration.DurationInput) =>
  work(rounds, pause).pipe(Effect.provide(scripted(Scripted.layer([summary("x")]), { policy })))

describe("with a threshold by cost", () => {
  it.effect("a session is compressed far below half of a large window, over and over", () =>
    Effect.gen(function* () {
      const { compressions, sizes } = yield* workBy(500, { ...million, targetTokens: 4_000 })
      assert.isAtLeast(compressions, 5)
      assert.isBelow(Math.max(...sizes), 60_000)
    })
  )

  it.effect("it begins with an extract, which a model summarizes once the smaller views have paid for that", () => {
    const model = Scripted.make([summary("x")])
    const policy = { ...million, targetTokens: 4_000 }
    return Effect.gen(function* () {
      const seen: Array<{ readonly calls: number; readonly reasons: ReadonlyArray<string | null> }> = []
      for (let n = 0; n < 220; n++) {
        yield* work(1)
        const { manifest, segments } = yield* readState()
        seen.push({ calls: model.requests.length, reasons: segments.map(({ degraded }) => degraded) })
        const { spent, whole } = manifest.account ?? { spent: 0, whole: 0 }
        assert.isAtMost(spent, 1.02 * whole)
      }
      assert.deepStrictEqual(
        seen.find(({ reasons }) => reasons.length > 0),
        { calls: 0, reasons: [UNPAID] }
      )
      assert.isTrue(seen.at(-1)!.reasons.every((reason) => reason === null))
      const { left, spent, whole } = (yield* readState()).manifest.account!
      assert.isBelow(spent, 0.9 * whole)
      assert.isAbove(left, 10_000)
    }).pipe(Effect.provide(scripted(model.layer, { policy })))
  })

  it.effect("it is never compressed for its cost where reading is free", () =>
    Effect.gen(function* () {
      const { compressions } = yield* workBy(300, { ...million, promptCache: { kind: "llama.cpp" } })
      assert.strictEqual(compressions, 0)
    })
  )

  it.effect("the dearer reading is, the sooner it is compressed", () =>
    Effect.gen(function* () {
      const largestBy = (read: number) =>
        Effect.map(workBy(300, { ...million, targetTokens: 4_000, promptCache: { read } }), ({ sizes }) =>
          Math.max(...sizes)
        )
      assert.isBelow(yield* largestBy(0.5), yield* largestBy(0.1))
    })
  )

  it.effect("a session whose user pauses until the cache has expired is compressed sooner", () =>
    Effect.gen(function* () {
      const largestAfter = (pause: Duration.DurationInput) =>
        Effect.map(workBy(200, { ...million, targetTokens: 4_000 }, pause), ({ sizes }) => Math.max(...sizes))
      assert.isBelow(yield* largestAfter("6 minutes"), yield* largestAfter("1 minute"))
    })
  )

  it.effect("half of a small window is the latest", () =>
    Effect.gen(function* () {
      const { compressions, sizes } = yield* workBy(60, { contextLength: 8_000, threshold: "cost" })
      assert.isAtLeast(compressions, 1)
      assert.isBelow(Math.max(...sizes), 5_000)
    })
  )

  it.effect("nothing begins by itself in the modes that leave it to others", () =>
    Effect.gen(function* () {
      const { compressions } = yield* workBy(300, { ...million, targetTokens: 4_000, mode: "manual" })
      assert.strictEqual(compressions, 0)
    })
  )
})

describe("the account", () => {
  const account = { spent: 5_000, whole: 9_000, left: 2_000, seq: 3 }
  const down = new ConnectionError({ route: "r", detail: "refused" })

  it.effect("pays for a healing, and has as many tokens less in it as the summary is longer than the extract", () => {
    const model = Scripted.make([down, down, summary("healed")])
    return Effect.gen(function* () {
      yield* importRounds()
      yield* compressSession()
      const before = yield* readState()
      const { heal, startHealing } = yield* Compressor
      yield* startHealing(id, { account, generation: before.generation })
      yield* heal(id)
      const { manifest, segments } = yield* readState()
      const grown = segments[0]!.tokens - before.segments[0]!.tokens
      assert.deepStrictEqual(manifest.account, { ...account, left: account.left - grown })
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("loses nothing to a healing or compression that was paid before another one ended", () => {
    const model = Scripted.make([down, down, summary("x")])
    return Effect.gen(function* () {
      yield* importRounds()
      yield* compressSession()
      const before = yield* readState()
      const paid = before.manifest.account!
      const { heal, startHealing } = yield* Compressor
      yield* startHealing(id, { account, generation: before.generation - 1 })
      assert.deepStrictEqual(yield* heal(id), [])
      yield* runTurn(({ append }) => append(...conversation(12, 20)))
      yield* compressSession(id, { payment: { account, generation: before.generation - 1 } })
      const { manifest } = yield* readState()
      assert.deepInclude(manifest.account, { spent: paid.spent, whole: paid.whole })
      assert.isAbove(manifest.account!.left, paid.left)
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })
})

describe("the account of a session that goes back", () => {
  const goBack = (back: (snapshotId: string, seq: number) => Effect.Effect<unknown, unknown, Gateway>) =>
    Effect.gen(function* () {
      yield* importRounds()
      const first = { spent: 5_000, whole: 9_000, left: 2_000, seq: 3 }
      yield* compressSession(id, { payment: { account: first, generation: 0 } })
      const before = yield* readState()
      yield* runTurn(({ append }) => append(...conversation(12, 20)))
      const second = { spent: 7_000, whole: 12_000, left: 3_000, seq: 30 }
      const { snapshotId } = yield* compressSession(id, { payment: { account: second, generation: 1 } })
      const { manifest } = yield* readState()
      assert.deepInclude(manifest.account, { spent: 7_000, whole: 12_000 })
      yield* back(snapshotId!, before.lastSeq)
      const { generation, manifest: now } = yield* readState()
      assert.strictEqual(generation, 3)
      assert.deepStrictEqual(now.account, { ...manifest.account!, left: before.manifest.account!.left })
    }).pipe(Effect.provide(scripted(Scripted.layer([summary("x")]), { policy: manual })))

  it.effect("keeps what it has cost when a snapshot is restored", () =>
    goBack((snapshotId) => Effect.flatMap(Gateway, ({ restore }) => restore(id, snapshotId)))
  )

  it.effect("keeps what it has cost when it is rewound to a message before a compression", () =>
    goBack((_, seq) => Effect.flatMap(Gateway, ({ rewind }) => rewind(id, seq)))
  )
})

describe("what its steps have read", () => {
  const cache = Either.getOrThrow(PromptCache.make())
  const entries = fc.array(fc.tuple(fc.constantFrom("user", "assistant", "tool"), fc.nat(3_000)), { maxLength: 60 })
  const logged = (drawn: ReadonlyArray<readonly [string, number]>): ReadonlyArray<Logged> =>
    drawn.map(([role, tokens], i) => {
      const message: Message =
        role === "tool"
          ? { role, tool_call_id: "call", content: "x" }
          : { role: role === "user" ? "user" : "assistant", content: "x" }
      return { seq: i + 1, message, tokens, kind: null, arrival: null, at: 0 }
    })
  const makeState = (tail: ReadonlyArray<Logged>, base: object, isCompressed: boolean): State => ({
    sessionId: id,
    base,
    generation: 0,
    lastSeq: tail.length,
    manifest: { ...wholeLog, contextFrom: isCompressed ? 0 : 1 },
    system: [],
    head: [],
    segments: [],
    live: [],
    tail,
    usage: null,
    windows: []
  })
  const sum = (tail: ReadonlyArray<Logged>) => tail.reduce((all, { tokens }) => all + tokens, 0)

  it("is the same whether it is measured step by step or at once", () => {
    fc.assert(
      fc.property(entries, fc.array(fc.nat(60)), fc.boolean(), fc.nat(20_000), (drawn, cuts, isCompressed, target) => {
        const tail = logged(drawn).map((entry) => ({ ...entry, at: 60_000 * entry.seq * (entry.tokens % 3) }))
        const measure = (length: number, base: object) =>
          measureGrowth(
            makeState(tail.slice(0, length), base, isCompressed),
            { tokens: 9_000 + sum(tail.slice(0, length)), fixed: 5_000 },
            target,
            cache
          )
        const base = {}
        for (const cut of cuts.toSorted((a, b) => a - b)) measure(Math.min(cut, tail.length), base)
        assert.deepStrictEqual(measure(tail.length, base), measure(tail.length, {}))
      }),
      { numRuns: repetitions(200, 5_000) }
    )
  })

  it("counts each answer as a step that read all before it, and what is above the target as excess", () => {
    const tail = logged([
      ["user", 1_000],
      ["assistant", 200],
      ["tool", 3_000],
      ["assistant", 300]
    ])
    const view = { tokens: 2_000 + 4_500, fixed: 2_000 }
    assert.deepStrictEqual(measureGrowth(makeState(tail, {}, false), view, 1_500, cache), {
      steps: 2,
      read: 3_000 + 6_200,
      written: 6_200,
      excess: 6_200 - 3_500,
      expired: 0,
      cold: 0,
      output: 500
    })
  })

  it("is written anew where the user came back after the cache had expired", () => {
    const said = [
      ["user", 1_000],
      ["assistant", 200],
      ["user", 3_000],
      ["assistant", 300]
    ] as const
    const view = { tokens: 2_000 + 4_500, fixed: 2_000 }
    const measureAfter = (pause: number) => {
      const tail = logged(said).map((entry, i) => (i < 2 ? entry : { ...entry, at: pause }))
      return measureGrowth(makeState(tail, {}, false), view, 1_500, cache)
    }
    const { expired, written } = measureAfter(Duration.toMillis(cache.ttl) + 1)
    assert.deepStrictEqual({ expired, written }, { expired: 6_200 - 3_500, written: 3_000 + 6_200 })
    assert.strictEqual(measureAfter(Duration.toMillis(cache.ttl)).expired, 0)
  })
})

describe("the writer of a summary", () => {
  it("is that of the first route that leads to a model", () => {
    const embedded = { provider: "embedded" } as const
    assert.strictEqual(findWriter([]), "embedded")
    assert.strictEqual(findWriter([embedded]), "embedded")
    assert.strictEqual(findWriter([embedded, route]), "model")
    assert.strictEqual(findWriter([{ ...route, inPlace: true }, route]), "in-place")
    assert.strictEqual(findWriter([{ ...route, inPlace: (body) => body }]), "in-place")
    assert.strictEqual(findWriter([{ ...route, inPlace: false }]), "model")
  })
})
