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
import { Agent, type Dispatcher, fetch, ProxyAgent } from "undici"
import type { ModelError } from "../model/ModelError.ts"
import * as ChatCompletions from "./chatCompletions.ts"
import * as ClassifyError from "./classifyError.ts"
import * as Parameters from "./parameters.ts"
import { readProxy } from "./proxy.ts"
import * as Responses from "./responses.ts"
import { makeDecoder, parseJson, type ServerEvent } from "./serverSentEvents.ts"
import * as StreamPiece from "./streamPiece.ts"
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
const WITHOUT_DEADLINES = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } }

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
    onNone: () => new Agent(WITHOUT_DEADLINES),
    onSome: (url) => new ProxyAgent({ ...WITHOUT_DEADLINES, uri: Redacted.value(url) })
  })

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

const connectThrough = (dispatcher: Dispatcher, route: ResolvedRoute): OpenAI => {
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
    const reading = { route, response, classify, forget: () => connection.accepted.delete(modelOf(route)) }
    return isStream(response) ? readEvents(reading) : Stream.unwrap(readJsonAnswer(reading))
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
    readonly readRefusal: (thrown: unknown) => Option.Option<ClassifyError.Refusal>
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

const makeParams = (route: ResolvedRoute, request: ModelRequest, accepted: Parameters.Accepted): object =>
  route.api === "responses"
    ? Responses.makeParams(route, request, accepted)
    : ChatCompletions.makeParams(route, request, accepted)

const postRequest = (
  sdk: OpenAI,
  route: ResolvedRoute,
  request: ModelRequest,
  accepted: Parameters.Accepted,
  signal: AbortSignal
): Promise<Response> =>
  route.api === "responses"
    ? sdk.responses.create(Responses.makeParams(route, request, accepted), { signal }).asResponse()
    : sdk.chat.completions.create(ChatCompletions.makeParams(route, request, accepted), { signal }).asResponse()

/** An answer as it comes in. `forget` drops what was learned of the model. */
interface AnswerReading {
  readonly route: ResolvedRoute
  readonly response: Response
  readonly classify: (thrown: unknown) => ModelError
  readonly forget: () => void
}

/** Servers that do not stream answer in JSON. An error page of a proxy or an error object may have status 200, too. */
const isStream = (response: Response): boolean =>
  !/application\/json|text\/html/i.test(response.headers.get("content-type") ?? "")

const readJsonAnswer = ({ classify, response, route }: AnswerReading) =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise({ try: () => response.text(), catch: classify })
    const body = parseJson(text)
    const reading = yield* Option.match(readerOf(route).readBody(body), {
      // The text may be the words of a model, which have no place in an error.
      onNone: () =>
        Effect.fail(classify(APIError.generate(response.status, toErrorBody(body), UNREADABLE, response.headers))),
      onSome: Either.mapLeft((refusal) => ClassifyError.classifyRefusal(route, refusal))
    })
    const ending = StreamPiece.updateEnding(StreamPiece.openEnding, reading)
    return Stream.concat(
      Stream.fromIterable(StreamPiece.toEvents(reading)),
      Stream.fromIterableEffect(readLastEvents(route, ending))
    )
  })

const UNREADABLE = "neither a stream nor an answer"

const toErrorBody = (body: unknown): object | undefined =>
  typeof body === "object" && body !== null && "error" in body ? body : undefined

/**
 * Reads without closing: closing would wait for a pending read, so that a silent stream would never end. The abort signal
 * closes the connection instead.
 */
const readBytes = ({ body }: Response): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    const reader = body?.getReader()
    return { next: async () => (await reader?.read()) ?? { done: true, value: undefined } }
  }
})

const readerOf = ({ api }: ResolvedRoute) => (api === "responses" ? Responses : ChatCompletions)

/**
 * Reads the answer to its very end, so that the connection can be used again, and ends with its finish. Whatever comes is
 * a sign of life: bytes without an event give an empty text.
 */
const readEvents = ({ classify, forget, response, route }: AnswerReading): Stream.Stream<Event, ModelError> => {
  const decoder = makeDecoder()
  const readPiece = (event: ServerEvent) => readServerEvent(event, { classify, response, route })
  const flushed = Stream.sync(() =>
    decoder.flush().filter(({ data }) => parseJson(data) !== undefined || isEndMark(data))
  )
  return Stream.fromAsyncIterable(readBytes(response), classify).pipe(
    Stream.map(decoder.decode),
    Stream.concat(flushed),
    Stream.mapEffect((events) => Either.all(events.map(readPiece))),
    Stream.map(Option.some),
    Stream.concat(Stream.succeed(Option.none())),
    Stream.mapAccumEffect(StreamPiece.openEnding, (ending, pieces) =>
      Option.match(pieces, {
        onSome: (pieces) =>
          Effect.succeed([
            pieces.reduce(StreamPiece.updateEnding, ending),
            (pieces.length === 0 ? [StreamPiece.nothing] : pieces).flatMap(StreamPiece.toEvents)
          ] as const),
        onNone: () => {
          // A cap of output that was learned may be another one by now.
          if (ending.reason === "length") forget()
          return Effect.map(readLastEvents(route, ending), (events) => [ending, events] as const)
        }
      })
    ),
    Stream.mapConcat((events) => events)
  )
}

const isEndMark = (data: string): boolean => data.trimStart().startsWith("[DONE]")

/** Reads one event. Servers also send some without anything in it. */
const readServerEvent = (
  { data }: ServerEvent,
  { classify, response, route }: Pick<AnswerReading, "classify" | "response" | "route">
): Either.Either<StreamPiece.Reading, ModelError> => {
  if (data.trim() === "") return Either.right(StreamPiece.nothing)
  if (isEndMark(data)) return Either.right(readerOf(route).readEndMark)
  const value = parseJson(data)
  if (value === undefined) return Either.left(ClassifyError.classifyRefusal(route, NOT_JSON))
  if (typeof value !== "object" || value === null) return Either.right(StreamPiece.nothing)
  const error = "error" in value && !isEmpty(value.error) ? value.error : undefined
  if (error !== undefined)
    return Either.left(classify(new APIError(undefined, Object(error), undefined, response.headers)))
  return Either.mapLeft(readerOf(route).readStream(value), (refusal) => ClassifyError.classifyRefusal(route, refusal))
}

const NOT_JSON = StreamPiece.makeRefusal(null, "a piece of the stream is not JSON")

/** A field for errors that holds none. */
const isEmpty = (error: unknown): boolean =>
  typeof error === "object" && error !== null
    ? Object.keys(error).length === 0
    : typeof error !== "string" || error === ""

/** undici frees a connection one turn of the event loop after its answer. A call made earlier would open another one. */
const awaitFreeConnection = Effect.promise(() => setImmediate())

const readLastEvents = (
  route: ResolvedRoute,
  ending: StreamPiece.Ending
): Effect.Effect<ReadonlyArray<Event>, ModelError> =>
  Option.match(StreamPiece.toLastEvents(ending), {
    onSome: (events) => Effect.as(awaitFreeConnection, events),
    onNone: () => Effect.fail(ClassifyError.makeConnectionError(route, "the stream ended without its end mark"))
  })
