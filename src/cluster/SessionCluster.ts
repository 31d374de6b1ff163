/**
 * Sessions on many hosts: `@effect/cluster` places each session on one host at a time, and moves it when that host is lost.
 * Nothing relies on the place: the store takes writes only from the holder of a session's lease, whatever a host believes.
 *
 * @since 0.1.0
 */
import type { MessageStorage } from "@effect/cluster/MessageStorage"
import type { Sharding } from "@effect/cluster/Sharding"
import type { SocketServerError } from "@effect/platform/SocketServer"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Gateway from "../gateway/Gateway.ts"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import { type Agent, layerEntity } from "./answerRequests.ts"
import { type Client, makeClient } from "./client.ts"
import { makeProtocol, type TurnFailed } from "./protocol.ts"
import { layerPruning } from "./pruneRequests.ts"
import { layerRereading } from "./rereadRequests.ts"
import { type Address, layerAsking, layerRunner } from "./runtime.ts"
import { timings } from "./timings.ts"

export type { Agent } from "./answerRequests.ts"
export type { Client } from "./client.ts"
export { RequestId, TurnFailed } from "./protocol.ts"
export type { Address } from "./runtime.ts"
export { timings, type Timings } from "./timings.ts"

/**
 * Options that all processes of a cluster have to agree on.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClusterOptions<A, I, E, J> {
  /**
   * The agent's answer. Kept for `keepFor` in the tables of the cluster, so it should be small, and hold no words of the
   * conversation: those are in the log, where `Client.reply` reads them.
   */
  readonly success: Schema.Schema<A, I>
  /** Failures of the agent, besides those of a turn. */
  readonly error: Schema.Schema<E, J>
  /** The time after which the sessions of a lost host go on elsewhere, see `timings`; default: 6 seconds. */
  readonly failover?: Duration.DurationInput | undefined
  /** The beginning of the names of the cluster's tables; default: `throughline`. */
  readonly prefix?: string | undefined
}

/**
 * Options of a host: where it is reached, and those of its gateway.
 *
 * @since 0.1.0
 * @category models
 */
export interface HostOptions extends Omit<Gateway.GatewayOptions, "leaseTtl"> {
  /** The address at which the others reach this process. It asks for no password: keep the port inside your network. */
  readonly address: Address
  /** The address to listen at, if it is another. */
  readonly listen?: Address | undefined
  /** The time for which answers are kept, so that a request that is repeated gets the same; default: 3 days. */
  readonly keepFor?: Duration.DurationInput | undefined
}

/**
 * A cluster of hosts that answer sessions with one agent.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionCluster<A, E> {
  /**
   * A host: gateway, agent, and the share of the cluster's sessions that falls to it. Fails with `InvalidPolicy` if
   * `failover` is out of its range, and with `SocketServerError` if it cannot listen or another host has its address.
   * When its scope closes, running turns have most of `failover` to end; then they are interrupted, and run again
   * elsewhere.
   */
  readonly layerHost: <R>(
    agent: Agent<A, E | TurnFailed, R>,
    options: HostOptions
  ) => Layer.Layer<
    Gateway.Gateway | Sharding | MessageStorage,
    InvalidPolicy | SocketServerError,
    SqlClient | Layer.Layer.Context<ReturnType<typeof Gateway.layer>> | R
  >
  /** A process that has no sessions and asks for them, such as a web server. */
  readonly layerClient: Layer.Layer<Sharding | MessageStorage, InvalidPolicy, SqlClient>
  /** The agent alone, for a cluster and a gateway that you put together yourself, e.g. with `TestRunner` in a test. */
  readonly layer: <R>(
    agent: Agent<A, E | TurnFailed, R>
  ) => Layer.Layer<never, InvalidPolicy, Gateway.Gateway | Sharding | R>
  /** Asks for sessions, on a host as in a client. */
  readonly client: Effect.Effect<Client<A, E>, never, Sharding | SessionStore>
}

/**
 * Defines a cluster. Its hosts need a `SessionStore` that all of them share, which is `SessionStore/Postgres`, and a
 * `SqlClient` on the same database, such as that of `@effect/sql-pg`.
 *
 * @example
 * const agents = SessionCluster.make({ success: Schema.Void, error: Schema.Never })
 * const host = agents.layerHost(agent, { address: { host: "10.0.0.7", port: 4000 }, policy, routes }).pipe(
 *   Layer.provide([Postgres.layer({ url }), OpenAi.layer, PgClient.layer({ url: Redacted.make(url) })])
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I, E, J>({
  error,
  failover = "6 seconds",
  prefix = "throughline",
  success
}: ClusterOptions<A, I, E, J>): SessionCluster<A, E> => {
  const protocol = makeProtocol(`${prefix}/session`, success, error)
  const timed = timings(failover)
  const layer = <R>(agent: Agent<A, E | TurnFailed, R>) =>
    Layer.unwrapEffect(Effect.map(timed, ({ leaseTtl }) => layerEntity(protocol, agent, leaseTtl)))

  return {
    layer,
    layerHost: (agent, { address, keepFor = "3 days", listen, ...gateway }) =>
      Layer.unwrapEffect(
        Effect.map(timed, ({ leaseTtl, sharding }) =>
          layer(agent).pipe(
            Layer.merge(layerPruning(prefix, Duration.decode(keepFor))),
            Layer.merge(layerRereading(leaseTtl)),
            Layer.provideMerge(Gateway.layer({ ...gateway, leaseTtl })),
            Layer.provideMerge(layerRunner(prefix, sharding, address, listen))
          )
        )
      ),
    layerClient: Layer.unwrapEffect(Effect.map(timed, ({ sharding }) => layerAsking(prefix, sharding))),
    client: makeClient(protocol)
  }
}
