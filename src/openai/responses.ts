/**
 * Builds requests of the Responses API and reads its streamed events.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ResponseCreateParamsStreaming } from "openai/resources/responses/responses"
import { isSystem, text } from "../message/Message.ts"
import type { ModelRequest, ResolvedRoute } from "../model/Provider.ts"
import { type Accepted, accepts } from "./parameters.ts"
import { makeRefusal, readError } from "./refusal.ts"
import {
  collectWords,
  lenient,
  makeReader,
  makeUsage,
  nothing,
  orNull,
  type Read,
  type Reading,
  type Reason,
  type Whole
} from "./streamPiece.ts"
import { toInputItems } from "./wireMessages.ts"

/** Builds the body of `POST /responses`. The provider stores nothing. */
export const makeParams = (
  route: ResolvedRoute,
  request: ModelRequest,
  accepted: Accepted
): ResponseCreateParamsStreaming => {
  const takesInstructions = accepts(accepted, "instructions")
  const instructions = request.messages.filter(isSystem).map(text).join("\n\n")
  const input = toInputItems(request.messages.filter((message) => !isSystem(message)))
  // The ChatGPT backend behind Codex credentials refuses a call that limits its output.
  const isLimited = route.provider !== "openai-codex" && accepts(accepted, "max_output_tokens")
  return {
    model: route.model,
    stream: true,
    ...(accepts(accepted, "store") ? { store: false } : {}),
    ...(takesInstructions && instructions !== "" ? { instructions } : {}),
    ...(isLimited ? { max_output_tokens: Math.min(request.maxOutputTokens, accepted.outputCap) } : {}),
    input: takesInstructions || instructions === "" ? input : [{ role: "system", content: instructions }, ...input]
  }
}

const Words = Schema.Struct({
  type: Schema.Literal(
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta"
  ),
  delta: Schema.String
})

/** A part or an item that is whole. Servers that stream no deltas send the text here alone, or even with the end. */
const Done = Schema.Struct({
  type: Schema.Literal("response.output_text.done", "response.refusal.done", "response.output_item.done"),
  text: lenient(Schema.String),
  refusal: lenient(Schema.String),
  item: Schema.optional(Schema.Unknown)
})

const End = Schema.Struct({
  // Some servers use the older name of the end, which the Realtime API kept.
  type: Schema.Literal(
    "response.completed",
    "response.done",
    "response.incomplete",
    "response.failed",
    "response.cancelled"
  ),
  response: Schema.Struct({
    status: Schema.optional(Schema.Unknown),
    output: Schema.optional(Schema.Unknown),
    error: Schema.optional(Schema.Unknown),
    incomplete_details: lenient(Schema.Struct({ reason: lenient(Schema.String) })),
    usage: lenient(
      Schema.Struct({
        input_tokens: Schema.Number,
        output_tokens: Schema.Number,
        input_tokens_details: lenient(Schema.Struct({ cached_tokens: lenient(Schema.Number) }))
      })
    )
  })
})

/** Events without anything to read: items and parts that begin, tool calls, annotations. */
const Other = Schema.Struct({ type: Schema.String })

/** Reads one event of the stream. */
export const readStream: Read = makeReader(Schema.Union(Words, Done, End, orNull(Other)), (event): ReturnType<Read> => {
  if (event === null) return Either.right(nothing)
  if ("delta" in event) return Either.right(readDelta(event))
  if ("response" in event) return readEnd(event)
  if (isDone(event)) return Either.right(readDone(event))
  return Either.right(nothing)
})

const isDone = Schema.is(Done)

/** `[DONE]` is no end mark of this API: a server that sends it ends its answers with `response.completed`, too. */
export const readEndMark: Reading = nothing

/** Reads an answer that came as one JSON object, or returns none if it is another one. */
export const readBody = (body: unknown): Option.Option<ReturnType<Read>> =>
  isBody(body) ? Option.some(readStream({ type: "response.completed", response: body })) : Option.none()

const isBody = Schema.is(Schema.Struct({ output: Schema.NonEmptyArray(Schema.Unknown) }))

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

const readDone = ({ item, refusal, text }: typeof Done.Type): Reading =>
  item === undefined
    ? {
        ...nothing,
        refused: Boolean(refusal),
        whole: { spans: "part", text: refusal ?? text ?? "" }
      }
    : { ...nothing, ...readItems("item", [item]) }

const Item = Schema.Struct({ type: Schema.Literal("message"), content: Schema.Array(Schema.Unknown) })
const isItem = Schema.is(Item)
const isRefusal = Schema.is(Schema.Struct({ type: Schema.Literal("refusal") }))

/** The words of the messages among the items. Others are reasoning and calls. */
const readItems = (spans: Whole["spans"], items: ReadonlyArray<unknown>): Pick<Reading, "refused" | "whole"> => {
  const parts = items.filter(isItem).flatMap(({ content }) => content)
  return { refused: parts.some(isRefusal), whole: { spans, text: collectWords(parts) } }
}

const readEnd = ({ response, type }: typeof End.Type): ReturnType<Read> => {
  const { error, incomplete_details, output, status, usage } = response
  if (type === "response.cancelled" || status === "cancelled") {
    return Either.left(makeRefusal("the provider cancelled the response", "cancelled"))
  }
  if (type === "response.failed" || status === "failed") return Either.left(readError(error))
  const isWhole = type !== "response.incomplete" && [undefined, null, "completed"].some((good) => status === good)
  return Either.right({
    ...nothing,
    ...(Array.isArray(output) ? readItems("answer", output) : {}),
    ended: isWhole ? "stop" : toCutReason(incomplete_details?.reason),
    usage: usage ? makeUsage(usage.input_tokens, usage.output_tokens, usage.input_tokens_details?.cached_tokens) : null
  })
}

/** An answer without a known reason is incomplete all the same. */
const toCutReason = (reason: string | null | undefined): Reason => (reason === "content_filter" ? "refusal" : "length")
