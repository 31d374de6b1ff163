/**
 * Calls models through the `openai` client, each on a connection pool of its own, by the Responses API or by Chat
 * Completions.
 *
 * @since 0.1.0
 */
import { setImmediate } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import Sdk, { APIError } from "openai"
import { Agent, fetch } from "undici"
import type { ModelError } from "../model/ModelError.ts"
import * as ChatCompletions from "./chatCompletions.ts"
import * as ClassifyError from "./classifyError.ts"
import * as StreamPiece from "./streamPiece.ts"
import * as Responses from "./responses.ts"
import { type Client, type Event, Provider, type ModelRequest, type ResolvedRoute } from "../model/Provider.ts"

/**
 * Opens a client for the route's server and credential. The client connects when it is first used, retries nothing, has
 * no deadline of its own, and closes its sockets with its scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (route: ResolvedRoute): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.map(openPool, (agent) => {
    const sdk = connectThrough(agent, route)
    return {
      stream: (route, request) => streamCall(sdk, route, request),
      isOpen: () => !agent.closed && !agent.destroyed
    }
  })

/**
 * A `Provider` that uses the `openai` client.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Provider> = Layer.succeed(Provider, { open })

/** Zero switches a deadline off, so that the route's deadlines are the only ones. */
const openPool = Effect.acquireRelease(
  Effect.sync(() => new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } })),
  (agent) => Effect.promise(() => agent.destroy())
)

const LONGEST_TIMER = 2 ** 31 - 1

/**
 * A pool works only with the `fetch` of its own undici. The cast is needed because that function lacks `Response.bytes`
 * and `Symbol.dispose` of the DOM's type, which the client does not use.
 */
const ownFetch = fetch as unknown as typeof globalThis.fetch

/**
 * Keeps the errors of servers that do not wrap them in `error`, which the client would drop. The name of the class is the
 * user agent.
 */
class OpenAI extends Sdk {
  protected override makeStatusError(
    status: number,
    body: object | null | undefined,
    text: string | undefined,
    headers: Headers
  ) {
    const answer = body ?? {}
    return super.makeStatusError(
      status,
      typeof answer === "object" && "error" in answer ? answer : { error: body },
      text,
      headers
    )
  }
}

const connectThrough = (dispatcher: Agent, route: ResolvedRoute): OpenAI => {
  const apiKey = Redacted.value(route.apiKey)
  return new OpenAI({
    baseURL: route.baseUrl,
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

const streamCall = (sdk: OpenAI, route: ResolvedRoute, request: ModelRequest): Stream.Stream<Event, ModelError> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const classify = (thrown: unknown) => ClassifyError.classifyThrown(route, thrown, clock.unsafeCurrentTimeMillis())
    const signal = yield* abortSignal
    const response = Effect.tryPromise({ try: () => sendRequest(sdk, route, request, signal), catch: classify })
    const chunks = yield* Effect.tapError(response, () => awaitFreeConnection)
    return readEvents(route, Stream.fromAsyncIterable(hideReturn(chunks), classify))
  }).pipe(Stream.unwrapScoped)

const abortSignal = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  ),
  (controller) => controller.signal
)

const sendRequest = async (
  sdk: OpenAI,
  route: ResolvedRoute,
  request: ModelRequest,
  signal: AbortSignal
): Promise<AsyncIterable<unknown>> => {
  const { data, response } =
    route.api === "responses"
      ? await sdk.responses.create(Responses.makeParams(route, request), { signal }).withResponse()
      : await sdk.chat.completions.create(ChatCompletions.makeParams(route, request), { signal }).withResponse()
  if (isStream(response)) return data
  throw await readErrorBody(response)
}

/** An error page of a proxy or an error object may have status 200, too. Read as a stream it would yield nothing. */
const isStream = (response: Response): boolean =>
  !/application\/json|text\/html/i.test(response.headers.get("content-type") ?? "")

const readErrorBody = async (response: Response): Promise<APIError> => {
  const body = await response.text()
  return APIError.generate(response.status, parseJsonObject(body), body, response.headers)
}

const parseJsonObject = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Hides `return`, which waits for a pending `next()`, so that a silent stream would never close. The abort signal closes it
 * instead.
 */
const hideReturn = <A>(iterable: AsyncIterable<A>): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    const iterator = iterable[Symbol.asyncIterator]()
    return { next: () => iterator.next() }
  }
})

/** Reads the chunks to their very end, so that the connection can be used again, and ends with the finish of the answer. */
const readEvents = (
  route: ResolvedRoute,
  chunks: Stream.Stream<unknown, ModelError>
): Stream.Stream<Event, ModelError> => {
  const { readStream } = route.api === "responses" ? Responses : ChatCompletions
  return chunks.pipe(
    Stream.mapEffect((chunk) =>
      Either.mapLeft(readStream(chunk), (refusal) => ClassifyError.classifyRefusal(route, refusal))
    ),
    Stream.map(Option.some),
    Stream.concat(Stream.succeed(Option.none())),
    Stream.mapAccumEffect(StreamPiece.openEnding, (ending, piece) =>
      Option.match(piece, {
        onSome: (piece) =>
          Effect.succeed([StreamPiece.updateEnding(ending, piece), StreamPiece.toEvents(piece)] as const),
        onNone: () => Effect.map(readFinish(route, ending), (event) => [ending, [event]] as const)
      })
    ),
    Stream.mapConcat((events) => events)
  )
}

/** undici frees a connection one turn of the event loop after its answer. A call made earlier would open another one. */
const awaitFreeConnection = Effect.promise(() => setImmediate())

const readFinish = (route: ResolvedRoute, ending: StreamPiece.Ending): Effect.Effect<Event, ModelError> =>
  Option.match(StreamPiece.toFinished(ending), {
    onSome: (event) => Effect.as(awaitFreeConnection, event),
    onNone: () => Effect.fail(ClassifyError.makeConnectionError(route, "the stream ended without its end mark"))
  })
