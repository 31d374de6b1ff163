import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream, TestClock } from "effect"
import { ConnectionError } from "../../src/model/ModelError.ts"
import { CompressionEvent, fromResult, notice } from "../../src/compression/CompressionEvent.ts"
import type { CompressionResult, Outcome } from "../../src/session/CompressionResult.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { UNPAID } from "../../src/handoff/Handoff.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { compressSession, conversation, id, manual, route, scripted, summary } from "../support/world.ts"
import { idle, onVirtualClock } from "../support/virtualClock.ts"
import * as Programs from "../support/programs.ts"

const down = new ConnectionError({ route: "r", detail: "refused" })

/** In four pieces, one every two seconds. */
const slow = (what: string): Scripted.ScriptedOutcome => {
  const text = summary(what)
  const quarter = Math.ceil(text.length / 4)
  return { text: [0, 1, 2, 3].map((i) => text.slice(i * quarter, (i + 1) * quarter)), delay: "2 seconds" }
}

/** A long session, and what is told of it from now on. */
const watched = (rounds = 12) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    yield* store.importAll([{ sessionId: id, messages: conversation(rounds) }])
    const { events } = yield* Gateway.Gateway
    const told: Array<CompressionEvent> = []
    yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => told.push(event))))
    yield* idle
    return told
  })

const tags = (told: ReadonlyArray<CompressionEvent>): ReadonlyArray<string> =>
  told.map(({ _tag }) => _tag).filter((tag, i, all) => tag !== all[i - 1])

describe("what onlookers are told", () => {
  const outcomes: ReadonlyArray<
    readonly [string, ReadonlyArray<Scripted.ScriptedOutcome>, Partial<Gateway.GatewayOptions>, ReadonlyArray<string>]
  > = [
    ["a summary", [slow("x")], {}, ["Started", "Progress", "Committed"]],
    ["a model that is down", [down], {}, ["Started", "Degraded"]],
    [
      "a model that must answer and is down",
      [down],
      { policy: { ...manual, onExhausted: "fail" } },
      ["Started", "Failed"]
    ]
  ]
  for (const [what, script, options, expected] of outcomes) {
    it.effect(`identity: with ${what}, ${expected.join(", ")}, all of one session and operation`, () =>
      Effect.gen(function* () {
        const told = yield* watched()
        yield* Effect.exit(Programs.joinInTime(compressSession()))
        assert.deepStrictEqual(tags(told), expected)
        assert.deepStrictEqual(new Set(told.map(({ sessionId }) => sessionId)), new Set([id]))
        assert.strictEqual(new Set(told.map((event) => "operationId" in event && event.operationId)).size, 1)
      }).pipe(
        Effect.scoped,
        Effect.provide(scripted(Scripted.layer(script), { policy: manual, ...options })),
        onVirtualClock
      )
    )
  }

  it.effect("how far the summary is, and how long it will take once there is a speed", () =>
    Effect.gen(function* () {
      const told = yield* watched()
      yield* Programs.joinInTime(compressSession())
      const progress = told.filter(CompressionEvent.$is("Progress"))
      const [started] = told.filter(CompressionEvent.$is("Started"))
      assert.isTrue(progress.every(({ messages }) => messages > 1 && messages === started?.messages))
      assert.isNull(progress[0]?.millisecondsLeft)
      const [, second] = progress
      const written = (second?.tokensWritten ?? 0) - (progress[0]?.tokensWritten ?? 0)
      const left = (second?.tokensExpected ?? 0) - (second?.tokensWritten ?? 0)
      assert.strictEqual(second?.millisecondsLeft, Math.ceil((2_000 * left) / written))
      const last = progress.at(-1)
      assert.deepStrictEqual([last?.tokensWritten, last?.millisecondsLeft], [last?.tokensExpected, 0])
    }).pipe(Effect.scoped, Effect.provide(scripted(Scripted.layer([slow("x")]), { policy: manual })), onVirtualClock)
  )

  it.effect("chunks add up: together they are expected to write what all of them have room for", () =>
    Effect.gen(function* () {
      const told = yield* watched(24)
      const small = yield* Programs.joinInTime(compressSession())
      assert.isAbove(small.modelCalls, 1)
      const progress = told.filter(CompressionEvent.$is("Progress"))
      const written = progress.map(({ tokensWritten }) => tokensWritten)
      assert.deepStrictEqual(
        written,
        written.toSorted((a, b) => a - b)
      )
      const all = small.modelCalls * Math.ceil(summary("x").length / 4)
      assert.approximately(progress.at(-1)?.tokensWritten ?? 0, all, 4 * small.modelCalls)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        scripted(Scripted.layer([slow("x")]), { policy: manual, routes: [{ ...route, contextLength: 6_000 }] })
      ),
      onVirtualClock
    )
  )

  it.effect("who joins is told of before the end, which comes once", () =>
    Effect.gen(function* () {
      const told = yield* watched()
      yield* Programs.joinInTime(Effect.all([compressSession(), compressSession()], { concurrency: 2 }))
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag).filter((tag) => tag !== "Progress"),
        ["Joined", "Started", "Committed"]
      )
    }).pipe(Effect.scoped, Effect.provide(scripted(Scripted.layer([slow("x")]), { policy: manual })), onVirtualClock)
  )

  it.effect("a compression that a step comes to wait for says so from then on", () =>
    Effect.gen(function* () {
      const told = yield* watched(30)
      const { turn } = yield* Gateway.Gateway
      const background = yield* Effect.fork(compressSession())
      yield* idle
      yield* TestClock.adjust("3 seconds")
      yield* Programs.joinInTime(turn(id, ({ view }) => view()))
      yield* Fiber.join(background)
      const waited = told.flatMap((event) => ("isWaitedFor" in event ? [event.isWaitedFor] : []))
      assert.deepStrictEqual(
        waited,
        waited.toSorted((a, b) => Number(a) - Number(b))
      )
      assert.deepStrictEqual([waited[0], waited.at(-1)], [false, true])
      assert.deepStrictEqual(tags(told).slice(0, 4), ["Started", "Progress", "Joined", "Progress"])
    }).pipe(Effect.scoped, Effect.provide(scripted(Scripted.layer([slow("x")]))), onVirtualClock)
  )

  it.effect("a session without headroom, and one with nothing to compress", () =>
    Effect.gen(function* () {
      const told = yield* watched(1)
      yield* compressSession()
      const store = yield* SessionStore
      yield* store.deliver(id, { role: "user", content: "go on" }, { kind: "request" })
      const { turn } = yield* Gateway.Gateway
      yield* turn(id, ({ view }) => view({ system: "rule ".repeat(9_000) }))
      yield* idle
      assert.deepStrictEqual(tags(told), ["Unchanged"])
      const { compress: any } = yield* Gateway.Gateway
      yield* any(id, { overhead: 9_000 })
      yield* idle
      assert.deepStrictEqual(tags(told), ["Unchanged", "NoHeadroom"])
    }).pipe(Effect.scoped, Effect.provide(scripted(Scripted.layer([]))), onVirtualClock)
  )

  it.effect("a degraded segment that is healed", () =>
    Effect.gen(function* () {
      const told = yield* watched()
      yield* Programs.joinInTime(compressSession())
      const { heal } = yield* Gateway.Gateway
      const healed = yield* Programs.joinInTime(heal(id))
      assert.deepStrictEqual(tags(told), ["Started", "Degraded", "Healed"])
      assert.deepStrictEqual(
        told.filter(CompressionEvent.$is("Healed")).map(({ generation, segmentId }) => [segmentId, generation]),
        healed.map((segment) => [segment, 2])
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(scripted(Scripted.layer([down, down, summary("healed")]), { policy: manual })),
      onVirtualClock
    )
  )
})

describe("the notice", () => {
  const operation = { sessionId: id, operationId: "op_1" }
  const work = { ...operation, messages: 212, isWaitedFor: false }
  const result = (outcome: Outcome, compressions = 1): CompressionResult => ({
    ...operation,
    outcome,
    reason: null,
    model: "m",
    focus: null,
    generation: 1,
    snapshotId: null,
    messagesBefore: 1_212,
    messagesAfter: 23,
    tokensBefore: 64_000,
    tokensAfter: 9_000,
    compressions,
    modelCalls: 1,
    tokensSpent: 60_000,
    attempts: [],
    budgetLeft: null,
    durationMs: 1
  })
  const progress = { ...work, tokensWritten: 350, tokensExpected: 1_000, millisecondsLeft: 39_500 }
  const { Failed, Healed, Joined, Progress, Started } = CompressionEvent
  const saved =
    "Compressed the earlier part of this conversation: 1,212 messages are 23 now. All of it can still be looked up."

  const notices: ReadonlyArray<readonly [CompressionEvent, string | null]> = [
    [
      Started({ ...work, tokens: 64_000 }),
      "Compressing the earlier part of this conversation (212 messages) in the background; you can go on."
    ],
    [
      Started({ ...work, tokens: 64_000, isWaitedFor: true }),
      "Compressing the earlier part of this conversation (212 messages) before the next answer."
    ],
    [Progress(progress), null],
    [
      Progress({ ...progress, isWaitedFor: true }),
      "Compressing the earlier part of this conversation (212 messages) before the next answer, about 40 s left (35 %)."
    ],
    [
      Progress({ ...progress, isWaitedFor: true, millisecondsLeft: null }),
      "Compressing the earlier part of this conversation (212 messages) before the next answer, 35 % done."
    ],
    [
      Progress({ ...progress, isWaitedFor: true, millisecondsLeft: 150_000 }),
      "Compressing the earlier part of this conversation (212 messages) before the next answer, about 3 min left (35 %)."
    ],
    [Joined({ ...operation, isWaitedFor: false }), null],
    [
      Joined({ ...operation, isWaitedFor: true }),
      "The next answer waits until the earlier part of this conversation is compressed."
    ],
    [fromResult(result("committed"), false), saved],
    [fromResult(result("committed", 7), true), saved],
    [
      fromResult(result("committed", 8), false),
      `${saved} This has happened many times: where one piece of work ends and another begins, consider a reset.`
    ],
    [
      fromResult(result("degraded"), false),
      "Compressed the earlier part of this conversation, but could not summarize all of it: 1,212 messages are 23 now. All of it can still be looked up."
    ],
    [
      fromResult({ ...result("degraded"), model: "embedded" }, false),
      "Shortened the earlier part of this conversation without a model, as none could be reached: 1,212 messages are 23 now. A proper summary follows."
    ],
    [
      fromResult({ ...result("degraded"), model: "embedded", reason: UNPAID }, false),
      "Shortened the earlier part of this conversation without a model: 1,212 messages are 23 now. A proper summary follows."
    ],
    [
      Healed({ ...operation, segmentId: "s", generation: 2 }),
      "The earlier part of this conversation has its proper summary now."
    ],
    [
      fromResult(result("no-headroom"), false),
      "This conversation cannot be compressed: its instructions and tools alone leave no room. A model with a larger window, or fewer tools, would help."
    ],
    [fromResult(result("nothing-to-compress"), false), null],
    [fromResult(result("deferred"), false), null],
    [fromResult(result("superseded"), false), null],
    [
      fromResult(result("failed"), false),
      "The earlier part of this conversation could not be compressed; nothing has changed."
    ],
    [
      Failed({ ...operation, reason: "ECONNREFUSED" }),
      "The earlier part of this conversation could not be compressed; nothing has changed."
    ],
    [
      fromResult(result("joined"), true),
      "The next answer waits until the earlier part of this conversation is compressed."
    ]
  ]
  for (const [event, text] of notices) {
    it(`of ${event._tag}: ${text}`, () => assert.strictEqual(notice(event), text))
  }
})
