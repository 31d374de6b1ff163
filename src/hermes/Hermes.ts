/**
 * A store on the `state.db` of Hermes Agent, where it is: no schema change, no copy. Messages are Hermes' own rows, and
 * Hermes goes on reading and writing them. What its schema has no place for (inbox, generations, leases, pauses) is in
 * a side file next to it, `<state.db>.throughline`.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as ForeignChanges from "./store/foreignChanges.ts"
import * as ShowView from "./store/showView.ts"
import { openForWriting, openReadOnly, requireUnheld, requireWritableMessages } from "./file.ts"
import * as AppendRow from "./store/appendRow.ts"
import * as CrashRecovery from "./store/crashRecovery.ts"
import { APPLICATION_ID, joinSideFile, SESSION_TABLES } from "./store/sideFile.ts"
import * as HermesStatements from "./store/statements.ts"
import { makeReadAhead } from "../sqlite/log.ts"
import * as Transaction from "../sqlite/transaction.ts"
import { connectFile, inspectFile, toStoreError } from "../sqlite/file.ts"
import { acquireFileWatch } from "../sqlite/fileWatch.ts"
import * as Statements from "../sqlite/statements.ts"
import * as MakeStore from "../sqlite/makeStore.ts"
import { isSessionId, type SessionId } from "../session/Session.ts"
import type { StoreError } from "../session/SessionError.ts"
import { type Services, SessionStore } from "../store/SessionStore.ts"
import { inUse } from "../message/Tokens.ts"

/**
 * `filename` is the `state.db`, which must be there. `durability` is the native store's: `"power"` unless set.
 *
 * @since 0.1.0
 * @category models
 */
export interface HermesOptions {
  readonly filename: string
  readonly durability?: "power" | "process" | undefined
}

/**
 * The side file of a Hermes database: the path of the file that holds what its schema has no place for.
 *
 * @since 0.1.0
 * @category getters
 */
export const sideFile = (filename: string): string => `${filename}.throughline`

/**
 * Opens a Hermes database for use, with its side file, which is made if it is not there. Fails with a `StoreError` and
 * leaves the file's bytes as they are if it is no Hermes database, is damaged or read-only, or if a living process
 * holds one of its sessions.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* ({ durability, filename }: HermesOptions) {
  const side = sideFile(filename)
  const synchronous = durability === "process" ? "OFF" : "FULL"
  yield* Effect.retry(requireUnheld(filename), { while: Transaction.isBusy, schedule: moment })
  const { shape } = yield* Transaction.retryWhileBusy(
    Effect.scoped(Effect.tap(openForWriting(filename), requireWritableMessages))
  )
  yield* inspectFile(side, true, APPLICATION_ID)
  const watch = yield* acquireFileWatch
  const db = yield* Effect.acquireRelease(connectFile(side, synchronous, APPLICATION_ID), (db) =>
    Effect.sync(() => db.close())
  )
  yield* MakeStore.migrateFile(db)
  const counter = yield* inUse
  const hermes = yield* Effect.try({
    try: () => {
      joinSideFile(db, filename, shape, synchronous)
      db.pragma("busy_timeout = 0")
      return HermesStatements.prepare(db, shape)
    },
    catch: (cause) => toStoreError("open the database", cause)
  })
  const sql = Statements.prepareStatements(db, AppendRow.appendRow(hermes))
  const recovery = CrashRecovery.make(sql, hermes)
  const changes = ForeignChanges.make(sql, hermes, counter, recovery.isAgreed)
  const watched = yield* watch.start(db)
  const foreign: Transaction.ForeignWriter = {
    refresh: changes.refresh,
    recover: recovery.recover,
    findOwner: (sessionId) => (hermes.isKnown.get(sessionId, sessionId) === 1 ? "Hermes Agent" : undefined),
    sessionTables: SESSION_TABLES,
    beforeCommit: recovery.beforeCommit,
    isOwnFileCommitted: recovery.isOwnFileCommitted,
    afterTransaction: (outcome) => {
      recovery.afterTransaction(outcome)
      if (outcome !== "committed") changes.forgetAdopted()
    },
    onNewBase: (sessionId, state) => ShowView.showView(hermes, sessionId, state())
  }
  const connection = Transaction.make(db, counter, { sql, foreign, watched })
  yield* connection.commitDurably("recover", filename, () => Either.right(() => {}))
  // Finishes and forgets what is pending. The next start could not tell what Hermes deleted from what a crash kept from it.
  yield* Effect.addFinalizer(() =>
    Effect.withFiberRuntime((fiber) => {
      connection.tryCommit(fiber, "close", () => Either.right(() => {}))
      return Effect.void
    })
  )
  return adoptBeforeUse(MakeStore.make(db, connection), connection, hermes)
})

/** A process that holds a session mostly holds it longer than one would wait. */
const moment = Schedule.upTo(Schedule.spaced("50 millis"), "1 second")

/** Adopts sessions that only Hermes has worked with so far, before they are used. */
const adoptBeforeUse = (
  services: Context.Context<Services>,
  connection: Transaction.Connection,
  hermes: HermesStatements.HermesStatements
): Context.Context<Services> => {
  const store = Context.get(services, SessionStore)
  const { findResident, read } = connection
  const readAhead = makeReadAhead(connection)

  const adopt = (sessionId: SessionId) =>
    readAhead(
      sessionId,
      read("adopt", sessionId, () => Either.map(findResident(sessionId), () => () => {}))
    )

  const adoptIfKnown = (sessionId: SessionId) => Effect.catchTag(adopt(sessionId), "UnknownSession", () => Effect.void)

  // Adopts the changes first: those that Hermes made before a lease was taken must not supersede it.
  const acquire: typeof store.acquire = (sessionId, request) =>
    Effect.zipRight(adoptIfKnown(sessionId), store.acquire(sessionId, request))
  const begin: typeof store.begin = (sessionId, request) =>
    Effect.zipRight(adoptIfKnown(sessionId), store.begin(sessionId, request))
  const beginOperation: typeof store.beginOperation = (sessionId, request) =>
    Effect.zipRight(adoptIfKnown(sessionId), store.beginOperation(sessionId, request))

  const listIds = read("list sessions", "", () => {
    const ids = hermes.known.all().filter(isSessionId)
    return Either.right(() => ids)
  })
  const sessions = Effect.flatMap(listIds, (ids) => Effect.forEach(ids, adoptIfKnown, { discard: true })).pipe(
    Effect.zipRight(store.sessions)
  )

  return Context.add(services, SessionStore, SessionStore.of({ ...store, acquire, begin, beginOperation, sessions }))
}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: HermesOptions) => Layer.scopedContext(make(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Config.Wrap<HermesOptions>) =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))

/**
 * Tells whether a file is a Hermes database. Only reads: the bytes of the file do not change. Fails with a `StoreError`
 * of the reason `corrupt` if it is one and is damaged.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isDatabase = (filename: string): Effect.Effect<boolean, StoreError> =>
  Effect.as(Effect.scoped(openReadOnly(filename)), true).pipe(
    Effect.catchIf(
      ({ reason }) => reason !== "corrupt",
      () => Effect.succeed(false)
    )
  )
