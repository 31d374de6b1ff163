/** Whatever an API says in words is words of a chat message: summarized, searched and counted. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Message from "../../src/message/Message.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import * as Tokens from "../../src/message/Tokens.ts"
import * as Foreign from "../support/foreignMessages.ts"

const decode = (format: MessageFormat.MessageFormat, input: unknown): ReadonlyArray<Message.Message> =>
  Either.getOrThrow(MessageFormat.decode(format, input))

const SECRET = "the harbor is 4711"
const encoded = Buffer.from(SECRET).toString("base64")
const plain = { type: "file", mediaType: "text/plain" }
const ask = (...content: ReadonlyArray<unknown>) => [{ role: "user", content }]
const show = (...parts: ReadonlyArray<unknown>) => [{ id: "m", role: "assistant", parts }]
const document = (source: object, beside: object = {}) =>
  ask({ type: "document", source: { type: "text", media_type: "text/plain", data: "x", ...source }, ...beside })
const tool = { type: "tool-rm", toolCallId: "a" }

const SAID: ReadonlyArray<readonly [MessageFormat.MessageFormat, ReadonlyArray<unknown>]> = [
  ["ai-sdk-model", ask({ ...plain, data: encoded })],
  ["ai-sdk-model", ask({ ...plain, data: Buffer.from(SECRET) })],
  ["ai-sdk-model", ask({ ...plain, data: `data:text/plain;base64,${encoded}` })],
  ["ai-sdk-model", ask({ ...plain, data: Buffer.from("x"), filename: SECRET })],
  ["ai-sdk-ui", [{ id: "m", role: "user", parts: [{ ...plain, url: `data:text/csv;base64,${encoded}` }] }]],
  ["ai-sdk-ui", show({ ...tool, state: "output-error", rawInput: SECRET, errorText: "no JSON" })],
  ["ai-sdk-ui", show({ ...tool, state: "output-error", input: {}, rawInput: { path: SECRET }, errorText: "no" })],
  ["ai-sdk-ui", show({ ...tool, state: "approval-responded", input: {}, approval: { id: "1", reason: SECRET } })],
  ["ai-sdk-ui", show({ ...tool, state: "output-denied", input: {}, approval: { id: "1", reason: SECRET } })],
  ["ai-sdk-ui", show({ type: "tool-invocation", toolInvocation: { toolCallId: "a", toolName: "rm", args: [SECRET] } })],
  [
    "ai-sdk-model",
    [{ role: "tool", content: [{ type: "tool-approval-response", approvalId: "1", approved: false, reason: SECRET }] }]
  ],
  ["anthropic", document({ data: SECRET })],
  ["anthropic", document({}, { title: SECRET })],
  ["anthropic", document({}, { context: SECRET })],
  ["anthropic", document({ type: "base64", media_type: "application/pdf" }, { context: SECRET })],
  ["responses", [{ type: "tool_search_output", call_id: "a", tools: [{ type: "function", name: SECRET }] }]],
  ["responses", [{ type: "tool_search_call", call_id: "a", arguments: { goal: SECRET } }]],
  ["responses", [{ type: "mcp_approval_response", approval_request_id: "a", approve: false, reason: SECRET }]],
  ["responses", [{ type: "program_output", call_id: "a", result: SECRET }]]
]

const wordsOf = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n")

describe("words", () => {
  it("are found in files, reasons, titles and raw input, and go back to where they were", () => {
    for (const [format, input] of SAID) {
      const messages = decode(format, input)
      assert.include(messages.map(wordsOf).join("\n"), SECRET, JSON.stringify(input))
      const written = MessageFormat.encode(format, messages)
      assert.deepStrictEqual<unknown>("messages" in written ? written.messages : written, input)
    }
  })

  it("of a file reach every API that takes files of text as a file, and all others as text", () => {
    const files = [
      ["ai-sdk-model", ask({ ...plain, data: encoded })],
      ["ai-sdk-ui", [{ id: "m", role: "user", parts: [{ ...plain, url: `data:text/plain;base64,${encoded}` }] }]],
      ["anthropic", document({ data: SECRET })]
    ] as const
    for (const [format, input] of files) {
      const messages = decode(format, input)
      const { messages: turns } = MessageFormat.encode("anthropic", messages)
      assert.deepStrictEqual<unknown>(turns, document({ data: SECRET }))
      const [asked] = MessageFormat.encode("ai-sdk-model", messages)
      assert.deepStrictEqual<unknown>(asked, ask({ ...plain, data: encoded })[0])
      const [item] = MessageFormat.encode("responses", messages)
      const isBlocks = item !== undefined && "content" in item && typeof item.content !== "string"
      const text = [{ type: "input_text" as const, text: SECRET }]
      assert.deepInclude(item, { role: "user", content: isBlocks ? text : SECRET })
    }
  })

  it("of a file that was shortened stay a file where it came from, and are plain text elsewhere", () => {
    const [message] = decode("ai-sdk-model", ask({ ...plain, data: encoded }))
    assert.isDefined(message)
    const shortened = Message.withContent(message, "the harbor…")
    assert.deepStrictEqual<unknown>(MessageFormat.encode("ai-sdk-model", [shortened]), [
      { role: "user", content: [{ ...plain, data: Buffer.from("the harbor…").toString("base64") }] }
    ])
    assert.deepStrictEqual<unknown>(MessageFormat.encode("anthropic", [shortened]).messages, [
      { role: "user", content: "the harbor…" }
    ])
  })

  it("count once", () => {
    const long = "four thousand and seven hundred ".repeat(400)
    const inputs: ReadonlyArray<readonly [MessageFormat.MessageFormat, ReadonlyArray<unknown>]> = [
      ["responses", [{ type: "mcp_call", id: "m", name: "x", arguments: "{}", output: long }]],
      ["responses", [{ type: "tool_search_output", call_id: "a", tools: [{ name: long }] }]],
      ["responses", [{ type: "shell_call", call_id: "a", action: { commands: [long] } }]],
      ["ai-sdk-model", ask({ ...plain, data: Buffer.from(long).toString("base64"), filename: "a.txt" })],
      ["ai-sdk-ui", show({ ...tool, state: "output-error", rawInput: long, errorText: "no JSON" })],
      ["anthropic", [{ role: "assistant", content: [{ type: "mcp_tool_use", id: "m", name: "x", input: { long } }] }]]
    ]
    for (const [format, input] of inputs) {
      const counted = decode(format, input).reduce((sum, message) => sum + Tokens.estimate.message(message), 0)
      assert.approximately(counted, Tokens.estimate.text(long), 120, JSON.stringify(input).slice(0, 80))
    }
  })
})

describe("UI messages", () => {
  it.prop("give each call of a message an id of its own, and its own result", [Foreign.aiSdkUi], ([input]) => {
    const messages = decode("ai-sdk-ui", input)
    for (const [i, message] of messages.entries()) {
      const ids = Message.toolCalls(message).map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, ids.length)
      if (message.role !== "tool") continue
      const asked = messages.slice(0, i).findLast(({ role }) => role === "assistant")
      assert.isTrue(asked && Message.toolCalls(asked).some(({ id }) => id === message.tool_call_id))
    }
  })

  it("keep both of two tools with one id, each with its own result", () => {
    const part = (output: string) => ({ ...tool, state: "output-available", input: { output }, output })
    const parts = [{ ...tool, state: "input-available", input: {} }, part("first"), part("second")]
    const messages = decode("ai-sdk-ui", show(...parts))
    const [asked, ...results] = messages
    const calls = asked === undefined ? [] : Message.toolCalls(asked)
    assert.deepStrictEqual(
      results.map((result) => [
        calls.findIndex(({ id }) => result.role === "tool" && id === result.tool_call_id),
        result.content
      ]),
      [
        [1, "first"],
        [2, "second"]
      ]
    )
    assert.deepStrictEqual<unknown>(MessageFormat.encode("ai-sdk-ui", messages), show(...parts))
  })

  it("get both results of chat messages that repeat an id", () => {
    const call = { id: "a", type: "function", function: { name: "rm", arguments: "{}" } } as const
    const [answer] = MessageFormat.encode("ai-sdk-ui", [
      { role: "assistant", content: null, tool_calls: [call, call] },
      { role: "tool", tool_call_id: "a", content: "first" },
      { role: "tool", tool_call_id: "a", content: "second" }
    ])
    assert.deepStrictEqual(
      answer?.parts.map((part) => ("output" in part ? part.output : part.type)),
      ["step-start", "first", "second"]
    )
  })

  it("of version 4 are read with their calls and results, and stay of version 4", () => {
    const parts = ["call", "result"].map((state) => ({
      type: "tool-invocation",
      toolInvocation: {
        state,
        step: 0,
        toolCallId: state,
        toolName: "read",
        args: { path: "a" },
        ...(state === "result" && { result: "a long text" })
      }
    }))
    const input = show({ type: "step-start" }, ...parts)
    const messages = decode("ai-sdk-ui", input)
    assert.deepStrictEqual(
      messages.map(({ content, role }) => [role, content]),
      [
        ["assistant", null],
        ["tool", "a long text"]
      ]
    )
    const kept = messages.map((message) =>
      message.role === "tool" ? Message.withContent(message, "a long…") : message
    )
    const expected = JSON.stringify(input).replace("a long text", "a long…")
    assert.strictEqual(JSON.stringify(MessageFormat.encode("ai-sdk-ui", kept)), expected)
  })
})

describe("parse", () => {
  it("refuses items of Responses by their name, and says what reads them", () => {
    for (const type of [
      "tool_search_call",
      "tool_search_output",
      "additional_tools",
      "compaction_trigger",
      "program"
    ]) {
      const issue = Either.match(Message.parse({ type }), { onLeft: ({ issue }) => issue, onRight: () => "read" })
      assert.strictEqual(issue, `the item "${type}" belongs to another API; MessageFormat "responses" reads it`)
    }
  })
})
