/** A cluster within one process: hosts that share one store and one database in memory, and speak over the loopback. */
import type { SqlClient } from "@effect/sql/SqlClient"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { createServer } from "node:net"
import * as SessionCluster from "../../src/cluster/SessionCluster.ts"
import type { GatewayOptions } from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { policy, route, summary } from "./world.ts"

/** A port that nobody listens on. */
export const findFreePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

export const agents = SessionCluster.make({ success: Schema.String, error: Schema.Never, failover: "3 seconds" })

export type Agent = SessionCluster.Agent<string, SessionCluster.TurnFailed, never>

/** What all hosts share, their tables in `database`: `host` and `client` join a process to it. */
export const makeCluster = (
  agent: Agent,
  options: Partial<GatewayOptions> = {},
  database: Layer.Layer<SqlClient, unknown> = SqliteClient.layer({ filename: ":memory:" })
) =>
  Effect.gen(function* () {
    const shared = yield* Layer.build(
      Layer.mergeAll(layerMemory, Layer.orDie(database), Scripted.layer([summary("the reports")]))
    )
    const cluster = yield* Effect.scope
    const join = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(cluster, { _tag: "Sequential" })
        const services = yield* Layer.buildWithScope(layer, scope)
        const client = yield* Effect.provide(agents.client, services)
        return { client, services, leave: Scope.close(scope, Exit.void) }
      }).pipe(Effect.provide(shared))

    const host = Effect.gen(function* () {
      const port = yield* findFreePort
      const joined = yield* join(
        agents.layerHost(agent, {
          address: { host: "127.0.0.1", port },
          policy: { ...policy, mode: "manual" },
          routes: [route],
          ...options
        })
      )
      return { ...joined, name: `127.0.0.1:${port}` }
    })
    return { shared, host, client: join(agents.layerClient) }
  })

/** Asks until the answer is as expected, and returns it. */
export const eventually = <A, E, R>(
  ask: Effect.Effect<A, E, R>,
  isExpected: (answer: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(ask, (answer) =>
    isExpected(answer) ? Effect.succeed(answer) : Effect.delay(eventually(ask, isExpected), "50 millis")
  )
