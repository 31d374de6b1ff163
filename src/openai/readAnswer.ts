/**
 * Reads an answer of either API from its bytes to its finish, whether it is streamed or comes whole.
 */
import { setImmediate } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { APIError } from "openai"
import type { ModelError } from "../model/ModelError.ts"
import type { Event, ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { makeAnswerDecoder, parseJson, type Piece } from "./answerDecoder.ts"
import * as ChatCompletions from "./chatCompletions.ts"
import * as ClassifyError from "./classifyError.ts"
import { isError, makeRefusal } from "./refusal.ts"
import * as Responses from "./responses.ts"
import * as StreamPiece from "./streamPiece.ts"

/** An answer as it comes in. `forget` drops what was learned of the model. */
interface AnswerReading {
  readonly route: ResolvedRoute
  readonly response: Response
  readonly classify: (thrown: unknown) => ModelError
  readonly forget: () => void
  /** The bytes after which the answer is refused. */
  readonly mostBytes: number
}

/**
 * Reads the answer to its very end, so that the connection can be used again, and ends with its finish. Whatever comes is
 * a sign of life: bytes without an event give an empty text.
 */
export const readAnswer = (reading: AnswerReading): Stream.Stream<Event, ModelError> => {
  const { classify, forget, mostBytes, response, route } = reading
  const decoder = makeAnswerDecoder()
  const flushed = Stream.sync(() => decoder.flush().filter(isUncut))
  return Stream.fromAsyncIterable(readBytes(response, mostBytes), classify).pipe(
    Stream.map(decoder.decode),
    Stream.concat(flushed),
    Stream.mapEffect((pieces) => Either.all(pieces.map((piece) => readPiece(piece, reading)))),
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
    Stream.mapConcat((events) => events),
    Stream.tapError(() => awaitFreeConnection)
  )
}

/**
 * Reads without closing: closing would wait for a pending read, so that a silent stream would never end. The abort signal
 * closes the connection instead.
 */
const readBytes = ({ body, headers, status }: Response, most: number): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    const reader = body?.getReader()
    let left = most
    const next = async () => {
      const read = await reader?.read()
      if (read === undefined || read.done) return { done: true, value: undefined } as const
      left -= read.value.length
      if (left < 0) throw new APIError(status, undefined, ENDLESS, headers)
      return read
    }
    return { next }
  }
})

const ENDLESS = "the answer is much longer than what was asked for"

/**
 * The bytes of the longest answer to a request. A token comes in an event of some hundred bytes; the rest is for the
 * reasoning, which not every server counts, and for what servers repeat of a request.
 */
export const mostBytes = ({ maxOutputTokens }: ModelRequest): number => 2 ** 24 + 4_096 * maxOutputTokens

/** The last event of a stream may be half a one. */
const isUncut = ({ data, kind }: Piece): boolean => kind === "body" || parseJson(data) !== undefined || isEndMark(data)

const isEndMark = (data: string): boolean => data.trimStart().startsWith("[DONE]")

const readPiece = (piece: Piece, reading: AnswerReading): Either.Either<StreamPiece.Reading, ModelError> =>
  piece.kind === "body" ? readBody(piece, reading) : readEvent(piece, reading)

/** Reads an answer that came whole. The error page of a proxy and an error object may have status 200, too. */
const readBody = ({ data }: Piece, { classify, response, route }: AnswerReading) => {
  const { headers, status } = response
  const body = parseJson(data)
  if (isError(body)) return Either.left(classify(new APIError(status, toObject(body), undefined, headers)))
  return Option.match(readerOf(route).readBody(body), {
    // The text may be the words of a model, which have no place in an error.
    onNone: () => Either.left(classify(new APIError(status, undefined, UNREADABLE, headers))),
    onSome: Either.mapLeft((refusal) => ClassifyError.classifyRefusal(route, refusal))
  })
}

const UNREADABLE = "neither a stream nor an answer"

/** Reads one event. Servers also send some without anything in it. */
const readEvent = ({ data, type }: Piece, { classify, response, route }: AnswerReading) => {
  const value = parseJson(data)
  if (isError(value, type))
    return Either.left(classify(new APIError(undefined, toObject(value ?? data), undefined, response.headers)))
  if (data.trim() === "") return Either.right(StreamPiece.nothing)
  if (isEndMark(data)) return Either.right(readerOf(route).readEndMark)
  if (value === undefined) return Either.left(ClassifyError.classifyRefusal(route, NOT_JSON))
  if (typeof value !== "object" || value === null) return Either.right(StreamPiece.nothing)
  // Servers also name the type in the frame alone.
  const named = type === "" ? value : { type, ...value }
  return Either.mapLeft(readerOf(route).readStream(named), (refusal) => ClassifyError.classifyRefusal(route, refusal))
}

const NOT_JSON = makeRefusal("a piece of the stream is not JSON")

const toObject = (error: unknown): object => (typeof error === "object" && error !== null ? error : { error })

const readerOf = ({ api }: ResolvedRoute) => (api === "responses" ? Responses : ChatCompletions)

const readLastEvents = (
  route: ResolvedRoute,
  ending: StreamPiece.Ending
): Effect.Effect<ReadonlyArray<Event>, ModelError> =>
  Option.match(StreamPiece.toLastEvents(ending), {
    onSome: (events) => Effect.as(awaitFreeConnection, events),
    onNone: () => Effect.fail(ClassifyError.makeConnectionError(route, "the stream ended without its end mark"))
  })

/** undici frees a connection one turn of the event loop after its answer. A call made earlier would open another one. */
export const awaitFreeConnection = Effect.promise(() => setImmediate())
