/** Processes that join a cluster whose database is empty. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCluster } from "../support/cluster.ts"
import { createDatabase } from "../support/postgres.ts"
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
