/** What an OpenTelemetry collector receives of a session, by the wiring of docs/telemetry.md. */
import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Tracer } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { RateLimited } from "../../src/model/ModelError.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { makeOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "../support/otlpReceiver.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { awaitSettled, conversation, deliver, id, importMessages, real, scripted, summary } from "../support/world.ts"

const quiet = Logger.remove(Logger.defaultLogger)

/** Runs the work of a process, which sends what is left at its end. */
const runTraced = <A, E>(receiver: OtlpReceiver, work: Effect.Effect<A, E>) =>
  work.pipe(
    Effect.provide(
      Otlp.layerJson({ baseUrl: receiver.url, resource: { serviceName: "agents" } }).pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provideMerge(quiet)
      )
    )
  )

const findSpan = (spans: ReadonlyArray<ReceivedSpan>, name: string): ReceivedSpan => {
  const found = spans.filter((span) => span.name === name)
  assert.lengthOf(found, 1, name)
  return found[0] ?? assert.fail(name)
}

/** A view over the soft threshold and under the hard one, so that a turn does not wait for its compression. */
const growing = { policy: { contextLength: 16_000, threshold: 0.3, hardThreshold: 0.9 } } as const
const SECRET = "sk-proj-8f3KqLmZ2xVbN7tYwR4uHs9dGjP1cEaX"

describe("telemetry", () => {
  it.scopedLive("the spans of a turn and of the compression that it began in the background are one tree", () =>
    Effect.gen(function* () {
      const receiver = yield* makeOtlpReceiver
      const server = yield* ModelServer.make([ModelServer.ok(summary("the report"))])
      const route = server.route({ api: "chat", apiKey: SECRET })
      const work = Effect.gen(function* () {
        yield* importMessages(conversation(20))
        yield* deliver({ role: "user", content: `My key is ${SECRET}.` })
        const { turn } = yield* Gateway
        yield* turn(id, ({ append, step }) =>
          step(() => Effect.succeed({ role: "assistant", content: "Well." } as const)).pipe(
            Effect.flatMap((answer) => append(answer))
          )
        )
        yield* awaitSettled()
      })
      yield* runTraced(receiver, Effect.provide(work, real({ ...growing, routes: [route] })))
      const { spans } = receiver
      const turn = findSpan(spans, "Gateway.turn")
      const step = findSpan(spans, "Turn.step")
      const compression = findSpan(spans, "Compressor.compress")
      const call = findSpan(spans, `chat ${route.model}`)

      const ofTurn = spans.filter(({ traceId }) => traceId === turn.traceId)
      const ids = new Set(ofTurn.map(({ spanId }) => spanId))
      assert.deepStrictEqual(
        ofTurn.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId)),
        [turn]
      )
      for (const span of [step, compression, call]) assert.isTrue(ids.has(span.spanId), span.name)
      assert.deepStrictEqual([step.parentSpanId, compression.parentSpanId], [turn.spanId, step.spanId])
      assert.deepStrictEqual(turn.links, [compression.spanId])
      const linked = spans.filter(({ links }) => links.length > 0)
      assert.deepStrictEqual(linked, [turn])

      const { operation, ...described } = compression.attributes
      assert.match(String(operation), /^op_/)
      assert.deepInclude(described, { session: id, outcome: "committed", generation: 1 })
      assert.isAbove(Number(step.attributes.tokens), 4_000)
      const delivery = findSpan(spans, "Gateway.deliver")
      assert.deepStrictEqual([delivery.parentSpanId, delivery.attributes.session], [undefined, id])

      assert.strictEqual(call.kind, 3)
      assert.include(call.attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": route.model,
        "server.address": "127.0.0.1",
        task: "compression"
      })
      assert.isNumber(call.attributes["gen_ai.usage.input_tokens"])
      assert.isNumber(call.attributes["gen_ai.usage.output_tokens"])
      assert.deepStrictEqual(call.attributes["gen_ai.response.finish_reasons"], ["stop"])
      assert.isUndefined(call.attributes["error.type"])

      const done = receiver.logs.find(({ text }) => String(text).startsWith("compression done"))
      assert.include(done?.attributes, { session: id, operation })
      assert.strictEqual(done?.traceId, turn.traceId)
      // A process has one registry for all its tests.
      const calls = receiver.points.filter(({ name }) => name === "throughline_model_calls")
      assert.include(
        calls.map(({ attributes }) => `${attributes.task} ${attributes.outcome}`),
        "compression ok"
      )

      // Promise 13
      for (const body of receiver.bodies) assert.notInclude(body, SECRET)
    })
  )

  it.scopedLive("a failed call has the type of its error, and a step that waits is linked to what it waits for", () =>
    Effect.gen(function* () {
      const receiver = yield* makeOtlpReceiver
      const model = Scripted.make([new RateLimited({ route: "m", retryAfter: 0 }), summary("the report")])
      const work = Effect.gen(function* () {
        yield* importMessages(conversation(30))
        const { turn } = yield* Gateway
        yield* turn(id, ({ view }) => view())
      })
      yield* runTraced(receiver, Effect.provide(work, scripted(model.layer)))
      const calls = receiver.spans.filter(({ name }) => name.startsWith("chat "))
      assert.deepStrictEqual(
        calls.map(({ attributes, status }) => [attributes["error.type"], status]),
        [
          ["RateLimited", 2],
          [undefined, 1]
        ]
      )
      const compression = findSpan(receiver.spans, "Compressor.compress")
      assert.deepStrictEqual(findSpan(receiver.spans, "Gateway.turn").links, [compression.spanId])
      assert.strictEqual(compression.parentSpanId, findSpan(receiver.spans, "Turn.view").spanId)
    })
  )

  it.effect("where a trace is not sampled, or the tracer is off, deliveries and turns make no spans", () => {
    const begun: Array<string> = []
    const tracer = Tracer.make({
      span: (name, parent, context, links, startTime, kind) => {
        begun.push(name)
        return {
          _tag: "Span",
          name,
          parent,
          context,
          links,
          kind,
          spanId: "s",
          traceId: "t",
          sampled: false,
          attributes: new Map(),
          status: { _tag: "Started", startTime },
          end: () => {},
          attribute: () => {},
          event: () => {},
          addLinks: () => {}
        }
      },
      context: (f) => f()
    })
    const work = Effect.gen(function* () {
      const { deliver, turn } = yield* Gateway
      yield* deliver(id, { role: "user", content: "hello" })
      yield* turn(id, ({ step }) => step(() => Effect.void))
    }).pipe(Effect.provide([scripted(Scripted.layer([])), quiet]))
    return Effect.gen(function* () {
      yield* work.pipe(Effect.withTracer(tracer), Effect.withTracerEnabled(false))
      assert.deepStrictEqual(begun, [])
      yield* work.pipe(Effect.withSpan("request"), Effect.withTracer(tracer))
      assert.deepStrictEqual(begun, ["request"])
    })
  })
})
