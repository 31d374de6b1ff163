/** Deletes what the cluster keeps of requests that are answered. It would keep them for ever, and read past them. */
import * as MachineId from "@effect/cluster/MachineId"
import * as Singleton from "@effect/cluster/Singleton"
import * as Snowflake from "@effect/cluster/Snowflake"
import { SqlClient } from "@effect/sql/SqlClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Requests of one statement, so that none holds its rows for long. */
const BATCH = 1_000

/** Deletes requests that were answered and are older than `keepFor`, with their replies. Returns how many. */
export const pruneRequests = (prefix: string, keepFor: Duration.Duration) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const messages = sql(`${prefix}_messages`)
    const now = yield* Clock.currentTimeMillis
    // Ids begin with the time they were made at.
    const oldest = Snowflake.make({
      timestamp: now - Duration.toMillis(keepFor),
      machineId: MachineId.make(0),
      sequence: 0
    })
    const pruneBatch = Effect.gen(function* () {
      // As texts: ids are larger than a number holds exactly.
      const rows = yield* sql<{ readonly id: string }>`
        SELECT CAST(id AS TEXT) AS id FROM ${messages}
        WHERE processed = ${sql.literal("TRUE")} AND id < ${String(oldest)} LIMIT ${BATCH}`
      const ids = rows.map(({ id }) => id)
      if (ids.length === 0) return 0
      yield* sql`DELETE FROM ${sql(`${prefix}_replies`)} WHERE ${sql.in("request_id", ids)}`
      yield* sql`DELETE FROM ${messages} WHERE ${sql.in("id", ids)}`
      return ids.length
    })
    let pruned = 0
    for (let some = BATCH; some === BATCH; pruned += some) some = yield* sql.withTransaction(pruneBatch)
    return pruned
  })

/** Prunes on one host of the cluster, at its start and then hourly. */
export const layerPruning = (prefix: string, keepFor: Duration.Duration) =>
  Singleton.make(
    `${prefix}/prune`,
    pruneRequests(prefix, keepFor).pipe(
      Effect.tap((pruned) => Effect.logDebug(`deleted ${pruned} requests that were answered before`)),
      Effect.catchAllCause((cause) => Effect.logWarning("could not delete requests that were answered", cause)),
      Effect.repeat(Schedule.spaced("1 hour")),
      Effect.asVoid
    )
  )
