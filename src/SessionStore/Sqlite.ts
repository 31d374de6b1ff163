/**
 * The native store: one SQLite file, every commit one synchronous block on a connection of its own, so that no fiber
 * can come between and no interrupt can leave half of it. Several processes may share the file.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Block from "../internal/sqliteBlock.ts"
import { connect, inspect, toStoreError } from "../internal/sqliteFile.ts"
import * as Counters from "../internal/sqliteCounters.ts"
import * as Deliveries from "../internal/sqliteDeliveries.ts"
import * as Generations from "../internal/sqliteGenerations.ts"
import * as Leases from "../internal/sqliteLeases.ts"
import * as Log from "../internal/sqliteLog.ts"
import * as Pauses from "../internal/sqlitePauses.ts"
import * as Reports from "../internal/sqliteReports.ts"
import * as Search from "../internal/sqliteSearch.ts"
import { migrate } from "../internal/sqliteSchema.ts"
import { StoreError } from "../SessionError.ts"
import { SessionStore } from "../SessionStore.ts"
import { inUse } from "../Tokens.ts"

/**
 * `create: false` refuses a file that is not there yet. `durability: "process"` leaves flushing to the operating
 * system: what was acknowledged survives a crash of the process but not a power cut. Default: create, `"power"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly filename: string
  readonly create?: boolean | undefined
  readonly durability?: "power" | "process" | undefined
}

/**
 * Opens the file, which must be absent, empty or a throughline database, and brings it up to date.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  yield* inspect(options.filename, options.create ?? true)
  const counter = yield* inUse
  const db = yield* Effect.acquireRelease(
    connect(options.filename, options.durability === "process" ? "OFF" : "FULL"),
    (db) => Effect.sync(() => db.close())
  )
  const reports = yield* SqliteClient.make({ filename: options.filename }).pipe(Effect.provide(Reactivity.layer))
  yield* Effect.zipRight(reports`PRAGMA busy_timeout = 0`, migrate).pipe(
    Effect.provideService(SqlClient.SqlClient, reports),
    Effect.mapError((error) => toStoreError("prepare the database", error.cause ?? error)),
    Effect.filterOrFail(Boolean, beingPrepared),
    Block.busyRetried
  )
  yield* Effect.sync(() => db.pragma("busy_timeout = 0"))
  const block = Block.make(db, counter)
  return SessionStore.of({
    deliver: Deliveries.make(block),
    ...Log.make(block),
    ...Leases.make(block),
    ...Generations.make(block),
    ...Pauses.make(block),
    ...Counters.make(block),
    ...Search.make(db, block),
    ...Reports.make(reports, block)
  })
})

const beingPrepared = () =>
  new StoreError({ operation: "prepare the database", reason: "busy", detail: "another process is at it" })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options) => Layer.scoped(SessionStore, make(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Config.Wrap<Options>) =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))

/**
 * A store that is gone with its scope, for tests and trials: a file in a temporary folder of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTemporary = Layer.scoped(
  SessionStore,
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "throughline-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ).pipe(Effect.flatMap((folder) => make({ filename: join(folder, "sessions.db"), durability: "process" })))
)
