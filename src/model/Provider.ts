/**
 * Where a model is reached, and what one call of it is. The seam at which a Layer swaps the real for a fake.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { type ModelError, Unauthorized } from "./ModelError.ts"
import type { Message } from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"

/**
 * A key that expires, e.g. an OAuth token: `current` is asked before every call, `renew` once after a refusal. `name`
 * tells it from others and outlives a restart. A failure of either counts as a refused key; waiting for `current` is a
 * part of the call's time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credential {
  readonly name: string
  readonly current: Effect.Effect<Redacted.Redacted, unknown>
  readonly renew: Effect.Effect<void, unknown>
}

/**
 * A way to a model. `timeout` bounds one call, `idleTimeout` the silence within it; `contextLength` is the window of
 * this model, which need not be the conversation's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Route extends RouteWith<Redacted.Redacted | Credential> {}

/**
 * A route whose key is at hand, as one call has it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolvedRoute extends RouteWith<Redacted.Redacted> {}

interface RouteWith<Key> {
  readonly provider: "openai" | "openai-codex" | "embedded"
  readonly model: string
  readonly baseUrl: string
  readonly apiKey: Key
  readonly api: "responses" | "chat"
  readonly contextLength: number
  readonly timeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
}

/**
 * What a route cannot be without, and what it may differ in: by default OpenAI's Responses API, or Chat Completions at
 * another `baseUrl`, which most servers speak alone; a window of 128,000 tokens, 5 minutes for a call and one for a
 * silence in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RouteOptions {
  readonly model: string
  readonly apiKey: string | Redacted.Redacted | Credential
  readonly baseUrl?: string | undefined
  readonly api?: Route["api"] | undefined
  readonly contextLength?: number | undefined
  readonly timeout?: Duration.DurationInput | undefined
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * A route to OpenAI, or to anything that speaks its API.
 *
 * @example
 * Provider.route({ model: "gpt-5.5", apiKey: Redacted.make("…"), timeout: "2 minutes" })
 *
 * @since 0.1.0
 * @category constructors
 */
export const route = (options: RouteOptions): Route => ({
  provider: "openai",
  model: options.model,
  apiKey: typeof options.apiKey === "string" ? Redacted.make(options.apiKey) : options.apiKey,
  baseUrl: options.baseUrl ?? "https://api.openai.com/v1",
  api: options.api ?? (options.baseUrl === undefined ? "responses" : "chat"),
  contextLength: options.contextLength ?? 128_000,
  timeout: Duration.decode(options.timeout ?? "5 minutes"),
  idleTimeout: Duration.decode(options.idleTimeout ?? "1 minute")
})

/**
 * The route with the key to use now.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resolve = (route: Route): Effect.Effect<ResolvedRoute, Unauthorized> => {
  const { apiKey } = route
  if (!isRenewable(apiKey)) return Effect.succeed({ ...route, apiKey })
  return Effect.mapBoth(orFailure(apiKey.current), {
    onFailure: refusedKey(route),
    onSuccess: (current) => ({ ...route, apiKey: current })
  })
}

/**
 * Asks for a new key; false if the route's key is fixed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const renew = (route: Route): Effect.Effect<boolean, Unauthorized> => {
  const { apiKey } = route
  if (!isRenewable(apiKey)) return Effect.succeed(false)
  return Effect.mapBoth(orFailure(apiKey.renew), { onFailure: refusedKey(route), onSuccess: () => true })
}

const isRenewable = (key: Route["apiKey"]): key is Credential => !Redacted.isRedacted(key)

/** Whoever fetches keys may throw, too. */
const orFailure = <A>(fetched: Effect.Effect<A, unknown>) => Effect.catchAllDefect(fetched, Effect.fail)

const refusedKey = (route: Route) => (cause: unknown) =>
  new Unauthorized({ route: label(route), detail: redact(`no key to be had: ${String(cause)}`) })

/**
 * How a route is named in errors and log lines: model and host, never a credential.
 *
 * @since 0.1.0
 * @category getters
 */
export const label = (route: Route): string => {
  if (route.provider === "embedded") return "embedded"
  return `${route.model}@${URL.canParse(route.baseUrl) ? new URL(route.baseUrl).host : "invalid-url"}`
}

/**
 * One model call of an auxiliary task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly task: string
  readonly messages: ReadonlyArray<Message>
  readonly maxOutputTokens: number
}

/**
 * What a call streams: pieces of text, pieces of reasoning, and at the end exactly one `Finished`. A stream that ends
 * without it has failed.
 *
 * @since 0.1.0
 * @category models
 */
export type Event =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Reasoning"; readonly text: string }
  | {
      readonly _tag: "Finished"
      readonly reason: "stop" | "length" | "refusal" | "other"
      readonly usage: CallUsage | null
    }

/**
 * Tokens the provider reported for one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallUsage {
  readonly inputTokens: number
  readonly outputTokens: number
}

/**
 * An open client of one route: its own connection pool, closed with its scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  readonly stream: (route: ResolvedRoute, request: Request) => Stream.Stream<Event, ModelError>
  readonly isOpen: () => boolean
}

/**
 * Opens clients. Opening is synchronous and makes no connection.
 *
 * @since 0.1.0
 * @category services
 */
export class Provider extends Context.Tag("throughline/Provider")<
  Provider,
  { readonly open: (route: ResolvedRoute) => Effect.Effect<Client, never, Scope.Scope> }
>() {}
