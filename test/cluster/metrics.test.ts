/** What an operator of a cluster reads: the metrics of each host, and `throughline cluster status`. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Logger, Schema, Stream } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { makeExpectations, run } from "../support/cli.ts"
import { eventually } from "../support/cluster.ts"
import { awaitPlaces, type Host, hostBundle, startHost, startLoad } from "../support/hosts.ts"
import { storeAt } from "../support/hostStore.ts"
import { agents } from "../support/hostWords.ts"
import { createDatabase } from "../support/postgres.ts"
import { isThorough } from "../support/repetitions.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"

const SESSIONS = Array.from({ length: 6 }, (_, i) => SessionId.make(`session ${i}`))

const { runForJson } = makeExpectations(run)

const Status = Schema.Struct({
  hosts: Schema.Array(Schema.Struct({ address: Schema.String, healthy: Schema.Boolean, shards: Schema.Int })),
  requests: Schema.Struct({ unanswered: Schema.Int })
})

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0)

/** A metric of each host, by its name. */
const readMetric = (hosts: ReadonlyArray<Host>, name: string) =>
  Effect.map(
    Effect.forEach(hosts, ({ measure }) => measure),
    (all) => new Map(hosts.map((host, i) => [host.name, all[i]?.[name] ?? 0]))
  )

const readTurns = (hosts: ReadonlyArray<Host>) =>
  Effect.map(readMetric(hosts, "throughline_turns"), (byHost) => sum(byHost.values()))

describe("a cluster of hosts on PostgreSQL, while it works", () => {
  it.live.runIf(isThorough)("counts in each host the sessions it has, those that leave it, and what they did", () =>
    Effect.gen(function* () {
      const url = yield* Effect.promise(() => createDatabase())
      const services = Layer.provideMerge(agents.layerClient, Layer.merge(storeAt(url), layerPostgresClient(url)))
      yield* Effect.gen(function* () {
        const client = yield* agents.client
        const hosts = yield* Effect.replicateEffect(startHost(url), 2, { concurrency: "unbounded" })
        const load = yield* startLoad(client, SESSIONS)

        /** Waits until the gauges of all hosts tell where the sessions are. Returns the place of each session. */
        const settle = Effect.gen(function* () {
          const places = yield* awaitPlaces(url, client, SESSIONS, hosts)
          const there = [...places].map(([name, sessions]) => [name, sessions.length] as const)
          yield* eventually(readMetric(hosts, "throughline_cluster_sessions"), (gauges) =>
            there.every(([name, count]) => gauges.get(name) === count)
          )
          return new Map([...places].flatMap(([name, sessions]) => sessions.map((session) => [session, name])))
        })

        const before = yield* settle
        const turns = yield* readTurns(hosts)
        yield* eventually(readTurns(hosts), (later) => later >= turns + SESSIONS.length)
        const movedBefore = sum((yield* readMetric(hosts, "throughline_cluster_moves")).values())

        hosts.push(yield* startHost(url))
        const after = yield* settle
        const moved = SESSIONS.filter((session) => before.get(session) !== after.get(session))
        const moves = sum((yield* readMetric(hosts, "throughline_cluster_moves")).values())
        assert.isAtLeast(moves - movedBefore, moved.length, "each session that moved has left a host")

        const status = yield* Effect.flatMap(
          runForJson(["cluster", "status", "--db", url]),
          Schema.decodeUnknown(Status)
        )
        assert.sameMembers(
          status.hosts.map(({ address }) => address),
          hosts.map(({ name }) => name)
        )
        assert.isTrue(status.hosts.every(({ healthy }) => healthy))
        assert.strictEqual(sum(status.hosts.map(({ shards }) => shards)), 300)

        yield* load.end
        assert.isAtLeast(yield* readTurns(hosts), load.answered.length)
        const store = yield* SessionStore
        const logs = yield* Effect.forEach(SESSIONS, (session) => Stream.runCollect(store.log(session)))
        const taken = logs
          .flatMap((log) => Chunk.toReadonlyArray(log))
          .filter((one) => one.arrival !== null && one.seq !== null)
        assert.strictEqual(
          sum((yield* readMetric(hosts, "throughline_messages_taken_up")).values()),
          taken.length,
          "each message was taken up by one host"
        )
        const unanswered = Effect.flatMap(runForJson(["cluster", "status", "--db", url]), Schema.decodeUnknown(Status))
        yield* eventually(unanswered, ({ requests }) => requests.unanswered === 0)
      }).pipe(Effect.provide(services))
    }).pipe(Effect.scoped, Effect.provide([hostBundle, Logger.remove(Logger.defaultLogger)]))
  )
})
