/** What a forgotten session leaves in the file and in other processes that have it open. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Stream } from "effect"
import Database from "better-sqlite3"
import { existsSync, readFileSync } from "node:fs"
import { SessionId, wholeLog } from "../../src/session/Session.ts"
import { makeUnknownSession } from "../../src/session/SessionError.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { acquireLease, assistant, segment, user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const id = SessionId.make("the-patient")
const other = SessionId.make("another")

/** A process of its own on the file. */
const open = (filename: string) => Layer.build(Layer.fresh(Sqlite.layer({ filename })))

const readTexts = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ message }) => message.content))
  )

const search = (sessionId: SessionId, query: string) =>
  Effect.flatMap(SessionIndex, (index) =>
    index.search(sessionId, query, { limit: 9, scope: { fromSeq: 1, toSeq: 99, except: [], also: [] } })
  ).pipe(Effect.map((found) => found.map(({ seq }) => seq)))

/** Every text of every row of the file. */
const dumpRows = (filename: string): string => {
  const db = new Database(filename, { readonly: true })
  try {
    const tables = db
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
      .pluck()
      .all()
    return tables.map((table) => JSON.stringify(db.prepare(`SELECT * FROM "${table}"`).all())).join("\n")
  } finally {
    db.close()
  }
}

describe("forgetting a session of a file", () => {
  it.scopedLive("leaves no row of it, and overwrites its words in the file and in the log beside it", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const services = yield* open(filename)
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        const said = Array.from({ length: 40 }, (_, n) => user(`word${n} melanoma${n}x and more. ${"z".repeat(900)}`))
        yield* store.importAll([
          { sessionId: id, messages: said },
          { sessionId: other, messages: [user("a harmless billing port"), assistant("yes")] }
        ])
        for (const n of [41, 42, 43]) {
          yield* store.deliver(id, user(`melanoma${n}x ${"y".repeat(n === 42 ? 30_000 : 900)}`), { kind: "request" })
          const turn = yield* acquireLease(id, "turn", `turn ${n}`)
          yield* store.promote(turn)
          yield* store.append(turn, [assistant(`melanoma${n}y`)])
          yield* store.release(turn)
        }
        const operation = yield* acquireLease(id, "operation")
        yield* store.commit(operation, {
          operationId: "op",
          base: 0,
          manifest: { ...wholeLog, headTo: 1, tailFrom: 30, segments: ["s"] },
          segments: [{ ...segment("s", 2, 29), text: "a summary of melanoma7x" }],
          ledger: "the ledger has melanoma8x",
          receipt: "the receipt has melanoma9x"
        })
        yield* store.release(operation)
        yield* store.publish({ sessionId: id, operationId: "op", requestKey: "k", outcome: "melanoma5x" })
        assert.deepStrictEqual(yield* search(id, "melanoma7x"), [8])
        assert.include(yield* search(other, "which ports are billed?"), 1)
        assert.include(dumpRows(filename), "melanoma")

        yield* store.forget(id)
        assert.notMatch(dumpRows(filename), /melanoma|the-patient/)
        for (const file of [filename, `${filename}-wal`]) {
          if (existsSync(file)) assert.notMatch(readFileSync(file, "latin1"), /melanoma|the-patient/, file)
        }
        assert.include(yield* search(other, "which ports are billed?"), 1)
        assert.deepStrictEqual(yield* search(other, "harmless"), [1])
      }).pipe(Effect.provide(services))
      const db = new Database(filename)
      assert.strictEqual(db.pragma("integrity_check", { simple: true }), "ok")
      db.exec("INSERT INTO recall (recall) VALUES ('integrity-check')")
      db.exec("INSERT INTO recall_stem (recall_stem) VALUES ('integrity-check')")
      db.close()
    })
  )

  it.scopedLive("is known at once to other processes, which take a new session of its id for no old one", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const [here, there] = [yield* open(filename), yield* open(filename)]
      const [store, elsewhere] = [Context.get(here, SessionStore), Context.get(there, SessionStore)]
      const begin = (text: string) => store.importAll([{ sessionId: id, messages: [user(text)] }])
      yield* begin("of before")
      yield* elsewhere.state(id)
      yield* store.forget(id)
      assert.deepStrictEqual(yield* Effect.flip(elsewhere.state(id)), makeUnknownSession(id))
      yield* begin("of before, too")
      yield* elsewhere.state(id)
      yield* store.forget(id)
      yield* begin("of now")
      assert.strictEqual((yield* elsewhere.state(id)).tail[0]?.message.content, "of now")
      yield* store.forget(id)
      // The process still has the session in memory.
      const { arrival } = yield* elsewhere.deliver(id, user("delivered there"), { kind: "request" })
      assert.isAbove(arrival, 0)
      assert.deepStrictEqual(yield* Effect.provide(readTexts(id), here), ["delivered there"])
    })
  )

  it.scopedLive("deletes nothing if the transaction fails anywhere", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const services = yield* open(filename)
      const store = Context.get(services, SessionStore)
      yield* store.importAll([{ sessionId: id, messages: [user("one"), user("two")] }])
      yield* store.deliver(id, user("three"), { kind: "request" })
      const before = dumpRows(filename)
      for (const table of ["inbox", "message", "session"]) {
        const db = new Database(filename)
        db.exec(`CREATE TRIGGER refuse BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`)
        assert.deepInclude(yield* Effect.flip(store.forget(id)), { _tag: "StoreError", reason: "failed" })
        db.exec("DROP TRIGGER refuse")
        db.close()
        assert.strictEqual(dumpRows(filename), before)
        assert.deepStrictEqual(yield* Effect.provide(readTexts(id), services), ["one", "two", "three"])
      }
      assert.deepInclude(yield* store.forget(id), { messages: 2, waiting: 1 })
    })
  )
})
