import { assert, describe, it } from "@effect/vitest"
import type { Message } from "../../src/message/Message.ts"
import { redact, redactMessage } from "../../src/message/Redaction.ts"
import { digestMessage } from "../../src/ledger/messageDigest.ts"
import { renderMaterial } from "../../src/handoff/prompt.ts"
import { searchableText } from "../../src/store/searchQuery.ts"
import { any, call, logOf, ofWire, repliesSaying } from "../support/histories.ts"

const secret = ["hunter", "2"].join("")

describe("what is taken from a message", () => {
  it.prop("is made once for each, and is the same whether it was made before or not", [any], ([history]) => {
    const log = logOf(history)
    const copy = logOf(structuredClone(history))
    log.forEach(({ message }) => digestMessage(message))
    log.forEach(({ message }, i) => {
      assert.strictEqual(digestMessage(message), digestMessage(message))
      assert.deepStrictEqual(digestMessage(copy[i]?.message ?? message), digestMessage(message))
    })
    assert.strictEqual(renderMaterial(log), renderMaterial(copy))
  })

  it("holds the message's own strings where there is nothing to hide", () => {
    const content = "The staging port is 5433."
    assert.strictEqual(digestMessage({ role: "user", content }).body, content)
  })

  it("holds no secret: not in the words, across parts, in arguments, nor in what the ledger takes", () => {
    const messages: ReadonlyArray<Message> = [
      { role: "user", content: `You must use password=${secret} on port 5433.` },
      {
        role: "user",
        content: [
          { type: "text", text: "- name: DB_PASSWORD" },
          { type: "text", text: `  value: ${secret}` }
        ]
      },
      {
        role: "assistant",
        content: `We decided to use password=${secret}.`,
        tool_calls: [
          {
            id: "c1",
            type: "function",
            function: { name: "bash", arguments: JSON.stringify({ command: `mysqldump --password=${secret} app` }) }
          }
        ]
      },
      { role: "tool", tool_call_id: "c1", content: `Error: password=${secret} was refused\nexit code 1` }
    ]
    for (const message of messages) assert.notInclude(JSON.stringify(digestMessage(message)), secret)
  })

  it("holds all words of a reply, wherever a server put them: the summarizer and a search are given each", () => {
    for (const message of repliesSaying("wombats")) {
      const at = JSON.stringify(message)
      assert.include(renderMaterial(logOf([{ message, kind: null }])), "wombats", at)
      assert.include(searchableText(message), "wombats", at)
    }
    for (const message of repliesSaying(`password=${secret}`)) {
      assert.notInclude(JSON.stringify([digestMessage(message), redactMessage(message)]), secret)
    }
  })

  it("takes a ledger's facts from words beside the content and from a custom tool's patch", () => {
    const factsOf = (fields: object) => {
      const { facts } = digestMessage(ofWire({ role: "assistant", content: null, ...fields }))
      return facts.role === "assistant" ? facts : assert.fail(facts.role)
    }
    const said = "The order_id is o_4711."
    assert.deepStrictEqual(factsOf({ refusal: said }).said, factsOf({ content: said }).said)
    assert.lengthOf(factsOf({ refusal: said }).said, 1)
    const input = "*** Begin Patch\n*** Update File: src/main.ts\n+let x\n*** End Patch"
    const [patch] = factsOf({
      tool_calls: [{ id: "c1", type: "custom", custom: { name: "apply_patch", input } }]
    }).calls
    assert.deepStrictEqual(patch?.files, [{ path: "src/main.ts", access: "written" }])
  })

  it("shows the summarizer no reasoning and nothing that it does not know", () => {
    const message = ofWire({
      role: "assistant",
      content: "yes",
      reasoning_content: "wombats",
      tool_calls: [{ ...call("a"), extra_content: { google: "wombats" } }],
      native: { format: "anthropic", signature: "wombats" }
    })
    assert.notInclude(renderMaterial(logOf([{ message, kind: null }])), "wombats")
    assert.notInclude(searchableText(message), "wombats")
  })

  it("reads a giant result for the ledger at both ends, and shows all of it", () => {
    const middle = `{"user_id": "u_7"}\n${"x".repeat(80)}\n`.repeat(200)
    const content = `{"order_id": "o_1"}\n${middle}\nexit code 3`
    const { body, facts } = digestMessage({ role: "tool", tool_call_id: "c1", content })
    assert.strictEqual(body, redact(content))
    assert.strictEqual(facts.role === "tool" ? facts.exitCode : null, 3)
  })
})

describe("a message that cannot be read", () => {
  it("counts as a secret as a whole, and says so", () => {
    const message: Message = {
      role: "user",
      get content(): string {
        throw new RangeError("Maximum call stack size exceeded")
      }
    }
    const { body, facts } = digestMessage(message)
    assert.include(body, "could not be read")
    assert.deepInclude(facts, { role: "user", request: body, rules: [] })
  })
})
