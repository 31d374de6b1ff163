/** The frequency guard: compressions that gain next to nothing are not begun unasked for ever. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FastCheck, Fiber, Layer, Stream, TestClock } from "effect"
import { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as BackgroundBrake from "../../src/compression/backgroundBrake.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { SessionCounters, SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as Models from "../support/models.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { idle, onVirtualClock } from "../support/virtualClock.ts"
import { awaitRequests, conversation, deliver, id, recordLogLines, route, scripted, summary } from "../support/world.ts"

const policy = { contextLength: 32_000, mode: "background" } as const
const world = scripted(Scripted.layer([Models.oracle]), { policy })

/** A step a minute: a request of about `size` tokens, a view, what the provider says it cost, and an answer. */
const step = (size: number, reported: (tokens: number) => number | undefined, tools: ReadonlyArray<unknown> = []) =>
  Effect.gen(function* () {
    const { turn } = yield* Gateway.Gateway
    yield* deliver({ role: "user", content: "The next invoice. ".repeat(Math.ceil(size / 5)) })
    yield* turn(id, ({ append, report, view }) =>
      Effect.gen(function* () {
        const { tokens } = yield* view({ tools })
        const inputTokens = reported(tokens)
        if (inputTokens !== undefined) yield* report({ inputTokens })
        yield* append({ role: "assistant", content: "It is paid." })
      })
    )
    yield* TestClock.adjust("1 minute")
    yield* Effect.flatMap(Compressor, ({ settled }) => settled(id))
  })

const starts = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("compression started")).length
const holds = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("compression held back"))

describe("a session whose background compressions cover next to nothing", () => {
  const manual = scripted(Scripted.layer([Models.oracle]), { policy: { ...policy, mode: "manual" } })

  /** A minute goes by, `rounds` rounds of tools come, and a background compression is begun. */
  const refill = (rounds: number) =>
    Effect.gen(function* () {
      const { settled, start } = yield* Compressor
      const { turn } = yield* Gateway.Gateway
      const store = yield* SessionStore
      yield* TestClock.adjust("1 minute")
      const before = yield* store.state(id)
      yield* turn(id, ({ append }) => append(...conversation(rounds, before.lastSeq)))
      const { lastSeq } = yield* store.state(id)
      yield* start(id, lastSeq)
      yield* settled(id)
    })

  const fill = Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.importAll([{ sessionId: id, messages: conversation(200) }])
    yield* refill(200)
  })

  it.effect("is not compressed over and over; it is said how fast it refills", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      const { events } = yield* Gateway.Gateway
      const rates: Array<number> = []
      yield* Effect.forkScoped(
        Stream.runForEach(events, (event) =>
          Effect.sync(() => CompressionEvent.$is("HeldBack")(event) && rates.push(event.tokensPerMinute))
        )
      )
      yield* idle
      yield* fill
      yield* Effect.replicateEffect(refill(2), 20)
      assert.strictEqual(starts(lines), 7)
      assert.strictEqual(holds(lines).length, 1)
      const [told, ...others] = rates
      assert.isEmpty(others)
      assert.match(String(holds(lines)), new RegExp(`^compression held back: session=${id} after=3 .*=~${told}$`))
      assert.isTrue(told !== undefined && told > 100 && told < 1_600, `${told} tokens a minute`)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(manual, layer)), onVirtualClock)
  })

  it.effect("is compressed when somebody asks, and once that covered much, unasked again", () => {
    const { layer, lines } = recordLogLines()
    return Effect.gen(function* () {
      const { compress, turn } = yield* Gateway.Gateway
      yield* fill
      yield* Effect.replicateEffect(refill(2), 12)
      assert.strictEqual(starts(lines), 7)
      assert.strictEqual((yield* compress(id)).outcome, "committed")
      assert.strictEqual(starts(lines), 8)
      yield* refill(2)
      assert.strictEqual(starts(lines), 8)
      yield* turn(id, ({ append }) => append(...conversation(200, 1_000)))
      assert.strictEqual((yield* compress(id)).outcome, "committed")
      yield* refill(2)
      assert.strictEqual(starts(lines), 10)
    }).pipe(Effect.provide(Layer.merge(manual, layer)), onVirtualClock)
  })
})

describe("a session that another process compresses", () => {
  it.effect("is not held back for what was joined there", () => {
    const { layer, lines } = recordLogLines()
    const model = Scripted.make([{ text: summary("x"), delay: "5 seconds" }])
    return Effect.gen(function* () {
      const store = yield* SessionStore
      const counters = yield* SessionCounters
      const options = { policy: { ...policy, mode: "manual" }, routes: [route] } as const
      const process = Layer.build(Layer.provide(Layer.fresh(Gateway.layer(options)), model.layer))
      const here = yield* process
      const there = yield* process
      yield* store.importAll([{ sessionId: id, messages: conversation(100) }])
      for (let n = 1; n <= 4; n++) {
        const { lastSeq } = yield* store.state(id)
        const compressing = yield* Effect.fork(Context.get(there, Compressor).compress(id))
        yield* awaitRequests(model, n)
        yield* Context.get(here, Compressor).start(id, lastSeq)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(compressing)).outcome, "committed")
        yield* Context.get(here, Compressor).settled(id)
        yield* Context.get(here, Gateway.Gateway).turn(id, ({ append }) => append(...conversation(60, 100 * n)))
      }
      assert.strictEqual((yield* counters.stats(id)).compressions.joined, 4)
      assert.deepStrictEqual(holds(lines), [])
    }).pipe(Effect.scoped, Effect.provide([Sqlite.layerTemporary, layer]))
  })
})

describe("a session that its conversation fills", () => {
  const size = FastCheck.constantFrom(10, 300, 1_500, 5_000)
  const sizes = FastCheck.oneof(
    FastCheck.array(size, { minLength: 10, maxLength: 25 }),
    size.map((size) => Array<number>(30).fill(size))
  )
  const tools = FastCheck.integer({ min: 0, max: 15_000 }).map((tokens) => ["x".repeat(4 * tokens)])
  const told = FastCheck.oneof(
    FastCheck.record({ tools, ratio: FastCheck.constant(1) }),
    FastCheck.record({ tools: FastCheck.constant([]), ratio: FastCheck.double({ min: 0.7, max: 2, noNaN: true }) })
  )

  it.effect.prop(
    "is never held back, however busy it is, and whatever of the window its tools or the provider's way to count take",
    [sizes, told],
    ([sizes, { ratio, tools }]) => {
      const { layer, lines } = recordLogLines()
      return Effect.gen(function* () {
        for (const size of sizes) yield* step(size, (tokens) => Math.round(tokens * ratio), tools)
        assert.deepStrictEqual(holds(lines), [])
      }).pipe(Effect.provide(Layer.merge(world, layer)), onVirtualClock)
    },
    propertyRuns(8, 30)
  )
})

const onRequest = { _tag: "Asked" } as const
const background = (seq: number) => ({ _tag: "Background", seq }) as const

describe("how a session refills", () => {
  const gain = FastCheck.record({
    freedTokens: FastCheck.integer({ min: 0, max: 2_000 }),
    targetTokens: FastCheck.constant(2_000),
    origin: FastCheck.constantFrom(onRequest, background(1))
  })

  it.prop(
    "it is held back when the last three background compressions covered less than a quarter of the target",
    [FastCheck.array(gain)],
    ([gains]) => {
      const refill = gains.reduce<BackgroundBrake.Refill | undefined>(
        (refill, gain, n) => BackgroundBrake.refillAfter(refill, gain, n),
        undefined
      )
      const last = gains.findLastIndex(({ freedTokens }) => freedTokens >= 500)
      const little = gains.slice(last + 1).filter(({ origin }) => origin._tag === "Background")
      assert.strictEqual(BackgroundBrake.isHeldBack(refill), little.length >= 3)
    }
  )

  it("its speed is what came between the first and the last of them", () => {
    const gains = [400, 100, 200].map((freedTokens) => ({
      freedTokens,
      targetTokens: 2_000,
      origin: background(1)
    }))
    const refill = gains.reduce<BackgroundBrake.Refill | undefined>(
      (refill, gain, n) => BackgroundBrake.refillAfter(refill, gain, n * 30_000),
      undefined
    )
    assert.strictEqual(refill === undefined ? 0 : BackgroundBrake.refillPerMinute(refill), 300)
  })

  it("of 10,000 sessions at most is anything known, the oldest are forgotten first", () => {
    const { mayStart, noteGain } = BackgroundBrake.make()
    const useless = { freedTokens: 0, targetTokens: 2_000, origin: background(1) }
    const ids = Array.from({ length: 10_001 }, (_, n) => SessionId.make(`session ${n}`))
    for (const id of ids) for (let n = 0; n < 3; n++) noteGain(id, useless, n)
    assert.deepStrictEqual(
      ids.filter((id) => mayStart(id, 1)),
      ids.slice(0, 1)
    )
  })
})

describe("a background compression that ended without a commit", () => {
  it("is not begun again until the log grows or something is committed", () => {
    const brake = BackgroundBrake.make()
    brake.noteEnd(id, background(7), false)
    assert.isFalse(brake.mayStart(id, 7))
    assert.isTrue(brake.mayStart(id, 8))
    brake.noteEnd(id, onRequest, false)
    assert.isFalse(brake.mayStart(id, 7))
    brake.noteEnd(id, onRequest, true)
    assert.isTrue(brake.mayStart(id, 7))
    brake.noteEnd(id, background(8), true)
    assert.isTrue(brake.mayStart(id, 8))
  })

  it("is remembered of 10,000 sessions at most, the oldest are forgotten first", () => {
    const { mayStart, noteEnd } = BackgroundBrake.make()
    const ids = Array.from({ length: 10_001 }, (_, n) => SessionId.make(`session ${n}`))
    for (const id of ids) noteEnd(id, background(7), false)
    assert.deepStrictEqual(
      ids.filter((id) => mayStart(id, 7)),
      ids.slice(0, 1)
    )
  })
})
