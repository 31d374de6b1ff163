import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Message from "../../src/message/Message.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

const salvage = (text: string) => Either.getOrThrow(Transcripts.parse(text, { file: "chat.jsonl", salvage: true }))

const textsOf = ({ sessions }: Transcripts.Transcript) => sessions.flatMap(({ messages }) => messages.map(Message.text))
const leftOf = ({ left }: Transcripts.Transcript) =>
  left.map(({ error: { found, line } }): readonly [number | null, string] => [line, found])

const NOT_JSON = "text that is not JSON"
const line = (content: string) => JSON.stringify({ role: "user", content })

describe("salvage", () => {
  const cases: ReadonlyArray<
    readonly [
      what: string,
      text: string,
      texts: ReadonlyArray<string>,
      left: ReadonlyArray<readonly [number | null, string]>
    ]
  > = [
    ["a whole file", `${line("a")}\n${line("b")}\n`, ["a", "b"], []],
    ["a torn last line", `${line("a")}\n{"role":"user","cont`, ["a"], [[2, NOT_JSON]]],
    ["a line of NUL bytes", `${line("a")}\n${"\0".repeat(4096)}\n${line("b")}`, ["a", "b"], [[2, "NUL bytes"]]],
    ["a line behind NUL bytes", `${line("a")}\n\0\0${line("b")}\0`, ["a", "b"], [[2, "NUL bytes beside it"]]],
    ["two lines in one", `${line("a")}${line("b")} ${line("c")}\n`, ["a", "b", "c"], []],
    [
      "a line behind a torn one",
      `${line("a")}\n{"role":"user","cont${line("b")}`,
      ["a", "b"],
      [[2, `${NOT_JSON} beside it`]]
    ],
    [
      "a part of a torn line is no line",
      `${line("a")}\n{"role":"user","content":"x","was":${line("b")},"th`,
      ["a"],
      [[2, NOT_JSON]]
    ],
    [
      "a line of another kind",
      `${line("a")}\nnull\n{"role":"tool","tool_call_id":"c","content":null}`,
      ["a"],
      [
        [2, "null"],
        [3, "an object with a missing or wrong content"]
      ]
    ],
    [
      "an array that was cut short",
      `[${line("a")},\n ${line("[b],{")}, {"role":"us`,
      ["a", "[b],{"],
      [[null, NOT_JSON]]
    ],
    ["a request that was cut short", `{"model":"m","messages": [${line("a")},`, ["a"], [[null, NOT_JSON]]],
    ["an element that is no message", `[${line("a")}, 7, ${line("b")}]`, ["a", "b"], [[null, "a number"]]]
  ]
  for (const [what, text, texts, left] of cases) {
    it(what, () => {
      const salvaged = salvage(text)
      assert.deepStrictEqual(textsOf(salvaged), texts)
      assert.deepStrictEqual(leftOf(salvaged), left)
      if (left.length > 0) assert.isTrue(Either.isLeft(Transcripts.parse(text, { file: "chat.jsonl" })))
    })
  }

  it("a line that a format cannot read leaves the others of its session", () => {
    const codex = [
      { type: "session_meta", payload: { id: "cx" } },
      { type: "response_item", payload: { type: "message", role: "user", content: "go" } },
      { type: "response_item", payload: { type: "function_call_output", call_id: "c", output: null } },
      { type: "response_item", payload: { type: "message", role: "assistant", content: "done" } }
    ]
    const claudeCode = [
      { type: "user", uuid: "1", parentUuid: null, sessionId: "s", message: { content: "go" } },
      { type: "assistant", uuid: "2", parentUuid: "1", sessionId: "s", message: { content: null } },
      { type: "assistant", uuid: "3", parentUuid: "2", sessionId: "s", message: { content: "done" } }
    ]
    const pi = [
      { type: "session", id: "p" },
      { type: "message", id: "1", parentId: null, message: { role: "user", content: "go" } },
      { type: "message", id: "2", parentId: "1", message: { role: "assistant", content: [{ type: "odd" }] } },
      { type: "message", id: "3", parentId: "2", message: { role: "user", content: "done" } }
    ]
    for (const [rows, at] of [
      [codex, 3],
      [claudeCode, 2],
      [pi, 3]
    ] as const) {
      const text = rows.map((row) => JSON.stringify(row)).join("\n")
      const salvaged = salvage(text)
      assert.deepStrictEqual(textsOf(salvaged), ["go", "done"])
      assert.deepStrictEqual(
        salvaged.left.map(({ error }) => error.line),
        [at]
      )
      // The line is torn: other lines of pi and Claude Code name it.
      const torn = text.split("\n").map((row, index) => (index + 1 === at ? row.slice(0, -9) : row))
      assert.deepStrictEqual(textsOf(salvage(torn.join("\n"))), ["go", "done"])
    }
  })

  it.scoped("bytes that are not UTF-8 cost their line alone", () =>
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder(), "chat.jsonl")
      const torn = Buffer.from(line("über")).subarray(0, -'ber"}'.length - 1)
      const bytes = Buffer.concat([
        Buffer.from(`${line("\uFFFD is kept")}\n`),
        torn,
        Buffer.from(`${line("b")}\n`),
        Buffer.concat([Buffer.from('{"role":"user","content":"'), Buffer.from([0xff]), Buffer.from('"}\n')])
      ])
      writeFileSync(file, bytes)
      assert.strictEqual((yield* Effect.flip(Transcripts.readFile(file)))._tag, "UnreadableTranscript")
      const salvaged = yield* Transcripts.readFile(file, { salvage: true })
      assert.deepStrictEqual(textsOf(salvaged), ["\uFFFD is kept", "b"])
      assert.deepStrictEqual(leftOf(salvaged), [
        [2, "bytes that are not UTF-8 beside it"],
        [3, "bytes that are not UTF-8"]
      ])
    })
  )

  const content = FastCheck.string({
    unit: FastCheck.constantFrom("a", '"', "\\", "{", "}", "[", "]", ",", ":", "\n", "é")
  })

  it.prop(
    "whatever is torn off the end of a file, all lines before it are taken, and no secret of it is named",
    [FastCheck.array(content, { minLength: 1, maxLength: 6 }), FastCheck.nat(), FastCheck.constantFrom("", "\0\0\0")],
    ([contents, cut, padding]) => {
      const file = ["whole", ...contents].map(line).join("\n")
      const kept = file.slice(0, Math.max(line("whole").length + 1, file.length - (cut % file.length)))
      const salvaged = salvage(kept + padding)
      const whole = kept.split("\n").flatMap((row) => {
        try {
          return [Message.text(Either.getOrThrow(Message.parse(JSON.parse(row))))]
        } catch {
          return []
        }
      })
      assert.deepStrictEqual(textsOf(salvaged), whole)
      for (const { error } of salvaged.left)
        assert.match(error.message, /^chat\.jsonl:\d+: expected [a-zA-Z -]+, found [a-zA-Z0-9 -]+$/)
    }
  )

  it.prop(
    "whatever is torn off a line that an agent went on behind, the line it wrote then is taken",
    [content, FastCheck.nat(), content],
    ([torn, cut, next]) => {
      const head = line(torn)
      const rest = head.slice(0, 1 + (cut % (head.length - 1)))
      // A tear just where a value is expected cannot be told from a part of the torn line.
      const isOpen = /[:,[]\s*$/.test(rest) && !isWithinString(rest)
      const texts = textsOf(salvage(`${line("first")}\n${rest}${line(next)}\n${line("last")}`))
      assert.deepStrictEqual(texts, isOpen ? ["first", "last"] : ["first", next, "last"])
    }
  )

  const isWithinString = (text: string): boolean => {
    let isString = false
    for (let place = 0; place < text.length; place++) {
      if (text[place] === '"') isString = !isString
      else if (text[place] === "\\" && isString) place++
    }
    return isString
  }
})
