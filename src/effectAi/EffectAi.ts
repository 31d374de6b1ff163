/**
 * Keeps the chats of programs on `@effect/ai` within their window: a layer around their `LanguageModel`, their persistence,
 * tools for the model, and a `LanguageModel` that writes the summaries.
 *
 * @since 0.1.0
 */
import * as Chat from "@effect/ai/Chat"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Prompt from "@effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { Gateway } from "../gateway/Gateway.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import { SessionStore } from "../store/SessionStore.ts"
import { keepWithin } from "./keepWithin.ts"
import { makePersistence } from "./persistence.ts"
import { decodePrompt, encodeMessages } from "./prompts.ts"

export { CurrentSession } from "./keepWithin.ts"
export { layerProvider, type ProviderOptions, route, type RouteOptions } from "./summaryRoute.ts"
export { layerTools, tools } from "./toolkit.ts"

const services = Effect.all({ gateway: Gateway, store: SessionStore })

/**
 * Wraps the `LanguageModel` of a program: calls within a `CurrentSession` get the view of that session as their prompt, so
 * that a chat outlives its window, and what they say is stored. Each call is a turn of the session. A call that the server
 * refuses as too long is made again with a smaller view. The prompt of a call is its whole history, as `Chat` gives it, or
 * only what is new: what the session has already is not stored twice.
 *
 * Failures of the session come as `AiError.UnknownError`, which has the error itself as its `cause`.
 *
 * @example
 * EffectAi.layer.pipe(Layer.provide([OpenAiLanguageModel.layer({ model: "gpt-5.5" }), sessions]))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  LanguageModel.LanguageModel,
  never,
  LanguageModel.LanguageModel | Gateway | SessionStore
> = Layer.fresh(
  // Programs wrap several models: a layer that is shared would give all of them the first.
  Layer.effect(LanguageModel.LanguageModel, Effect.zipWith(LanguageModel.LanguageModel, services, keepWithin))
)

/**
 * `Chat.Persistence` whose chats are sessions of the same id. A chat that is opened again has the view of its session as its
 * history. Sessions do not expire, so `timeToLive` is not looked at.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPersistence: Layer.Layer<Chat.Persistence, never, Gateway | SessionStore> = Layer.effect(
  Chat.Persistence,
  Effect.map(services, makePersistence)
)

/**
 * Reads a prompt as the messages of a session. What chat messages cannot say is kept beside them, and `toPrompt` gives it
 * back: files, reasoning, options of providers, failures of tools.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromPrompt = (prompt: Prompt.RawInput): Either.Either<ReadonlyArray<Message>, InvalidMessage> =>
  decodePrompt(Prompt.make(prompt).content)

/**
 * Writes the messages of a log or a view as a prompt.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPrompt = (messages: ReadonlyArray<Message>): Prompt.Prompt =>
  Prompt.fromMessages(encodeMessages(messages))
