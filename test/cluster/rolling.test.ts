/** Deployments: hosts that are told to end, come back, join and leave while sessions are answered. */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Layer, Logger } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { audit, awaitPlaces, type Host, hostBundle, startHost, startLoad } from "../support/hosts.ts"
import { storeAt } from "../support/hostStore.ts"
import { agents } from "../support/hostWords.ts"
import { createDatabase } from "../support/postgres.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"
import { isThorough } from "../support/repetitions.ts"

const SESSIONS = Array.from({ length: 6 }, (_, i) => SessionId.make(`session ${i}`))

/** How the turns of a host ended; `nothing` if it said nothing of one any more. */
const endsOf = ({ said }: Host) =>
  said.flatMap((begun, i) => {
    if (begun._tag !== "Begun") return []
    const isOfIt = (one: typeof begun | object) =>
      "request" in one && one.request === begun.request && one.session === begun.session
    return [
      said.slice(i + 1).find((one) => isOfIt(one) && one._tag !== "Begun" && one._tag !== "Appended")?._tag ?? "nothing"
    ]
  })

describe("a cluster of three hosts under load", () => {
  it.live.runIf(isThorough)(
    "restarts one host after the other: each delivery and each turn is answered, and no turn is cut off untold",
    () =>
      Effect.gen(function* () {
        const url = yield* Effect.promise(() => createDatabase())
        const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
        const restart = Effect.gen(function* () {
          const client = yield* agents.client
          const all = yield* Effect.replicateEffect(startHost(url), 3, { concurrency: "unbounded" })
          const load = yield* startLoad(client, SESSIONS)
          let alive: ReadonlyArray<Host> = all
          const settle = Effect.suspend(() => awaitPlaces(url, client, SESSIONS, alive))
          const end = (host: Host) =>
            Effect.gen(function* () {
              alive = alive.filter((other) => other !== host)
              yield* host.signal("SIGTERM")
              yield* host.ended
            })
          const start = (port?: number) =>
            Effect.gen(function* () {
              const host = yield* startHost(url, { port })
              all.push(host)
              alive = [...alive, host]
            })
          const restarts = Effect.gen(function* () {
            yield* Effect.forEach([...all], (host) =>
              Effect.all([settle, end(host), start(host.port)], { discard: true })
            )
            // Under another address, as in a cluster that grows and shrinks.
            yield* Effect.all([settle, start(), settle, Effect.suspend(() => end(all[3] ?? assert.fail())), settle])
          })
          // A load that has ended would be waited for in vain.
          yield* Effect.raceFirst(restarts, load.failure)
          yield* load.end
          yield* audit(all, load)
          const ends = all.flatMap(endsOf)
          const count = (how: string) => ends.filter((end) => end === how).length
          yield* Console.log(`${ends.length} turns, ${count("Interrupted")} of them cut off and run again elsewhere`)
          assert.strictEqual(count("nothing"), 0)
          assert.isAtLeast(count("Answered"), load.answered.length)
        })
        yield* Effect.provide(restart, services)
      }).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))
  )
})
