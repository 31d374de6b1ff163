/**
 * The Responses API: what is sent, and how each streamed event reads.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { ResponseCreateParamsStreaming } from "openai/resources/responses/responses"
import { isSystem, type Message, text } from "../message/Message.ts"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { atMost, maybe, nothing, type Read, type Reading, type Reason, reader, refusal } from "./streamPiece.ts"

/** The body of `POST /responses`. Nothing is stored at the provider. */
export const makeParams = (route: ResolvedRoute, request: ModelRequest): ResponseCreateParamsStreaming => {
  const instructions = request.messages.filter(isSystem).map(text).join("\n\n")
  return {
    model: route.model,
    stream: true,
    store: false,
    ...(instructions === "" ? {} : { instructions }),
    // The ChatGPT backend behind Codex credentials turns a call away that limits its output.
    ...(route.provider === "openai-codex" ? {} : { max_output_tokens: request.maxOutputTokens }),
    input: request.messages.filter((message) => !isSystem(message)).map(item)
  }
}

const item = (message: Message) => ({
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
    status: maybe(Schema.String),
    error: maybe(Schema.Struct({ code: maybe(Schema.String), message: maybe(Schema.String) })),
    incomplete_details: maybe(Schema.Struct({ reason: maybe(Schema.String) })),
    usage: atMost(Schema.Struct({ input_tokens: Schema.Number, output_tokens: Schema.Number }))
  })
})

const Failure = Schema.Struct({
  type: Schema.Literal("error"),
  code: maybe(Schema.String),
  message: maybe(Schema.String)
})

/** Events that carry nothing for us: items and parts that begin and end, tool calls, annotations. */
const Other = Schema.Struct({ type: Schema.String })

/** Reads one event of the stream. */
export const readStream: Read = reader(Schema.Union(Words, End, Failure, Other), (event) => {
  if ("delta" in event) return Either.right(words(event))
  if ("response" in event) return end(event)
  if (isFailure(event)) return Either.left(refusal(event.code, event.message))
  return Either.right(nothing)
})

const isFailure = Schema.is(Failure)

const words = ({ delta, type }: typeof Words.Type): Reading => {
  switch (type) {
    case "response.output_text.delta":
      return { ...nothing, text: delta }
    case "response.refusal.delta":
      return { ...nothing, text: delta, refused: true }
    default:
      return { ...nothing, reasoning: delta }
  }
}

const end = ({ response, type }: typeof End.Type): ReturnType<Read> => {
  if (type === "response.cancelled" || response.status === "cancelled") {
    return Either.left(refusal("cancelled", "the provider cancelled the response"))
  }
  if (type === "response.failed") return Either.left(refusal(response.error?.code, response.error?.message))
  return Either.right({
    ...nothing,
    ended: type === "response.completed" ? "stop" : cutShort(response.incomplete_details?.reason),
    usage: response.usage
      ? { inputTokens: response.usage.input_tokens, outputTokens: response.usage.output_tokens }
      : null
  })
}

/** Incomplete it is, whatever the reason. */
const cutShort = (reason: string | null | undefined): Reason => (reason === "content_filter" ? "refusal" : "length")
