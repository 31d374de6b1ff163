/** A chat of `@effect/ai` whose sessions outlive their window. */
import { Chat } from "@effect/ai"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient } from "@effect/platform"
import { Config, Effect, Layer } from "effect"
import * as EffectAi from "../../src/effectAi/EffectAi.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"

const client = OpenAiClient.layerConfig({ apiKey: Config.redacted("OPENAI_API_KEY") }).pipe(
  Layer.provide(FetchHttpClient.layer)
)
const routes = [EffectAi.route("gpt-5.5-mini")]
const sessions = Gateway.layer({ policy: { contextLength: 272_000 }, routes }).pipe(
  Layer.provide(EffectAi.layerProvider({ "gpt-5.5-mini": OpenAiLanguageModel.model("gpt-5.5-mini") })),
  Layer.provideMerge(Sqlite.layer({ filename: "sessions.db" }))
)
const model = EffectAi.layer.pipe(Layer.provide(OpenAiLanguageModel.model("gpt-5.5", { store: false })))

export const live = Layer.mergeAll(model, EffectAi.layerPersistence, EffectAi.layerTools).pipe(
  Layer.provideMerge(sessions),
  Layer.provide(client)
)

export const ask = (chatId: string, text: string) =>
  Effect.gen(function* () {
    const chat = yield* (yield* Chat.Persistence).getOrCreate(chatId)
    let reply = yield* chat.generateText({ prompt: text, toolkit: EffectAi.tools })
    while (reply.toolCalls.length > 0) reply = yield* chat.generateText({ prompt: [], toolkit: EffectAi.tools })
    return reply.text
  })
