import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc, Option, Schema } from "effect"
import * as Message from "../../src/message/Message.ts"

const isMessage = Schema.is(Message.Message)

/** Something in the place of a field: what belongs there, what belongs elsewhere, nothing. */
const part = fc.record({ type: fc.constantFrom("text", "image_url", "audio"), text: fc.string() })
const called = fc.record({ name: fc.constantFrom("f", 1), arguments: fc.constantFrom("{}", null) })
const call = fc.record({
  id: fc.constantFrom("a", "", 1),
  type: fc.constantFrom("function", "tool", "custom"),
  function: called
})
const anything = fc.oneof(fc.string(), fc.constantFrom(null, undefined, 0, "", []), fc.array(part), fc.array(call))
const nearly = fc.record(
  {
    role: fc.constantFrom("user", "system", "developer", "tool", "assistant", "nobody", 1),
    content: anything,
    tool_call_id: anything,
    tool_calls: anything,
    refusal: anything,
    audio: anything,
    function_call: fc.oneof(anything, called),
    native: fc.oneof(anything, fc.record({ format: anything }))
  },
  { requiredKeys: [] }
)

/** What most messages are. */
const plain = fc.oneof(
  fc.record(
    { role: fc.constantFrom("user", "assistant"), content: fc.string({ unit: "binary" }), name: fc.string() },
    { requiredKeys: ["role", "content"] }
  ),
  fc.record({ role: fc.constant("tool"), tool_call_id: fc.constant("a"), content: fc.string() }),
  fc.record({
    role: fc.constant("assistant"),
    content: fc.constantFrom("hello", null),
    tool_calls: fc.array(
      fc.record({
        id: fc.constant("a"),
        type: fc.constant("function"),
        function: fc.record({ name: fc.string(), arguments: fc.string() })
      })
    )
  })
)

/** Things that JSON leaves out, or asks instead. */
const dresses: ReadonlyArray<(message: object) => object> = [
  (message) => message,
  (message) => ({ ...message, [Symbol("mine")]: 1 }),
  (message) => ({ ...message, extra: undefined, refusal: null }),
  (message) => ({ ...message, toJSON: () => ({ role: "user", content: "something else" }) }),
  (message) => Object.assign(Object.create({ toJSON: () => ({ role: "user", content: "something else" }) }), message),
  (message) => Object.defineProperty({ ...message }, "hidden", { value: 1 })
]

const issues: ReadonlyArray<readonly [unknown, string]> = [
  [null, "Expected an object with a role"],
  ["hello", "Expected an object with a role"],
  [{ content: "hello" }, `role: Expected "system" | "developer" | "user" | "assistant" | "tool"`],
  [{ role: "tool", content: "hello" }, "tool_call_id: is missing"],
  [
    { role: "assistant", tool_calls: [{ id: "", type: "function", function: { name: "f", arguments: "{}" } }] },
    "tool_calls.0.id: Expected a non empty string"
  ]
]

/** A message or part of another API, and the format that reads it. */
const foreign: ReadonlyArray<readonly [unknown, string]> = [
  [
    { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "read", input: {} }] },
    `content.0: the part "tool_use" belongs to another API; MessageFormat "anthropic" reads it`
  ],
  [
    {
      role: "user",
      content: [
        { type: "text", text: "see" },
        { type: "tool_result", tool_use_id: "toolu_1" }
      ]
    },
    `content.1: the part "tool_result" belongs to another API; MessageFormat "anthropic" reads it`
  ],
  [
    { role: "user", content: [{ type: "image", source: { type: "base64", data: "AAAA" } }] },
    `content.0: the part "image" with "source" belongs to another API; MessageFormat "anthropic" reads it`
  ],
  [
    { role: "user", content: [{ type: "input_text", text: "hello" }] },
    `content.0: the part "input_text" belongs to another API; MessageFormat "responses" reads it`
  ],
  [
    { type: "function_call_output", call_id: "c1", output: "done" },
    `the item "function_call_output" belongs to another API; MessageFormat "responses" reads it`
  ],
  [
    { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "read", output: {} }] },
    `content.0: the part "tool-result" belongs to another API; MessageFormat "ai-sdk-model" reads it`
  ],
  [
    { role: "assistant", content: [{ type: "reasoning", text: "hm" }] },
    `content.0: the part "reasoning" belongs to another API; MessageFormat "ai-sdk-model" reads it`
  ],
  [
    { id: "m1", role: "assistant", parts: [{ type: "text", text: "hello" }] },
    `the list of parts belongs to another API; MessageFormat "ai-sdk-ui" reads it`
  ],
  [
    { role: "function", name: "read", content: "done" },
    `the role "function" belongs to another API; MessageFormat "legacy-functions" reads it`
  ],
  [
    { role: "user", parts: [{ functionResponse: { name: "read", response: {} } }] },
    "the list of parts belongs to another API; no MessageFormat reads it"
  ],
  [
    { role: "assistant", content: [{ toolUse: { toolUseId: "c1", name: "read", input: {} } }] },
    `content.0: the part with "toolUse" belongs to another API; no MessageFormat reads it`
  ]
]

/** What servers of Chat Completions send beside a plain text, and the words of it. */
const spoken: ReadonlyArray<readonly [object, string]> = [
  [{ content: null, refusal: "I can't help with that." }, "I can't help with that."],
  [{ content: [{ type: "refusal", refusal: "I can't." }] }, "I can't."],
  [{ content: null, audio: { id: "audio_1", transcript: "hello there" } }, "hello there"],
  [{ content: "well", refusal: "no" }, "well\nno"],
  [{ content: null, function_call: { name: "read", arguments: "{}" } }, "read {}"],
  [
    {
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "yes" }
      ]
    },
    "yes"
  ],
  [{ content: "yes", reasoning_content: "hm", refusal: null, audio: null, function_call: null }, "yes"]
]

describe("Message", () => {
  it.each(foreign)("refuses %j and says what reads it", (input, issue) => {
    assert.strictEqual(Either.getOrThrow(Either.flip(Message.parse(input))).issue, issue)
  })

  it("reads a log that took parts of another API in", () => {
    const [old] = foreign.flatMap(([input]) => Option.toArray(Either.getRight(Message.parseStored(input))))
    assert.isDefined(old)
  })

  it.each(spoken)("takes a reply %j with all its words", (fields, words) => {
    const reply = { role: "assistant", ...fields }
    const message = Either.getOrThrow(Message.parse(reply))
    assert.strictEqual<unknown>(message, reply)
    assert.strictEqual(Message.text(message), words)
  })

  it("ends a turn with words alone, not with a call of any kind", () => {
    const custom = { id: "c1", type: "custom", custom: { name: "patch", input: "+" } } as const
    assert.isTrue(Message.endsTurn({ role: "assistant", content: null, refusal: "no" }))
    assert.isFalse(Message.endsTurn({ role: "assistant", function_call: { name: "read", arguments: "{}" } }))
    assert.isFalse(Message.endsTurn({ role: "assistant", content: null, tool_calls: [custom] }))
  })

  it("reads and rewrites a call of either kind, and keeps what it does not know", () => {
    const extra_content = { google: { thought_signature: "abc" } }
    const written = { id: "c1", type: "function", function: { name: "read", arguments: "{}" }, extra_content } as const
    const custom = { id: "c2", type: "custom", custom: { name: "patch", input: "+" }, extra_content } as const
    assert.deepStrictEqual([written, custom].map(Message.callName), ["read", "patch"])
    assert.deepStrictEqual([written, custom].map(Message.callInput), ["{}", "+"])
    assert.deepStrictEqual<unknown>(
      [written, custom].map((call) => Message.withCallInput(call, "[1]")),
      [
        { ...written, function: { name: "read", arguments: "[1]" } },
        { ...custom, custom: { name: "patch", input: "[1]" } }
      ]
    )
  })

  it("shows what only its own format reads under a symbol, where copies keep it and JSON does not", () => {
    const native = { format: "anthropic", signature: "abc" }
    const shown = Message.hideNative({ role: "user", content: "hello", native })
    assert.deepStrictEqual({ ...shown }[Message.Native], native)
    assert.strictEqual(JSON.stringify(shown), `{"role":"user","content":"hello"}`)
    const plain: Message.Message = { role: "user", content: "hello" }
    assert.strictEqual(Message.hideNative(plain), plain)
    assert.strictEqual(
      Either.getOrThrow(Either.flip(Message.parse({ ...plain, native: {} }))).issue,
      "native.format: is missing"
    )
  })

  it("says what is wrong with a message of its role, and nothing about other roles", () => {
    for (const [input, issue] of issues) {
      assert.strictEqual(Either.getOrThrow(Either.flip(Message.parse(input))).issue, issue)
    }
  })

  it.prop(
    "every message is taken as it is, as the very same object",
    [Arbitrary.make(Message.Message)],
    ([message]) => {
      assert.strictEqual(Either.getOrThrow(Message.parse(message)), message)
    }
  )

  it.prop(
    "what is nearly a message is taken if the schema takes it, and only then",
    [fc.oneof(nearly, anything, fc.anything())],
    ([input]) => {
      assert.strictEqual(Either.isRight(Message.parse(input)), isMessage(input))
    },
    { fastCheck: { numRuns: 3_000 } }
  )

  it.prop(
    "what is stored of a message is what its JSON says, and none of the objects that were given",
    [fc.oneof(plain, nearly), fc.constantFrom(...dresses)],
    ([message, dress]) => {
      const input = dress(message)
      const body = JSON.stringify(input)
      const said: unknown = JSON.parse(body)
      const stored = Either.getOrUndefined(Message.serialize(input))
      assert.deepStrictEqual<unknown>(stored, isMessage(said) ? { message: said, body } : undefined)
      const given = new Set(listObjects(input))
      assert.deepStrictEqual(
        listObjects(stored).filter((object) => given.has(object)),
        []
      )
    },
    { fastCheck: { numRuns: 1_000 } }
  )
})

function listObjects(value: unknown): ReadonlyArray<object> {
  return typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(listObjects)] : []
}
