/** The items of the Agents SDK as messages and back. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { readItems, writeItems } from "../../src/openAiAgents/items.ts"

const providerData = { encrypted_content: "secret", nested: { keys: [1, null, "x"] } }
const picture = "data:image/png;base64,iVBORw0KGgo="

/** One of each item of the SDK, with fields of a provider's own. */
const items: ReadonlyArray<{ readonly [field: string]: unknown }> = [
  { type: "message", role: "system", content: "be brief", providerData },
  { role: "user", content: "hello" },
  {
    type: "message",
    role: "user",
    id: "m1",
    content: [
      { type: "input_text", text: "look", promptCacheBreakpoint: { mode: "explicit" } },
      { type: "input_image", image: picture, detail: "high", providerData },
      { type: "input_image", image: { id: "file-1" } },
      { type: "input_file", file: "data:text/plain;base64,aGVsbG8=", filename: "a.txt" },
      { type: "input_file", file: { id: "file-2" } },
      { type: "input_file", file: { url: "https://example.com/a.pdf" } },
      { type: "audio", audio: "UklGRg==", format: "wav", transcript: "hello" }
    ]
  },
  {
    type: "reasoning",
    id: "rs_1",
    content: [{ type: "input_text", text: "I think", providerData: { a: 1 } }],
    rawContent: [{ type: "reasoning_text", text: "raw" }],
    providerData
  },
  { type: "reasoning", content: [], providerData },
  {
    type: "message",
    role: "assistant",
    status: "completed",
    phase: "commentary",
    content: [
      { type: "output_text", text: "I read it", providerData: { annotations: [] } },
      { type: "refusal", refusal: "no" },
      { type: "image", image: "iVBORw0KGgo=" }
    ],
    providerData
  },
  { type: "function_call", callId: "c1", name: "read", arguments: '{"a":1}', status: "completed", namespace: "n" },
  { type: "function_call", callId: "c2", name: "read", arguments: "{}", providerData },
  { type: "function_call", callId: "c3", name: "read", arguments: "{}" },
  { type: "function_call", callId: "c4", name: "read", arguments: "{}" },
  { type: "function_call", callId: "c5", name: "read", arguments: "{}" },
  { type: "computer_call", callId: "c6", status: "completed", action: { type: "screenshot" } },
  { type: "shell_call", callId: "c7", action: { commands: ["ls"], timeoutMs: 5 }, caller: { type: "direct" } },
  { type: "apply_patch_call", callId: "c8", status: "completed", operation: { type: "delete_file", path: "a" } },
  { type: "program", callId: "c9", code: "1 + 1", fingerprint: "f" },
  {
    type: "function_call_result",
    callId: "c1",
    name: "read",
    status: "completed",
    output: { type: "text", text: "the words", providerData }
  },
  { type: "function_call_result", callId: "c2", name: "read", status: "completed", output: "plain words" },
  {
    type: "function_call_result",
    callId: "c3",
    name: "read",
    status: "incomplete",
    output: [
      { type: "input_text", text: "a page" },
      { type: "input_image", image: picture, detail: "low" }
    ]
  },
  {
    type: "function_call_result",
    callId: "c4",
    name: "read",
    status: "completed",
    output: { type: "image", image: picture, detail: "low", providerData }
  },
  {
    type: "function_call_result",
    callId: "c5",
    name: "read",
    status: "completed",
    output: { type: "file", file: { url: "https://example.com/b.pdf", filename: "b.pdf" } }
  },
  { type: "computer_call_result", callId: "c6", output: { type: "computer_screenshot", data: picture } },
  {
    type: "shell_call_output",
    callId: "c7",
    maxOutputLength: 9,
    output: [{ stdout: "a b", stderr: "", outcome: { type: "exit", exitCode: 0 } }]
  },
  { type: "apply_patch_call_output", callId: "c8", status: "completed", output: "done" },
  { type: "program_output", callId: "c9", output: "2", status: "completed", providerData },
  { type: "hosted_tool_call", id: "h1", name: "web_search_call", status: "completed", output: "found", providerData },
  { type: "tool_search_call", callId: "t1", execution: "client", arguments: { query: "x" }, status: "completed" },
  { type: "tool_search_output", callId: "t1", tools: [{ type: "tool_reference", functionName: "f" }] },
  { type: "compaction", encrypted_content: "packed", id: "cmp_1" },
  { type: "unknown", id: "u1", providerData: { type: "new_item", value: 1 } },
  { type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "done" }] }
]

const throughJson = (value: object): unknown => JSON.parse(JSON.stringify(value))

describe("items of the Agents SDK", () => {
  it("come back as they were, one by one", () => {
    for (const item of items) assert.deepStrictEqual(throughJson(writeItems(readItems([item]))), [item])
  })

  it("come back as they were, all together, also from a log", () => {
    assert.deepStrictEqual(throughJson(writeItems(JSON.parse(JSON.stringify(readItems(items))))), throughJson(items))
  })

  it("come back as they were, also of a type that is a name every object has", () => {
    for (const type of ["constructor", "toString", "__proto__"]) {
      const unknown = { type: "unknown" as const, providerData: { type, words: "hello" } }
      assert.deepStrictEqual(writeItems(readItems([{ type, words: "hello" }])), [unknown])
    }
  })

  it("come back as they were, in any order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...items]), (some) =>
        assert.deepStrictEqual(throughJson(writeItems(readItems(some))), throughJson(some))
      )
    )
  })

  it("show their words to a summary, and keep secrets out of them", () => {
    const [call, result] = readItems(items.filter(({ callId }) => callId === "c1"))
    assert.include(call, { role: "assistant" })
    assert.include(result, { role: "tool", tool_call_id: "c1", content: "the words" })
    const words = readItems(items).map((message) => JSON.stringify({ ...message, native: undefined }))
    assert.notInclude(words.join(), "secret")
    assert.notInclude(words.join(), "packed")
  })

  it("are made of messages that came another way", () => {
    const made = writeItems([
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image_url", image_url: { url: picture } }
        ]
      },
      { role: "developer", content: "be brief" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "read", arguments: "{}" } }]
      },
      { role: "tool", tool_call_id: "c1", content: "the words" },
      { role: "assistant", content: "done" }
    ])
    assert.deepStrictEqual(throughJson(made), [
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: "look" },
          { type: "input_image", image: picture }
        ]
      },
      { role: "system", content: "be brief" },
      { type: "function_call", callId: "c1", name: "read", arguments: "{}" },
      { type: "function_call_result", callId: "c1", name: "read", status: "completed", output: "the words" },
      { type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "done" }] }
    ])
  })

  it("keep their fields when their words are shortened", () => {
    const [message] = readItems(items.filter(({ callId }) => callId === "c1").slice(1))
    if (message?.role !== "tool") return assert.fail("expected a result")
    assert.deepStrictEqual(throughJson(writeItems([{ ...message, content: "short" }])), [
      { ...items.find(({ output }) => output !== undefined), output: { type: "text", text: "short", providerData } }
    ])
  })
})
