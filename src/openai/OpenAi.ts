/**
 * The real `Provider`: the `openai` client on a connection pool of its own, Responses API or Chat Completions.
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
 * Opens a client for the route's server and credential. It makes its connections when it is first used, retries
 * nothing, has no deadline of its own, and closes its sockets with its scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (route: ResolvedRoute): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.map(pool, (agent) => {
    const sdk = connectThrough(agent, route)
    return {
      stream: (route, request) => stream(sdk, route, request),
      isOpen: () => !agent.closed && !agent.destroyed
    }
  })

/**
 * `Provider` by way of the `openai` client.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Provider> = Layer.succeed(Provider, { open })

/** Zero means never: the route's deadlines are the only ones. */
const pool = Effect.acquireRelease(
  Effect.sync(() => new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } })),
  (agent) => Effect.promise(() => agent.destroy())
)

const LONGEST_TIMER = 2 ** 31 - 1

/**
 * The one cast: a pool works with the `fetch` of its own undici, whatever version the platform brings. To the DOM's
 * type that function lacks `Response.bytes` and `Symbol.dispose`, which the client does not use.
 */
const ownFetch = fetch as unknown as typeof globalThis.fetch

/** Some servers do not wrap their errors in `error`; the client would drop what they say. Its name is the user agent. */
class OpenAI extends Sdk {
  protected override makeStatusError(
    status: number,
    body: object | null | undefined,
    text: string | undefined,
    headers: Headers
  ) {
    const said = body ?? {}
    return super.makeStatusError(
      status,
      typeof said === "object" && "error" in said ? said : { error: body },
      text,
      headers
    )
  }
}

const connectThrough = (dispatcher: Agent, route: ResolvedRoute): OpenAI => {
  const apiKey = Redacted.value(route.apiKey)
  return new OpenAI({
    baseURL: route.baseUrl,
    // A server without credentials is reached with none, not with one from the environment.
    ...(apiKey === "" ? { apiKey: "none", defaultHeaders: { Authorization: null } } : { apiKey }),
    adminAPIKey: null,
    maxRetries: 0,
    timeout: LONGEST_TIMER,
    logLevel: "off",
    fetch: ownFetch,
    fetchOptions: { dispatcher }
  })
}

const stream = (sdk: OpenAI, route: ResolvedRoute, request: ModelRequest): Stream.Stream<Event, ModelError> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const failed = (thrown: unknown) => ClassifyError.classifyThrown(route, thrown, clock.unsafeCurrentTimeMillis())
    const signal = yield* abortSignal
    const asked = Effect.tryPromise({ try: () => ask(sdk, route, request, signal), catch: failed })
    const chunks = yield* Effect.tapError(asked, () => connectionFree)
    return understood(route, Stream.fromAsyncIterable(withoutReturn(chunks), failed))
  }).pipe(Stream.unwrapScoped)

const abortSignal = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  ),
  (controller) => controller.signal
)

const ask = async (
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
  throw await notAStream(response)
}

/** A proxy's error page and an error object come with status 200, too; read as a stream they would be silence. */
const isStream = (response: Response): boolean =>
  !/application\/json|text\/html/i.test(response.headers.get("content-type") ?? "")

const notAStream = async (response: Response): Promise<APIError> => {
  const body = await response.text()
  return APIError.generate(response.status, json(body), body, response.headers)
}

const json = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** An async generator's `return()` waits for a pending `next()`: a silent stream would never close. The signal does. */
const withoutReturn = <A>(iterable: AsyncIterable<A>): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    const iterator = iterable[Symbol.asyncIterator]()
    return { next: () => iterator.next() }
  }
})

/** Reads the chunks to their very end, so that the connection can be used again, and says how the answer finished. */
const understood = (
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
    Stream.mapAccumEffect(StreamPiece.open, (ending, piece) =>
      Option.match(piece, {
        onSome: (piece) => Effect.succeed([StreamPiece.after(ending, piece), StreamPiece.events(piece)] as const),
        onNone: () => Effect.map(last(route, ending), (event) => [ending, [event]] as const)
      })
    ),
    Stream.mapConcat((events) => events)
  )
}

/** undici hands a connection on one turn of the event loop after its answer: a call made at once would open another. */
const connectionFree = Effect.promise(() => setImmediate())

const last = (route: ResolvedRoute, ending: StreamPiece.Ending): Effect.Effect<Event, ModelError> =>
  Option.match(StreamPiece.finished(ending), {
    onSome: (event) => Effect.as(connectionFree, event),
    onNone: () => Effect.fail(ClassifyError.brokenStream(route, "the stream ended without its end mark"))
  })
