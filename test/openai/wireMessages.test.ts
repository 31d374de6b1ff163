/** Auxiliary tasks send whole messages: what a model is shown, what it called, and what came back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Message } from "../../src/message/Message.ts"
import { toChatMessages, toInputItems } from "../../src/openai/wireMessages.ts"
import { anyMessages } from "../support/histories.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { id, real } from "../support/world.ts"

const url = "data:image/png;base64,iVBORw0KGgo="
const call = { id: "c1", type: "function", function: { name: "look_up", arguments: '{"q":"x"}' } } as const
const custom = { id: "c2", type: "custom", custom: { name: "patch", input: "*** Begin" } } as const
const messages: ReadonlyArray<Message> = [
  { role: "system", content: "Describe." },
  {
    role: "user",
    content: [
      { type: "text", text: "what is this?" },
      { type: "image_url", image_url: { url } },
      { type: "file", file: { file_data: "data:application/pdf;base64,JVBERi0=", filename: "a.pdf" } }
    ]
  },
  { role: "assistant", content: null, tool_calls: [call, custom] },
  { role: "tool", tool_call_id: "c1", content: "found" },
  { role: "tool", tool_call_id: "c2", content: [{ type: "text", text: "done" }] },
  { role: "assistant", content: "A dot." }
]

/** The body of the one request that a task named `vision` makes. */
const askVision = (api: "chat" | "responses", asked: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make([ModelServer.ok("a dot")])
    const { text } = yield* Effect.flatMap(Gateway, ({ auxiliary }) =>
      auxiliary(id, { task: "vision", messages: asked, maxOutputTokens: 100 })
    ).pipe(Effect.provide(real({ routes: [server.route({ api })] })))
    assert.strictEqual(text, "a dot")
    return server.requests[0]?.body
  })

describe("an auxiliary task", () => {
  it.scopedLive("sees pictures, files, calls and results by Chat Completions", () =>
    Effect.gen(function* () {
      assert.deepNestedInclude(yield* askVision("chat", messages), {
        messages: [
          messages[0],
          messages[1],
          { role: "assistant", content: null, tool_calls: [call, custom] },
          messages[3],
          { role: "tool", tool_call_id: "c2", content: "done" },
          messages[5]
        ]
      })
    })
  )

  it.scopedLive("sees pictures, files, calls and results by the Responses API", () =>
    Effect.gen(function* () {
      assert.deepNestedInclude(yield* askVision("responses", messages), {
        instructions: "Describe.",
        input: [
          {
            role: "user",
            content: [
              { type: "input_text", text: "what is this?" },
              { type: "input_image", image_url: url, detail: "auto" },
              { type: "input_file", file_data: "data:application/pdf;base64,JVBERi0=", filename: "a.pdf" }
            ]
          },
          { type: "function_call", call_id: "c1", name: "look_up", arguments: '{"q":"x"}' },
          { type: "custom_tool_call", call_id: "c2", name: "patch", input: "*** Begin" },
          { type: "function_call_output", call_id: "c1", output: "found" },
          { type: "custom_tool_call_output", call_id: "c2", output: "done" },
          { role: "assistant", content: "A dot." }
        ]
      })
    })
  )

  it("gets a call without a result, and a result without a call, as words", () => {
    const [, , calling] = messages
    assert.deepStrictEqual(
      toChatMessages([
        ...(calling === undefined ? [] : [calling]),
        { role: "tool", tool_call_id: "c9", content: "whose?" },
        { role: "tool", tool_call_id: "c1", content: "found" },
        { role: "user", content: "go on" },
        { role: "tool", tool_call_id: "c2", content: "late" }
      ]),
      [
        { role: "assistant", content: "[calls patch *** Begin]", tool_calls: [call] },
        { role: "tool", tool_call_id: "c1", content: "found" },
        { role: "user", content: "whose?" },
        { role: "user", content: "go on" },
        { role: "user", content: "late" }
      ]
    )
  })

  it.prop(
    "Valid: each call is answered at once, each answer has its call, whatever the messages are",
    [anyMessages],
    ([asked]) => {
      const open = new Set<string>()
      for (const message of toChatMessages(asked)) {
        if (message.role === "tool") assert.isTrue(open.delete(message.tool_call_id))
        else assert.strictEqual(open.size, 0)
        if (message.role === "assistant") for (const { id } of message.tool_calls ?? []) open.add(id)
      }
      assert.strictEqual(open.size, 0)
      const called = toInputItems(asked).flatMap((item) =>
        item.type === "function_call" || item.type === "custom_tool_call" ? [item.call_id] : []
      )
      const answered = toInputItems(asked).flatMap((item) =>
        item.type === "function_call_output" || item.type === "custom_tool_call_output" ? [item.call_id] : []
      )
      assert.deepStrictEqual(called.toSorted(), answered.toSorted())
    },
    propertyRuns(100, 2_000)
  )
})
