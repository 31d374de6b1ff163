/**
 * Tells whether what is in the files of a connection is still what it opened. SQLite does not look: it goes on writing over
 * a backup that was copied into them.
 */
import type Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import { closeSync, openSync, readSync, statSync } from "node:fs"
import { StoreError } from "../session/SessionError.ts"
import { cannotOpen, FORMAT_AT, HEADER_LENGTH, isNonEmptyFile, readFirstBytes, WAL_FORMAT } from "./file.ts"

/** The facts about a file at the last look at it. */
export interface WatchedFile {
  readonly file: string
  readonly descriptor: number
  readonly inode: number
  readonly device: number
  readonly mode: number
  /** Transactions flushed to the log are acknowledged. Undefined for a file that had none when it was opened. */
  readonly logInode: number | undefined
  /** When and how the file itself was written last. In WAL mode only a checkpoint does that. */
  modified: number
  size: number
  header: Buffer
  /** The beginning of its log, which is another one each time the log begins anew. */
  log: string
  /** A header that nothing explained when it was read, with the beginning of the log at that time. */
  suspect: string
}

/**
 * Watches no file until `start`. Acquire it before the connection: closing a descriptor gives back all locks that the
 * process has on the file, so that it has to happen after the connection is closed.
 */
export const acquireFileWatch = Effect.acquireRelease(
  Effect.sync(() => {
    const watched: Array<WatchedFile> = []
    return {
      start: (db: Database.Database): Effect.Effect<ReadonlyArray<WatchedFile>, StoreError> =>
        Effect.try({
          try: () => {
            watched.push(...listFiles(db).map(watchFile))
            return watched
          },
          catch: (cause) => cannotOpen(db.name, cause)
        }),
      close: () => watched.forEach(({ descriptor }) => closeSync(descriptor))
    }
  }),
  ({ close }) => Effect.sync(close)
)

const listFiles = (db: Database.Database): ReadonlyArray<string> =>
  db
    .prepare<[], { readonly file: string }>("PRAGMA database_list")
    .all()
    .flatMap(({ file }) => (file === "" ? [] : [file]))

const watchFile = (file: string): WatchedFile => {
  const descriptor = openSync(file, "r")
  const { dev, ino, mode, mtimeMs, size } = statSync(file)
  return {
    file,
    descriptor,
    inode: ino,
    device: dev,
    mode,
    logInode: statSync(`${file}-wal`, { throwIfNoEntry: false })?.ino,
    modified: mtimeMs,
    size,
    log: readLogHeader(file),
    header: readHeaderOf(descriptor),
    suspect: ""
  }
}

/**
 * Whatever process writes a header leaves a trace: the header is in the log first, or, if the log has begun anew since or
 * there is none, its counter has not gone back. A backup that is copied over the file leaves none.
 */
export const checkContent = (watched: WatchedFile, modified: number, size: number): void => {
  const { file } = watched
  // A transaction without a log can take back all that it has written so far.
  if (isNonEmptyFile(`${file}-journal`)) return
  // In this order: a log that begins anew in between is another one at the next look.
  const log = readLogHeader(file)
  const header = readHeaderOf(watched.descriptor)
  if (!isExplained(watched, header, log)) {
    // Another process may be writing the header, or have begun the log anew. The store tries again by itself.
    const suspect = header.toString("hex") + log
    if (watched.suspect !== suspect) {
      watched.suspect = suspect
      throw refuseWrite(file, "busy", "is being written by another process")
    }
    throw refuseWrite(
      file,
      "gone",
      "was overwritten since it was opened, as by a backup copied over it. " +
        `Stop every process that has it open, remove ${file}-wal and ${file}-shm, and copy the backup once more`
    )
  }
  Object.assign(watched, { modified, size, header, log, suspect: "" })
}

const isExplained = (before: WatchedFile, header: Buffer, log: string): boolean => {
  if (header.equals(before.header)) return true
  const isLogged = [header, before.header].every((one) => one[FORMAT_AT] === WAL_FORMAT)
  if (isLogged && log !== "" && log === before.log) return isFirstPageInLog(before.file, header)
  return ((readCounter(header) - readCounter(before.header)) | 0) >= 0
}

const CHANGE_COUNTER_AT = 24
const readCounter = (header: Buffer): number =>
  header.length === HEADER_LENGTH ? header.readUInt32BE(CHANGE_COUNTER_AT) : 0

const LOG_HEADER_LENGTH = 32
const PAGE_SIZE_AT = 8
const FRAME_HEADER_LENGTH = 24

/** True if the log has a first page with this header, which a checkpoint has then copied into the file. Looks from its end. */
const isFirstPageInLog = (file: string, header: Buffer): boolean => {
  const descriptor = openSync(`${file}-wal`, "r")
  try {
    const log = readFirstBytes(descriptor, LOG_HEADER_LENGTH)
    // Another process has cut the log off since it was looked at, or is about to begin it.
    if (log.length < LOG_HEADER_LENGTH) return false
    const pageSize = log.readUInt32BE(PAGE_SIZE_AT)
    const step = FRAME_HEADER_LENGTH + pageSize
    const frame = Buffer.alloc(FRAME_HEADER_LENGTH + HEADER_LENGTH)
    const count = Math.floor((statSync(`${file}-wal`).size - LOG_HEADER_LENGTH) / step)
    for (let n = count - 1; n >= 0; n--) {
      const isWhole = readSync(descriptor, frame, 0, frame.length, LOG_HEADER_LENGTH + n * step) === frame.length
      if (isWhole && frame.readUInt32BE(0) === 1 && frame.subarray(FRAME_HEADER_LENGTH).equals(header)) return true
    }
    return false
  } finally {
    closeSync(descriptor)
  }
}

const readHeaderOf = (descriptor: number): Buffer => readFirstBytes(descriptor, HEADER_LENGTH)

/** Empty for a file without a log. SQLite locks nothing in a log: it can be opened and closed. */
const readLogHeader = (file: string): string => {
  if (statSync(`${file}-wal`, { throwIfNoEntry: false }) === undefined) return ""
  const descriptor = openSync(`${file}-wal`, "r")
  try {
    return readFirstBytes(descriptor, LOG_HEADER_LENGTH).toString("hex")
  } finally {
    closeSync(descriptor)
  }
}

export const refuseWrite = (file: string, reason: StoreError["reason"], what: string) =>
  new StoreError({ operation: "write to the database", reason, detail: `${file} ${what}` })
