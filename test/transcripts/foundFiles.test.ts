/** Files as agents leave them on real disks: each is told as a person would tell the conversation. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type Database from "better-sqlite3"
import * as Doctor from "../../src/hermes/Doctor.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as Fixture from "../support/hermes.ts"
import { failTranscript, lines, readTranscript, tell } from "../support/transcriptText.ts"

describe("files of Hermes Agent", () => {
  it("lines that say which tools there were are no messages", () => {
    const meta = { role: "session_meta", tools: [], model: "m", platform: "telegram", timestamp: "2026-04-03T20:58:31" }
    const call = {
      id: "c1",
      call_id: "c1",
      type: "function",
      function: { name: "terminal", arguments: '{"command":"df"}' }
    }
    const text = lines(
      meta,
      { role: "user", content: "How full is the disk?", timestamp: "2026-04-03T20:58:31" },
      { role: "assistant", content: "", tool_calls: [call], reasoning: null, finish_reason: "tool_calls" },
      { role: "tool", content: "41%", tool_call_id: "c1" },
      { role: "assistant", content: "It is 41 % full.", finish_reason: "stop" },
      meta,
      { role: "user", content: "Thanks." }
    )
    assert.deepStrictEqual(tell(text), {
      "session 1": [
        "user: How full is the disk?",
        'assistant: [terminal {"command":"df"} #c1]',
        "tool #c1: 41%",
        "assistant: It is 41 % full.",
        "user: Thanks."
      ]
    })
    assert.deepStrictEqual(readTranscript(text).skipped, { session_meta: 2 })
  })

  it("the log of a session names it", () => {
    const messages = [
      { role: "session_meta", tools: [] },
      { role: "user", content: "hello" }
    ]
    const log = {
      session_id: "20260403_205831_a1",
      model: "m",
      system_prompt: "You are a helper.",
      tools: [],
      messages
    }
    assert.deepStrictEqual(tell(JSON.stringify(log, null, 2)), { "20260403_205831_a1": ["user: hello"] })
  })

  it.effect("a database whose index lacks messages is read whole, and doctor names the index", () =>
    Effect.gen(function* () {
      const file = Fixture.fresh("new")
      Fixture.inDatabase(file, (db) => {
        const add = (id: number) =>
          db.exec(
            `INSERT INTO messages (session_id, role, content, timestamp) VALUES ('s', 'user', 'no. ${id}', ${id})`
          )
        db.exec("INSERT INTO sessions (id, source, started_at) VALUES ('s', 'cli', 1)")
        for (let id = 1; id <= 4; id++) add(id)
        hideFromIndex(db, () => {
          for (let id = 5; id <= 10; id++) add(id)
        })
      })
      const { sessions } = yield* Transcripts.readFile(file)
      assert.deepStrictEqual(
        sessions.map(({ messages }) => messages.length),
        [10]
      )
      const { findings } = yield* Doctor.diagnose(file)
      assert.deepStrictEqual(
        findings.map(({ damage }) => damage),
        ["damaged-index"]
      )
    })
  )
})

/** Writes while SQLite does not know of the index, as a lost write would leave it. */
const hideFromIndex = (db: Database.Database, write: () => void) => {
  db.unsafeMode(true)
  db.pragma("writable_schema = ON")
  const index = "FROM sqlite_schema WHERE name = 'messages_by_session'"
  const row = db.prepare<[], { readonly rootpage: number; readonly sql: string }>(`SELECT rootpage, sql ${index}`).get()
  db.exec(`DELETE ${index}`)
  db.pragma("writable_schema = RESET")
  write()
  db.pragma("writable_schema = ON")
  db.prepare("INSERT INTO sqlite_schema VALUES ('index', 'messages_by_session', 'messages', ?, ?)").run(
    row?.rootpage,
    row?.sql
  )
  db.pragma("writable_schema = RESET")
}

describe("files of Claude Code", () => {
  const session = { sessionId: "cc", isSidechain: false }
  const user = (uuid: string, parentUuid: string | null, content: unknown, more: object = {}) => ({
    type: "user",
    uuid,
    parentUuid,
    message: { role: "user", content },
    ...session,
    ...more
  })
  const reply = (uuid: string, parentUuid: string | null, id: string, content: unknown, more: object = {}) => ({
    type: "assistant",
    uuid,
    parentUuid,
    message: { role: "assistant", id, content },
    ...session,
    ...more
  })
  const text = (text: string) => ({ type: "text", text })
  const use = (id: string, name: string, input: object) => ({ type: "tool_use", id, name, input })
  const result = (id: string, content: string) => ({ type: "tool_result", tool_use_id: id, content })

  it("a result that is written before its call follows it", () => {
    const rows = lines(
      user("u1", null, "Update the notes."),
      reply("a1", "u1", "m1", [use("t1", "Bash", { command: "ls" })]),
      user("r1", "a1", [result("t1", "notes.md")]),
      user("r2", "a3", [result("t2", "updated")]),
      reply("a2", "r1", "m2", [text("Now the note.")]),
      reply("a3", "a2", "m2", [use("t2", "Edit", { file: "notes.md" })]),
      reply("a4", "r2", "m3", [text("Done.")])
    )
    assert.deepStrictEqual(tell(rows), {
      cc: [
        "user: Update the notes.",
        'assistant: [Bash {"command":"ls"} #t1]',
        "tool #t1: notes.md",
        'assistant: Now the note. [Edit {"file":"notes.md"} #t2]',
        "tool #t2: updated",
        "assistant: Done."
      ]
    })
  })

  it("a reply that is written again under other ids is told once", () => {
    const status = use("t1", "Bash", { command: "git status" })
    const rows = lines(
      user("u1", null, "Commit the files."),
      reply("a1", "u1", "m1", [{ type: "thinking", thinking: "hm", signature: "x" }, text("Looking first."), status]),
      user("r1", "a1", [result("t1", "clean")]),
      user("i1", "r1", [text("[Request interrupted by user]")]),
      reply("b1", "u1", "m1", [{ type: "thinking", thinking: "hm", signature: "x" }]),
      reply("b2", "b1", "m1", [text("Looking first.")]),
      reply("b3", "b2", "m1", [status]),
      user("r2", "b3", [result("t1", "clean")]),
      user("i2", "r2", [text("[Request interrupted by user]")]),
      user("u2", "i2", "Keep going.")
    )
    assert.deepStrictEqual(tell(rows), {
      cc: [
        "user: Commit the files.",
        'assistant: Looking first. [Bash {"command":"git status"} #t1]',
        "tool #t1: clean",
        "user: [Request interrupted by user]",
        "user: Keep going."
      ]
    })
  })

  const queued = (operation: string, content?: string) => ({
    type: "queue-operation",
    operation,
    sessionId: "cc",
    content
  })

  it("what the user says meanwhile is told where the model heard it, once", () => {
    const opening = [
      user("u1", null, "Start."),
      reply("a1", "u1", "m1", [use("t1", "Bash", { command: "make" })]),
      queued("enqueue", "Stop at the parser.")
    ]
    const told = (...more: ReadonlyArray<unknown>) =>
      tell(
        lines(...opening, user("r1", "a1", [result("t1", "ok")]), ...more, reply("a2", "r1", "m2", [text("I stop.")]))
      )["cc"]
    const before = ["user: Start.", 'assistant: [Bash {"command":"make"} #t1]', "tool #t1: ok"]
    const heard = [...before, "user: Stop at the parser.", "assistant: I stop."]
    assert.deepStrictEqual(told(queued("remove")), heard)
    assert.deepStrictEqual(told(queued("popAll")), [...before, "assistant: I stop."])
    const attachment = { type: "queued_command", prompt: "Stop at the parser." }
    const attached = { type: "attachment", uuid: "q1", parentUuid: "r1", attachment, ...session }
    const rows = lines(
      ...opening,
      user("r1", "a1", [result("t1", "ok")]),
      queued("remove"),
      attached,
      reply("a2", "q1", "m2", [text("I stop.")])
    )
    assert.deepStrictEqual(tell(rows)["cc"], heard)
  })

  it("a sub-agent's own file is a session, named after the main one", () => {
    const side = { isSidechain: true, agentId: "a1b2" }
    const rows = lines(user("u1", null, "Find the port.", side), reply("a1", "u1", "m1", [text("It is 4041.")], side))
    assert.deepStrictEqual(tell(rows), { "cc.agent-a1b2": ["user: Find the port.", "assistant: It is 4041."] })
    assert.deepStrictEqual(
      readTranscript(rows).sessions.map(({ subagent }) => subagent),
      [{ of: "cc", name: "agent-a1b2", call: null }]
    )
  })

  it("side chains of a main file become sessions of their own, each named after its call", () => {
    const side = { isSidechain: true }
    const task = (id: string, prompt: string) => use(id, "Task", { prompt })
    const rows = lines(
      user("u1", null, "Look twice."),
      reply("a1", "u1", "m1", [task("t1", "Look left."), task("t2", "Look right.")]),
      user("s1", null, "Look left.", side),
      user("s2", null, "Look right.", side),
      reply("s3", "s1", "n1", [text("A wall.")], side),
      reply("s4", "s2", "n2", [text("A door.")], side),
      user("r1", "a1", [result("t1", "A wall."), result("t2", "A door.")])
    )
    const told = {
      cc: [
        "user: Look twice.",
        'assistant: [Task {"prompt":"Look left."} #t1] [Task {"prompt":"Look right."} #t2]',
        "tool #t1: A wall.",
        "tool #t2: A door."
      ],
      "cc.t1": ["user: Look left.", "assistant: A wall."],
      "cc.t2": ["user: Look right.", "assistant: A door."]
    }
    assert.deepStrictEqual(tell(rows), told)
    assert.deepStrictEqual(tell(rows, { subagents: "skip" }), { cc: told.cc })
    assert.deepStrictEqual(readTranscript(rows, { subagents: "skip" }).skipped, { "of sub-agents": 4 })
  })

  it("a printed stream keeps its sub-agents out of the main line", () => {
    const printed = (type: string, content: unknown, call: string | null) => ({
      type,
      message: { role: type, content },
      parent_tool_use_id: call,
      session_id: "cc"
    })
    const rows = lines(
      { type: "system", subtype: "init", session_id: "cc", tools: ["Agent"] },
      printed("assistant", [use("t1", "Agent", { prompt: "Run pwd." })], null),
      printed("user", [text("Run pwd.")], "t1"),
      printed("assistant", [use("t2", "Bash", { command: "pwd" })], "t1"),
      printed("user", [result("t2", "/srv")], "t1"),
      printed("user", [result("t1", "It is /srv.")], null),
      printed("assistant", [text("We are in /srv.")], null),
      { type: "result", subtype: "success", session_id: "cc", result: "We are in /srv." }
    )
    assert.deepStrictEqual(tell(rows), {
      cc: ['assistant: [Agent {"prompt":"Run pwd."} #t1]', "tool #t1: It is /srv.", "assistant: We are in /srv."],
      "cc.t1": ["user: Run pwd.", 'assistant: [Bash {"command":"pwd"} #t2]', "tool #t2: /srv"]
    })
  })

  it("what Claude Code says in the name of the user is no request", () => {
    const rows = lines(
      user("u1", null, "Start the build."),
      reply("a1", "u1", "m1", [text("It runs.")]),
      user("u2", "a1", "<task-notification>\n<status>completed</status>\n</task-notification>"),
      user("u3", "u2", "The caveat", { isMeta: true }),
      user("u4", "u3", "And now?")
    )
    assert.deepStrictEqual(
      readTranscript(rows).sessions.map(({ notices }) => notices),
      [[2, 3]]
    )
  })

  it("lines that name each other as parents end", () => {
    const rows = lines(user("u1", "u2", "a"), user("u2", "u1", "b"), user("u3", "u3", "c"))
    assert.deepStrictEqual(tell(rows), { cc: ["user: a", "user: b", "user: c"] })
  })
})

describe("files of Codex", () => {
  const item = (payload: object) => ({ type: "response_item", payload })
  const said = (role: string, text: string) =>
    item({ type: "message", role, content: [{ type: role === "user" ? "input_text" : "output_text", text }] })

  it("two replies with only a search between them are two", () => {
    const search = item({ type: "web_search_call", status: "completed", action: { type: "search", query: "limits" } })
    const rows = lines(
      { type: "session_meta", payload: { id: "cx" } },
      said("user", "What are the limits?"),
      said("assistant", "I will look that up."),
      search,
      said("assistant", "They are ten a minute.")
    )
    assert.deepStrictEqual(tell(rows), {
      cx: ["user: What are the limits?", "assistant: I will look that up.", "assistant: They are ten a minute."]
    })
  })

  it("what Codex says in the name of the user is no request", () => {
    const rows = lines(
      { type: "session_meta", payload: { id: "cx" } },
      said("user", "<environment_context>\n<cwd>/srv</cwd>\n</environment_context>"),
      said("user", "Deploy.")
    )
    assert.deepStrictEqual(readTranscript(rows).sessions[0]?.notices, [0])
  })
})

describe("one odd line", () => {
  const good = (count: number) => Array.from({ length: count }, (_, at) => ({ role: "user", content: `no. ${at}` }))
  const odd = { role: "nobody", content: "sk-secret" }

  it("costs that line, and is named", () => {
    const { left, sessions } = readTranscript(lines(...good(5), odd, ...good(5)))
    assert.strictEqual(sessions[0]?.messages.length, 10)
    assert.deepStrictEqual(
      left.map(({ error }) => error.line),
      [6]
    )
    assert.notInclude(String(left[0]?.error.message), "secret")
    const torn = `${lines(...good(10))}{"role":"us`
    assert.deepStrictEqual(
      readTranscript(torn).left.map(({ error }) => error.line),
      [11]
    )
  })

  it("is an error if more than a tenth are odd, or if asked to be strict", () => {
    assert.strictEqual(failTranscript(lines(...good(8), odd)).line, 9)
    assert.strictEqual(failTranscript(lines(...good(50), odd), { strict: true }).line, 51)
  })
})

describe("objects over several lines", () => {
  it("are read as if each had its line, and an error names where one begins", () => {
    const spread = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
    const text = spread({ role: "user", content: "a" }) + spread({ role: "assistant", content: "b" })
    assert.deepStrictEqual(tell(text), { "session 1": ["user: a", "assistant: b"] })
    assert.strictEqual(failTranscript(text + spread({ role: "nobody" })).line, 9)
  })

  it("of no known format are told which formats are nearest", () => {
    const error = failTranscript(JSON.stringify({ parentUuid: null, sessionId: "s", secret: "sk-1" }, null, 2))
    assert.strictEqual(
      error.found,
      "objects of another kind; nearest are qwen-code (no uuid, message); gemini-cli (no projectHash); " +
        "claude-code (no type, message, uuid)"
    )
  })

  it("and lists of messages in each line are sessions of their own", () => {
    const request = (content: string) => ({ messages: [{ role: "user", content }] })
    assert.deepStrictEqual(tell(lines(request("a"), request("b"))), {
      "session 1": ["user: a"],
      "session 2": ["user: b"]
    })
  })
})

describe("a hostile line", () => {
  it("is read in time that grows with its length", () => {
    const text = `{"a":1}\n${'{"b '.repeat(200_000)}`
    assert.strictEqual(failTranscript(text, { salvage: true }).expected.startsWith("a session file"), true)
  })
})
