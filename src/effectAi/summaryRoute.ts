/** A `LanguageModel` of `@effect/ai` as the model that writes summaries. */
import * as AiError from "@effect/ai/AiError"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Prompt from "@effect/ai/Prompt"
import type * as Response from "@effect/ai/Response"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { parseJson } from "../format/json.ts"
import { type ModelError, ModelUnavailable } from "../model/ModelError.ts"
import * as Provider from "../model/Provider.ts"
import { textOf } from "../model/safeErrorText.ts"
import { classifyRefusal, makeConnectionError, readRetryAfter } from "../openai/classifyError.ts"
import { makeRefusal, readError } from "../openai/refusal.ts"
import { encodeMessages } from "./prompts.ts"

/**
 * The window of a summary's model, in tokens, and the times that one call and a silence within it may take. Defaults are those
 * of `Provider.route`.
 *
 * @since 0.1.0
 * @category models
 */
export type RouteOptions = Pick<Provider.RouteOptions, "contextLength" | "timeout" | "idleTimeout">

/**
 * A route to one of the models of `layerProvider`, by the name that it has there. Server and key are the model's own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const route = (model: string, options: RouteOptions = {}): Provider.Route => ({
  ...Provider.route({ ...options, model, apiKey: Redacted.make(""), baseUrl: "" }),
  provider: "effect-ai"
})

/**
 * @since 0.1.0
 * @category models
 */
export interface ProviderOptions<I> {
  /**
   * Tells the model's provider how many tokens a summary may have. `@effect/ai` itself has no such option: for OpenAI it is
   * `(n) => Context.make(OpenAiLanguageModel.Config, { max_output_tokens: n })`. Without it no bound is sent.
   */
  readonly limitOutput?: ((maxOutputTokens: number) => Context.Context<I>) | undefined
}

/**
 * The `Provider` of routes that `route` made, by their names. Each model is a layer, as the providers of `@effect/ai` give it.
 *
 * @example
 * EffectAi.layerProvider({ "gpt-5.5-mini": OpenAiLanguageModel.model("gpt-5.5-mini") })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProvider = <E = never, R = never, I = never>(
  models: Readonly<Record<string, Layer.Layer<LanguageModel.LanguageModel, E, R>>>,
  options: ProviderOptions<I> = {}
): Layer.Layer<Provider.Provider, E, R> =>
  Layer.scoped(
    Provider.Provider,
    Effect.gen(function* () {
      const built = new Map<string, LanguageModel.Service>()
      for (const [name, layer] of Object.entries(models)) {
        built.set(name, Context.get(yield* Layer.build(layer), LanguageModel.LanguageModel))
      }
      const stream: Provider.Client["stream"] = (route, request) => {
        const model = built.get(route.model)
        return model === undefined
          ? Stream.fail(
              new ModelUnavailable({ route: Provider.label(route), detail: "layerProvider has no such model" })
            )
          : streamAnswer(model, route, request, options)
      }
      return Provider.Provider.of({ open: () => Effect.succeed({ stream, isOpen: () => true }) })
    })
  )

const streamAnswer = <I>(
  model: LanguageModel.Service,
  route: Provider.ResolvedRoute,
  { maxOutputTokens, messages }: Provider.ModelRequest,
  { limitOutput }: ProviderOptions<I>
): Stream.Stream<Provider.Event, ModelError> => {
  const parts = Stream.suspend(() => model.streamText({ prompt: Prompt.fromMessages(encodeMessages(messages)) }))
  const limited =
    limitOutput === undefined
      ? parts
      : Stream.mapInputContext(parts, (given: Context.Context<never>) =>
          Context.merge(given, limitOutput(maxOutputTokens))
        )
  return limited.pipe(
    Stream.catchAll((error) => Stream.fromEffect(Effect.flatMap(classifyError(route, error), Effect.fail))),
    Stream.mapConcatEffect((part) => readPart(route, part))
  )
}

const FINISHES: { readonly [reason: string]: "stop" | "length" | "refusal" } = {
  stop: "stop",
  length: "length",
  "content-filter": "refusal"
}

const readPart = (
  route: Provider.ResolvedRoute,
  part: Response.StreamPart<{}>
): Effect.Effect<ReadonlyArray<Provider.Event>, ModelError> => {
  switch (part.type) {
    case "text-delta":
      return Effect.succeed([{ _tag: "Text", text: part.delta }])
    case "reasoning-delta":
      return Effect.succeed([{ _tag: "Reasoning", text: part.delta }])
    case "finish": {
      const { cachedInputTokens: cachedTokens, inputTokens, outputTokens } = part.usage
      const usage =
        inputTokens === undefined || outputTokens === undefined ? null : { inputTokens, outputTokens, cachedTokens }
      return Effect.succeed([{ _tag: "Finished", reason: FINISHES[part.reason] ?? "other", usage }])
    }
    case "error":
      return Effect.fail(classifyRefusal(route, readError(part.error)))
    default:
      return Effect.succeed([])
  }
}

/** Has the classes of errors that the `openai` client has, by what the server said. */
const classifyError = (route: Provider.ResolvedRoute, error: unknown): Effect.Effect<ModelError> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (!AiError.isAiError(error)) return classifyRefusal(route, makeRefusal(textOf(error)))
    if (error._tag === "HttpRequestError") return makeConnectionError(route, error.description ?? error.reason)
    if (error._tag !== "HttpResponseError") return classifyRefusal(route, makeRefusal(describeError(error)))
    const { body, description, response } = error
    const stated = readError(parseJson(body ?? "") ?? body ?? description)
    const headers = { get: (name: string) => response.headers[name] ?? null }
    return classifyRefusal(route, { ...stated, status: response.status, retryAfter: readRetryAfter(headers, now) })
  })

/** Some errors have their message in `description` alone. */
const describeError = ({
  cause,
  description,
  message
}: AiError.MalformedInput | AiError.MalformedOutput | AiError.UnknownError): string =>
  description ?? (message || textOf(cause))
