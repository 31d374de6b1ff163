import { assert, describe, it } from "@effect/vitest"
import { Chunk, Clock, Effect, Either, FastCheck as fc, Option, Schema, Stream, TestClock } from "effect"
import type { Message } from "../../src/message/Message.ts"
import { type Manifest, SessionId, wholeLog } from "../../src/session/Session.ts"
import { yieldToLoop } from "../../src/concurrency/eventLoopBudget.ts"
import { makeUnknownSegment, makeUnknownSession, makeUnknownSnapshot } from "../../src/session/SessionError.ts"
import {
  type Lease,
  noPause,
  RouteMemory,
  SessionCounters,
  SessionIndex,
  SessionStore
} from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { assistant, backends, beginTurn, freshSession, acquireLease, segment, user } from "../support/stores.ts"

const contents = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ message }) => message.content))
  )

const undone = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ undone }) => undone))
  )

/** Covers everything up to `toSeq`. */
const commit = (lease: Lease, base: number, toSeq: number, receipt?: string) =>
  Effect.flatMap(SessionStore, (store) => {
    const id = `${lease.sessionId}/${base}`
    const manifest: Manifest = { ...wholeLog, headTo: 1, tailFrom: toSeq + 1, segments: [id] }
    const segments = [segment(id, 2, toSeq)]
    return store.commit(lease, { operationId: `op ${id}`, base, manifest, segments, ledger: null, receipt })
  })

/** A replacer for `JSON.stringify`. */
const reverseKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toReversed())
    : value

const conversation = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId, messages }]))

/** The identity of a base says nothing. */
const withoutBase = (answers: unknown): unknown =>
  JSON.parse(JSON.stringify(answers, (key, part: unknown) => (key === "base" ? undefined : part)))

/** What a store answers of a session, its snapshots and its segments. */
const answersAbout = (sessionId: SessionId, snapshots: ReadonlyArray<string>, segments: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const index = yield* SessionIndex
    const counters = yield* SessionCounters
    const scope = { fromSeq: 1, toSeq: 99, except: [], also: [] }
    return yield* Effect.all({
      log: Effect.either(Effect.map(Stream.runCollect(store.log(sessionId)), Chunk.toReadonlyArray)),
      state: Effect.either(store.state(sessionId)),
      ledger: Effect.either(store.ledger(sessionId)),
      range: store.range(sessionId, 1, 99),
      listed: Effect.either(store.snapshots(sessionId)),
      stats: Effect.either(counters.stats(sessionId)),
      found: Effect.either(index.search(sessionId, "one", { scope, limit: 9 })),
      over: index.segmentOver(sessionId, 2),
      snapshots: Effect.forEach(snapshots, (id) => Effect.either(store.snapshot(id))),
      receipts: Effect.forEach(snapshots, (id) => Effect.either(store.receipt(id))),
      segments: Effect.forEach(segments, (id) => Effect.either(index.segment(id))),
      outcome: store.outcome(`published by ${sessionId}`, "k"),
      isListed: Effect.map(store.sessions, (all) => all.some((one) => one.sessionId === sessionId))
    })
  })

/** The answers about a session that never was. */
const nothingOf = (sessionId: SessionId, snapshots: ReadonlyArray<string>, segments: ReadonlyArray<string>) => {
  const unknown = Either.left(makeUnknownSession(sessionId))
  return {
    log: unknown,
    state: unknown,
    ledger: unknown,
    range: [],
    listed: unknown,
    stats: unknown,
    found: unknown,
    over: null,
    snapshots: snapshots.map((id) => Either.left(makeUnknownSnapshot(id))),
    receipts: snapshots.map((id) => Either.left(makeUnknownSnapshot(id))),
    segments: segments.map((id) => Either.left(makeUnknownSegment(id))),
    outcome: null,
    isListed: false
  }
}

for (const [name, backend] of backends) {
  /** Hermes keeps what was promoted or imported in its own rows, too. */
  const isAlone = ["memory", "file", "temporary", "PostgreSQL"].includes(name)
  describe(`SessionStore on ${name}`, () => {
    it.layer(backend)((it) => {
      it.effect("each user message of an import is a request, except the notices", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const sessionId = freshSession()
          const messages = [user("Start."), assistant("It runs."), user("The job has ended."), user("And?")]
          yield* store.importAll([{ sessionId, messages, notices: [2] }])
          const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
          assert.deepStrictEqual(
            log.map(({ kind }) => kind),
            ["request", null, "notification", "request"]
          )
        })
      )

      it.effect("a delivery is numbered, waits in the inbox, and moves to the log in order", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const first = yield* store.deliver(id, user("one"), { kind: "request" })
          const second = yield* store.deliver(id, user("two"), { kind: "notification" })
          assert.isTrue(second.arrival > first.arrival)
          assert.deepStrictEqual(yield* contents(id), ["one", "two"])
          const lease = yield* acquireLease(id)
          const { promoted, state } = yield* store.promote(lease)
          assert.deepStrictEqual(
            promoted.map(({ arrival, kind, seq }) => [seq, arrival, kind]),
            [
              [1, first.arrival, "request"],
              [2, second.arrival, "notification"]
            ]
          )
          assert.deepStrictEqual(state.tail, promoted)
          assert.deepStrictEqual((yield* store.promote(lease)).promoted, [])
        })
      )

      it.effect("what was acknowledged is told from any message of the log on, and what waits in any case", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const sessionId = freshSession()
          yield* conversation(sessionId, [user("one"), assistant("two"), user("three")])
          yield* store.deliver(sessionId, user("four"), { kind: "request" })
          for (const after of [0, 1, 2, 3, 99]) {
            const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId, after)))
            assert.deepStrictEqual(
              log.map(({ seq }) => seq),
              [...[1, 2, 3].filter((seq) => seq > after), null]
            )
          }
        })
      )

      it.effect("a turn begins with its lease and what waits, once at a time", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const { arrival } = yield* store.deliver(id, user("one"), { kind: "request" })
          const begun = yield* beginTurn(id, "me")
          assert.deepStrictEqual(
            begun.promoted.map(({ arrival, seq }) => [seq, arrival]),
            [[1, arrival]]
          )
          assert.deepStrictEqual(begun.state.tail, begun.promoted)
          assert.deepStrictEqual(begun.state, yield* store.state(id))
          const refused = yield* store.begin(id, { holder: "they", ttl: 1_000 })
          assert.strictEqual(refused._tag === "Held" ? refused.holder : "", "me")
          yield* store.append(begun.lease, [assistant("two")])
          yield* store.release(begun.lease)
          const next = yield* beginTurn(id, "they")
          assert.isTrue(next.lease.token > begun.lease.token)
          assert.deepStrictEqual(next.promoted, [])
          assert.deepStrictEqual(yield* contents(id), ["one", "two"])
          const nobody = yield* Effect.flip(store.begin(freshSession(), { holder: "me", ttl: 1_000 }))
          assert.strictEqual(nobody._tag, "UnknownSession")
        })
      )

      it.effect("what a turn began with is the latest no longer once something was delivered or superseded it", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* store.deliver(id, user("one"), { kind: "request" })
          const first = yield* beginTurn(id, "first", 0)
          yield* store.deliver(id, user("two"), { kind: "request" })
          assert.isFalse(first.isLatest())
          const second = yield* beginTurn(id, "second", 0)
          yield* store.reset(id)
          assert.isFalse(second.isLatest())
          const third = yield* beginTurn(id, "third", 0)
          yield* yieldToLoop
          assert.isFalse(third.isLatest(), "another process may have told of a delivery")
        })
      )

      it.effect("an idempotency key gives the first receipt again, and refuses another body", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const first = yield* store.deliver(id, user("one"), { kind: "request", key: "k" })
          yield* store.promote(yield* acquireLease(id))
          const again = yield* store.deliver(id, user("one"), { kind: "request", key: "k" })
          assert.deepStrictEqual(again, { ...first, duplicate: true })
          const conflict = yield* Effect.flip(store.deliver(id, user("two"), { kind: "request", key: "k" }))
          assert.strictEqual(conflict._tag, "IdempotencyConflict")
          assert.deepStrictEqual(yield* contents(id), ["one"])
          const elsewhere = yield* store.deliver(freshSession(), user("two"), { kind: "request", key: "k" })
          assert.isFalse(elsewhere.duplicate)
        })
      )

      it.effect.prop(
        "a message under a key is the same in whatever order its keys come, and another if one value differs",
        {
          extra: fc.dictionary(fc.constantFrom("a", "b", "10", "9", "__proto__", "ключ"), fc.jsonValue({ maxDepth: 3 }))
        },
        ({ extra }) =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const id = freshSession()
            const message = { ...user("pay invoice 7"), metadata: [{ extra, of: ["x", "y"] }] }
            const deliver = (json: string) => store.deliver(id, JSON.parse(json), { kind: "request", key: "k" })
            const first = yield* deliver(JSON.stringify(message))
            const again = yield* deliver(JSON.stringify(message, reverseKeys))
            assert.deepStrictEqual(again, { ...first, duplicate: true })
            const others = [
              { ...message, metadata: [{ extra, of: ["y", "x"] }] },
              { ...message, metadata: [{ extra: { ...extra, more: null }, of: ["x", "y"] }] },
              { ...message, metadata: { 0: { extra, of: ["x", "y"] } } }
            ]
            for (const other of others) {
              assert.strictEqual((yield* Effect.flip(deliver(JSON.stringify(other))))._tag, "IdempotencyConflict")
            }
          }),
        propertyRuns(10, 50)
      )

      it.effect("unknown fields and the order of keys survive", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const odd = JSON.parse(`{"zeta":1,"content":"hi","role":"user","name":"Ada"}`)
          yield* store.deliver(id, odd, { kind: "request" })
          yield* store.promote(yield* acquireLease(id))
          const log = yield* Stream.runCollect(store.log(id))
          assert.deepStrictEqual(
            Chunk.toReadonlyArray(log).map(({ message }) => JSON.stringify(message)),
            [JSON.stringify(odd)]
          )
        })
      )

      it.effect("two holders never have one lease, and an expired one is taken over", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* store.deliver(id, user("one"), { kind: "request" })
          const mine = yield* acquireLease(id, "turn", "me", 0)
          const theirs = yield* acquireLease(id, "turn", "they")
          assert.isTrue(theirs.token > mine.token)
          const refused = yield* store.acquire(id, { name: "turn", holder: "third", ttl: 1_000 })
          assert.strictEqual(refused._tag === "Held" ? refused.holder : "", "they")
          const lost = yield* Effect.flip(store.append(mine, [assistant("late")]))
          assert.strictEqual(lost._tag, "TurnLost")
          assert.deepStrictEqual(lost._tag === "TurnLost" ? lost.unstored : [], [assistant("late")])
          assert.isFalse(yield* store.renew(mine, 1_000))
          yield* store.release(mine)
          assert.isTrue(yield* store.renew(theirs, 1_000))
          assert.deepStrictEqual(yield* contents(id), ["one"])
        })
      )

      it.effect("a lease that was given back writes nothing any more, though nobody has taken it", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const turn = yield* acquireLease(id)
          const operation = yield* acquireLease(id, "operation")
          yield* Effect.all([store.release(turn), store.release(operation)])
          assert.strictEqual((yield* Effect.flip(store.append(turn, [assistant("late")])))._tag, "TurnLost")
          assert.strictEqual((yield* Effect.flip(store.promote(turn)))._tag, "TurnLost")
          assert.strictEqual((yield* Effect.flip(commit(operation, 0, 3)))._tag, "LeaseLost")
          assert.deepStrictEqual(yield* contents(id), ["a", "b", "c", "d"])
          assert.strictEqual((yield* store.state(id)).generation, 0)
        })
      )

      it.effect("a lease is its holder's alone: the same token under another name writes and ends nothing", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const [turn, operation] = [yield* acquireLease(id), yield* acquireLease(id, "operation")]
          const [notTurn, notOperation] = [turn, operation].map((lease) => ({ ...lease, holder: "another" }))
          assert.isDefined(notTurn)
          assert.isDefined(notOperation)
          assert.strictEqual((yield* Effect.flip(store.append(notTurn, [assistant("x")])))._tag, "TurnLost")
          assert.strictEqual((yield* Effect.flip(store.promote(notTurn)))._tag, "TurnLost")
          assert.strictEqual((yield* Effect.flip(commit(notOperation, 0, 3)))._tag, "LeaseLost")
          assert.isFalse(yield* store.renew(notTurn, 1_000))
          yield* store.release(notTurn)
          assert.lengthOf(yield* store.append(turn, [assistant("e")]), 1)
        })
      )

      it.effect("a turn's lease makes no generation, and an operation's writes no message", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          yield* store.deliver(id, user("e"), { kind: "request" })
          const [turn, operation] = [yield* acquireLease(id), yield* acquireLease(id, "operation")]
          const lost = yield* Effect.flip(commit(turn, 0, 3))
          assert.deepInclude(lost, { _tag: "LeaseLost", name: "operation", superseded: false })
          assert.strictEqual((yield* Effect.flip(store.promote(operation)))._tag, "TurnLost")
          assert.strictEqual((yield* Effect.flip(store.append(operation, [assistant("x")])))._tag, "TurnLost")
          assert.deepInclude(yield* store.state(id), { generation: 0, lastSeq: 4 })
          assert.strictEqual((yield* commit(operation, 0, 3)).generation, 1)
          assert.lengthOf((yield* store.promote(turn)).promoted, 1)
        })
      )

      it.effect("a lease that is held says for how long, by the store's own clock", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, [user("a")])
          yield* acquireLease(id, "turn", "first", 9_000)
          yield* TestClock.adjust(2_500)
          const held = { _tag: "Held", holder: "first", remaining: 6_500 } as const
          assert.deepStrictEqual(yield* store.acquire(id, { name: "turn", holder: "second", ttl: 5 }), held)
          yield* TestClock.adjust(6_500)
          assert.strictEqual((yield* store.acquire(id, { name: "turn", holder: "fourth", ttl: 5 }))._tag, "Granted")
        })
      )

      it.effect("a lease of a holder whose clock ran a day ahead is not believed", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, [user("a")])
          const now = yield* Clock.currentTimeMillis
          yield* TestClock.setTime(now + 86_400_000)
          const ahead = yield* acquireLease(id, "turn", "ahead", 15_000)
          yield* TestClock.setTime(now)
          const request = { name: "turn", holder: "second", ttl: 15_000 } as const
          const granted = yield* store.acquire(id, request)
          assert.strictEqual(granted._tag, "Granted")
          assert.strictEqual((yield* Effect.flip(store.append(ahead, [assistant("x")])))._tag, "TurnLost")
          assert.strictEqual((yield* store.acquire(id, { ...request, holder: "third" }))._tag, "Held")
        })
      )

      it.effect("states of one base differ in what was appended, and each generation has a base of its own", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const before = yield* store.state(id)
          yield* store.append(yield* acquireLease(id), [assistant("e")])
          const after = yield* store.state(id)
          assert.strictEqual(after.base, before.base)
          assert.deepStrictEqual(after.tail.slice(0, 4), before.tail)
          const committed = yield* commit(yield* acquireLease(id, "operation"), 0, 3)
          assert.notStrictEqual(committed.state.base, before.base)
          const others = [yield* store.stateAt(id, 4), yield* store.snapshot(committed.snapshotId)]
          for (const { base } of others) assert.notInclude([before.base, committed.state.base], base)
        })
      )

      it.effect("keys and names hold neither NUL nor half a surrogate pair", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          for (const key of ["a\0b", "\ud83d", "\ude00x", "\ude00\ud83d"]) {
            const refused = yield* Effect.flip(store.deliver(id, user("one"), { kind: "request", key }))
            assert.deepInclude(refused, { _tag: "InvalidKey", key })
            assert.isFalse(Schema.is(SessionId)(key))
          }
          assert.strictEqual((yield* Effect.flip(store.state(id)))._tag, "UnknownSession")
          for (const key of ["\ud83d\ude00", "\u0001", "\uffff", " "]) {
            assert.isFalse((yield* store.deliver(id, user("one"), { kind: "request", key })).duplicate)
            assert.isTrue((yield* store.deliver(id, user("one"), { kind: "request", key })).duplicate)
            assert.isTrue(Schema.is(SessionId)(key))
          }
        })
      )

      it.effect("the ledger is text the store keeps as it is, until a reset", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          assert.isNull(yield* store.ledger(id))
          const lease = yield* acquireLease(id, "operation")
          const made = { operationId: "op", base: 0, manifest: { ...wholeLog }, segments: [] }
          yield* store.commit(lease, { ...made, ledger: "no { JSON" })
          assert.strictEqual(yield* store.ledger(id), "no { JSON")
          yield* store.commit(lease, { ...made, base: 1, ledger: "" })
          assert.strictEqual(yield* store.ledger(id), "")
          yield* store.reset(id)
          assert.isNull(yield* store.ledger(id))
        })
      )

      it.effect("an operation begins with what state and ledger tell, and is begun by nobody else", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const begin = (holder: string) => store.beginOperation(id, { holder, ttl: 60_000 })
          for (const ledger of [null, "a ledger"]) {
            const begun = yield* begin("first")
            if (begun._tag === "Held") return assert.fail("nobody else has the lease")
            assert.deepInclude(yield* begin("second"), { _tag: "Held", holder: "first" })
            assert.deepStrictEqual(begun.state, yield* store.state(id))
            assert.strictEqual(begun.ledger, ledger)
            assert.deepStrictEqual([begun.lease.name, begun.lease.holder], ["operation", "first"])
            const { generation: base } = begun.state
            const made = { operationId: "op", base, manifest: { ...wholeLog }, segments: [] }
            yield* store.commit(begun.lease, { ...made, ledger: "a ledger" })
            yield* store.release(begun.lease)
          }
          const revoked = yield* begin("third")
          if (revoked._tag === "Held") return assert.fail("the lease was given back")
          yield* store.reset(id)
          assert.isFalse(yield* store.renew(revoked.lease, 60_000))
          const after = yield* begin("fourth")
          assert.isNull(after._tag === "Granted" ? after.ledger : "held")
          const nobody = yield* Effect.flip(store.beginOperation(freshSession(), { holder: "x", ttl: 1 }))
          assert.strictEqual(nobody._tag, "UnknownSession")
        })
      )

      it.effect("routes are remembered by their key, until nothing is known against them", () =>
        Effect.gen(function* () {
          const routes = yield* RouteMemory
          const key = `route ${freshSession()}`
          const pause = { failures: 2, level: 1, until: 1_000 }
          const look = Effect.map(
            routes.modify([key, "another"], (known) => [known, known]),
            ([known, other]) => {
              assert.deepStrictEqual(other, noPause)
              return known
            }
          )
          assert.deepStrictEqual(yield* look, noPause)
          assert.strictEqual(yield* routes.modify([key], () => ["done", [pause]]), "done")
          assert.deepStrictEqual([yield* look, yield* look], [pause, pause])
          yield* routes.modify([key], () => [undefined, [noPause]])
          assert.deepStrictEqual(yield* look, noPause)
        })
      )

      it.effect("counters add up, the longest wait alone is a maximum, and tries to heal are counted", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const counters = yield* SessionCounters
          const id = freshSession()
          yield* counters.count(id, { committed: 1 })
          assert.strictEqual((yield* Effect.flip(counters.stats(id)))._tag, "UnknownSession")
          yield* store.deliver(id, user("one"), { kind: "request" })
          yield* counters.count(id, { committed: 1, waitedMs: 5, longestWaitMs: 5 })
          yield* counters.count(id, { committed: 2, waitedMs: 3, longestWaitMs: 3 })
          const stats = yield* counters.stats(id)
          assert.deepInclude(stats, { sessionId: id, waitedMs: 8, longestWaitMs: 5 })
          assert.strictEqual(stats.compressions.committed, 3)
          const segmentId = `seg ${id}`
          assert.deepStrictEqual(
            yield* Effect.forEach([0, 1, 2, 0, -1, 0], (more) => counters.healTries(segmentId, more)),
            [0, 1, 3, 3, 2, 2]
          )
        })
      )

      it.effect("counters round to the nearest number, also below zero, and no wait is shorter than none", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const counters = yield* SessionCounters
          const id = freshSession()
          yield* store.deliver(id, user("one"), { kind: "request" })
          yield* counters.count(id, { tokensSaved: -2.5, longestWaitMs: -3 })
          assert.deepInclude(yield* counters.stats(id), { tokensSaved: -2, longestWaitMs: 0 })
          yield* counters.count(id, { tokensSaved: -0.6, longestWaitMs: 0.5 })
          assert.deepInclude(yield* counters.stats(id), { tokensSaved: -3, longestWaitMs: 1 })
        })
      )

      it.effect("a commit makes the next generation, leaves a snapshot, and copies nothing", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const before = yield* store.state(id)
          const { generation, snapshotId, state } = yield* commit(yield* acquireLease(id, "operation"), 0, 3)
          assert.strictEqual(generation, 1)
          assert.deepStrictEqual(yield* store.state(id), state)
          assert.deepStrictEqual(
            [state.head, state.segments, state.tail].map((part) => part.length),
            [1, 1, 1]
          )
          assert.deepStrictEqual(yield* store.snapshot(snapshotId), before)
          assert.deepStrictEqual(
            (yield* store.snapshots(id)).map((snapshot) => [snapshot.snapshotId, snapshot.generation]),
            [[snapshotId, 0]]
          )
          assert.deepStrictEqual(yield* contents(id), ["a", "b", "c", "d"])
        })
      )

      it.effect("a receipt is text the store keeps with its generation, and with no other", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const lease = yield* acquireLease(id, "operation")
          const first = yield* commit(lease, 0, 2, "no { JSON, \u{1f511}")
          const second = yield* commit(lease, 1, 3)
          const { snapshotId } = yield* store.reset(id)
          assert.strictEqual(yield* store.receipt(first.snapshotId), "no { JSON, \u{1f511}")
          assert.isNull(yield* store.receipt(second.snapshotId))
          assert.isNull(yield* store.receipt(snapshotId))
          assert.notProperty(first.state.manifest, "receipt")
          assert.notProperty((yield* store.snapshot(second.snapshotId)).manifest, "receipt")
        })
      )

      it.effect("a commit is refused from another generation or without the lease, and writes nothing", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const stale = yield* acquireLease(id, "operation", "paused", 0)
          const lease = yield* acquireLease(id, "operation", "mine")
          assert.strictEqual((yield* Effect.flip(commit(stale, 0, 3)))._tag, "LeaseLost")
          assert.strictEqual((yield* Effect.flip(commit(lease, 1, 3)))._tag, "LeaseLost")
          assert.strictEqual((yield* store.state(id)).generation, 0)
          yield* commit(lease, 0, 3)
          assert.strictEqual((yield* store.state(id)).generation, 1)
        })
      )

      it.effect("a reset supersedes the turn and the operation begun before it; the log stays", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const turn = yield* acquireLease(id)
          const operation = yield* acquireLease(id, "operation")
          const { state } = yield* store.reset(id)
          assert.deepStrictEqual([state.head, state.segments, state.tail].flat(), [])
          assert.strictEqual((yield* Effect.flip(store.append(turn, [assistant("x")])))._tag, "Superseded")
          assert.strictEqual((yield* Effect.flip(commit(operation, 0, 3)))._tag, "LeaseLost")
          assert.deepStrictEqual(yield* contents(id), ["a", "b", "c", "d"])
        })
      )

      it.effect("the windows learned for each model stay through compressions and rewinds, until a reset", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const windows = Effect.map(store.state(id), ({ windows }) => windows)
          yield* store.learnWindow(id, "m", 1_000)
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          assert.deepStrictEqual(yield* windows, [])
          yield* store.learnWindow(id, "m", 9_000)
          yield* store.learnWindow(id, "", 700)
          yield* store.learnWindow(id, "m", 8_000)
          const learned = [
            { model: "", contextLength: 700 },
            { model: "m", contextLength: 8_000 }
          ]
          assert.deepStrictEqual(yield* windows, learned)
          const committed = yield* commit(yield* acquireLease(id, "operation"), 0, 3)
          assert.deepStrictEqual(committed.state.windows, learned)
          assert.deepStrictEqual((yield* store.promote(yield* acquireLease(id))).state.windows, learned)
          const { manifest } = yield* store.stateAt(id, 3)
          yield* store.rewind(id, { base: 1, seq: 3, manifest, ledger: null })
          yield* store.learnWindow(id, "m", null)
          assert.deepStrictEqual(yield* windows, learned.slice(0, 1))
          assert.deepStrictEqual((yield* store.reset(id)).state.windows, [])
          assert.deepStrictEqual(yield* windows, [])
        })
      )

      it.effect(
        "a rewind supersedes the turn and the operation begun before it, and voids the report; the log stays",
        () =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const id = freshSession()
            yield* conversation(id, ["a", "b", "c", "d"].map(user))
            yield* store.deliver(id, user("waits"), { kind: "request" })
            const turn = yield* acquireLease(id)
            const operation = yield* acquireLease(id, "operation")
            yield* store.report(id, { generation: 0, seq: 4, model: "m", inputTokens: 9, estimate: 8 })
            const before = yield* store.state(id)
            const made = { base: 0, seq: 2, manifest: (yield* store.stateAt(id, 2)).manifest, ledger: null }
            const rewound = yield* store.rewind(id, made)
            if (rewound === null) return assert.fail("it was refused")
            assert.deepStrictEqual(yield* store.state(id), rewound.state)
            assert.deepInclude(rewound.state, { generation: 1, lastSeq: 4, usage: null })
            assert.deepStrictEqual(rewound.state.manifest, { ...wholeLog, undone: [{ fromSeq: 3, toSeq: 4 }] })
            assert.deepStrictEqual(rewound.state.tail, before.tail.slice(0, 2))
            assert.strictEqual((yield* Effect.flip(store.append(turn, [assistant("x")])))._tag, "Superseded")
            assert.strictEqual((yield* Effect.flip(commit(operation, 0, 3)))._tag, "LeaseLost")
            assert.deepStrictEqual(yield* undone(id), [false, false, true, true, false])
            assert.deepStrictEqual((yield* store.range(id, 1, 4)).length, 2)
            assert.deepStrictEqual((yield* store.snapshot(rewound.snapshotId)).tail, before.tail)
          })
      )

      it.effect(
        "after a rewind the log goes on with its next number, and one further back takes in what was undone",
        () =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const id = freshSession()
            yield* conversation(id, ["a", "b", "c", "d"].map(user))
            const back = (base: number, seq: number) =>
              Effect.flatMap(store.stateAt(id, seq), ({ manifest }) =>
                store.rewind(id, { base, seq, manifest, ledger: null })
              )
            assert.isNull(yield* back(7, 3), "the session is not at that generation")
            yield* back(0, 3)
            const [e] = yield* store.append(yield* acquireLease(id, "turn", "me", 0), [assistant("e")])
            assert.strictEqual(e?.seq, 5)
            assert.deepStrictEqual((yield* back(1, 2))?.state.manifest.undone, [{ fromSeq: 3, toSeq: 5 }])
            yield* store.append(yield* acquireLease(id), [assistant("f")])
            const { state } = (yield* back(2, 6)) ?? { state: yield* store.state(id) }
            assert.deepStrictEqual(state.manifest.undone, [{ fromSeq: 3, toSeq: 5 }])
            assert.deepStrictEqual(
              state.tail.map(({ message, seq }) => [seq, message.content]),
              [
                [1, "a"],
                [2, "b"],
                [6, "f"]
              ]
            )
            assert.deepStrictEqual(yield* contents(id), ["a", "b", "c", "d", "e", "f"])
          })
      )

      it.effect("a rewind goes back to the newest generation that had not covered what is taken back", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d", "e", "f"].map(user))
          const lease = yield* acquireLease(id, "operation")
          yield* commit(lease, 0, 3)
          yield* commit(lease, 1, 5)
          const generations = yield* Effect.forEach([6, 5, 4, 3, 2, 0], (seq) => store.stateAt(id, seq))
          assert.deepStrictEqual(
            generations.map(({ generation }) => generation),
            [2, 2, 1, 1, 0, 0]
          )
          assert.deepStrictEqual(
            generations.map(({ tail }) => tail.map(({ seq }) => seq)),
            [[6], [], [4], [], [1, 2], []]
          )
          yield* store.reset(id)
          assert.deepStrictEqual((yield* store.stateAt(id, 6)).tail, [])
          assert.deepStrictEqual((yield* store.stateAt(id, 5)).generation, 2)
        })
      )

      it.effect("a rewind does not go back to a generation of what was restored away", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const names = (id: SessionId, seq: number) =>
            Effect.map(store.stateAt(id, seq), ({ generation, tail }) => [generation, tail.map(({ seq }) => seq)])
          const make = (id: SessionId, base: number, manifest: Partial<Manifest>) =>
            Effect.flatMap(acquireLease(id, "operation", "me", 0), (lease) =>
              store.commit(lease, {
                operationId: "op",
                base,
                manifest: { ...wholeLog, ...manifest },
                segments: [],
                ledger: null
              })
            )
          const append = (id: SessionId) =>
            Effect.flatMap(acquireLease(id, "turn", "me", 0), (lease) =>
              store.append(lease, ["e", "f", "g", "h"].map(user))
            )
          const rewound = freshSession()
          yield* conversation(rewound, ["a", "b", "c", "d"].map(user))
          const undone = [{ fromSeq: 3, toSeq: 4 }]
          yield* store.rewind(rewound, { base: 0, seq: 2, manifest: wholeLog, ledger: null })
          yield* append(rewound)
          yield* make(rewound, 1, { tailFrom: 8, undone })
          yield* make(rewound, 2, {})
          yield* make(rewound, 3, { tailFrom: 6 })
          yield* make(rewound, 4, { tailFrom: 8, undone })
          assert.deepStrictEqual(
            yield* names(rewound, 6),
            [3, [1, 2, 5, 6]],
            "generation 4 covers what is undone again"
          )

          const reset = freshSession()
          yield* conversation(reset, ["a", "b", "c", "d"].map(user))
          yield* make(reset, 0, { tailFrom: 2 })
          yield* store.reset(reset)
          yield* append(reset)
          yield* make(reset, 2, { tailFrom: 2 })
          yield* make(reset, 3, { tailFrom: 8 })
          yield* make(reset, 4, { contextFrom: 5, tailFrom: 5 })
          yield* make(reset, 5, { tailFrom: 8 })
          assert.deepStrictEqual(yield* names(reset, 6), [3, [2, 3, 4, 5, 6]], "generation 5 begins at the reset")
        })
      )

      it.effect("the provider's count outlives a commit, also one that shows more than the view before it", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, [{ role: "system", content: "s" }, ...["a", "b", "c"].map(user)])
          const lease = yield* acquireLease(id, "operation")
          yield* store.state(id)
          const usage = { generation: 0, seq: 4, model: "m", inputTokens: 9, estimate: 8 }
          yield* store.report(id, usage)
          const made = { operationId: "op", base: 0, manifest: wholeLog, segments: [], ledger: null }
          const { state } = yield* store.commit(lease, made)
          assert.deepStrictEqual(state.usage, usage)
          assert.deepInclude(yield* store.state(id), { generation: 1, usage })
        })
      )

      it.effect("a generation that cannot be is not made: of messages to come, or with a segment there is", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const lease = yield* acquireLease(id, "operation")
          const made = { operationId: "op", base: 0, manifest: wholeLog, segments: [], ledger: null }
          const twice = segment(`twice in ${id}`, 2, 3)
          for (const part of [{ headTo: 5 }, { tailFrom: 6 }, { contextFrom: 6 }, { live: [2, 5] }]) {
            const manifest = { ...wholeLog, ...part }
            const refused = { _tag: "StoreError", reason: "failed" } as const
            assert.deepInclude(yield* Effect.flip(store.commit(lease, { ...made, manifest })), refused)
            const rewind = { base: 0, seq: 2, manifest, ledger: null }
            assert.deepInclude(yield* Effect.flip(store.rewind(id, rewind)), refused)
          }
          const repeated = yield* Effect.flip(store.commit(lease, { ...made, segments: [twice, twice] }))
          assert.deepInclude(repeated, { _tag: "StoreError", reason: "failed" })
          assert.deepInclude(yield* store.state(id), { generation: 0, manifest: wholeLog })
          const end = { ...wholeLog, headTo: 4, tailFrom: 5 }
          assert.strictEqual((yield* store.commit(lease, { ...made, manifest: end })).generation, 1)
        })
      )

      it.effect("a state of the past holds no message after it, whatever its manifest names", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d"].map(user))
          const manifest = { ...wholeLog, headTo: 3, tailFrom: 2, live: [1, 4] }
          const lease = yield* acquireLease(id, "operation")
          yield* store.commit(lease, { operationId: "op", base: 0, manifest, segments: [], ledger: null })
          const past = yield* store.stateAt(id, 1)
          assert.deepInclude(past, { generation: 1, lastSeq: 1, tail: [] })
          assert.deepStrictEqual(
            [past.head, past.live].map((entries) => entries.map(({ seq }) => seq)),
            [[1], [1]]
          )
        })
      )

      it.effect("how an operation ended is read with its own request key, and with no other", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const sessionId = freshSession()
          const operationId = `op ${sessionId}`
          const outcome = JSON.stringify({ said: "whatever stands here: \u0000, \ud83d" })
          yield* store.publish({ sessionId, operationId, requestKey: "request", outcome })
          assert.strictEqual(yield* store.outcome(operationId, "request"), outcome)
          assert.isNull(yield* store.outcome(operationId, "another request"))
          assert.isNull(yield* store.outcome("another operation", "request"))
        })
      )

      it.effect(
        "a commit that ends its operation publishes it, counts it and gives its lease back, or does nothing",
        () =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const { stats } = yield* SessionCounters
            const sessionId = freshSession()
            yield* conversation(sessionId, ["a", "b", "c"].map(user))
            const readEnd = (operationId: string) =>
              Effect.all({ outcome: store.outcome(operationId, "request"), stats: stats(sessionId) })
            for (const base of [0, 1, 2]) {
              const before = yield* stats(sessionId)
              const lease = yield* acquireLease(sessionId, "operation", `holder ${base}`)
              const operationId = `op ${base} of ${sessionId}`
              const made = { operationId, manifest: wholeLog, segments: [], ledger: null }
              const ending = {
                requestKey: "request",
                makeOutcome: (snapshotId: string) => `it left ${snapshotId}`,
                counts: { committed: 1, tokensSaved: 1.6 }
              }
              assert.strictEqual(
                (yield* Effect.flip(store.commit(lease, { ...made, base: 7, ending })))._tag,
                "LeaseLost"
              )
              assert.deepStrictEqual(yield* readEnd(operationId), { outcome: null, stats: before })
              assert.isTrue(yield* store.renew(lease, 60_000))

              const { snapshotId } = yield* store.commit(lease, { ...made, base, ending })
              const { outcome, stats: after } = yield* readEnd(operationId)
              assert.strictEqual(outcome, `it left ${snapshotId}`)
              assert.strictEqual(after.compressions.committed, base + 1)
              assert.strictEqual(after.tokensSaved, 2 * (base + 1))
              assert.isNull(yield* store.outcome(operationId, "another request"))

              const next = yield* acquireLease(sessionId, "operation", `the next one ${base}`)
              yield* store.release(lease)
              assert.strictEqual(
                (yield* Effect.flip(store.commit(lease, { ...made, base: base + 1, ending })))._tag,
                "LeaseLost",
                "the lease is another one's"
              )
              assert.isTrue(yield* store.renew(next, 60_000))
              yield* store.release(next)
            }
          })
      )

      it.effect("the recent state has all that this store has written", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c"].map(user))
          const turn = yield* acquireLease(id, "turn")
          assert.deepStrictEqual(yield* store.recentState(id), yield* store.state(id))
          yield* store.append(turn, ["d", "e"].map(user))
          assert.deepStrictEqual(
            (yield* store.recentState(id)).tail.map(({ seq }) => seq),
            [1, 2, 3, 4, 5]
          )
          yield* commit(yield* acquireLease(id, "operation"), 0, 3)
          assert.strictEqual((yield* store.recentState(id)).generation, 1)
          yield* store.reset(id)
          assert.deepStrictEqual(yield* store.recentState(id), yield* store.state(id))
          const nobody = freshSession()
          assert.deepStrictEqual(yield* Effect.flip(store.recentState(nobody)), yield* Effect.flip(store.state(nobody)))
        })
      )

      it.effect(
        "an import keeps beside a session what it was to another, and what was left out, until it is forgotten",
        () =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const [main, part] = [freshSession(), freshSession()]
            const left = [{ line: 3, reason: "expected an end", text: '{"a":"\0\ud800"' }]
            const origin = { as: "subagent", of: main, call: "t1" } as const
            const messages = [user("a")]
            const both = [
              { sessionId: main, messages, left },
              { sessionId: part, messages, origin }
            ]
            const listed = Effect.map(store.sessions, (all) =>
              all.filter(({ sessionId }) => sessionId === main || sessionId === part).map((one) => one.origin)
            )
            yield* store.importAll(both)
            assert.deepStrictEqual(yield* store.leftOut(main), left)
            assert.deepStrictEqual(yield* store.leftOut(part), [])
            assert.sameDeepMembers([...(yield* listed)], [undefined, origin])
            assert.strictEqual((yield* Effect.flip(store.leftOut(freshSession())))._tag, "UnknownSession")
            if (!isAlone) return
            yield* store.forget(main)
            yield* store.forget(part)
            yield* store.importAll([
              { sessionId: main, messages },
              { sessionId: part, messages }
            ])
            assert.deepStrictEqual([yield* store.leftOut(main), yield* listed], [[], [undefined, undefined]])
          })
      )

      it.effect("an import is whole or not at all", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const taken = freshSession()
          const fresh = freshSession()
          yield* conversation(taken, [user("a")])
          const refused = yield* Effect.flip(
            store.importAll([
              { sessionId: fresh, messages: [user("b")] },
              { sessionId: taken, messages: [user("c")] }
            ])
          )
          assert.strictEqual(refused._tag, "SessionExists")
          assert.strictEqual((yield* Effect.flip(store.state(fresh)))._tag, "UnknownSession")
        })
      )

      it.effect("an import that names a session twice is refused, and leaves the session to be begun", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const histories = ["a", "b"].map((said) => ({ sessionId: id, messages: [user(said)] }))
          assert.strictEqual((yield* Effect.flip(store.importAll(histories)))._tag, "SessionExists")
          assert.strictEqual((yield* Effect.flip(store.state(id)))._tag, "UnknownSession")
          yield* store.deliver(id, user("c"), { kind: "request" })
          assert.deepStrictEqual(yield* contents(id), ["c"])
        })
      )

      it.effect("what does not exist is a typed error", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const nobody = SessionId.make("nobody")
          const request = { name: "turn", holder: "me", ttl: 1 } as const
          assert.strictEqual((yield* Effect.flip(store.state(nobody)))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(store.acquire(nobody, request)))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(Stream.runDrain(store.log(nobody))))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(store.snapshots(nobody)))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(store.reset(nobody)))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(store.stateAt(nobody, 0)))._tag, "UnknownSession")
          const nothing = { base: 0, seq: 0, manifest: wholeLog, ledger: null }
          assert.strictEqual((yield* Effect.flip(store.rewind(nobody, nothing)))._tag, "UnknownSession")
          assert.strictEqual((yield* Effect.flip(store.snapshot("nothing")))._tag, "UnknownSnapshot")
          assert.strictEqual((yield* Effect.flip(store.receipt("nothing")))._tag, "UnknownSnapshot")
          const index = yield* SessionIndex
          const scope = { fromSeq: 1, toSeq: 1, except: [], also: [] }
          assert.strictEqual((yield* Effect.flip(index.segment("nothing")))._tag, "UnknownSegment")
          assert.strictEqual(
            (yield* Effect.flip(index.search(nobody, "a", { limit: 1, scope })))._tag,
            "UnknownSession"
          )
          assert.isUndefined((yield* store.sessions).find(({ sessionId }) => sessionId === nobody))
        })
      )

      type Deed =
        | "deliver"
        | "turn"
        | "append"
        | "commit"
        | "reset"
        | "rewind"
        | "publish"
        | "count"
        | "search"
        | "report"
      const deeds = fc.array(
        fc.constantFrom<Array<Deed>>(
          "deliver",
          "turn",
          "append",
          "commit",
          "reset",
          "rewind",
          "publish",
          "count",
          "search",
          "report"
        ),
        { maxLength: 20 }
      )
      /** Does things to a session, whatever may come of them. Returns the ids of its snapshots and segments. */
      const live = (id: SessionId, deeds: ReadonlyArray<Deed>) =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const index = yield* SessionIndex
          const counters = yield* SessionCounters
          yield* store.deliver(id, user("one"), { kind: "request", key: "first" })
          let holders = 0
          const under = (name: "turn" | "operation") => acquireLease(id, name, `${name} ${++holders} of ${id}`, 0)
          const segments: Array<string> = []
          for (const deed of deeds) {
            const { generation, lastSeq } = yield* store.state(id)
            if (deed === "deliver") yield* store.deliver(id, user("two, after one"), { kind: "request" })
            else if (deed === "turn") yield* store.promote(yield* under("turn"))
            else if (deed === "append") yield* store.append(yield* under("turn"), [assistant("so said one")])
            else if (deed === "commit" && lastSeq > 2) {
              yield* commit(yield* under("operation"), generation, lastSeq - 1, "a receipt")
              segments.push(`${id}/${generation}`)
            } else if (deed === "reset") yield* store.reset(id)
            else if (deed === "rewind") {
              const seq = Math.max(0, lastSeq - 1)
              yield* store.rewind(id, { base: generation, seq, manifest: wholeLog, ledger: "a ledger" })
            } else if (deed === "publish") {
              const operationId = `published by ${id}`
              yield* store.publish({ sessionId: id, operationId, requestKey: "k", outcome: "done" })
            } else if (deed === "count") yield* counters.count(id, { committed: 1 })
            else if (deed === "search") {
              const scope = { fromSeq: 1, toSeq: 99, except: [], also: [] }
              yield* index.search(id, "who said one?", { scope, limit: 3 })
            } else yield* store.report(id, { generation, seq: 1, model: "m", inputTokens: 7, estimate: 8 })
          }
          for (const segment of segments) yield* counters.healTries(segment, 1)
          return { segments, snapshots: (yield* store.snapshots(id)).map(({ snapshotId }) => snapshotId) }
        })

      it.effect.prop(
        "a forgotten session is as one that never was, whatever happened to it, and of the others nothing changes",
        [deeds, deeds],
        ([deeds, otherDeeds]) =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const [id, other] = [freshSession(), freshSession()]
            const { segments, snapshots } = yield* live(id, deeds)
            const kept = yield* live(other, otherDeeds)
            const before = yield* answersAbout(other, kept.snapshots, kept.segments)
            const log = yield* contents(id)
            const { lastSeq } = yield* store.state(id)
            const forgotten = yield* Effect.either(store.forget(id))
            if (isAlone || lastSeq === 0) {
              const { messages, waiting } = Either.getOrThrow(forgotten)
              assert.deepStrictEqual([messages, waiting], [lastSeq, log.length - lastSeq])
              assert.deepStrictEqual(yield* answersAbout(id, snapshots, segments), nothingOf(id, snapshots, segments))
            } else {
              assert.deepInclude(Option.getOrThrow(Either.getLeft(forgotten)), { _tag: "ForeignSession" })
              assert.deepStrictEqual(yield* contents(id), log)
            }
            const after = yield* answersAbout(other, kept.snapshots, kept.segments)
            assert.deepStrictEqual(withoutBase(after), withoutBase(before))
          }),
        propertyRuns(10, 60)
      )

      it.effect("a session that is held is not forgotten, and its holder is named", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          for (const lease of ["turn", "operation"] as const) {
            const id = freshSession()
            yield* store.deliver(id, user("one"), { kind: "request", key: "k" })
            const held = yield* acquireLease(id, lease, `the ${lease}`, 1_000)
            const busy = yield* Effect.flip(store.forget(id))
            assert.deepInclude(busy, { _tag: "SessionBusy", sessionId: id, holder: `the ${lease}`, isRetryable: true })
            assert.deepStrictEqual(yield* contents(id), ["one"])
            assert.isTrue((yield* store.deliver(id, user("one"), { kind: "request", key: "k" })).duplicate)
            if (lease === "turn") yield* store.release(held)
            else yield* TestClock.adjust("1 second")
            yield* store.forget(id)
            assert.deepStrictEqual(yield* Effect.flip(store.state(id)), makeUnknownSession(id))
          }
        })
      )

      it.effect("after a session is forgotten, its id begins anew, and no earlier holder writes to it", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          const first = yield* store.deliver(id, user("one"), { kind: "request", key: "k" })
          const turn = yield* acquireLease(id, "turn", "a turn of before", 0)
          const operation = yield* acquireLease(id, "operation", "an operation of before", 0)
          const { lastArrival } = yield* store.forget(id)
          assert.isAtLeast(lastArrival, first.arrival)
          assert.strictEqual((yield* Effect.flip(store.append(turn, [assistant("late")])))._tag, "TurnLost")
          const again = yield* store.deliver(id, user("another"), { kind: "request", key: "k" })
          assert.isFalse(again.duplicate)
          assert.isAbove(again.arrival, lastArrival)
          assert.strictEqual((yield* Effect.flip(store.append(turn, [assistant("late")])))._tag, "Superseded")
          assert.isFalse(yield* store.renew(operation, 1_000))
          const now = yield* acquireLease(id, "turn", "a turn of now")
          assert.strictEqual((yield* Effect.flip(store.promote(turn)))._tag, "Superseded")
          assert.deepStrictEqual(
            (yield* store.promote(now)).promoted.map(({ message, seq }) => [seq, message.content]),
            [[1, "another"]]
          )
          assert.deepStrictEqual(yield* contents(id), ["another"])
          const nobody = SessionId.make("nobody")
          assert.deepStrictEqual(yield* Effect.flip(store.forget(nobody)), makeUnknownSession(nobody))
        })
      )

      type Action = readonly ["deliver" | "promote" | "append" | "commit", number]
      const actions: fc.Arbitrary<ReadonlyArray<Action>> = fc.array(
        fc.tuple(fc.constantFrom<Array<Action[0]>>("deliver", "promote", "append", "commit"), fc.nat(3)),
        { maxLength: 30 }
      )
      it.effect.prop(
        "nothing lost, nothing twice: log plus inbox are exactly the acknowledged messages, in order",
        [actions],
        ([actions]) =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const id = freshSession()
            const log: Array<string> = ["first"]
            let inbox: Array<string> = []
            yield* conversation(id, [user("first")])
            const turn = yield* acquireLease(id)
            const operation = yield* acquireLease(id, "operation")
            let generation = 0
            for (const [step, [action, n]] of actions.entries()) {
              const words = Array.from({ length: n }, (_, i) => `${step}.${i}`)
              if (action === "deliver") {
                for (const word of words) yield* store.deliver(id, user(word), { kind: "request" })
                inbox.push(...words)
              } else if (action === "append") {
                yield* store.append(turn, words.map(assistant))
                log.push(...words)
              } else if (action === "promote") {
                yield* store.promote(turn)
                log.push(...inbox)
                inbox = []
              } else if (log.length > 1) {
                generation = (yield* commit(operation, generation, log.length - 1)).generation
              }
            }
            assert.deepStrictEqual(yield* contents(id), [...log, ...inbox])
            const state = yield* store.state(id)
            assert.strictEqual(state.lastSeq, log.length)
            assert.strictEqual(state.generation, generation)
            const shown = [...state.head, ...state.tail].map(({ message }) => message.content)
            assert.deepStrictEqual(
              shown,
              generation === 0 ? log : [...log.slice(0, 1), ...log.slice(state.manifest.tailFrom - 1)]
            )
          }),
        propertyRuns(15, 60)
      )
    })
  })
}
