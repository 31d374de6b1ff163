/**
 * Builds requests of the Chat Completions API and reads its streamed chunks.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type {
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam
} from "openai/resources/chat/completions/completions"
import { type Message, text } from "../message/Message.ts"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { lenient, optional, nothing, type Read, type Reason, makeReader, makeRefusal } from "./streamPiece.ts"

/** The body of `POST /chat/completions`. */
export const makeParams = (route: ResolvedRoute, request: ModelRequest): ChatCompletionCreateParamsStreaming => ({
  model: route.model,
  stream: true,
  stream_options: { include_usage: true },
  max_completion_tokens: request.maxOutputTokens,
  messages: request.messages.map(toPlainMessage)
})

const toPlainMessage = (message: Message): ChatCompletionMessageParam => ({
  role: message.role === "tool" ? "user" : message.role,
  content: text(message)
})

/** Servers other than OpenAI's stream reasoning as `reasoning_content` or `reasoning`. */
const Delta = Schema.Struct({
  content: optional(Schema.String),
  refusal: optional(Schema.String),
  reasoning_content: optional(Schema.String),
  reasoning: optional(Schema.String)
})

const Choice = Schema.Struct({
  index: optional(Schema.Number),
  delta: optional(Delta),
  finish_reason: optional(Schema.String)
})

const Chunk = Schema.Struct({
  choices: optional(Schema.Array(Choice)),
  usage: lenient(Schema.Struct({ prompt_tokens: Schema.Number, completion_tokens: Schema.Number }))
})

/** Reads one chunk of the stream and its first choice. The last chunk has the usage and no choice. */
export const readStream: Read = makeReader(Chunk, ({ choices, usage }) => {
  const choice = choices?.find(({ index }) => (index ?? 0) === 0)
  const delta = choice?.delta
  if (choice?.finish_reason === "error") return Either.left(makeRefusal(null, "the answer ended in an error"))
  return Either.right({
    ...nothing,
    text: `${delta?.content ?? ""}${delta?.refusal ?? ""}`,
    reasoning: delta?.reasoning_content ?? delta?.reasoning ?? "",
    refused: Boolean(delta?.refusal),
    ended: choice?.finish_reason ? toFinishReason(choice.finish_reason) : null,
    usage: usage ? { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens } : null
  })
})

const toFinishReason = (finish: string): Reason => {
  switch (finish) {
    case "stop":
      return "stop"
    // Other servers keep the words of their own APIs.
    case "length":
    case "max_tokens":
    case "MAX_TOKENS":
    case "model_length":
      return "length"
    case "content_filter":
      return "refusal"
    default:
      return "other"
  }
}
