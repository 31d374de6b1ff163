/** A `LanguageModel` of `@effect/ai` that writes summaries. */
import { AiError, LanguageModel, type Response } from "@effect/ai"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Logger, Redacted, Stream } from "effect"
import * as EffectAi from "../../src/effectAi/EffectAi.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Provider from "../../src/model/Provider.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { isObject } from "../support/foreignServers.ts"
import { type Failure, startResponsesServer } from "../support/responsesServer.ts"
import { id, importRounds } from "../support/world.ts"

const MODEL = "gpt-5.5-mini"

const server = Effect.acquireRelease(
  Effect.promise(() => startResponsesServer(100_000)),
  ({ close }) => Effect.promise(close)
)

const writer = (url: string) =>
  OpenAiLanguageModel.layer({ model: MODEL }).pipe(
    Layer.provide(OpenAiClient.layer({ apiKey: Redacted.make("sk-test"), apiUrl: url })),
    Layer.provide(FetchHttpClient.layer)
  )

const limitOutput = (most: number) => Context.make(OpenAiLanguageModel.Config, { max_output_tokens: most })

/** Asks the route's model once. */
const ask = <E, R>(models: Record<string, Layer.Layer<LanguageModel.LanguageModel, E, R>>, model = MODEL) =>
  Effect.gen(function* () {
    const route = yield* Provider.resolve(EffectAi.route(model))
    const { open } = yield* Provider.Provider
    const { stream } = yield* open(route)
    const request = {
      task: "compression",
      messages: [{ role: "user", content: "hello" }],
      maxOutputTokens: 123
    } as const
    return Chunk.toReadonlyArray(yield* Stream.runCollect(stream(route, request)))
  }).pipe(Effect.scoped, Effect.provide(EffectAi.layerProvider(models, { limitOutput })))

const fake = (...parts: ReadonlyArray<Response.StreamPartEncoded>) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({ generateText: () => Effect.succeed([]), streamText: () => Stream.fromIterable(parts) })
  )

const failing = (error: AiError.AiError) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({ generateText: () => Effect.fail(error), streamText: () => Stream.fail(error) })
  )

describe("a summary's model", () => {
  it.scopedLive("writes the summary, is named by its name, and is told how long it may get", () =>
    Effect.gen(function* () {
      const { summaries, url } = yield* server
      const live = Gateway.layer({
        policy: { contextLength: 16_000, mode: "manual" },
        routes: [EffectAi.route(MODEL)]
      }).pipe(
        Layer.provide(EffectAi.layerProvider({ [MODEL]: writer(url) }, { limitOutput })),
        Layer.provideMerge(layerMemory),
        Layer.provideMerge(Logger.remove(Logger.defaultLogger))
      )
      yield* Effect.gen(function* () {
        yield* importRounds(30)
        const { model, outcome, tokensSpent } = yield* (yield* Gateway.Gateway).compress(id)
        assert.deepStrictEqual([outcome, model], ["committed", MODEL])
        assert.isAbove(tokensSpent, 0)
      }).pipe(Effect.provide(live))
      const [asked] = summaries
      assert.isAbove(Number(isObject(asked) && asked.max_output_tokens), 0)
    })
  )

  it.scopedLive("streams text and reasoning, and ends with the tokens that were counted", () =>
    Effect.gen(function* () {
      const usage = { inputTokens: 11, outputTokens: 7, totalTokens: 18, cachedInputTokens: 8 }
      const uncounted = { inputTokens: 11, outputTokens: undefined, totalTokens: undefined }
      const events = yield* ask({
        [MODEL]: fake(
          { type: "reasoning-start", id: "1" },
          { type: "reasoning-delta", id: "1", delta: "hm" },
          { type: "reasoning-end", id: "1" },
          { type: "text-start", id: "2" },
          { type: "text-delta", id: "2", delta: "so" },
          { type: "text-end", id: "2" },
          { type: "finish", reason: "stop", usage }
        )
      })
      assert.deepStrictEqual(events, [
        { _tag: "Reasoning", text: "hm" },
        { _tag: "Text", text: "so" },
        { _tag: "Finished", reason: "stop", usage: { inputTokens: 11, outputTokens: 7, cachedTokens: 8 } }
      ])
      for (const [reason, finished] of [
        ["length", "length"],
        ["content-filter", "refusal"],
        ["unknown", "other"]
      ] as const) {
        const ended = yield* ask({ [MODEL]: fake({ type: "finish", reason, usage: uncounted }) })
        assert.deepStrictEqual(ended, [{ _tag: "Finished", reason: finished, usage: null }])
      }
    })
  )

  it.scopedLive("fails as every route does, by what its server says", () =>
    Effect.gen(function* () {
      const { failNext, url } = yield* server
      const cases: ReadonlyArray<readonly [Failure, object]> = [
        [
          { status: 429, body: { error: { message: "slow down" } }, headers: { "retry-after": "7" } },
          { _tag: "RateLimited", retryAfter: 7_000 }
        ],
        [
          { status: 429, body: { error: { code: "insufficient_quota", message: "no money" } } },
          { _tag: "QuotaExceeded" }
        ],
        [
          { status: 401, body: { error: { message: "who are you?" } } },
          { _tag: "Unauthorized", route: MODEL }
        ],
        [{ status: 404, body: { error: { message: "no such model" } } }, { _tag: "ModelUnavailable" }],
        [
          { status: 503, body: { error: { message: "busy" } } },
          { _tag: "ProviderError", status: 503 }
        ],
        [
          {
            status: 400,
            body: { error: { code: "context_length_exceeded", message: "maximum context length is 8192 tokens" } }
          },
          { _tag: "ContextOverflow", limit: 8_192 }
        ]
      ]
      for (const [failure, expected] of cases) {
        failNext(failure)
        assert.include(yield* Effect.flip(ask({ [MODEL]: writer(url) })), expected)
      }
    })
  )

  it.scopedLive("fails without a server, within its stream, with what it cannot read, and if there is none", () =>
    Effect.gen(function* () {
      const about = { module: "Test", method: "streamText" }
      const cases = [
        [yield* Effect.flip(ask({ [MODEL]: writer("http://127.0.0.1:1/v1") })), { _tag: "ConnectionError" }],
        [
          yield* Effect.flip(ask({ [MODEL]: fake({ type: "error", error: { message: "rate limit reached" } }) })),
          { _tag: "RateLimited" }
        ],
        [
          yield* Effect.flip(
            ask({ [MODEL]: failing(new AiError.MalformedOutput({ ...about, description: "no JSON" })) })
          ),
          { _tag: "ProviderError", status: null, detail: "no JSON" }
        ],
        [
          yield* Effect.flip(ask({ [MODEL]: failing(new AiError.UnknownError({ ...about, cause: "it broke" })) })),
          { _tag: "ProviderError", status: null }
        ],
        [yield* Effect.flip(ask({ other: fake() })), { _tag: "ModelUnavailable", route: MODEL }]
      ] as const
      for (const [error, expected] of cases) assert.include(error, expected)
    })
  )
})
