import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { isDegradedHandoff, isHandoffContent } from "../../src/hermes/marks.ts"
import * as HermesRows from "../../src/hermes/rows.ts"
import * as Message from "../../src/message/Message.ts"

const everything: ReadonlySet<string> = new Set(HermesRows.COLUMNS)

const extras = fc.record(
  { reasoning: fc.string(), finish_reason: fc.constant("stop"), reasoning_details: fc.array(fc.jsonValue()) },
  { requiredKeys: [] }
)
const messages = fc
  .tuple(Arbitrary.make(Message.Message), extras)
  .map(([message, extras]): Message.Message => ({ ...message, ...extras }))

const row = (columns: Partial<HermesRows.MessageColumns>): HermesRows.MessageColumns => ({
  role: "user",
  content: "hello",
  tool_call_id: null,
  tool_calls: null,
  tool_name: null,
  ...columns
})
const read = (columns: Partial<HermesRows.MessageColumns>): unknown =>
  Either.getOrThrow(HermesRows.messageOfRow(row(columns)))

describe("hermesRows", () => {
  it.prop("a row says the same message as the one it was made of, or is known not to", [messages], ([message]) => {
    const body = JSON.stringify(message)
    const columns = HermesRows.columnsOfMessage(message)
    if (HermesRows.isHeldByColumns(body, columns, everything)) assert.strictEqual(JSON.stringify(read(columns)), body)
  })

  it("holds what conversations are made of", () => {
    const call = { id: "c0", type: "function", function: { name: "terminal", arguments: "{}" } } as const
    const usual: ReadonlyArray<Message.Message> = [
      { role: "user", content: "hello" },
      { role: "user", content: [{ type: "text", text: "look" }] },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c0", content: "done" }
    ]
    for (const message of usual) {
      assert.isTrue(
        HermesRows.isHeldByColumns(JSON.stringify(message), HermesRows.columnsOfMessage(message), everything)
      )
    }
    const having = (message: Message.Message, extra: object): Message.Message => ({ ...message, ...extra })
    const named = having({ role: "user", content: "hello" }, { name: "Ada" })
    assert.isFalse(
      HermesRows.isHeldByColumns(
        JSON.stringify(named),
        HermesRows.columnsOfMessage(named),
        new Set(["role", "content"])
      )
    )
    const spare = having({ role: "user", content: "hello" }, { zeta: 1 })
    assert.isFalse(HermesRows.isHeldByColumns(JSON.stringify(spare), HermesRows.columnsOfMessage(spare), everything))
  })

  it("reads lists, missing content and the columns of reasoning", () => {
    const parts = [{ type: "text", text: "look" }]
    assert.deepStrictEqual(read({ content: `\0json:${JSON.stringify(parts)}` }), { role: "user", content: parts })
    assert.deepStrictEqual(read({ content: null }), { role: "user", content: "" })
    assert.deepStrictEqual(read({ role: "assistant", content: null, reasoning_details: "[1]" }), {
      role: "assistant",
      content: null,
      reasoning_details: [1]
    })
  })

  it("says what is wrong with a row that is no message", () => {
    for (const broken of [{ content: "\0json:[" }, { role: "session_meta" }, { role: "tool" }, { tool_calls: "[{" }]) {
      const columns = row({ role: "assistant", ...broken })
      assert.isTrue(Either.isLeft(HermesRows.messageOfRow(columns)), JSON.stringify(broken))
    }
  })

  it("knows a handoff, and one without a summary", () => {
    assert.isTrue(isHandoffContent("[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns"))
    assert.isTrue(isHandoffContent("[CONTEXT SUMMARY]: earlier"))
    assert.isFalse(isHandoffContent("what does [CONTEXT SUMMARY]: mean?"))
    assert.isFalse(isDegradedHandoff("[CONTEXT SUMMARY]: earlier"))
    assert.isTrue(isDegradedHandoff("[CONTEXT SUMMARY]: Summary generation was unavailable. 12 messages"))
  })
})
