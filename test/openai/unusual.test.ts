/** Answers of servers that speak OpenAI's APIs in their own way, read by the real client. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import type { ResolvedRoute } from "../../src/model/Provider.ts"
import { APIS, addUp, collectEvents, expectSignOfLife, pickFields } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"

const { raw } = ModelServer

type Expected = { readonly _tag: ModelError["_tag"] } & Readonly<Record<string, unknown>>

const sse = (...events: ReadonlyArray<object>) =>
  raw(200, "text/event-stream", events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""))

const failed = (error: object | null, status = "failed") =>
  sse({ type: "response.created" }, { type: "response.failed", response: { status, error } })

const chatEnd = (finish_reason: string, more: object = {}) =>
  sse({ choices: [{ delta: { content: "yes" }, finish_reason }], ...more })
const responsesEnd = (type: string, more: object = {}) =>
  sse({ type: "response.output_text.delta", delta: "yes" }, { type, response: more })

/** Ends of which servers say that they cut the answer. Any word that is not known cuts it as well. */
const CUT_ENDS = [
  "network_error",
  "insufficient_system_resource",
  "abort",
  "sensitive",
  "safety",
  "SAFETY",
  "RECITATION",
  "timeout",
  "repetition",
  "incomplete",
  "load_shedding",
  "engine_overloaded",
  "token_limit",
  "context_window_exceeded",
  "unknown",
  "tool_calls",
  "function_call"
]

const NO_COUNTS: ReadonlyArray<unknown> = [
  null,
  7,
  {},
  { prompt_tokens: null, completion_tokens: 1, input_tokens: "1" }
]

const sseText = (...pieces: ReadonlyArray<string>) => raw(200, "text/event-stream", pieces.join(""))
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const CHAT_TEXT = data({ choices: [{ delta: { content: "yes" } }] })
const CHAT_END = data({ choices: [{ delta: {}, finish_reason: "stop" }] })
const RESPONSES_TEXT = data({ type: "response.output_text.delta", delta: "yes" })
const RESPONSES_END = data({ type: "response.completed", response: { status: "completed" } })

/** Pieces beside a good answer that nobody needs. */
const ODD_PIECES: ReadonlyArray<readonly [string, string]> = [
  ["an empty data line", "data: \n\n"],
  ["an empty data line without a space", "data:\n\n"],
  ["an event with empty data", "event: ping\ndata: \n\n"],
  ["data: null", "data: null\n\n"],
  ["a string for a piece", 'data: "ok"\n\n'],
  ["a number for a piece", "data: 7\n\n"],
  ["an object without anything", "data: {}\n\n"],
  ["a comment", ": keep-alive\n\n"],
  ["a retry time", "retry: 3000\n\n"],
  ["blank lines", "\n\n\n"],
  ["an empty error", data({ error: {} })],
  ["a null error", data({ error: null })],
  ["an empty error text", data({ error: "" })],
  ["numbers that JSON has not", 'data: {"usage":{"prompt_tokens":NaN,"completion_tokens":-Infinity,"x":"NaN"}}\n\n']
]

/** Deltas that say "yes" or a part of it in another way than OpenAI's. */
const ODD_CHAT_CHUNKS: ReadonlyArray<readonly [string, ReadonlyArray<object>]> = [
  ["content as a list", [{ delta: { content: [{ type: "text", text: "y" }] } }, { delta: { content: "es" } }]],
  ["an index in words", [{ index: "0", delta: { content: "yes" } }]],
  ["an index of null", [{ index: null, delta: { content: "yes" } }]],
  ["a choice without a delta", [{}, { delta: null }, { delta: { content: "yes" } }]],
  ["a message for a delta", [{ message: { content: "yes" } }]],
  ["a message that repeats the deltas", [{ delta: { content: "yes" } }, { message: { content: "yes" } }]],
  ["an odd refusal", [{ delta: { content: "yes", refusal: false } }]],
  ["the null of a finish in words", [{ delta: { content: "yes" }, finish_reason: "null" }]],
  ["an odd finish", [{ delta: { content: "yes" }, finish_reason: 0 }]]
]

const RESPONSES_ITEM = { type: "message", content: [{ type: "output_text", text: "yes" }] }

/** Where servers that send no deltas put the text. */
const WITHOUT_DELTAS: ReadonlyArray<readonly [string, ReadonlyArray<object>, object]> = [
  ["output_text.done", [{ type: "response.output_text.done", text: "yes" }], {}],
  ["output_item.done", [{ type: "response.output_item.done", item: RESPONSES_ITEM }], { output: [] }],
  ["response.completed", [], { output: [{ type: "reasoning", summary: [] }, RESPONSES_ITEM] }],
  [
    "all of them",
    [
      { type: "response.output_text.done", text: "yes" },
      { type: "response.output_item.done", item: RESPONSES_ITEM }
    ],
    { output: [RESPONSES_ITEM] }
  ],
  [
    "two items",
    [
      { type: "response.output_text.done", text: "y" },
      { type: "response.output_item.done", item: { type: "message", content: [{ type: "output_text", text: "y" }] } },
      { type: "response.output_text.done", text: "es" },
      { type: "response.output_item.done", item: { type: "message", content: [{ type: "output_text", text: "es" }] } }
    ],
    {}
  ],
  [
    "deltas and everything",
    [
      { type: "response.output_text.delta", delta: "yes" },
      { type: "response.output_text.done", text: "yes" }
    ],
    { output: [RESPONSES_ITEM] }
  ]
]

const json = (body: unknown) => raw(200, "application/json", JSON.stringify(body))

/** Answers of other servers, in the format of one of the APIs. */
const UNUSUAL: ReadonlyArray<readonly [ResolvedRoute["api"], string, ModelServer.Answer, "stop" | "length" | "other"]> =
  [
    ...ODD_PIECES.flatMap(([name, piece]) => [
      ["chat", name, sseText(piece, CHAT_TEXT, piece, CHAT_END, piece, "data: [DONE]\n\n"), "stop"] as const,
      ["responses", name, sseText(piece, RESPONSES_TEXT, piece, RESPONSES_END, piece), "stop"] as const
    ]),
    ...ODD_CHAT_CHUNKS.map(
      ([name, choices]) =>
        ["chat", name, sseText(...choices.map((choice) => data({ choices: [choice] })), CHAT_END), "stop"] as const
    ),
    [
      "chat",
      "an empty error beside a delta",
      sse({ error: {}, choices: [{ delta: { content: "yes" }, finish_reason: "stop" }] }),
      "stop"
    ],
    [
      "chat",
      "an odd choice beside the first",
      sse({ choices: [null, 7, { delta: { content: "yes" }, finish_reason: "stop" }] }),
      "stop"
    ],
    ["chat", "[DONE] with spaces", sseText(CHAT_TEXT, CHAT_END, "data:  [DONE] \n\n"), "stop"],
    ["chat", "[DONE] without a finish", sseText(CHAT_TEXT, "data: [DONE]\n\n"), "stop"],
    [
      "chat",
      "[DONE] after an empty finish",
      sseText(data({ choices: [{ delta: { content: "yes" }, finish_reason: "" }] }), "data: [DONE]\n\n"),
      "stop"
    ],
    [
      "chat",
      "[DONE] after a cut",
      sseText(data({ choices: [{ delta: { content: "yes" }, finish_reason: "length" }] }), "data: [DONE]\n\n"),
      "length"
    ],
    ["chat", "a last event without a blank line", sseText(CHAT_TEXT, CHAT_END.trimEnd()), "stop"],
    ["chat", "carriage returns", sseText((CHAT_TEXT + CHAT_END).replaceAll("\n", "\r")), "stop"],
    ["chat", "line breaks of Windows", sseText((CHAT_TEXT + CHAT_END).replaceAll("\n", "\r\n")), "stop"],
    ["chat", "a byte order mark", sseText("\ufeff", CHAT_TEXT, CHAT_END), "stop"],
    [
      "chat",
      "data over several lines",
      sseText(`data: {"choices":\ndata: [{"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\n`),
      "stop"
    ],
    [
      "chat",
      "an answer as JSON",
      json({ object: "chat.completion", choices: [{ message: { content: "yes" }, finish_reason: "stop" }] }),
      "stop"
    ],
    [
      "chat",
      "an answer as JSON without a finish",
      json({ choices: [{ message: { role: "assistant", content: "yes" } }] }),
      "stop"
    ],
    [
      "chat",
      "half an answer as JSON",
      json({ choices: [{ message: { content: "yes" }, finish_reason: "length" }] }),
      "length"
    ],
    [
      "responses",
      "an answer as JSON",
      json({ object: "response", status: "completed", error: null, output: [RESPONSES_ITEM] }),
      "stop"
    ],
    ["responses", "half an answer as JSON", json({ status: "incomplete", output: [RESPONSES_ITEM] }), "length"],
    ...WITHOUT_DELTAS.map(
      ([name, events, response]) =>
        ["responses", `text in ${name}`, sse(...events, { type: "response.completed", response }), "stop"] as const
    ),
    [
      "responses",
      "an odd delta",
      sseText(data({ type: "response.output_text.delta", delta: null }), RESPONSES_TEXT, RESPONSES_END),
      "stop"
    ],
    [
      "responses",
      "types in the frames alone",
      sseText(
        `event: response.output_text.delta\n${data({ delta: "yes" })}`,
        `event: response.completed\n${data({ response: { status: "completed" } })}`
      ),
      "stop"
    ],
    ...["stop", "STOP", "end_turn", "stop_sequence", "eos", "eos_token", "endoftext", "COMPLETE"].map(
      (finish) => ["chat", `an end by ${finish}`, chatEnd(finish), "stop"] as const
    ),
    ...[...CUT_ENDS, "cancelled"].map((finish) => ["chat", `a cut by ${finish}`, chatEnd(finish), "other"] as const),
    ...["incomplete", "in_progress", "queued", ...CUT_ENDS].map(
      (status) =>
        ["responses", `status ${status} at the end`, responsesEnd("response.completed", { status }), "length"] as const
    ),
    ...NO_COUNTS.flatMap((usage) => [
      ["chat", `usage ${JSON.stringify(usage)}`, chatEnd("stop", { usage }), "stop"] as const,
      ["responses", `usage ${JSON.stringify(usage)}`, responsesEnd("response.completed", { usage }), "stop"] as const
    ]),
    ...["max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens", "model_context_window_exceeded"].map(
      (finish) => ["chat", `an end by ${finish}`, chatEnd(finish), "length"] as const
    ),
    ["responses", "an answer incomplete for no reason", responsesEnd("response.incomplete"), "length"],
    [
      "responses",
      "an answer incomplete for a new reason",
      responsesEnd("response.incomplete", { incomplete_details: { reason: "lunch" } }),
      "length"
    ],
    [
      "chat",
      "the first of two choices",
      sse(
        { choices: [{ index: 0, delta: { content: "y" } }] },
        { choices: [{ index: 1, delta: { content: "n" } }] },
        { choices: [{ index: 1, delta: { content: "o" }, finish_reason: "length" }] },
        { choices: [{ index: 0, delta: { content: "es" }, finish_reason: "stop" }] }
      ),
      "stop"
    ]
  ]

/** Answers that only one of the APIs has. */
const PECULIAR: ReadonlyArray<readonly [ResolvedRoute["api"], string, ModelServer.Answer, Expected]> = [
  [
    "responses",
    "response.failed",
    failed({ code: "server_error", message: "died" }),
    { _tag: "ProviderError", status: null }
  ],
  ["responses", "response.failed without a reason", failed(null), { _tag: "ProviderError", status: null }],
  ["responses", "response.failed for length", failed({ code: "context_length_exceeded" }), { _tag: "ContextOverflow" }],
  ["responses", "a cancelled response", failed(null, "cancelled"), { _tag: "Interrupted", by: "provider" }],
  [
    "responses",
    "a response that failed though completed",
    responsesEnd("response.completed", { status: "failed" }),
    { _tag: "ProviderError" }
  ],
  [
    "responses",
    "[DONE] without a completed response",
    sseText(RESPONSES_TEXT, "data: [DONE]\n\n"),
    { _tag: "ConnectionError" }
  ],
  ["responses", "a malformed end mark", sse({ type: "response.completed", response: 7 }), { _tag: "ConnectionError" }],
  [
    "chat",
    "a gateway's status within the stream",
    sse({ error: { message: "slow down", code: 429 } }),
    { _tag: "RateLimited" }
  ],
  [
    "chat",
    "an answer that ends in an error",
    sse({ choices: [{ delta: { content: "half a" }, finish_reason: "error" }] }),
    { _tag: "ProviderError", status: null }
  ],
  ["chat", "a malformed chunk", sse({ choices: "none" }), { _tag: "ProviderError", status: null }],
  ["chat", "an error in words", sse({ error: "slow down" }), { _tag: "ProviderError", status: null }],
  ["chat", "a last event that is cut", sseText(CHAT_TEXT, CHAT_END.slice(0, -9)), { _tag: "ConnectionError" }]
]

describe("answers of other servers", () => {
  for (const [api, name, answer, reason] of UNUSUAL) {
    it.scopedLive(`reads ${name}, ${api}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([answer])
        assert.deepStrictEqual(addUp(yield* collectEvents(server.route({ api }))), {
          text: "yes",
          reasoning: "",
          finished: [{ _tag: "Finished", reason, usage: null }]
        })
      })
    )
  }

  for (const [api, name, answer, expected] of PECULIAR) {
    it.scopedLive(`fault: ${name} is ${expected._tag}`, () =>
      Effect.gen(function* () {
        const server = yield* ModelServer.make([answer])
        assert.deepStrictEqual(pickFields(expected, yield* Effect.flip(collectEvents(server.route({ api })))), expected)
      })
    )
  }

  it.scopedLive("reads the reasoning of other servers, and usage that comes with the last words", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        sse(
          { choices: [{ delta: { reasoning: "hm", content: null } }] },
          {
            choices: [{ delta: { content: "yes" }, finish_reason: "stop" }],
            usage: { prompt_tokens: 1, completion_tokens: 2 }
          }
        )
      ])
      assert.deepStrictEqual(addUp(yield* collectEvents(server.route({ api: "chat" }))), {
        text: "yes",
        reasoning: "hm",
        finished: [{ _tag: "Finished", reason: "stop", usage: { inputTokens: 1, outputTokens: 2 } }]
      })
    })
  )

  for (const api of APIS) {
    for (const [name, piece] of ODD_PIECES) {
      it.scopedLive(`takes ${name} for a sign of life, ${api}`, () => expectSignOfLife(piece, api))
    }
  }
})
