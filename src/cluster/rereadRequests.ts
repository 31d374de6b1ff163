/** Finds requests that were taken from the database by a host that has lost their session since. */
import { MessageStorage } from "@effect/cluster/MessageStorage"
import * as ShardId from "@effect/cluster/ShardId"
import { Sharding } from "@effect/cluster/Sharding"
import { ShardingConfig } from "@effect/cluster/ShardingConfig"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

/**
 * A host marks a request when it reads it, and leaves it alone if the session is not its own any more: so does one that was
 * frozen or cut off, whose last question to the database arrives when it comes back. Nobody would read the request again
 * for ten minutes. Each host takes the marks off its own sessions once in `failover`; what it is at, it knows.
 */
export const layerRereading = (failover: Duration.Duration) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const sharding = yield* Sharding
      const storage = yield* MessageStorage
      const { shardsPerGroup } = yield* ShardingConfig
      const shards = Array.from({ length: shardsPerGroup }, (_, i) => ShardId.make("default", i + 1))
      const reread = Effect.suspend(() => storage.resetShards(shards.filter((shard) => sharding.hasShardId(shard))))
      yield* reread.pipe(
        Effect.catchAllCause((cause) => Effect.logDebug("could not look for requests that nobody is at", cause)),
        Effect.schedule(Schedule.spaced(failover)),
        Effect.forkScoped
      )
    })
  )
