/**
 * The span of a model call, by OpenTelemetry's conventions for generative AI. They are in development: these are the names
 * that they have since 1.37.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ModelError } from "./ModelError.ts"
import { label, type CallUsage, type ModelRequest, type Route } from "./Provider.ts"

/** The flavour of the API, as the conventions have it: what answers at the address may be another's model. */
const PROVIDERS: Readonly<Record<Route["provider"], string>> = {
  openai: "openai",
  "openai-codex": "openai",
  "effect-ai": "effect-ai",
  embedded: "embedded"
}

export const traceCall = <A, R>(
  route: Route,
  { maxOutputTokens, task }: ModelRequest,
  call: Effect.Effect<A, ModelError, R>
): Effect.Effect<A, ModelError, R> =>
  call.pipe(
    Effect.tapErrorCause((cause) =>
      Option.match(Cause.failureOption(cause), {
        onNone: () => Effect.void,
        onSome: ({ _tag }) => Effect.annotateCurrentSpan("error.type", _tag)
      })
    ),
    Effect.withSpan(`chat ${route.model}`, {
      kind: "client",
      captureStackTrace: false,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS[route.provider],
        "gen_ai.request.model": route.model,
        "gen_ai.request.max_tokens": maxOutputTokens,
        ...describeServer(route.baseUrl),
        route: label(route),
        task
      }
    })
  )

/** Only host and port: a path or a query may hold a key. */
const describeServer = (baseUrl: string) => {
  if (!URL.canParse(baseUrl)) return {}
  const { hostname, port, protocol } = new URL(baseUrl)
  return { "server.address": hostname, "server.port": Number(port || (protocol === "https:" ? 443 : 80)) }
}

/** What the provider said of the answer; tokens only if it counted them. */
export const describeAnswer = ({ finish, usage }: { readonly finish: string; readonly usage: CallUsage | null }) => ({
  "gen_ai.response.finish_reasons": [finish],
  ...(usage === null
    ? {}
    : { "gen_ai.usage.input_tokens": usage.inputTokens, "gen_ai.usage.output_tokens": usage.outputTokens }),
  ...(usage?.cachedTokens === undefined ? {} : { "gen_ai.usage.cache_read.input_tokens": usage.cachedTokens })
})
