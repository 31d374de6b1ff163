/**
 * Builds requests of the Chat Completions API and reads its streamed chunks.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions/completions"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { type Accepted, accepts } from "./parameters.ts"
import { makeRefusal } from "./refusal.ts"
import {
  collectWords,
  lenient,
  makeReader,
  makeUsage,
  nothing,
  optional,
  orNull,
  type Read,
  type Reading,
  type Reason
} from "./streamPiece.ts"
import { toChatMessages } from "./wireMessages.ts"

/** The body of `POST /chat/completions`. */
export const makeParams = (
  route: ResolvedRoute,
  request: ModelRequest,
  accepted: Accepted
): ChatCompletionCreateParamsStreaming => ({
  model: route.model,
  stream: true,
  ...(accepts(accepted, "stream_options") ? { stream_options: { include_usage: true } } : {}),
  ...limitOutput(Math.min(request.maxOutputTokens, accepted.outputCap), accepted),
  messages: toChatMessages(request.messages)
})

/** Mistral's servers know only the older name of the limit, and OpenAI's newer models only the newer one. */
const limitOutput = (tokens: number, accepted: Accepted) => {
  if (accepts(accepted, "max_completion_tokens")) return { max_completion_tokens: tokens }
  return accepts(accepted, "max_tokens") ? { max_tokens: tokens } : {}
}

/** Servers other than OpenAI's stream reasoning as `reasoning_content` or `reasoning`, and words as lists of parts. */
const Delta = Schema.Struct({
  content: Schema.optional(Schema.Unknown),
  refusal: lenient(Schema.String),
  reasoning_content: Schema.optional(Schema.Unknown),
  reasoning: Schema.optional(Schema.Unknown)
})

const Choice = Schema.Struct({
  index: Schema.optional(Schema.Unknown),
  delta: lenient(Delta),
  message: lenient(Delta),
  finish_reason: lenient(Schema.String)
})

const Chunk = Schema.Struct({
  choices: optional(Schema.Array(orNull(Choice))),
  usage: lenient(
    Schema.Struct({
      prompt_tokens: Schema.Number,
      completion_tokens: Schema.Number,
      prompt_tokens_details: lenient(Schema.Struct({ cached_tokens: lenient(Schema.Number) }))
    })
  )
})

/** Reads one chunk of the stream and its first choice. The last chunk has the usage and no choice. */
export const readStream: Read = makeReader(Chunk, ({ choices, usage }) => {
  const choice = choices?.find((choice) => choice !== null && Number(choice.index ?? 0) === 0)
  if (choice?.finish_reason === "error") return Either.left(makeRefusal("the answer ended in an error"))
  const message = readDelta(choice?.message)
  return Either.right({
    ...readDelta(choice?.delta),
    whole: message.text === "" ? null : { spans: "answer", text: message.text },
    refused: Boolean(choice?.delta?.refusal) || Boolean(choice?.message?.refusal),
    ended: toFinishReason(choice?.finish_reason),
    usage: usage
      ? makeUsage(usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details?.cached_tokens)
      : null
  })
})

/** `[DONE]` ends the stream. A server that sends it may leave out the `finish_reason`. */
export const readEndMark: Reading = { ...nothing, ended: "stop" }

/** Reads an answer that came as one JSON object, or returns none if it is another one. */
export const readBody = (body: unknown): Option.Option<ReturnType<Read>> =>
  isBody(body) ? Option.some(Either.map(readStream(body), endBody)) : Option.none()

const isBody = Schema.is(Schema.Struct({ choices: Schema.NonEmptyArray(Schema.Struct({ message: Schema.Object })) }))

/** A JSON object is whole by itself. */
const endBody = (reading: Reading): Reading => ({ ...reading, ended: reading.ended ?? "stop" })

const readDelta = (delta: typeof Delta.Type | null | undefined): Reading => {
  const parts = Array.isArray(delta?.content) ? delta.content : [delta?.content]
  const thoughts = parts.filter(isThought)
  return {
    ...nothing,
    text: `${collectWords(parts.filter((part) => !isThought(part)))}${delta?.refusal ?? ""}`,
    reasoning: collectWords(delta?.reasoning_content) || collectWords(delta?.reasoning) || collectWords(thoughts)
  }
}

const isThought = Schema.is(Schema.Struct({ type: Schema.Literal("thinking", "reasoning") }))

/**
 * The ends that servers name for an answer that came to its end by itself, in lower case: those of OpenAI and Gemini
 * (`STOP`), Anthropic (`end_turn`, `stop_sequence`), Together (`eos`), TGI (`eos_token`), AI21 (`endoftext`) and Cohere
 * (`COMPLETE`). Any other end has cut the answer: there is no list of failures that one could rely on.
 */
const WHOLE = ["stop", "end_turn", "stop_sequence", "eos", "eos_token", "endoftext", "complete", "completed"]
const AT_LIMIT = ["length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded"]
const DECLINED = ["content_filter", "refusal"]

/** Some servers write the null of a stream that goes on as a word. */
const toFinishReason = (finish: string | null | undefined): Reason | null => {
  const word = (finish ?? "").toLowerCase()
  if (word === "" || word === "null") return null
  if (WHOLE.includes(word)) return "stop"
  if (AT_LIMIT.includes(word)) return "length"
  return DECLINED.includes(word) ? "refusal" : "other"
}
