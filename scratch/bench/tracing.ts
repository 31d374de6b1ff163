/**
 * What tracing costs a delivery and a turn, as CPU time beside that of the same work without a tracer.
 * Run: `npx tsx scratch/bench/tracing.ts`
 */
import { NodeSdk } from "@effect/opentelemetry"
import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient } from "@effect/platform"
import { AlwaysOffSampler, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Layer, Logger, LogLevel } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { makeOtlpReceiver } from "../../test/support/otlpReceiver.ts"
import { median } from "./paired.ts"

const TURNS = 60
const ROUNDS = 21

const gateway = Gateway.layer({ policy: { contextLength: 1_000_000 }, routes: [] }).pipe(
  Layer.provide([Sqlite.layerTemporary, OpenAi.layer])
)

const work = Effect.gen(function* () {
  const { deliver, turn } = yield* Gateway.Gateway
  for (let n = 0; n < TURNS; n++) {
    const chat = SessionId.make(`chat-${n % 20}`)
    yield* Effect.zipRight(
      deliver(chat, { role: "user", content: `question ${n}` }),
      turn(chat, ({ append, step }) =>
        Effect.zipRight(
          step(() => Effect.void),
          append({ role: "assistant", content: "answer" })
        )
      )
    ).pipe(Effect.withSpan("request", { captureStackTrace: false }))
  }
})

/** Milliseconds of CPU for the work, without opening and closing. */
const measure = Effect.gen(function* () {
  globalThis.gc?.()
  const before = process.cpuUsage()
  yield* work
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1_000
}).pipe(Effect.provide(gateway))

const main = Effect.gen(function* () {
  const { url } = yield* makeOtlpReceiver
  const otlp = Otlp.layerJson({ baseUrl: url, resource: { serviceName: "bench" } }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  const unsampled = NodeSdk.layer(() => ({
    resource: { serviceName: "bench" },
    spanProcessor: new SimpleSpanProcessor(new InMemorySpanExporter()),
    tracerConfig: { sampler: new AlwaysOffSampler() }
  }))
  const ways = {
    none: measure,
    "none again": measure,
    "switched off": measure.pipe(Effect.withTracerEnabled(false), Effect.provide(otlp)),
    "not sampled": measure.pipe(Effect.provide(unsampled)),
    kept: measure.pipe(Effect.provide(otlp))
  }
  const times = new Map(Object.keys(ways).map((way) => [way, new Array<number>()]))
  for (let round = -2; round < ROUNDS; round++) {
    for (const [way, run] of Object.entries(ways)) {
      const time = yield* run
      if (round >= 0) times.get(way)?.push(time)
    }
  }
  const base = times.get("none") ?? []
  for (const [way, all] of times) {
    const ratio = median(all) / median(base)
    const least = Math.min(...all) / Math.min(...base)
    console.log(
      `${way.padEnd(14)} median ${median(all).toFixed(0)} ms, ${ratio.toFixed(3)} × (least ${least.toFixed(3)} ×)`
    )
  }
})

await Effect.runPromise(
  main.pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(Logger.remove(Logger.defaultLogger), Logger.minimumLogLevel(LogLevel.Error)))
  )
)
