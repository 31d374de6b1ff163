/** What `import` tells of a file, what it keeps beside the sessions, and which sessions it makes of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import * as Cli from "../support/cli.ts"
import { makeWorkplace } from "../support/cliWorkplace.ts"
import { lines } from "../support/transcriptText.ts"

const { expectSuccess, runForJson } = Cli.makeExpectations(Cli.run)

const text = (text: string) => [{ type: "text", text }]
const entry = (uuid: string, parentUuid: string | null, type: string, content: unknown, more: object = {}) => ({
  type,
  uuid,
  parentUuid,
  sessionId: "cc",
  message: { role: type, content },
  ...more
})
const task = { type: "tool_use", id: "t1", name: "Task", input: { prompt: "Look left." } }
const side = { isSidechain: true }
const odd = '{"type":"user","uuid":"o","parentUuid":"r1","sessionId":"cc","message":{"role":"user","content":7}}'

const REASON = "expected a message of Anthropic's API, found anthropic: messages.0.content.0.text: Expected a string"

/** A session with a sub-agent, a question that was asked anew, a compaction, and an odd line. */
const SESSION = `${lines(
  entry("u1", null, "user", "Look around."),
  entry("a1", "u1", "assistant", [task]),
  entry("s1", null, "user", "Look left.", side),
  entry("s2", "s1", "assistant", text("A wall."), side),
  entry("r1", "a1", "user", [{ type: "tool_result", tool_use_id: "t1", content: "A wall." }]),
  entry("a2", "r1", "assistant", text("There is a wall.")),
  entry("u2", "a2", "user", "And right?"),
  entry("u3", "a2", "user", "And behind?"),
  entry("k1", "u3", "user", "What was said so far.", { isCompactSummary: true })
)}${odd}
${lines(entry("a3", "k1", "assistant", text("A door.")))}`

describe("import", () => {
  it.scoped("tells what it read as a table, the same with --check, which stores nothing", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("cc.jsonl", SESSION)
      const table = {
        lines: 11,
        messages: 8,
        roles: { user: 3, assistant: 4, tool: 1 },
        calls: 1,
        answered: 1,
        subagents: 1,
        branches: 0,
        ofOtherBranches: 1,
        compactions: 1,
        leftOut: { [REASON]: 1 }
      }
      const checked = yield* runForJson(["import", file, "--db", db, "--check"])
      assert.isFalse(existsSync(db))
      assert.deepStrictEqual(yield* runForJson(["import", file, "--check"]), checked)
      const refused = yield* Cli.run(["import", file])
      assert.deepInclude(refused, { code: 2, stdout: "" })
      assert.include(refused.stderr, "--db")
      const imported = yield* runForJson(["import", file, "--db", db])
      assert.deepStrictEqual(checked, imported)
      assert.deepNestedInclude(imported, { table })
    })
  )

  it.scoped("keeps what it left out beside the session, as it stands in the file, and shows it again", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("cc.jsonl", SESSION)
      assert.notInclude(yield* expectSuccess(["import", file, "--db", db, "--check"]), odd)
      assert.include(yield* expectSuccess(["import", file, "--db", db, "--show-left"]), odd)
      const left = yield* runForJson(["left-out", "cc", "--db", db])
      assert.deepStrictEqual(left, [{ line: 10, reason: REASON, text: odd }])
      assert.include(yield* expectSuccess(["left-out", "cc", "--db", db]), odd)
      assert.strictEqual(yield* expectSuccess(["left-out", "cc.t1", "--db", db]), "nothing was left out\n")
    })
  )

  it.scoped("links a sub-agent and its session both ways", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("cc.jsonl", SESSION)
      yield* expectSuccess(["import", file, "--db", db, "--session", "mine"])
      const listed = yield* runForJson(["sessions", "--db", db])
      assert.deepNestedInclude({ listed }, { "listed[0].sessionId": "mine", "listed[0].subagents": ["mine.t1"] })
      assert.deepNestedInclude({ listed }, { "listed[1].origin": { as: "subagent", of: "mine", call: "t1" } })
      const printed = yield* expectSuccess(["sessions", "--db", db])
      assert.match(printed, /^mine .*sub-agents mine\.t1$/m)
      assert.match(printed, /^mine\.t1 .*a sub-agent of mine for the call t1$/m)
    })
  )

  it.scoped("brings the other branches of a tree as sessions of their own", () =>
    Effect.gen(function* () {
      const { db, write } = yield* makeWorkplace
      const file = write("cc.jsonl", SESSION)
      const branches = yield* expectSuccess(["import", file, "--db", db, "--branch", "list"])
      assert.match(branches, /^cc\.branch-1 +5 messages +leaves cc after 4$/m)
      assert.isFalse(existsSync(db))
      yield* expectSuccess(["import", file, "--db", db])
      assert.notInclude(yield* expectSuccess(["log", "cc", "--db", db]), "And right?")
      yield* expectSuccess(["import", file, "--db", db, "--branch", "branch-1"])
      assert.include(yield* expectSuccess(["log", "cc.branch-1", "--db", db]), "And right?")
      assert.match(yield* expectSuccess(["sessions", "--db", db]), /^cc .*branches cc\.branch-1$/m)
      const all = yield* runForJson(["import", file, "--db", `${db}.all`, "--branch", "all", "--session", "mine"])
      assert.deepNestedInclude(all, { "sessions[2].sessionId": "mine.t1" })
      assert.deepNestedInclude(all, { "sessions[1].origin": { as: "branch", of: "mine", call: null } })
    })
  )
})
