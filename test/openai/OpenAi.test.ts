import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream, TestClock } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { route } from "../../src/model/Provider.ts"
import { APIS, collectEvents, addUp, pickFields, REQUEST } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const USAGE = { inputTokens: 11, outputTokens: 7 }
const finished = (reason: "stop" | "length" | "refusal") => [{ _tag: "Finished" as const, reason, usage: USAGE }]

const ANSWERS: ReadonlyArray<readonly [string, ModelServer.Answer, ReturnType<typeof addUp>]> = [
  ["words", ModelServer.ok("one two three"), { text: "one two three", reasoning: "", finished: finished("stop") }],
  ["no words", ModelServer.ok(""), { text: "", reasoning: "", finished: finished("stop") }],
  ["the output limit", ModelServer.length("one"), { text: "one", reasoning: "", finished: finished("length") }],
  ["a refusal", ModelServer.refusal("I won't"), { text: "I won't", reasoning: "", finished: finished("refusal") }],
  ["a filter", ModelServer.filtered("one"), { text: "one", reasoning: "", finished: finished("refusal") }],
  ["thoughts", ModelServer.reasoningOnly("hmm"), { text: "", reasoning: "hmm", finished: finished("stop") }]
]

const { errorInStream, html, raw, refuse } = ModelServer

type Expected = { readonly _tag: ModelError["_tag"] } & Readonly<Record<string, unknown>>

const FAULTS: ReadonlyArray<readonly [string, ModelServer.Answer, Expected]> = [
  ["reset before headers", ModelServer.reset, { _tag: "ConnectionError" }],
  ["cut mid-stream", ModelServer.cut("half a"), { _tag: "ConnectionError" }],
  ["end without end mark", ModelServer.endless("half a"), { _tag: "ConnectionError" }],
  ["incomplete chunked body", ModelServer.incompleteChunk("half a"), { _tag: "ConnectionError" }],
  ["400 context_length_exceeded", refuse(400, { code: "context_length_exceeded" }), { _tag: "ContextOverflow" }],
  [
    "400 in words",
    refuse(400, { message: "maximum context length is 8192 tokens" }),
    { _tag: "ContextOverflow", limit: 8_192 }
  ],
  [
    "400 with the window beside the words",
    raw(400, "application/json", `{"error":{"code":400,"message":"exceeds the available context size","n_ctx":4096}}`),
    { _tag: "ContextOverflow", limit: 4_096 }
  ],
  [
    "400 with a string for an error",
    raw(
      400,
      "application/json",
      `{"code":"invalid","error":"maximum prompt length is 131072 but the request contains 5"}`
    ),
    { _tag: "ContextOverflow", limit: 131_072 }
  ],
  [
    "400 with a list for a body",
    raw(400, "application/json", `[{"error":{"message":"exceeds the maximum number of tokens allowed (1048575)."}}]`),
    { _tag: "ContextOverflow", limit: 1_048_575 }
  ],
  [
    "500 in words",
    refuse(500, { message: "ContextWindowExceededError: 213462 tokens > 200000 maximum" }),
    { _tag: "ContextOverflow", limit: 200_000 }
  ],
  [
    "429 that no wait can help",
    refuse(429, { message: "Request too large for x on tokens per min (TPM): Limit 30000, Requested 45512." }),
    { _tag: "ContextOverflow", limit: 30_000 }
  ],
  ["400 prompt too long", refuse(400, { message: "prompt is too long" }), { _tag: "ContextOverflow" }],
  [
    "400 with an unwrapped error",
    raw(400, "application/json", `{"object":"error","message":"reduce the length of the messages","code":400}`),
    { _tag: "ContextOverflow" }
  ],
  ["400 of another kind", refuse(400, { message: "unknown parameter" }), { _tag: "ProviderError", status: 400 }],
  ["401", refuse(401), { _tag: "Unauthorized" }],
  ["402", refuse(402), { _tag: "QuotaExceeded" }],
  ["403", refuse(403), { _tag: "Unauthorized" }],
  ["403 about the model", refuse(403, { message: "no access to model x" }), { _tag: "ModelUnavailable" }],
  ["404", refuse(404, { code: "model_not_found" }), { _tag: "ModelUnavailable" }],
  ["408", refuse(408), { _tag: "ProviderError", status: 408 }],
  ["413", refuse(413), { _tag: "ContextOverflow" }],
  ["429", refuse(429), { _tag: "RateLimited", retryAfter: null }],
  ["429 in seconds", refuse(429, {}, { "retry-after": "1.5" }), { _tag: "RateLimited", retryAfter: 1_500 }],
  [
    "429 in ms",
    refuse(429, {}, { "retry-after-ms": "20", "retry-after": "1" }),
    { _tag: "RateLimited", retryAfter: 20 }
  ],
  [
    "429 with a date gone by",
    refuse(429, {}, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }),
    { _tag: "RateLimited", retryAfter: 0 }
  ],
  ...["-5", "soon 5", "1.2.3", "30s", "", "9".repeat(307)].map(
    (wait) =>
      [
        `429 in ${JSON.stringify(wait).slice(0, 20)}`,
        refuse(429, {}, { "retry-after": wait }),
        { _tag: "RateLimited", retryAfter: null }
      ] as const
  ),
  ["429 out of quota", refuse(429, { code: "insufficient_quota" }), { _tag: "QuotaExceeded" }],
  ["500", refuse(500), { _tag: "ProviderError", status: 500 }],
  ["502 HTML", html(502), { _tag: "ProviderError", status: 502 }],
  ["503", refuse(503), { _tag: "ProviderError", status: 503 }],
  ["504", refuse(504), { _tag: "ProviderError", status: 504 }],
  ["200 HTML", html(200), { _tag: "ProviderError", status: 200 }],
  ["200 JSON in capitals", raw(200, "Application/JSON", `{"error":{"code":402}}`), { _tag: "QuotaExceeded" }],
  [
    "200 with an error for a body",
    raw(200, "application/json", `{"error":{"message":"no","code":402}}`),
    { _tag: "QuotaExceeded" }
  ],
  ...["500.5", "1e400", "1e20"].map(
    (code) =>
      [
        `200 with ${code} for a status`,
        raw(200, "application/json", `{"error":{"message":"no","code":${code}}}`),
        { _tag: "ProviderError", status: 200 }
      ] as const
  ),
  [
    "200 with a whole answer",
    raw(200, "application/json", `{"object":"response"}`),
    { _tag: "ProviderError", status: 200 }
  ],
  [
    "error in the stream",
    errorInStream({ message: "boom", code: "server_error" }),
    { _tag: "ProviderError", status: null }
  ],
  ["overflow in the stream", errorInStream({ code: "context_length_exceeded" }), { _tag: "ContextOverflow" }],
  ["rate limit in the stream", errorInStream({ code: "rate_limit_exceeded" }), { _tag: "RateLimited" }],
  ["interrupted by the provider", errorInStream({ code: "interrupted" }), { _tag: "Interrupted", by: "provider" }],
  ["invalid JSON in the stream", ModelServer.invalidJson, { _tag: "ProviderError", status: null }]
]

describe("a route", () => {
  it("speaks the Responses API with OpenAI and Chat Completions elsewhere, unless it is told", () => {
    const own = { model: "m", apiKey: "k" }
    const baseUrl = "http://localhost:11434/v1"
    assert.deepStrictEqual(
      [own, { ...own, baseUrl }, { ...own, baseUrl, api: "responses" as const }, { ...own, api: "chat" as const }].map(
        (options) => route(options).api
      ),
      ["responses", "chat", "responses", "chat"]
    )
  })
})

describe("OpenAi", () => {
  it.scoped("counts a Retry-After date from now, by the Effect clock", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([refuse(429, {}, { "retry-after": "Thu, 01 Jan 1970 00:00:30 GMT" })])
      yield* TestClock.setTime(10_000)
      assert.deepInclude(yield* Effect.flip(collectEvents(server.route())), { _tag: "RateLimited", retryAfter: 20_000 })
    })
  )

  it.scopedLive("does not send an output limit with Codex credentials, which would be turned away for it", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([ModelServer.ok("fine")])
      yield* collectEvents({ ...server.route(), provider: "openai-codex" })
      assert.notProperty((yield* server.arrived(1)).body, "max_output_tokens")
    })
  )
})

for (const api of APIS) {
  describe(`OpenAi, ${api}`, () => {
    for (const [name, answer, expected] of ANSWERS) {
      it.scopedLive(`reads ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([answer])
          assert.deepStrictEqual(addUp(yield* collectEvents(server.route({ api }))), expected)
        })
      )
    }

    for (const [name, answer, expected] of FAULTS) {
      it.scopedLive(`fault: ${name} is ${expected._tag}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([answer])
          const route = server.route({ api })
          const error = yield* Effect.flip(collectEvents(route))
          assert.deepStrictEqual(pickFields(expected, error), expected)
          assert.include(error.route, route.model)
        })
      )
    }

    it.scopedLive("fault: a refused connection is ConnectionError", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(ModelServer.make([]))
        const error = yield* Effect.flip(collectEvents(ModelServer.route(url, { api })))
        assert.strictEqual(error._tag, "ConnectionError")
        assert.include(error.message, "ECONNREFUSED")
      })
    )

    it.scopedLive("Secrets stay: no error tells the key the provider echoed, and none is long", () =>
      Effect.gen(function* () {
        const apiKey = "an-unusual-credential"
        const echo = ModelServer.refuse(401, { message: `bad key ${apiKey} ${"x".repeat(5_000)}` })
        const server = yield* ModelServer.make([echo, ModelServer.errorInStream({ message: apiKey })])
        const route = server.route({ api, apiKey })
        for (const error of [yield* Effect.flip(collectEvents(route)), yield* Effect.flip(collectEvents(route))]) {
          assert.notInclude(JSON.stringify(error) + error.message + String(error), apiKey)
          assert.isTrue("detail" in error && error.detail.length <= 300)
        }
      })
    )

    it.scopedLive("sends plain text, the limit, the credential, and stores nothing", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine")])
        const call = { id: "call_1", type: "function" as const, function: { name: "ls", arguments: "{}" } }
        yield* collectEvents(server.route({ api, apiKey: "sesame", model: "m" }), {
          ...REQUEST,
          messages: [...REQUEST.messages, { role: "assistant", content: "yes", tool_calls: [call] }]
        })
        const { body, headers, prompt } = yield* server.arrived(1)
        assert.deepStrictEqual(prompt, [
          { role: "system", content: "Summarize." },
          { role: "user", content: "hello" },
          { role: "assistant", content: "yes\n[calls ls {}]" }
        ])
        assert.strictEqual(headers.authorization, "Bearer sesame")
        assert.deepInclude(
          body,
          api === "responses"
            ? { model: "m", stream: true, store: false, max_output_tokens: 100 }
            : { model: "m", stream: true, stream_options: { include_usage: true }, max_completion_tokens: 100 }
        )
        assert.notInclude(JSON.stringify(body), "call_1")
      })
    )

    it.scopedLive("sends no credential where there is none", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine")])
        yield* collectEvents(server.route({ api, apiKey: "" }))
        assert.isUndefined((yield* server.arrived(1)).headers.authorization)
      })
    )

    for (const [name, answer] of [
      ["before headers", ModelServer.hang],
      ["mid-stream", ModelServer.hangAfter("one two")]
    ] as const) {
      it.scopedLive(`an interrupted call closes its socket, ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([answer, ModelServer.ok("fine")])
          const route = server.route({ api })
          const client = yield* OpenAi.open(route)
          const call = client.stream(route, REQUEST).pipe(Stream.runDrain)
          const first = yield* Effect.fork(call)
          yield* server.arrived(1)
          yield* Fiber.interrupt(first)
          yield* server.until(({ aborted }) => aborted === 1)
          yield* call
          const [before, after] = server.requests
          assert.notStrictEqual(after?.socket, before?.socket)
        })
      )
    }

    it.scopedLive("two calls use one connection, and none is left after the scope", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([ModelServer.ok("fine")])
        const route = server.route({ api })
        const client = yield* Effect.scoped(
          Effect.tap(OpenAi.open(route), (client) => Effect.repeatN(Stream.runDrain(client.stream(route, REQUEST)), 2))
        )
        assert.isFalse(client.isOpen())
        assert.strictEqual((yield* server.until(({ open }) => open === 0)).opened, 1)
      })
    )
  })
}
