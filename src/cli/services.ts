/** Builds what commands work with: the settings, the store and the gateway. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Gateway from "../gateway/Gateway.ts"
import * as Hermes from "../hermes/Hermes.ts"
import * as OpenAi from "../openai/OpenAi.ts"
import * as Postgres from "../postgres/Postgres.ts"
import { StoreError } from "../session/SessionError.ts"
import { readDatabase } from "../sqlite/copy.ts"
import { inspectFile } from "../sqlite/file.ts"
import * as Sqlite from "../sqlite/Sqlite.ts"
import { SessionStore } from "../store/SessionStore.ts"
import * as Settings from "./config/settings.ts"
import { readTextFile } from "./io.ts"
import { printNotice } from "./terminal/terminal.ts"

/**
 * The store of a database: a file of throughline's or Hermes', or the URL of a PostgreSQL. A file must exist unless the
 * command may create it.
 */
export const layerStore = (db: string, create = false) =>
  isPostgres(db)
    ? Postgres.layer({ url: db })
    : Layer.unwrapEffect(
        Effect.map(isHermesDatabase(db, create), (isHermes) =>
          isHermes ? Hermes.layer({ filename: db }) : Sqlite.layer({ filename: db, create })
        )
      )

export const isPostgres = (db: string): boolean => /^postgres(ql)?:\/\//.test(db)

/**
 * Gives the store of a database file to a command that only reads. If the file cannot be written, for which the command
 * would not care, it gets a copy of it.
 */
export const provideReading =
  (db: string) =>
  <A, E, R>(read: Effect.Effect<A, E, R>) =>
    Effect.catchIf(
      Effect.provide(read, layerStore(db)),
      (error): error is StoreError => !isPostgres(db) && isUnwritable(error),
      () =>
        Effect.zipRight(printNotice(`throughline: ${db} cannot be written now; reading a copy of it`), read).pipe(
          Effect.provide(layerCopy(db))
        )
    )

const UNWRITABLE: ReadonlyArray<StoreError["reason"]> = ["readonly", "full", "unavailable", "unreadable"]

const isUnwritable = (error: unknown): error is StoreError =>
  error instanceof StoreError && UNWRITABLE.includes(error.reason)

/** A copy of a database: throughline's in memory, Hermes' with its side file in a folder for temporary files. */
const layerCopy = (db: string) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      if (!(yield* isHermesDatabase(db, false))) return Sqlite.layerCopy({ filename: db })
      const copy = join(yield* makeTemporaryFolder, "state.db")
      for (const [file, to] of [
        [db, copy],
        [Hermes.sideFile(db), Hermes.sideFile(copy)]
      ] as const) {
        if (existsSync(file)) writeFileSync(to, yield* readDatabase(file))
      }
      return Hermes.layer({ filename: copy, durability: "process" })
    })
  )

export const makeTemporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "throughline-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs an effect that only reads on the store of a database file. */
export const useStore = <A, E, R>(db: string, use: (store: SessionStore["Type"]) => Effect.Effect<A, E, R>) =>
  provideReading(db)(Effect.flatMap(SessionStore, use))

/** Tells false for a file that is neither, so that the native store explains what the file is. */
const isHermesDatabase = (db: string, create: boolean): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(Effect.isSuccess(inspectFile(db, create)), (isOurs) =>
    isOurs ? Effect.succeed(false) : Hermes.isDatabase(db)
  )

/** An interrupted command waits this long for the compression that it began. */
export const SHUTDOWN_GRACE = "10 seconds"

/** The gateway on a database file, for a command that compresses. */
export const layerGateway = (db: string, { instructions, policy, routes, totalTimeout }: Settings.Settings) =>
  Gateway.layer({
    policy,
    shutdownGrace: SHUTDOWN_GRACE,
    routes: routes("compression"),
    totalTimeout: totalTimeout("compression") ?? undefined,
    instructions: instructions ?? undefined
  }).pipe(Layer.provide([layerStore(db), OpenAi.layer]))

/**
 * Runs an effect that compresses nothing on the gateway of a database file. The gateway does not log that a compressor
 * was opened: an audit takes that line for the start of a process that compresses.
 */
export const useGateway = <A, E, R>(
  db: string,
  use: (gateway: Gateway.Gateway["Type"]) => Effect.Effect<A, E, R>,
  {
    create = false,
    policy = { contextLength: Settings.WINDOW }
  }: { readonly create?: boolean; readonly policy?: Gateway.GatewayOptions["policy"] } = {}
) =>
  Effect.flatMap(Gateway.Gateway, use).pipe(
    Effect.provide(
      Gateway.layer({ policy, routes: [] }).pipe(
        Layer.provide([layerStore(db, create), OpenAi.layer]),
        Layer.locally(FiberRef.currentMinimumLogLevel, LogLevel.None)
      )
    )
  )

/** Reads the settings of `--config`, or of the environment. */
export const loadSettings = (config: Option.Option<string>) =>
  Effect.gen(function* () {
    if (Option.isNone(config)) return yield* Settings.settingsFromEnvironment(process.env)
    const settings = yield* Settings.parseSettings(yield* readTextFile(config.value), config.value, process.env)
    yield* printIgnoredKeys(config.value, settings.ignored)
    return settings
  })

/** Prints a line for each key of a config file that is no setting. */
export const printIgnoredKeys = (file: string, ignored: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(ignored, (key) => printNotice(`throughline: ${file}: ${key} is not a setting and is ignored`), {
    discard: true
  })
