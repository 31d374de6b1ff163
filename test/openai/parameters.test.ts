/** Servers that refuse a parameter of our requests, and what they are asked instead. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { adaptTo, everything } from "../../src/openai/parameters.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import type { ResolvedRoute } from "../../src/model/Provider.ts"
import { APIS, addUp, REQUEST } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const LARGE = { ...REQUEST, maxOutputTokens: 23_362 }

const fieldsOf = ({ body }: ModelServer.Received): ReadonlyArray<string> => Object.keys(Object(body))
const outputOf = ({ body }: ModelServer.Received): unknown => {
  const { max_completion_tokens, max_output_tokens, max_tokens } = Object(body)
  return max_completion_tokens ?? max_output_tokens ?? max_tokens
}

/** How servers say that they do not know a parameter: the status and the error's fields. */
const WORDINGS: ReadonlyArray<readonly [string, number, (name: string) => object]> = [
  ["OpenAI", 400, (name) => ({ message: `Unrecognized request argument supplied: ${name}` })],
  [
    "OpenAI, by its field",
    400,
    (name) => ({ message: "Unsupported parameter", param: name, code: "unsupported_parameter" })
  ],
  [
    "Mistral",
    422,
    (name) => ({
      message: { detail: [{ type: "extra_forbidden", loc: ["body", name], msg: "Extra inputs are not permitted" }] }
    })
  ],
  ["vLLM", 400, (name) => ({ message: `[{'type': 'extra_forbidden', 'loc': ('body', '${name}'), 'input': 1}]` })],
  ["Fireworks", 400, (name) => ({ message: `Extra inputs are not permitted, field: '${name}', value: 1` })],
  ["LiteLLM", 400, (name) => ({ message: `UnsupportedParamsError: x does not support parameters: ['${name}']` })]
]

/** Refuses the first of the parameters that a request has. */
const refuseParameters =
  (names: ReadonlyArray<string>, status: number, word: (name: string) => object) =>
  (received: ModelServer.Received): ModelServer.Answer => {
    const name = names.find((name) => fieldsOf(received).includes(name))
    return name === undefined ? ModelServer.ok("yes") : ModelServer.refuse(status, word(name))
  }

const OPTIONAL: Record<ResolvedRoute["api"], ReadonlyArray<string>> = {
  chat: ["max_completion_tokens", "stream_options", "max_tokens"],
  responses: ["store", "max_output_tokens", "instructions"]
}

for (const api of APIS) {
  describe(`parameters, ${api}`, () => {
    for (const [who, status, word] of WORDINGS) {
      for (const name of OPTIONAL[api]) {
        it.scopedLive(
          `${who} refuses ${name}: the same call goes on without it, and the next one begins without it`,
          () =>
            Effect.gen(function* () {
              // A server that does not know the newer name of the limit is the only one that is sent the older one.
              const names = name === "max_tokens" ? ["max_completion_tokens", "max_tokens"] : [name]
              const server = yield* ModelServer.make(refuseParameters(names, status, word))
              const route = server.route({ api })
              const client = yield* OpenAi.open(route)
              for (const requests of [names.length + 1, names.length + 2]) {
                const all = yield* Stream.runCollect(client.stream(route, REQUEST))
                assert.strictEqual(addUp([...all]).text, "yes")
                assert.strictEqual(server.requests.length, requests)
              }
              const last = yield* server.arrived(server.requests.length)
              assert.deepStrictEqual(
                last.prompt.map(({ content }) => content),
                ["Summarize.", "hello"]
              )
              if (name === "max_completion_tokens") assert.strictEqual(outputOf(last), REQUEST.maxOutputTokens)
            })
        )
      }
    }

    it.scopedLive("a server that refuses everything, one at a time, is asked with what is left", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make(
          refuseParameters(OPTIONAL[api], 400, (name) => ({ message: `unknown parameter '${name}'` }))
        )
        const route = server.route({ api })
        const client = yield* OpenAi.open(route)
        assert.strictEqual(addUp([...(yield* Stream.runCollect(client.stream(route, REQUEST)))]).text, "yes")
        assert.strictEqual(server.requests.length, OPTIONAL[api].length + 1)
      })
    )

    it.scopedLive(
      "a server that refuses every request in words about a parameter is asked a few times, and its last error stands",
      () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make([
            ModelServer.refuse(400, { message: `unknown parameter '${OPTIONAL[api][0]}'` })
          ])
          const route = server.route({ api })
          const client = yield* OpenAi.open(route)
          const error = yield* Effect.flip(Stream.runDrain(client.stream(route, REQUEST)))
          assert.deepInclude({ ...error }, { _tag: "ProviderError", status: 400 })
          assert.strictEqual(server.requests.length, 2)
        })
    )

    it.scopedLive("a cap of output that the server states is kept, and forgotten once it has cut an answer", () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make((received) => {
          if (Number(outputOf(received)) > 8_192) {
            return ModelServer.refuse(400, {
              message: "max_tokens is too large: 23362. This model supports at most 8192 completion tokens."
            })
          }
          return received.n === 2 ? ModelServer.ok("yes") : ModelServer.length("half")
        })
        const route = server.route({ api })
        const client = yield* OpenAi.open(route)
        for (const _ of [1, 2, 3]) yield* Stream.runDrain(client.stream(route, LARGE))
        assert.deepStrictEqual(server.requests.map(outputOf), [23_362, 8_192, 8_192, 23_362, 8_192])
      })
    )

    it.scopedLive(
      "what was learned of one model says nothing of another, and nothing of a server that took its place",
      () =>
        Effect.gen(function* () {
          const [first = "", second = ""] = OPTIONAL[api]
          let isReplaced = false
          const server = yield* ModelServer.make((received) =>
            refuseParameters([isReplaced ? second : first], 400, (name) => ({
              message: `unknown parameter '${name}'`
            }))(received)
          )
          const route = server.route({ api })
          const client = yield* OpenAi.open(route)
          yield* Stream.runDrain(client.stream(route, REQUEST))
          isReplaced = true
          yield* Stream.runDrain(client.stream(route, REQUEST))
          assert.include(fieldsOf(yield* server.arrived(server.requests.length)), first)
          yield* Stream.runDrain(client.stream({ ...route, model: "other" }, REQUEST))
          assert.deepStrictEqual(server.requests.length, 6)
        })
    )
  })
}

/** Statements of the largest output, and the number that a request of 23,362 tokens should use. */
const CAPS: ReadonlyArray<readonly [string, number]> = [
  [
    "max_tokens is too large: 23362. This model supports at most 16384 completion tokens, whereas you provided 23362.",
    16_384
  ],
  ["max_tokens: 23362 > 8192, which is the maximum allowed number of output tokens for claude", 8_192],
  [
    "`max_completion_tokens` must be less than or equal to `8192`, the maximum value for `max_completion_tokens` is less " +
      "than the `context_window` for this model",
    8_192
  ],
  [
    "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 16384, but got 23362 instead.",
    16_384
  ],
  ["it has a maxOutputTokens value of 23362 but the supported range is from 1 (inclusive) to 8193 (exclusive)", 8_192],
  ["Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8_192],
  ["Range of max_tokens should be [1, 8192]", 8_192],
  ["max_tokens must be <= 8192", 8_192],
  ["The maximum number of output tokens is 4,096", 4_096],
  ["max_tokens exceeds the maximum of 8192", 8_192],
  ["max_tokens: the maximum value is 4096", 4_096],
  ["max_tokens: limit of 4096 exceeded", 4_096],
  ["max_tokens is too large, max 4096", 4_096],
  ["max_tokens exceeds model limit 16384", 16_384],
  ["Maximum output tokens 8192, see max_tokens", 8_192],
  ["max_tokens is above max allowed 4096", 4_096]
]

describe("a cap of output", () => {
  for (const [text, outputCap] of CAPS) {
    it(`is ${outputCap} in "${text.slice(0, 50)}"`, () => {
      const refusal = { status: 400, code: null, text, retryAfter: null }
      assert.deepStrictEqual(adaptTo(everything, refusal, ["max_tokens"], 23_362), { refused: [], outputCap })
    })
  }

  it("is no limit of the input, which smaller chunks keep", () => {
    const text =
      "'max_tokens' or 'max_completion_tokens' is too large: 23362. This model's maximum context length is 8192 tokens " +
      "and your request has 5000 input tokens (23362 > 8192 - 5000)."
    const refusal = { status: 400, code: null, text, retryAfter: null }
    assert.isNull(adaptTo(everything, refusal, ["max_completion_tokens"], 23_362))
  })
})
