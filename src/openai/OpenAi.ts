/**
 * Calls models through the `openai` client, each on a connection pool of its own, by the Responses API or by Chat
 * Completions.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import Sdk from "openai"
import {
  Agent,
  type Dispatcher,
  fetch,
  Pool,
  ProxyAgent,
  type RequestInfo,
  type RequestInit,
  Response as OwnResponse
} from "undici"
import type { ModelError } from "../model/ModelError.ts"
import * as ChatCompletions from "./chatCompletions.ts"
import * as ClassifyError from "./classifyError.ts"
import * as Parameters from "./parameters.ts"
import { readProxy } from "./proxy.ts"
import { awaitFreeConnection, mostBytes, readAnswer } from "./readAnswer.ts"
import type { Refusal } from "./refusal.ts"
import * as Responses from "./responses.ts"
import { type Client, type Event, Provider, type ModelRequest, type ResolvedRoute } from "../model/Provider.ts"

/**
 * Opens a client for the route's server and credential. The client connects when it is first used, retries nothing, has
 * no deadline of its own, and closes its sockets with its scope. It goes through the proxy that the variables
 * `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name for the server, if any.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (route: ResolvedRoute): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* openPool(yield* readProxy(route.baseUrl))
    const connection = { sdk: connectThrough(pool.dispatcher, route), accepted: new Map<string, Parameters.Accepted>() }
    return { stream: (route, request) => streamCall(connection, route, request), isOpen: () => pool.isOpen }
  })

/**
 * A `Provider` that uses the `openai` client.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Provider> = Layer.succeed(Provider, { open })

/** Zero switches a deadline off, so that the route's deadlines are the only ones. */
const ANSWERING = { headersTimeout: 0, bodyTimeout: 0 }
const CONNECTING = { timeout: 0 }

const openPool = (proxy: Option.Option<Redacted.Redacted>) =>
  Effect.acquireRelease(
    Effect.sync(() => ({ dispatcher: makeDispatcher(proxy), isOpen: true })),
    (pool) => {
      pool.isOpen = false
      return Effect.promise(() => pool.dispatcher.destroy())
    }
  )

const makeDispatcher = (proxy: Option.Option<Redacted.Redacted>): Dispatcher =>
  Option.match(proxy, {
    onNone: () => new Agent({ ...ANSWERING, connect: CONNECTING }),
    onSome: (url) =>
      new ProxyAgent({
        ...ANSWERING,
        proxyTls: CONNECTING,
        requestTls: CONNECTING,
        uri: Redacted.value(url),
        // Proxies often refuse tunnels to servers without TLS.
        proxyTunnel: false,
        factory: (origin, options) => new Pool(origin, { ...options, ...ANSWERING }),
        clientFactory: (origin, options) => new Pool(origin, options).compose(failForGood)
      })
  })

/** undici opens a tunnel that was closed before it was one again and again, without a pause, unless it failed otherwise. */
const failForGood: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  dispatch(
    options,
    Object.assign(Object.create(handler), {
      onError: (cause: Error) => handler.onError?.(new Error("the proxy closed the connection", { cause }))
    })
  )

const LONGEST_TIMER = 2 ** 31 - 1

/**
 * A pool works only with the `fetch` of its own undici. Bodies of refusals are cut. The cast is needed because that
 * function lacks `Response.bytes` and `Symbol.dispose` of the DOM's type, which the client does not use.
 */
const ownFetch = (async (input: RequestInfo, init?: RequestInit) => {
  const response = await fetch(input, init)
  const { body, headers, ok, status, statusText } = response
  return ok || body === null ? response : new OwnResponse(cutBody(body), { headers, status, statusText })
}) as unknown as typeof globalThis.fetch

/** The client reads the whole body of a refusal, which need not end. */
async function* cutBody(body: AsyncIterable<Uint8Array>) {
  let left = LONGEST_REFUSAL
  for await (const bytes of body) {
    yield bytes.subarray(0, left)
    left -= bytes.length
    if (left <= 0) return
  }
}

const LONGEST_REFUSAL = 2 ** 20

/**
 * Keeps the whole body of an error, of which the client would drop all but `error`. The name of the class is the user
 * agent.
 */
class OpenAI extends Sdk {
  protected override makeStatusError(
    status: number,
    body: object | null | undefined,
    text: string | undefined,
    headers: Headers
  ) {
    return super.makeStatusError(status, { error: body ?? undefined }, text, headers)
  }
}

const connectThrough = (dispatcher: Dispatcher, route: ResolvedRoute): OpenAI => {
  const apiKey = Redacted.value(route.apiKey)
  return new OpenAI({
    ...splitQuery(route.baseUrl),
    // Without a key, none is sent: the client would otherwise take one from the environment.
    ...(apiKey === "" ? { apiKey: "none", defaultHeaders: { Authorization: null } } : { apiKey }),
    adminAPIKey: null,
    maxRetries: 0,
    timeout: LONGEST_TIMER,
    logLevel: "off",
    fetch: ownFetch,
    fetchOptions: { dispatcher }
  })
}

/** The client writes the path of a request behind the whole URL, which must not be behind its query. */
const splitQuery = (url: string) => {
  if (!URL.canParse(url)) return { baseURL: url }
  const { searchParams } = new URL(url)
  return { baseURL: url.replace(/[?#].*$/s, ""), defaultQuery: Object.fromEntries(searchParams) }
}

/** A client, and what it has learned of the parameters that each of its models takes. */
interface Connection {
  readonly sdk: OpenAI
  readonly accepted: Map<string, Parameters.Accepted>
}

const streamCall = (
  connection: Connection,
  route: ResolvedRoute,
  request: ModelRequest
): Stream.Stream<Event, ModelError> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const readRefusal = (thrown: unknown) => ClassifyError.readRefusal(thrown, clock.unsafeCurrentTimeMillis())
    const classify = (thrown: unknown) => ClassifyError.classifyThrown(route, thrown, clock.unsafeCurrentTimeMillis())
    const signal = yield* abortSignal
    const answered = Effect.tryPromise({
      try: () => sendAdapted(connection, route, request, { signal, readRefusal }),
      catch: classify
    })
    const response = yield* Effect.tapError(answered, () => awaitFreeConnection)
    const forget = () => connection.accepted.delete(modelOf(route))
    return readAnswer({ route, response, classify, forget, mostBytes: mostBytes(request) })
  }).pipe(Stream.unwrapScoped)

const abortSignal = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  ),
  (controller) => controller.signal
)

/** Tells the models of one client apart. */
const modelOf = ({ api, model }: ResolvedRoute): string => JSON.stringify([api, model])

/**
 * Sends the request, and sends it again without what the server names in a refusal: nothing has been generated yet, so
 * this is no second call. What the server takes is remembered once it has answered, as long as the client lives. A refusal
 * of what was remembered begins anew, so that another server behind the same URL is not asked as the old one was.
 */
const sendAdapted = async (
  { accepted, sdk }: Connection,
  route: ResolvedRoute,
  request: ModelRequest,
  options: {
    readonly signal: AbortSignal
    readonly readRefusal: (thrown: unknown) => Option.Option<Refusal>
  }
): Promise<Response> => {
  const send = async (known: Parameters.Accepted, refusals: number): Promise<Response> => {
    try {
      const response = await postRequest(sdk, route, request, known, options.signal)
      if (refusals > 0) accepted.set(modelOf(route), known)
      return response
    } catch (thrown) {
      const sent = Object.keys(makeParams(route, request, known))
      const before = refusals === 0 ? Parameters.everything : known
      const adapted = Option.flatMapNullable(options.readRefusal(thrown), (refusal) =>
        Parameters.adaptTo(before, refusal, sent, Math.min(request.maxOutputTokens, before.outputCap))
      )
      if (Option.isNone(adapted) || refusals === MOST_REFUSALS) throw thrown
      return send(adapted.value, refusals + 1)
    }
  }
  return send(accepted.get(modelOf(route)) ?? Parameters.everything, 0)
}

/** Enough for a server that names one parameter at a time. */
const MOST_REFUSALS = 4

const makeParams = (route: ResolvedRoute, request: ModelRequest, accepted: Parameters.Accepted): object => {
  const params =
    route.api === "responses"
      ? Responses.makeParams(route, request, accepted)
      : ChatCompletions.makeParams(route, request, accepted)
  return request.continues === undefined ? params : continueBody(route, request, request.continues, params)
}

/**
 * Keeps each field of the agent's body in its place, so that the server finds the beginning of the request in its cache.
 * Only what says how the answer comes is that of the usual `params`.
 */
const continueBody = (
  { inPlace, model }: ResolvedRoute,
  { messages }: ModelRequest,
  { tools }: NonNullable<ModelRequest["continues"]>,
  params: object
): object => {
  const agents = typeof inPlace === "function" ? inPlace({ messages, tools }) : { model, messages, tools }
  const isOwn = (field: string) => ANSWER_FIELDS.includes(field)
  const ofAgent = Object.entries(agents).filter(([field]) => !isOwn(field))
  const ofAnswer = Object.entries(params).filter(([field]) => isOwn(field))
  return Object.fromEntries([...ofAgent, ...ofAnswer])
}

/** The fields of a body that say how long the answer may be and how it is sent. */
const ANSWER_FIELDS = ["stream", "stream_options", "max_completion_tokens", "max_tokens", "max_output_tokens", "store"]

const postRequest = (
  sdk: OpenAI,
  route: ResolvedRoute,
  request: ModelRequest,
  accepted: Parameters.Accepted,
  signal: AbortSignal
): Promise<Response> =>
  sdk
    .post(route.api === "responses" ? "/responses" : "/chat/completions", {
      body: makeParams(route, request, accepted),
      stream: true,
      signal
    })
    .asResponse()
