/** Everything that decides how soon a lost host is noticed, from one number. */
import type * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import { type InvalidPolicy, checkAll, checkDuration, checkSetting } from "../model/InvalidSetting.ts"

/**
 * - `sharding`: the settings of `@effect/cluster`. A host whose locks in the database are older than `failover` has lost its
 *   sessions, frozen or cut off as well as dead
 * - `leaseTtl`: that of `Gateway.layer`, which is waited for as well
 *
 * @since 0.1.0
 * @category models
 */
export interface Timings {
  readonly sharding: Partial<ShardingConfig.ShardingConfig["Type"]>
  readonly leaseTtl: Duration.Duration
}

/** Locks expire in whole seconds, and are renewed three times before. */
const SHORTEST = 3_000

/**
 * Sets how soon the sessions of a host that died, froze or was cut off go on elsewhere: after `failover`, at the latest
 * after twice as long. Give all processes of a cluster the same. Less than 3 seconds are refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const timings = (failover: Duration.DurationInput): Either.Either<Timings, InvalidPolicy> =>
  Either.flatMap(checkDuration("failover", failover), () => {
    const whole = Duration.decode(failover)
    const part = (share: number) => Duration.times(whole, share)
    const isLongEnough = Duration.toMillis(whole) >= SHORTEST && Duration.isFinite(whole)
    return Either.map(
      checkAll([checkSetting("failover", isLongEnough, "at least 3 seconds", Duration.format(whole))]),
      () => ({
        leaseTtl: whole,
        sharding: {
          // An advisory lock would be held for as long as a frozen host's connection is open.
          shardLockDisableAdvisory: true,
          shardLockExpiration: whole,
          shardLockRefreshInterval: part(1 / 3),
          runnerHealthCheckInterval: part(1 / 3),
          refreshAssignmentsInterval: part(1 / 6),
          entityMessagePollInterval: part(1 / 6),
          entityTerminationTimeout: part(5 / 6)
        }
      })
    )
  })
