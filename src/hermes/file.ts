/** Opens a Hermes database without harm to it, and reads its schema. */
import Database from "better-sqlite3"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import { accessSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import type { StoreError } from "../session/SessionError.ts"
import { type HermesLock, LOCK_TABLES, lockState, type World } from "./locks.ts"
import { findWriteObstacle } from "./writeObstacle.ts"
import { openForReading } from "../sqlite/copy.ts"
import { cannotOpen, isNonEmptyFile, isSqlite, readHeader, refuseFile, toStoreError } from "../sqlite/file.ts"

/** The schema of a database. Versions of Hermes differ in their tables and columns. */
export interface Shape {
  /** The columns of each table. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>
  readonly version: number | null
  /** True if rows have `active` and `compacted`, so that one can leave the context and yet be kept. */
  readonly canArchive: boolean
}

export interface HermesFile {
  readonly filename: string
  readonly db: Database.Database
  readonly shape: Shape
}

/** A database that lacks one of these is not a Hermes database. */
const REQUIRED: { readonly [table: string]: ReadonlyArray<string> } = {
  sessions: ["id", "source", "parent_session_id", "started_at", "ended_at", "end_reason"],
  messages: ["id", "session_id", "role", "content", "tool_call_id", "tool_calls", "timestamp"]
}

/** Opens a database for reading. The bytes of the file do not change, and no file is left beside it. */
export const openReadOnly = (filename: string): Effect.Effect<HermesFile, StoreError, Scope.Scope> =>
  Effect.zipRight(
    requireDatabase(filename),
    openFile(filename, () => openForReading(filename))
  )

/** Refuses a database whose own triggers or constraints keep messages out, before the first of them is lost to it. */
export const requireWritableMessages = ({ db, filename }: HermesFile): Effect.Effect<void, StoreError> =>
  Effect.flatMap(
    attemptOpen(filename, () => findWriteObstacle(db)),
    (obstacle) => (obstacle === undefined ? Effect.void : refuseFile("failed", `${filename}: ${obstacle}`))
  )

/** Opens a database for writing. Refuses it as `busy` while a running process holds one of its sessions, or writes. */
export const openForWriting = (filename: string): Effect.Effect<HermesFile, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* requireUnheld(filename)
    yield* requireWritable(filename)
    const file = yield* openFile(filename, () => new Database(filename, { fileMustExist: true, timeout: 0 }))
    yield* attemptOpen(filename, () => {
      file.db.exec("BEGIN IMMEDIATE; ROLLBACK")
      file.db.pragma("foreign_keys = ON")
    })
    return file
  })

/** Copies the database with SQLite's own backup to `<file>.<UTC timestamp>.bak`, and returns that name. */
export const backUpFile = ({ db, filename }: HermesFile): Effect.Effect<string, StoreError> =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    const copy = `${filename}.${DateTime.formatIso(now).replaceAll(/[-:]|\.\d+/g, "")}.bak`
    if (existsSync(copy)) return yield* refuseFile("failed", `${copy} exists already`)
    yield* Effect.tryPromise({
      try: () => {
        closeSync(openSync(copy, "wx", 0o600))
        return db.backup(copy)
      },
      catch: (cause) => toStoreError("back up the database", cause)
    })
    return copy
  })

/** Reads the clock, and can tell which processes of this machine run. */
export const readWorld: Effect.Effect<World> = Effect.map(Clock.currentTimeMillis, (millis) => ({
  now: millis / 1_000,
  isRunning
}))

export const readLocks = ({ db, shape }: HermesFile): ReadonlyArray<HermesLock> =>
  Struct.entries(LOCK_TABLES).flatMap(([table, key]) =>
    shape.tables.has(table)
      ? db
          .prepare<[], Omit<HermesLock, "table">>(
            `SELECT ${key} AS sessionId, holder, expires_at AS expiresAt FROM ${table} ORDER BY ${key}`
          )
          .all()
          .map((lock) => ({ table, ...lock }))
      : []
  )

/** Refuses a database as `busy` while a running process holds one of its sessions. */
export const requireUnheld = (filename: string): Effect.Effect<void, StoreError> =>
  Effect.scoped(Effect.flatMap(openReadOnly(filename), refuseIfHeld))

const refuseIfHeld = (file: HermesFile) =>
  Effect.gen(function* () {
    const world = yield* readWorld
    const locks = yield* attemptOpen(file.filename, () => readLocks(file))
    const held = locks.find((lock) => lockState(lock, world) === "held")
    if (held === undefined) return
    return yield* refuseFile("busy", `${file.filename}: session ${held.sessionId} is held by ${held.holder}`)
  })

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}

const requireDatabase = (filename: string): Effect.Effect<void, StoreError> =>
  Effect.flatMap(
    attemptOpen(filename, () => readHeader(filename)),
    (header) => {
      if (header === "absent") return refuseFile("unreadable", `there is no file ${filename}`)
      return isSqlite(header) ? Effect.void : refuseFile("not-a-database", `${filename} is not a SQLite database`)
    }
  )

/** True if the file begins as a SQLite database does. False if it cannot be read. */
export const isSqliteFile = (filename: string): boolean => {
  try {
    const header = readHeader(filename)
    return header !== "absent" && isSqlite(header)
  } catch {
    return false
  }
}

const requireWritable = (filename: string) =>
  attemptOpen(filename, () => {
    accessSync(filename, constants.W_OK)
    accessSync(dirname(filename), constants.W_OK)
  })

const openFile = (filename: string, open: () => Database.Database) =>
  Effect.gen(function* () {
    const db = yield* Effect.acquireRelease(attemptOpen(filename, open), (db) => Effect.sync(() => db.close()))
    const shape = yield* attemptOpen(filename, () => readShape(db))
    const missing = Object.entries(REQUIRED).flatMap(([table, columns]) =>
      columns.filter((column) => shape.tables.get(table)?.has(column) !== true).map((column) => `${table}.${column}`)
    )
    if (missing.length > 0) {
      return yield* refuseFile(
        "not-a-database",
        `${filename} is not a Hermes database: it has no ${missing.join(", ")}`
      )
    }
    if (yield* attemptOpen(filename, () => isTruncated(db, filename))) {
      return yield* refuseFile("corrupt", `${filename} is cut short: it holds fewer pages than it says`)
    }
    return { filename, db, shape }
  })

const readShape = (db: Database.Database): Shape => {
  const tables = new Map(
    db
      .prepare<[], { readonly name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => [name, readColumnNames(db, name)])
  )
  const messages = tables.get("messages")
  const version = tables.has("schema_version")
    ? db.prepare<[], number>("SELECT max(version) FROM schema_version").pluck().get()
    : null
  return { tables, version: version ?? null, canArchive: messages?.has("active") === true && messages.has("compacted") }
}

const readColumnNames = (db: Database.Database, table: string): ReadonlySet<string> =>
  new Set(db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table))

const isTruncated = (db: Database.Database, filename: string): boolean => {
  if (isNonEmptyFile(`${filename}-wal`)) return false
  const [pages, size] = ["page_count", "page_size"].map((name) => Number(db.pragma(name, { simple: true })))
  return statSync(filename).size < (pages ?? 0) * (size ?? 0)
}

const attemptOpen = <A>(filename: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({ try: run, catch: (cause) => cannotOpen(filename, cause) })
