import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Context, Effect, Fiber, Layer, Option, TestClock } from "effect"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import type { InvalidMessage } from "../../src/message/Message.ts"
import type { StoreError, Superseded, TurnLost } from "../../src/session/SessionError.ts"
import { type Lease, type LeaseLost, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { takeBackSchema } from "../support/olderSchema.ts"
import { user } from "../support/stores.ts"

const folder = () => mkdtempSync(join(tmpdir(), "sqlite-"))
const id = SessionId.make("s")

const open = (options: Sqlite.SqliteOptions) => Effect.provide(SessionStore, Sqlite.layer(options))
const opened = (filename: string) =>
  Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Context.get(context, SessionStore))
type Written = Effect.Effect<unknown, StoreError | LeaseLost | TurnLost | Superseded | InvalidMessage, SessionStore>
const deliver = Effect.flatMap(SessionStore, (store) =>
  store.deliver(id, { role: "user", content: "hello" }, { kind: "request" })
)

describe("SessionStore/Sqlite", () => {
  const refused: ReadonlyArray<readonly [string, string, (file: string) => void]> = [
    ["a text file", "not-a-database", (file) => writeFileSync(file, "just some notes, longer than a header".repeat(9))],
    ["a file shorter than a header", "not-a-database", (file) => writeFileSync(file, "SQL")],
    ["the beginning of a database", "not-a-database", (file) => writeFileSync(file, "SQLite format 3\0abc")],
    [
      "another application's database",
      "not-a-database",
      (file) => void new Database(file).exec("CREATE TABLE t (a)").close()
    ],
    ["a folder", "unreadable", (file) => mkdirSync(file)]
  ]
  for (const [what, reason, prepare] of refused) {
    it.effect(`${what} is refused and left as it is`, () =>
      Effect.gen(function* () {
        const filename = join(folder(), "x.db")
        prepare(filename)
        const bytes = reason === "unreadable" ? undefined : readFileSync(filename)
        const error = yield* Effect.flip(open({ filename }))
        assert.strictEqual(error.reason, reason)
        if (bytes !== undefined) assert.isTrue(bytes.equals(readFileSync(filename)))
        assert.isFalse(existsSync(`${filename}-wal`))
      })
    )
  }

  const backUp = (file: string) => {
    const db = new Database(file)
    db.exec(`VACUUM INTO '${file}.bak'`)
    db.close()
  }
  const changes: ReadonlyArray<readonly [string, string, (file: string) => void]> = [
    ["deleted", "gone", (file) => rmSync(file)],
    ["deleted with its log", "gone", (file) => ["", "-wal", "-shm"].forEach((end) => rmSync(file + end))],
    ["moved", "gone", (file) => renameSync(file, `${file}.moved`)],
    [
      "replaced by its backup",
      "gone",
      (file) => {
        backUp(file)
        renameSync(`${file}.bak`, file)
      }
    ],
    ["deprived of its log", "gone", (file) => rmSync(`${file}-wal`)],
    [
      "deprived of its log and the index of it",
      "gone",
      (file) => ["-wal", "-shm"].forEach((end) => rmSync(file + end))
    ],
    ["made read-only", "readonly", (file) => chmodSync(file, 0o444)]
  ]
  for (const [what, reason, change] of changes) {
    it.effect(`a file that is ${what} while it is open acknowledges nothing more, and says why`, () =>
      Effect.gen(function* () {
        const filename = join(folder(), "x.db")
        const store = yield* opened(filename)
        yield* store.deliver(id, user("one"), { kind: "request" })
        const acquired = yield* store.acquire(id, { name: "turn", holder: "me", ttl: 9_000 })
        const lease = acquired._tag === "Granted" ? acquired.lease : assert.fail("nobody else has it")
        change(filename)
        const errors = [
          yield* Effect.flip(store.deliver(id, user("two"), { kind: "request" })),
          yield* Effect.flip(store.importAll([{ sessionId: SessionId.make("t"), messages: [user("three")] }])),
          yield* Effect.flip(store.append(lease, [user("four")])),
          yield* Effect.flip(store.reset(id))
        ]
        for (const error of errors) assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, reason)
        if (reason === "readonly") chmodSync(filename, 0o644)
        else if (what === "moved") renameSync(`${filename}.moved`, filename)
        else return
        yield* store.deliver(id, user("five"), { kind: "request" })
      }).pipe(Effect.scoped)
    )
  }

  it.effect("a file that is created, and the files beside it, are for their user alone", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const store = yield* opened(filename)
      yield* store.deliver(id, user("one"), { kind: "request" })
      for (const end of ["", "-wal", "-shm"]) assert.strictEqual(statSync(filename + end).mode & 0o777, 0o600)
    }).pipe(Effect.scoped)
  )

  it.effect("a file that a newer version has written is refused with both versions, and left as it is", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      yield* Effect.provide(deliver, Sqlite.layer({ filename }))
      const db = new Database(filename)
      db.exec("INSERT INTO effect_sql_migrations (migration_id, name) VALUES (999, 'telepathy')")
      db.close()
      const bytes = readFileSync(filename)
      for (const layer of [Sqlite.layer({ filename }), Sqlite.layerCopy({ filename })]) {
        const error = yield* Effect.flip(Effect.provide(SessionStore, layer))
        assert.strictEqual(error.reason, "newer")
        assert.isFalse(error.isRetryable)
        assert.match(
          error.message,
          /^could not open the database: \S+x\.db is of a newer version of throughline: its schema is 999, this version knows \d+$/
        )
      }
      assert.isTrue(bytes.equals(readFileSync(filename)))
    })
  )

  it.effect("a file that is damaged is named, with what can be done", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      yield* Effect.provide(deliver, Sqlite.layer({ filename }))
      const bytes = readFileSync(filename)
      for (let page = 1; page < bytes.length / 4096; page++) bytes.fill(0x5a, page * 4096, page * 4096 + 64)
      writeFileSync(filename, bytes)
      const error = yield* Effect.flip(Effect.provide(deliver, Sqlite.layer({ filename })))
      assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "corrupt")
      assert.include(error.message, `${filename}: database disk image is malformed`)
      assert.include(error.message, `throughline salvage ${filename} --out NEW`)
    })
  )

  it.effect("an absent file is made, unless it must be there", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const error = yield* Effect.flip(open({ filename, create: false }))
      assert.strictEqual(error.reason, "unreadable")
      assert.isFalse(existsSync(filename))
      yield* open({ filename })
      yield* open({ filename, create: false })
    })
  )

  it.effect("an empty file is filled, unless it must be a database", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      writeFileSync(filename, "")
      const error = yield* Effect.flip(open({ filename, create: false }))
      assert.strictEqual(error.reason, "not-a-database")
      assert.strictEqual(readFileSync(filename).length, 0)
      yield* open({ filename })
      yield* open({ filename, create: false })
    })
  )

  it.effect("a path that is none or cannot be written is a typed error", () =>
    Effect.gen(function* () {
      for (const filename of ["", ":memory:"]) {
        assert.strictEqual((yield* Effect.flip(open({ filename }))).reason, "unreadable")
      }
      const error = yield* Effect.flip(open({ filename: join(folder(), "missing", "x.db") }))
      assert.strictEqual(error._tag, "StoreError")
    })
  )

  it.effect("what was acknowledged is there after the next start", () =>
    Effect.gen(function* () {
      const layer = Sqlite.layer({ filename: join(folder(), "x.db") })
      yield* Effect.provide(deliver, layer)
      const sessions = yield* Effect.provide(
        Effect.flatMap(SessionStore, (store) => store.sessions),
        layer
      )
      assert.deepStrictEqual(
        sessions.map(({ messages, sessionId, waiting }) => [sessionId, messages, waiting]),
        [["s", 0, 1]]
      )
    })
  )

  it.effect("a file locked by another process is waited for off the event loop", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const context = yield* Layer.build(Sqlite.layer({ filename }))
      const other = new Database(filename)
      other.exec("BEGIN IMMEDIATE")
      const waiting = yield* Effect.fork(Effect.provide(deliver, context))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      other.exec("COMMIT")
      other.close()
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).sessionId, id)
    }).pipe(Effect.scoped)
  )

  it.effect("a file locked for too long is a typed error and loses nothing", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const context = yield* Layer.build(Sqlite.layer({ filename }))
      const other = new Database(filename)
      other.exec("BEGIN IMMEDIATE")
      const waiting = yield* Effect.fork(Effect.flip(Effect.provide(deliver, context)))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "busy")
      other.exec("ROLLBACK")
      other.close()
      assert.isFalse((yield* Effect.provide(deliver, context)).duplicate)
    }).pipe(Effect.scoped)
  )

  it.effect("a new file that another process is preparing is ready when it is open", () =>
    Effect.gen(function* () {
      const prepared = join(folder(), "prepared.db")
      yield* open({ filename: prepared })
      const filename = join(folder(), "x.db")
      const other = new Database(filename)
      const header = new Database(prepared, { readonly: true })
      other.pragma(`application_id = ${header.pragma("application_id", { simple: true })}`)
      header.close()
      other.pragma("journal_mode = WAL")
      other.exec("CREATE TABLE effect_sql_migrations (migration_id integer PRIMARY KEY, created_at, name)")
      other.exec("BEGIN IMMEDIATE")
      const opening = yield* Effect.fork(Effect.provide(deliver, Sqlite.layer({ filename })))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.isNone(yield* Fiber.poll(opening)))
      other.exec("COMMIT")
      other.close()
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(opening)).sessionId, id)
    })
  )

  it.effect("a file of the first version is brought up to date: its ledgers and segments are kept", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const segment = { id: "seg", level: 0, children: [], fromSeq: 1, toSeq: 1, text: "it", tokens: 1 }
      const written = { ...segment, degraded: null, focus: null, model: "m" }
      const manifest = { ...wholeLog, tailFrom: 2, segments: ["seg"] }
      const ledger = "keep this"
      yield* Effect.flatMap(SessionStore, (store) =>
        Effect.gen(function* () {
          yield* store.importAll([{ sessionId: id, messages: [{ role: "user", content: "hello" }] }])
          const acquired = yield* store.acquire(id, { name: "operation", holder: "me", ttl: 60_000 })
          if (acquired._tag === "Held") return assert.fail("nobody else asked")
          yield* store.commit(acquired.lease, { operationId: "op", base: 0, manifest, segments: [written], ledger })
        })
      ).pipe(Effect.provide(Sqlite.layer({ filename })))
      const db = new Database(filename)
      takeBackSchema(db, 1)
      db.close()
      const kept = yield* Effect.flatMap(SessionStore, (store) =>
        Effect.all({ ledger: store.ledger(id), segments: Effect.map(store.state(id), ({ segments }) => segments) })
      ).pipe(Effect.provide(Sqlite.layer({ filename })))
      assert.deepStrictEqual(kept, { ledger, segments: [written] })
    })
  )

  const locked: ReadonlyArray<readonly [string, "turn" | "operation", (lease: Lease) => Written]> = [
    [
      "append",
      "turn",
      (lease) => Effect.flatMap(SessionStore, (store) => store.append(lease, [{ role: "assistant", content: "hi" }]))
    ],
    [
      "commit",
      "operation",
      (lease) =>
        Effect.flatMap(SessionStore, (store) =>
          store.commit(lease, { operationId: "op", base: 0, manifest: wholeLog, segments: [], ledger: null })
        )
    ]
  ]
  for (const [what, name, write] of locked) {
    it.effect(`${what} waits for a locked file off the event loop, and is done once`, () =>
      Effect.gen(function* () {
        const filename = join(folder(), "x.db")
        const context = yield* Layer.build(Sqlite.layer({ filename }))
        const { acquire, snapshots, state } = yield* Effect.provide(SessionStore, context)
        yield* Effect.provide(deliver, context)
        const acquired = yield* acquire(id, { name, holder: "me", ttl: 60_000 })
        if (acquired._tag === "Held") return assert.fail("nobody else asked")
        const other = new Database(filename)
        other.exec("BEGIN IMMEDIATE")
        const waiting = yield* Effect.fork(Effect.provide(write(acquired.lease), context))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
        other.exec("COMMIT")
        other.close()
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(waiting)
        assert.strictEqual((yield* state(id)).lastSeq + (yield* snapshots(id)).length, 1)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("what a model reports counts, also where others have taken the session's place in memory meanwhile", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages: [user("one")] }])
      const usage = { generation: 0, seq: 1, model: "m", inputTokens: 900, estimate: 300 }
      const others = Effect.forEach(["b", "c"], (name) => {
        const sessionId = SessionId.make(name)
        const messages = Array.from({ length: 100 }, () => user("word ".repeat(20_000)))
        return Effect.zipRight(store.importAll([{ sessionId, messages }]), store.state(sessionId))
      })
      yield* Effect.zipRight(store.state(id), others)
      yield* store.report(id, { ...usage, generation: 1 })
      assert.isNull((yield* store.state(id)).usage)
      yield* Effect.forEach(["b", "c"], (name) => store.state(SessionId.make(name)))
      yield* store.report(id, usage)
      assert.deepStrictEqual((yield* store.state(id)).usage, usage)
    }).pipe(Effect.provide(Sqlite.layerTemporary))
  )

  it.effect("a learned window survives a restart, and another connection sees it at once", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const open = Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Effect.provide(context))
      const here = yield* open
      const there = yield* open
      const windows = Effect.flatMap(SessionStore, (store) => Effect.map(store.state(id), ({ windows }) => windows))
      const learned = [{ model: "m", contextLength: 4_096 }]
      yield* here(
        Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages: [user("one")] }]))
      )
      assert.deepStrictEqual(yield* there(windows), [])
      yield* here(Effect.flatMap(SessionStore, (store) => store.learnWindow(id, "m", 4_096)))
      assert.deepStrictEqual(yield* here(windows), learned)
      assert.deepStrictEqual(yield* there(windows), learned)
      assert.deepStrictEqual(yield* (yield* open)(windows), learned)
    }).pipe(Effect.scoped)
  )

  it.effect("two connections on one file see each other's messages at the next step", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const here = yield* Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Effect.provide(context))
      const there = yield* Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Effect.provide(context))
      const state = Effect.flatMap(SessionStore, (store) => store.state(id))
      yield* here(deliver)
      const lease = yield* here(
        Effect.flatMap(SessionStore, (store) => store.acquire(id, { name: "turn", holder: "here", ttl: 9 }))
      )
      if (lease._tag === "Held") return assert.fail("nobody else asked")
      yield* here(Effect.flatMap(SessionStore, (store) => store.promote(lease.lease)))
      assert.strictEqual((yield* there(state)).lastSeq, 1)
      yield* here(
        Effect.flatMap(SessionStore, (store) => store.append(lease.lease, [{ role: "assistant", content: "hi" }]))
      )
      assert.deepStrictEqual(yield* there(state), yield* here(state))
    }).pipe(Effect.scoped)
  )

  it.effect("a ledger is read as the last commit made it, whoever committed, and after the next start", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const here = yield* opened(filename)
      const there = yield* opened(filename)
      yield* here.importAll([{ sessionId: id, messages: ["a", "b", "c"].map(user) }])
      const committed = (store: typeof here, base: number) =>
        Effect.gen(function* () {
          const acquired = yield* store.acquire(id, { name: "operation", holder: "me", ttl: 60_000 })
          if (acquired._tag === "Held") return assert.fail("nobody else asked")
          const ledger = `noted at ${base}`
          yield* store.commit(acquired.lease, {
            operationId: "op",
            base,
            manifest: { ...wholeLog },
            segments: [],
            ledger
          })
          yield* store.release(acquired.lease)
          return ledger
        })
      assert.isNull(yield* here.ledger(id))
      const first = yield* committed(here, 0)
      assert.deepStrictEqual([yield* here.ledger(id), yield* there.ledger(id)], [first, first])
      const second = yield* committed(there, 1)
      assert.deepStrictEqual([yield* here.ledger(id), yield* there.ledger(id)], [second, second])
      const restarted = yield* opened(filename)
      assert.deepStrictEqual(yield* restarted.ledger(id), second)
      yield* here.reset(id)
      assert.isNull(yield* here.ledger(id))
    }).pipe(Effect.scoped)
  )

  it.effect("a file whose index has no stems yet gets them from its next search, and keeps its index of words", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const messages = Array.from({ length: 450 }, (_, n) => ({ role: "user", content: `apples ${n}` }) as const)
      const options = { limit: 1_000, scope: { fromSeq: 1, toSeq: 1_000, except: [], also: [] } }
      const search = (query: string) => Effect.flatMap(SessionIndex, (index) => index.search(id, query, options))
      const onFile = Effect.provide(Sqlite.layer({ filename }))
      const fill = Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
      yield* onFile(Effect.zipRight(fill, search("apples")))
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new Database(filename)),
        (db) => Effect.sync(() => db.close())
      )
      takeBackSchema(db, 7)
      assert.lengthOf(yield* onFile(search("appled")), 450)
      const words = db.prepare("SELECT count(*) FROM recall_docsize").pluck().get()
      const stems = db.prepare("SELECT count(*) FROM recall_posting WHERE term = '1·appl'").pluck().get()
      assert.deepStrictEqual([words, stems], [450, 450])
    }).pipe(Effect.scoped)
  )

  it.effect("two connections that fill the index at once index every message once, and later only what is new", () =>
    Effect.gen(function* () {
      const filename = join(folder(), "x.db")
      const here = yield* Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Effect.provide(context))
      const there = yield* Effect.map(Layer.build(Sqlite.layer({ filename })), (context) => Effect.provide(context))
      const messages = Array.from({ length: 450 }, (_, n) => ({ role: "user", content: `apple ${n}` }) as const)
      const options = { limit: 1_000, scope: { fromSeq: 1, toSeq: 1_000, except: [], also: [] } }
      const search = Effect.flatMap(SessionIndex, (index) => index.search(id, "apple", options))
      const onStore = Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }]))
      yield* here(onStore)
      const both = yield* Effect.all([here(search), there(search), here(search)], { concurrency: "unbounded" })
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new Database(filename)),
        (db) => Effect.sync(() => db.close())
      )
      const rows = () => db.prepare("SELECT count(*) FROM recall_docsize").pluck().get()
      assert.deepStrictEqual(
        both.map((found) => new Set(found.map(({ seq }) => seq)).size),
        [450, 450, 450]
      )
      assert.deepStrictEqual(
        both.map((found) => found.length),
        [450, 450, 450]
      )
      assert.strictEqual(rows(), 450)
      const writes = () => db.prepare("SELECT total(length(block)) FROM recall_data").pluck().get()
      const before = writes()
      yield* there(search)
      assert.deepStrictEqual([rows(), writes()], [450, before])
      const { acquire, append } = yield* here(SessionStore)
      const acquired = yield* acquire(id, { name: "turn", holder: "me", ttl: 60_000 })
      if (acquired._tag === "Held") return assert.fail("nobody else asked")
      yield* append(acquired.lease, [{ role: "assistant", content: "apple pie" }])
      assert.strictEqual(rows(), 450)
      assert.lengthOf(yield* there(search), 451)
      assert.strictEqual(rows(), 451)
      assert.isNull(db.prepare("SELECT body FROM recall LIMIT 1").pluck().get())
    }).pipe(Effect.scoped)
  )
})
