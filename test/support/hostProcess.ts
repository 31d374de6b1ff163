/**
 * A host of a cluster in a process of its own: `node hostProcess.mjs PORT LISTEN URL`, which others reach at `PORT`. Answers
 * sessions step by step, and says on stdout, one JSON value a line, each thing that it did once it was acknowledged. Ends
 * when its stdin does.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Layer, Logger, Metric, MetricState, Schema } from "effect"
import { writeSync } from "node:fs"
import process from "node:process"
import { createInterface } from "node:readline"
import * as Provider from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type * as SessionCluster from "../../src/cluster/SessionCluster.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { storeAt } from "./hostStore.ts"
import { agents, Said, STEPS, Told } from "./hostWords.ts"
import { layerPostgresClient } from "./postgresClient.ts"
import { summary } from "./world.ts"

const [, , port = "0", listen = port, url = ""] = process.argv

const encode = Schema.encodeSync(Schema.parseJson(Said))
// At once and whole, so that what was acknowledged is heard although the next instruction is the last.
const say = (said: Said) => Effect.sync(() => void writeSync(1, `${encode(said)}\n`))

/** As long as a call of a quick model takes, so that most moments are in the middle of a turn. */
const STEP = "30 millis"

let runs = 0

const agent: SessionCluster.Agent<string, SessionCluster.TurnFailed, never> = (turn, asked) => {
  const of = { session: turn.sessionId, request: String(asked) }
  const run = `by ${process.pid}, run ${++runs}`
  return Effect.gen(function* () {
    yield* say({ _tag: "Begun", ...of })
    for (let step = 1; step <= STEPS; step++) {
      yield* turn.step(() => Effect.sleep(STEP))
      const content = `${asked} step ${step} ${run}`
      yield* turn.append({ role: "assistant", content })
      yield* say({ _tag: "Appended", ...of, content })
    }
    yield* say({ _tag: "Answered", ...of })
    return run
  }).pipe(
    Effect.tapError(({ _tag }) => say({ _tag: "Refused", ...of, error: _tag })),
    Effect.onInterrupt(() => say({ _tag: "Interrupted", ...of }))
  )
}

/** A model that takes its time, and says when it was asked. */
const model = Scripted.layer([
  () => {
    Effect.runSync(say({ _tag: "Summarizing" }))
    return { text: summary("the reports"), delay: "1 second" }
  }
])

const host = agents
  .layerHost(agent, {
    address: { host: "127.0.0.1", port: Number(port) },
    listen: { host: "127.0.0.1", port: Number(listen) },
    policy: { contextLength: 32_000, mode: "manual" },
    routes: [Provider.route({ model: "scripted", apiKey: "none", baseUrl: "http://scripted.invalid/v1" })]
  })
  .pipe(Layer.provideMerge(Layer.mergeAll(storeAt(url), model, layerPostgresClient(url))))

const decode = Schema.decodeSync(Schema.parseJson(Told))

/** Its counters and gauges. */
const readMetrics = Effect.map(Metric.snapshot, (pairs) => {
  const metrics: Record<string, number> = {}
  for (const { metricKey, metricState } of pairs) {
    const value = MetricState.isCounterState(metricState)
      ? metricState.count
      : MetricState.isGaugeState(metricState)
        ? metricState.value
        : 0
    metrics[metricKey.name] = (metrics[metricKey.name] ?? 0) + Number(value)
  }
  return metrics
})

/** The sessions that it delivers to at the moment. */
let recipients: ReadonlyArray<SessionId> = []
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const told = decode(line)
    if (told._tag === "Measure")
      return Effect.runSync(Effect.flatMap(readMetrics, (metrics) => say({ _tag: "Measured", metrics })))
    recipients = told._tag === "Deliver" ? told.sessions : []
  })
  .on("close", () => process.exit())

/** Delivers as web servers do that are hosts, too. */
const deliver = Effect.gen(function* () {
  const client = yield* agents.client
  for (let n = 1; ; n++) {
    const session = recipients[n % recipients.length]
    if (session === undefined) yield* Effect.sleep("20 millis")
    else {
      const content = `parcel ${n} from ${process.pid}`
      yield* say({ _tag: "Delivering", session, content })
      yield* client.deliver(session, { role: "user", content }, { key: content })
      yield* say({ _tag: "Delivered", session, content })
    }
  }
})

const main = Effect.zipRight(say({ _tag: "Ready" }), deliver).pipe(
  Effect.provide(Layer.provideMerge(host, Logger.remove(Logger.defaultLogger))),
  // What it dies of is for who reads the log of the test: stdout has words only.
  Effect.tapErrorCause((cause) => Effect.sync(() => writeSync(2, `${Cause.pretty(cause)}\n`)))
)
NodeRuntime.runMain(main, { disableErrorReporting: true, disablePrettyLogger: true })
