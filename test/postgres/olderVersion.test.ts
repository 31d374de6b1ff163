/**
 * Hosts of two versions of the library on one database, as while one after the other is upgraded. `schema3.json` is what the
 * older one is: its schema, its statements, and the calls that it made when it was recorded.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { readFileSync } from "node:fs"
import { Client } from "pg"
import * as Postgres from "../../src/postgres/Postgres.ts"
import { migrations } from "../../src/postgres/schema.ts"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { type Lease, RouteMemory, SessionCounters, SessionStore } from "../../src/store/SessionStore.ts"
import { createDatabase } from "../support/postgres.ts"
import { readTexts, type Store } from "../support/postgresHosts.ts"
import { assistant, segment, user } from "../support/stores.ts"

const Older = Schema.Struct({
  migrations: Schema.Array(Schema.Struct({ oldest: Schema.Int, statements: Schema.Array(Schema.String) })),
  statements: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** In their order. `$token` and `$epoch` stand for those of the lease that it had. */
  calls: Schema.Array(Schema.Struct({ statement: Schema.String, values: Schema.Array(Schema.Unknown) }))
})
const older = Schema.decodeUnknownSync(Schema.parseJson(Older))(
  readFileSync(new URL("schema3.json", import.meta.url), "utf8")
)

const id = SessionId.make("upgraded")

const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(url)
      await client.connect()
      return client
    }),
    (client) => Effect.promise(() => client.end())
  )

/** A database as the older version has made it. */
const makeOlderDatabase = Effect.gen(function* () {
  const url = yield* Effect.promise(() => createDatabase())
  const client = yield* connect(url)
  const create = [
    "CREATE SCHEMA throughline",
    "CREATE TABLE throughline.version (version int PRIMARY KEY, oldest int NOT NULL)",
    ...older.migrations.flatMap(({ oldest, statements }, i) => [
      ...statements,
      `INSERT INTO throughline.version VALUES (${i + 1}, ${oldest})`
    ])
  ]
  yield* Effect.promise(async () => {
    for (const statement of create) await client.query(statement)
  })
  return url
})

type Row = Readonly<Record<string, unknown>>

/** A host of the older version, which repeats the calls that were recorded. */
const startOlderHost = (url: string) =>
  Effect.map(connect(url), (client) => {
    const leases = new Map<string, Row>()
    const leaseOf = (statement: string) => (/operation|commit/.test(statement) ? "operation" : "turn")

    /** Makes the `n`-th of the recorded calls of a statement. */
    const call = (statement: string, n = 0): Effect.Effect<ReadonlyArray<Row>> => {
      const recorded = older.calls.filter((one) => one.statement === statement)[n] ?? assert.fail(statement)
      const { epoch, token } = leases.get(leaseOf(statement)) ?? {}
      const values = recorded.values.map((value) => (value === "$token" ? token : value === "$epoch" ? epoch : value))
      const text = older.statements[statement] ?? assert.fail(statement)
      return Effect.promise(async () => {
        const { rows } = await client.query<Row>({ name: statement, text, values })
        const [first] = rows
        if (typeof first?.["token"] === "number") leases.set(leaseOf(statement), first)
        return rows
      })
    }
    return { call }
  })

/** Waits until the lease is back, which the store does before anything else of the session. */
const giveBack = (store: Store, lease: Lease) =>
  Effect.zipRight(store.release(lease), Effect.asVoid(store.renew(lease, 1)))

const fieldsOf = (row: Row | undefined) => Object.keys(row ?? {})

describe("hosts of two versions on one database", () => {
  it.scopedLive("write to one session in turn: each reads what the other wrote, and respects its leases", () =>
    Effect.gen(function* () {
      const url = yield* makeOlderDatabase
      const { call } = yield* startOlderHost(url)
      yield* call("deliver")
      const services = yield* Layer.build(Postgres.layer({ url, connections: 2 }))
      const store = Context.get(services, SessionStore)
      yield* store.deliver(id, user("between"), { kind: "request" })
      yield* call("deliver", 1)
      const again = yield* store.deliver(id, user("two"), { kind: "notification", key: "k" })
      assert.deepStrictEqual([again.arrival, again.duplicate], [3, true], "the key that the older one kept")

      const promoted = yield* call("begin")
      assert.deepStrictEqual(
        promoted.map(({ seq }) => seq),
        [1, 2, 3]
      )
      const held = yield* store.begin(id, { holder: "a newer host", ttl: 60_000 })
      assert.deepInclude(held, { _tag: "Held", holder: "an older host" })
      assert.deepInclude((yield* call("append"))[0], { status: "ok", before: 3 })
      yield* call("release turn")

      const turn = yield* store.begin(id, { holder: "a newer host", ttl: 60_000 })
      if (turn._tag === "Held") return assert.fail("the older host gave its lease back")
      assert.deepInclude((yield* call("begin"))[0], { token: null, holder: "a newer host" })
      yield* store.append(turn.lease, [assistant("newer")])
      yield* giveBack(store, turn.lease)

      yield* call("acquire operation")
      const underWay = yield* store.beginOperation(id, { holder: "a newer operation", ttl: 60_000 })
      assert.deepInclude(underWay, { _tag: "Held", holder: "an older operation" })
      assert.deepInclude((yield* call("commit"))[0], { status: "ok", generation: 1, last_seq: 6 })
      yield* Effect.forEach(["publish", "count", "savePause", "release operation"], (statement) => call(statement))

      const operation = yield* store.beginOperation(id, { holder: "a newer operation", ttl: 60_000 })
      if (operation._tag === "Held") return assert.fail("the older operation gave its lease back")
      assert.deepInclude((yield* call("acquire operation"))[0], { token: null, holder: "a newer operation" })
      assert.deepStrictEqual(
        operation.state.segments.map(({ text }) => text),
        ["a summary"]
      )
      assert.strictEqual(operation.ledger, "a ledger")
      assert.strictEqual(yield* store.outcome("op", "key"), "{}")
      const counters = Context.get(services, SessionCounters)
      yield* counters.count(id, { committed: 1 })
      assert.strictEqual((yield* counters.stats(id)).compressions.committed, 2)
      const pause = yield* Context.get(services, RouteMemory).modify(["a route"], (known) => [known, known])
      assert.deepStrictEqual(pause, [{ failures: 2, level: 1, until: 5 }])
      yield* store.commit(operation.lease, {
        operationId: "a newer operation",
        base: 1,
        manifest: { ...wholeLog, headTo: 1, tailFrom: 5, segments: ["newer"] },
        segments: [segment("newer", 2, 4)],
        ledger: "a newer ledger"
      })
      yield* giveBack(store, operation.lease)

      const [whole] = yield* call("whole")
      assert.deepInclude(whole, { generation: 2, last_seq: 6 })
      const committed = older.calls.find(({ statement }) => statement === "commit")?.values.find(isManifest)
      assert.includeMembers(Object.keys(readManifest(whole?.["manifest"])), Object.keys(readManifest(committed)))
      assert.deepStrictEqual(yield* call("ledger"), [{ body: "a newer ledger" }])
      const page = yield* call("page")
      assert.deepStrictEqual(
        page.map(({ body }) => JSON.parse(String(body)).content),
        ["one", "between", "two", "three", "four", "newer"]
      )
      assert.includeMembers(fieldsOf(page[0]), ["seq", "arrival", "kind", "tokens", "body", "at", "checksum"])
      assert.deepStrictEqual(yield* readTexts(store, id), ["one", "between", "two", "three", "four", "newer"])

      yield* call("begin")
      yield* store.reset(id)
      assert.deepInclude((yield* call("append"))[0], { status: "superseded" })
      assert.lengthOf(yield* readTexts(store, id), 6)
    })
  )

  it.scopedLive("have all statements of the older one, whatever it has not called here", () =>
    Effect.gen(function* () {
      const url = yield* makeOlderDatabase
      yield* Layer.build(Postgres.layer({ url }))
      const client = yield* connect(url)
      for (const [name, text] of Object.entries(older.statements)) {
        yield* Effect.promise(() => client.query(`PREPARE "${name}" AS ${text}`))
      }
    })
  )

  it.scopedLive("work on while a newer one than this adds columns with defaults, tables and functions", () =>
    Effect.gen(function* () {
      const url = yield* makeOlderDatabase
      const open = Effect.map(Layer.build(Postgres.layer({ url, connections: 1 })), Context.get(SessionStore))
      const before = yield* open
      const work = (store: Store, text: string) =>
        Effect.gen(function* () {
          yield* store.deliver(id, user(`${text} asked`), { kind: "request" })
          const begun = yield* store.begin(id, { holder: text, ttl: 60_000 })
          if (begun._tag === "Held") return assert.fail("nobody else has turns here")
          yield* store.append(begun.lease, [assistant(`${text} answered`)])
          yield* giveBack(store, begun.lease)
          const operation = yield* store.beginOperation(id, { holder: text, ttl: 60_000 })
          if (operation._tag === "Held") return assert.fail("nobody else has operations here")
          const { generation: base, lastSeq } = operation.state
          const manifest = { ...wholeLog, tailFrom: lastSeq, segments: [text] }
          const segments = [segment(text, 1, lastSeq - 1)]
          yield* store.commit(operation.lease, { operationId: text, base, manifest, segments, ledger: text })
          yield* giveBack(store, operation.lease)
        })
      yield* work(before, "before")
      const client = yield* connect(url)
      const tables = ["session", "inbox", "message", "generation", "segment", "ledger", "counter", "route_pause"]
      const later = [
        ...tables.map((table) => `ALTER TABLE throughline.${table} ADD COLUMN later int NOT NULL DEFAULT 7`),
        "CREATE TABLE throughline.later (id int)",
        `INSERT INTO throughline.version VALUES (${migrations.length + 1}, ${migrations.length})`
      ]
      yield* Effect.promise(async () => {
        for (const statement of later) await client.query(statement)
      })
      yield* work(before, "while it is open")
      const after = yield* open
      yield* work(after, "after")
      const { generation, segments } = yield* after.state(id)
      assert.deepStrictEqual([generation, segments.map((one) => one.id)], [3, ["after"]])
      assert.deepStrictEqual(yield* before.state(id), yield* after.state(id))
      assert.lengthOf(yield* readTexts(before, id), 6)
    })
  )
})

const isManifest = (value: unknown): boolean => typeof value === "string" && value.startsWith(`{"contextFrom"`)
const readManifest = (text: unknown): Row =>
  Schema.decodeUnknownSync(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))(text)
