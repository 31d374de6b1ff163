/** Hosts that were given one address by mistake, as where a setting was copied. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { agents, findFreePort } from "../support/cluster.ts"
import { createDatabase } from "../support/postgres.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"
import { user } from "../support/stores.ts"
import { policy, route, summary } from "../support/world.ts"

describe("a host whose address another one has", () => {
  it.scopedLive("is refused with a clear error while the other goes on, and starts once the other has left", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const [port, first, second] = yield* Effect.all([findFreePort, findFreePort, findFreePort])
      const shared = yield* Layer.build(Layer.mergeAll(layerMemory, Scripted.layer([summary("the reports")])))
      const all = yield* Effect.scope
      /** It listens at another port than the one at which others look for it. */
      const start = (listen: number) =>
        Effect.gen(function* () {
          const scope = yield* Scope.fork(all, { _tag: "Sequential" })
          const host = agents.layerHost((_, request) => Effect.succeed(`${listen} answers ${request}`), {
            address: { host: "127.0.0.1", port },
            listen: { host: "127.0.0.1", port: listen },
            policy: { ...policy, mode: "manual" },
            routes: [route]
          })
          const database = Layer.fresh(Layer.orDie(layerPostgresClient(url)))
          const services = yield* Layer.buildWithScope(Layer.provideMerge(host, database), scope)
          return { client: yield* Effect.provide(agents.client, services), leave: Scope.close(scope, Exit.void) }
        }).pipe(Effect.provide(shared))
      const one = yield* start(port)
      const error = yield* Effect.flip(start(second))
      assert.strictEqual(error._tag, "SocketServerError")
      assert.include(String(error.cause), `another host of the cluster answers at 127.0.0.1:${port}`)
      const id = SessionId.make("chat-42")
      const { arrival } = yield* one.client.deliver(id, user("hello"))
      assert.strictEqual(yield* one.client.turn(id, arrival), `${port} answers 1`)
      yield* one.leave
      const other = yield* start(first)
      assert.strictEqual(yield* other.client.turn(id, "later"), `${first} answers later`)
    })
  )
})
