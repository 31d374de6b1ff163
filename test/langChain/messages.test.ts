/** The messages of LangChain as chat messages and back. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIMessage,
  type BaseMessage,
  ChatMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage
} from "@langchain/core/messages"
import { FastCheck as fc } from "effect"
import * as Message from "../../src/message/Message.ts"
import { idOf, readMessage, writeMessage } from "../../src/langChain/messages.ts"

const picture = "data:image/png;base64,iVBORw0KGgo="

const messages: ReadonlyArray<BaseMessage> = [
  new SystemMessage("be brief"),
  new SystemMessage({ content: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }], id: "s" }),
  new HumanMessage("hello"),
  new HumanMessage({ content: "", name: "ann", id: "h1", additional_kwargs: { lc_source: "x" } }),
  new HumanMessage({
    id: "h2",
    content: [
      { type: "text", text: "look" },
      { type: "image_url", image_url: { url: picture, detail: "high" } },
      { type: "image_url", image_url: picture },
      { type: "image", url: "https://example.com/a.png" },
      { type: "image", data: "iVBORw0KGgo=", mimeType: "image/png", metadata: { a: 1 } },
      { type: "file", data: "JVBERi0=", mimeType: "application/pdf" },
      { type: "audio", fileId: "file-1" },
      { type: "text", text: "" }
    ]
  }),
  Object.assign(new AIMessage({ content: "done", id: "a1" }), {
    usage_metadata: { input_tokens: 1, output_tokens: 2 }
  }),
  new AIMessage({
    id: "a2",
    content: [
      { type: "reasoning", reasoning: "I think", extra: 1 },
      { type: "thinking", thinking: "hm", signature: "c2ln" },
      { type: "text", text: "I read it", annotations: [], phase: "commentary" },
      { type: "tool_use", id: "c1", name: "read", input: { a: 1 } },
      { type: "new_block", words: "of tomorrow" }
    ],
    tool_calls: [{ type: "tool_call", id: "c1", name: "read", args: { a: 1 } }],
    invalid_tool_calls: [{ type: "invalid_tool_call", id: "c9", name: "write", args: "{", error: "cut" }],
    additional_kwargs: {
      tool_calls: [{ id: "c1", type: "function", function: { name: "read", arguments: '{ "a": 1 }' } }],
      reasoning: { id: "rs_1", type: "reasoning", encrypted_content: "secret" }
    },
    response_metadata: { model_name: "m", output: [{ type: "function_call", call_id: "c1" }] }
  }),
  new ToolMessage({
    id: "t1",
    tool_call_id: "c1",
    name: "read",
    status: "error",
    content: "the words",
    artifact: { rows: [1, 2] },
    metadata: { took: 5 }
  }),
  new ToolMessage({ tool_call_id: "c1", content: [{ type: "image_url", image_url: { url: picture } }] }),
  new ChatMessage({ content: "beep", role: "robot", id: "r1" })
]

/** All that a message has, as JSON keeps it. */
const fieldsOf = (message: BaseMessage | undefined): { readonly [field: string]: unknown } =>
  JSON.parse(JSON.stringify({ ...message, lc_kwargs: 0 }))

const throughLog = (message: BaseMessage): Message.Message => JSON.parse(JSON.stringify(readMessage(message)))

describe("messages of LangChain", () => {
  it("come back as they were, also from a log and a view", () => {
    for (const message of messages) {
      const stored = throughLog(message)
      for (const kept of [stored, Message.hideNative(stored)]) {
        assert.deepStrictEqual(fieldsOf(writeMessage(kept)), fieldsOf(message))
        assert.strictEqual(writeMessage(kept).type, message.type)
        assert.strictEqual(idOf(kept), message.id)
      }
    }
  })

  it("come back as they were, with any blocks in any order", () => {
    const blocks = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []))
    fc.assert(
      fc.property(fc.shuffledSubarray(blocks), fc.boolean(), (content, isReply) => {
        const message = isReply ? new AIMessage({ content, id: "m" }) : new HumanMessage({ content, id: "m" })
        assert.deepStrictEqual(fieldsOf(writeMessage(throughLog(message))), fieldsOf(message))
      })
    )
  })

  it("show their words to a summary, and keep secrets out of them", () => {
    const words = messages.map((message) => JSON.stringify({ ...readMessage(message), native: undefined })).join()
    for (const word of ["I read it", "the words", "of tomorrow", '{ \\"a\\": 1 }']) assert.include(words, word)
    for (const word of ["secret", "c2ln"]) assert.notInclude(words, word)
  })

  it("let no provider's raw output undo what a view has shortened or renamed", () => {
    const [message] = messages.filter(({ id }) => id === "a2").map(readMessage)
    if (message?.role !== "assistant") return assert.fail("expected an answer")
    const shown = writeMessage({
      ...message,
      tool_calls: [{ id: "c1_2", type: "function", function: { name: "read", arguments: '{"a":1}' } }]
    })
    assert.deepInclude(fieldsOf(shown), { id: "a2", additional_kwargs: {}, response_metadata: {} })
    assert.deepInclude(fieldsOf(shown), {
      tool_calls: [{ type: "tool_call", id: "c1_2", name: "read", args: { a: 1 } }]
    })
  })

  it("are made of messages that came another way", () => {
    const image = { type: "image_url", image_url: { url: picture } } as const
    const call = { id: "c1", type: "function", function: { name: "read", arguments: '{"a":1}' } } as const
    const made = [
      writeMessage({ role: "user", content: [{ type: "text", text: "look" }, image] }),
      writeMessage({ role: "assistant", content: null, tool_calls: [call] }),
      writeMessage({ role: "tool", tool_call_id: "c1", content: "the words" })
    ]
    assert.deepStrictEqual(
      made.map(({ content, type }) => ({ content, type })),
      [
        { type: "human", content: [{ type: "text", text: "look" }, image] },
        { type: "ai", content: "" },
        { type: "tool", content: "the words" }
      ]
    )
    assert.deepInclude(fieldsOf(made[1]), {
      tool_calls: [{ type: "tool_call", id: "c1", name: "read", args: { a: 1 } }]
    })
  })
})
