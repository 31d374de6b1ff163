/**
 * The Chat Completions API: what is sent, and how each streamed chunk reads.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type {
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam
} from "openai/resources/chat/completions/completions"
import { type Message, text } from "../message/Message.ts"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { atMost, maybe, nothing, type Read, type Reason, reader, refusal } from "./streamPiece.ts"

/** The body of `POST /chat/completions`. */
export const makeParams = (route: ResolvedRoute, request: ModelRequest): ChatCompletionCreateParamsStreaming => ({
  model: route.model,
  stream: true,
  stream_options: { include_usage: true },
  max_completion_tokens: request.maxOutputTokens,
  messages: request.messages.map(plain)
})

const plain = (message: Message): ChatCompletionMessageParam => ({
  role: message.role === "tool" ? "user" : message.role,
  content: text(message)
})

/** `reasoning_content` and `reasoning` are what other servers than OpenAI's call the same thing. */
const Delta = Schema.Struct({
  content: maybe(Schema.String),
  refusal: maybe(Schema.String),
  reasoning_content: maybe(Schema.String),
  reasoning: maybe(Schema.String)
})

const Choice = Schema.Struct({ index: maybe(Schema.Number), delta: maybe(Delta), finish_reason: maybe(Schema.String) })

const Chunk = Schema.Struct({
  choices: maybe(Schema.Array(Choice)),
  usage: atMost(Schema.Struct({ prompt_tokens: Schema.Number, completion_tokens: Schema.Number }))
})

/** Reads one chunk of the stream; the one with the usage comes last and has no choice in it. Of many choices the first. */
export const readStream: Read = reader(Chunk, ({ choices, usage }) => {
  const choice = choices?.find(({ index }) => (index ?? 0) === 0)
  const delta = choice?.delta
  if (choice?.finish_reason === "error") return Either.left(refusal(null, "the answer ended in an error"))
  return Either.right({
    ...nothing,
    text: `${delta?.content ?? ""}${delta?.refusal ?? ""}`,
    reasoning: delta?.reasoning_content ?? delta?.reasoning ?? "",
    refused: Boolean(delta?.refusal),
    ended: choice?.finish_reason ? reason(choice.finish_reason) : null,
    usage: usage ? { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens } : null
  })
})

const reason = (finish: string): Reason => {
  switch (finish) {
    case "stop":
      return "stop"
    // Servers of other models keep the words of their own API.
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
