/** Refusals that come within an answer whose HTTP status is 200, in the shapes in which servers write them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { APIS, addUp, collectEvents, REQUEST } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { sampleCases } from "../support/repetitions.ts"

const { raw } = ModelServer

/** A refusal: its status, its message, and the words that OpenAI, Anthropic and others have for its kind. */
interface Kind {
  readonly status: number
  readonly message: string
  readonly words: ReadonlyArray<string>
}

const KINDS: ReadonlyArray<Kind> = [
  { status: 400, message: "unknown field", words: ["invalid_request_error", "BadRequestError", "INVALID_ARGUMENT"] },
  {
    status: 400,
    message: "This model's maximum context length is 8192 tokens",
    words: ["context_length_exceeded", "invalid_request_error", "BadRequestError"]
  },
  { status: 400, message: "prompt is too long: 9000 tokens > 8192 maximum", words: ["invalid_request_error"] },
  { status: 400, message: "the text is too long", words: ["invalid_request_error", "BadRequestError"] },
  { status: 401, message: "no", words: ["invalid_api_key", "authentication_error", "AuthenticationError"] },
  { status: 402, message: "no", words: ["insufficient_quota", "payment_required", "insufficient_credits"] },
  { status: 403, message: "no", words: ["permission_error", "PermissionDeniedError", "forbidden"] },
  { status: 404, message: "no", words: ["model_not_found", "not_found_error", "NotFoundError"] },
  {
    status: 429,
    message: "slow down",
    words: ["rate_limit_exceeded", "rate_limit_error", "RateLimitError", "Throttling", "RESOURCE_EXHAUSTED"]
  },
  { status: 429, message: "Request too large for x on tokens per min (TPM): Limit 8192", words: ["rate_limit_error"] },
  { status: 500, message: "died", words: ["server_error", "api_error", "InternalServerError"] },
  { status: 500, message: "ContextWindowExceededError: 9000 tokens > 8192 maximum", words: ["server_error"] },
  { status: 503, message: "busy", words: ["overloaded_error", "ServiceUnavailableError", "UNAVAILABLE"] }
]

const data = (value: unknown, event = "") => `${event}data: ${JSON.stringify(value)}\n\n`
const ERROR = "event: error\n"

/** How a stream says that it failed with this status. */
const WITH_STATUS: ReadonlyArray<readonly [string, (kind: Kind) => string]> = [
  ["an error with a code", ({ message, status }) => data({ error: { message, code: status } })],
  ["an error with a code in words", ({ message, status }) => data({ error: { message, code: String(status) } })],
  ["an error in words beside its code", ({ message, status }) => data({ error: message, code: status })],
  ["an error beside its status", ({ message, status }) => data({ type: "error", status, error: { message } })],
  ["vLLM's object", ({ message, status }) => data({ object: "error", message, code: status })],
  ["a message and a status alone", ({ message, status }) => data({ message, status })],
  ["a message and a code alone", ({ message, status }) => data({ msg: message, code: String(status) })],
  ["a list of errors", ({ message, status }) => data({ success: false, errors: [{ message, code: status }] })],
  ["an error frame", ({ message, status }) => data({ message, status_code: status }, ERROR)],
  ["details beside a status", ({ message, status }) => data({ title: "Failed", status, detail: message })],
  ["details with a status in them", ({ message, status }) => data({ detail: `Error code: ${status} - ${message}` })],
  ["an error frame in words", ({ message, status }) => `${ERROR}data: ${status} ${message}\n\n`],
  ["true for an error", ({ message, status }) => data({ error: true, message, code: status })],
  [
    "an error of a server behind a router",
    ({ message, status }) =>
      data({
        error: {
          message: "Provider returned error",
          code: status,
          metadata: { raw: JSON.stringify({ error: { message } }), provider_name: "other" }
        },
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
      })
  ],
  [
    "an error of the choice",
    ({ message, status }) =>
      data({
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error", error: { code: status, message } }]
      })
  ],
  [
    "an error of the choice beside its words",
    ({ message, status }) => data({ choices: [{ delta: { content: "half" }, error: { code: status, message } }] })
  ]
]

/** How a stream says it in words alone. */
const IN_WORDS: ReadonlyArray<readonly [string, (word: string, message: string) => string]> = [
  ["for a code", (code, message) => data({ error: { message, code } })],
  ["for a type", (type, message) => data({ error: { message, type, code: null } })],
  [
    "for a type beside a code that says nothing",
    (type, message) => data({ error: { message, type, code: "upstream" } })
  ],
  ["in an error frame", (type, message) => data({ type: "error", error: { type, message } }, ERROR)],
  ["in a flat error frame", (code, message) => data({ code, message, request_id: "r" }, ERROR)],
  ["in a flat error event", (code, message) => data({ type: "error", code, message, param: null })],
  ["in vLLM's object", (type, message) => data({ object: "error", message, type, param: null, code: null })],
  ["beside an error in words", (error_type, error) => data({ error, error_type }, "event:error\n")],
  [
    "in the data of a router",
    (error_type, message) => data({ error: { message, code: "upstream", metadata: { error_type } } })
  ]
]

/** Errors whose own words are all there is. */
const WORDS_ALONE: ReadonlyArray<readonly [string, ModelError["_tag"]]> = [
  [data({ error: "rate limit exceeded" }), "RateLimited"],
  [data({ error: "Too Many Requests" }), "RateLimited"],
  [data({ detail: "Rate limit reached for this key" }), "RateLimited"],
  [data({ detail: "Not authenticated" }), "Unauthorized"],
  [data({ detail: "Incorrect API key provided" }), "Unauthorized"],
  [data({ detail: [{ type: "missing", loc: ["body", "model"], msg: "Field required" }] }), "ProviderError"],
  [data({ error: "the request exceeds the available context size" }), "ContextOverflow"],
  [data({ detail: "prompt is too long" }), "ContextOverflow"],
  [`${ERROR}data: Internal Server Error\n\n`, "ProviderError"],
  [`${ERROR}data: \n\n`, "ProviderError"],
  [data({ error: { metadata: {} } }), "ProviderError"],
  [data({ type: "error" }), "ProviderError"]
]

/** Pieces beside a good answer that look like errors, and are none. */
const NO_ERRORS: ReadonlyArray<readonly [string, object]> = [
  ["no errors", { errors: [] }],
  ["false for an error", { error: false }],
  ["an error count", { error: 0 }],
  ["a status in progress", { status: "in_progress", message: "queued" }],
  ["a good status", { status: 200, message: "ok" }],
  ["a count for a code", { code: 0, msg: "success" }],
  ["an event of its own", { type: "codex.rate_limits", limit_reached: true, detail: "90 % used" }]
]

const BEGIN = {
  chat: data({ choices: [{ delta: { content: "half" } }] }),
  responses: data({ type: "response.output_text.delta", delta: "half" })
}
const END = {
  chat: data({ choices: [{ delta: {}, finish_reason: "stop" }] }),
  responses: data({ type: "response.completed", response: { status: "completed" } })
}

/** The fields of an error that it has. */
const pick = (error: object | undefined, ...names: ReadonlyArray<string>) =>
  Object.fromEntries(Object.entries(error ?? {}).filter(([name]) => names.includes(name)))

const stream = (body: string) => raw(200, "text/event-stream", body)

for (const api of APIS) {
  /** The errors of calls that are answered so, one after the other. */
  const failEach = (answers: ReadonlyArray<ModelServer.Answer>) =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make(answers)
      const route = server.route({ api })
      const client = yield* OpenAi.open(route)
      return yield* Effect.forEach(answers, () => Effect.flip(Stream.runDrain(client.stream(route, REQUEST))))
    })

  const failOverHttp = ({ message, status }: Kind, code?: string) =>
    raw(status, "application/json", JSON.stringify({ error: { message, code } }))

  describe(`an error within an answer is the one that its HTTP status would have been, ${api}`, () => {
    for (const [n, kind] of KINDS.entries()) {
      const { message, status, words } = kind

      it.scopedLive(`fault: ${status} ${message}, told with the status`, () =>
        Effect.gen(function* () {
          const shapes = sampleCases(WITH_STATUS, n, 4).flatMap(([shape, write]) =>
            ["", BEGIN[api]].map((begin) => [shape, stream(begin + write(kind))] as const)
          )
          const [expected, ...errors] = yield* failEach([failOverHttp(kind), ...shapes.map(([, answer]) => answer)])
          for (const [i, error] of errors.entries()) {
            assert.deepInclude(error, pick(expected, "_tag", "limit", "status"), shapes[i]?.[0])
            if ("detail" in error) assert.include(error.detail.replaceAll("\\", ""), message)
          }
        })
      )

      for (const [k, word] of words.entries())
        it.scopedLive(`fault: ${status} ${message}, told as ${word}`, () =>
          Effect.gen(function* () {
            const shapes = sampleCases(IN_WORDS, n + k, 3)
            const answers = shapes.map(([, write]) => stream(BEGIN[api] + write(word, message)))
            const [expected, ...errors] = yield* failEach([failOverHttp(kind, word), ...answers])
            for (const [i, error] of errors.entries()) {
              assert.deepInclude(error, pick(expected, "_tag", "limit"), shapes[i]?.[0])
              if (error._tag === "ProviderError") assert.strictEqual(error.status === 400, status === 400)
            }
          })
        )
    }

    it.scopedLive("fault: errors whose own words are all there is", () =>
      Effect.gen(function* () {
        const errors = yield* failEach(WORDS_ALONE.map(([piece]) => stream(BEGIN[api] + piece)))
        for (const [i, [piece, tag]] of WORDS_ALONE.entries()) assert.strictEqual(errors[i]?._tag, tag, piece)
      })
    )

    for (const [name, piece] of NO_ERRORS)
      it.scopedLive(`but not ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([stream(BEGIN[api] + data(piece) + END[api] + data(piece))])
          assert.strictEqual(addUp(yield* collectEvents(server.route({ api }))).text, "half")
        })
      )

    it.scopedLive("tells nothing of what the model said", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({
          choices: [{ message: { content: "marzipan" }, finish_reason: "error" }],
          output: [{ type: "message", content: [{ type: "output_text", text: "marzipan" }] }],
          status: "failed"
        })
        const pieces = [body, `data: ${body}\n\n`, `${ERROR}data: ${body}\n\n`]
        assert.notInclude(JSON.stringify(yield* failEach(pieces.map((piece) => raw(200, null, piece)))), "marzipan")
      })
    )
  })
}
