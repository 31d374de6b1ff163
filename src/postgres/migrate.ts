/** Brings a database up to date when a store is opened. Of several hosts that open it at once, one does so. */
import * as Effect from "effect/Effect"
import type pg from "pg"
import { StoreError } from "../session/SessionError.ts"
import { toStoreError } from "./link.ts"
import { inSchema, migrations, quoteName } from "./schema.ts"

/** The schema of the database, and the oldest schema whose library can work with it; 0 for one without our tables. */
interface Version {
  readonly version: number
  readonly oldest: number
}

const NEWEST = migrations.length

export const migrate = (pool: pg.Pool, schema: string): Effect.Effect<void, StoreError> =>
  Effect.tryPromise({
    try: async () => {
      const found = await readVersion(pool, schema)
      return found.version < NEWEST ? await migrateAlone(pool, schema) : found
    },
    catch: (cause) => toStoreError("prepare the database", cause)
  }).pipe(
    Effect.filterOrFail(
      ({ oldest }) => oldest <= NEWEST,
      ({ oldest, version }) =>
        new StoreError({
          operation: "open the store",
          reason: "newer",
          detail: `its schema is ${version} and needs a library that knows ${oldest}, this one knows ${NEWEST}`
        })
    ),
    Effect.asVoid
  )

const readVersion = async (on: pg.Pool | pg.PoolClient, schema: string): Promise<Version> => {
  // Not `to_regclass`, which does not see in a transaction what another one has made meanwhile.
  const { rows: tables } = await on.query(
    `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = 'version'`,
    [schema]
  )
  if (tables.length === 0) return { version: 0, oldest: 0 }
  const table = `${quoteName(schema)}.version`
  const { rows } = await on.query<Version>(`SELECT version, oldest FROM ${table} ORDER BY version DESC LIMIT 1`)
  return rows[0] ?? { version: 0, oldest: 0 }
}

/** In one transaction, under a lock that ends with it. */
const migrateAlone = async (pool: pg.Pool, schema: string): Promise<Version> => {
  const client = await pool.connect()
  let isDone = false
  try {
    await client.query("BEGIN")
    await client.query("SET LOCAL lock_timeout = 0")
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`throughline ${schema}`])
    const { version } = await readVersion(client, schema)
    if (version === 0) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`)
      await client.query(
        inSchema(
          "CREATE TABLE IF NOT EXISTS throughline.version (version int PRIMARY KEY, oldest int NOT NULL)",
          schema
        )
      )
    }
    for (const [index, { oldest, statements }] of migrations.entries()) {
      if (index < version) continue
      for (const statement of statements) await client.query(inSchema(statement, schema))
      await client.query(inSchema("INSERT INTO throughline.version VALUES ($1, $2)", schema), [index + 1, oldest])
    }
    await client.query("COMMIT")
    isDone = true
    return await readVersion(client, schema)
  } finally {
    // An open transaction ends with its connection.
    client.release(!isDone)
  }
}
