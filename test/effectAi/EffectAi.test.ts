/** Chats of `@effect/ai` as sessions, with the real `@effect/ai-openai` and a server on the loopback. */
import { AiError, Chat, LanguageModel, Prompt, Tool, Toolkit } from "@effect/ai"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Layer, Logger, Metric, MetricState, Redacted, Ref, Schema, Stream } from "effect"
import * as EffectAi from "../../src/effectAi/EffectAi.ts"
import * as BudgetTools from "../../src/gateway/BudgetTools.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as PinTools from "../../src/gateway/PinTools.ts"
import * as Message from "../../src/message/Message.ts"
import * as RecallTools from "../../src/recall/RecallTools.ts"
import { SessionId } from "../../src/session/Session.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { isObject, type Json, listObjects } from "../support/foreignServers.ts"
import { type ResponsesServer, startResponsesServer } from "../support/responsesServer.ts"
import { readMessages } from "../support/world.ts"

const id = "chat-42"
const session = SessionId.make(id)
const quiet = Logger.remove(Logger.defaultLogger)

const server = (window: number) =>
  Effect.acquireRelease(
    Effect.promise(() => startResponsesServer(window)),
    ({ close }) => Effect.promise(close)
  )

const client = (url: string) =>
  OpenAiClient.layer({ apiKey: Redacted.make("sk-test"), apiUrl: url }).pipe(Layer.provide(FetchHttpClient.layer))

/** The model of the agent without the library. */
const bare = (url: string) =>
  Layer.provide(OpenAiLanguageModel.layer({ model: "gpt-5.5", config: { store: false } }), client(url))

const world = (url: string, policy: Gateway.GatewayOptions["policy"] = { contextLength: 8_000 }) => {
  const writer = Layer.provide(OpenAiLanguageModel.layer({ model: "gpt-5.5-mini" }), client(url))
  const sessions = Gateway.layer({ policy, routes: [EffectAi.route("gpt-5.5-mini")] }).pipe(
    Layer.provide(EffectAi.layerProvider({ "gpt-5.5-mini": writer })),
    Layer.provideMerge(layerMemory)
  )
  return Layer.mergeAll(
    EffectAi.layer.pipe(Layer.provide(bare(url))),
    EffectAi.layerPersistence,
    EffectAi.layerTools
  ).pipe(Layer.provideMerge(sessions), Layer.provideMerge(quiet))
}

const inSession = Effect.provideService(EffectAi.CurrentSession, id)
const logged = Effect.map(readMessages(session), (messages) =>
  messages.map((message) => `${message.role}: ${Message.text(message)}`)
)
const inputOf = ({ calls }: ResponsesServer, at = -1): ReadonlyArray<Json> =>
  listObjects(calls.filter(isObject).at(at)?.input)

const runStream = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(Stream.provideService(stream, EffectAi.CurrentSession, id)), Chunk.toReadonlyArray)

describe("a chat in a session", () => {
  it.scopedLive("outlives its window while it streams, and its encrypted reasoning goes back", () =>
    Effect.gen(function* () {
      const started = yield* server(8_000)
      yield* Effect.gen(function* () {
        const chat = yield* Chat.empty
        for (let n = 0; n < 24; n++) {
          const parts = yield* runStream(chat.streamText({ prompt: `Request ${n}: ${"tea is warm. ".repeat(260)}` }))
          const text = parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
          assert.include(text, `You said: Request ${n}`)
        }
        const { compressions } = yield* (yield* Gateway.Gateway).stats(session)
        assert.isAtLeast(compressions.committed, 3)
        assert.lengthOf(yield* readMessages(session), 48)
        assert.lengthOf((yield* Ref.get(chat.history)).content, 48)
      }).pipe(Effect.provide(world(started.url)))
      assert.strictEqual(started.counts.refusals, 0)
      const reasoning = inputOf(started).filter(({ type }) => type === "reasoning")
      assert.deepInclude(reasoning.at(-1), {
        id: "rs_23",
        encrypted_content: "secret 23",
        summary: [{ type: "summary_text", text: "thought 23" }]
      })
    })
  )

  it.scopedLive("keeps pictures and the options of their provider", () =>
    Effect.gen(function* () {
      const started = yield* server(8_000)
      const picture = Prompt.makePart("file", {
        mediaType: "image/png",
        data: Uint8Array.of(1, 2, 3),
        options: { openai: { imageDetail: "high" } }
      })
      const question = Prompt.makePart("text", { text: "What is this?" })
      const asked = Prompt.fromMessages([Prompt.makeMessage("user", { content: [question, picture] })])
      yield* Effect.gen(function* () {
        yield* LanguageModel.generateText({ prompt: asked })
        yield* LanguageModel.generateText({ prompt: "And now?" })
      }).pipe(inSession, Effect.provide(world(started.url)))
      assert.deepStrictEqual(inputOf(started)[0]?.content, [
        { type: "input_text", text: "What is this?" },
        { type: "input_image", image_url: "data:image/png;base64,AQID", detail: "high" }
      ])
    })
  )

  it.scopedLive("sends instructions as they come, and stores none", () =>
    Effect.gen(function* () {
      const started = yield* server(8_000)
      yield* Effect.gen(function* () {
        const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief." }])
        yield* chat.generateText({ prompt: "one" })
        yield* chat.generateText({ prompt: "two" })
        assert.deepStrictEqual(yield* logged, [
          "user: one",
          "assistant: You said: one",
          "user: two",
          "assistant: You said: two"
        ])
      }).pipe(inSession, Effect.provide(world(started.url)))
      const instructions = inputOf(started).filter(({ role }) => role === "system" || role === "developer")
      assert.deepStrictEqual(
        instructions.map(({ content }) => content),
        ["Be brief."]
      )
    })
  )

  it.scopedLive("takes prompts that have only what is new, and whole histories, also of an earlier process", () =>
    Effect.gen(function* () {
      const { url } = yield* server(8_000)
      yield* Effect.gen(function* () {
        yield* LanguageModel.generateText({ prompt: "one" })
        yield* LanguageModel.generateText({ prompt: "two" })
        const again = yield* Chat.fromPrompt([
          { role: "user", content: "one" },
          { role: "assistant", content: "You said: one" },
          { role: "user", content: "two" },
          { role: "assistant", content: "You said: two" }
        ])
        const restored = yield* Chat.fromJson(yield* again.exportJson)
        yield* restored.generateText({ prompt: "three" })
        yield* LanguageModel.generateText({ prompt: "three" })
        const said = (word: string) => [`user: ${word}`, `assistant: You said: ${word}`]
        assert.deepStrictEqual(yield* logged, ["one", "two", "three", "three"].flatMap(said))
      }).pipe(inSession, Effect.provide(world(url)))
    })
  )

  it.scopedLive("stores a question once that is asked again after a failure or an interrupt", () =>
    Effect.gen(function* () {
      const { counts, failNext, url } = yield* server(8_000)
      yield* Effect.gen(function* () {
        const chat = yield* Chat.empty
        failNext({ status: 500, body: { error: { message: "overloaded" } } })
        const error = yield* Effect.flip(chat.generateText({ prompt: "one" }))
        assert.include(error, { _tag: "HttpResponseError" })
        yield* chat.generateText({ prompt: "one" })
        const hanging = yield* Effect.fork(chat.generateText({ prompt: "hang on" }))
        yield* Effect.repeat(Effect.yieldNow(), { until: () => counts.begun === 2 })
        yield* Fiber.interrupt(hanging)
        yield* chat.generateText({ prompt: "two" })
        assert.deepStrictEqual(yield* logged, [
          "user: one",
          "assistant: You said: one",
          "user: hang on",
          "user: two",
          "assistant: You said: two"
        ])
      }).pipe(inSession, Effect.provide(world(url)))
    })
  )

  it.scopedLive("is asked again on a smaller view if the server refuses one as too long, whole and streamed", () =>
    Effect.gen(function* () {
      const { counts, url } = yield* server(4_000)
      yield* Effect.gen(function* () {
        const chat = yield* Chat.empty
        for (let n = 0; n < 6; n++) yield* chat.generateText({ prompt: `Request ${n}: ${"tea is warm. ".repeat(260)}` })
        assert.isAtLeast(counts.refusals, 1)
        yield* (yield* Gateway.Gateway).reset(session)
        const before = counts.refusals
        for (let n = 6; n < 12; n++) {
          yield* runStream(chat.streamText({ prompt: `Request ${n}: ${"tea is warm. ".repeat(260)}` }))
        }
        assert.isAbove(counts.refusals, before)
      }).pipe(inSession, Effect.provide(world(url, { contextLength: 32_000 })))
    })
  )

  it.scopedLive("fails with the session's error as the cause, and leaves calls without a session alone", () =>
    Effect.gen(function* () {
      const started = yield* server(8_000)
      yield* Effect.gen(function* () {
        const { interrupt, view } = yield* Gateway.Gateway
        for (const call of [
          Effect.asVoid(LanguageModel.generateText({ prompt: "hang on" })),
          Effect.asVoid(Stream.runDrain(LanguageModel.streamText({ prompt: "hang on" })))
        ]) {
          const { begun } = started.counts
          const hanging = yield* Effect.fork(Effect.flip(inSession(call)))
          yield* Effect.repeat(Effect.yieldNow(), { until: () => started.counts.begun > begun })
          assert.isTrue(yield* interrupt(session))
          const error = yield* Fiber.join(hanging)
          assert.isTrue(AiError.isAiError(error))
          assert.include(error, { _tag: "UnknownError" })
          assert.include("cause" in error && error.cause, { _tag: "TurnInterrupted" })
        }
        const { length } = (yield* view(session)).messages
        const { text } = yield* LanguageModel.generateText({ prompt: "alone" })
        assert.strictEqual(text, "You said: alone")
        assert.lengthOf((yield* view(session)).messages, length)
      }).pipe(Effect.provide(world(started.url)))
    })
  )
})

describe("calls of one session", () => {
  it.scopedLive("come one after the other, and a tool of one asks its model without the session", () =>
    Effect.gen(function* () {
      const { url } = yield* server(8_000)
      const Recall = Tool.make("recall", {
        parameters: { query: Schema.String, where: Schema.NullOr(Schema.String) },
        success: Schema.String
      })
      const toolkit = Toolkit.make(Recall)
      const nested = Effect.gen(function* () {
        const within = yield* Effect.flip(LanguageModel.generateText({ prompt: "within" }))
        const alone = LanguageModel.generateText({ prompt: "alone" })
        const { text } = yield* Effect.provideService(alone, EffectAi.CurrentSession, null)
        return `${"cause" in within && within.cause instanceof Error ? within.cause.name : "none"}, ${text}`
      }).pipe(Effect.orDie)
      yield* Effect.gen(function* () {
        const model = yield* LanguageModel.LanguageModel
        const ask = Effect.provideService(nested, LanguageModel.LanguageModel, model)
        const asked = LanguageModel.generateText({ prompt: "recall: tea", toolkit })
        const { toolResults } = yield* Effect.provide(asked, toolkit.toLayer({ recall: () => ask }))
        assert.deepStrictEqual(
          toolResults.map(({ result }) => result),
          ["NestedTurn, You said: alone"]
        )
        const words = ["one", "two", "three"]
        yield* Effect.forEach(words, (prompt) => LanguageModel.generateText({ prompt }), { concurrency: "unbounded" })
        const roles = (yield* readMessages(session)).slice(3).map(({ role }) => role)
        assert.deepStrictEqual(
          roles,
          words.flatMap(() => ["user", "assistant"])
        )
      }).pipe(inSession, Effect.provide(world(url)))
    })
  )

  it.scopedLive("make objects, also by a second model that is wrapped beside the first", () =>
    Effect.gen(function* () {
      const finish = {
        type: "finish",
        reason: "stop",
        usage: { inputTokens: 9, outputTokens: 3, totalTokens: 12 }
      } as const
      const writer = LanguageModel.make({
        generateText: ({ prompt }) =>
          Effect.succeed([{ type: "text", text: JSON.stringify({ seen: prompt.content.length }) }, finish]),
        streamText: () => Stream.empty
      })
      const layer = Layer.provide(EffectAi.layer, Layer.effect(LanguageModel.LanguageModel, writer))
      const schema = Schema.Struct({ seen: Schema.Int })
      yield* Effect.gen(function* () {
        const make = (prompt: string) => LanguageModel.generateObject({ prompt, schema })
        assert.deepStrictEqual((yield* make("one")).value, { seen: 1 })
        assert.deepStrictEqual((yield* make("two")).value, { seen: 3 })
      }).pipe(inSession, Effect.provide(Layer.provideMerge(layer, world("http://127.0.0.1:1/v1"))))
    })
  )
})

describe("the tokens of a call", () => {
  it.scopedLive("are counted as the provider says, those in its cache as cheaper", () =>
    Effect.gen(function* () {
      const usage = { inputTokens: 1_000, cachedInputTokens: 800, outputTokens: 7, totalTokens: 1_007 }
      const answer = [
        { type: "text", text: "A long answer of many words." },
        { type: "finish", reason: "stop", usage }
      ] as const
      const counting = LanguageModel.make({
        generateText: () => Effect.succeed([...answer]),
        streamText: () => Stream.empty
      })
      const layer = Layer.provide(EffectAi.layer, Layer.effect(LanguageModel.LanguageModel, counting))
      const promptCache = { kind: "openai-automatic", dollarsPerMillion: 2, read: 0.1, output: 8 } as const
      const policy = { contextLength: 8_000, promptCache }
      yield* LanguageModel.generateText({ prompt: "How much?" }).pipe(
        inSession,
        Effect.provide(Layer.provideMerge(layer, world("http://127.0.0.1:1/v1", policy))),
        Effect.tagMetrics("test", "tokens of a call")
      )
      const pairs = (yield* Metric.snapshot).filter(({ metricKey: { tags } }) =>
        tags.some(({ value }) => value === "tokens of a call")
      )
      const counted = (name: string, direction: string) =>
        pairs.flatMap(({ metricKey, metricState }) =>
          metricKey.name === name &&
          metricKey.tags.some(({ value }) => value === direction) &&
          MetricState.isCounterState(metricState)
            ? [Number(metricState.count)]
            : []
        )
      assert.deepStrictEqual(counted("throughline_agent_tokens", "in"), [1_000])
      assert.deepStrictEqual(counted("throughline_agent_tokens", "out"), [7])
      assert.deepStrictEqual(counted("throughline_agent_dollars", "in"), [(2 * (200 + 0.1 * 800)) / 1e6])
      assert.deepStrictEqual(counted("throughline_agent_dollars", "out"), [(2 * 8 * 7) / 1e6])
    })
  )
})

describe("Chat.Persistence", () => {
  it.scopedLive("has each chat as the session of its id, and begins it with its view", () =>
    Effect.gen(function* () {
      const { url } = yield* server(8_000)
      yield* Effect.gen(function* () {
        const { get, getOrCreate } = yield* Chat.Persistence
        assert.include(yield* Effect.flip(get(id)), { _tag: "ChatNotFoundError", chatId: id })
        const chat = yield* getOrCreate(id)
        yield* chat.generateText({ prompt: "one" })
        yield* Stream.runDrain(chat.streamText({ prompt: "two" }))
        const again = yield* get(id)
        assert.deepStrictEqual(
          (yield* Ref.get(again.history)).content.map(({ role }) => role),
          ["user", "assistant", "user", "assistant"]
        )
        yield* again.save
        assert.lengthOf(yield* readMessages(session), 4)
      }).pipe(Effect.provideService(EffectAi.CurrentSession, "another"), Effect.provide(world(url)))
    })
  )

  it.scopedLive("stores what a model without the layer has answered, and what a program adds itself", () =>
    Effect.gen(function* () {
      const { url } = yield* server(8_000)
      yield* Effect.gen(function* () {
        const chat = yield* (yield* Chat.Persistence).getOrCreate(id)
        yield* chat.generateText({ prompt: "one" }).pipe(Effect.provide(bare(url)))
        yield* Ref.update(chat.history, Prompt.merge("two"))
        yield* chat.save
        assert.deepStrictEqual(yield* logged, ["user: one", "assistant: You said: one", "user: two"])
      }).pipe(Effect.provide(world(url)))
    })
  )
})

describe("the toolkit", () => {
  it("has the tools of the other doors, with their words", () => {
    const definitions = [...RecallTools.definitions, ...PinTools.definitions, ...BudgetTools.definitions]
    const shown = Object.values(EffectAi.tools.tools).map((tool) => {
      const schema: unknown = Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast)
      return { name: tool.name, description: tool.description, ...describeParameters(schema) }
    })
    assert.deepStrictEqual(
      shown,
      definitions.map(({ function: { description, name, parameters } }) => ({
        name,
        description,
        ...describeParameters(parameters)
      }))
    )
  })

  it.scopedLive("answers within a call, with the step's window, and says so without a session", () =>
    Effect.gen(function* () {
      const { url } = yield* server(8_000)
      yield* Effect.gen(function* () {
        yield* LanguageModel.generateText({ prompt: "the teapot is green" })
        const asked = LanguageModel.generateText({ prompt: "recall: #1", toolkit: EffectAi.tools })
        const [found] = (yield* asked).toolResults
        assert.include(String(found?.result), "the teapot is green")
        yield* LanguageModel.generateText({ prompt: [], toolkit: EffectAi.tools })
        const toolkit = yield* EffectAi.tools
        assert.match(String((yield* toolkit.handle("context_budget", {})).result), /^About [\d,]+ tokens of/)
        assert.strictEqual((yield* toolkit.handle("pin", { text: "green", as: "tea" })).result, "Pinned as tea.")
        const alone = toolkit.handle("recall", { query: "tea", where: null })
        const { isFailure, result } = yield* Effect.provideService(alone, EffectAi.CurrentSession, null)
        assert.isTrue(isFailure)
        assert.include(String(result), "no session")
      }).pipe(inSession, Effect.provide(world(url)))
    })
  )
})

/** The names and descriptions of the parameters, which must all be given. */
const describeParameters = (schema: unknown) => {
  const { properties, required = [] } = isObject(schema) ? schema : {}
  const entries = isObject(properties) ? Object.entries(properties) : []
  return {
    properties: entries.map(([name, property]) => [name, isObject(property) && property.description]),
    required
  }
}
