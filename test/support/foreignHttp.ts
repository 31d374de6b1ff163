/**
 * The strict servers of `foreignServers` on the loopback, and the clients of their APIs. A request is refused as the real
 * server would do it: with status 400, in the shape of the provider's own errors.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import { Effect, Schema, type Scope } from "effect"
import OpenAI, { APIError } from "openai"
import {
  type ForeignServer,
  isObject,
  type Json,
  listObjects,
  makeAnthropicServer,
  makeResponsesServer
} from "./foreignServers.ts"

/** Why a call failed. An overflow has the tag that asks for a smaller view; any other refusal tells its reason. */
export interface Failed {
  readonly _tag: string
  readonly detail: string
}

/** Calls a server with what an agent would send it, and returns the blocks or items of its answer. */
export type Call = (input: unknown) => Effect.Effect<ReadonlyArray<Json>, Failed>

/** A server that is called over the loopback. */
export interface Foreign {
  readonly call: Call
  readonly counts: Counts
}

/** How many requests a server has had, and how many of them it refused for their size. */
interface Counts {
  requests: number
  overflows: number
}

interface Opened {
  readonly url: string
  readonly counts: Counts
}

interface Wire {
  readonly path: string
  /** What is wrong with a request beside its messages. */
  readonly findFault: (headers: IncomingHttpHeaders, body: Json) => string | undefined
  /** The part of the body that is read by the model. */
  readonly toInput: (body: Json) => unknown
  readonly toAnswer: (content: ReadonlyArray<Json>, n: number) => Json
  readonly toError: (message: string, isOverflow: boolean) => Json
}

const MODEL = "test-model"
const TOOL = { type: "object", properties: { path: { type: "string" } } }

const findUnknown = (body: Json, known: ReadonlyArray<string>): string | undefined => {
  const name = Object.keys(body).find((field) => !known.includes(field))
  return name === undefined ? undefined : `${name}: extra inputs are not permitted`
}

const anthropicWire: Wire = {
  path: "/v1/messages",
  findFault: (headers, body) => {
    if (typeof headers["x-api-key"] !== "string") return "x-api-key header is required"
    if (headers["anthropic-version"] !== "2023-06-01") return "anthropic-version: header is required"
    if (typeof body.max_tokens !== "number") return "max_tokens: field required"
    if (!Array.isArray(body.tools)) return "requests which include tool_use blocks must define tools"
    return findUnknown(body, ["model", "max_tokens", "system", "messages", "tools", "thinking"])
  },
  toInput: ({ messages, system }) => ({ messages, ...(system === undefined ? {} : { system }) }),
  toAnswer: (content, n) => ({
    id: `msg_${n}`,
    type: "message",
    role: "assistant",
    model: MODEL,
    content,
    stop_reason: content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 }
  }),
  toError: (message) => ({ type: "error", error: { type: "invalid_request_error", message }, request_id: "req_1" })
}

const responsesWire: Wire = {
  path: "/v1/responses",
  findFault: (headers, body) => {
    if (!String(headers.authorization).startsWith("Bearer ")) return "You didn't provide an API key."
    if (body.store !== false) return "store: encrypted reasoning is for requests that are not stored"
    if (!Array.isArray(body.include) || !body.include.includes("reasoning.encrypted_content"))
      return "include: the agent would get no encrypted reasoning"
    return findUnknown(body, ["model", "store", "include", "input", "tools", "reasoning"])
  },
  toInput: ({ input }) => input,
  toAnswer: (output, n) => ({
    id: `resp_${n}`,
    object: "response",
    created_at: 0,
    model: MODEL,
    status: "completed",
    error: null,
    incomplete_details: null,
    output
  }),
  toError: (message, isOverflow) => ({
    error: {
      message,
      type: "invalid_request_error",
      param: "input",
      code: isOverflow ? "context_length_exceeded" : null
    }
  })
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const pieces: Array<Buffer> = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces).toString("utf8")
}

/** `JSON.stringify` escapes a surrogate only if it stands alone, which no provider's parser takes. */
const LONE_SURROGATE = /\\u[dD][89a-fA-F]/

const OVERFLOW = /too long|exceeds/

const openServer = (wire: Wire, server: ForeignServer): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.gen(function* () {
    const counts: Counts = { requests: 0, overflows: 0 }
    const reply = ({ headers, url }: IncomingMessage, text: string) => {
      const body: unknown = JSON.parse(text)
      if (url !== wire.path || !isObject(body)) return { refusal: `${String(url)}: no such request` }
      const fault = LONE_SURROGATE.test(text) ? "no low surrogate in string" : wire.findFault(headers, body)
      return fault === undefined ? server.answer(wire.toInput(body)) : { refusal: fault }
    }
    const http = createServer((request, response) => {
      const write = (status: number, body: Json) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
      const work = async () => {
        const answer = reply(request, await readBody(request))
        counts.requests++
        if ("answer" in answer) return write(200, wire.toAnswer(answer.answer, counts.requests))
        const isOverflow = OVERFLOW.test(answer.refusal)
        if (isOverflow) counts.overflows++
        return write(400, wire.toError(answer.refusal, isOverflow))
      }
      work().catch((error) => response.destroy(error))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void http.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          http.close(() => resume(Effect.void))
          http.closeAllConnections()
        })
    )
    const address = http.address()
    const url = `http://127.0.0.1:${isObject(address) ? String(address.port) : ""}`
    return { url, counts }
  })

const failWith = (message: string): Failed => ({
  _tag: OVERFLOW.test(message) ? "ContextOverflow" : message,
  detail: message
})

/** A window that the server itself enforces. */
export interface Window {
  readonly takes: number
}

/** Anthropic's Messages API, called with `fetch` as an agent without a client library does. */
export const openAnthropic = ({ takes }: Window): Effect.Effect<Foreign, never, Scope.Scope> =>
  Effect.map(openServer(anthropicWire, makeAnthropicServer(takes)), ({ counts, url }) => ({
    counts,
    call: (input) =>
      Effect.tryPromise(async () => {
        const response = await fetch(`${url}${anthropicWire.path}`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-api-key": "test-key", "anthropic-version": "2023-06-01" },
          body: JSON.stringify({
            model: MODEL,
            max_tokens: 4_096,
            thinking: { type: "enabled", budget_tokens: 2_048 },
            tools: [{ name: "read_file", input_schema: TOOL }],
            ...Object(input)
          })
        })
        return { isOk: response.ok, body: Object(await response.json()) }
      }).pipe(
        Effect.orDie,
        Effect.flatMap(({ body, isOk }) =>
          isOk
            ? Effect.succeed(listObjects(body.content))
            : Effect.fail(failWith(Schema.decodeUnknownSync(AnthropicError)(body).error.message))
        )
      )
  }))

const AnthropicError = Schema.Struct({
  type: Schema.Literal("error"),
  error: Schema.Struct({ type: Schema.Literal("invalid_request_error"), message: Schema.String })
})

/** OpenAI's Responses API, called with OpenAI's own client. */
export const openResponses = ({ takes }: Window): Effect.Effect<Foreign, never, Scope.Scope> =>
  Effect.map(openServer(responsesWire, makeResponsesServer(takes)), ({ counts, url }) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "test-key", maxRetries: 0 })
    return {
      counts,
      call: (input) =>
        Effect.tryPromise({
          try: () =>
            client.post<Json>("/responses", {
              body: {
                model: MODEL,
                store: false,
                include: ["reasoning.encrypted_content"],
                reasoning: { effort: "high" },
                tools: [{ type: "function", name: "read_file", parameters: TOOL, strict: false }],
                input
              }
            }),
          catch: (thrown) => (thrown instanceof APIError && thrown.status === 400 ? thrown : undefined)
        }).pipe(
          Effect.catchAll((refusal) =>
            refusal === undefined
              ? Effect.dieMessage("the client failed")
              : Effect.fail({
                  _tag: refusal.code === "context_length_exceeded" ? "ContextOverflow" : refusal.message,
                  detail: refusal.message
                })
          ),
          Effect.map(({ output }) => listObjects(output))
        )
    }
  })
