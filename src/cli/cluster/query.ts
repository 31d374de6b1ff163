/** Reads what a cluster of hosts has in its database: who is registered, who holds which shards, and what waits. */
import * as Effect from "effect/Effect"
import * as Link from "../../postgres/link.ts"
import { DEFAULT_SCHEMA, quoteName } from "../../postgres/schema.ts"
import type { StoreError } from "../../session/SessionError.ts"

/** A host that is registered, or that still holds shards. */
export interface HostStatus {
  /** Its name and port, as the other hosts reach it. */
  readonly address: string
  /** Whether the others reach it; null if it is not registered. */
  readonly healthy: boolean | null
  /** Milliseconds since it last renewed its place, by the database's clock; null if it is not registered. */
  readonly heartbeatAge: number | null
  /** The shards that it holds. */
  readonly shards: number
  /** Requests for sessions of these shards that are not answered yet. */
  readonly unanswered: number
}

export interface RequestStatus {
  /** Requests that are not answered yet, running ones included. */
  readonly unanswered: number
  /** Those of them that no host has taken yet. */
  readonly unread: number
  /** Those of them whose shard no host holds. */
  readonly unplaced: number
  /** Milliseconds since the oldest of them was made, by the clock of who made it; null if there is none. */
  readonly oldestAge: number | null
}

export interface ClusterStatus {
  readonly prefix: string
  readonly hosts: ReadonlyArray<HostStatus>
  readonly requests: RequestStatus
}

/** Reads the status of the cluster whose tables begin with `prefix`; null if the database has no such tables. */
export const readStatus = (url: string, prefix: string): Effect.Effect<ClusterStatus | null, StoreError> =>
  Effect.gen(function* () {
    const options = { url, schema: DEFAULT_SCHEMA, connections: 1, transactionPooling: false, isClockOurs: false }
    const link = Link.make(yield* Link.openPool(options), options)
    const tables = {
      runners: quoteName(`${prefix}_runners`),
      locks: quoteName(`${prefix}_locks`),
      messages: quoteName(`${prefix}_messages`)
    }
    const [found] = yield* link.run(findTables, Object.values(tables))
    if (found === undefined || found.missing > 0) return null
    const hosts = yield* link.run(selectHosts(tables))
    const [requests] = yield* link.run(selectRequests(tables))
    return { prefix, hosts, requests: requests ?? NONE }
  }).pipe(Effect.scoped)

const NONE: RequestStatus = { unanswered: 0, unread: 0, unplaced: 0, oldestAge: null }

interface Tables {
  readonly runners: string
  readonly locks: string
  readonly messages: string
}

const findTables = Link.prepare<[ReadonlyArray<string>], { readonly missing: number }>(
  "find the cluster",
  `SELECT count(*)::int AS missing FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL`
)

/** Beside requests, the table of messages has acknowledgements and interrupts. */
const UNANSWERED = `kind = 0 AND NOT processed`

/** Heartbeats have no time zone: they are the local time of a session like this one. */
const selectHosts = ({ locks, messages, runners }: Tables) =>
  Link.prepare<[], HostStatus>(
    "read hosts of the cluster",
    `WITH held AS (SELECT address, count(*)::int AS shards FROM ${locks} GROUP BY address),
      asked AS (
        SELECT address, count(*)::int AS unanswered FROM ${messages} JOIN ${locks} USING (shard_id)
        WHERE ${UNANSWERED} GROUP BY address)
    SELECT address, healthy,
      (extract(epoch FROM localtimestamp - last_heartbeat) * 1000)::float8 AS "heartbeatAge",
      coalesce(shards, 0) AS shards, coalesce(unanswered, 0) AS unanswered
    FROM ${runners} FULL JOIN held USING (address) LEFT JOIN asked USING (address)
    ORDER BY address`
  )

/** Ids of the cluster begin with the milliseconds since 2025, and end with 22 other bits. */
const MADE_AT = `(min(id) >> 22) + ${Date.UTC(2025, 0, 1)}`

const selectRequests = ({ locks, messages }: Tables) =>
  Link.prepare<[], RequestStatus>(
    "read requests of the cluster",
    `SELECT count(*)::int AS unanswered,
      (count(*) FILTER (WHERE last_read IS NULL))::int AS unread,
      (count(*) FILTER (WHERE address IS NULL))::int AS unplaced,
      (extract(epoch FROM now()) * 1000 - (${MADE_AT}))::float8 AS "oldestAge"
    FROM ${messages} LEFT JOIN ${locks} USING (shard_id) WHERE ${UNANSWERED}`
  )
