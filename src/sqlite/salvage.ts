/** Brings what can be read of a damaged database into a new one. */
import Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs"
import { dirname, join } from "node:path"
import { inUse } from "../message/Tokens.ts"
import type { StoreError } from "../session/SessionError.ts"
import { bringOver, type SalvageReport } from "./bringOver.ts"
import { copyWithLog } from "./copy.ts"
import { cannotOpen, connectFile, inspectFile, readHeader, refuseFile, toStoreError } from "./file.ts"
import * as MakeStore from "./makeStore.ts"

/**
 * Reads a copy of the damaged file, so that its bytes and the files beside it stay as they are, and writes `out`. Fails with
 * a `StoreError` if `out` is there already. If no session can be read it fails, too, and leaves no `out`.
 */
export const salvageFile = (filename: string, out: string): Effect.Effect<SalvageReport, StoreError> =>
  Effect.gen(function* () {
    yield* inspectFile(filename, false)
    if (existsSync(out)) return yield* refuseFile("failed", `${out} exists already`)
    const damaged = yield* openCopy(filename, dirname(out))
    return yield* Effect.tapErrorCause(fillNew(damaged, filename, out), () => Effect.sync(() => removeDatabase(out)))
  }).pipe(Effect.scoped)

const removeDatabase = (filename: string) => {
  for (const end of ["", "-wal", "-shm"]) rmSync(filename + end, { force: true })
}

/** Opens a copy beside the new file, where there is room for a database of about the same size. */
const openCopy = (filename: string, parent: string) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.try({
        try: () => mkdtempSync(join(parent, ".throughline-")),
        catch: (cause) => toStoreError("make the new database", cause)
      }),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const db = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const copy = copyWithLog(filename, folder)
          restoreLength(copy)
          return new Database(copy)
        },
        catch: (cause) => cannotOpen(filename, cause)
      }),
      (db) => Effect.sync(() => db.close())
    )
    // If the version itself cannot be read, the tables are read as they are.
    yield* Effect.catchIf(
      MakeStore.requireKnownSchema(db, filename),
      ({ reason }) => reason === "corrupt",
      () => Effect.void
    )
    return db
  })

const PAGE_SIZE_AT = 16
const PAGE_COUNT_AT = 28
const LARGEST_PAGE = 65_536

/**
 * Fills up a file that was cut short: SQLite reads nothing of a file that has fewer pages than its header says. Leaves out
 * a page that is there in part: the bytes that it lacks would be read as zeros.
 */
const restoreLength = (filename: string) => {
  const header = readHeader(filename)
  if (header === "absent") return
  const written = header.readUInt16BE(PAGE_SIZE_AT)
  const pageSize = written === 1 ? LARGEST_PAGE : written
  const whole = Math.floor(statSync(filename).size / pageSize)
  truncateSync(filename, whole * pageSize)
  truncateSync(filename, Math.max(header.readUInt32BE(PAGE_COUNT_AT), whole) * pageSize)
}

const fillNew = (damaged: Database.Database, filename: string, out: string) =>
  Effect.gen(function* () {
    const counter = yield* inUse
    const db = yield* Effect.acquireRelease(connectFile(out, "FULL"), (db) => Effect.sync(() => db.close()))
    yield* MakeStore.migrateFile(db)
    const report = yield* Effect.try({
      try: () => db.transaction(() => bringOver(damaged, db, counter))(),
      catch: (cause) => toStoreError(`bring ${filename} over into ${out}`, cause)
    })
    if (report.sessions === 0) return yield* refuseFile("corrupt", `${filename}: no session of it can be read`)
    return report
  }).pipe(Effect.scoped)
