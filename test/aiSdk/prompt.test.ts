/** Prompts of models of the AI SDK as messages and back. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { readItems, splitPrompt, writePrompt } from "../../src/aiSdk/prompt.ts"
import type { JsonObject } from "../../src/format/json.ts"
import type { Message } from "../../src/message/Message.ts"

const BASE64 = Buffer.from("the bytes of a file").toString("base64")
const BYTES = Uint8Array.from(Buffer.from("the bytes of a picture"))
const PICTURE = new URL("https://example.com/picture.png")
const providerOptions = { anthropic: { cacheControl: { type: "ephemeral" } } }

const text = [
  { type: "text", text: "hello" },
  { type: "text", text: "cached", providerOptions }
]
const results = [
  { type: "text", value: "it says hello" },
  { type: "error-text", value: "there is none" },
  { type: "json", value: { lines: [1, 2] }, providerOptions },
  { type: "error-json", value: null },
  { type: "execution-denied", reason: "not today" }
]
const thoughts = [
  { type: "reasoning", text: "hm", providerOptions: { anthropic: { signature: "c2lnbmVk" } } },
  { type: "reasoning", text: "well" }
]
const search = [
  { type: "tool-call", toolCallId: "s1", toolName: "search", input: { query: "tea" }, providerExecuted: true },
  { type: "tool-result", toolCallId: "s1", toolName: "search", output: { type: "json", value: ["tea"] } }
]
const content = (...value: ReadonlyArray<JsonObject>) => ({ type: "content", value })

/** The parts of each version of the specification: those of users, of assistants, and the results of tools. */
const VERSIONS = {
  v2: {
    user: [
      ...text,
      { type: "file", data: BYTES, mediaType: "image/png" },
      { type: "file", data: PICTURE, mediaType: "image/*", providerOptions },
      { type: "file", data: BASE64, mediaType: "application/pdf", filename: "bill.pdf" }
    ],
    assistant: [...text, ...thoughts, { type: "file", data: BASE64, mediaType: "image/png" }],
    outputs: [...results, content(...text, { type: "media", data: BASE64, mediaType: "image/png" })]
  },
  v3: {
    user: [
      ...text,
      { type: "file", data: BYTES, mediaType: "image/png" },
      { type: "file", data: PICTURE, mediaType: "image/*" }
    ],
    assistant: [...text, ...thoughts, ...search],
    outputs: [
      ...results,
      content(
        { type: "image-data", data: BASE64, mediaType: "image/png", providerOptions },
        { type: "file-data", data: BASE64, mediaType: "application/pdf", filename: "bill.pdf" },
        { type: "image-url", url: PICTURE.href },
        { type: "file-id", fileId: "file-1" }
      )
    ]
  },
  v4: {
    user: [
      ...text,
      { type: "file", data: { type: "data", data: BYTES }, mediaType: "image/png" },
      { type: "file", data: { type: "data", data: BASE64 }, mediaType: "application/pdf", filename: "bill.pdf" },
      { type: "file", data: { type: "url", url: PICTURE }, mediaType: "image/png", providerOptions },
      { type: "file", data: { type: "reference", reference: { openai: "file-1" } }, mediaType: "application/pdf" },
      { type: "file", data: { type: "text", text: "a note" }, mediaType: "text/plain" }
    ],
    assistant: [
      ...text,
      ...thoughts,
      ...search,
      { type: "reasoning-file", data: { type: "data", data: BASE64 }, mediaType: "image/png" },
      { type: "custom", kind: "openai.compaction", providerOptions }
    ],
    outputs: [
      ...results,
      content(
        { type: "file", data: { type: "data", data: BASE64 }, mediaType: "image/png", providerOptions },
        { type: "file", data: { type: "url", url: PICTURE }, mediaType: "image/png" },
        { type: "custom", providerOptions }
      )
    ]
  }
} as const

/** A prompt of which each call has its result. */
const promptOf = ({ assistant, outputs, user }: Parts) => {
  const said = FastCheck.subarray([...user], { minLength: 1 }).map((content) => ({ role: "user", content }))
  const answered = FastCheck.record({
    parts: FastCheck.subarray([...assistant]),
    given: FastCheck.subarray([...outputs], { minLength: 1 }),
    isCached: FastCheck.boolean()
  })
  return FastCheck.array(FastCheck.tuple(said, answered), { minLength: 1, maxLength: 4 }).map((turns) =>
    turns.flatMap(([question, { given, isCached, parts }], turn) => {
      const calls = given.map((_, i) => ({
        type: "tool-call",
        toolCallId: `call-${turn}-${i}`,
        toolName: "read",
        input: { i }
      }))
      const results = given.map((output, i) => ({
        type: "tool-result",
        toolCallId: `call-${turn}-${i}`,
        toolName: "read",
        output
      }))
      return [
        { ...question, ...(isCached && { providerOptions }) },
        { role: "assistant", content: [...parts, ...calls] },
        { role: "tool", content: results }
      ]
    })
  )
}

interface Parts {
  readonly user: ReadonlyArray<JsonObject>
  readonly assistant: ReadonlyArray<JsonObject>
  readonly outputs: ReadonlyArray<JsonObject>
}

describe("prompts", () => {
  for (const [version, parts] of Object.entries(VERSIONS)) {
    it(`of ${version} lose nothing in a store: text, reasoning, pictures, files, results and provider options`, () => {
      FastCheck.assert(
        FastCheck.property(promptOf(parts), (prompt) => {
          const stored = JSON.parse(JSON.stringify(readItems(prompt)))
          assert.deepStrictEqual(writePrompt(stored, version), prompt)
        }),
        { numRuns: 100 }
      )
    })
  }

  it("begin with the instructions, which are no messages of the session", () => {
    const system = { role: "system", content: "Be brief.", providerOptions }
    const user = { role: "user", content: [{ type: "text", text: "hello" }] }
    assert.deepStrictEqual(splitPrompt([system, user, system]), { system: [system], items: [user, system] })
    assert.deepStrictEqual(splitPrompt([system]), { system: [system], items: [] })
  })

  it("take chat messages with the pictures of other APIs", () => {
    const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${BASE64}` } }
    const linked = { type: "image_url", image_url: { url: PICTURE.href } }
    const call = { id: "c1", type: "function", function: { name: "look", arguments: "{}" } }
    const messages: ReadonlyArray<Message> = JSON.parse(
      JSON.stringify([
        { role: "user", content: [picture, linked] },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "c1", content: [picture] },
        { role: "assistant", content: "a teapot" }
      ])
    )
    const answered = { role: "assistant", content: [{ type: "text", text: "a teapot" }] }
    const output = (value: JsonObject) => ({
      type: "tool-result",
      toolCallId: "c1",
      toolName: "look",
      output: content(value)
    })
    const called = {
      role: "assistant",
      content: [{ type: "tool-call", toolCallId: "c1", toolName: "look", input: {} }]
    }
    assert.deepStrictEqual(writePrompt(messages, "v3"), [
      {
        role: "user",
        content: [
          { type: "file", mediaType: "image/png", data: BASE64 },
          { type: "file", mediaType: "image/*", data: PICTURE }
        ]
      },
      called,
      { role: "tool", content: [output({ type: "image-data", data: BASE64, mediaType: "image/png" })] },
      answered
    ])
    const tagged = { type: "data", data: BASE64 }
    assert.deepStrictEqual(writePrompt(messages, "v4"), [
      {
        role: "user",
        content: [
          { type: "file", mediaType: "image/png", data: tagged },
          { type: "file", mediaType: "image/*", data: { type: "url", url: PICTURE } }
        ]
      },
      called,
      { role: "tool", content: [output({ type: "file", data: tagged, mediaType: "image/png" })] },
      answered
    ])
  })
})
