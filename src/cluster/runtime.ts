/** Joins processes to a cluster: their shares, their tables in the database, their sockets. Reads no environment. */
import { RunnerUnavailable } from "@effect/cluster/ClusterError"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as RunnerServer from "@effect/cluster/RunnerServer"
import * as Sharding from "@effect/cluster/Sharding"
import { isSocketError } from "@effect/platform/Socket"
import { SocketServerError } from "@effect/platform/SocketServer"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { RpcClientError } from "@effect/rpc/RpcClientError"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HashSet from "effect/HashSet"
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

/** Whether a host that leaves has ended the request, which then is no wish of its caller. */
const isEndedByHost = <E>(cause: Cause.Cause<E>): boolean =>
  Cause.isInterruptedOnly(cause) && HashSet.has(Cause.interruptors(cause), RpcServer.fiberIdTransientInterrupt)

/**
 * Asks on where the cluster's own way to hosts would tell the caller that it was interrupted, and interrupt the turn: a
 * request that is kept is waited for in the database, and another one is made again.
 */
export const askOn = (runners: Runners.Runners["Type"]): Runners.Runners["Type"] => ({
  ...runners,
  notify: (request) =>
    Effect.catchSomeCause(runners.notify(request), (cause) =>
      isEndedByHost(cause) ? Option.some(runners.notify({ ...request, address: Option.none() })) : Option.none()
    ),
  send: (request) =>
    Effect.catchSomeCause(runners.send(request), (cause) =>
      isEndedByHost(cause) ? Option.some(new RunnerUnavailable({ address: request.address })) : Option.none()
    )
})

const layerRunners = Layer.effect(Runners.Runners, Effect.map(Runners.Runners, askOn)).pipe(
  Layer.provide(Runners.layerRpc)
)

/** The time for which a host that starts waits for another one at its address, which would answer at once. */
const ASKED = "1 second"

/**
 * Fails if another host is reached at the address, as where a setting was copied. Both would take themselves for the owner of
 * the same sessions: no write is lost, but who asks one may wait for an answer that the other has given.
 */
const requireFree = ({ host, port }: Address) =>
  Effect.flatMap(Runners.Runners, ({ ping }) => ping(RunnerAddress.make(host, port))).pipe(
    Effect.timeout(ASKED),
    Effect.isSuccess,
    Effect.filterOrFail(
      (isTaken) => !isTaken,
      () =>
        new SocketServerError({
          reason: "Open",
          cause: new Error(
            `another host of the cluster answers at ${host}:${port}, and each needs an address of its own`
          )
        })
    )
  )

/** A process that has sessions. */
export const layerRunner = (prefix: string, sharding: Settings, address: Address, listen: Address | undefined) =>
  RunnerServer.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(layerRunners),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))),
    Layer.provide(NodeClusterSocket.layerSocketServer),
    // Asked before this host listens, and might be the one that answers.
    Layer.provide(Layer.effectDiscard(requireFree(address)).pipe(Layer.provide(Runners.layerRpc))),
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
  Sharding.layer.pipe(
    Layer.provideMerge(layerRunners),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(layerSockets),
    Layer.provideMerge(layerStorage(prefix)),
    Layer.provide(ShardingConfig.layer({ ...sharding, runnerAddress: Option.none() }))
  )
