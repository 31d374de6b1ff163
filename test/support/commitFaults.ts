/**
 * Lets the COMMIT of a store on a Hermes database fail on purpose: SQLite commits the side file first, then Hermes' file.
 */
import Database from "better-sqlite3"
import { Effect } from "effect"
import { copyFileSync, existsSync, mkdtempSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { sideFile } from "../../src/hermes/Hermes.ts"

/** Where a COMMIT fails: before the side file has it, before Hermes' file has it, or once both have it. */
export type Phase = "before" | "between" | "after"

/** `error`: the store is told so. `crash`: the process ends there, and another one opens the files as they are. */
export interface Fault {
  readonly how: "error" | "crash"
  readonly phase: Phase
  readonly code: "SQLITE_FULL" | "SQLITE_IOERR_WRITE" | "SQLITE_IOERR_FSYNC"
  /** Transactions that write and are let through before. */
  readonly after: number
  /** Transactions in a row that fail. A crash is one. */
  readonly times: number
}

export interface Faults {
  /** Lets the next transactions fail. Replaces what is left of an earlier fault. */
  readonly arm: (fault: Fault | undefined) => void
  /** Transactions that failed since `arm`. */
  readonly met: () => number
  /** The copies that the crash left, if it came to it. */
  readonly wreck: () => string | undefined
}

/** Copies a database with the log that belongs to it. */
const copyDatabase = (from: string, to: string): void => {
  for (const end of ["", "-wal"]) if (existsSync(from + end)) copyFileSync(from + end, to + end)
}

/** Watches the COMMITs of all stores on Hermes databases until the scope closes. */
export const watchCommits = Effect.map(
  Effect.acquireRelease(Effect.sync(install), ({ end }) => Effect.sync(end)),
  ({ faults }): Faults => faults
)

function install() {
  const any = new Database(":memory:")
  const statements: { run: Database.Statement["run"] } = Object.getPrototypeOf(any.prepare("SELECT 1"))
  any.close()
  const { run } = statements
  const writing = new WeakSet<Database.Database>()
  let fault: Fault | undefined
  let seen = 0
  let met = 0
  let wreck: string | undefined

  const commit = (db: Database.Database, real: () => Database.RunResult): Database.RunResult => {
    seen += 1
    const isDue = fault !== undefined && wreck === undefined && seen > fault.after && met < fault.times
    if (fault === undefined || !isDue) return real()
    const { code, how, phase } = fault
    const failed = () => {
      met += 1
      throw new Database.SqliteError(`failed ${phase} by the test`, code)
    }
    if (how === "crash") {
      wreck = copyFiles(db, phase, real)
      return failed()
    }
    if (phase === "before") {
      rollBack(db)
      return failed()
    }
    const { isInBoth, result } = phase === "after" ? commitBoth(db, real) : commitSideFile(db, real)
    // SQLite reports no failure of a COMMIT whose only file is committed.
    return isInBoth ? failed() : result
  }

  statements.run = function (this: Database.Statement, ...parameters) {
    const { database: db, source } = this
    if (source === "BEGIN IMMEDIATE") writing.add(db)
    if (source === "BEGIN") writing.delete(db)
    const real = () => run.apply(this, parameters)
    return source === "COMMIT" && writing.has(db) && hermesFileOf(db) !== undefined ? commit(db, real) : real()
  }
  const faults: Faults = {
    arm: (next) => {
      ;[fault, seen, met, wreck] = [next, 0, 0, undefined]
    },
    met: () => met,
    wreck: () => wreck
  }
  return { faults, end: () => void (statements.run = run) }
}

interface Attached {
  readonly name: string
  readonly file: string
}

const hermesFileOf = (db: Database.Database): string | undefined =>
  db
    .prepare<[], Attached>("SELECT name, file FROM pragma_database_list")
    .all()
    .find(({ name }) => name === "hermes")?.file

const rollBack = (db: Database.Database) => {
  if (db.inTransaction) db.exec("ROLLBACK")
}

/** Commits, and tells whether there was anything to commit in Hermes' file. */
const commitBoth = (db: Database.Database, real: () => Database.RunResult) => {
  const other = new Database(hermesFileOf(db), { readonly: true })
  const readVersion = () => other.pragma("data_version", { simple: true })
  try {
    const before = readVersion()
    const result = real()
    return { result, isInBoth: readVersion() !== before }
  } finally {
    other.close()
  }
}

/** Commits, and puts Hermes' rows back as they were. */
const commitSideFile = (db: Database.Database, real: () => Database.RunResult) => {
  const hermes = hermesFileOf(db) ?? ""
  const copy = join(mkdtempSync(join(dirname(hermes), "before-")), basename(hermes))
  copyDatabase(hermes, copy)
  const committed = commitBoth(db, real)
  if (!committed.isInBoth) return committed
  const other = new Database(hermes)
  other.pragma("foreign_keys = OFF")
  other.prepare("ATTACH DATABASE ? AS before").run(copy)
  const tables = ["messages", "sessions", "sqlite_sequence"]
  const restore = tables.map((table) => `DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM before.${table};`)
  other.exec(`BEGIN; ${restore.join(" ")} COMMIT`)
  other.close()
  return committed
}

/** Both files as they are at the moment: `between` with the side file committed, `after` with both. */
const copyFiles = (db: Database.Database, phase: Phase, commit: () => void): string => {
  const hermes = hermesFileOf(db) ?? ""
  const copy = join(mkdtempSync(join(dirname(hermes), "wreck-")), basename(hermes))
  if (phase !== "after") copyDatabase(hermes, copy)
  if (phase === "before") copyDatabase(sideFile(hermes), sideFile(copy))
  commit()
  if (phase === "after") copyDatabase(hermes, copy)
  if (phase !== "before") copyDatabase(sideFile(hermes), sideFile(copy))
  return copy
}
