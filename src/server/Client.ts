/**
 * A client of `throughline serve`, with the types of its endpoints and the library's own errors.
 *
 * @since 0.1.0
 */
import * as Sse from "@effect/experimental/Sse"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ParseError } from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { writeSegment } from "../message/pathSegment.ts"
import { Api } from "./Api.ts"
import { ServerEvent } from "./endpoints/answers.ts"

export { ServerEvent } from "./endpoints/answers.ts"
export { BadRequest, BodyTooLarge, ReadOnly, Unauthorized, Unavailable } from "./endpoints/errors.ts"

/**
 * The address of the service, e.g. `http://127.0.0.1:7421`, and the token that it was started with, if any.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions {
  readonly baseUrl: string
  readonly token?: Redacted.Redacted<string> | undefined
}

/**
 * The session whose events to read, or all, and the id of the last event that is known.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventsOptions {
  readonly sessionId?: string | undefined
  readonly after?: string | undefined
}

/**
 * Calls one endpoint by each method, in the groups of the interface: `service`, `observation`, `sessions`, `operations`,
 * `turns`. `readEvents` reads the events of the service, from now on or after a known one, until the connection ends.
 *
 * @since 0.1.0
 * @category models
 */
export type ClientShape = Effect.Effect.Success<ReturnType<typeof make>>

/**
 * Makes a client on an `HttpClient`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ baseUrl, token }: ClientOptions) =>
  Effect.gen(function* () {
    const authorize = HttpClient.mapRequest(
      token === undefined ? (request) => request : HttpClientRequest.bearerToken(Redacted.value(token))
    )
    const http = authorize(yield* HttpClient.HttpClient)
    const calls = yield* HttpApiClient.makeWith(Api, { httpClient: http, baseUrl })

    const readEvents = ({ after, sessionId }: EventsOptions = {}): Stream.Stream<
      { readonly id: string | undefined; readonly event: ServerEvent },
      HttpClientError.HttpClientError | ParseError | Sse.SseError
    > => {
      const path = sessionId === undefined ? "events" : `sessions/${writeSegment(sessionId)}/events`
      const request = HttpClientRequest.get(`${baseUrl.replace(/\/$/, "")}/${path}`).pipe(
        HttpClientRequest.setUrlParams(after === undefined ? {} : { after })
      )
      return Stream.unwrapScoped(
        Effect.map(HttpClient.filterStatusOk(http).execute(request), ({ stream }) => stream)
      ).pipe(
        Stream.decodeText(),
        Stream.pipeThroughChannel(Sse.makeChannel()),
        Stream.mapEffect(({ data, id }) => Effect.map(decodeEvent(data), (event) => ({ id, event })))
      )
    }

    return { ...calls, readEvents }
  })

const decodeEvent = Schema.decode(Schema.parseJson(ServerEvent))

/**
 * The client as a service.
 *
 * @since 0.1.0
 * @category services
 */
export class Client extends Context.Tag("throughline/Client")<Client, ClientShape>() {}

/**
 * The client on the `fetch` of this process.
 *
 * @example
 * Client.layer({ baseUrl: "http://127.0.0.1:7421" })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ClientOptions): Layer.Layer<Client> =>
  Layer.provide(Layer.effect(Client, make(options)), FetchHttpClient.layer)
