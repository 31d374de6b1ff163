/** The native store put together from its parts, and the file it stands on brought up to date. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { MigrationError } from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type Database from "better-sqlite3"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, SessionBusy, StoreError, type UnknownSession } from "../session/SessionError.ts"
import * as SessionStats from "../session/SessionStats.ts"
import { MOST_LIVES } from "../store/model.ts"
import { encodeCounts } from "../store/rows.ts"
import {
  type Acquired,
  ForeignSession,
  type Forgotten,
  type Lease,
  type LeaseRequest,
  noPause,
  type PauseChange,
  RouteMemory,
  type Services,
  SessionCounters,
  SessionIndex,
  SessionStore
} from "../store/SessionStore.ts"
import * as Inbox from "./inbox.ts"
import { cannotOpen, refuseFile, toStoreError } from "./file.ts"
import * as Generations from "./generations.ts"
import * as Log from "./log.ts"
import * as Listings from "./listings.ts"
import { migrate, readSchemaVersion, SCHEMA_VERSION } from "./migrations.ts"
import * as Search from "./search.ts"
import { forgetIndexed } from "./searchStatements.ts"
import { LIFE, prepareQuery, prepareValue } from "./statements.ts"
import * as Transaction from "./transaction.ts"

/** Runs the migrations, on a connection of their own, and repairs what would hide messages. */
export const migrateFile = (db: Database.Database): Effect.Effect<void, StoreError> =>
  requireKnownSchema(db).pipe(
    Effect.zipRight(runMigrations(db.name)),
    Effect.zipRight(
      Transaction.retryWhileBusy(
        Effect.try({
          try: () => {
            Inbox.repairInboxIndex(db)
            Inbox.repairLogIndex(db)
          },
          catch: (cause) => toStoreError("prepare the database", cause)
        })
      )
    )
  )

/** Refuses a schema that a newer version has made: this one would read and write it without knowing what it means. */
export const requireKnownSchema = (db: Database.Database, filename = db.name): Effect.Effect<void, StoreError> =>
  Effect.try({ try: () => readSchemaVersion(db), catch: (cause) => cannotOpen(filename, cause) }).pipe(
    Effect.filterOrElse(
      (version) => version <= SCHEMA_VERSION,
      (version) =>
        refuseFile(
          "newer",
          `${filename} is of a newer version of throughline: its schema is ${version}, this version knows ${SCHEMA_VERSION}`
        )
    ),
    Effect.asVoid
  )

const runMigrations = (filename: string): Effect.Effect<void, StoreError> =>
  Effect.flatMap(SqliteClient.make({ filename }), (client) =>
    Effect.provideService(Effect.zipRight(client`PRAGMA busy_timeout = 0`, migrate), SqlClient.SqlClient, client)
  ).pipe(
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    // The migrator dies of a migration that fails, because the disk is full or the file is damaged.
    Effect.catchAllDefect((defect) => (defect instanceof MigrationError ? Effect.fail(defect) : Effect.die(defect))),
    Effect.mapError((error) => toStoreError("prepare the database", findFirstCause(error))),
    Effect.filterOrFail(
      Boolean,
      () =>
        new StoreError({ operation: "prepare the database", reason: "busy", detail: "another process is preparing it" })
    ),
    Transaction.retryWhileBusy,
    Effect.asVoid
  )

/** The error of SQLite, which has the code, is the cause of a cause. */
const findFirstCause = (error: unknown): unknown =>
  Predicate.hasProperty(error, "cause") && error.cause !== undefined ? findFirstCause(error.cause) : error

/** All services of a backend on one connection. */
export const make = (db: Database.Database, connection: Transaction.Connection): Context.Context<Services> => {
  const { take, ...leases } = makeLeases(connection)
  const log = Log.make(connection, take)
  const generations = Generations.make(connection)
  return Context.make(
    SessionStore,
    Transaction.failInsteadOfThrowing(
      SessionStore.of({
        deliver: Inbox.make(connection),
        ...log,
        forget: makeForget(db, connection),
        ...leases,
        beginOperation: makeBeginOperation(leases, log, generations),
        ...generations,
        ...Listings.make(connection)
      })
    )
  ).pipe(
    Context.add(SessionIndex, Transaction.failInsteadOfThrowing(SessionIndex.of(Search.make(db, connection)))),
    Context.add(SessionCounters, Transaction.failInsteadOfThrowing(SessionCounters.of(makeCounters(connection)))),
    Context.add(RouteMemory, Transaction.failInsteadOfThrowing(RouteMemory.of(makeRouteMemory(connection))))
  )
}

/** Takes the lease if it is free, has expired, or ends too late to be believed. */
const takeLease = (
  connection: Transaction.Connection,
  sessionId: SessionId,
  request: LeaseRequest,
  now: number
): Either.Either<Acquired, UnknownSession> => {
  const { sql } = connection
  const { holder, name, ttl } = request
  const [taken] = sql.takeLease.all(name, holder, Math.ceil(now + ttl), Math.ceil(ttl), sessionId, now)
  if (taken !== undefined) return Either.right({ _tag: "Granted", lease: { sessionId, name, holder, ...taken } })
  const row = sql.lease.get(sessionId, name)
  if (row === undefined) return Either.left(makeUnknownSession(sessionId))
  // Another process may have released it between the two statements.
  return row.holder === null || row.expires <= now || row.expires > now + MOST_LIVES * row.ttl
    ? takeLease(connection, sessionId, request, now)
    : Either.right({ _tag: "Held", holder: row.holder, remaining: row.expires - now })
}

const makeLeases = (connection: Transaction.Connection) => {
  const { runRelaxed, sql } = connection
  /** Leases that a full or failing disk kept this process from giving back, by session and name. */
  const unreleased = new Map<string, Lease>()

  const free = ({ holder, name, sessionId, token }: Lease) => sql.freeLease.run(sessionId, name, token, holder)

  /** May run inside a transaction, which may be rolled back: what was given back here is given back again by the next one. */
  const take = (sessionId: SessionId, request: LeaseRequest, now: number) => {
    const left = unreleased.get(`${request.name} ${sessionId}`)
    if (left !== undefined) free(left)
    return takeLease(connection, sessionId, request, now)
  }

  const acquire = (sessionId: SessionId, request: LeaseRequest) =>
    runRelaxed("acquire", sessionId, (now) => Either.map(take(sessionId, request, now), (acquired) => () => acquired))

  const renew = ({ holder, name, sessionId, token }: Lease, ttl: number) =>
    runRelaxed("renew", sessionId, (now) => {
      const { changes } = sql.renewLease.run(Math.ceil(now + ttl), sessionId, name, token, holder)
      return Either.right(() => changes === 1)
    })

  const release = (lease: Lease) =>
    runRelaxed("release", lease.sessionId, () => {
      const key = `${lease.name} ${lease.sessionId}`
      unreleased.set(key, lease)
      free(lease)
      unreleased.delete(key)
      return Either.right(() => {})
    })

  return { take, acquire, renew, release }
}

/** One step after the other: a statement costs little here, and who changes the ledger meanwhile revokes the lease. */
const makeBeginOperation =
  (
    { acquire, release }: Pick<ReturnType<typeof makeLeases>, "acquire" | "release">,
    { state }: ReturnType<typeof Log.make>,
    { ledger }: ReturnType<typeof Generations.make>
  ): SessionStore["Type"]["beginOperation"] =>
  (sessionId, request) =>
    Effect.gen(function* () {
      const acquired = yield* acquire(sessionId, { name: "operation", ...request })
      if (acquired._tag === "Held") return acquired
      const read = Effect.all({ state: state(sessionId), ledger: ledger(sessionId) })
      const begun = yield* Effect.tapErrorCause(read, () => Effect.ignoreLogged(release(acquired.lease)))
      return { ...acquired, ...begun }
    }).pipe(Effect.uninterruptible)

/** The tables with rows of a session, by the column of its id. Those that name others stand before them. */
const SESSION_TABLES = [
  "inbox",
  "delivery_key",
  "segment",
  "generation",
  "ledger",
  "undone",
  "counter",
  "imported",
  "lease"
]

const makeForget = (
  db: Database.Database,
  { commitDurably, findResident, foreign, residents }: Transaction.Connection
) => {
  const tables = [...foreign.sessionTables, "main.message", ...SESSION_TABLES, "operation"]
  const statements = [
    "DELETE FROM heal_try WHERE segment_id IN (SELECT id FROM segment WHERE session_id = ?)",
    ...tables.map((table) => `DELETE FROM ${table} WHERE session_id = ?`),
    "DELETE FROM session WHERE id = ?"
  ]

  const findHolder = prepareValue<[sessionId: string, now: number], string>(
    db,
    `SELECT holder FROM lease WHERE session_id = ? AND holder IS NOT NULL
     AND ? BETWEEN expires - ${MOST_LIVES} * ${LIFE} AND expires - 1 ORDER BY name DESC`
  )
  const countWaiting = prepareValue<[string], number>(db, "SELECT count(*) FROM inbox WHERE session_id = ?")
  const lastArrival = prepareValue<[], number>(db, "SELECT seq FROM main.sqlite_sequence WHERE name = 'inbox'")

  /** What is deleted meanwhile is overwritten, not only left unused. */
  const deleteRows = (sessionId: SessionId) => {
    db.pragma("main.secure_delete = ON")
    try {
      forgetIndexed(db, sessionId)
      for (const statement of statements) prepareQuery<[string]>(db, statement).run(sessionId)
    } finally {
      db.pragma("main.secure_delete = FAST")
    }
  }

  type Refused = UnknownSession | SessionBusy | ForeignSession

  const forget = (sessionId: SessionId) =>
    commitDurably("forget", sessionId, (now): Transaction.AfterCommit<Forgotten, Refused> =>
      Either.flatMap(findResident(sessionId), ({ lastSeq: messages }): Transaction.AfterCommit<Forgotten, Refused> => {
        const holder = findHolder.get(sessionId, now)
        if (holder !== undefined) return Either.left(new SessionBusy({ sessionId, holder }))
        const application = foreign.findOwner(sessionId)
        if (application !== undefined) return Either.left(new ForeignSession({ sessionId, application }))
        const waiting = countWaiting.get(sessionId) ?? 0
        const forgotten = { messages, waiting, lastArrival: lastArrival.get() ?? 0 }
        deleteRows(sessionId)
        return Either.right(() => {
          residents.forget(sessionId)
          return forgotten
        })
      })
    )

  /** The log beside the file still has the words. It stays as it is while another process reads. */
  const emptyWriteAheadLog = Effect.ignore(Effect.try(() => db.pragma("main.wal_checkpoint(TRUNCATE)")))

  return (sessionId: SessionId) => Effect.zipLeft(forget(sessionId), emptyWriteAheadLog)
}

const makeCounters = ({ commitDurably, findResident, read, runRelaxed, sql }: Transaction.Connection) => {
  const count = (sessionId: SessionId, counts: SessionStats.Counts) =>
    runRelaxed("count", sessionId, () => {
      sql.count.run(encodeCounts(counts), sessionId)
      return Either.right(() => {})
    })

  const stats = (sessionId: SessionId) =>
    read("stats", sessionId, () =>
      Either.map(findResident(sessionId), () => {
        const rows = sql.counters.all(sessionId)
        const counts: SessionStats.Counts = Object.fromEntries(rows.map(({ name, value }) => [name, value]))
        return () => SessionStats.makeStats(sessionId, counts)
      })
    )

  const healTries = (segmentId: string, more: number) =>
    (more === 0 ? read : commitDurably)("healTries", segmentId, () => {
      const tries = (sql.healTries.get(segmentId) ?? 0) + more
      if (more !== 0) sql.saveHealTries.run(segmentId, tries)
      return Either.right(() => tries)
    })

  return { count, stats, healTries }
}

const makeRouteMemory = ({ commitDurably, read, sql }: Transaction.Connection) => {
  const write = <A>(keys: ReadonlyArray<string>, change: PauseChange<A>) =>
    commitDurably("pause", keys.join(), () => {
      const pauses = keys.map((key) => sql.pause.get(key) ?? noPause)
      const [result, changed] = change(pauses)
      for (const [i, [key, after]] of Arr.zip(keys, changed).entries()) {
        const before = pauses[i] ?? noPause
        if (after.failures === 0) sql.clearPause.run(key)
        else if (after.until !== before.until || after.failures !== before.failures || after.level !== before.level) {
          sql.savePause.run(key, after.failures, after.level, Math.ceil(after.until))
        }
      }
      return Either.right(() => result)
    })

  /** The result for routes that never failed and go on so: most of the time there is nothing to write. */
  const readUnpaused = <A>(keys: ReadonlyArray<string>, change: PauseChange<A>) =>
    read("pause", keys.join(), () => {
      const [result, changed] = change(keys.map(() => noPause))
      const isUnpaused =
        changed.every(({ failures }) => failures === 0) && keys.every((key) => sql.pause.get(key) === undefined)
      return Either.right(() => (isUnpaused ? Option.some(result) : Option.none()))
    })

  const modify = <A>(keys: ReadonlyArray<string>, change: PauseChange<A>) =>
    Effect.flatMap(
      readUnpaused(keys, change),
      Option.match({ onNone: () => write(keys, change), onSome: Effect.succeed })
    )

  return { modify }
}
