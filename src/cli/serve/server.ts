/** Serves sessions over HTTP with Node's server. The packages of the server are loaded with this file, by `serve` alone. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { createServer, type Server as NodeServer } from "node:http"
import { Events } from "../../server/events.ts"
import { OpenTurns } from "../../server/openTurns.ts"
import * as Server from "../../server/Server.ts"
import { Settings } from "../../server/settings.ts"

/** The address to listen on, and what a service is started with. `grace` bounds the wait for requests at its end. */
export interface Served extends Omit<Settings["Type"], "drop"> {
  readonly host: string
  readonly port: number
  readonly grace: Duration.DurationInput
  readonly timeouts?: typeof TIMEOUTS | undefined
}

/** A client that sends its request slower than this is cut off, so that it keeps no place of others. */
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000
}
const MOST_CONNECTIONS = 2_000

/** Serves until its scope closes. */
export const layer = ({ grace, host, port, timeouts = TIMEOUTS, ...settings }: Served) =>
  Layer.suspend(() => {
    const server = createServer(timeouts)
    server.maxConnections = MOST_CONNECTIONS
    return Layer.scopedDiscard(drainAtEnd(server, grace)).pipe(
      Layer.provide(Server.layer),
      Layer.provideMerge(NodeHttpServer.layer(() => server, { host, port })),
      Layer.provide(Layer.succeed(Settings, { ...settings, drop }))
    )
  })

const drop: Settings["Type"]["drop"] = (request) =>
  Effect.sync(() => void NodeHttpServerRequest.toIncomingMessage(request).socket.destroy())

/** Takes no more connections, ends streams and turns, and waits for requests under way. */
const drainAtEnd = (server: NodeServer, grace: Duration.DurationInput) =>
  Effect.gen(function* () {
    const events = yield* Events
    const turns = yield* OpenTurns
    const close = Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    const closeIdle = Effect.repeat(
      Effect.sync(() => server.closeIdleConnections()),
      Schedule.spaced(CLOSE_EVERY)
    )
    const drain = Effect.all([close, Effect.zipRight(events.stop, turns.stop)], { concurrency: "unbounded" })
    yield* Effect.addFinalizer(() =>
      Effect.raceFirst(drain, closeIdle).pipe(
        Effect.interruptible,
        Effect.timeoutOption(grace),
        Effect.zipRight(Effect.sync(() => server.closeAllConnections()))
      )
    )
  })

const CLOSE_EVERY = "50 millis"

/** The address of the service, as a browser takes it. */
export const readUrl = HttpServer.addressWith((address) =>
  Effect.succeed(
    address._tag === "UnixAddress"
      ? address.path
      : `http://${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`
  )
)

/** Says in one line why the service cannot listen. */
export const explainServeError = ({ cause }: ServeError): string =>
  cause instanceof Error ? cause.message : String(cause)
