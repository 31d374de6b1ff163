/** Rules in files that the agent was told to follow, such as AGENTS.md. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Schema } from "effect"
import * as Ledger from "../../src/ledger/Ledger.ts"
import { TITLES } from "../../src/ledger/lines.ts"
import type { Message } from "../../src/message/Message.ts"
import { estimate } from "../../src/message/Tokens.ts"

const FILE = "# Rules\n\n- Use tabs.\n- Never push to main.\n\nThe project has three parts.\n"
const RULES = ["Use tabs.", "Never push to main."]

const ledgerOf = (...messages: ReadonlyArray<Message>) =>
  Ledger.add(
    Ledger.empty,
    messages.map((message, i) => ({ seq: i + 1, message, tokens: 0, kind: null, arrival: i + 1, at: 0 }))
  )
const read = (input: unknown, content: string, name = "read_file"): ReadonlyArray<Message> => [
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c", type: "function", function: { name, arguments: JSON.stringify(input) } }]
  },
  { role: "tool", tool_call_id: "c", content }
]
const textsOf = ({ fileRules }: Ledger.Ledger) => fileRules.map(({ text }) => text)

describe("rules in a file that the agent was told to follow", () => {
  it.each<[string, ReadonlyArray<Message>]>([
    ["read by a tool", read({ path: "AGENTS.md" }, FILE)],
    ["in a folder", read({ file_path: "/home/me/app/CLAUDE.md" }, FILE)],
    ["with numbers before its lines", read({ path: "AGENTS.md" }, FILE.replace(/^/gm, "    12→"))],
    ["by a command", read({ command: "cat docs/AGENTS.md" }, FILE, "bash")],
    ["given as a system note", [{ role: "system", content: `Contents of /app/CLAUDE.md:\n\n${FILE}` }]]
  ])("are kept word for word, %s", (_, messages) => {
    assert.deepStrictEqual(textsOf(ledgerOf(...messages)), RULES)
  })

  it.each<[string, ReadonlyArray<Message>]>([
    ["another file", read({ path: "README.md" }, FILE)],
    ["a file of another project", read({ path: "node_modules/x/AGENTS.md" }, FILE)],
    ["a file that is written", read({ path: "AGENTS.md", content: FILE }, FILE, "write_file")],
    ["a command that only names it", read({ command: "echo hi > AGENTS.md" }, FILE, "bash")],
    ["a file that is not there", read({ path: "AGENTS.md" }, "Error: never found AGENTS.md")],
    ["code within it", read({ path: "AGENTS.md" }, "```\nNever push to main.\n```")],
    ["a system note about nothing of the kind", [{ role: "system", content: FILE }]]
  ])("are not taken from %s", (_, messages) => {
    assert.deepStrictEqual(textsOf(ledgerOf(...messages)), [])
  })

  it("stand with their source, apart from the user's rules", () => {
    const ledger = ledgerOf({ role: "user", content: "Never touch the archive." }, ...read({ path: "AGENTS.md" }, FILE))
    assert.strictEqual(
      Ledger.render(ledger, estimate, 1_000).split("\nRequests:")[0],
      [
        TITLES.rules,
        "- Never touch the archive. (#1)",
        TITLES.fileRules,
        "- Use tabs. (AGENTS.md) (#3)",
        "- Never push to main. (AGENTS.md) (#3)"
      ].join("\n")
    )
  })

  it.prop(
    "stand there once, however often the file is read, and are bounded",
    [fc.array(fc.constantFrom(FILE, "- Never use x.\n", "- Keep y.\n"), { minLength: 1, maxLength: 8 })],
    ([contents]) => {
      const many = `${Array.from({ length: 60 }, (_, n) => `- Never use word ${n}.`).join("\n")}`
      const texts = textsOf(ledgerOf(...[...contents, many].flatMap((content) => read({ path: "AGENTS.md" }, content))))
      assert.strictEqual(new Set(texts).size, texts.length)
      assert.isAtMost(texts.length, 32)
    }
  )

  it("are stored and read back; a ledger of an earlier version has none", () => {
    const ledger = ledgerOf(...read({ path: "AGENTS.md" }, FILE))
    const stored = Schema.encodeSync(Ledger.Ledger)(ledger)
    assert.deepStrictEqual(Schema.decodeSync(Ledger.Ledger)(stored), ledger)
    const { fileRules: _, ...old } = stored
    assert.deepStrictEqual(Schema.decodeUnknownSync(Ledger.Ledger)(old).fileRules, [])
  })
})
