import { assert, describe, it } from "@effect/vitest"
import type { Message } from "../../src/message/Message.ts"
import { redact } from "../../src/message/Redaction.ts"
import { digestMessage, warmDigests } from "../../src/ledger/messageDigest.ts"
import { renderMaterial } from "../../src/handoff/prompt.ts"
import { any, logOf } from "../support/histories.ts"

const secret = ["hunter", "2"].join("")

describe("what is taken from a message", () => {
  it.prop("is made once for each, and is the same whether it was made before or not", [any], ([history]) => {
    const log = logOf(history)
    const copy = logOf(structuredClone(history))
    warmDigests(log)
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

  it("reads a giant result for the ledger at both ends, and shows all of it", () => {
    const middle = `{"user_id": "u_7"}\n${"x".repeat(80)}\n`.repeat(200)
    const content = `{"order_id": "o_1"}\n${middle}\nexit code 3`
    const { body, facts } = digestMessage({ role: "tool", tool_call_id: "c1", content })
    assert.strictEqual(body, redact(content))
    assert.strictEqual(facts.role === "tool" ? facts.exitCode : null, 3)
  })
})
