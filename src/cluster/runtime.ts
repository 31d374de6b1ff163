/** Joins processes to a cluster: their shares, their tables in the database, their sockets. Reads no environment. */
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SocketRunner from "@effect/cluster/SocketRunner"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import { isSocketError } from "@effect/platform/Socket"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { RpcClientError } from "@effect/rpc/RpcClientError"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"

/**
 * A host name or IP address, and a port.
 *
 * @since 0.1.0
 * @category models
 */
export interface Address {
  readonly host: string
  readonly port: number
}

type Settings = Partial<ShardingConfig.ShardingConfig["Type"]>

const addressOf = (address: Address | undefined) =>
  Option.map(Option.fromNullable(address), ({ host, port }) => RunnerAddress.make(host, port))

/**
 * With a prefix of their own, the tables of another cluster in the same database are left alone. Of processes that start at
 * once on an empty database, all but one find that a table which they were about to make is there.
 */
const layerStorage = (prefix: string) => {
  const storage = Layer.merge(SqlMessageStorage.layerWith({ prefix }), SqlRunnerStorage.layerWith({ prefix }))
  const makeTables = Layer.build(storage).pipe(
    Effect.scoped,
    Effect.sandbox,
    Effect.retry({ times: 10, schedule: Schedule.jittered(Schedule.spaced("200 millis")) }),
    Effect.ignore
  )
  return Layer.unwrapEffect(Effect.as(makeTables, Layer.orDie(storage)))
}

/**
 * A host that leaves closes its sockets, perhaps in the middle of a request to it. Where the cluster's own protocol would
 * die, the request is told that it did not get there, and is made again where the session is then.
 */
const layerProtocol = Layer.effect(
  Runners.RpcClientProtocol,
  Effect.map(
    Runners.RpcClientProtocol,
    (open) => (address) =>
      Effect.map(open(address), (protocol) => ({
        ...protocol,
        send: (...request) =>
          Effect.catchSomeDefect(protocol.send(...request), (cause) =>
            isSocketError(cause)
              ? Option.some(new RpcClientError({ reason: "Protocol", message: cause.message, cause }))
              : Option.none()
          )
      }))
  )
).pipe(Layer.provide(NodeClusterSocket.layerClientProtocol))

const layerSockets = Layer.provideMerge(layerProtocol, RpcSerialization.layerMsgPack)

/** A process that has sessions. */
export const layerRunner = (prefix: string, sharding: Settings, address: Address, listen: Address | undefined) =>
  SocketRunner.layer.pipe(
    Layer.provide(RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))),
    Layer.provide(NodeClusterSocket.layerSocketServer),
    Layer.provide(layerSockets),
    Layer.provideMerge(layerStorage(prefix)),
    Layer.provideMerge(
      ShardingConfig.layer({
        ...sharding,
        runnerAddress: addressOf(address),
        runnerListenAddress: addressOf(listen)
      })
    )
  )

/** A process that only asks: with an address it would be given sessions. */
export const layerAsking = (prefix: string, sharding: Settings) =>
  SocketRunner.layerClientOnly.pipe(
    Layer.provide(layerSockets),
    Layer.provideMerge(layerStorage(prefix)),
    Layer.provide(ShardingConfig.layer({ ...sharding, runnerAddress: Option.none() }))
  )
