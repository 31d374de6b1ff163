/** A gateway at work: some fibers, each verb after verb on sessions of which two have half of the load. */
import { Effect, Layer, Logger, LogLevel, Schedule } from "effect"
import * as Audit from "../../src/audit/Audit.ts"
import type { Random } from "../../src/cli/random.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Hermes from "../../src/hermes/Hermes.ts"
import type { Route } from "../../src/model/Provider.ts"
import { SessionId } from "../../src/session/Session.ts"
import type { StoreError } from "../../src/session/SessionError.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import * as ModelServer from "../../test/support/ModelServer.ts"
import { type Event, monotonic, sessionsOf, type Shift, type StoreKind } from "./telling.ts"
import * as Verbs from "./verbs.ts"

/**
 * Flushes to the disk at each commit, so that a failing one is met there, too. Opens again while others have the file
 * busy, as hosts should.
 */
export const storeOn = (store: StoreKind, filename: string) =>
  Layer.retry(
    store === "native" ? Sqlite.layer({ filename }) : Hermes.layer({ filename }),
    Schedule.recurWhile((error: StoreError) => error.isRetryable).pipe(
      Schedule.intersect(Schedule.spaced("100 millis")),
      Schedule.upTo("20 seconds")
    )
  )

/** Patience is short, so that much happens in a short time. */
const patience = { timeout: "1 second", idleTimeout: "500 millis" } as const

/** Two routes to one server, by both of its APIs. */
export const routesTo = (url: string): ReadonlyArray<Route> => [
  ModelServer.route(url, patience),
  ModelServer.route(url, { ...patience, api: "chat", model: "other-model" })
]

export const gatewayWith = (routes: ReadonlyArray<Route>) =>
  Gateway.layer({
    policy: { contextLength: 8_000 },
    routes,
    totalTimeout: "2 seconds",
    leaseTtl: LEASE,
    shutdownGrace: "2 seconds"
  })

/** In milliseconds. A process that is stopped for longer loses what it holds. */
export const LEASE = 2_000

/** Writes log lines into the journal. */
export const layerLines = (tell: (event: Event) => void) =>
  Layer.merge(
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) =>
        tell({ _tag: "Line", at: monotonic(), text: Array.isArray(message) ? message.join(" ") : String(message) })
      )
    ),
    Audit.messageLevel(LogLevel.Info)
  )

export interface Worker extends Verbs.Host {
  readonly sessions: number
}

/** Makes a worker, which keeps its verbs from one shift of work to the next. */
export const make = (worker: Worker) => {
  const { random } = worker
  const perform = Verbs.make(worker)
  const sessions = sessionsOf(worker.sessions).map((session) => SessionId.make(session))
  return Effect.fnUntraced(function* ({ fibers, milliseconds, pause, verbs }: Omit<Shift, "_tag">) {
    const until = monotonic() + milliseconds
    let left = verbs
    const work = Effect.gen(function* () {
      while (left > 0 && monotonic() < until) {
        left -= 1
        yield* perform(pickSession(random, sessions))
        yield* Effect.sleep(random.between(0, pause))
      }
    })
    yield* Effect.all(
      Array.from({ length: fibers }, () => work),
      { concurrency: "unbounded", discard: true }
    )
    const { settled } = yield* Compressor
    yield* Effect.forEach(sessions, settled, { discard: true })
  })
}

const pickSession = (random: Random, sessions: ReadonlyArray<SessionId>): SessionId => {
  const [first = SessionId.make("session"), ...others] = random.chance(0.5) ? sessions.slice(0, 2) : sessions
  return random.pick([first, ...others])
}

/** What a worker needs beside its store. */
export const layer = (store: StoreKind, filename: string, routes: ReadonlyArray<Route>) =>
  Layer.provideMerge(gatewayWith(routes), storeOn(store, filename))
