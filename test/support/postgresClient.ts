/** A `SqlClient` on the driver `pg`, for the tables of a cluster: what `@effect/sql-pg` is to its users. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Effect, identity, Layer, Stream } from "effect"
import { Pool, type PoolClient } from "pg"

const compiler = Statement.makeCompiler({
  dialect: "pg",
  placeholder: (n) => `$${n}`,
  onIdentifier: Statement.defaultEscape('"'),
  onCustom: () => ["", []],
  onRecordUpdate: (placeholders, alias, columns, values, returning) => [
    `(values ${placeholders}) AS ${alias}${columns}${returning ? ` RETURNING ${returning[0]}` : ""}`,
    returning ? values.flat().concat(returning[1]) : values.flat()
  ]
})

type Queryable = Pool | PoolClient

/** A client takes one statement after the other, and the cluster's locks are several fibers' on one client. */
const makeConnection = (
  to: Queryable,
  inTurn: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E> = identity
): Connection => {
  const query = (text: string, values: ReadonlyArray<unknown>, rowMode?: "array") =>
    inTurn(
      Effect.tryPromise({
        try: () => to.query({ text, values: [...values], ...(rowMode && { rowMode }) }),
        catch: (cause) => new SqlError({ cause, message: "a statement failed" })
      })
    )
  const execute = (text: string, values: ReadonlyArray<unknown>) => Effect.map(query(text, values), ({ rows }) => rows)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: query,
    executeValues: (text, values) => Effect.map(query(text, values, "array"), ({ rows }) => rows),
    executeStream: (text, values) => Stream.fromIterableEffect(execute(text, values))
  }
}

/** As docs/many-hosts.md says: a host that is cut off in the middle of a transaction would hold its rows for as long. */
const SETTINGS = "-c idle_in_transaction_session_timeout=3000"

/** Connects to the database of a URL. */
export const layerPostgresClient = (url: string) =>
  Layer.scoped(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const pool = yield* Effect.acquireRelease(
        Effect.sync(() => new Pool({ connectionString: url, max: 6, options: SETTINGS }).on("error", () => {})),
        (pool) => Effect.promise(() => pool.end())
      )
      const reserve = Effect.map(
        Effect.acquireRelease(
          Effect.tryPromise({
            try: () => pool.connect(),
            catch: (cause) => new SqlError({ cause, message: "no connection" })
          }),
          (client) => Effect.sync(() => client.release())
        ),
        (client) => {
          if (client.listenerCount("error") === 0) client.on("error", () => {})
          return makeConnection(client, Effect.unsafeMakeSemaphore(1).withPermits(1))
        }
      )
      return yield* SqlClient.make({
        acquirer: Effect.succeed(makeConnection(pool)),
        transactionAcquirer: reserve,
        compiler,
        spanAttributes: []
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
