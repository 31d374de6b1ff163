/**
 * The stores in memory, on SQLite and on PostgreSQL give the same answers: all run one random program of store calls, and
 * every answer is compared. A counterexample is shrunk, and printed with its seed.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Clock,
  Context,
  Effect,
  FastCheck as fc,
  Layer,
  type Scope,
  Stream,
  Struct,
  TestClock,
  TestContext
} from "effect"
import type { Message } from "../../src/message/Message.ts"
import { type DeliveryKind, type Segment, SessionId, type State, wholeLog } from "../../src/session/Session.ts"
import type { Counts } from "../../src/session/SessionStats.ts"
import * as Postgres from "../../src/postgres/Postgres.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import {
  type Delivery,
  type Lease,
  type LeaseName,
  layerMemory,
  type Pause,
  RouteMemory,
  SessionCounters,
  SessionIndex,
  SessionStore
} from "../../src/store/SessionStore.ts"
import { createDatabase } from "../support/postgres.ts"
import { repetitions } from "../support/repetitions.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

/**
 * One call. `lease` counts back from the lease that was granted last, so that stale ones are used too; those of `name`
 * alone, if there is one.
 */
type Call =
  | {
      readonly call: "deliver"
      readonly id: SessionId
      readonly message: Message
      readonly kind: DeliveryKind
      readonly key: string | undefined
    }
  | { readonly call: "importAll"; readonly ids: ReadonlyArray<SessionId>; readonly messages: ReadonlyArray<Message> }
  | { readonly call: "acquire"; readonly id: SessionId; readonly name: LeaseName; readonly ttl: number }
  | { readonly call: "turn"; readonly id: SessionId; readonly ttl: number }
  | { readonly call: "begin"; readonly id: SessionId; readonly ttl: number }
  | { readonly call: "renew"; readonly lease: number; readonly ttl: number }
  | { readonly call: "release"; readonly lease: number }
  | { readonly call: "promote"; readonly lease: number; readonly name: LeaseName | undefined }
  | {
      readonly call: "append"
      readonly lease: number
      readonly name: LeaseName | undefined
      readonly messages: ReadonlyArray<Message>
    }
  | {
      readonly call: "commit"
      readonly lease: number
      readonly name: LeaseName | undefined
      readonly isUndoneKept: boolean
      readonly back: number
      readonly headTo: number
      readonly tailFrom: number
      readonly live: ReadonlyArray<number>
      readonly segments: ReadonlyArray<string>
    }
  | { readonly call: "reset"; readonly id: SessionId }
  | { readonly call: "forget"; readonly id: SessionId }
  | { readonly call: "restore"; readonly id: SessionId; readonly newest: number }
  | { readonly call: "rewind"; readonly id: SessionId; readonly seq: number; readonly back: number }
  | { readonly call: "askAndRewind"; readonly id: SessionId; readonly lengths: ReadonlyArray<number> }
  | { readonly call: "report"; readonly id: SessionId; readonly back: number; readonly tokens: number }
  | {
      readonly call: "learn"
      readonly id: SessionId
      readonly model: string
      readonly window: number | null
      readonly wait: number | null
    }
  | { readonly call: "publish"; readonly operation: string; readonly key: string; readonly outcome: string }
  | { readonly call: "count"; readonly id: SessionId; readonly counts: Counts }
  | { readonly call: "healTries"; readonly segment: string; readonly more: number }
  | { readonly call: "pause"; readonly key: string; readonly pause: Pause }
  | { readonly call: "wait"; readonly milliseconds: number }
  | {
      readonly call: "search"
      readonly id: SessionId
      readonly query: string
      readonly limit: number
      readonly fromSeq: number
      readonly toSeq: number
      readonly except: ReadonlyArray<number>
      readonly also: ReadonlyArray<number>
    }

const ids = ["a", "a.snapshot.1970-01-01T00:00:00.000Z", "__proto__", "Ü"].map((id) => SessionId.make(id))
const words = ["billing", "port", "Zürich", "C++", "報告", "__proto__", "a\0b", "\ud83d"]

// Most calls are for one session, so that much happens to it.
const id = fc.oneof({ weight: 3, arbitrary: fc.constant(ids[0] ?? SessionId.make("a")) }, fc.constantFrom(...ids))
const seq = fc.integer({ min: -1, max: 12 })
const ttl = fc.constantFrom(-1, 0, 0.5, 1, 1_000)
const text = fc.array(fc.constantFrom(...words), { maxLength: 3 }).map((all) => all.join(" "))
const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ role: fc.constantFrom("user", "assistant", "system"), content: text }) },
  fc.constant(JSON.parse(`{"role":"user","content":"x","__proto__":{"a":1}}`))
)
const invalid = fc.constant(JSON.parse(`{"role":"tool","content":"no call id"}`))
const messages = fc.array(fc.oneof({ weight: 19, arbitrary: message }, invalid), { maxLength: 3 })
const lease = fc.constantFrom(0, 0, 0, 0, 1, 2, 3)
const nameOf = (right: LeaseName) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(right) },
    fc.constantFrom("turn" as const, "operation" as const, undefined)
  )
const back = fc.constantFrom(0, 0, 0, 1)

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant("deliver" as const),
      id,
      message: fc.oneof({ weight: 19, arbitrary: message }, invalid),
      kind: fc.constantFrom("request" as const, "notification" as const),
      key: fc.option(fc.constantFrom("k", "__proto__", "constructor", "", "k\0", "\ud83d", "long".repeat(5_000)), {
        nil: undefined
      })
    })
  },
  fc.record({ call: fc.constant("importAll" as const), ids: fc.array(id, { maxLength: 2 }), messages }),
  fc.record({
    call: fc.constant("acquire" as const),
    id,
    name: fc.constantFrom("turn" as const, "operation" as const),
    ttl
  }),
  { weight: 3, arbitrary: fc.record({ call: fc.constant("turn" as const), id, ttl }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant("begin" as const), id, ttl }) },
  fc.record({ call: fc.constant("renew" as const), lease, ttl }),
  fc.record({ call: fc.constant("release" as const), lease }),
  fc.record({ call: fc.constant("promote" as const), lease, name: nameOf("turn") }),
  { weight: 3, arbitrary: fc.record({ call: fc.constant("append" as const), lease, name: nameOf("turn"), messages }) },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant("commit" as const),
      lease,
      name: nameOf("operation"),
      isUndoneKept: fc.boolean(),
      back,
      headTo: fc.integer({ min: 0, max: 3 }),
      tailFrom: fc.integer({ min: 1, max: 6 }),
      live: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 1 }),
      segments: fc.array(fc.constantFrom("s1", "s2", "s3"), { maxLength: 2 })
    })
  },
  fc.record({ call: fc.constant("reset" as const), id }),
  fc.record({ call: fc.constant("forget" as const), id }),
  {
    weight: 3,
    arbitrary: fc.record({ call: fc.constant("restore" as const), id, newest: fc.integer({ min: 1, max: 4 }) })
  },
  fc.record({ call: fc.constant("rewind" as const), id, seq, back }),
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant("askAndRewind" as const),
      id,
      lengths: fc.array(fc.constantFrom(0, 1, 1, 2, 3, 5, 8), { minLength: 1, maxLength: 6 })
    })
  },
  fc.record({ call: fc.constant("report" as const), id, back, tokens: fc.nat(1_000) }),
  fc.record({
    call: fc.constant("learn" as const),
    id,
    model: fc.constantFrom("", "m"),
    window: fc.option(fc.nat(9_000)),
    wait: fc.option(fc.nat(9))
  }),
  fc.record({
    call: fc.constant("publish" as const),
    operation: fc.constantFrom("o", "p"),
    key: fc.constantFrom("k", "l"),
    outcome: fc.constantFrom("", "done", "no { JSON")
  }),
  fc.record({
    call: fc.constant("count" as const),
    id,
    counts: fc.record(
      {
        committed: fc.constantFrom(0, 1, 2),
        tokensSaved: fc.constantFrom(-7, -2.5, -0.5, -0.4, 0.4, 0.5, 2.5),
        longestWaitMs: fc.constantFrom(-3.5, -0.4, 0, 3.5, 9)
      },
      { requiredKeys: [] }
    )
  }),
  fc.record({
    call: fc.constant("healTries" as const),
    segment: fc.constantFrom("s1", "__proto__"),
    more: fc.integer({ min: -1, max: 2 })
  }),
  fc.record({
    call: fc.constant("pause" as const),
    key: fc.constantFrom("r", "__proto__"),
    pause: fc.record({ failures: fc.nat(2), level: fc.nat(2), until: fc.constantFrom(0, 5, 7.5) })
  }),
  fc.record({ call: fc.constant("wait" as const), milliseconds: fc.constantFrom(1, 999, 1_000) }),
  fc.record({
    call: fc.constant("search" as const),
    id,
    query: text,
    limit: fc.constantFrom(0, 100, 100),
    fromSeq: seq,
    toSeq: seq,
    except: fc.array(seq, { maxLength: 1 }),
    also: fc.array(seq, { maxLength: 1 })
  })
)

/** Makes an answer of an effect: its value or its error, without what no store promises. */
const answer = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, {
    onSuccess: (value) => ({ value: plain(value) }),
    onFailure: (error) => ({ error: plain(error) })
  })

/**
 * The identity of a base, an epoch and a token say nothing across stores; the words of a failure of the store are its own.
 * PostgreSQL numbers deliveries by session, the others all of them: of the numbers in one answer, which are of one session,
 * the order is compared.
 */
const plain = (value: unknown): unknown => {
  const arrivals = new Set<number>()
  JSON.stringify(value, (key, part: unknown) => {
    if (key === "arrival" && typeof part === "number") arrivals.add(part)
    return part
  })
  const inOrder = Array.from(arrivals).toSorted((a, b) => a - b)
  return JSON.parse(
    JSON.stringify(value, (key, part: unknown) => {
      if (key === "base" && typeof part === "object") return undefined
      if (["epoch", "token", "lastArrival"].includes(key)) return undefined
      if (key === "arrival" && typeof part === "number") return inOrder.indexOf(part)
      return isStoreError(part) ? { _tag: part._tag, reason: part.reason } : part
    }) ?? "null"
  )
}

const isStoreError = (value: unknown): value is { readonly _tag: string; readonly reason: string } =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "StoreError" && "reason" in value

/** Runs a program and gives every answer, and what every session is after it, also to a store that `reopen` opens then. */
const run = <E, R>(calls: ReadonlyArray<Call>, reopen: Effect.Effect<SessionStore["Type"], E, R>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const index = yield* SessionIndex
    const counters = yield* SessionCounters
    const routes = yield* RouteMemory
    const leases: Array<Lease> = []
    let holders = 0
    const newest = new Map<SessionId, number>()

    /** Says also whether the delivery got a later number than those of its session before it. */
    const deliver = (id: SessionId, message: Message, delivery: Delivery) =>
      Effect.map(store.deliver(id, message, delivery), (receipt) => {
        const before = newest.get(id) ?? 0
        newest.set(id, Math.max(before, receipt.arrival))
        return { ...receipt, isLater: receipt.arrival > before }
      })

    const stateOf = (id: SessionId): Effect.Effect<Pick<State, "generation" | "lastSeq" | "manifest">> =>
      Effect.orElseSucceed(store.state(id), () => ({ generation: 0, lastSeq: 0, manifest: wholeLog }))
    const generationOf = (id: SessionId) => Effect.map(stateOf(id), ({ generation }) => generation)
    const acquire = (id: SessionId, name: LeaseName, ttl: number) =>
      Effect.tap(store.acquire(id, { name, holder: `holder ${++holders}`, ttl }), (acquired) => {
        if (acquired._tag === "Granted") leases.push(acquired.lease)
      })
    const begin = (id: SessionId, ttl: number) =>
      Effect.map(store.begin(id, { holder: `holder ${++holders}`, ttl }), (begun) => {
        if (begun._tag === "Held") return begun
        leases.push(begun.lease)
        return Struct.omit(begun, "isLatest")
      })
    const withLease = <A, E>(back: number, use: (lease: Lease) => Effect.Effect<A, E>, name?: LeaseName) => {
      const lease = leases.filter((lease) => name === undefined || lease.name === name).at(-1 - back)
      return lease === undefined ? Effect.succeed("no lease yet") : answer(use(lease))
    }

    const rewind = (id: SessionId, seq: number, back: number) =>
      Effect.gen(function* () {
        const base = (yield* generationOf(id)) - back
        const at = yield* Effect.option(store.stateAt(id, seq))
        const manifest = at._tag === "Some" ? at.value.manifest : wholeLog
        return yield* answer(store.rewind(id, { base, seq, manifest, ledger: null }))
      })

    /** As the gateway does it: the manifest of a snapshot, under a lease of its own. */
    const restore = (id: SessionId, newest: number) =>
      Effect.gen(function* () {
        const snapshots = yield* Effect.orElseSucceed(store.snapshots(id), () => [])
        const { generation } = yield* stateOf(id)
        yield* answer(acquire(id, "operation", 0))
        return yield* withLease(0, (lease) =>
          Effect.flatMap(store.snapshot(snapshots.at(-newest)?.snapshotId ?? ""), ({ manifest }) =>
            store.commit(lease, { operationId: "restore", base: generation, manifest, segments: [], ledger: null })
          )
        )
      })

    const runCall = (call: Call): Effect.Effect<unknown> =>
      Effect.gen(function* () {
        switch (call.call) {
          case "deliver":
            return yield* answer(deliver(call.id, call.message, { kind: call.kind, key: call.key }))
          case "importAll":
            return yield* answer(store.importAll(call.ids.map((sessionId) => ({ sessionId, messages: call.messages }))))
          case "acquire":
            return yield* answer(acquire(call.id, call.name, call.ttl))
          case "turn":
            return [yield* answer(acquire(call.id, "turn", call.ttl)), yield* withLease(0, store.promote)]
          case "begin":
            return yield* answer(begin(call.id, call.ttl))
          case "renew":
            return yield* withLease(call.lease, (lease) => store.renew(lease, call.ttl))
          case "release":
            return yield* withLease(call.lease, store.release)
          case "promote":
            return yield* withLease(call.lease, store.promote, call.name)
          case "append":
            return yield* withLease(call.lease, (lease) => store.append(lease, call.messages), call.name)
          case "commit":
            return yield* withLease(
              call.lease,
              (lease) =>
                Effect.flatMap(stateOf(lease.sessionId), ({ generation, manifest: { undone } }) => {
                  const made = call.segments.map((id) => segmentCalled(id, call.headTo, call.tailFrom))
                  return store.commit(lease, {
                    operationId: "o",
                    base: generation - call.back,
                    manifest: {
                      ...wholeLog,
                      headTo: call.headTo,
                      tailFrom: call.tailFrom,
                      live: call.live,
                      segments: call.segments,
                      undone: call.isUndoneKept ? undone : []
                    },
                    segments: made,
                    ledger: call.segments[0] ?? null,
                    receipt: call.segments[1]
                  })
                }),
              call.name
            )
          case "forget":
            return yield* answer(store.forget(call.id))
          case "reset":
            return yield* answer(store.reset(call.id))
          case "restore":
            return yield* restore(call.id, call.newest)
          case "rewind":
            return yield* rewind(call.id, call.seq, call.back)
          case "askAndRewind":
            return yield* Effect.forEach(call.lengths, (length) =>
              Effect.gen(function* () {
                yield* answer(store.deliver(call.id, userMessage, { kind: "request" }))
                yield* answer(acquire(call.id, "turn", 0))
                yield* withLease(0, store.promote, "turn")
                return yield* rewind(call.id, (yield* stateOf(call.id)).lastSeq - length, 0)
              })
            )
          case "report": {
            const generation = (yield* generationOf(call.id)) - call.back
            return yield* answer(
              store.report(call.id, { generation, seq: 1, model: "m", inputTokens: call.tokens, estimate: 1 })
            )
          }
          case "learn":
            return yield* answer(
              store.learnWindow(
                call.id,
                call.model,
                call.window,
                call.wait === null ? undefined : { fromSeq: 3, wait: call.wait }
              )
            )
          case "publish":
            return yield* answer(
              store.publish({
                sessionId: someId,
                operationId: call.operation,
                requestKey: call.key,
                outcome: call.outcome
              })
            )
          case "count":
            return yield* answer(counters.count(call.id, call.counts))
          case "healTries":
            return yield* answer(counters.healTries(call.segment, call.more))
          case "pause":
            return yield* answer(
              routes.modify([call.key, "another"], (before) => [before, [call.pause, ...before.slice(1)]])
            )
          case "wait":
            return yield* TestClock.adjust(call.milliseconds)
          case "search": {
            const { also, except, fromSeq, limit, toSeq } = call
            const scope = { also, except, fromSeq, toSeq }
            return yield* answer(
              Effect.map(index.search(call.id, call.query, { scope, limit }), (found) =>
                // BM25 leaves the order of hits to the backend.
                found.map(({ seq }) => seq).toSorted((a, b) => a - b)
              )
            )
          }
        }
      })

    const readStored = (store: SessionStore["Type"], sessionId: SessionId) =>
      Effect.gen(function* () {
        const log = yield* answer(Effect.map(Stream.runCollect(store.log(sessionId)), Chunk.toReadonlyArray))
        const snapshots = yield* Effect.orElseSucceed(store.snapshots(sessionId), () => [])
        return {
          log,
          // A report is in memory only until the next write.
          state: yield* answer(Effect.map(store.state(sessionId), Struct.omit("usage"))),
          at: yield* Effect.forEach([-1, 0, 2, 5, 99], (seq) => answer(store.stateAt(sessionId, seq))),
          range: yield* answer(store.range(sessionId, 0, 4)),
          odd: yield* answer(store.range(sessionId, 4, 2)),
          ledger: yield* answer(store.ledger(sessionId)),
          snapshots: snapshots.map((snapshot) => ({ ...snapshot })),
          left: yield* Effect.forEach(snapshots, ({ snapshotId }) => answer(store.snapshot(snapshotId))),
          receipts: yield* Effect.forEach(snapshots, ({ snapshotId }) => answer(store.receipt(snapshotId)))
        }
      })

    const look = (sessionId: SessionId) =>
      Effect.gen(function* () {
        return {
          stored: yield* readStored(store, sessionId),
          state: yield* answer(store.state(sessionId)),
          stats: yield* answer(counters.stats(sessionId)),
          over: yield* Effect.forEach([0, 1, 4, 11], (seq) => answer(index.segmentOver(sessionId, seq)))
        }
      })

    const answers = yield* Effect.forEach(calls, (call) =>
      Effect.gen(function* () {
        const given = yield* runCall(call)
        return { call: call.call, given, sessions: yield* answer(store.sessions) }
      })
    )
    const after = yield* Effect.forEach(ids, look)
    const reopened = yield* reopen
    const again = yield* Effect.forEach(ids, (id) => readStored(reopened, id))
    assert.deepStrictEqual(
      again,
      after.map(({ stored }) => stored)
    )
    return {
      answers,
      after,
      segments: yield* Effect.forEach(["s1", "s2", "s3", "__proto__"], (id) => answer(index.segment(id))),
      outcomes: yield* Effect.forEach(["o", "p"], (id) => answer(store.outcome(id, "k"))),
      now: yield* Clock.currentTimeMillis
    }
  })

const segmentCalled = (id: string, fromSeq: number, toSeq: number): Segment => ({
  id,
  level: 0,
  children: [],
  fromSeq,
  toSeq,
  text: id,
  tokens: 1,
  degraded: null,
  focus: null,
  model: "m"
})

const runInMemory = (calls: ReadonlyArray<Call>) => Effect.provide(run(calls, SessionStore), layerMemory)

const runOnFile = (calls: ReadonlyArray<Call>) =>
  Effect.gen(function* () {
    const backend = Sqlite.layer({ filename: yield* temporaryDatabase, durability: "process" })
    // Each build opens the file anew.
    const open = Effect.map(Layer.build(Layer.fresh(backend)), Context.get(SessionStore))
    return yield* Effect.provide(run(calls, open), backend)
  })

/** Each run has a database of its own. Leases go by the clock of the test. */
const runOnPostgres = (calls: ReadonlyArray<Call>) =>
  Effect.gen(function* () {
    const url = yield* Effect.promise(() => createDatabase())
    const backend = Layer.scopedContext(Postgres.makeWithClock({ url }, true))
    const open = Effect.map(Layer.build(Layer.fresh(backend)), Context.get(SessionStore))
    return yield* Effect.provide(run(calls, open), backend)
  })

const systemMessage: Message = { role: "system", content: "" }
const userMessage: Message = { role: "user", content: "" }
const someId = SessionId.make("a")
const deliverOf = (message: Message): Call => ({
  call: "deliver",
  id: someId,
  message,
  kind: "request",
  key: undefined
})
const turnNow: Call = { call: "turn", id: someId, ttl: 0 }
const operationNow: Call = { call: "acquire", id: someId, name: "operation", ttl: 1_000 }
const commitOf = (headTo: number, tailFrom: number, isUndoneKept = true): Call => ({
  headTo,
  tailFrom,
  isUndoneKept,
  call: "commit",
  lease: 0,
  name: "operation",
  back: 0,
  live: [],
  segments: []
})
const pauseOf = (failures: number, level: number, until: number): Call => ({
  call: "pause",
  key: "r",
  pause: { failures, level, until }
})

/** Begins with a session that both leases are held of, or with nothing. */
const program = fc
  .tuple(
    fc.constantFrom<ReadonlyArray<Call>>(
      [
        { call: "importAll", ids: [someId], messages: [systemMessage, userMessage, userMessage, userMessage] },
        { call: "acquire", id: someId, name: "turn", ttl: 1_000 },
        operationNow
      ],
      []
    ),
    fc.array(call, { maxLength: 25, size: "max" })
  )
  .map((parts) => parts.flat())

/** Differences that were found once. */
const examples: ReadonlyArray<[ReadonlyArray<Call>]> = [
  [[{ call: "importAll", ids: [someId], messages: [systemMessage, userMessage] }]],
  [
    [
      { call: "importAll", ids: [someId], messages: [] },
      { call: "acquire", id: someId, name: "turn", ttl: 0.5 }
    ]
  ],
  [[deliverOf(systemMessage), { call: "rewind", id: someId, seq: 0, back: 0 }, turnNow]],
  [[deliverOf(userMessage), turnNow, { call: "reset", id: someId }, deliverOf(systemMessage), turnNow]],
  [[deliverOf(userMessage), turnNow, operationNow, commitOf(1, 1)]],
  [
    [
      { call: "importAll", ids: [someId], messages: [userMessage, userMessage, userMessage] },
      { call: "rewind", id: someId, seq: 2, back: 0 },
      operationNow,
      commitOf(0, 1, false)
    ]
  ],
  [[pauseOf(0, 0, 5), pauseOf(0, 0, 0)]],
  [[pauseOf(1, 0, 5), pauseOf(1, 2, 5), pauseOf(0, 0, 0)]]
]

const answersOf = <A, E>(program: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.runPromise(Effect.provide(Effect.scoped(program), TestContext.TestContext))

const assertSame = <E>(
  runElsewhere: (calls: ReadonlyArray<Call>) => Effect.Effect<unknown, E, Scope.Scope>,
  numRuns: number
) =>
  fc.assert(
    fc.asyncProperty(program, async (calls) => {
      assert.deepStrictEqual(await answersOf(runElsewhere(calls)), await answersOf(runInMemory(calls)))
    }),
    { numRuns, examples: [...examples] }
  )

describe("the same calls have the same answers as in memory", () => {
  it("on SQLite", () => assertSame(runOnFile, repetitions(25, 300)))

  it("on PostgreSQL", () => assertSame(runOnPostgres, repetitions(10, 150)))
})
