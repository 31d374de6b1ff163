/**
 * Stores sessions in PostgreSQL, for several hosts at once. It needs the package `pg`, and a database in which it may
 * create a schema of its own.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { inUse } from "../message/Tokens.ts"
import type { StoreError } from "../session/SessionError.ts"
import { RouteMemory, type Services, SessionCounters, SessionIndex, SessionStore } from "../store/SessionStore.ts"
import * as Deliveries from "./deliveries.ts"
import * as Generations from "./generations.ts"
import * as Imports from "./imports.ts"
import * as Leases from "./leases.ts"
import * as Link from "./link.ts"
import * as Log from "./log.ts"
import { migrate } from "./migrate.ts"
import * as Records from "./records.ts"
import * as Residents from "./residents.ts"
import { DEFAULT_SCHEMA } from "./schema.ts"
import * as Search from "./search.ts"

/**
 * The database, and how to use it.
 *
 * - `url`: `postgres://user:password@host:port/database`; its parameter `sslmode` chooses TLS
 * - `schema`: where the tables are; `throughline` by default. It is made if it is not there
 * - `connections`: the most that this process opens; 8 by default
 * - `transactionPooling`: for a pooler such as PgBouncer that gives each transaction another connection. Then no statement is
 *   prepared under a name and no setting is made for a connection: set `statement_timeout` and `lock_timeout` for the role
 *
 * @since 0.1.0
 * @category models
 */
export interface PostgresOptions {
  readonly url: string | Redacted.Redacted
  readonly schema?: string | undefined
  readonly connections?: number | undefined
  readonly transactionPooling?: boolean | undefined
}

/**
 * Connects to the database and brings it up to date. Fails with a `StoreError`: `failed` without the package `pg`,
 * `unavailable` if no server answers, `unreadable` if it refuses the user or has a certificate that is not trusted, `newer` if the schema needs a newer library.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: PostgresOptions): Effect.Effect<Context.Context<Services>, StoreError, Scope.Scope> =>
  makeWithClock(options, false)

/** @internal `isClockOurs` measures leases by the fiber's clock, for tests. */
export const makeWithClock = (
  { connections = 8, schema = DEFAULT_SCHEMA, transactionPooling = false, url }: PostgresOptions,
  isClockOurs: boolean
) =>
  Effect.gen(function* () {
    const options = { url, schema, connections, transactionPooling, isClockOurs }
    const counter = yield* inUse
    const pool = yield* Link.openPool(options)
    yield* migrate(pool, schema)
    const link = Link.make(pool, options)
    const residents = Residents.make(link)
    const leases = yield* Leases.make(link)
    const pauses = Records.makeSeenPauses()
    return Context.make(
      SessionStore,
      Link.guard(
        SessionStore.of({
          deliver: Deliveries.make(link, counter),
          ...leases.store,
          ...Log.make(link, residents, leases, pauses, counter),
          importAll: Imports.make(link, options, counter),
          ...Generations.make(link, residents, leases),
          ...Records.makeRecords(link, residents, leases)
        })
      )
    ).pipe(
      Context.add(SessionIndex, Link.guard(SessionIndex.of(Search.make(link, residents)))),
      Context.add(SessionCounters, Link.guard(SessionCounters.of(Records.makeCounters(link)))),
      Context.add(RouteMemory, Link.guard(RouteMemory.of(Records.makeRouteMemory(link, pauses))))
    )
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: PostgresOptions): Layer.Layer<Services, StoreError> => Layer.scopedContext(make(options))

/**
 * Takes the options from the configuration, such as `{ url: Config.redacted("DATABASE_URL") }`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Config.Wrap<PostgresOptions>) =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))
