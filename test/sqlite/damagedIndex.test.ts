/** A damaged index of recall: the log has all that it had, so that nothing is lost and nothing stays shut. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Chunk, Effect, FastCheck as fc, Layer, Logger, Stream } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const PAGE = 4_096
const id = SessionId.make("s")
const MESSAGES = 450

const options = { limit: 5, scope: { fromSeq: 1, toSeq: 1_000, except: [], also: [] } }
const queries = ["apples", "word7", "word33 word34", `"number 301"`, "appl"]

const readAll = Effect.gen(function* () {
  const store = yield* SessionStore
  const index = yield* SessionIndex
  const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(id)))
  const found = yield* Effect.forEach(queries, (query) => index.search(id, query, options))
  return { log, found: found.map((entries) => entries.map(({ seq }) => seq)) }
})

/** A database with an index of several pages, the bytes of its file, and what can be asked of it. */
const makeFile = Effect.gen(function* () {
  const filename = yield* temporaryDatabase
  const messages = Array.from({ length: MESSAGES }, (_, n) =>
    user(`apple number ${n} ${Array.from({ length: 40 }, (_, m) => `word${(n * m) % 997}`).join(" ")}`)
  )
  const whole = yield* Effect.zipRight(
    Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: id, messages }])),
    readAll
  ).pipe(Effect.provide(Sqlite.layer({ filename, durability: "process" })))
  const db = new Database(filename)
  const pages = db.prepare<[], number>("SELECT pageno FROM dbstat WHERE name LIKE 'recall%'").pluck().all()
  db.close()
  assert.isAtLeast(pages.length, 10)
  return { filename, whole, pages, bytes: readFileSync(filename) }
})

/** Runs an effect, and counts the warnings that it logs of the index. */
const countWarnings = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let warnings = 0
    const logger = Logger.make(({ message }) => {
      if (String(message).startsWith("the index of recall was damaged")) warnings += 1
    })
    return Effect.map(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), (value) => ({
      value,
      warnings
    }))
  })

const assertSoundLog = (filename: string) => {
  const db = new Database(filename)
  const problems = db.prepare<[], string>("SELECT * FROM pragma_integrity_check").pluck().all()
  // The pages of the damaged index belong to nothing until VACUUM.
  assert.deepStrictEqual(
    problems.filter((problem) => problem !== "ok" && !problem.endsWith("never used")),
    []
  )
  db.exec("VACUUM")
  assert.strictEqual(db.pragma("integrity_check", { simple: true }), "ok")
  db.close()
}

describe("a damaged index of recall", () => {
  it.scopedLive("is made anew from the log by the search that meets it, whichever of its pages are damaged", () =>
    Effect.gen(function* () {
      const { bytes, filename, pages, whole } = yield* makeFile
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(fc.constantFrom(...pages), fc.constantFrom(0, 0x5a, 0xff)), {
              minLength: 1,
              maxLength: 4
            }),
            fc.boolean(),
            (damage, isOnlyHead) =>
              Effect.gen(function* () {
                const damaged = Buffer.from(bytes)
                for (const [page, byte] of damage) {
                  damaged.fill(byte, (page - 1) * PAGE, (page - 1) * PAGE + (isOnlyHead ? 16 : PAGE))
                }
                writeFileSync(filename, damaged)
                const { value, warnings } = yield* countWarnings(
                  Effect.gen(function* () {
                    const store = yield* SessionStore
                    yield* store.deliver(id, user("more"), { kind: "request" })
                    const first = yield* readAll
                    assert.deepStrictEqual(yield* readAll, first)
                    return first
                  }).pipe(Effect.provide(Sqlite.layer({ filename, durability: "process" })))
                )
                assert.isAtMost(warnings, 1)
                assert.deepStrictEqual(value.log.slice(0, MESSAGES), whole.log)
                assert.deepStrictEqual(value.found, whole.found)
                if (warnings === 1) assertSoundLog(filename)
              }).pipe(Effect.runPromise)
          ),
          propertyRuns(15, 300).fastCheck
        )
      )
    })
  )

  it.scopedLive("whose mark of stems names messages that are not there finds the same", () =>
    Effect.gen(function* () {
      const { filename, whole } = yield* makeFile
      const db = new Database(filename)
      db.exec("INSERT OR REPLACE INTO recall_stem_session SELECT number, 1 << 60 FROM recall_session")
      db.close()
      const read = yield* readAll.pipe(Effect.provide(Sqlite.layer({ filename, durability: "process" })))
      assert.deepStrictEqual(read, whole)
    })
  )

  it.scopedLive("whose root is gone is made anew while two connections have it open, and once", () =>
    Effect.gen(function* () {
      const { bytes, filename, whole } = yield* makeFile
      const db = new Database(filename)
      const roots = db.prepare<[], number>(
        "SELECT rootpage FROM sqlite_schema WHERE name LIKE 'recall%' AND rootpage > 0"
      )
      for (const page of roots.pluck().all()) bytes.fill(0, (page - 1) * PAGE, page * PAGE)
      db.close()
      writeFileSync(filename, bytes)
      const open = Layer.build(Sqlite.layer({ filename, durability: "process" }))
      const { value, warnings } = yield* countWarnings(
        Effect.gen(function* () {
          const [here, there] = [yield* open, yield* open]
          return yield* Effect.forEach([here, there, here], (context) => Effect.provide(readAll, context))
        }).pipe(Effect.scoped)
      )
      for (const { found } of value) assert.deepStrictEqual(found, whole.found)
      assert.strictEqual(warnings, 1)
      assertSoundLog(filename)
    })
  )
})

describe("a damaged index of the log", () => {
  const session = SessionId.make("session-of-the-log")

  /** Flips a bit of the session id of the last entry, in the last page of the index. */
  const hideLastMessage = (filename: string) => {
    const db = new Database(filename)
    db.pragma("wal_checkpoint(TRUNCATE)")
    const pages = db
      .prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'sqlite_autoindex_message_1' AND pagetype = 'leaf'")
      .pluck()
      .all()
    const count = () =>
      db.prepare<[], number>("SELECT max(seq) FROM message WHERE session_id = 'session-of-the-log'").pluck().get()
    assert.strictEqual(count(), 3)
    db.close()
    const bytes = readFileSync(filename)
    // Entries are written from the end of a page to its beginning.
    const at = bytes.indexOf(session, ((pages.at(-1) ?? 1) - 1) * PAGE)
    bytes[at] = (bytes[at] ?? 0) ^ 4
    writeFileSync(filename, bytes)
  }

  it.scoped("that hides the last message is made anew when the store is opened", () =>
    Effect.gen(function* () {
      const filename = yield* temporaryDatabase
      const layer = Layer.fresh(Sqlite.layer({ filename, durability: "process" }))
      const log = Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(session)))
      const messages = ["one", "two", "three"].map((text) => user(text))
      yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: session, messages }])).pipe(
        Effect.provide(layer)
      )
      hideLastMessage(filename)
      const read = Chunk.toReadonlyArray(yield* Effect.provide(log, layer))
      assert.deepStrictEqual(
        read.map(({ message }) => message.content),
        ["one", "two", "three"]
      )
      assertSoundLog(filename)
    })
  )
})
