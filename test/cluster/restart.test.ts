/** A PostgreSQL that is killed, or restarted, under a cluster that works. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { eventually } from "../support/cluster.ts"
import { audit, awaitPlaces, hostBundle, startHost } from "../support/hosts.ts"
import { storeAt } from "../support/hostStore.ts"
import { agents } from "../support/hostWords.ts"
import { createDatabase, startServer } from "../support/postgres.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"
import { isThorough } from "../support/repetitions.ts"
import { user } from "../support/stores.ts"

const SESSIONS = Array.from({ length: 4 }, (_, i) => SessionId.make(`session ${i}`))

/** Answers of each session before the server ends, and after it is back. */
const ANSWERS = 2

/** Asks again under the same name, as docs/many-hosts.md tells a client to. */
const askUntilAnswered = <A, E>(ask: Effect.Effect<A, E>): Effect.Effect<A> =>
  Effect.catchAllCause(ask, () => Effect.delay(askUntilAnswered(ask), "200 millis"))

describe("a cluster whose PostgreSQL ends under it", () => {
  it.live.runIf(isThorough)(
    "goes on once it is back: each delivery is kept once, in order, and each request is answered",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.promise(() => startServer()),
          ({ stop }) => Effect.promise(stop)
        )
        const url = yield* Effect.promise(() => createDatabase(server))
        const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
        yield* Effect.gen(function* () {
          const client = yield* agents.client
          const hosts = yield* Effect.replicateEffect(startHost(url), 2, { concurrency: "unbounded" })
          yield* awaitPlaces(url, client, SESSIONS, hosts)

          const load = { isOn: true }
          const delivered = new Map(SESSIONS.map((session) => [session, new Array<string>()]))
          const answered: Array<{ readonly session: SessionId; readonly request: string; readonly run: string }> = []
          const work = yield* Effect.forkScoped(
            Effect.forEach(
              SESSIONS,
              (session) =>
                Effect.gen(function* () {
                  for (let n = 1; load.isOn; n++) {
                    const content = `message ${n}`
                    yield* askUntilAnswered(client.deliver(session, user(content), { key: content }))
                    delivered.get(session)?.push(content)
                    const request = `turn ${n}`
                    const run = yield* askUntilAnswered(client.turn(session, request))
                    answered.push({ session, request, run })
                  }
                }),
              { concurrency: "unbounded", discard: true }
            )
          )
          const answerMore = Effect.suspend(() => {
            const counts = () => SESSIONS.map((session) => answered.filter((one) => one.session === session).length)
            const before = counts()
            return eventually(Effect.sync(counts), (now) => now.every((n, i) => n >= (before[i] ?? 0) + ANSWERS))
          })
          for (const end of [server.crash, server.restart]) {
            yield* answerMore
            yield* Effect.promise(end)
          }
          yield* answerMore
          load.isOn = false
          yield* Effect.orDie(work)
          yield* audit(hosts, { answered, delivered })
          assert.isAtLeast(answered.length, 3 * ANSWERS * SESSIONS.length)
        }).pipe(Effect.provide(services))
      }).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))
  )
})
