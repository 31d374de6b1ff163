/**
 * Describes where a model is reached and what one call sends and streams. A Layer of `Provider` is the seam between the
 * library and a real or a scripted model.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { checkAll, checkSetting, checkWhole, InvalidPolicy } from "./InvalidSetting.ts"
import { type ModelError, Unauthorized } from "./ModelError.ts"
import { checkPrice, type Price } from "./price.ts"
import { textOf } from "./safeErrorText.ts"
import type { Message } from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import { suspendForeign } from "../concurrency/fiberServices.ts"

export type { Price }

/**
 * A key that expires, e.g. an OAuth token. `current` is run before every call, `renew` once after the key was refused.
 * `name` identifies the credential, also across restarts. If either effect fails, the call fails with `Unauthorized`; the
 * time that `current` takes counts as time of the call.
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
 * A way to a model. `timeout` bounds one call, `idleTimeout` the silence within it. `contextLength` is the window of
 * this model, which may differ from the window of the conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Route extends RouteWith<Redacted.Redacted | Credential> {}

/**
 * A route with the key that one call uses.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolvedRoute extends RouteWith<Redacted.Redacted> {}

/**
 * The fields of a route, with its key in one of its forms.
 *
 * @since 0.1.0
 * @category models
 */
export interface RouteWith<Key> {
  readonly provider: "openai" | "openai-codex" | "effect-ai" | "embedded"
  readonly model: string
  readonly baseUrl: string
  readonly apiKey: Key
  readonly api: "responses" | "chat"
  readonly contextLength: number
  readonly timeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly inPlace?: boolean | MakeBody | undefined
  readonly price?: Price | undefined
}

/**
 * The agent's last request, to be continued: the messages of its view with an instruction behind them, and the tools of
 * its step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Continued {
  readonly messages: ReadonlyArray<Message>
  readonly tools: ReadonlyArray<unknown> | undefined
}

/**
 * Makes the body of a request as the agent itself makes it.
 *
 * @since 0.1.0
 * @category models
 */
export type MakeBody = (request: Continued) => object

/**
 * The options of `route`. Without a `baseUrl` the route leads to OpenAI's Responses API; with one it uses Chat
 * Completions, because most other servers speak nothing else. Defaults: a window of 128,000 tokens, 5 minutes for a call
 * and 1 minute for a silence in it.
 *
 * `inPlace` says that this route is the agent's own: the same server, model and credentials. A summary then continues the
 * agent's last request, which the server reads from its prompt cache. `true` stands for an agent that sends
 * `{ model, messages: view.messages, tools }` to Chat Completions; any other gives the function with which it makes its
 * bodies. What cannot be summarized in place is summarized as on any other route.
 *
 * With a `price` the calls of the route are counted in money, too (metric `throughline_model_dollars`).
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
  readonly inPlace?: boolean | MakeBody | undefined
  readonly price?: Price | undefined
}

/**
 * Makes a route to OpenAI, or to any server that speaks its API.
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
  idleTimeout: Duration.decode(options.idleTimeout ?? "1 minute"),
  ...(options.inPlace === undefined ? {} : { inPlace: options.inPlace }),
  ...(options.price === undefined ? {} : { price: options.price })
})

/**
 * The same from a `Config`, e.g. of the environment.
 *
 * @since 0.1.0
 * @category constructors
 */
export const routeConfig = (options: Config.Config.Wrap<RouteOptions>): Config.Config<Route> =>
  Config.map(Config.unwrap(options), route)

/**
 * Fetches the key that the next call on the route uses.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resolve = (route: Route): Effect.Effect<ResolvedRoute, Unauthorized> => {
  const { apiKey } = route
  if (!isCredential(apiKey)) return Effect.succeed({ ...route, apiKey })
  return Effect.mapBoth(
    catchDefects(() => apiKey.current),
    {
      onFailure: refuseKey(route),
      onSuccess: (current) => ({ ...route, apiKey: current })
    }
  )
}

/**
 * Asks for a new key. Returns false if the route's key is fixed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const renew = (route: Route): Effect.Effect<boolean, Unauthorized> => {
  const { apiKey } = route
  if (!isCredential(apiKey)) return Effect.succeed(false)
  return Effect.mapBoth(
    catchDefects(() => apiKey.renew),
    { onFailure: refuseKey(route), onSuccess: () => true }
  )
}

/**
 * Returns whether the route can get a new key after its key was refused.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRenewable = (route: Route): boolean => isCredential(route.apiKey)

const isCredential = (key: Route["apiKey"]): key is Credential => !Redacted.isRedacted(key)

/** The caller's effects may throw as well as fail. */
const catchDefects = <A>(fetch: () => Effect.Effect<A, unknown>) =>
  Effect.catchAllDefect(suspendForeign(fetch), Effect.fail)

const refuseKey = (route: Route) => (cause: unknown) =>
  new Unauthorized({ route: label(route), detail: redact(`no key to be had: ${textOf(cause)}`) })

/**
 * Names a route in errors and log lines: model and host, never a credential.
 *
 * @since 0.1.0
 * @category getters
 */
export const label = (route: Route): string => {
  if (route.provider === "embedded") return "embedded"
  if (route.provider === "effect-ai") return route.model
  return `${route.model}@${URL.canParse(route.baseUrl) ? new URL(route.baseUrl).host : "invalid-url"}`
}

/**
 * Identifies the server and account of a route: its normalised base URL and a hash of its credential. Routes with the
 * same key share a client.
 *
 * @since 0.1.0
 * @category getters
 */
export const endpointKey = (route: Route): string => {
  if (route.provider === "embedded" || route.provider === "effect-ai") return route.provider
  const byUrl = endpointKeys.get(route.apiKey) ?? new Map<string, string>()
  const key = byUrl.get(route.baseUrl) ?? `${normalizeUrl(route.baseUrl)}#${hashCredential(route.apiKey)}`
  endpointKeys.set(route.apiKey, byUrl.set(route.baseUrl, key))
  return key
}

/**
 * Identifies a model at an endpoint: two models behind one endpoint have limits of their own.
 *
 * @since 0.1.0
 * @category getters
 */
export const modelKey = (route: Route): string => JSON.stringify([route.model, route.api, endpointKey(route)])

/**
 * Returns whether two routes reach the same model at the same endpoint through the same API.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSameRoute = (a: Route, b: Route): boolean => modelKey(a) === modelKey(b)

/**
 * Refuses a route whose `contextLength` is not a whole number from 1 on, one whose `baseUrl` has a user or password, since
 * no request can be made of such a URL, one to the Responses API whose `inPlace` is true instead of a function, and one
 * whose `price` has other than amounts.
 *
 * @since 0.1.0
 * @category getters
 */
export const checkRoute = (route: Route): Either.Either<void, InvalidPolicy> =>
  checkAll([
    checkWhole(`${label(route)}.contextLength`, route.contextLength, 1),
    hasUser(route.baseUrl)
      ? Either.left(new InvalidPolicy({ field: `${label(route)}.baseUrl`, issue: NO_USER }))
      : Either.void,
    checkSetting(
      `${label(route)}.inPlace`,
      isFunctionOrFlag(route.inPlace) && (route.inPlace !== true || route.api === "chat"),
      "true, false or a function, and a function that makes the body for the Responses API",
      route.inPlace
    ),
    checkPrice(`${label(route)}.price`, route.price)
  ])

const isFunctionOrFlag = (value: unknown): boolean => ["undefined", "boolean", "function"].includes(typeof value)

/**
 * Returns whether a URL has a user or password.
 *
 * @internal
 */
export const hasUser = (url: string): boolean => {
  if (!URL.canParse(url)) return false
  const { password, username } = new URL(url)
  return username !== "" || password !== ""
}

/**
 * Says what to do about it.
 *
 * @internal
 */
export const NO_USER =
  "expected a URL without a user and password, of which no request can be made; give the key by itself"

/**
 * Keeps the first of all routes that reach the same model, in order.
 *
 * @since 0.1.0
 * @category combinators
 */
export const distinctRoutes = (routes: ReadonlyArray<Route>): ReadonlyArray<Route> =>
  routes.filter((route, i) => routes.findIndex((earlier) => isSameRoute(earlier, route)) === i)

/** Hashes are kept because a key may be a text of any length and each call asks several times. */
const endpointKeys = new WeakMap<Route["apiKey"], Map<string, string>>()

/** Leaves out user info, which is no part of an endpoint. An invalid URL stays as it is, and the call reports it. */
const normalizeUrl = (baseUrl: string): string => {
  if (!URL.canParse(baseUrl)) return baseUrl
  const { origin, pathname, search } = new URL(baseUrl)
  return `${origin}${pathname.replace(/(?<!\/)\/+$/, "")}${search}`
}

const hashCredential = (apiKey: Route["apiKey"]): string =>
  isCredential(apiKey)
    ? `named ${apiKey.name}`
    : createHash("sha256").update(Redacted.value(apiKey)).digest("hex").slice(0, 16)

/**
 * One model call of an auxiliary task.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelRequest {
  readonly task: string
  readonly messages: ReadonlyArray<Message>
  readonly maxOutputTokens: number
  /** Set if the messages continue the agent's last request. They are sent as they are, with these tools of its step. */
  readonly continues?: Pick<Continued, "tools"> | undefined
}

/**
 * An event of a streamed answer: pieces of text, pieces of reasoning, and at the end exactly one `Finished`. A stream
 * that ends without `Finished` has failed.
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
 * Tokens the provider reported for one call. `cachedTokens` are those of the input that its cache had, if it said so.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens?: number | undefined
}

/**
 * An open client of one route, with a connection pool of its own that closes with its scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  /** Makes one call. Running the stream sends the request; interrupting it closes the connection. */
  readonly stream: (route: ResolvedRoute, request: ModelRequest) => Stream.Stream<Event, ModelError>
  /** Returns whether the client can still make calls. */
  readonly isOpen: () => boolean
}

/**
 * Opens clients of model servers.
 *
 * @since 0.1.0
 * @category services
 */
export class Provider extends Context.Tag("throughline/Provider")<
  Provider,
  {
    /**
     * Opens a client for the route's server and credential. Opening is synchronous and makes no connection; one that waits
     * counts as time of the call.
     */
    readonly open: (route: ResolvedRoute) => Effect.Effect<Client, never, Scope.Scope>
  }
>() {}

/**
 * The usage, if it is one. Budgets are kept and stored by these counts, so an estimate is better than a number that counts
 * nothing.
 *
 * @internal
 */
export const validUsage = (usage: CallUsage | null): CallUsage | null =>
  usage != null && [usage.inputTokens, usage.outputTokens].every((n) => Number.isSafeInteger(n) && n >= 0)
    ? usage
    : null
