/**
 * The two streaming APIs of OpenAI as they look on the wire, for the model server.
 */
import type { IncomingMessage } from "node:http"
import { Schema } from "effect"
import type { Route } from "../../src/model/Provider.ts"

/** A request as it was read. `prompt` is the same for both APIs. */
export interface Asked {
  readonly api: Route["api"]
  /** The body as it came, and as JSON. */
  readonly raw: string
  readonly body: unknown
  readonly prompt: ReadonlyArray<{ readonly role: string; readonly content: string }>
}

/** The `error` object of an API. */
export interface ApiError {
  /** A string in the API, and an object on some servers. */
  readonly message?: string | object
  readonly code?: string | number
  readonly type?: string
  readonly param?: string
}

export interface Wire {
  readonly begin: string
  readonly text: (delta: string) => string
  readonly reasoning: (delta: string) => string
  readonly refusal: (delta: string) => string
  /** An error that comes after a good beginning. */
  readonly error: (error: ApiError) => string
  /** The end mark, with the usage. */
  readonly end: (end: "stop" | "length" | "filtered" | "broken") => ReadonlyArray<string>
}

/** The tokens every answer claims to have cost. */
export const USAGE = { input: 11, output: 7 }

const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
const response = (status: string, fields: object = {}) => ({
  response: { id: "resp_1", object: "response", created_at: 0, model: "test-model", status, output: [], ...fields }
})
const part = { item_id: "msg_1", output_index: 0, content_index: 0 }

const responses: Wire = {
  begin: event("response.created", response("in_progress")),
  text: (delta) => event("response.output_text.delta", { ...part, delta, logprobs: [] }),
  reasoning: (delta) => event("response.reasoning_summary_text.delta", { item_id: "rs_1", summary_index: 0, delta }),
  refusal: (delta) => event("response.refusal.delta", { ...part, delta }),
  error: (error) => event("error", { param: null, ...error }),
  end: (end) => {
    const usage = { input_tokens: USAGE.input, output_tokens: USAGE.output, total_tokens: USAGE.input + USAGE.output }
    if (end === "stop") return [event("response.completed", response("completed", { usage }))]
    if (end === "broken") return [event("response.completed", response("incomplete", { usage }))]
    const reason = end === "length" ? "max_output_tokens" : "content_filter"
    return [event("response.incomplete", response("incomplete", { usage, incomplete_details: { reason } }))]
  }
}

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const chunk = (fields: object) =>
  data({ id: "chatcmpl_1", object: "chat.completion.chunk", created: 0, model: "test-model", ...fields })
const choice = (delta: object, finish_reason: string | null = null) =>
  chunk({ choices: [{ index: 0, delta, finish_reason }], usage: null })

const chat: Wire = {
  begin: choice({ role: "assistant", content: "" }),
  text: (content) => choice({ content }),
  reasoning: (reasoning_content) => choice({ reasoning_content }),
  refusal: (refusal) => choice({ refusal }),
  error: (error) => data({ error }),
  end: (end) => [
    choice({}, { stop: "stop", length: "length", filtered: "content_filter", broken: "network_error" }[end]),
    chunk({
      choices: [],
      usage: { prompt_tokens: USAGE.input, completion_tokens: USAGE.output, total_tokens: USAGE.input + USAGE.output }
    }),
    "data: [DONE]\n\n"
  ]
}

/** The stream format of each API. */
export const wires: Record<Route["api"], Wire> = { responses, chat }

/** Items of the Responses API have no role, and messages with pictures a list. */
const Prompt = Schema.Array(
  Schema.Struct({ role: Schema.optional(Schema.String), content: Schema.optional(Schema.Unknown) })
)
const Body = Schema.Struct({
  stream: Schema.Literal(true),
  instructions: Schema.optional(Schema.String),
  input: Schema.optional(Prompt),
  messages: Schema.optional(Prompt)
})

/** Reads a request; anything but a streaming call is an error. */
export const read = async (request: IncomingMessage): Promise<Asked> => {
  const pieces: Array<Buffer> = []
  for await (const piece of request) pieces.push(piece)
  const raw = Buffer.concat(pieces).toString("utf8")
  const body: unknown = JSON.parse(raw)
  const { input, instructions, messages } = Schema.decodeUnknownSync(Body)(body)
  const system = instructions === undefined ? [] : [{ role: "system", content: instructions }]
  return {
    api: request.url?.startsWith("/v1/responses") === true ? "responses" : "chat",
    raw,
    body,
    prompt: [...system, ...(input ?? []), ...(messages ?? [])].flatMap(({ content, role }) =>
      role === undefined ? [] : [{ role, content: typeof content === "string" ? content : "" }]
    )
  }
}
