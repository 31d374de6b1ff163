/** Opens the file behind the native store, once it is known to be ours. */
import Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { closeSync, openSync, readSync, statSync } from "node:fs"
import { StoreError } from "../session/SessionError.ts"
import { systemErrorText } from "../message/systemErrorText.ts"
import { textOf } from "../model/safeErrorText.ts"

const MAGIC = "SQLite format 3\0"
/** "thrl": written into the file's header, so that another application's database is never taken for ours. */
const APPLICATION_ID = 0x7468726c
const APPLICATION_ID_AT = 68
export const HEADER_LENGTH = 100

/** For SQLite each connection to one of these is a database of its own. */
const NO_FILES: ReadonlyArray<string> = ["", ":memory:"]

/** The place in the header of the two bytes that say whether the database has a log beside it. */
export const FORMAT_AT = 18
const ROLLBACK_FORMAT = 1
export const WAL_FORMAT = 2

/** Reads the header alone, so that a file that is not ours is left as it is, byte for byte. */
export const inspectFile = (
  filename: string,
  create: boolean,
  application = APPLICATION_ID
): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    if (NO_FILES.includes(filename)) return refuseFile("unreadable", `expected the path of a file, not "${filename}"`)
    const header = readHeader(filename)
    if (header === "absent") return create ? Effect.void : refuseFile("unreadable", `there is no file ${filename}`)
    if (header.length === 0) return create ? Effect.void : refuseFile("not-a-database", `${filename} is empty`)
    if (!isSqlite(header)) return refuseFile("not-a-database", `${filename} is not a SQLite database`)
    return header.readUInt32BE(APPLICATION_ID_AT) === application
      ? Effect.void
      : refuseFile("not-a-database", `${filename} is another application's database`)
  }).pipe(Effect.catchAllDefect((cause) => Effect.fail(cannotOpen(filename, cause))))

/** True for the first bytes of a SQLite database. */
export const isSqlite = (header: Buffer): boolean =>
  header.length === HEADER_LENGTH && header.toString("latin1", 0, MAGIC.length) === MAGIC

export const refuseFile = (reason: StoreError["reason"], detail: string) =>
  new StoreError({ operation: "open the database", reason, detail })

export const cannotOpen = (filename: string, cause: unknown): StoreError => {
  const { detail, operation, reason } = toStoreError("open the database", cause)
  return new StoreError({ operation, reason, detail: `${textOf(filename)}: ${detail}` })
}

/** The first bytes of a file, without opening it as a database. */
export const readHeader = (filename: string): Buffer | "absent" => {
  let file: number
  try {
    file = openSync(filename, "r")
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return "absent"
    throw cause
  }
  try {
    return readFirstBytes(file, HEADER_LENGTH)
  } finally {
    closeSync(file)
  }
}

/** Fewer bytes if the file has no more. */
export const readFirstBytes = (descriptor: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0))
}

/** False also for a file that is not there. */
export const isNonEmptyFile = (filename: string): boolean =>
  (statSync(filename, { throwIfNoEntry: false })?.size ?? 0) > 0

/** Opens a database that is in memory. It has no log beside it, whatever its header says. */
export const openBytes = (bytes: Buffer, options: Database.Options = {}): Database.Database => {
  bytes.fill(ROLLBACK_FORMAT, FORMAT_AT, FORMAT_AT + 2)
  return new Database(bytes, options)
}

/** Adds to the error of a damaged database which file it is, and what can be done. */
export const hintSalvage = (error: StoreError, filename: string): StoreError => {
  if (error.reason !== "corrupt") return error
  const what = error.detail.startsWith(filename) ? error.detail : `${filename}: ${error.detail}`
  const detail = `${what}; \`throughline salvage ${filename} --out NEW\` brings out what can be read`
  return new StoreError({ operation: error.operation, reason: "corrupt", detail })
}

/** Opens the store's own connection. It waits for a busy file until the store is ready to serve. */
export const connectFile = (
  filename: string,
  synchronous: "FULL" | "OFF",
  application = APPLICATION_ID
): Effect.Effect<Database.Database, StoreError> =>
  Effect.try({
    try: () => {
      createPrivate(filename)
      const db = new Database(filename, { timeout: 5_000 })
      try {
        // The first write to an empty file, so that no process ever sees a nameless database of ours.
        if (db.pragma("application_id", { simple: true }) !== application) {
          db.pragma(`application_id = ${application}`)
        }
        db.pragma("journal_mode = WAL")
        db.pragma(`synchronous = ${synchronous}`)
        db.pragma("foreign_keys = ON")
        // Costs no write: what is deleted from a page that is written anyway is overwritten.
        db.pragma("secure_delete = FAST")
        return db
      } catch (cause) {
        db.close()
        throw cause
      }
    },
    catch: (cause) => cannotOpen(filename, cause)
  })

/** Conversations are for their user alone. SQLite gives the files beside the database the same mode. */
const createPrivate = (filename: string): void => {
  // Fails before the file is there if the native part of better-sqlite3 is missing.
  new Database(":memory:").close()
  closeSync(openSync(filename, "a", 0o600))
}

/** Classifies what SQLite or the file system threw. */
export const toStoreError = (operation: string, cause: unknown): StoreError =>
  new StoreError({
    operation,
    reason: reasonOf(codeOf(cause)),
    detail: isBindingFailure(cause) ? BINDING_HELP : systemErrorText(cause)
  })

/** Returns whether SQLite found a page damaged. */
export const isDamage = (cause: unknown): boolean => reasonOf(codeOf(cause)) === "corrupt"

const BINDING_HELP =
  `the native part of better-sqlite3 is missing or was built for another runtime than Node.js ${process.version}. ` +
  "Run `npm rebuild better-sqlite3`, or with pnpm `pnpm approve-builds` and `pnpm rebuild better-sqlite3`. " +
  "Bun is not supported"

/** Package managers may skip the build at install; better-sqlite3 then lists thirteen paths over as many lines. */
const isBindingFailure = (cause: unknown): boolean =>
  codeOf(cause) === "ERR_DLOPEN_FAILED" ||
  (cause instanceof Error && /^Could not locate the bindings file|not yet supported in Bun/.test(cause.message))

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const REASONS: ReadonlyArray<readonly [prefix: string, reason: StoreError["reason"]]> = [
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_FULL", "full"],
  ["ENOSPC", "full"],
  ["SQLITE_NOTADB", "not-a-database"],
  ["SQLITE_CORRUPT", "corrupt"],
  ["SQLITE_READONLY", "readonly"],
  ["SQLITE_PERM", "readonly"],
  ["EROFS", "readonly"],
  ["SQLITE_IOERR", "unavailable"],
  ["SQLITE_PROTOCOL", "unavailable"],
  ["SQLITE_NOMEM", "unavailable"],
  ["EMFILE", "unavailable"],
  ["ENFILE", "unavailable"],
  ["EIO", "unavailable"],
  ["SQLITE_CANTOPEN", "unreadable"],
  ["EACCES", "unreadable"],
  ["EISDIR", "unreadable"],
  ["ENOTDIR", "unreadable"]
]

const reasonOf = (code: string): StoreError["reason"] =>
  REASONS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "failed"

/** Waits for another process that holds the file, at most ten seconds. */
export const busyTimeout = Schedule.exponential("2 millis").pipe(
  Schedule.union(Schedule.spaced("50 millis")),
  Schedule.jittered,
  Schedule.upTo("10 seconds")
)
