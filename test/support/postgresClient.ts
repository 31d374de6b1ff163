/** A `SqlClient` on the driver `pg`, for the tables of a cluster: what `@effect/sql-pg` is to its users. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Effect, Layer, Stream } from "effect"
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

/** Runs one after the other what it is given. What nobody waits for any more when its turn comes is not begun. */
const makeTurns = () => {
  let underWay = 0
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <A>(begin: () => Promise<A>, isGivenUp: () => boolean): Promise<A> => {
    underWay += 1
    const next = last.then(() => (isGivenUp() ? Promise.reject(new Error("it was given up")) : begin()))
    last = next.catch(() => {}).then(() => void (underWay -= 1))
    return next
  }
  return { inTurn, isBusy: () => underWay > 0 }
}

/** A client takes one statement after the other, and the cluster's locks are several fibers' on one client. */
const makeConnection = (
  to: Pool | PoolClient,
  inTurn: ReturnType<typeof makeTurns>["inTurn"] = (begin) => begin()
): Connection => {
  const query = (text: string, values: ReadonlyArray<unknown>, rowMode?: "array") =>
    Effect.tryPromise({
      try: (signal) =>
        inTurn(
          () => to.query({ text, values: [...values], ...(rowMode && { rowMode }) }),
          () => signal.aborted
        ),
      catch: (cause) => new SqlError({ cause, message: "a statement failed" })
    })
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
            try: async () => ({ client: await pool.connect(), turns: makeTurns() }),
            catch: (cause) => new SqlError({ cause, message: "no connection" })
          }),
          // One whose statement was given up and is still under way serves nobody else.
          ({ client, turns }) => Effect.sync(() => client.release(turns.isBusy()))
        ),
        ({ client, turns }) => {
          if (client.listenerCount("error") === 0) client.on("error", () => {})
          return makeConnection(client, turns.inTurn)
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
