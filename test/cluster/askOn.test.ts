/** The way of a request to a host, which may leave in the middle of it. */
import { assert, describe, it } from "@effect/vitest"
import * as EntityAddress from "@effect/cluster/EntityAddress"
import * as EntityId from "@effect/cluster/EntityId"
import * as EntityType from "@effect/cluster/EntityType"
import * as Message from "@effect/cluster/Message"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as Runners from "@effect/cluster/Runners"
import * as ShardId from "@effect/cluster/ShardId"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as Snowflake from "@effect/cluster/Snowflake"
import * as RpcServer from "@effect/rpc/RpcServer"
import { Cause, Effect, Exit, FiberId, Layer, Option } from "effect"
import { askOn } from "../../src/cluster/runtime.ts"

const address = RunnerAddress.make("127.0.0.1", 4444)

const message = Message.OutgoingEnvelope.interrupt({
  address: EntityAddress.make({
    shardId: ShardId.make("default", 1),
    entityType: EntityType.EntityType.make("throughline/session"),
    entityId: EntityId.make("chat-42")
  }),
  id: Snowflake.Snowflake(1n),
  requestId: Snowflake.Snowflake(2n)
})

/** Hosts that end each request as `cause` says. The database has an answer to each. */
const hostsThatEnd = (cause: Cause.Cause<never>) =>
  Effect.map(Runners.Runners, (runners) =>
    askOn({
      ...runners,
      notify: ({ address }) => (Option.isSome(address) ? Effect.failCause(cause) : Effect.void),
      send: () => Effect.failCause(cause)
    })
  ).pipe(Effect.provide(Runners.layerNoop.pipe(Layer.provide([MessageStorage.layerNoop, ShardingConfig.layer()]))))

const byHost = Cause.interrupt(RpcServer.fiberIdTransientInterrupt)
const byCaller = Cause.interrupt(FiberId.runtime(7, 0))

describe("a request that its host has ended", () => {
  for (const [who, cause] of [
    ["a host that leaves", byHost],
    ["its caller", byCaller]
  ] as const) {
    it.effect(`is ${cause === byHost ? "asked on" : "over"} when ${who} interrupts it`, () =>
      Effect.gen(function* () {
        const hosts = yield* hostsThatEnd(cause)
        const kept = yield* Effect.exit(hosts.notify({ address: Option.some(address), message, discard: false }))
        const asked = yield* Effect.exit(hosts.send({ address, message }))
        if (cause === byCaller) assert.deepStrictEqual([kept, asked], [Exit.failCause(cause), Exit.failCause(cause)])
        else {
          assert.isTrue(Exit.isSuccess(kept))
          assert.propertyVal(Exit.isFailure(asked) ? Cause.squash(asked.cause) : undefined, "_tag", "RunnerUnavailable")
        }
      })
    )
  }
})
