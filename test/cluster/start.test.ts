/** Processes that join a cluster: on an empty database, and on one of another version. */
import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
import { makeCluster } from "../support/cluster.ts"
import { createDatabase } from "../support/postgres.ts"
import { storeAt } from "../support/hostStore.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"

describe("a cluster on an empty database", () => {
  it.scopedLive("is joined by many processes at once", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const cluster = yield* makeCluster(() => Effect.succeed(""), {}, layerPostgresClient(url))
      yield* Effect.replicateEffect(cluster.client, 4, { concurrency: "unbounded" })
    })
  )
})

describe("the store of a host", () => {
  it.scopedLive("opens what a newer version left for it, and refuses what needs a newer one", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const open = Layer.build(storeAt(url))
      yield* open
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* sql`INSERT INTO throughline.version VALUES (98, 1)`
        yield* open
        yield* sql`INSERT INTO throughline.version VALUES (99, 99)`
        const { detail, reason } = yield* Effect.flip(open)
        assert.strictEqual(reason, "newer")
        assert.include(detail, "its schema is 99 and needs a library that knows 99")
      }).pipe(Effect.provide(layerPostgresClient(url)))
    })
  )
})
