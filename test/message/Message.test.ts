import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc, Schema } from "effect"
import * as Message from "../../src/message/Message.ts"

const isMessage = Schema.is(Message.Message)

/** Something in the place of a field: what belongs there, what belongs elsewhere, nothing. */
const part = fc.record({ type: fc.constantFrom("text", "image_url", "audio"), text: fc.string() })
const called = fc.record({ name: fc.constantFrom("f", 1), arguments: fc.constantFrom("{}", null) })
const call = fc.record({ id: fc.constantFrom("a", "", 1), type: fc.constantFrom("function", "tool"), function: called })
const anything = fc.oneof(fc.string(), fc.constantFrom(null, undefined, 0, "", []), fc.array(part), fc.array(call))
const nearly = fc.record(
  {
    role: fc.constantFrom("user", "system", "developer", "tool", "assistant", "nobody", 1),
    content: anything,
    tool_call_id: anything,
    tool_calls: anything
  },
  { requiredKeys: [] }
)

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

describe("Message", () => {
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
})
