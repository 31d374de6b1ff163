import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql/SqlClient"
import { Deferred, Effect, Schema } from "effect"
import { SessionId } from "../../src/session/Session.ts"
import { assertFailure, makeExpectations, run } from "../support/cli.ts"
import { eventually, makeCluster } from "../support/cluster.ts"
import { createDatabase } from "../support/postgres.ts"
import { user } from "../support/stores.ts"
import { layerPostgresClient } from "../support/postgresClient.ts"

const { expectSuccess, runForJson } = makeExpectations(run)

const Status = Schema.Struct({
  prefix: Schema.String,
  hosts: Schema.Array(
    Schema.Struct({
      address: Schema.String,
      healthy: Schema.NullOr(Schema.Boolean),
      heartbeatAge: Schema.NullOr(Schema.Number),
      shards: Schema.Int,
      unanswered: Schema.Int
    })
  ),
  requests: Schema.Struct({
    unanswered: Schema.Int,
    unread: Schema.Int,
    unplaced: Schema.Int,
    oldestAge: Schema.NullOr(Schema.Number)
  })
})

const readStatus = (db: string) =>
  Effect.flatMap(runForJson(["cluster", "status", "--db", db]), Schema.decodeUnknown(Status))

const SHARDS = 300

describe("throughline cluster status", () => {
  it.scopedLive("tells hosts, their shards and what is not answered from the tables of a running cluster", () =>
    Effect.gen(function* () {
      const db = yield* Effect.promise(() => createDatabase())
      const database = layerPostgresClient(db)
      const gate = yield* Deferred.make<string>()
      const cluster = yield* makeCluster(() => Deferred.await(gate), {}, database)
      const hosts = yield* Effect.replicateEffect(cluster.host, 2)
      const shared = yield* eventually(readStatus(db), (status) => status.hosts.every(({ shards }) => shards > 0))
      assert.deepStrictEqual(
        shared.hosts.map(({ address, healthy }) => ({ address, healthy })),
        hosts.map(({ name }) => ({ address: name, healthy: true })).toSorted((a, b) => (a.address < b.address ? -1 : 1))
      )
      assert.deepStrictEqual(shared.requests, { unanswered: 0, unread: 0, unplaced: 0, oldestAge: null })
      assert.include(yield* expectSuccess(["cluster", "status", "--db", db]), "no request waits")

      const sessions = ["a", "b", "c"].map((id) => SessionId.make(id))
      const { client } = yield* cluster.client
      yield* Effect.forEach(sessions, (session) =>
        Effect.zipRight(client.deliver(session, user("hello")), client.startTurn(session, "now"))
      )
      const busy = yield* eventually(
        readStatus(db),
        ({ hosts, requests }) =>
          requests.unread === 0 &&
          requests.unplaced === 0 &&
          hosts.reduce((sum, { shards }) => sum + shards, 0) === SHARDS
      )
      assert.strictEqual(busy.requests.unanswered, 3)
      assert.strictEqual(
        busy.hosts.reduce((sum, { unanswered }) => sum + unanswered, 0),
        3,
        "each is with the host that answers it"
      )
      assert.include(yield* expectSuccess(["cluster", "status", "--db", db]), "3 requests unanswered, the oldest for ")

      yield* Deferred.succeed(gate, "done")
      const done = yield* eventually(readStatus(db), ({ requests }) => requests.unanswered === 0)
      assert.strictEqual(done.requests.oldestAge, null)
    })
  )

  it.scopedLive("tells a host that is lost by the age of its heartbeat, and shards and requests that nobody has", () =>
    Effect.gen(function* () {
      const db = yield* Effect.promise(() => createDatabase())
      const cluster = yield* makeCluster(() => Effect.succeed(""), {}, layerPostgresClient(db))
      const { client } = yield* cluster.client
      yield* client.startTurn(SessionId.make("a"), "now")
      const said = yield* expectSuccess(["cluster", "status", "--db", db])
      assert.match(
        said,
        /^no host is registered\n1 request unanswered, .*; 1 taken by no host yet, 1 for a shard that no host holds\n$/
      )
      const sql = yield* Effect.provide(SqlClient, cluster.shared)
      yield* sql`INSERT INTO throughline_runners (address, runner, healthy, last_heartbeat)
        VALUES ('lost:1', '{}', false, NOW() - INTERVAL '1 hour')`
      yield* sql`INSERT INTO throughline_locks VALUES ('default:1', 'gone:1', NOW()), ('default:2', 'gone:1', NOW())`
      const lines = (yield* expectSuccess(["cluster", "status", "--db", db])).split("\n")
      assert.match(lines[0] ?? "", /^gone:1 +not registered +no heartbeat +2 shards +0 unanswered$/)
      assert.match(lines[1] ?? "", /^lost:1 +not reached +heartbeat 360\d\.\d s ago +0 shards +0 unanswered$/)
    })
  )

  it.scopedLive("says that there is no cluster with a prefix, and that a file has none", () =>
    Effect.gen(function* () {
      const db = yield* Effect.promise(() => createDatabase())
      for (const prefix of ["throughline", `Odd" 'one`]) {
        assert.strictEqual(
          assertFailure(yield* run(["cluster", "status", "--db", db, "--prefix", prefix])),
          `no cluster with the prefix ${prefix} in this database`
        )
      }
      const said = assertFailure(yield* run(["cluster", "status", "--db", "agents.db"]))
      assert.strictEqual(said, "a cluster is in a PostgreSQL: --db postgres://…")
      assertFailure(yield* run(["cluster"]), 2)
    })
  )
})
