import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, TestClock } from "effect"
import { ConnectionError } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import { isMerge } from "../support/models.ts"
import { awaitRequests, conversation, id, importMessages, recordLogLines, scripted, summary } from "../support/world.ts"

const policy = { contextLength: 32_000, mode: "manual" } as const

/** So many that they do not fit the target even where their outputs are pruned. */
const ROUNDS = 60

/** So long that four segments fill their room. */
const DETAILS = ", and what belongs to it".repeat(5)

/** Each answer names the place of its material in the session, and so differs from all others. */
const answer = (request: ModelRequest): string => {
  const [, from = ""] = /^#(\d+)/m.exec(Message.text(request.messages[1] ?? { role: "user", content: "" })) ?? []
  return summary(`${isMerge(request) ? "many parts" : "one part"} from ${from}${DETAILS}`)
}

/** Appends `rounds` rounds to the session, the same whether it was compressed or not. */
const goOn = (rounds: number, from: number) =>
  Effect.gen(function* () {
    const { deliver, turn } = yield* Gateway
    for (let n = 0; n < rounds; n++) {
      const [request, ...replies] = conversation(1, from + n)
      if (request !== undefined) yield* deliver(id, request)
      yield* turn(id, ({ append, view }) => Effect.zipRight(view(), append(...replies)))
    }
  })

const compressed = Effect.gen(function* () {
  const { compress } = yield* Compressor
  const result = yield* compress(id)
  return { result, state: yield* Effect.flatMap(SessionStore, (store) => store.state(id)) }
})

/** Compresses the session `n` times and appends `rounds` rounds before each time. */
const grown = (n: number, rounds = ROUNDS, from = 0) =>
  Effect.forEach(Array.from({ length: n }), (_, i) => Effect.zipRight(goOn(rounds, from + i * rounds), compressed))

const handoffOf = (view: View.View): string => {
  const [handoff] = view.messages.filter((m) => Message.text(m).startsWith("[throughline handoff]"))
  return handoff === undefined ? "" : Message.text(handoff)
}

const world = (model: Scripted.Scripted) => scripted(model.layer, { policy })

describe("a request to the summarizer", () => {
  it.effect("holds no half of a surrogate pair, whatever the log holds", () => {
    const model = Scripted.make([answer])
    const odd = (message: Message.Message) => Message.withContent(message, `${Message.text(message)} cut \ud83d…`)
    return Effect.gen(function* () {
      yield* importMessages(conversation(ROUNDS).map((message) => (message.role === "tool" ? odd(message) : message)))
      const { result } = yield* compressed
      assert.strictEqual(result.outcome, "committed")
      const sent = model.requests.flatMap(({ messages }) => messages.map(Message.text)).join("\n")
      assert.include(sent, "cut \ufffd")
      assert.isTrue(sent.isWellFormed())
    }).pipe(Effect.provide(world(model)))
  })
})

describe("segments of a session", () => {
  it.effect("the bytes before the newest segment change only where four are condensed", () => {
    const model = Scripted.make([answer])
    return Effect.gen(function* () {
      const steps = yield* grown(10)
      const texts = steps.map(({ state }) => handoffOf(View.assemble(state, estimate)))
      const shares = texts.slice(1).map((text, i) => {
        const before = texts[i] ?? ""
        const end = before.indexOf("[throughline ledger]")
        const kept = Array.from(before.slice(0, end)).findIndex((char, at) => text[at] !== char)
        return kept < 0 ? 1 : kept / end
      })
      const isWhole = shares.map((share) => share === 1)
      assert.deepStrictEqual(isWhole, [true, true, true, false, true, true, true, false, true])
      console.info(`prefix that stays: ${shares.map((share) => `${Math.round(100 * share)} %`).join(", ")}`)
      const [levels] = steps.slice(-1).map(({ state }) => state.segments.map(({ level }) => level))
      assert.deepStrictEqual(levels, [1, 1, 0, 0])
    }).pipe(Effect.provide(world(model)))
  })

  it.effect("every snapshot reads the same bytes after merges and heals", () => {
    let calls = 0
    const down = new ConnectionError({ route: "r", detail: "refused" })
    // The route is down for two calls of nine.
    const model = Scripted.make([(request) => (calls++ % 9 > 6 ? down : answer(request))])
    return Effect.gen(function* () {
      const { heal } = yield* Gateway
      const store = yield* SessionStore
      const views: Array<ReadonlyArray<Message.Message>> = []
      let healed = 0
      for (let n = 0; n < 18; n++) {
        yield* goOn(ROUNDS, n * ROUNDS)
        views.push(View.assemble(yield* store.state(id), estimate).messages)
        const { state } = yield* compressed
        if (state.segments.every(({ degraded }) => degraded === null)) continue
        yield* TestClock.adjust("1 hour")
        views.push(View.assemble(yield* store.state(id), estimate).messages)
        const ids = yield* heal(id)
        if (ids.length === 0) views.pop()
        healed += ids.length
      }
      const snapshots = yield* store.snapshots(id)
      assert.strictEqual(snapshots.length, views.length)
      for (const [i, { snapshotId }] of snapshots.entries()) {
        assert.deepStrictEqual(View.assemble(yield* store.snapshot(snapshotId), estimate).messages, views[i])
      }
      assert.isAbove(healed, 0)
      assert.isTrue((yield* store.state(id)).segments.some(({ level }) => level > 0))
    }).pipe(Effect.provide(world(model)))
  })

  it.effect("a failed merge fails nothing, and is tried again by the next compression", () => {
    const down = new ConnectionError({ route: "r", detail: "refused" })
    let isDown = true
    const model = Scripted.make([(request) => (isDown && isMerge(request) ? down : answer(request))])
    const log = recordLogLines()
    return Effect.gen(function* () {
      const [last] = (yield* grown(5)).slice(-1)
      assert.strictEqual(last?.result.outcome, "committed")
      assert.deepStrictEqual(last?.result.attempts.map(({ error }) => error).toSorted(), ["ConnectionError", null])
      assert.deepStrictEqual(
        last?.state.segments.map(({ level }) => level),
        [0, 0, 0, 0, 0]
      )
      assert.isFalse(log.lines.some((line) => line.startsWith("segments condensed")))
      isDown = false
      const [next] = yield* grown(1, ROUNDS, 5 * ROUNDS)
      assert.deepStrictEqual(
        next?.state.segments.map(({ level }) => level),
        [1, 0, 0]
      )
      assert.strictEqual(log.lines.filter((line) => line.startsWith(`segments condensed: session=${id}`)).length, 1)
    }).pipe(Effect.provide(Layer.merge(world(model), log.layer)))
  })

  it.effect("a merge that hangs keeps its compression for ten seconds, and no longer", () => {
    const model = Scripted.make([
      (request) => (isMerge(request) ? Scripted.hang : { text: answer(request), delay: "8 seconds" })
    ])
    return Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 4 }), (_, n) =>
        Effect.gen(function* () {
          yield* goOn(ROUNDS, n * ROUNDS)
          const fiber = yield* Effect.fork(compressed)
          yield* awaitRequests(model, n + 1)
          yield* TestClock.adjust("8 seconds")
          yield* Fiber.join(fiber)
        })
      )
      yield* goOn(ROUNDS, 4 * ROUNDS)
      const fiber = yield* Effect.fork(compressed)
      yield* awaitRequests(model, 6)
      yield* TestClock.adjust("17 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* TestClock.adjust("1 second")
      const { result, state } = yield* Fiber.join(fiber)
      assert.strictEqual(result.outcome, "committed")
      assert.strictEqual(result.durationMs, 18_000)
      assert.deepStrictEqual(
        state.segments.map(({ level }) => level),
        [0, 0, 0, 0, 0]
      )
    }).pipe(Effect.provide(world(model)))
  })

  it.effect("without a model segments are condensed by plain code", () =>
    Effect.gen(function* () {
      const [last] = (yield* grown(6)).slice(-1)
      assert.deepStrictEqual(
        last?.state.segments.map(({ level, model }) => [level, model]),
        [
          [1, "embedded"],
          [0, "embedded"],
          [0, "embedded"]
        ]
      )
    }).pipe(Effect.provide(scripted(Scripted.make([]).layer, { policy, routes: [] })))
  )
})
