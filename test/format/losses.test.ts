/** The table in the documentation says what messages lose in each format, once they went through JSON. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as MessageFormat from "../../src/format/MessageFormat.ts"
import type * as Message from "../../src/message/Message.ts"
import { ofWire } from "../support/histories.ts"

const ask = { role: "user", content: "Read both." }
const makeCall = (id: string, args: string) => ({
  id,
  type: "function",
  function: { name: "read_file", arguments: args }
})
const makeRound = (...calls: ReadonlyArray<{ readonly id: string }>) => [
  ask,
  { role: "assistant", content: null, tool_calls: calls },
  ...calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "of x" }))
]
/** The id that functions without ids are given. */
const ID = "function_read_file"
const call = makeCall("call_1", '{"path":"x"}')
const customCall = { id: "function_apply_patch", type: "custom", custom: { name: "apply_patch", input: "x" } }
const picture = [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }]

const SAID: { readonly [what: string]: ReadonlyArray<object> } = {
  words: [ask, { role: "assistant", content: "Which?" }],
  "calls and their results": makeRound(makeCall(ID, '{"path":"x"}')),
  pictures: [{ role: "user", content: picture }],
  "several calls in a message": makeRound(call, makeCall("call_2", '{"path":"y"}')),
  "ids of calls": makeRound(call),
  "blanks in arguments": makeRound(makeCall(ID, '{ "path": "x" }')),
  "arguments that are no object": makeRound(makeCall(ID, "x")),
  "custom tools": makeRound(customCall),
  "names of people": [{ ...ask, name: "Ada" }],
  "names of results": makeRound(makeCall(ID, "{}")).map((message) =>
    message.role === "tool" ? { ...message, name: "Reader" } : message
  ),
  "the role `developer`": [{ role: "developer", content: "Be brief." }, ask],
  "instructions on the way": [ask, { role: "system", content: "Be brief." }],
  "the end of a message before one of its role": [ask, { role: "user", content: "Now." }],
  "empty texts": [ask, { role: "assistant", content: "" }],
  "reasoning of another server": [ask, { role: "assistant", content: "Yes.", reasoning_content: "It is so." }],
  "other fields": [ask, { role: "assistant", content: "Yes.", annotations: [] }]
}

const FORMATS = MessageFormat.MessageFormat.literals.filter((format) => format !== "chat")

const isKept = (format: MessageFormat.MessageFormat, messages: ReadonlyArray<Message.Message>): boolean => {
  const sent: unknown = JSON.parse(JSON.stringify(MessageFormat.encode(format, messages)))
  return isDeepStrictEqual(Either.getOrThrow(MessageFormat.decode(format, sent)), messages)
}

describe("what a format cannot say", () => {
  it("is in the documentation, cell by cell", () => {
    const rows = Object.entries(SAID).map(([what, said]) => {
      const messages = said.map(ofWire)
      return [what, ...FORMATS.map((format) => (isKept(format, messages) ? "kept" : "lost"))]
    })
    const text = readFileSync(new URL("../../docs/formats.md", import.meta.url), "utf8")
    const cells = text
      .split("\n")
      .filter((line) => /\| (kept|lost) +\|$/.test(line))
      .map((line) => line.split(" | ").map((cell) => cell.replaceAll("|", "").trim()))
    assert.deepStrictEqual(cells, rows)
  })

  it("comes back as long as the items are the ones that were written", () => {
    for (const format of FORMATS) {
      for (const [what, said] of Object.entries(SAID)) {
        const messages = said.map(ofWire)
        const decoded = Either.getOrThrow(MessageFormat.decode(format, MessageFormat.encode(format, messages)))
        assert.deepStrictEqual(decoded, messages, `${format}: ${what}`)
      }
    }
  })
})
