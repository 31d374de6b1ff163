/** What other APIs say goes through chat messages and comes back, and what chat messages say goes through other APIs. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import type { FastCheck } from "effect"
import * as Message from "../../src/message/Message.ts"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import * as Foreign from "../support/foreignMessages.ts"
import { any, call, calls, healthy, ofWire, result } from "../support/histories.ts"

const decode = (format: MessageFormat.MessageFormat, input: unknown): ReadonlyArray<Message.Message> =>
  Either.getOrThrow(MessageFormat.decode(format, input))

const throughJson = <A>(value: A): A => JSON.parse(JSON.stringify(value))

const GENERATED: ReadonlyArray<readonly [MessageFormat.MessageFormat, FastCheck.Arbitrary<unknown>]> = [
  ["anthropic", Foreign.anthropic],
  ["responses", Foreign.responses],
  ["ai-sdk-model", Foreign.aiSdkModel],
  ["ai-sdk-ui", Foreign.aiSdkUi],
  ["legacy-functions", Foreign.legacyFunctions],
  ["chat", any.map((entries) => entries.map(({ message }) => message))]
]

for (const [format, input] of GENERATED) {
  describe(format, () => {
    it.prop(
      "comes back as it was, from the messages, from a log and from a view",
      [input],
      ([input]) => {
        const messages = decode(format, input)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(format, messages), input)
        assert.deepStrictEqual<unknown>(MessageFormat.encode(format, messages.map(Message.hideNative)), input)
        const written = MessageFormat.encode(format, throughJson(messages))
        assert.deepStrictEqual(throughJson<unknown>(written), throughJson(input))
      },
      { fastCheck: { numRuns: 300 } }
    )

    it.prop("is detected, unless it is chat as well", [input], ([input]) => {
      const detected = MessageFormat.detect(input)
      if (detected !== format) {
        assert.strictEqual(detected, "chat")
        assert.isTrue(Either.isRight(MessageFormat.decode("chat", input)))
      }
    })

    it.prop("says what chat messages say, and gives them back", [healthy], ([entries]) => {
      const messages = entries
        .map(({ message }) => message)
        .filter((message) => format !== "legacy-functions" || hasPlainFunctions(message))
      assert.deepStrictEqual(decode(format, throughJson(MessageFormat.encode(format, messages))), messages)
    })

    it.prop("writes any history so that it reads it again", [any], ([entries]) => {
      const written = MessageFormat.encode(
        format,
        entries.map(({ message }) => message)
      )
      assert.isTrue(Either.isRight(MessageFormat.decode(format, written)))
    })
  })
}

/** Ids of calls, and several calls in one message, are more than functions can say. */
const hasPlainFunctions = (message: Message.Message): boolean =>
  message.role !== "tool" && Message.toolCalls(message).length === 0

describe("encode", () => {
  const said = {
    messages: [
      { role: "user", content: [{ type: "text", text: "read it", cache_control: { type: "ephemeral" } }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "I have to read it.", signature: "c2lnbmVk" },
          { type: "redacted_thinking", data: "aGlkZGVu" },
          { type: "text", text: "I read it." },
          { type: "tool_use", id: "toolu_1", name: "read_file", input: { path: "a" } }
        ]
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: [{ type: "text", text: "a long text" }],
            is_error: true,
            cache_control: { type: "ephemeral" }
          }
        ]
      }
    ]
  }

  it("fills in the words as they are now, and keeps the rest", () => {
    const [ask, reply, result] = decode("anthropic", said)
    assert.isDefined(ask)
    assert.isDefined(reply)
    assert.isDefined(result)
    const shortened = Message.withContent(result, "a long…")
    const { messages } = MessageFormat.encode("anthropic", [ask, reply, shortened])
    assert.deepStrictEqual<unknown>(messages, [
      said.messages[0],
      said.messages[1],
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            content: "a long…",
            is_error: true,
            cache_control: { type: "ephemeral" }
          }
        ]
      }
    ])
  })

  it("gives legacy functions every call, also those without a result", () => {
    const { message: reply } = calls(call("a"), call("b"), call("c"))
    const { message: answer } = result("c", "read")
    const written = MessageFormat.encode("legacy-functions", [reply, answer, { role: "user", content: "go on" }])
    assert.deepStrictEqual(
      written.map(({ role }) => role),
      ["assistant", "assistant", "function", "assistant", "user"]
    )
  })

  it("sends no thoughts under a signature that is not theirs", () => {
    const [, reply] = decode("anthropic", said)
    const { messages } = MessageFormat.encode("anthropic", [ofWire({ ...reply, reasoning_content: "I need not." })])
    assert.deepStrictEqual<unknown>(messages, [{ role: "assistant", content: said.messages[1]?.content.slice(2) }])
  })

  it("gives no API what another one signed or encrypted", () => {
    const replies = [
      ...decode("anthropic", said),
      ...decode("responses", [
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "c2VjcmV0" },
        { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: "Yes." }] }
      ])
    ]
    const written = GENERATED.map(
      ([format]) => [format, JSON.stringify(MessageFormat.encode(format, replies))] as const
    )
    const holders = (secret: string) => written.filter(([, text]) => text.includes(secret)).map(([format]) => format)
    assert.deepStrictEqual(holders("c2lnbmVk"), ["anthropic"])
    assert.deepStrictEqual(holders("aGlkZGVu"), ["anthropic"])
    assert.deepStrictEqual(holders("c2VjcmV0"), ["responses"])
  })

  it.prop("gives Anthropic's API sides that alternate, results first, and no empty text", [any], ([entries]) => {
    const { messages, system } = MessageFormat.encode(
      "anthropic",
      entries.map(({ message }) => message)
    )
    const contents = [system, ...messages.map(({ content }) => content)]
    for (const content of contents) {
      if (content === undefined) continue
      if (typeof content === "string") assert.notStrictEqual(content.trim(), "")
      if (!Array.isArray(content)) continue
      const types = content.map(({ type }) => type)
      assert.isNotEmpty(types)
      assert.isTrue(content.every(({ text, type }) => type !== "text" || text.trim() !== ""))
      const others = types.findIndex((type) => type !== "tool_result")
      assert.isTrue(others < 0 || !types.slice(others).includes("tool_result"))
    }
    assert.isTrue(messages.every(({ role }, i) => role !== messages[i - 1]?.role))
  })
})

describe("decode", () => {
  it("refuses what is not in the format, and names the field without its value", () => {
    const inputs = [
      ["anthropic", { messages: [{ role: "tool", content: "secret" }] }],
      ["anthropic", { messages: [{ role: "user", content: [{ type: "tool_result", content: "secret" }] }] }],
      ["responses", [{ type: "function_call", name: "secret", arguments: "{}" }]],
      ["ai-sdk-model", [{ role: "tool", content: "secret" }]],
      ["ai-sdk-ui", [{ role: "user", content: "secret" }]],
      ["legacy-functions", [{ role: "function", content: "secret" }]],
      ["chat", ["secret"]]
    ] as const
    assert.deepStrictEqual(
      inputs.map(([format, input]) =>
        Either.match(MessageFormat.decode(format, input), { onLeft: ({ issue }) => issue, onRight: () => "read" })
      ),
      [
        `anthropic: messages.0.role: Expected "user" | "assistant"`,
        "anthropic: messages.0.content.0.tool_use_id: Expected a non-empty string",
        "responses: input.0.call_id: Expected a non-empty string",
        "ai-sdk-model: messages.0.content: Expected an array of objects with a type",
        "ai-sdk-ui: messages.0.parts: Expected an array of objects with a type",
        "legacy-functions: messages.0.name: Expected a string",
        "chat: messages.0: Expected an object"
      ]
    )
  })
})
