/** A file that is overwritten while a store has it open: told apart from what other processes write to it. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Context, Effect, Layer } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, copyFileSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Hermes from "../../src/hermes/Hermes.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { checkContent } from "../../src/sqlite/fileWatch.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { fresh } from "../support/hermes.ts"
import { repetitions } from "../support/repetitions.ts"
import { user } from "../support/stores.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"

const id = SessionId.make("s")

/** Runs SQL on a connection of its own, as another program does. */
const runSql = (file: string, sql: string) => {
  const db = new Database(file)
  db.exec(sql)
  db.close()
}

const checkpoint = (file: string) => runSql(file, "PRAGMA wal_checkpoint(TRUNCATE)")

/** Where a store is, and the file of it that is overwritten. */
const stores = [
  ["the native store", temporaryDatabase, (filename: string) => Sqlite.layer({ filename, durability: "process" })],
  ...(["new", "old"] as const).map(
    (age) =>
      [
        `a Hermes database of the ${age} schema`,
        Effect.sync(() => fresh(age)),
        (filename: string) => Hermes.layer({ filename, durability: "process" })
      ] as const
  )
] as const

const open = (layer: ReturnType<(typeof stores)[number][2]>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, SessionStore))

/** Leaves more pages than a page of free ones, so that the first page changes, too. */
const writeMuch = (store: SessionStore["Type"], name: string) =>
  store.importAll([
    { sessionId: SessionId.make(name), messages: Array.from({ length: 20 }, () => user("x".repeat(5_000))) }
  ])

const copyFile = (file: string, backup: string) => {
  checkpoint(file)
  copyFileSync(file, backup)
}

const backups: ReadonlyArray<readonly [string, (file: string, backup: string) => void, (file: string) => void]> = [
  ["that SQLite made", (file, backup) => runSql(file, `VACUUM INTO '${backup}'`), () => {}],
  ["that SQLite made before a checkpoint", (file, backup) => runSql(file, `VACUUM INTO '${backup}'`), checkpoint],
  ["that is a copy of the file before a checkpoint", copyFile, checkpoint]
]

const textsOf = (file: string) => {
  const db = new Database(file, { readonly: true })
  const texts = db.prepare<[], string>("SELECT body ->> 'content' FROM inbox ORDER BY arrival").pluck().all()
  db.close()
  return texts
}

describe("an open store", () => {
  for (const [name, make, layerOf] of stores) {
    for (const [way, backUp, afterwards] of backups) {
      it.scopedLive(`acknowledges nothing once a backup ${way} is copied over ${name}`, () =>
        Effect.gen(function* () {
          const file = yield* make
          const store = yield* open(layerOf(file))
          yield* writeMuch(store, "before")
          yield* store.deliver(id, user("one"), { kind: "request" })
          const backup = join(dirname(file), "backup.db")
          backUp(file, backup)
          yield* writeMuch(store, "after")
          afterwards(file)
          yield* store.deliver(id, user("two"), { kind: "request" })
          copyFileSync(backup, file)
          for (const content of ["three", "four"]) {
            const error = yield* Effect.flip(store.deliver(id, user(content), { kind: "request" }))
            assert.strictEqual(error._tag === "StoreError" ? error.reason : error._tag, "gone")
            assert.include(error.message, `${file} was overwritten since it was opened`)
            assert.include(error.message, `remove ${file}-wal and ${file}-shm`)
          }
        })
      )
    }
  }

  it.scopedLive("loses nothing where the copy of the file is as the file is, and all that is newer is in its log", () =>
    Effect.gen(function* () {
      const file = yield* temporaryDatabase
      const store = yield* open(Sqlite.layer({ filename: file }))
      yield* writeMuch(store, "before")
      const backup = join(dirname(file), "backup.db")
      copyFile(file, backup)
      yield* writeMuch(store, "after")
      yield* store.deliver(id, user("one"), { kind: "request" })
      copyFileSync(backup, file)
      yield* store.deliver(id, user("two"), { kind: "request" })
      assert.deepStrictEqual(textsOf(file), ["one", "two"])
    })
  )

  it.scopedLive.each([0, 1, 31, 32, 90])(
    "takes a log cut off at byte %i for one that another process is writing",
    (length) =>
      Effect.gen(function* () {
        const file = yield* temporaryDatabase
        runSql(file, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
        const descriptor = yield* Effect.acquireRelease(
          Effect.sync(() => openSync(file, "r")),
          (opened) => Effect.sync(() => closeSync(opened))
        )
        const log = Buffer.concat([Buffer.alloc(8), Buffer.of(0, 0, 16, 0), Buffer.alloc(88)]).subarray(0, length)
        writeFileSync(`${file}-wal`, log)
        const header = readFileSync(file).subarray(0, 100)
        const before = Buffer.from(header)
        before.writeUInt32BE(before.readUInt32BE(24) + 1, 24)
        const facts = { inode: 0, device: 0, mode: 0, logInode: 0, modified: 0, size: 0, suspect: "" }
        const watched = { ...facts, file, descriptor, header: before, log: log.subarray(0, 32).toString("hex") }
        assert.throws(() => checkContent(watched, 1, 1), StoreError, "is being written by another process")
      })
  )

  it.scopedLive("has all that it acknowledged before its log was deleted, once it is closed", () =>
    Effect.gen(function* () {
      const file = yield* temporaryDatabase
      yield* Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.deliver(id, user("one"), { kind: "request" })
        rmSync(`${file}-wal`)
        const error = yield* Effect.flip(store.deliver(id, user("two"), { kind: "request" }))
        assert.include(error.message, `${file} has lost the log beside it since it was opened`)
      }).pipe(Effect.provide(Sqlite.layer({ filename: file })))
      assert.deepStrictEqual(textsOf(file), ["one"])
    })
  )

  it.scopedLive("takes no harm where its file is only touched, or overwritten with itself", () =>
    Effect.gen(function* () {
      const file = yield* temporaryDatabase
      const store = yield* open(Sqlite.layer({ filename: file }))
      yield* store.deliver(id, user("one"), { kind: "request" })
      utimesSync(file, new Date(0), new Date(0))
      yield* store.deliver(id, user("two"), { kind: "request" })
      writeFileSync(file, readFileSync(file))
      yield* store.deliver(id, user("three"), { kind: "request" })
    })
  )

  /** Writes, checkpoints in every way, and gives pages back, until it is killed. */
  const writer = (file: string, table: string) => `
    const db = new (require("better-sqlite3"))(${JSON.stringify(file)}, { timeout: 5000 })
    db.pragma("wal_autocheckpoint = 7")
    const step = (n) => {
      try {
        if (n < 4) db.exec("CREATE TABLE IF NOT EXISTS ${table} (text)")
        db.exec("INSERT INTO ${table} VALUES (zeroblob(" + (n * 977) % 30000 + "))")
        if (n % 3 === 0) db.pragma("wal_checkpoint(" + ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][(n / 3) % 4] + ")")
        if (n % 20 === 0) db.exec("DELETE FROM ${table}")
        if (n % 50 === 0) db.exec("VACUUM")
      } catch (cause) {
        if (!/busy|locked/i.test(cause.message)) throw cause
      }
      if (n === 3) process.stdout.write("ready")
      setTimeout(step, 3, n + 1)
    }
    step(1)`

  const startWriter = (file: string, table: string) =>
    Effect.acquireRelease(
      Effect.async<ChildProcess>((resume) => {
        const child = spawn(process.execPath, ["-e", writer(file, table)], { stdio: ["ignore", "pipe", "inherit"] })
        child.stdout.once("data", () => resume(Effect.succeed(child)))
        child.once("exit", () => resume(Effect.dieMessage("a writer ended by itself")))
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )

  for (const [name, make, layerOf] of stores) {
    it.scopedLive(`is not misled by other processes that write to ${name} and checkpoint it in every way`, () =>
      Effect.gen(function* () {
        const file = yield* make
        const store = yield* open(layerOf(file))
        yield* store.deliver(id, user("first"), { kind: "request" })
        const writers = yield* Effect.forEach(["one", "two"], (table) => startWriter(file, table))
        const deliveries = repetitions(60, 2_000)
        yield* Effect.repeatN(store.deliver(id, user("more"), { kind: "request" }), deliveries - 1)
        assert.deepStrictEqual(
          writers.map(({ exitCode }) => exitCode),
          [null, null]
        )
        const [session] = yield* store.sessions
        assert.strictEqual(session?.waiting, deliveries + 1)
      })
    )
  }
})
