/** Reads a database that this process cannot write, as it is now. */
import Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { StoreError } from "../session/SessionError.ts"
import { cannotOpen, FORMAT_AT, isNonEmptyFile, openBytes, readHeader, toStoreError, WAL_FORMAT } from "./file.ts"

/**
 * Reads all pages of a database, those in its log included.
 *
 * - Without a log the file is the database. SQLite would need to create files beside it to read it.
 * - With a log SQLite reads both, if the index of the log is there or can be made.
 * - If neither, SQLite reads a copy of both in the folder for temporary files.
 */
export const readDatabase = (filename: string): Effect.Effect<Buffer, StoreError> =>
  Effect.try({
    try: () => readWithoutLog(filename) ?? readWithLog(filename) ?? readCopied(filename),
    catch: (cause) => cannotOpen(filename, cause)
  })

/**
 * Opens a database for reading. Its bytes do not change, and no file is left beside it. Reads all of it into memory where
 * SQLite cannot create the files it needs beside it.
 */
export const openForReading = (filename: string): Database.Database => {
  const header = readHeader(filename)
  // The last connection to close a WAL database writes its log into the file, unless it is read-only. A database without a
  // log has nothing to write, but then only a connection that can write removes the files beside it.
  const isIdle = header !== "absent" && header[FORMAT_AT] === WAL_FORMAT && !isNonEmptyFile(logOf(filename))
  try {
    const db = new Database(filename, { readonly: !isIdle, fileMustExist: true, timeout: 5_000 })
    try {
      db.pragma("query_only = ON")
      db.pragma("schema_version")
      return db
    } catch (cause) {
      db.close()
      throw cause
    }
  } catch (cause) {
    if (!["readonly", "unreadable"].includes(toStoreError("open the database", cause).reason)) throw cause
    return openBytes(readWithoutLog(filename) ?? readCopied(filename), { readonly: true })
  }
}

/** Undefined if there is a log, or if a process wrote to the file meanwhile. */
const readWithoutLog = (filename: string): Buffer | undefined => {
  const readState = () => [isNonEmptyFile(logOf(filename)), statSync(filename).mtimeMs].join()
  const before = readState()
  if (isNonEmptyFile(logOf(filename))) return undefined
  const bytes = readFileSync(filename)
  return readState() === before ? bytes : undefined
}

const readWithLog = (filename: string): Buffer | undefined => {
  try {
    return serialize(filename)
  } catch {
    return undefined
  }
}

const readCopied = (filename: string): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-"))
  try {
    return serialize(copyWithLog(filename, folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const serialize = (filename: string): Buffer => {
  const db = new Database(filename, { readonly: true, fileMustExist: true, timeout: 5_000 })
  try {
    return db.serialize()
  } finally {
    db.close()
  }
}

/** Copies a database into another folder, with its log. Returns the path of the copy. */
export const copyWithLog = (filename: string, folder: string): string => {
  const copy = join(folder, "copy.db")
  copyFileSync(filename, copy)
  if (isNonEmptyFile(logOf(filename))) copyFileSync(logOf(filename), logOf(copy))
  return copy
}

const logOf = (filename: string): string => `${filename}-wal`
