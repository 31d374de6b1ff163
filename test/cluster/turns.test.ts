/** Turns on one host, on a clock of their own. */
import { assert, describe, it } from "@effect/vitest"
import * as TestRunner from "@effect/cluster/TestRunner"
import { SqlClient } from "@effect/sql/SqlClient"
import { Deferred, Duration, Effect, Either, Fiber, Layer, Metric, MetricState, TestClock } from "effect"
import { timings } from "../../src/cluster/SessionCluster.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { TurnLost } from "../../src/session/SessionError.ts"
import { type Agent, agents, eventually, makeCluster } from "../support/cluster.ts"
import { user } from "../support/stores.ts"
import { onVirtualClock } from "../support/virtualClock.ts"
import { manual, scripted } from "../support/world.ts"

const id = SessionId.make("chat-42")

const countReruns = Effect.map(Metric.snapshot, (pairs) =>
  pairs
    .filter(({ metricKey }) => metricKey.name === "throughline_cluster_reruns")
    .reduce(
      (sum, { metricState }) => sum + (MetricState.isCounterState(metricState) ? Number(metricState.count) : 0),
      0
    )
)

const onOneHost = (agent: Agent) =>
  agents
    .layer(agent)
    .pipe(
      Layer.provideMerge(TestRunner.layer),
      Layer.provideMerge(scripted(Scripted.layer([]), { policy: manual, leaseTtl: "3 seconds" }))
    )

describe("a turn of a cluster", () => {
  it.scoped("may take longer than the ten minutes after which a request is read again, and runs once", () =>
    onVirtualClock(
      Effect.gen(function* () {
        let runs = 0
        const slow: Agent = (turn) =>
          Effect.gen(function* () {
            runs += 1
            for (let minute = 0; minute < 11; minute++) {
              yield* turn.append({ role: "assistant", content: `minute ${minute}` })
              yield* Effect.sleep("1 minute")
            }
            return "done"
          })
        yield* Effect.gen(function* () {
          const client = yield* agents.client
          yield* client.deliver(id, user("hello"))
          const turn = yield* Effect.fork(client.turn(id, 1))
          yield* TestClock.adjust("12 minutes")
          assert.strictEqual(yield* Fiber.join(turn), "done")
          assert.strictEqual(runs, 1)
          assert.lengthOf((yield* client.view(id)).messages, 12)
        }).pipe(Effect.provide(onOneHost(slow)))
      })
    )
  )

  it.scopedLive("runs once although its request is read again from the database", () =>
    Effect.gen(function* () {
      const hasBegun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      let runs = 0
      const cluster = yield* makeCluster(() => {
        runs += 1
        return Effect.as(Effect.zipRight(Deferred.succeed(hasBegun, undefined), Deferred.await(goOn)), "done")
      })
      const { client } = yield* cluster.host
      yield* client.deliver(id, user("hello"))
      const turn = yield* Effect.fork(client.turn(id, 1))
      yield* Deferred.await(hasBegun)
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* sql`UPDATE throughline_messages SET last_read = datetime('now', '-11 minutes')`
        const isOld = sql<{ readonly n: number }>`
          SELECT count(*) AS n FROM throughline_messages WHERE last_read < datetime('now', '-10 minutes')`
        yield* eventually(isOld, ([row]) => row?.n === 0)
      }).pipe(Effect.provide(cluster.shared))
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Fiber.join(turn), "done")
      assert.strictEqual(runs, 1)
    })
  )

  it.scopedLive("is run although another host has read its request, and then lost the session", () =>
    Effect.gen(function* () {
      let runs = 0
      const cluster = yield* makeCluster(() => Effect.sync(() => String((runs += 1))))
      const { client } = yield* cluster.host
      yield* client.deliver(id, user("hello"))
      assert.strictEqual(yield* client.turn(id, 1), "1")
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* sql`DELETE FROM throughline_replies`
        yield* sql`UPDATE throughline_messages SET processed = FALSE, last_reply_id = NULL, last_read = CURRENT_TIMESTAMP`
      }).pipe(Effect.provide(cluster.shared))
      yield* eventually(
        Effect.sync(() => runs),
        (count) => count === 2
      )
    })
  )

  it.scopedLive("is answered although the host that was asked for it leaves", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const hasBegun = yield* Deferred.make<void>()
      const cluster = yield* makeCluster(() =>
        Effect.as(Effect.zipRight(Deferred.succeed(hasBegun, undefined), Deferred.await(goOn)), "done")
      )
      const first = yield* cluster.host
      const { client } = yield* cluster.client
      yield* client.deliver(id, user("hello"))
      const turn = yield* Effect.fork(client.turn(id, 1))
      yield* Deferred.await(hasBegun)
      yield* cluster.host
      yield* first.leave
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Fiber.join(turn), "done")
    })
  )

  it.scoped("that lost its session is run again where the session is, after `failover`", () =>
    onVirtualClock(
      Effect.gen(function* () {
        let runs = 0
        const unlucky: Agent = (turn) =>
          Effect.suspend(() => {
            runs += 1
            return runs === 1
              ? new TurnLost({ sessionId: turn.sessionId, unstored: [user("unstored")] })
              : Effect.succeed("at last")
          })
        yield* Effect.gen(function* () {
          const client = yield* agents.client
          yield* client.deliver(id, user("hello"))
          const before = yield* countReruns
          const turn = yield* Effect.fork(client.turn(id, 1))
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(runs, 1)
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* Fiber.join(turn), "at last")
          assert.strictEqual(runs, 2)
          assert.strictEqual(yield* countReruns, before + 1)
        }).pipe(Effect.provide(onOneHost(unlucky)))
      })
    )
  )
})

describe("timings", () => {
  it("come from one number, and never use advisory locks", () => {
    const { leaseTtl, sharding } = Either.getOrThrow(timings("6 seconds"))
    assert.strictEqual(Duration.toMillis(leaseTtl), 6_000)
    assert.isTrue(sharding.shardLockDisableAdvisory)
    const millis = (given: Duration.DurationInput | undefined) => Duration.toMillis(given ?? Duration.infinity)
    assert.strictEqual(millis(sharding.shardLockExpiration), 6_000)
    assert.isAtMost(millis(sharding.shardLockRefreshInterval), 2_000)
    assert.isBelow(millis(sharding.entityTerminationTimeout), 6_000)
  })

  it("refuse what locks of whole seconds cannot keep", () => {
    for (const failover of ["2999 millis", -1, Number.NaN, "Infinity", Duration.infinity] as const) {
      const refused = timings(failover as Duration.DurationInput)
      assert.isTrue(Either.isLeft(refused) && refused.left.field === "failover", String(failover))
    }
  })
})
