/**
 * The native store: one SQLite file, every commit one synchronous block on a connection of its own, so that no fiber
 * can come between and no interrupt can leave half of it. Several processes may share the file.
 *
 * @since 0.1.0
 */
import type Database from "better-sqlite3"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Transaction from "./transaction.ts"
import { readDatabase } from "./copy.ts"
import { acquireFileWatch } from "./fileWatch.ts"
import { cannotOpen, connectFile, hintSalvage, inspectFile, openBytes } from "./file.ts"
import { migrateInMemory } from "./migrations.ts"
import * as MakeStore from "./makeStore.ts"
import { type Counter, inUse } from "../message/Tokens.ts"

/**
 * `create: false` refuses a file that is not there yet. `durability: "process"` leaves flushing to the operating
 * system: what was acknowledged survives a crash of the process but not a power cut. Default: create, `"power"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface SqliteOptions {
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
export const make = Effect.fnUntraced(
  function* (options: SqliteOptions) {
    yield* inspectFile(options.filename, options.create ?? true)
    const counter = yield* inUse
    const watch = yield* acquireFileWatch
    const db = yield* Effect.acquireRelease(
      connectFile(options.filename, options.durability === "process" ? "OFF" : "FULL"),
      (db) => Effect.sync(() => db.close())
    )
    yield* MakeStore.migrateFile(db)
    yield* Effect.sync(() => db.pragma("busy_timeout = 0"))
    return yield* makeServices(db, counter, { filename: options.filename, watched: yield* watch.start(db) })
  },
  (opened, { filename }) => Effect.mapError(opened, (error) => hintSalvage(error, filename))
)

/**
 * Reads the file into memory and opens this copy, for a file that cannot be written: in a folder that is read-only, or
 * on a disk that is full. What is written to the copy is gone with it. The file's bytes do not change.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeCopy = Effect.fnUntraced(
  function* ({ filename }: Pick<SqliteOptions, "filename">) {
    yield* inspectFile(filename, false)
    const counter = yield* inUse
    const bytes = yield* readDatabase(filename)
    const db = yield* Effect.acquireRelease(
      Effect.try({ try: () => openBytes(bytes), catch: (cause) => cannotOpen(filename, cause) }),
      (db) => Effect.sync(() => db.close())
    )
    yield* MakeStore.requireKnownSchema(db, filename)
    yield* Effect.try({ try: () => migrateInMemory(db), catch: (cause) => cannotOpen(filename, cause) })
    return yield* makeServices(db, counter, { filename })
  },
  (opened, { filename }) => Effect.mapError(opened, (error) => hintSalvage(error, filename))
)

/** Prepares the statements, which a damaged schema refuses. */
const makeServices = (
  db: Database.Database,
  counter: Counter,
  options: Transaction.ConnectionOptions & { readonly filename: string }
) =>
  Effect.try({
    try: () => MakeStore.make(db, Transaction.make(db, counter, options)),
    catch: (cause) => cannotOpen(options.filename, cause)
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layerCopy = (options: Pick<SqliteOptions, "filename">) => Layer.scopedContext(makeCopy(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: SqliteOptions) => Layer.scopedContext(make(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Config.Wrap<SqliteOptions>) =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))

/**
 * A store that is gone with its scope, for tests and trials: a file in a temporary folder of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTemporary = Layer.scopedContext(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "throughline-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ).pipe(Effect.flatMap((folder) => make({ filename: join(folder, "sessions.db"), durability: "process" })))
)
