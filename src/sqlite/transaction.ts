/**
 * The ground of the native store: each operation is one synchronous block between BEGIN and COMMIT, so that no fiber can
 * come between, and memory follows the disk in the same step. Leases fence who may write, by a token that never repeats.
 */
import type Database from "better-sqlite3"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { statSync } from "node:fs"
import { makeUnknownSession, StoreError, Superseded, TurnLost, type UnknownSession } from "../session/SessionError.ts"
import type { Logged, Manifest, SessionId, State } from "../session/Session.ts"
import type { Message } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import { type AnyFiber, chargeFiber, endMoment } from "../concurrency/eventLoopBudget.ts"
import { isUntraced, withSessionSpan } from "../concurrency/fiberServices.ts"
import * as ResidentSessions from "../store/residentSessions.ts"
import { type Lease, LeaseLost, type LeaseName } from "../store/SessionStore.ts"
import { busyTimeout, hintSalvage, isDamage, toStoreError } from "./file.ts"
import { checkContent, refuseWrite, type WatchedFile } from "./fileWatch.ts"
import * as Rows from "../store/rows.ts"
import { prepareStatements, type Query, type Statements } from "./statements.ts"

/** The result of an operation. A Right runs after COMMIT: it updates memory and returns the value. */
export type AfterCommit<A, E> = Either.Either<() => A, E>

/** True if another process holds the file for a moment, so that the store can try again by itself. */
export const isBusy = (error: unknown): boolean => error instanceof StoreError && error.reason === "busy"

/** Waits for another process off the event loop. The schedule costs only when the file is busy. */
export const retryWhileBusy = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchIf(effect, isBusy, () => retryPatiently(effect))

const retryPatiently = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { while: isBusy, schedule: busyTimeout })

/** `unknown`: COMMIT failed, and the disk did not let the store find out what became of the transaction. */
export type TransactionOutcome = "committed" | "rolled back" | "unknown"

/** Another application that writes to the same sessions. */
export interface ForeignWriter {
  /** Adopts what it has written. Called before a session is read. */
  readonly refresh: ResidentSessions.SessionLoader["refresh"]
  /** Shows it a session's new base, in the transaction that makes it. */
  readonly onNewBase: (sessionId: SessionId, state: () => State) => void
  /**
   * Finishes what a crash or a failed COMMIT left half-done. Called at the beginning of a transaction that writes. True if
   * it wrote something: that is committed before anything else is written.
   */
  readonly recover: (state: (sessionId: SessionId) => State | undefined) => boolean
  /** Its name, if it keeps the session in its own file. Then the store may not forget the session. */
  readonly findOwner: (sessionId: SessionId) => string | undefined
  /** Tables of the store's own file that only this application's sessions have rows in. */
  readonly sessionTables: ReadonlyArray<string>
  /** The last step of a transaction before COMMIT. */
  readonly beforeCommit: () => void
  /**
   * Tells after a COMMIT that failed whether the store's own file, which is committed first, has the transaction.
   * Undefined if another process has written to it since.
   */
  readonly isOwnFileCommitted: () => boolean | undefined
  readonly afterTransaction: (outcome: TransactionOutcome) => void
}

export const noForeignWriter: ForeignWriter = {
  refresh: () => ({ isChanged: false, isMore: false }),
  onNewBase: () => {},
  recover: () => false,
  findOwner: () => undefined,
  sessionTables: [],
  beforeCommit: () => {},
  isOwnFileCommitted: () => false,
  afterTransaction: () => {}
}

const toUnknown = ({ detail, operation }: StoreError): StoreError =>
  new StoreError({ operation, reason: "unknown", detail })

/** The way in which an operation reaches the disk. */
interface Mode {
  /** Begins a transaction; without it the operation is one statement that commits itself. */
  readonly begin: (() => void) | undefined
  /** True if COMMIT waits for the disk; undefined if nothing is written. */
  readonly isDurable: boolean | undefined
}

/** PRAGMA synchronous: each commit waits for the disk. */
const FULL = 2

/** `filename` is what errors call the file. `watched` are the files that have to be what they were when they were opened. */
export interface ConnectionOptions {
  readonly sql?: Statements
  readonly foreign?: ForeignWriter
  readonly filename?: string
  readonly watched?: ReadonlyArray<WatchedFile>
}

export const make = (
  db: Database.Database,
  counter: Counter,
  { filename = db.name, foreign = noForeignWriter, sql = prepareStatements(db), watched = [] }: ConnectionOptions
) => {
  const loader = makeLoader(sql, foreign.refresh)
  const residents = ResidentSessions.make(loader)
  const canRelax = db.pragma("synchronous", { simple: true }) === FULL
  let isRelaxed = false

  const stateNow = (sessionId: SessionId) => {
    const current = residents.current(sessionId)
    return current === undefined ? undefined : ResidentSessions.stateOfResident(sessionId, current)
  }

  const beginWriting = () => {
    sql.begin.run()
    while (foreign.recover(stateNow)) {
      foreign.beforeCommit()
      sql.commit.run()
      foreign.afterTransaction("committed")
      sql.begin.run()
    }
  }

  /** An acknowledgement that is written to a file without a name is lost with the process. */
  const checkFiles = () => watched.forEach(checkFile)

  const beginDurably = () => {
    checkFiles()
    beginWriting()
  }

  const reading: Mode = { begin: () => void sql.beginRead.run(), isDurable: undefined }
  const durable: Mode = { begin: beginDurably, isDurable: true }
  const relaxed: Mode = { begin: beginWriting, isDurable: false }
  const opened: Mode = { begin: () => {}, isDurable: true }
  const statement: Mode = { begin: undefined, isDurable: false }

  /** Sets the pragma before BEGIN: a later failure would be reported for data already written. */
  const setDurability = ({ isDurable }: Mode) => {
    if (!canRelax || isDurable === undefined || isDurable === !isRelaxed) return
    const pragma: Query<[], never> = isDurable ? sql.strict : sql.relax
    pragma.run()
    isRelaxed = !isDurable
  }

  /** Does all of `work` or nothing of it: a Left or a throw rolls back. */
  const runTransaction = <A, E>(
    name: string,
    begin: () => void,
    work: () => AfterCommit<A, E>
  ): Either.Either<A, E> => {
    let outcome: TransactionOutcome = "rolled back"
    try {
      begin()
      const done = work()
      if (Either.isLeft(done)) return Either.left(done.left)
      foreign.beforeCommit()
      try {
        sql.commit.run()
        outcome = "committed"
      } catch (cause) {
        outcome = settle(cause)
        if (outcome === "unknown") throw toUnknown(toStoreError(name, cause))
        if (outcome === "rolled back") throw cause
      }
      afterTransaction(outcome)
      return Either.right(done.right())
    } finally {
      if (db.inTransaction) sql.rollback.run()
      if (outcome !== "committed") afterTransaction(outcome)
    }
  }

  /** Finds out what became of a transaction whose COMMIT failed. */
  const settle = (cause: unknown): TransactionOutcome => {
    try {
      const isOpen = db.inTransaction
      const { reason } = toStoreError("commit", cause)
      if (isOpen) sql.rollback.run()
      // SQLite takes the locks of all files before it writes to any. Other processes may have written since.
      if (isOpen && reason === "busy") return "rolled back"
      const isCommitted = foreign.isOwnFileCommitted()
      if (isCommitted === undefined) return "unknown"
      if (isCommitted) return "committed"
      // What could not be flushed stands in the log of the file, and a crash would bring it back. Any write takes its place.
      if (!isOpen && reason === "unavailable") sql.rewriteHeader.run()
      return "rolled back"
    } catch {
      return "unknown"
    }
  }

  const afterTransaction = (outcome: TransactionOutcome) => {
    if (outcome === "unknown") residents.forgetAll()
    residents.afterTransaction(outcome === "committed")
    foreign.afterTransaction(outcome)
  }

  /** One step of the fiber. Fails at once if the file is busy. */
  const runOnce = <A, E>(
    fiber: AnyFiber,
    mode: Mode,
    name: string,
    work: (now: number) => AfterCommit<A, E>
  ): Either.Either<A, E | StoreError> => {
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const workNow = () => work(Math.floor(clock.unsafeCurrentTimeMillis()))
    try {
      endMoment()
      return chargeFiber(fiber, () => {
        setDurability(mode)
        return mode.begin === undefined
          ? Either.map(workNow(), (afterCommit) => afterCommit())
          : runTransaction(name, mode.begin, workNow)
      })
    } catch (cause) {
      const error = cause instanceof StoreError ? cause : toStoreError(name, cause)
      return Either.left(foreign === noForeignWriter ? hintSalvage(error, filename) : error)
    }
  }

  /** On the hot path one step of the fiber: it pays for a span only if traced, and for a schedule only if busy. */
  const runner =
    (mode: Mode) =>
    <A, E>(name: string, subject: string, work: (now: number) => AfterCommit<A, E>): Effect.Effect<A, E | StoreError> =>
      Effect.withFiberRuntime((fiber) => {
        const again = () => Effect.withFiberRuntime<A, E | StoreError>((fiber) => runOnce(fiber, mode, name, work))
        if (!isUntraced(fiber)) return withSessionSpan(`SessionStore.${name}`, subject, retryWhileBusy(again()))
        const result = runOnce(fiber, mode, name, work)
        return Either.isLeft(result) && isBusy(result.left) ? retryPatiently(again()) : result
      })

  return {
    sql,
    loader,
    residents,
    counter,
    foreign,
    /** The session in memory, read first if need be. Call it inside a transaction. */
    findResident: (sessionId: SessionId): Either.Either<ResidentSessions.Resident, UnknownSession> =>
      Either.fromNullable(residents.current(sessionId), () => makeUnknownSession(sessionId)),
    /** The file, if a connection of its own can write to it beside this one. */
    file: foreign === noForeignWriter && !db.memory ? db.name : undefined,
    checkFiles,
    durability: canRelax ? ("FULL" as const) : ("OFF" as const),
    read: runner(reading),
    /** Commits a transaction that has begun before. */
    commitOpened: runner(opened),
    commitDurably: runner(durable),
    /**
     * Does not wait for the disk, for rows that still exist in the inbox. Waits if another application writes, too: its
     * file may be flushed before ours.
     */
    commitRelaxed: runner(foreign === noForeignWriter ? relaxed : durable),
    /** Runs one statement and does not wait for the disk, for what ends with a power cut anyway, such as a lease. */
    runRelaxed: runner(statement),
    /** The step of `commitDurably`, for callers that retry by themselves. */
    tryCommit: <A, E>(fiber: AnyFiber, name: string, work: (now: number) => AfterCommit<A, E>) =>
      runOnce(fiber, durable, name, work)
  }
}

/** SQLite goes on writing to a file that was deleted or replaced, where nobody will read it. */
const checkFile = (watched: WatchedFile): void => {
  const { file } = watched
  const now = statSync(file, { throwIfNoEntry: false })
  if (now === undefined) throw refuseWrite(file, "gone", "was deleted or moved since it was opened")
  if (now.ino !== watched.inode || now.dev !== watched.device) {
    throw refuseWrite(file, "gone", "was replaced since it was opened")
  }
  if (isWritable(watched.mode) && !isWritable(now.mode)) throw refuseWrite(file, "readonly", "was made read-only")
  if (watched.logInode !== undefined && readInode(`${file}-wal`) !== watched.logInode) {
    throw refuseWrite(file, "gone", "has lost the log beside it since it was opened")
  }
  if (now.mtimeMs !== watched.modified || now.size !== watched.size) checkContent(watched, now.mtimeMs, now.size)
}

const readInode = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino

const WRITABLE = 0o222
const isWritable = (mode: number): boolean => (mode & WRITABLE) !== 0

/** A connection to the file, and the sessions it keeps in memory. */
export type Connection = ReturnType<typeof make>

/** The fence: a caller that does not hold the lease `name` writes nothing. Call it inside the transaction that writes. */
export const verifyLease = (
  { residents, sql }: Connection,
  lease: Lease,
  name: LeaseName
): Either.Either<ResidentSessions.Resident, LeaseLost> => {
  const row = sql.lease.get(lease.sessionId, lease.name)
  const current = residents.current(lease.sessionId)
  const superseded = current !== undefined && current.epoch !== lease.epoch
  const isHeld = lease.name === name && row?.token === lease.token && row.holder === lease.holder
  return current === undefined || superseded || !isHeld
    ? Either.left(new LeaseLost({ name, superseded }))
    : Either.right(current)
}

/** Verifies the lease of a turn, with the errors that its agent handles. */
export const verifyTurnLease = (
  connection: Connection,
  lease: Lease,
  unstored: ReadonlyArray<Message>
): Either.Either<ResidentSessions.Resident, Superseded | TurnLost> =>
  Either.mapLeft(verifyLease(connection, lease, "turn"), ({ superseded }) => {
    const lost = { sessionId: lease.sessionId, unstored }
    return superseded ? new Superseded(lost) : new TurnLost(lost)
  })

/**
 * Makes the methods of a store fail with a `StoreError` where they would throw before there is an effect that can fail,
 * because they were given something else than they take.
 */
export const failInsteadOfThrowing = <S extends object>(service: S): S => {
  const guarded = { ...service }
  for (const [name, method] of Object.entries(service)) {
    if (typeof method !== "function") continue
    Reflect.set(guarded, name, (...given: ReadonlyArray<unknown>): unknown => {
      try {
        return Reflect.apply(method, undefined, given)
      } catch (cause) {
        return Effect.fail(toStoreError(name, cause))
      }
    })
  }
  return guarded
}

// ── reading ──

/** Reads the log from `fromSeq` to `toSeq`. There is an entry for each number, also if its row cannot be read. */
export const readLog = (sql: Statements, sessionId: string, fromSeq: number, toSeq: number): Array<Logged> =>
  fromSeq > toSeq ? [] : Rows.loggedOfRows(sessionId, readAroundDamage(sql, sessionId, fromSeq, toSeq), fromSeq, toSeq)

/** Reads rows again in halves where SQLite cannot read one of them. */
const readAroundDamage = (
  sql: Statements,
  sessionId: string,
  fromSeq: number,
  toSeq: number
): Array<Rows.MessageRow> => {
  try {
    return sql.between.all(sessionId, fromSeq, toSeq)
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    if (fromSeq === toSeq) return []
    const middle = Math.floor((fromSeq + toSeq) / 2)
    return [
      ...readAroundDamage(sql, sessionId, fromSeq, middle),
      ...readAroundDamage(sql, sessionId, middle + 1, toSeq)
    ]
  }
}

/** The manifest of a generation; before the first one there is no row. */
export const readManifest = (sql: Statements, sessionId: string, row: Rows.GenerationRow | undefined): Manifest =>
  Rows.manifestOfRow(sessionId, row, (generation) => sql.undone.all({ sessionId, generation }))

/** Reads sessions into memory. */
const makeLoader = (
  sql: Statements,
  refresh: ResidentSessions.SessionLoader["refresh"]
): ResidentSessions.SessionLoader => ({
  version: () => sql.dataVersion.get() ?? 0,
  refresh,
  position: (sessionId) => {
    const session = sql.session.get(sessionId)
    const last = sql.last.get(sessionId)
    if (session === undefined) {
      if (last !== undefined) throw Rows.corrupt("session", `${sessionId}: its messages are found, and its row is not`)
      return undefined
    }
    const { seq, total } = last ?? { seq: 0, total: 0 }
    // A damaged index may not find the end of the log.
    const { generation, left_seq } = sql.generation.get(sessionId) ?? { generation: 0, left_seq: 0 }
    const windows = Rows.windowsOfRow(session.windows)
    return { epoch: session.epoch, generation, lastSeq: Math.max(seq, left_seq), total, windows }
  },
  manifest: (sessionId) => readManifest(sql, sessionId, sql.generation.get(sessionId)),
  usage: (sessionId) => {
    const text = sql.session.get(sessionId)?.usage ?? null
    return text === null ? null : Rows.usageOfRow(text)
  },
  messages: (sessionId, fromSeq, toSeq) => readLog(sql, sessionId, fromSeq, toSeq),
  // One that is damaged is lost like one that is gone: another stands in its place, and is healed from the log.
  segments: (ids) => ids.flatMap((id) => Rows.readOrUndefined(() => sql.segment.all(id).map(Rows.segmentOfRow)) ?? [])
})
