/** Checks, promise by promise, for a random program while it runs and after it; a failure names its promise. */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Stream, TestClock } from "effect"
import type { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import type { SessionId, State } from "../../src/session/Session.ts"
import { SessionCounters, SessionStore } from "../../src/store/SessionStore.ts"
import * as Models from "./models.ts"
import * as Programs from "./programs.ts"
import { idle } from "./virtualClock.ts"
import type * as Watched from "./watched.ts"

/** One compression may take 1.5 times the timeout of the route, in milliseconds. */
export const TIMEOUT = 20_000
const TOTAL_TIMEOUT = 30_000

type Results = Programs.Seen["results"]

export const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)

/** The results that onlookers are told of. */
export const listened = Effect.gen(function* () {
  const { events } = yield* Gateway.Gateway
  const emitted: Results = []
  const note = (event: CompressionEvent) => Effect.sync(() => "result" in event && emitted.push(event.result))
  yield* Effect.forkScoped(Stream.runForEach(events, note))
  yield* idle
  return emitted
})

/** Promise 3: a caller that gave up stops waiting before any time passes. */
export const gaveUpAtOnce = ({ givenUp }: Programs.Seen) =>
  Effect.gen(function* () {
    yield* idle
    for (const fiber of givenUp) {
      assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)), "promise 3: a caller that gave up is still waiting")
    }
  })

const baseOf = ({ manifest, segments }: State): string => {
  assert.deepStrictEqual(
    segments.map(({ id }) => id),
    manifest.segments,
    "promise 6: the segments are those of the manifest"
  )
  // Neither their order says anything nor a field without a value.
  const fields = Object.entries(manifest).filter(([, value]) => value !== undefined)
  return JSON.stringify([fields.toSorted(([a], [b]) => (a < b ? -1 : 1)), segments])
}

/** Promises 6 and 7: a generation is the same whenever it is looked at, and no word of a rejected answer is in it. */
export const oldOrNew = (id: SessionId, generations: Map<number, string>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const state = yield* store.state(id)
    const base = baseOf(state)
    assert.strictEqual(generations.get(state.generation) ?? base, base, "promise 6: a generation has changed")
    assert.isAtLeast(state.generation, Math.max(0, ...generations.keys()), "promise 6: a generation went backwards")
    generations.set(state.generation, base)
    const stored = JSON.stringify([base, yield* store.ledger(id)])
    assert.notInclude(stored, Models.REJECTED, "promise 7: a rejected answer is in the store")
  }).pipe(Effect.catchTag("UnknownSession", () => Effect.void))

/** Promise 6: what was left behind is what was seen of it, none is missing, and segments stand for what was read. */
export const snapshotsAreWhatWasSeen = (id: SessionId, generations: ReadonlyMap<number, string>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const state = yield* store.state(id)
    const left = yield* store.snapshots(id)
    assert.deepStrictEqual(
      left.map(({ generation }) => generation).toSorted((a, b) => a - b),
      Array.from({ length: state.generation }, (_, n) => n),
      "promise 6: every generation left behind has its snapshot"
    )
    for (const { generation, snapshotId } of left) {
      assert.isTrue(snapshotId.startsWith(`${id}.snapshot.`), "promise 1")
      const base = baseOf(yield* store.snapshot(snapshotId))
      assert.strictEqual(generations.get(generation) ?? base, base, "promise 6: a snapshot has changed")
      assert.notInclude(base, Models.REJECTED, "promise 7")
    }
    let next = state.manifest.headTo + 1
    for (const { fromSeq, text, toSeq } of state.segments) {
      assert.isAtLeast(fromSeq, next, "promise 5: segments overlap")
      // A healed text has only the room of the extract it replaces, and may have lost the words that tell its range.
      const [from, to] = Models.rangeOf(text) ?? [fromSeq, toSeq]
      assert.isTrue(fromSeq <= from && to <= toSeq, "promise 5: a segment stands for nothing it was not made from")
      next = toSeq + 1
    }
    if (state.segments.length > 0) assert.strictEqual(state.manifest.tailFrom, next, "promise 5: a gap before the tail")
  }).pipe(Effect.catchTag("UnknownSession", () => Effect.void))

/** Promise 5: what was delivered before a step is in the log by the time the step has its view. */
export const takesUpWhatCameBefore = (id: SessionId): Programs.Onlooker<SessionStore> =>
  Effect.fnUntraced(function* (_, before) {
    const log = yield* Effect.orDie(Programs.readAcknowledged(id))
    const taken = new Set(log.flatMap(({ arrival, seq }) => (seq === null ? [] : [arrival])))
    for (const { receipt, text } of before) {
      assert.isTrue(taken.has(receipt.arrival), `promise 5: ${text} was delivered before the step`)
    }
  })

/** Promises 4 and 5: exactly what was acknowledged, once, in order. */
export const nothingLost = Effect.fnUntraced(function* (id: SessionId, imported: number, seen: Programs.Seen) {
  const log = (yield* Programs.readAcknowledged(id)).slice(imported)
  const arrived = log.flatMap(({ arrival, message }) => (arrival === null ? [] : [[arrival, Message.text(message)]]))
  assert.deepStrictEqual(
    arrived,
    seen.delivered.map(({ receipt, text }) => [receipt.arrival, text]),
    "promises 4 and 5: the log has every delivery once, in order"
  )
  const seqs = log.flatMap(({ seq }) => (seq === null ? [] : [seq]))
  assert.deepStrictEqual(
    seqs,
    seqs.map((_, i) => imported + i + 1)
  )
  const appended = log.filter(({ arrival }) => arrival === null).map(({ message }) => JSON.stringify(message))
  assert.deepStrictEqual(
    appended.filter((text) => seen.appended.includes(text)),
    seen.appended,
    "promise 5: what was appended is there once, in order"
  )
  assert.isTrue(
    appended.every((text) => seen.tried.includes(text)),
    "promise 5: nobody appended this"
  )
  const first = new Map(seen.keyed.toReversed().map((keyed) => [keyed.key, keyed] as const))
  for (const keyed of seen.keyed) {
    const original = first.get(keyed.key)
    const again = original?.answer.replace("first", "again")
    const expected = keyed.body === original?.body ? again : "IdempotencyConflict"
    assert.strictEqual(keyed.answer, keyed === original ? original.answer : expected, "promise 5: idempotency")
  }
})

/** Promise 1: whatever tells of a compression tells of this session. */
export const isNamed = (id: SessionId, results: Results, lines: ReadonlyArray<string>) => {
  for (const { sessionId } of results) assert.strictEqual(sessionId, id, "promise 1")
  for (const line of lines.filter((line) => / session=/.test(line))) {
    assert.include(`${line} `, ` session=${id} `, "promise 1")
  }
}

/** Promises 2 and 9: one set of calls for all who share an operation, within its budgets. */
export const isBounded = ({ calls }: Watched.Watched, results: Results) => {
  for (const { budgetLeft, durationMs, modelCalls, operationId, outcome } of results) {
    const made = calls.filter(({ operation }) => operation === operationId).length
    assert.strictEqual(modelCalls, made, `promise 2: the calls of an operation that was ${outcome}`)
    assert.isAtMost(durationMs, TOTAL_TIMEOUT, "promise 9: the total timeout")
    assert.isAtLeast(budgetLeft?.calls ?? 0, 0, "promise 9: the calls of one compression")
  }
}

/** Promise 3: what has begun was emitted, or failed for a reason of its own. */
export const everyStartedIsEmitted = (
  lines: ReadonlyArray<string>,
  emitted: Results,
  onExhausted: "extract" | "fail"
) => {
  for (const line of lines) {
    const [, what, operation] = /^compression (started|failed): .*?operation=(\S+)/.exec(line) ?? []
    if (what === "started" && onExhausted === "extract") {
      assert.isTrue(
        emitted.some(({ operationId }) => operationId === operation),
        "promise 3: not emitted"
      )
    }
    if (what === "failed") assert.match(line, onExhausted === "fail" ? /supersed|CompressionFailed/ : /supersed/)
  }
}

/**
 * Promise 9: once models answer and pauses have passed, a session without new material makes no more calls, and its
 * segments are healed or have been tried often enough.
 */
export const comesToRest = Effect.fnUntraced(function* (id: SessionId, model: Watched.Watched) {
  const { heal, turn } = yield* Gateway.Gateway
  const { settled } = yield* Compressor
  const step = Effect.gen(function* () {
    yield* Effect.exit(turn(id, ({ view }) => view()))
    yield* settled(id)
    yield* heal(id)
  })
  const inTime = Effect.gen(function* () {
    const fiber = yield* Effect.fork(step)
    yield* Programs.untilNobodyWaits(id, [fiber])
    const exit = yield* Fiber.await(fiber)
    if (Exit.isFailure(exit)) assert.fail(Cause.pretty(exit.cause))
  })
  for (let rounds = 0; rounds < 16; rounds++) {
    yield* TestClock.adjust("30 minutes")
    const before = model.calls.length
    yield* inTime
    if (model.calls.length === before) break
    if (rounds === 15) assert.fail("promise 9: it goes on calling without new material")
  }
  const store = yield* SessionStore
  const counters = yield* SessionCounters
  for (const { degraded, id: segment } of (yield* store.state(id)).segments) {
    const tries = yield* counters.healTries(segment, 0)
    assert.isAtMost(tries, 3, "promise 9: tries to heal")
    if (degraded !== null) assert.strictEqual(tries, 3, "a degraded segment is healed once models answer")
  }
})
