/** Further ways of other servers to answer and to refuse, each on the API that it belongs to. */
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import type { ResolvedRoute } from "../../src/model/Provider.ts"
import { APIS, addUp, collectEvents, pickFields } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const { raw } = ModelServer

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const delta = (fields: object, finish_reason: string | null = null) =>
  data({ choices: [{ index: 0, delta: fields, finish_reason }] })
const event = (type: string, fields: object = {}) => `event: ${type}\n${data({ type, ...fields })}`

const CHAT = { text: delta({ content: "yes" }), end: delta({}, "stop") + "data: [DONE]\n\n" }
const SAID = event("response.output_text.delta", { delta: "yes" })
const COMPLETED = event("response.completed", { response: { status: "completed" } })

/** Streams that say "yes", and what they thought. */
const STREAMS: ReadonlyArray<readonly [ResolvedRoute["api"], string, body: string, reasoning: string]> = [
  ["chat", "reasoning as an object", delta({ content: null, reasoning: { text: "hm" } }) + CHAT.text + CHAT.end, "hm"],
  ["chat", "reasoning as a list", delta({ reasoning_content: ["hm"] }) + CHAT.text + CHAT.end, "hm"],
  [
    "chat",
    "reasoning as a part",
    delta({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }) + CHAT.text + CHAT.end,
    "hm"
  ],
  [
    "chat",
    "details of reasoning",
    delta({ content: "", reasoning_details: [{ type: "reasoning.text", text: "x" }] }) + CHAT.text + CHAT.end,
    ""
  ],
  [
    "chat",
    "a call before the text",
    delta({ tool_calls: [{ index: 0, id: "x", function: { name: "f", arguments: "{}" } }] }) + CHAT.text + CHAT.end,
    ""
  ],
  ["chat", "the end twice", CHAT.text + delta({}, "stop") + CHAT.end, ""],
  ["chat", "text after the end", delta({ content: "y" }, "stop") + delta({ content: "es" }, "stop"), ""],
  ["chat", "fields for padding", data({ choices: [], obfuscation: "aaaa", p: "abcd" }) + CHAT.text + CHAT.end, ""],
  ["chat", "no space after the colon", (CHAT.text + CHAT.end).replaceAll("data: ", "data:"), ""],
  ["chat", "a last line without a blank one", CHAT.text + delta({}, "stop").slice(0, -1), ""],
  ["chat", "an end alone, without an end mark", CHAT.text + delta({}, "stop"), ""],
  ["responses", "events to keep the connection", event("keepalive") + event("response.queued") + SAID + COMPLETED, ""],
  ["responses", "an end mark of Chat Completions", SAID + COMPLETED + "data: [DONE]\n\n", ""],
  ["responses", "an end of an older name", SAID + event("response.done", { response: { status: "completed" } }), ""],
  [
    "responses",
    "an item that is empty when it is done",
    event("response.output_item.done", { item: { type: "message" } }) + SAID + COMPLETED,
    ""
  ]
]

interface Fault {
  readonly _tag: ModelError["_tag"]
  readonly status?: number | null
}

const page = (status: number) => raw(status, "text/html", `<html><body>${status}</body></html>`)
const words = (status: number) => raw(status, "text/plain", `${status} page not found`)

/** Answers of servers and of what stands before them. */
const STATUSES: ReadonlyArray<readonly [string, ModelServer.Answer, Fault]> = [
  ["204", raw(204, null, ""), { _tag: "ConnectionError" }],
  ["302 to a page that asks to log in", redirect, { _tag: "ConnectionError" }],
  ["404 in words", words(404), { _tag: "ModelUnavailable" }],
  ["405 in words", words(405), { _tag: "ProviderError", status: 405 }],
  ["413 as a page", page(413), { _tag: "ContextOverflow" }],
  ...[408, 409, 418, 425, 451, 499, 500, 502, 503, 504, 529].map(
    (status) => [`${status} as a page`, page(status), { _tag: "ProviderError", status }] as const
  )
]

/** A redirect to a port of this machine where nobody listens. */
function redirect({ http }: ModelServer.Exchange) {
  return Effect.sync(() => http.writeHead(302, { location: "http://127.0.0.1:1/login" }).end())
}

/** Waits that are none, and waits in milliseconds. */
const RETRY_AFTER: ReadonlyArray<readonly [string, number | null]> = [
  ["0", 0],
  ["1", 1_000],
  [" 1 ", 1_000],
  ["9999999", 9_999_999_000],
  ["abc", null],
  ["Infinity", null],
  ["1e3", null],
  ["0x10", null],
  ["1s", null]
]

/** Bodies of refusals whose overflow stands in a code, in a list, or beside the error, and the limit that they name. */
const OVERFLOWS: ReadonlyArray<readonly [status: number, body: unknown, limit: number | null]> = [
  [400, { error: { message: "no", code: "context_length_exceeded" } }, null],
  [400, { error: { message: "no", code: "model_max_prompt_tokens_exceeded" } }, null],
  [400, { error: { message: "no", code: "1261" } }, null],
  [400, { error: { message: "no", code: 1261 } }, null],
  [400, { error: { message: "no", code: "string_above_max_length" } }, null],
  [
    400,
    { type: "error", error: { type: "invalid_request_error", message: "prompt is too long: 9 > 8192 maximum" } },
    8_192
  ],
  [413, { type: "error", error: { type: "request_too_large", message: "no" } }, null],
  [400, { object: "error", message: "longer than the maximum model length of 8192", code: 400 }, 8_192],
  [400, { code: "invalid argument", error: "maximum prompt length is 8192 but there are 9000" }, 8_192],
  [422, { error: "`inputs` tokens + `max_new_tokens` must be <= 8192", error_type: "validation" }, 8_192],
  [400, [{ error: { code: 400, message: "exceeds the maximum number of tokens allowed (8192)" } }], 8_192],
  [400, { message: "Input is too long for requested model." }, null],
  [
    400,
    { errors: [{ message: "exceeded this model context window limit (8192)", code: 5021 }], success: false },
    8_192
  ],
  [400, { detail: "prompt is too long" }, null],
  [
    500,
    { error: { code: "500", type: null, message: "ContextWindowExceededError: 9000 tokens > 8192 maximum" } },
    8_192
  ],
  [
    400,
    {
      error: {
        message: "Provider returned error",
        code: 400,
        metadata: { raw: `{"error":{"message":"maximum context length is 8192 tokens"}}` }
      }
    },
    8_192
  ]
]

describe("further answers of other servers", () => {
  for (const [api, name, body, reasoning] of STREAMS)
    it.scopedLive(`reads a stream with ${name}, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([raw(200, "text/event-stream", body)])
        assert.deepStrictEqual(addUp(yield* collectEvents(server.route({ api }))), {
          text: "yes",
          reasoning,
          finished: [{ _tag: "Finished", reason: "stop", usage: null }]
        })
      })
    )

  it.scopedLive("fault: a stream of the other API is a failed connection", () =>
    Effect.gen(function* () {
      for (const [api, body] of [
        ["responses", CHAT.text + CHAT.end],
        ["chat", SAID + COMPLETED]
      ] as const) {
        const server = yield* ModelServer.make([raw(200, "text/event-stream", body)])
        assert.strictEqual((yield* Effect.flip(collectEvents(server.route({ api }))))._tag, "ConnectionError")
      }
    })
  )

  for (const api of APIS) {
    it.scopedLive(`reads what is compressed on its way, ${api}`, () =>
      Effect.gen(function* () {
        const body = gzipSync(api === "chat" ? CHAT.text + CHAT.end : SAID + COMPLETED)
        const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" }
        const server = yield* ModelServer.make([
          ({ http }) => Effect.sync(() => http.writeHead(200, headers).end(body))
        ])
        assert.strictEqual(addUp(yield* collectEvents(server.route({ api }))).text, "yes")
      })
    )

    for (const [name, answer, expected] of STATUSES)
      it.scopedLive(`fault: ${name} is ${expected._tag}, ${api}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([answer])
          const error = yield* Effect.flip(collectEvents(server.route({ api })))
          assert.deepStrictEqual<unknown>(pickFields(expected, error), expected)
        })
      )

    it.scopedLive(`fault: 429 waits as long as its header says, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          RETRY_AFTER.map(([wait]) => ModelServer.refuse(429, {}, { "retry-after": wait }))
        )
        for (const [wait, retryAfter] of RETRY_AFTER) {
          const error = yield* Effect.flip(collectEvents(server.route({ api })))
          assert.deepInclude(error, { _tag: "RateLimited", retryAfter }, wait)
        }
      })
    )

    it.scopedLive(`fault: an overflow in any body is ContextOverflow, ${api}`, () =>
      Effect.gen(function* () {
        const answers = OVERFLOWS.map(([status, body]) => raw(status, "application/json", JSON.stringify(body)))
        const server = yield* ModelServer.make(answers)
        for (const [, body, limit] of OVERFLOWS) {
          const error = yield* Effect.flip(collectEvents(server.route({ api })))
          assert.deepInclude(error, { _tag: "ContextOverflow", limit }, JSON.stringify(body))
        }
      })
    )
  }
})
