/**
 * Lets through what a program of the user may have sent: the right host, a body that no web page of another site can send,
 * and no larger than the service takes. What is let through has its body read.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMethod from "@effect/platform/HttpMethod"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { describeInexact, type ExactJson, parseExactly } from "../transcripts/exactJson.ts"
import { isTooDeep, TOO_DEEP } from "../transcripts/rows.ts"
import * as Errors from "./endpoints/errors.ts"
import { Settings } from "./settings.ts"

/** The names under which a browser reaches the loopback itself. A name of another site may lead there as well. */
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i

/** No cache keeps what is answered, and a browser takes it for nothing but what it is. */
const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin"
}

/** Refuses requests before they reach the router. */
const guardRequests = Effect.map(
  Settings,
  (settings) =>
    (app: HttpApp.Default): HttpApp.Default =>
      Effect.gen(function* () {
        yield* HttpApp.appendPreResponseHandler((_, response) =>
          Effect.succeed(HttpServerResponse.setHeaders(response, HEADERS))
        )
        const request = yield* HttpServerRequest.HttpServerRequest
        if (settings.isLoopback && !LOOPBACK.test(request.headers["host"] ?? "")) return refuse("wrong-host")
        // No page of another site can send a DELETE either, and its body says nothing.
        if (!HttpMethod.hasBody(request.method) || request.method === "DELETE") return yield* app
        if (!/^application\/json\s*(?:;|$)/i.test(request.headers["content-type"] ?? "")) return refuse("not-json")
        const bytes = yield* readBody(request, settings.bodyLimit)
        if (bytes === null) {
          return answer(Errors.bodyTooLarge, new Errors.BodyTooLarge({ limit: settings.bodyLimit }), 413)
        }
        const body = parseBody(bytes)
        if (body === undefined) return refuse("malformed")
        if (isTooDeep(body.value)) return refuse("malformed", TOO_DEEP)
        const issue = describeInexact(body)
        if (issue !== undefined) return refuse("inexact", issue)
        return yield* Effect.provideService(app, HttpServerRequest.HttpServerRequest, withBody(request, body.value))
      }).pipe(
        Effect.catchAllCause((cause) =>
          Cause.squash(cause) instanceof HttpServerError.RouteNotFound
            ? Effect.succeed(NOT_FOUND)
            : Effect.failCause(cause)
        )
      )
)

export const layer = HttpApiBuilder.middleware(guardRequests)

const NOT_FOUND = HttpServerResponse.unsafeJson(
  { _tag: "NotFound", message: "there is no such endpoint; /docs lists them", isRetryable: false },
  { status: 404 }
)

const REFUSALS = {
  "wrong-host": {
    schema: Errors.wrongHost,
    status: 421,
    detail: "the Host of the request is no name of this service"
  },
  "not-json": { schema: Errors.notJson, status: 415, detail: "the body must be application/json" },
  malformed: {
    schema: Errors.malformed,
    status: 400,
    detail: "the body is not the text of a JSON value, in UTF-8"
  },
  inexact: { schema: Errors.malformed, status: 400, detail: "the body holds what would be changed" }
} as const

const refuse = (reason: keyof typeof REFUSALS, issue?: string) => {
  const { detail, schema, status } = REFUSALS[reason]
  return answer(schema, new Errors.BadRequest({ reason, detail: issue ?? detail }), status)
}

const answer = <A, I>(schema: Schema.Schema<A, I>, error: A, status: number) =>
  HttpServerResponse.unsafeJson(Schema.encodeSync(schema)(error), { status })

/**
 * Reads a body, or returns null for one that is too large. That is read to its end, and forgotten, so that its sender can read
 * the answer, unless it goes on for too long.
 */
const readBody = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  request.stream.pipe(
    Stream.scan({ length: 0, pieces: Chunk.empty<Uint8Array>() }, ({ length, pieces }, piece) => ({
      length: length + piece.length,
      pieces: length + piece.length > limit ? Chunk.empty<Uint8Array>() : Chunk.append(pieces, piece)
    })),
    Stream.takeUntil(({ length }) => length > PATIENCE * limit),
    Stream.runLast,
    // A body that breaks off is no JSON value either, and its sender is gone.
    Effect.orElseSucceed(() => Option.none()),
    Effect.map((last) => {
      const { length, pieces } = Option.getOrElse(last, () => ({ length: 0, pieces: Chunk.empty<Uint8Array>() }))
      return length > limit ? null : Buffer.concat(Chunk.toReadonlyArray(pieces))
    })
  )

const PATIENCE = 4

const utf8 = new TextDecoder("utf-8", { fatal: true })

const decodeUtf8 = Option.liftThrowable((bytes: Uint8Array) => utf8.decode(bytes))

/** Undefined for other encodings, too, whose characters would be stored as replacement characters. */
const parseBody = (bytes: Uint8Array): ExactJson | undefined =>
  Option.getOrUndefined(
    Option.flatMapNullable(bytes.length === 0 ? Option.some("{}") : decodeUtf8(bytes), (text) => parseExactly(text))
  )

/** The request with the body that was read of it. */
const withBody = (request: HttpServerRequest.HttpServerRequest, body: unknown): HttpServerRequest.HttpServerRequest =>
  Object.create(request, { json: { value: Effect.succeed(body) } })
