/**
 * Builds requests of the Responses API and reads its streamed events.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { ResponseCreateParamsStreaming } from "openai/resources/responses/responses"
import { isSystem, type Message, text } from "../message/Message.ts"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import {
  lenient,
  optional,
  nothing,
  type Read,
  type Reading,
  type Reason,
  makeReader,
  makeRefusal
} from "./streamPiece.ts"

/** Builds the body of `POST /responses`. The provider stores nothing. */
export const makeParams = (route: ResolvedRoute, request: ModelRequest): ResponseCreateParamsStreaming => {
  const instructions = request.messages.filter(isSystem).map(text).join("\n\n")
  return {
    model: route.model,
    stream: true,
    store: false,
    ...(instructions === "" ? {} : { instructions }),
    // The ChatGPT backend behind Codex credentials refuses a call that limits its output.
    ...(route.provider === "openai-codex" ? {} : { max_output_tokens: request.maxOutputTokens }),
    input: request.messages.filter((message) => !isSystem(message)).map(toInputItem)
  }
}

const toInputItem = (message: Message) => ({
  role: message.role === "assistant" ? ("assistant" as const) : ("user" as const),
  content: text(message)
})

const Words = Schema.Struct({
  type: Schema.Literal(
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta"
  ),
  delta: Schema.String
})

const End = Schema.Struct({
  type: Schema.Literal("response.completed", "response.incomplete", "response.failed", "response.cancelled"),
  response: Schema.Struct({
    status: optional(Schema.String),
    error: optional(Schema.Struct({ code: optional(Schema.String), message: optional(Schema.String) })),
    incomplete_details: optional(Schema.Struct({ reason: optional(Schema.String) })),
    usage: lenient(Schema.Struct({ input_tokens: Schema.Number, output_tokens: Schema.Number }))
  })
})

const Failure = Schema.Struct({
  type: Schema.Literal("error"),
  code: optional(Schema.String),
  message: optional(Schema.String)
})

/** Events without anything to read: items and parts that begin and end, tool calls, annotations. */
const Other = Schema.Struct({ type: Schema.String })

/** Reads one event of the stream. */
export const readStream: Read = makeReader(Schema.Union(Words, End, Failure, Other), (event) => {
  if ("delta" in event) return Either.right(readDelta(event))
  if ("response" in event) return readEnd(event)
  if (isFailure(event)) return Either.left(makeRefusal(event.code, event.message))
  return Either.right(nothing)
})

const isFailure = Schema.is(Failure)

const readDelta = ({ delta, type }: typeof Words.Type): Reading => {
  switch (type) {
    case "response.output_text.delta":
      return { ...nothing, text: delta }
    case "response.refusal.delta":
      return { ...nothing, text: delta, refused: true }
    default:
      return { ...nothing, reasoning: delta }
  }
}

const readEnd = ({ response, type }: typeof End.Type): ReturnType<Read> => {
  if (type === "response.cancelled" || response.status === "cancelled") {
    return Either.left(makeRefusal("cancelled", "the provider cancelled the response"))
  }
  if (type === "response.failed") return Either.left(makeRefusal(response.error?.code, response.error?.message))
  return Either.right({
    ...nothing,
    ended: type === "response.completed" ? "stop" : toCutReason(response.incomplete_details?.reason),
    usage: response.usage
      ? { inputTokens: response.usage.input_tokens, outputTokens: response.usage.output_tokens }
      : null
  })
}

/** An answer without a known reason is incomplete all the same. */
const toCutReason = (reason: string | null | undefined): Reason => (reason === "content_filter" ? "refusal" : "length")
