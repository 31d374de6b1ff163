import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import { existsSync, readFileSync } from "node:fs"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import * as Message from "../../src/message/Message.ts"
import { assertCounted, lines } from "../support/transcriptText.ts"

const read = (text: string, format: Transcripts.Format | "auto" = "auto") => {
  const imported = Either.getOrThrow(Transcripts.parse(text, { file: "chat.jsonl", format }))
  for (const message of imported.sessions.flatMap(({ messages }) => messages)) Either.getOrThrow(Message.parse(message))
  if (format === "auto") assertCounted(text, imported)
  return imported
}

/** What only `MessageFormat` reads is a matter of its own tests. */
const same = (actual: ReadonlyArray<Transcripts.TranscriptSession>, expected: unknown) =>
  assert.deepStrictEqual<unknown>(
    actual.map(({ messages, sessionId }) => ({
      sessionId,
      messages: messages.map(({ native: _native, ...message }) => message)
    })),
    expected
  )

const only = (text: string, format: Transcripts.Format | "auto" = "auto") => {
  const { sessions } = read(text, format)
  assert.strictEqual(sessions.length, 1)
  return sessions[0]?.messages ?? []
}

const error = (text: string, format: Transcripts.Format | "auto" = "auto") => {
  const result = Transcripts.parse(text, { file: "chat.jsonl", format, strict: true })
  assert(Either.isLeft(result), "read without an error")
  return result.left
}

const call = (id: string, name: string, args: string) => ({ id, type: "function", function: { name, arguments: args } })

describe("chat messages", () => {
  const chat = FastCheck.array(
    FastCheck.oneof(
      FastCheck.record({ role: FastCheck.constant("user"), content: FastCheck.string(), name: FastCheck.string() }),
      FastCheck.record({
        role: FastCheck.constant("assistant"),
        content: FastCheck.string(),
        refusal: FastCheck.constant(null)
      }),
      FastCheck.record({
        role: FastCheck.constant("tool"),
        tool_call_id: FastCheck.string({ minLength: 1 }),
        content: FastCheck.string()
      })
    ),
    { minLength: 1, maxLength: 20 }
  )

  it.prop("an array keeps every message and every field", [chat], ([messages]) => {
    const imported = read(JSON.stringify(messages, null, 2))
    assert.strictEqual(imported.format, "messages")
    same(imported.sessions, [{ sessionId: null, messages }])
  })

  it.prop("lines keep every message and every field, in their bytes", [chat], ([messages]) => {
    const imported = read(lines(...messages))
    assert.strictEqual(imported.format, "jsonl")
    assert.strictEqual(lines(...(imported.sessions[0]?.messages ?? [])), lines(...messages))
  })

  it.prop(
    "interleaved sessions come apart, each in its order",
    [FastCheck.array(FastCheck.tuple(FastCheck.constantFrom("a", "b", "c"), FastCheck.string()), { minLength: 1 })],
    ([rows]) => {
      const imported = read(
        lines(...rows.map(([session, content]) => ({ session, message: { role: "user", content } })))
      )
      assert.strictEqual(imported.format, "sessions")
      for (const { messages, sessionId } of imported.sessions) {
        const expected = rows.flatMap(([session, content]) => (session === sessionId ? [content] : []))
        assert.deepStrictEqual(messages.map(Message.text), expected)
      }
      assert.strictEqual(imported.sessions.length, new Set(rows.map(([session]) => session)).size)
    }
  )

  it("are read from an object that has them under `messages`, such as the body of a request", () => {
    const messages = [
      { role: "system", content: "You are terse." },
      { role: "user", content: "hi" }
    ]
    const body = { model: "m", tools: [{ type: "function" }], messages, temperature: 0 }
    for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2)]) {
      for (const format of ["auto", "messages"] as const) {
        const imported = read(text, format)
        assert.strictEqual(imported.format, "messages")
        same(imported.sessions, [{ sessionId: null, messages }])
      }
    }
    assert.strictEqual(
      error(JSON.stringify({ system: "You are terse.", messages }), "messages").message,
      "chat.jsonl: expected chat messages in the OpenAI format, found a system prompt beside them"
    )
  })

  it("takes a byte order mark, CRLF, blank lines and a missing last line break", () => {
    const text = '\uFEFF{"role":"user","content":"a"}\r\n\r\n  \n{"role":"user","content":"b\\r\\n"}'
    assert.deepStrictEqual(only(text).map(Message.text), ["a", "b\r\n"])
  })
})

describe("messages of other APIs", () => {
  const asked = { role: "user", content: "Which invoice is open?" }
  const files = {
    anthropic: [
      asked,
      { role: "assistant", content: [{ type: "tool_use", id: "call_1", name: "list", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "7" }] }
    ],
    responses: [
      asked,
      { type: "function_call", call_id: "call_1", name: "list", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: "7" }
    ],
    "ai-sdk-model": [
      asked,
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "call_1", toolName: "list", input: {} }] },
      {
        role: "tool",
        content: [{ type: "tool-result", toolCallId: "call_1", toolName: "list", output: { type: "text", value: "7" } }]
      }
    ],
    "ai-sdk-ui": [
      { id: "message-0", role: "user", parts: [{ type: "text", text: "Which invoice is open?" }] },
      {
        id: "message-1",
        role: "assistant",
        parts: [
          { type: "step-start" },
          { type: "tool-list", toolCallId: "call_1", state: "output-available", input: {}, output: "7" }
        ]
      }
    ],
    "legacy-functions": [
      asked,
      { role: "assistant", content: null, function_call: { name: "list", arguments: "{}" } },
      { role: "function", name: "list", content: "7" }
    ]
  } as const

  for (const [format, messages] of Object.entries(files)) {
    it(`${format} is read from JSON and from lines, detected or asked for`, () => {
      const [id] = format === "legacy-functions" ? ["function_list"] : ["call_1"]
      const expected = [
        asked,
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id, type: "function", function: { name: "list", arguments: "{}" } }]
        },
        { role: "tool", tool_call_id: id, content: "7" }
      ]
      // Lines of Responses items are what Codex wrote before it had envelopes.
      const texts = [JSON.stringify(messages), ...(format === "responses" ? [] : [lines(...messages)])]
      for (const text of texts) {
        for (const asked of ["auto", Schema.decodeUnknownSync(Transcripts.Format)(format)] as const) {
          const imported = read(text, asked)
          assert.strictEqual(imported.format, format)
          same(imported.sessions, [{ sessionId: null, messages: expected }])
        }
      }
    })
  }

  it("the body of a request to Anthropic keeps its system prompt", () => {
    const [, ...messages] = only(JSON.stringify({ model: "m", system: "You are terse.", messages: files.anthropic }))
    assert.deepStrictEqual(messages, only(JSON.stringify(files.anthropic)))
  })

  it("an error names the element or the line, and salvage leaves it out", () => {
    const wrong = { role: "user", content: [{ type: "tool_result", content: "sk-secret" }] }
    const found = "an object: content.0.tool_use_id: Expected a non-empty string"
    const array = JSON.stringify([...files.anthropic, wrong])
    const rows = lines(...files.anthropic, wrong)
    assert.strictEqual(
      error(array).message,
      `chat.jsonl: expected element 4 of the array to be of the format anthropic, found ${found}`
    )
    assert.strictEqual(error(rows).message, `chat.jsonl:4: expected a message of the format anthropic, found ${found}`)
    for (const text of [array, rows]) {
      const salvaged = Either.getOrThrow(Transcripts.parse(text, { file: "chat.jsonl", salvage: true }))
      assert.strictEqual(salvaged.sessions[0]?.messages.length, files.anthropic.length)
      assert.strictEqual(salvaged.left.length, 1)
    }
  })
})

describe("errors", () => {
  it("name file, line, what was expected and what was found, on one line", () => {
    const text = lines({ role: "user", content: "a" }) + "\n" + lines({ role: "tool", content: "sk-secret" })
    const failed = error(text)
    assert.strictEqual(failed.line, 3)
    assert.strictEqual(
      failed.message,
      "chat.jsonl:3: expected a chat message, found an object with a missing or wrong tool_call_id"
    )
  })

  for (const format of ["jsonl", "anthropic", "ai-sdk-model"] as const) {
    it(`says of several requests what to do, where they are said to be ${format}`, () => {
      const request = { messages: [{ role: "user", content: "a" }] }
      const error = Either.flip(Transcripts.parse(lines(request, request), { file: "a.jsonl", format }))
      assert.include(Either.getOrThrow(error).message, "save each line as a file of its own")
    })
  }

  for (const [what, text, line, found] of [
    ["an empty file", "", null, "an empty file"],
    ["a file of blank lines", "\uFEFF\r\n\n", null, "an empty file"],
    ["an empty array", "[]", null, "none"],
    ["text", "role: user", 1, "text that is not JSON"],
    ["a line cut short", `${lines({ role: "user", content: "a" })}{"role":"us`, 2, "text that is not JSON"],
    ["a number", "42", 1, "a number"],
    ["objects of another kind", lines({ a: 1 }), 1, "objects of another kind"],
    ["an array cut short", '[{"role":"user"', null, "text that is not JSON"],
    [
      "a part of another API",
      lines({ role: "assistant", content: [{ functionCall: { name: "read" } }] }),
      1,
      'an object: content.0: the part with "functionCall" belongs to another API; no MessageFormat reads it'
    ],
    [
      "a message of another API",
      lines({ role: "user", content: "a" }, { role: "assistant", parts: [{ type: "text", text: "b" }] }),
      1,
      "an object: parts: Expected an array of objects with a type"
    ],
    ["a session without messages", lines({ type: "session", id: "s" }), null, "none"]
  ] as const) {
    it(`${what} is one`, () => {
      const failed = error(text)
      assert.deepStrictEqual({ line: failed.line, found: failed.found }, { line, found })
    })
  }

  it("a format asked for is not guessed", () => {
    assert.strictEqual(error(lines({ role: "user", content: "a" }), "sessions").line, 1)
    assert.strictEqual(error(lines({ role: "user", content: "a" }), "messages").line, null)
    assert.strictEqual(error("[]", "jsonl").found, "an array")
  })

  it("an element of an array is named by its place", () => {
    assert.include(error('[{"role":"user","content":"a"},{"role":"user"}]').message, "element 2 of the array")
  })
})

describe("pi", () => {
  const header = { type: "session", version: 3, id: "pi-1", timestamp: "2025-12-03T14:00:00.000Z", cwd: "/p" }
  const entry = (id: string, parentId: string | null, message: unknown) => ({ type: "message", id, parentId, message })
  const tools = [
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "Looking." },
        { type: "toolCall", id: "c1", name: "read", arguments: { path: "a.ts" } }
      ]
    },
    {
      role: "toolResult",
      toolCallId: "c1",
      toolName: "read",
      content: [
        { type: "text", text: "x" },
        { type: "image", data: "AA", mimeType: "image/png" }
      ],
      isError: false
    }
  ]

  it("becomes chat messages", () => {
    const imported = read(
      lines(
        header,
        entry("1", null, {
          role: "user",
          content: [
            { type: "text", text: "see" },
            { type: "image", data: "AA", mimeType: "image/png" }
          ]
        }),
        entry("2", "1", tools[0]),
        entry("3", "2", tools[1]),
        { type: "compaction", id: "4", parentId: "3", summary: "s", firstKeptEntryId: "3", tokensBefore: 1 },
        entry("5", "4", { role: "bashExecution", command: "ls", output: "a.ts", exitCode: 0 }),
        entry("6", "5", { role: "assistant", content: [] })
      )
    )
    assert.strictEqual(imported.format, "pi")
    same(imported.sessions, [
      {
        sessionId: "pi-1",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "see" },
              { type: "image_url", image_url: { url: "data:image/png;base64,AA" } }
            ]
          },
          { role: "assistant", content: "Looking.", tool_calls: [call("c1", "read", '{"path":"a.ts"}')] },
          { role: "tool", tool_call_id: "c1", content: "x\n[image]" },
          { role: "user", content: "I ran `ls`, exit code 0:\n\na.ts" }
        ]
      }
    ])
    assert.deepStrictEqual(imported.skipped, { compaction: 1, "empty reply": 1 })
  })

  it("follows the tree to its leaf", () => {
    const imported = read(
      lines(
        header,
        entry("1", null, { role: "user", content: "root" }),
        entry("2", "1", { role: "user", content: "left" }),
        { type: "branch_summary", id: "3", parentId: "1", fromId: "2", summary: "went left" },
        entry("4", "3", { role: "user", content: "right" })
      )
    )
    assert.deepStrictEqual(imported.sessions[0]?.messages.map(Message.text), [
      "root",
      "Summary of another branch, now left:\n\nwent left",
      "right"
    ])
    assert.deepStrictEqual(imported.skipped, { "other branch": 1 })
  })

  it("reads the first version, whose entries have no ids", () => {
    const messages = only(
      lines(
        { type: "session", id: "old" },
        ...["a", "b"].map((content) => ({ type: "message", message: { role: "user", content } }))
      )
    )
    assert.deepStrictEqual(messages.map(Message.text), ["a", "b"])
  })

  it("an entry whose parent is not there is an error", () => {
    const failed = error(
      lines(header, entry("1", null, { role: "user", content: "a" }), entry("2", "9", { role: "user", content: "b" }))
    )
    assert.strictEqual(failed.line, 3)
    assert.include(failed.expected, "parentId")
  })

  it("a call without an id is an error", () => {
    const failed = error(
      lines(
        header,
        entry("1", null, { role: "assistant", content: [{ type: "toolCall", name: "read", arguments: {} }] })
      )
    )
    assert.strictEqual(failed.line, 2)
  })
})

describe("claude-code", () => {
  const row = (uuid: string, parentUuid: string | null, type: string, message: object, more: object = {}) => ({
    uuid,
    parentUuid,
    type,
    sessionId: "cc-1",
    isSidechain: false,
    message: { role: type, ...message },
    ...more
  })
  const use = (id: string) => ({ type: "tool_use", id, name: "Read", input: { file: id } })
  const result = (id: string) => ({
    type: "tool_result",
    tool_use_id: id,
    content: [{ type: "text", text: `text of ${id}` }]
  })

  it("one reply over several lines is one message, with the results of parallel calls", () => {
    const imported = read(
      lines(
        { type: "summary", summary: "A title", leafUuid: "a3" },
        row("u1", null, "user", { content: "go" }),
        row("a1", "u1", "assistant", { id: "m1", content: [{ type: "thinking", thinking: "hm", signature: "x" }] }),
        row("a2", "a1", "assistant", { id: "m1", content: [{ type: "text", text: "Reading." }] }),
        row("a3", "a2", "assistant", { id: "m1", content: [use("t1")] }),
        row("r1", "a3", "user", { content: [result("t1")] }),
        row("a4", "a3", "assistant", { id: "m1", content: [use("t2")] }),
        row("r2", "a4", "user", { content: [result("t2"), { type: "text", text: "and hurry" }] }),
        row("s1", "r2", "assistant", { id: "m9", content: "other agent" }, { isSidechain: true }),
        { type: "system", uuid: "y1", parentUuid: "r2", subtype: "info", content: "hook ran", sessionId: "cc-1" },
        row("a5", "y1", "assistant", { id: "m2", content: [{ type: "text", text: "Done." }] })
      )
    )
    assert.strictEqual(imported.format, "claude-code")
    same(imported.sessions, [
      {
        sessionId: "cc-1",
        messages: [
          { role: "user", content: "go" },
          {
            role: "assistant",
            content: "Reading.",
            tool_calls: [call("t1", "Read", '{"file":"t1"}'), call("t2", "Read", '{"file":"t2"}')]
          },
          { role: "tool", tool_call_id: "t1", content: [{ type: "text", text: "text of t1" }] },
          { role: "tool", tool_call_id: "t2", content: [{ type: "text", text: "text of t2" }] },
          { role: "user", content: "and hurry" },
          { role: "assistant", content: "Done." }
        ]
      },
      { sessionId: "cc-1.side-1", messages: [{ role: "assistant", content: "other agent" }] }
    ])
    assert.deepStrictEqual(imported.skipped, { summary: 1, system: 1 })
  })

  it("leaves out what was rewound", () => {
    const imported = read(
      lines(
        row("u1", null, "user", { content: "root" }),
        row("u2", "u1", "user", { content: "taken back" }),
        row("u3", "u1", "user", { content: "instead" })
      )
    )
    assert.deepStrictEqual(imported.sessions[0]?.messages.map(Message.text), ["root", "instead"])
    assert.deepStrictEqual(imported.skipped, { "other branch": 1 })
  })

  const boundary = {
    type: "system",
    subtype: "compact_boundary",
    uuid: "b",
    parentUuid: null,
    logicalParentUuid: "u1",
    sessionId: "cc-1"
  }
  const after = [
    boundary,
    row("c", "b", "user", { content: "Summary" }, { isCompactSummary: true }),
    row("u2", "c", "user", { content: "go on" })
  ]

  it("reads past a compaction, and keeps its summary only where the lines are gone", () => {
    assert.deepStrictEqual(only(lines(row("u1", null, "user", { content: "first" }), ...after)).map(Message.text), [
      "first",
      "go on"
    ])
    assert.deepStrictEqual(only(lines(...after)).map(Message.text), ["Summary", "go on"])
  })

  it("loses nothing where a parent is in another file", () => {
    const text = lines(row("u1", "gone", "user", { content: "a" }), row("u2", "gone too", "user", { content: "b" }))
    assert.deepStrictEqual(only(text).map(Message.text), ["a", "b"])
  })

  it("takes up what the user typed while the agent was working, and images", () => {
    const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "AA" } }
    const messages = only(
      lines(row("u1", null, "user", { content: [png, { type: "document", source: {} }] }), {
        type: "attachment",
        uuid: "q",
        parentUuid: "u1",
        sessionId: "cc-1",
        attachment: { type: "queued_command", prompt: "also this" }
      })
    )
    same(
      [{ sessionId: null, messages }],
      [
        {
          sessionId: null,
          messages: [
            {
              role: "user",
              content: [
                { type: "image_url", image_url: { url: "data:image/png;base64,AA" } },
                { type: "text", text: '[document] {"source":{}}' }
              ]
            },
            { role: "user", content: "also this" }
          ]
        }
      ]
    )
  })

  it("keeps sessions in one file apart", () => {
    const imported = read(
      lines(row("u1", null, "user", { content: "a" }), row("u2", null, "user", { content: "b" }, { sessionId: "cc-2" }))
    )
    assert.deepStrictEqual(
      imported.sessions.map(({ sessionId }) => sessionId),
      ["cc-1", "cc-2"]
    )
  })

  it("a result that names no call is an error", () => {
    assert.strictEqual(
      error(lines(row("u1", null, "user", { content: [{ type: "tool_result", content: "x" }] }))).line,
      1
    )
  })
})

describe("codex", () => {
  const items = [
    { type: "message", role: "developer", content: [{ type: "input_text", text: "rules" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: "fix it" }] },
    { type: "reasoning", summary: [], encrypted_content: "x" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "On it." }] },
    { type: "function_call", name: "shell", arguments: '{"command":["ls"]}', call_id: "c1" },
    { type: "local_shell_call", call_id: "c2", status: "completed", action: { type: "exec", command: ["pwd"] } },
    { type: "function_call_output", call_id: "c1", output: "a.ts" },
    { type: "function_call_output", call_id: "c2", output: { content: "/p", success: true } },
    { type: "custom_tool_call", name: "apply_patch", input: "*** Begin", call_id: "c3" },
    {
      type: "custom_tool_call_output",
      call_id: "c3",
      output: [
        { type: "input_text", text: "ok" },
        { type: "input_image", image_url: "data:," }
      ]
    },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Done." }] }
  ]
  const messages = [
    { role: "developer", content: [{ type: "text", text: "rules" }] },
    { role: "user", content: [{ type: "text", text: "fix it" }] },
    {
      role: "assistant",
      content: "On it.",
      tool_calls: [
        call("c1", "shell", '{"command":["ls"]}'),
        call("c2", "local_shell", '{"type":"exec","command":["pwd"]}')
      ]
    },
    { role: "tool", tool_call_id: "c1", content: "a.ts" },
    { role: "tool", tool_call_id: "c2", content: "/p" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c3", type: "custom", custom: { name: "apply_patch", input: "*** Begin" } }]
    },
    {
      role: "tool",
      tool_call_id: "c3",
      content: [
        { type: "text", text: "ok" },
        { type: "image_url", image_url: { url: "data:," } }
      ]
    },
    { role: "assistant", content: "Done." }
  ]

  it("becomes chat messages", () => {
    const envelope = (type: string, payload: object) => ({ timestamp: "2026-01-01T00:00:00Z", type, payload })
    const imported = read(
      lines(
        envelope("session_meta", { id: "cx-1", cwd: "/p" }),
        envelope("session_meta", { id: "the parent", cwd: "/p" }),
        envelope("turn_context", { cwd: "/p" }),
        envelope("event_msg", { type: "user_message", message: "fix it" }),
        ...items.map((item) => envelope("response_item", item)),
        envelope("compacted", { message: "summary" })
      )
    )
    assert.strictEqual(imported.format, "codex")
    same(imported.sessions, [{ sessionId: "cx-1", messages }])
    assert.deepStrictEqual(imported.skipped, {
      session_meta: 2,
      turn_context: 1,
      event_msg: 1,
      reasoning: 1,
      compacted: 1
    })
  })

  it("reads files from before the envelopes", () => {
    const imported = read(
      lines({ id: "cx-0", timestamp: "2025-08-18T01:16:13Z", instructions: null }, { record_type: "state" }, ...items)
    )
    assert.strictEqual(imported.format, "codex")
    same(imported.sessions, [{ sessionId: "cx-0", messages }])
    assert.deepStrictEqual(imported.skipped, { session_meta: 1, state: 1, reasoning: 1 })
  })

  const said = (role: "user" | "assistant", text: string) => ({
    type: "response_item",
    payload: {
      type: "message",
      role,
      content: [{ type: role === "user" ? "input_text" : "output_text", text }]
    }
  })
  const rolledBack = (turns: number) => ({
    type: "event_msg",
    payload: { type: "thread_rolled_back", num_turns: turns }
  })

  it("leaves out the turns that the user took back", () => {
    const imported = read(
      lines(
        { type: "session_meta", payload: { id: "cx1" } },
        said("user", "use blue"),
        said("assistant", "blue it is"),
        said("user", "no wait, drop the production table"),
        said("assistant", "dropping"),
        rolledBack(1),
        said("user", "just list the tables")
      )
    )
    assert.deepStrictEqual(imported.sessions[0]?.messages.map(Message.text), [
      "use blue",
      "blue it is",
      "just list the tables"
    ])
    assert.deepStrictEqual(imported.skipped, { session_meta: 1, "rolled back": 2 })
  })

  it("what Codex says in the name of the user begins no turn, and what is before the first turn stays", () => {
    const opening = [
      said("user", "# AGENTS.md instructions for /p"),
      said("user", "<environment_context>\n  <cwd>/p</cwd>\n</environment_context>")
    ]
    const turn = [said("user", "go"), said("assistant", "gone"), said("user", "<turn_aborted> by the user")]
    for (const turns of [1, 2, 4_294_967_295]) {
      assert.strictEqual(only(lines(...opening, ...turn, rolledBack(turns))).length, 2)
    }
    assert.strictEqual(only(lines(...opening, ...turn, rolledBack(0))).length, 5)
    assert.strictEqual(only(lines(...opening, rolledBack(1))).length, 2)
  })

  it.prop(
    "a turn taken back leaves the conversation as if it had never been, whatever came between",
    [FastCheck.array(FastCheck.oneof(FastCheck.integer({ min: 1, max: 3 }), FastCheck.constantFrom("say", "skip")))],
    ([events]) => {
      const kept: Array<string> = []
      const rows = events.flatMap((event, index) => {
        if (event === "skip") return [{ type: "event_msg", payload: { type: "token_count" } }]
        if (event === "say") {
          kept.push(`${index}`, `${index} done`)
          return [said("user", `${index}`), said("assistant", `${index} done`)]
        }
        kept.splice(Math.max(0, kept.length - 2 * Number(event)))
        return [rolledBack(Number(event))]
      })
      const imported = Transcripts.parse(lines(said("user", "<skill>"), ...rows), { file: "x" })
      const messages = Either.getOrThrow(imported).sessions.flatMap(({ messages }) => messages)
      assert.deepStrictEqual(messages.map(Message.text), ["<skill>", ...kept])
    }
  )

  it("keeps a compaction at the beginning, whose lines are in another file", () => {
    const compacted = (payload: object) => ({ type: "compacted", payload })
    const after = [said("user", "go on"), compacted({ message: "a later one" }), said("assistant", "done")]
    const texts = (...first: ReadonlyArray<unknown>) => only(lines(...first, ...after)).map(Message.text)
    assert.deepStrictEqual(texts(compacted({ message: "The ledger is in euro." })), [
      "The ledger is in euro.",
      "go on",
      "done"
    ])
    const history = [said("user", "in euro, please").payload, { type: "compaction", encrypted_content: "x" }]
    assert.deepStrictEqual(texts(compacted({ message: "", replacement_history: history })), [
      "in euro, please",
      "go on",
      "done"
    ])
    assert.deepStrictEqual(read(lines(compacted({ message: "" }), ...after)).skipped, { compacted: 2 })
  })

  it("an output that names no call is an error", () => {
    assert.strictEqual(error(lines(...items, { type: "function_call_output", output: "x" })).line, items.length + 1)
  })
})

describe("real transcripts", () => {
  for (const [file, format, sessions, messages] of [
    ["coding-agent.jsonl", "jsonl", 1, 900],
    ["airline-desk.jsonl", "sessions", 26, 808]
  ] as const) {
    const path = `../shared/transcripts/${file}`
    if (existsSync(path)) {
      it(`${file} is read whole`, () => {
        const imported = read(readFileSync(path, "utf8"))
        assert.strictEqual(imported.format, format)
        assert.strictEqual(imported.sessions.length, sessions)
        assert.strictEqual(
          imported.sessions.reduce((sum, session) => sum + session.messages.length, 0),
          messages
        )
      })
    } else {
      it(`${file} is not there: nothing is checked against it`, () => assert.isFalse(existsSync(path)))
    }
  }
})
