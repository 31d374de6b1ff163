/** A Hermes database on disk: which schema it has, and how it is opened without harm. */
import Database from "better-sqlite3"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import type { StoreError } from "../session/SessionError.ts"
import { type HermesLock, lockState, type World } from "./locks.ts"
import { isSqlite, readHeader, refuseFile, toStoreError, cannotOpen } from "../sqlite/file.ts"

/**
 * What a database can hold: schemas differ by age. Only one with `active` and `compacted` can take a row out of the
 * live context and keep it.
 */
export interface Shape {
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>
  readonly version: number | null
  readonly canArchive: boolean
}

export interface HermesFile {
  readonly filename: string
  readonly db: Database.Database
  readonly shape: Shape
}

/** Without these a database is not Hermes', whatever else it holds. */
const REQUIRED: { readonly [table: string]: ReadonlyArray<string> } = {
  sessions: ["id", "source", "parent_session_id", "started_at", "ended_at", "end_reason"],
  messages: ["id", "session_id", "role", "content", "tool_call_id", "tool_calls", "timestamp"]
}

const ROLLBACK_FORMAT = 1
const WAL_FORMAT = 2
const WRITE_FORMAT_AT = 18

/** For reading alone: the file's bytes stay as they are, and nothing is left beside it. */
export const openReadOnly = (filename: string): Effect.Effect<HermesFile, StoreError, Scope.Scope> =>
  Effect.flatMap(header(filename), (header) =>
    opened(filename, () => {
      // Closing a WAL database for good folds its log into the file, unless the connection may not write. One without
      // a log has nothing to fold, and its last connection takes the files beside it away only if it could write.
      const isIdle = header[WRITE_FORMAT_AT] === WAL_FORMAT && !isFilled(`${filename}-wal`)
      if (isIdle && !isWritable(dirname(filename))) return inMemory(filename)
      const db = new Database(filename, { readonly: !isIdle, fileMustExist: true, timeout: 5_000 })
      if (isIdle) db.pragma("query_only = ON")
      return db
    })
  )

/** Where SQLite could not put the files a WAL database needs beside it, all of it is read at once. */
const inMemory = (filename: string): Database.Database => {
  const bytes = readFileSync(filename)
  bytes.fill(ROLLBACK_FORMAT, WRITE_FORMAT_AT, WRITE_FORMAT_AT + 2)
  return new Database(bytes, { readonly: true })
}

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** For writing; refused while a living process holds a session of it, or writes. */
export const openForWriting = (filename: string): Effect.Effect<HermesFile, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.scoped(Effect.flatMap(openReadOnly(filename), unheld))
    yield* writable(filename)
    const file = yield* opened(filename, () => new Database(filename, { fileMustExist: true, timeout: 0 }))
    yield* attempt(filename, () => {
      file.db.exec("BEGIN IMMEDIATE; ROLLBACK")
      file.db.pragma("foreign_keys = ON")
    })
    return file
  })

/** SQLite's own backup, to `<file>.<UTC timestamp>.bak`; the name of the copy. */
export const backUpFile = ({ db, filename }: HermesFile): Effect.Effect<string, StoreError> =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    const copy = `${filename}.${DateTime.formatIso(now).replaceAll(/[-:]|\.\d+/g, "")}.bak`
    if (existsSync(copy)) return yield* refuseFile("failed", `${copy} exists already`)
    yield* Effect.tryPromise({
      try: () => db.backup(copy),
      catch: (cause) => toStoreError("back up the database", cause)
    })
    return copy
  })

/** The world as this process sees it. */
export const readWorld: Effect.Effect<World> = Effect.map(Clock.currentTimeMillis, (millis) => ({
  now: millis / 1_000,
  isRunning
}))

export const readLocks = ({ db, shape }: HermesFile): ReadonlyArray<HermesLock> =>
  LOCKS.flatMap(([table, key]) =>
    shape.tables.has(table)
      ? db
          .prepare<[], Omit<HermesLock, "table">>(
            `SELECT ${key} AS sessionId, holder, expires_at AS expiresAt FROM ${table} ORDER BY ${key}`
          )
          .all()
          .map((lock) => ({ table, ...lock }))
      : []
  )

const LOCKS = [
  ["compression_locks", "session_id"],
  ["session_turn_leases", "conversation_id"]
] as const

const unheld = (file: HermesFile) =>
  Effect.flatMap(readWorld, (world) => {
    const held = readLocks(file).find((lock) => lockState(lock, world) === "held")
    return held === undefined
      ? Effect.void
      : refuseFile("busy", `${file.filename}: session ${held.sessionId} is held by ${held.holder}`)
  })

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}

const header = (filename: string): Effect.Effect<Buffer, StoreError> =>
  Effect.flatMap(
    attempt(filename, () => readHeader(filename)),
    (header) => {
      if (header === "absent") return refuseFile("unreadable", `there is no file ${filename}`)
      return isSqlite(header)
        ? Effect.succeed(header)
        : refuseFile("not-a-database", `${filename} is not a SQLite database`)
    }
  )

const writable = (filename: string) =>
  attempt(filename, () => {
    accessSync(filename, constants.W_OK)
    accessSync(dirname(filename), constants.W_OK)
  })

const opened = (filename: string, open: () => Database.Database) =>
  Effect.gen(function* () {
    const db = yield* Effect.acquireRelease(attempt(filename, open), (db) => Effect.sync(() => db.close()))
    const shape = yield* attempt(filename, () => shapeOf(db))
    const missing = Object.entries(REQUIRED).flatMap(([table, columns]) =>
      columns.filter((column) => shape.tables.get(table)?.has(column) !== true).map((column) => `${table}.${column}`)
    )
    if (missing.length > 0) {
      return yield* refuseFile(
        "not-a-database",
        `${filename} is not a Hermes database: it has no ${missing.join(", ")}`
      )
    }
    if (yield* attempt(filename, () => isTruncated(db, filename))) {
      return yield* refuseFile("corrupt", `${filename} is cut short: it holds fewer pages than it says`)
    }
    return { filename, db, shape }
  })

const shapeOf = (db: Database.Database): Shape => {
  const tables = new Map(
    db
      .prepare<[], { readonly name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => [name, columns(db, name)])
  )
  const messages = tables.get("messages")
  const version = tables.has("schema_version")
    ? db.prepare<[], number>("SELECT max(version) FROM schema_version").pluck().get()
    : null
  return { tables, version: version ?? null, canArchive: messages?.has("active") === true && messages.has("compacted") }
}

const columns = (db: Database.Database, table: string): ReadonlySet<string> =>
  new Set(db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table))

const isTruncated = (db: Database.Database, filename: string): boolean => {
  if (isFilled(`${filename}-wal`)) return false
  const [pages, size] = ["page_count", "page_size"].map((name) => Number(db.pragma(name, { simple: true })))
  return statSync(filename).size < (pages ?? 0) * (size ?? 0)
}

const isFilled = (filename: string): boolean => (statSync(filename, { throwIfNoEntry: false })?.size ?? 0) > 0

const attempt = <A>(filename: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({ try: run, catch: (cause) => cannotOpen(filename, cause) })
