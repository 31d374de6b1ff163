/** Structures that were met in files which people have published, with words made up. */
import { assert, describe, it } from "@effect/vitest"
import { failTranscript, lines, readTranscript, tell } from "../support/transcriptText.ts"

describe("Claude Code", () => {
  it("what leaves the queue by its words was heard then, unless it went elsewhere", () => {
    const say = (type: "user" | "assistant", uuid: string, parentUuid: string | null, text: string) => ({
      type,
      uuid,
      parentUuid,
      sessionId: "cc",
      message: { role: type, id: uuid, content: [{ type: "text", text }] }
    })
    const queued = (operation: string, content: string, more = {}) => ({
      type: "queue-operation",
      operation,
      content,
      sessionId: "cc",
      ...more
    })
    const rows = lines(
      say("user", "u1", null, "Start."),
      queued("enqueue", "For the agent."),
      queued("enqueue", "Stop."),
      queued("enqueue", "Go on then."),
      say("assistant", "a1", "u1", "I start."),
      queued("remove", "Go on then.", { reason: "absorbed_mid_turn" }),
      queued("remove", "For the agent.", { reason: "delivered_to_agent" }),
      queued("remove", "Stop.", { reason: "agent_stopped" }),
      queued("remove", "The parser first."),
      say("assistant", "a2", "a1", "Done.")
    )
    assert.deepStrictEqual(tell(rows), {
      cc: ["user: Start.", "assistant: I start.", "user: Go on then.", "user: The parser first.", "assistant: Done."]
    })
  })

  it("a compaction that names a line behind it follows the line before it", () => {
    const say = (type: "user" | "assistant", uuid: string, parentUuid: string | null, text: string, more = {}) => ({
      type,
      uuid,
      parentUuid,
      sessionId: "cc",
      message: { role: type, id: uuid, content: [{ type: "text", text }] },
      ...more
    })
    const boundary = {
      type: "system",
      subtype: "compact_boundary",
      uuid: "b",
      parentUuid: null,
      logicalParentUuid: "a3",
      sessionId: "cc",
      compactMetadata: { preservedSegment: { headUuid: "u2", anchorUuid: "s", tailUuid: "a3" } }
    }
    const rows = lines(
      say("user", "u1", null, "Start."),
      say("assistant", "a1", "u1", "Ready."),
      say("user", "u0", "a1", "First attempt."),
      say("user", "u2", "a1", "Second attempt."),
      boundary,
      say("user", "s", "b", "What was before.", { isCompactSummary: true }),
      say("assistant", "a3", "s", "I attempt it."),
      say("user", "u4", "a3", "Thanks.")
    )
    assert.deepStrictEqual(tell(rows), {
      cc: ["user: Start.", "assistant: Ready.", "user: Second attempt.", "assistant: I attempt it.", "user: Thanks."]
    })
    assert.deepStrictEqual(readTranscript(rows).skipped, { compaction: 1, "other branch": 1, system: 1 })
  })
})

describe("Cline", () => {
  it("plans are replies, an option that was chosen is an answer, and MCP servers are tools", () => {
    const row = (type: "say" | "ask", kind: string, text?: string) => ({ ts: 1, type, [type]: kind, text })
    const asked = (value: object) => JSON.stringify(value)
    const file = JSON.stringify([
      row("say", "task", "Make a game."),
      row("say", "checkpoint_created"),
      row(
        "ask",
        "plan_mode_respond",
        asked({ response: "I would begin so.", options: ["Go", "Stop"], selected: "Go" })
      ),
      row("ask", "followup", asked({ question: "Which board?", options: ["4x4", "5x5"], selected: "5x5" })),
      row("ask", "use_mcp_server", asked({ serverName: "s", type: "use_mcp_tool", toolName: "look", arguments: "{}" })),
      row("say", "mcp_server_request_started"),
      row("say", "mcp_server_response", "a board"),
      row("ask", "plan_mode_respond", asked({ response: "Shall I?", options: [] })),
      row("say", "user_feedback", "Yes."),
      row("say", "completion_result", "Done.")
    ])
    assert.deepStrictEqual(tell(file), {
      "session 1": [
        "user: Make a game.",
        "assistant: I would begin so.",
        "user: Go",
        "assistant: Which board?",
        "user: 5x5",
        'assistant: [look {"serverName":"s","type":"use_mcp_tool","toolName":"look","arguments":"{}"} #call_1]',
        "tool #call_1: a board",
        "assistant: Shall I?",
        "user: Yes.",
        "assistant: Done."
      ]
    })
  })
})

describe("goose", () => {
  it("a summary that only the model sees is a compaction, while what it stands for is there", () => {
    const message = (role: string, text: string, userVisible: boolean, agentVisible: boolean) => ({
      role,
      created: 1,
      content: [{ type: "text", text }],
      metadata: { userVisible, agentVisible }
    })
    const conversation = [
      message("user", "Begin.", true, false),
      message("assistant", "Begun.", true, false),
      message("user", "What was before.", false, true),
      message("assistant", "Do not speak of the summary.", false, true),
      message("user", "Go on.", true, true)
    ]
    const file = (messages: ReadonlyArray<object>) =>
      JSON.stringify({ id: "g", working_dir: "/", conversation: messages })
    assert.deepStrictEqual(tell(file(conversation)), { g: ["user: Begin.", "assistant: Begun.", "user: Go on."] })
    assert.deepStrictEqual(readTranscript(file(conversation)).skipped, { compaction: 2 })
    assert.strictEqual(tell(file(conversation.slice(2)))["g"]?.length, 3)
  })
})

describe("Letta", () => {
  it("the results of several calls in one message are told apart", () => {
    const text = (text: string) => [{ type: "text", text }]
    const call = (id: string) => ({ id, type: "function", function: { name: "look", arguments: "{}" } })
    const returned = (id: string, message: string) => ({
      tool_call_id: id,
      status: "success",
      func_response: JSON.stringify({ status: "OK", message, time: "now" })
    })
    const messages = [
      { role: "user", content: text("Look twice.") },
      { role: "assistant", content: text("I look."), tool_calls: [call("c1"), call("c2")] },
      {
        role: "tool",
        tool_call_id: "c1",
        content: text(JSON.stringify({ status: "OK", message: "left", time: "now" })),
        tool_returns: [returned("c1", "left"), returned("c2", "right")]
      }
    ]
    const file = JSON.stringify({ agents: [{ id: "a", in_context_message_ids: [], messages }], blocks: [] })
    assert.deepStrictEqual(tell(file)["a"]?.slice(2), ["tool #c1: left", "tool #c2: right"])
  })
})

describe("Aider", () => {
  it("headings of the model are no requests, and what stands before the first start is no message", () => {
    const text = [
      "---",
      'title: "History"',
      "---",
      "",
      "# aider chat started at 2026-07-01 10:00:00",
      "",
      "#### Add a retry.  ",
      "",
      "I add it.",
      "",
      "#### Step 1",
      "A loop.",
      "",
      "> Applied edit to a.py  "
    ].join("\n")
    assert.deepStrictEqual(tell(text), {
      "session 1": ["user: Add a retry.", "assistant: I add it.\n\n#### Step 1\nA loop."]
    })
  })
})

describe("Copilot CLI", () => {
  it("events that name their sub-agent are told apart, and so is a call that no reply asks for", () => {
    const event = (type: string, data: object, more = {}) => ({ type, data, id: "e", parentId: null, ...more })
    const look = { toolCallId: "t1", name: "task", arguments: { prompt: "Look." } }
    const rows = lines(
      event("session.start", { sessionId: "co" }),
      event("user.message", { content: "Look around." }),
      event("assistant.message", { content: "I ask.", toolRequests: [look] }),
      event("tool.execution_start", { toolCallId: "t1", toolName: "task", arguments: {} }),
      event("subagent.started", { toolCallId: "t1", agentName: "scout" }, { agentId: "agent-7" }),
      event(
        "tool.execution_start",
        { toolCallId: "t2", toolName: "view", arguments: { path: "a" } },
        { agentId: "agent-7" }
      ),
      event("tool.execution_complete", { toolCallId: "t2", result: { content: "one" } }, { agentId: "agent-7" }),
      event("assistant.message", { content: "A wall.", toolRequests: [] }, { agentId: "agent-7" }),
      event("tool.execution_complete", { toolCallId: "t1", result: { content: "A wall." } }),
      event("assistant.message", { content: "There is a wall.", toolRequests: [] })
    )
    assert.deepStrictEqual(tell(rows), {
      co: [
        "user: Look around.",
        'assistant: I ask. [task {"prompt":"Look."} #t1]',
        "tool #t1: A wall.",
        "assistant: There is a wall."
      ],
      "co.t1": ['assistant: [view {"path":"a"} #t2]', "tool #t2: one", "assistant: A wall."]
    })
  })
})

describe("Copilot CLI of older versions", () => {
  it("a sub-agent without a name takes nothing of the main session", () => {
    const event = (type: string, data: object) => ({ type, data, id: "e", parentId: null })
    const look = { toolCallId: "t1", name: "task", arguments: {} }
    const rows = lines(
      event("session.start", { sessionId: "co" }),
      event("user.message", { content: "Look around." }),
      event("assistant.message", { content: "", toolRequests: [look] }),
      event("subagent.started", { toolCallId: "t1", agentName: "scout" }),
      event("assistant.message", { content: "A wall.", parentToolCallId: "t1" }),
      event("tool.execution_complete", { toolCallId: "t1", result: { content: "A wall." } }),
      event("assistant.message", { content: "There is a wall." })
    )
    assert.deepStrictEqual(tell(rows), {
      co: ["user: Look around.", "assistant: [task {} #t1]", "tool #t1: A wall.", "assistant: There is a wall."],
      "co.t1": ["assistant: A wall."]
    })
  })
})

describe("OpenHands", () => {
  it("the end of a task says what the agent thought, and nothing if it thought nothing", () => {
    const begin = { id: 0, source: "user", action: "message", message: "Make it.", args: { content: "Make it." } }
    const end = (thought: string, message: string) =>
      tell(
        JSON.stringify([begin, { id: 1, source: "agent", action: "finish", message, args: { outputs: {}, thought } }])
      )
    assert.deepStrictEqual(end("It is made.", "It is made."), {
      "session 1": ["user: Make it.", "assistant: It is made."]
    })
    assert.deepStrictEqual(end("", "All done!"), { "session 1": ["user: Make it."] })
  })
})

describe("goose", () => {
  it("older versions begin roles with a capital letter", () => {
    const said = (role: string, text: string) => ({ role, created: 1, content: [{ type: "text", text }] })
    const rows = lines({ working_dir: "/srv" }, said("User", "List it."), said("Assistant", "It is empty."))
    assert.strictEqual(readTranscript(rows).format, "goose")
    assert.deepStrictEqual(tell(rows), { "session 1": ["user: List it.", "assistant: It is empty."] })
  })
})

describe("ChatGPT", () => {
  const node = (id: string, role: string, text: string, more: object = {}) => ({
    id,
    message: {
      id,
      author: { role, name: null },
      content: { content_type: "text", parts: [text] },
      recipient: "all",
      ...more
    }
  })
  const tool = (id: string, name: string, text: string) => node(id, "tool", text, { author: { role: "tool", name } })
  const file = (...nodes: ReadonlyArray<{ readonly id: string }>) => {
    const mapping = Object.fromEntries(
      nodes.map((node, at) => [node.id, { ...node, parent: nodes[at - 1]?.id ?? null }])
    )
    return JSON.stringify([{ id: "c", current_node: nodes.at(-1)?.id, mapping }])
  }

  it("what a tool says that nobody called is a notice, and answers no call of another tool", () => {
    const text = file(
      tool("t0", "file_search", "The file says one."),
      node("u1", "user", "What does it say?"),
      node("c1", "assistant", "6*7", { recipient: "python" }),
      tool("t1", "python", "42"),
      tool("t2", "bio", "Model set context updated."),
      node("a1", "assistant", "One.")
    )
    assert.deepStrictEqual(tell(text), {
      c: [
        "user: The file says one.",
        "user: What does it say?",
        'assistant: [python {"input":"6*7"} #c1]',
        "tool #c1: 42",
        "user: Model set context updated.",
        "assistant: One."
      ]
    })
    assert.deepStrictEqual(readTranscript(text).sessions[0]?.notices, [0, 4])
  })

  it("what answers a call by another name answers it, and what a tool says more is more of its result", () => {
    const text = file(
      node("u1", "user", "Draw a cat."),
      node("c1", "assistant", "a cat", { recipient: "dalle.text2im" }),
      tool("t1", "dalle", "One picture."),
      tool("t2", "dalle", "It is on screen."),
      node("a1", "assistant", "Here it is.")
    )
    assert.deepStrictEqual(tell(text), {
      c: [
        "user: Draw a cat.",
        'assistant: [dalle.text2im {"input":"a cat"} #c1]',
        "tool #c1: One picture.\nIt is on screen.",
        "assistant: Here it is."
      ]
    })
  })

  it("calls are answered in their order, whatever was answered twice or by another name before", () => {
    const text = file(
      node("c1", "assistant", "1", { recipient: "python" }),
      tool("t1", "python", "one"),
      tool("t2", "python", "and more"),
      node("c2", "assistant", "2", { recipient: "python" }),
      node("c3", "assistant", "3", { recipient: "python" }),
      tool("t3", "python", "two"),
      tool("t4", "python", "three"),
      node("c4", "assistant", "4", { recipient: "web" }),
      tool("t5", "web.run", "four"),
      node("c5", "assistant", "5", { recipient: "web" }),
      tool("t6", "web", "five")
    )
    const told = tell(text).c ?? []
    assert.deepStrictEqual(
      told.filter((line) => line.startsWith("tool")),
      ["tool #c1: one\nand more", "tool #c2: two", "tool #c3: three", "tool #c4: four", "tool #c5: five"]
    )
  })
})

describe("streams of events", () => {
  const EVENTS = lines(
    { type: "thread.started", thread_id: "t" },
    { type: "item.completed", item: { id: "1", type: "agent_message", text: "Hello." } }
  )
  const PRELUDE = "Reading prompt from stdin...\n2026-09-01T10:00:00Z ERROR cache: none\n\n"

  it("what the terminal says before the first event is left out, and counts for no odd line", () => {
    const { format, left, sessions } = readTranscript(PRELUDE + EVENTS)
    assert.strictEqual(format, "codex-exec")
    assert.strictEqual(sessions[0]?.messages.length, 1)
    assert.deepStrictEqual(
      left.map(({ error, text }) => [error.line, text]),
      PRELUDE.split("\n")
        .slice(0, 2)
        .map((text, at) => [at + 1, text])
    )
    assert.strictEqual(failTranscript(PRELUDE + EVENTS, { strict: true }).line, 1)
  })

  it("but a torn entry there, or a long text, does", () => {
    assert.strictEqual(failTranscript(`"type":"thr\n${EVENTS}`).line, 1)
    assert.strictEqual(failTranscript("A sentence.\n".repeat(100) + EVENTS).line, 1)
  })
})

describe("claude.ai", () => {
  const text = (text: string) => ({ type: "text", text })
  const message = (uuid: string, sender: string, content: ReadonlyArray<object>, more: object = {}) => ({
    uuid,
    sender,
    content,
    ...more
  })

  it("results that stand in a message of the user answer their calls", () => {
    const use = { type: "tool_use", id: "t1", name: "search", input: { q: "a" } }
    const result = { type: "tool_result", tool_use_id: "t1", content: [text("one"), { type: "image", source: {} }] }
    const chat_messages = [
      message("1", "human", [text("Look it up.")]),
      message("2", "assistant", [text("I search."), use]),
      message("3", "human", [result]),
      message("4", "assistant", [text("Found.")])
    ]
    assert.deepStrictEqual(tell(JSON.stringify({ uuid: "c", chat_messages })), {
      c: [
        "user: Look it up.",
        'assistant: I search. [search {"q":"a"} #t1]',
        "tool #t1: one\n[image]",
        "assistant: Found."
      ]
    })
  })

  it("a file that is attached and listed is told once", () => {
    const attachments = [{ file_name: "a.txt", extracted_content: "one" }]
    const files = [{ file_name: "a.txt" }, { file_name: "b.png" }]
    const chat_messages = [message("1", "human", [text("Read them.")], { attachments, files })]
    assert.deepStrictEqual(tell(JSON.stringify([{ uuid: "c", chat_messages }])), {
      c: ["user: Read them.\n[a.txt]\none\n[b.png]"]
    })
  })
})

describe("Droid", () => {
  it("lines of Anthropic's messages behind a start of their own", () => {
    const line = (id: string, role: string, content: unknown) => ({ type: "message", id, message: { role, content } })
    const rows = lines(
      { type: "session_start", id: "d-1", title: "Ports", cwd: "/w", version: 2 },
      line("1", "user", [
        { type: "text", text: "<system-reminder>\nUser system info\n</system-reminder>" },
        { type: "text", text: "Find the port." }
      ]),
      line("2", "assistant", [{ type: "tool_use", id: "t1", name: "Read", input: { path: "a" } }]),
      line("3", "user", [{ type: "tool_result", tool_use_id: "t1", content: "4041" }]),
      { type: "todo_state", id: "4", todos: [] },
      line("5", "assistant", [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "text", text: "It is 4041." }
      ])
    )
    assert.strictEqual(readTranscript(rows).format, "droid")
    assert.deepStrictEqual(tell(rows), {
      "d-1": [
        "user: <system-reminder>\nUser system info\n</system-reminder>",
        "user: Find the port.",
        'assistant: [Read {"path":"a"} #t1]',
        "tool #t1: 4041",
        "assistant: It is 4041."
      ]
    })
    assert.deepStrictEqual(readTranscript(rows).sessions[0]?.notices, [0])
    assert.deepStrictEqual(readTranscript(rows).skipped, { session_start: 1, todo_state: 1 })
  })

  it("a reminder behind a result stands behind it", () => {
    const line = (role: string, ...content: ReadonlyArray<object>) => ({ type: "message", message: { role, content } })
    const rows = lines(
      { type: "session_start", id: "d-1" },
      line("user", { type: "text", text: "Find the port." }),
      line("assistant", { type: "tool_use", id: "t1", name: "Read", input: {} }),
      line(
        "user",
        { type: "tool_result", tool_use_id: "t1", content: "4041" },
        { type: "text", text: "<system-reminder>Plan.</system-reminder>" }
      )
    )
    assert.deepStrictEqual(tell(rows), {
      "d-1": [
        "user: Find the port.",
        "assistant: [Read {} #t1]",
        "tool #t1: 4041",
        "user: <system-reminder>Plan.</system-reminder>"
      ]
    })
    assert.deepStrictEqual(readTranscript(rows).sessions[0]?.notices, [3])
  })
})

describe("Google AI Studio", () => {
  it("a saved prompt, whose pieces follow each other", () => {
    const chunks = [
      { role: "user", text: "Sum it up.", tokenCount: 3 },
      { role: "user", driveDocument: { id: "1" } },
      { role: "model", text: "Reading.", isThought: true },
      { role: "model", text: "It is ", finishReason: "STOP" },
      { role: "user", text: "Go on." },
      { role: "model", parts: [{ text: "one" }, { text: " page." }] }
    ]
    const systemInstruction = { parts: [{ text: "Be brief." }] }
    const file = JSON.stringify({ runSettings: {}, systemInstruction, chunkedPrompt: { chunks, pendingInputs: [] } })
    assert.strictEqual(readTranscript(file).format, "ai-studio")
    assert.deepStrictEqual(tell(file), {
      "session 1": [
        "system: Be brief.",
        "user: Sum it up.",
        "user: [document]",
        "assistant: It is ",
        "user: Go on.",
        "assistant: one page."
      ]
    })
    assert.deepStrictEqual(readTranscript(file).skipped, { thinking: 1 })
  })
})

describe("Codex", () => {
  const meta = (payload: object) => ({ timestamp: "", type: "session_meta", payload })
  const item = (payload: object, more: object = {}) => ({ timestamp: "", type: "response_item", payload, ...more })
  const said = (role: string, text: string, more: object = {}) =>
    item({ type: "message", role, content: [{ type: role === "user" ? "input_text" : "output_text", text }] }, more)
  const event = (type: string, message: string) => ({ timestamp: "", type: "event_msg", payload: { type, message } })
  const call = item({ type: "function_call", name: "read", call_id: "t1", arguments: "{}" })
  const result = item({ type: "function_call_output", call_id: "t1", output: "one" })

  it("events tell what is said where no item does, and nothing otherwise", () => {
    const rows = lines(
      meta({ id: "cx" }),
      event("user_message", "Read a."),
      call,
      result,
      event("agent_message", "One.")
    )
    assert.deepStrictEqual(tell(rows), {
      cx: ["user: Read a.", "assistant: [read {} #t1]", "tool #t1: one", "assistant: One."]
    })
    assert.deepStrictEqual(readTranscript(rows).skipped, { session_meta: 1 })
    const both = lines(meta({ id: "cx" }), event("user_message", "Read a."), said("user", "Read a."), call, result)
    assert.deepStrictEqual(tell(both), { cx: ["user: Read a.", "assistant: [read {} #t1]", "tool #t1: one"] })
    assert.deepStrictEqual(readTranscript(both).skipped, { session_meta: 1, event_msg: 1 })
  })

  it("a sub-agent names the session and the call that it works for, and tells nothing of that session", () => {
    const thread_spawn = { parent_thread_id: "cx", depth: 1, spawn_call_id: "t1" }
    const rows = lines(
      meta({ id: "sub", source: { subagent: { thread_spawn } }, subagent_history_start_ordinal: 3 }),
      said("user", "The request of the main session.", { ordinal: 1 }),
      said("assistant", "I ask an agent.", { ordinal: 2 }),
      said("user", "Look into a.", { ordinal: 3 }),
      said("assistant", "It says one.", { ordinal: 4 })
    )
    assert.deepStrictEqual(tell(rows), { "cx.sub": ["user: Look into a.", "assistant: It says one."] })
    const { sessions, skipped } = readTranscript(rows)
    assert.deepStrictEqual(sessions[0]?.subagent, { of: "cx", name: "sub", call: "t1" })
    assert.deepStrictEqual(skipped, { session_meta: 1, "of the main session": 2 })
  })

  it("a page whose beginning stands in another file says so", () => {
    const history_base = { thread_id: "before", end_ordinal_exclusive: 9, end_byte_offset: 900 }
    const rows = lines(meta({ id: "cx", history_mode: "paginated", history_base }), said("user", "Go on."))
    assert.deepStrictEqual(tell(rows), { cx: ["user: Go on."] })
    assert.deepStrictEqual(readTranscript(rows).skipped, { session_meta: 1, "beginning in another file": 1 })
  })

  it("the summary of an earlier session is no request", () => {
    const summary = "Another language model started to solve this problem and produced a summary: a is read."
    const compacted = { timestamp: "", type: "compacted", payload: { message: summary } }
    const rows = lines(meta({ id: "cx" }), compacted, said("user", "Go on."))
    assert.deepStrictEqual(tell(rows), { cx: [`user: ${summary}`, "user: Go on."] })
    assert.deepStrictEqual(readTranscript(rows).sessions[0]?.notices, [0])
  })
})

describe("Qwen Code", () => {
  const row = (uuid: string, parentUuid: string | null, role: string, ...parts: ReadonlyArray<object>) => ({
    uuid,
    parentUuid,
    sessionId: "q",
    type: role === "model" ? "assistant" : "user",
    message: { role, parts }
  })
  const call = (id: string) => ({ functionCall: { id, name: "run", args: { id } } })
  const result = (id: string) => ({ functionResponse: { id, name: "run", response: { output: `of ${id}` } } })

  it("lines of one id are one message", () => {
    const rows = lines(
      row("1", null, "user", { text: "Run both." }),
      row("2", "1", "model", { text: "I run." }, call("t1")),
      row("2", "1", "model", call("t2")),
      row("3", "2", "user", result("t1"), result("t2"))
    )
    assert.deepStrictEqual(tell(rows), {
      q: [
        "user: Run both.",
        'assistant: I run. [run {"id":"t1"} #t1] [run {"id":"t2"} #t2]',
        "tool #t1: of t1",
        "tool #t2: of t2"
      ]
    })
    assert.deepStrictEqual(readTranscript(rows).skipped, {})
  })

  it("a line whose parent is not in the file follows the line before it", () => {
    const rows = lines(
      row("1", null, "user", { text: "Start." }),
      row("2", "1", "model", { text: "I start." }),
      row("3", "lost", "user", { text: "Go on." })
    )
    assert.deepStrictEqual(tell(rows), { q: ["user: Start.", "assistant: I start.", "user: Go on."] })
  })
})

describe("Cline", () => {
  it("each task is said by the user", () => {
    const say = (say: string, text: string, at: number) => ({ ts: at, type: "say", say, text })
    const file = JSON.stringify([say("task", "Fix it.", 1), say("text", "Fixed.", 2), say("task", "Test it.", 3)])
    assert.deepStrictEqual(tell(file), { "session 1": ["user: Fix it.", "assistant: Fixed.", "user: Test it."] })
  })
})

describe("Cursor", () => {
  it("lines whose words stand in a message, with what the user typed in a tag, and calls without ids", () => {
    const line = (role: string, ...content: ReadonlyArray<object>) => ({ role, message: { content } })
    const text = (text: string) => ({ type: "text", text })
    const rows = lines(
      line("user", text("<user_query>\nFind the port.\n</user_query>")),
      line("assistant", text("I look."), { type: "tool_use", name: "Read", input: { path: "a" } }),
      line("assistant", { type: "tool_use", id: "t2", name: "Read", input: { path: "b" } }),
      line("user", { type: "tool_result", tool_use_id: "t2", content: "4041" }),
      line("assistant", text("It is 4041."))
    )
    assert.strictEqual(readTranscript(rows).format, "cursor")
    assert.deepStrictEqual(tell(rows), {
      "session 1": [
        "user: Find the port.",
        'assistant: I look. [Read {"path":"a"} #call_1]',
        'assistant: [Read {"path":"b"} #t2]',
        "tool #t2: 4041",
        "assistant: It is 4041."
      ]
    })
  })
})

describe("an older Claude Code", () => {
  it("the summary that a session begins with is no request", () => {
    const text = "This session is being continued from a previous conversation that ran out of context. It was about a."
    const row = { type: "user", uuid: "1", parentUuid: null, sessionId: "cc", message: { role: "user", content: text } }
    assert.deepStrictEqual(readTranscript(lines(row)).sessions[0]?.notices, [0])
  })
})

describe("opencode", () => {
  it("what it prints as it works: each step a message, and a call as it ended", () => {
    const event = (type: string, part: object) => ({ type, timestamp: 1, sessionID: "o", part })
    const run = (state: object) => event("tool_use", { id: "p2", type: "tool", tool: "bash", callID: "t1", state })
    const start = event("step_start", { id: "p0", type: "step-start" })
    const rows = lines(
      start,
      event("text", { id: "p1", type: "text", text: "I look." }),
      run({ status: "running", input: { command: "ls" } }),
      run({ status: "completed", input: { command: "ls" }, output: "a.ts" }),
      event("step_finish", { id: "p3", type: "step-finish", reason: "tool-calls" }),
      event("step_start", { id: "p4", type: "step-start" }),
      event("text", { id: "p5", type: "text", text: "One file." })
    )
    assert.strictEqual(readTranscript(rows).format, "opencode")
    assert.deepStrictEqual(tell(rows), {
      o: ['assistant: I look. [bash {"command":"ls"} #t1]', "tool #t1: a.ts", "assistant: One file."]
    })
    assert.deepStrictEqual(readTranscript(rows).skipped, { "step-start": 2, "step-finish": 1 })
  })
})

describe("ShareGPT", () => {
  it("names of turns may have hyphens", () => {
    const conversations = [
      { from: "human", value: "Add John." },
      { from: "function-call", value: '{"name":"add","arguments":{"name":"John"}}' },
      { from: "function-response", value: "added" },
      { from: "gpt", value: "Done." }
    ]
    assert.deepStrictEqual(tell(JSON.stringify([{ conversations }])), {
      "session 1": [
        "user: Add John.",
        'assistant: [add {"name":"John"} #call_1]',
        "tool #call_1: added",
        "assistant: Done."
      ]
    })
  })
})
