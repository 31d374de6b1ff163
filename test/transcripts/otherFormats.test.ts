/** What other programs leave on disks, made up in their forms: each is told as a person would tell the conversation. */
import { assert, describe, it } from "@effect/vitest"
import { failTranscript, lines, readTranscript, tell } from "../support/transcriptText.ts"

const spread = (value: unknown) => JSON.stringify(value, null, 2)
const formatOf = (text: string) => readTranscript(text).format

describe("exports of chats", () => {
  it("chatgpt: the branch on screen, with its tools, and without what is hidden", () => {
    const node = (id: string, parent: string | null, role: string, content: object, more: object = {}) => ({
      id,
      parent,
      children: [],
      message: { id, author: { role, name: null }, content, recipient: "all", metadata: {}, ...more }
    })
    const text = (...parts: ReadonlyArray<unknown>) => ({ content_type: "text", parts })
    const picture = { content_type: "image_asset_pointer", asset_pointer: "file-service://file-1" }
    const nodes = [
      { id: "root", parent: null, children: ["s"], message: null },
      node("s", "root", "system", text("")),
      node("h", "s", "user", text("I like tea."), { metadata: { is_visually_hidden_from_conversation: true } }),
      node("u1", "h", "user", { content_type: "multimodal_text", parts: [picture, "What is this?"] }),
      node("x1", "u1", "assistant", text("A cat.")),
      node("t1", "u1", "assistant", { content_type: "thoughts", thoughts: [] }),
      node("c1", "t1", "assistant", { content_type: "code", text: "print(6*7)" }, { recipient: "python" }),
      node(
        "r1",
        "c1",
        "tool",
        { content_type: "execution_output", text: "42" },
        { author: { role: "tool", name: "python" } }
      ),
      node("a1", "r1", "assistant", text("A dog, 42 years old."))
    ]
    const mapping = Object.fromEntries(nodes.map((node) => [node.id, node]))
    const file = spread([{ title: "Pets", mapping, current_node: "a1", conversation_id: "conv-1" }])
    assert.strictEqual(formatOf(file), "chatgpt")
    assert.deepStrictEqual(tell(file), {
      "conv-1": [
        "user: [image]\nWhat is this?",
        'assistant: [python {"input":"print(6*7)"} #c1]',
        "tool #c1: 42",
        "assistant: A dog, 42 years old."
      ]
    })
    assert.deepStrictEqual(readTranscript(file).skipped, { empty: 1, hidden: 1, thinking: 1, "other branch": 1 })
  })

  it("claude-ai: the newest branch, and the stretches of a reply between its tools", () => {
    const message = (uuid: string, parent: string, sender: string, content: ReadonlyArray<object>, more = {}) => ({
      uuid,
      sender,
      text: "",
      content,
      attachments: [],
      files: [],
      parent_message_uuid: parent,
      ...more
    })
    const text = (text: string) => ({ type: "text", text, citations: [] })
    const chat_messages = [
      message("1", "0", "human", [text("Sum it up.")], {
        attachments: [{ file_name: "a.txt", extracted_content: "one\ntwo" }]
      }),
      message("2", "1", "assistant", [text("No.")]),
      message("3", "1", "assistant", [
        { type: "thinking", thinking: "hm" },
        text("I count."),
        { type: "tool_use", name: "repl", input: { code: "2" } },
        { type: "tool_result", name: "repl", content: [{ type: "text", text: "2" }] },
        text("Two lines.")
      ])
    ]
    const file = spread([{ uuid: "conv-1", name: "Sums", chat_messages }])
    assert.strictEqual(formatOf(file), "claude-ai")
    assert.deepStrictEqual(tell(file), {
      "conv-1": [
        "user: Sum it up.\n[a.txt]\none\ntwo",
        'assistant: I count. [repl {"code":"2"} #call_1]',
        "tool #call_1: 2",
        "assistant: Two lines."
      ]
    })
    assert.deepStrictEqual(readTranscript(file).skipped, { "other branch": 1 })
  })
})

describe("Gemini CLI and its descendants", () => {
  const metadata = { sessionId: "g-1", projectHash: "h", startTime: "2026-07-01T10:00:00Z", lastUpdated: "" }
  const message = (id: string, type: string, content: unknown, more = {}) => ({
    id,
    timestamp: "",
    type,
    content,
    ...more
  })
  const result = [{ functionResponse: { id: "t1", name: "read", response: { output: "one" } } }]
  const toolCalls = [{ id: "t1", name: "read", args: { path: "a" }, result, status: "success" }]
  const chat = [
    message("1", "user", [{ text: "Read a." }]),
    message("2", "info", "Update available"),
    message("3", "gemini", "I read.", { thoughts: [{}], toolCalls }),
    message("4", "gemini", "It says one.")
  ]
  const told = {
    "g-1": ["user: Read a.", 'assistant: I read. [read {"path":"a"} #t1]', "tool #t1: one", "assistant: It says one."]
  }

  it("a recorded chat, as one object and as lines", () => {
    for (const text of [spread({ ...metadata, messages: chat }), lines(metadata, ...chat)]) {
      assert.strictEqual(formatOf(text), "gemini-cli")
      assert.deepStrictEqual(tell(text), told)
      assert.deepStrictEqual(readTranscript(text).skipped, { info: 1 })
    }
  })

  it("a line replaces the one with its id, and what is taken back is gone", () => {
    const text = lines(
      metadata,
      chat[0],
      message("3", "gemini", "I", { toolCalls: [] }),
      chat[2],
      message("9", "user", "No, stop."),
      { $rewindTo: "9" },
      { $set: { lastUpdated: "now" } },
      chat[3]
    )
    assert.deepStrictEqual(tell(text), told)
    assert.deepStrictEqual(readTranscript(text).skipped, { "taken back": 1 })
  })

  const contents = [
    { role: "user", parts: [{ text: "Read a." }] },
    { role: "model", parts: [{ text: "hm", thought: true }, { functionCall: { name: "read", args: { path: "a" } } }] },
    { role: "user", parts: [{ functionResponse: { name: "read", response: { output: "one" } } }] },
    { role: "model", parts: [{ text: "It says one." }] }
  ]

  it("contents of the API, as a checkpoint and as the body of a request", () => {
    for (const text of [spread(contents), spread({ history: contents, authType: "x" }), spread({ contents })]) {
      assert.strictEqual(formatOf(text), "gemini")
      assert.deepStrictEqual(tell(text), {
        "session 1": [
          "user: Read a.",
          'assistant: [read {"path":"a"} #call_1]',
          "tool #call_1: one",
          "assistant: It says one."
        ]
      })
    }
  })

  it("a session of Qwen Code, along its newest branch", () => {
    const types = ["user", "assistant", "tool_result", "assistant"]
    const rows = contents.map((message, index) => ({
      uuid: `${index}`,
      parentUuid: index === 0 ? null : `${index - 1}`,
      sessionId: "q-1",
      type: types[index],
      message
    }))
    const left = {
      uuid: "x",
      parentUuid: "0",
      sessionId: "q-1",
      type: "assistant",
      message: { role: "model", parts: [{ text: "Hm." }] }
    }
    const text = lines(rows[0], left, ...rows.slice(1))
    assert.strictEqual(formatOf(text), "qwen-code")
    assert.strictEqual(tell(text)["q-1"]?.length, 4)
    assert.deepStrictEqual(readTranscript(text).skipped, { "other branch": 1 })
  })
})

describe("other coding agents", () => {
  it("opencode: steps with their results, without what was taken back", () => {
    const message = (id: string, role: string, parts: ReadonlyArray<object>) => ({
      info: { id, role, time: {} },
      parts
    })
    const tool = (callID: string, state: object) => ({
      type: "tool",
      callID,
      tool: "bash",
      state: { input: { command: "ls" }, ...state }
    })
    const file = spread({
      info: { id: "ses_1", title: "demo", version: "1.17", revert: { messageID: "m4" } },
      messages: [
        message("m1", "user", [
          { type: "text", text: "List it." },
          { type: "file", mime: "image/png", url: "data:image/png;base64,AA", filename: "a.png" }
        ]),
        message("m2", "assistant", [
          { type: "step-start" },
          { type: "reasoning", text: "hm" },
          { type: "text", text: "I look." },
          tool("c1", { status: "completed", output: "a.ts" }),
          { type: "step-finish" },
          { type: "step-start" },
          tool("c2", { status: "error", error: "denied" })
        ]),
        message("m3", "assistant", [{ type: "text", text: "One file." }]),
        message("m4", "user", [{ type: "text", text: "Delete it." }])
      ]
    })
    assert.strictEqual(formatOf(file), "opencode")
    assert.deepStrictEqual(tell(file), {
      ses_1: [
        "user: List it. [image]",
        'assistant: I look. [bash {"command":"ls"} #c1]',
        "tool #c1: a.ts",
        'assistant: [bash {"command":"ls"} #c2]',
        "tool #c2: denied",
        "assistant: One file."
      ]
    })
    assert.deepStrictEqual(readTranscript(file).skipped, { "taken back": 1 })
  })

  it("cline: the task, what was said and run, without the panel's own", () => {
    const said = (say: string, text: string, more = {}) => ({ ts: 1, type: "say", say, text, ...more })
    const file = spread([
      said("text", "Fix the test."),
      said("api_req_started", '{"request":"…"}'),
      said("text", "I run it.", { partial: true }),
      said("text", "I run it."),
      { ts: 1, type: "ask", ask: "command", text: "npm test" },
      said("command_output", "1 failed"),
      { ts: 1, type: "ask", ask: "followup", text: '{"question":"Which test?","options":[]}' },
      said("user_feedback", "All of them."),
      said("completion_result", "Done.")
    ])
    assert.strictEqual(formatOf(file), "cline")
    assert.deepStrictEqual(tell(file), {
      "session 1": [
        "user: Fix the test.",
        "assistant: I run it.",
        'assistant: [command {"command":"npm test"} #call_1]',
        "tool #call_1: 1 failed",
        "assistant: Which test?",
        "user: All of them.",
        "assistant: Done."
      ]
    })
  })

  it("copilot-cli: events, with each sub-agent apart", () => {
    const event = (type: string, data: object) => ({ type, data, id: "e", timestamp: "", parentId: null })
    const request = { toolCallId: "t1", name: "task", arguments: { prompt: "Look." }, type: "function" }
    const text = lines(
      event("session.start", { sessionId: "co-1", version: 1 }),
      event("user.message", { content: "Look around.", attachments: [] }),
      event("assistant.turn_start", { turnId: "0" }),
      event("assistant.message", { messageId: "m1", content: "", toolRequests: [request] }),
      event("assistant.message", { messageId: "m2", content: "A wall.", toolRequests: [], parentToolCallId: "t1" }),
      event("tool.execution_complete", { toolCallId: "t1", success: true, result: { content: "A wall." } }),
      event("assistant.message", { messageId: "m3", content: "There is a wall.", toolRequests: [] })
    )
    assert.strictEqual(formatOf(text), "copilot-cli")
    assert.deepStrictEqual(tell(text), {
      "co-1": [
        "user: Look around.",
        'assistant: [task {"prompt":"Look."} #t1]',
        "tool #t1: A wall.",
        "assistant: There is a wall."
      ],
      "co-1.t1": ["assistant: A wall."]
    })
  })

  it("codex-exec: what the stream tells", () => {
    const item = (item: object) => ({ type: "item.completed", item })
    const text = lines(
      { type: "thread.started", thread_id: "th-1" },
      { type: "turn.started" },
      item({ id: "item_0", type: "reasoning", text: "hm" }),
      { type: "item.started", item: { id: "item_1", type: "command_execution", command: "ls" } },
      item({ id: "item_1", type: "command_execution", command: "ls", aggregated_output: "a.ts", exit_code: 0 }),
      item({ id: "item_2", type: "agent_message", text: "One file." }),
      { type: "turn.completed", usage: {} }
    )
    assert.strictEqual(formatOf(text), "codex-exec")
    assert.deepStrictEqual(tell(text), {
      "th-1": ['assistant: [shell {"command":"ls"} #item_1]', "tool #item_1: a.ts", "assistant: One file."]
    })
  })

  it("codex-exec of before September 2025, with the prompt", () => {
    const event = (msg: object) => ({ id: "0", msg })
    const text = lines(
      { model: "gpt-5", workdir: "/tmp", approval: "never" },
      { prompt: "Which files are there?" },
      event({ type: "task_started", model_context_window: 400_000 }),
      event({ type: "agent_reasoning", text: "hm" }),
      event({ type: "exec_command_begin", call_id: "c1", command: ["bash", "-lc", "ls"], cwd: "/tmp" }),
      event({ type: "exec_command_output_delta", call_id: "c1", chunk: "YS50cw==" }),
      event({ type: "exec_command_end", call_id: "c1", stdout: "a.ts", stderr: "", exit_code: 0 }),
      event({ type: "agent_message", message: "One file." }),
      event({ type: "task_complete", last_agent_message: "One file." })
    )
    assert.strictEqual(formatOf(text), "codex-exec")
    assert.deepStrictEqual(tell(text), {
      "session 1": [
        "user: Which files are there?",
        'assistant: [shell {"command":["bash","-lc","ls"]} #c1]',
        "tool #c1: a.ts",
        "assistant: One file."
      ]
    })
  })

  it("letta: each agent, and what is said in JSON in the name of its user", () => {
    const text = (text: string) => [{ type: "text", text, signature: null }]
    const wrap = (type: string, message: string) => text(JSON.stringify({ type, message, time: "2025-10-03" }))
    const messages = [
      { role: "system", content: text("You are Sam.") },
      { role: "user", content: wrap("login", "Never (first login)") },
      { role: "user", content: wrap("user_message", "Hi Sam.") },
      {
        role: "assistant",
        content: text("I answer."),
        tool_calls: [{ id: "c1", type: "function", function: { name: "send_message", arguments: '{"message":"Hi!"}' } }]
      },
      { role: "tool", tool_call_id: "c1", content: wrap("ok", "Sent.") },
      { role: "approval", content: [], tool_calls: null }
    ]
    const agent = { id: "agent-0", name: "sam", in_context_message_ids: ["m1"], messages }
    const file = spread({ agents: [agent], groups: [], blocks: [], tools: [] })
    assert.strictEqual(formatOf(file), "letta")
    assert.deepStrictEqual(tell(file), {
      "agent-0": [
        "system: You are Sam.",
        'user: {"type":"login","message":"Never (first login)","time":"2025-10-03"}',
        "user: Hi Sam.",
        'assistant: I answer. [send_message {"message":"Hi!"} #c1]',
        "tool #c1: Sent."
      ]
    })
    const { sessions, skipped } = readTranscript(file)
    assert.deepStrictEqual([sessions[0]?.notices, skipped], [[1], { approval: 1 }])
  })

  it("langsmith: of each thread the call that was given most", () => {
    const message = (name: string, kwargs: object) => ({ lc: 1, type: "constructor", id: ["langchain", name], kwargs })
    const question = message("HumanMessage", { content: "How is it?" })
    const call = { id: "c1", name: "weather", args: { at: "sea" } }
    const asks = message("AIMessage", { content: "", tool_calls: [call] })
    const llm = (run: string, messages: ReadonlyArray<object>, reply: object, thread = "t-1") => ({
      id: run,
      run_type: "llm",
      trace_id: "trace-1",
      dotted_order: run,
      extra: { metadata: { thread_id: thread } },
      inputs: { messages: [messages] },
      outputs: { generations: [[{ text: "", message: reply }]] }
    })
    const runs = [
      { id: "1", run_type: "chain", trace_id: "trace-1", inputs: {}, outputs: {} },
      llm("2", [question], asks),
      llm(
        "3",
        [question, asks, message("ToolMessage", { content: "Windy.", tool_call_id: "c1" })],
        message("AIMessage", { content: [{ type: "text", text: "It is windy." }] })
      ),
      llm("4", [{ role: "user", content: "And you?" }], { role: "assistant", content: "Fine." }, "t-2")
    ]
    const told = {
      "t-1": [
        "user: How is it?",
        'assistant: [weather {"at":"sea"} #c1]',
        "tool #c1: Windy.",
        "assistant: It is windy."
      ],
      "t-2": ["user: And you?", "assistant: Fine."]
    }
    for (const file of [spread(runs), lines(...runs), spread({ runs })]) {
      assert.strictEqual(formatOf(file), "langsmith")
      assert.deepStrictEqual(tell(file), told)
      assert.deepStrictEqual(readTranscript(file).skipped, { chain: 1, "other call": 1 })
    }
  })

  it("openhands: actions and what came of them, of both ages", () => {
    const file = spread([
      { id: 0, source: "agent", action: "system", args: { content: "You are an agent." } },
      { id: 1, source: "user", action: "message", args: { content: "List it." } },
      {
        id: 2,
        source: "agent",
        action: "run",
        args: { command: "ls", thought: "I look." },
        tool_call_metadata: { tool_call_id: "c1", function_name: "execute_bash" }
      },
      { id: 3, source: "agent", observation: "run", content: "a.ts", cause: 2, extras: {} },
      { id: 4, source: "environment", observation: "agent_state_changed", content: "", extras: {} },
      { id: 5, source: "agent", action: "finish", args: { final_thought: "One file." } }
    ])
    const told = [
      "user: List it.",
      'assistant: I look. [execute_bash {"command":"ls"} #c1]',
      "tool #c1: a.ts",
      "assistant: One file."
    ]
    assert.strictEqual(formatOf(file), "openhands")
    assert.deepStrictEqual(tell(file), { "session 1": told })
    const text = (text: string) => [{ type: "text", text }]
    const sdk = lines(
      { kind: "SystemPromptEvent", source: "agent" },
      { kind: "MessageEvent", source: "user", llm_message: { role: "user", content: text("List it.") } },
      {
        kind: "ActionEvent",
        source: "agent",
        thought: text("I look."),
        tool_name: "execute_bash",
        tool_call_id: "c1",
        tool_call: { arguments: '{"command":"ls"}' }
      },
      {
        kind: "ObservationEvent",
        source: "environment",
        tool_name: "execute_bash",
        tool_call_id: "c1",
        observation: { content: text("a.ts") }
      },
      { kind: "MessageEvent", source: "agent", llm_message: { role: "assistant", content: text("One file.") } }
    )
    assert.deepStrictEqual(tell(sdk), { "session 1": told })
  })

  it("swe-agent: what the model saw, without demonstrations", () => {
    const call = { id: "c1", type: "function", function: { name: "bash", arguments: '{"command":"ls"}' } }
    const file = spread({
      environment: "main",
      trajectory: [{ action: "ls", observation: "a.ts", response: "I look." }],
      history: [
        { role: "system", content: "You are an engineer.", agent: "main", message_type: "system_prompt" },
        { role: "user", content: "An example.", agent: "main", is_demo: true, message_type: "demonstration" },
        { role: "user", content: [{ type: "text", text: "Fix it." }], agent: "main", message_type: "observation" },
        {
          role: "assistant",
          content: "I look.",
          thought: "I look.",
          action: "ls",
          tool_calls: [call],
          message_type: "action"
        },
        { role: "tool", content: "a.ts", tool_call_ids: ["c1"], message_type: "observation" }
      ],
      info: { exit_status: "submitted" }
    })
    assert.strictEqual(formatOf(file), "swe-agent")
    assert.deepStrictEqual(tell(file), {
      "session 1": [
        "system: You are an engineer.",
        "user: Fix it.",
        'assistant: I look. [bash {"command":"ls"} #c1]',
        "tool #c1: a.ts"
      ]
    })
    const mini = spread({
      trajectory_format: "mini-swe-agent-1.1",
      info: {},
      messages: [
        { role: "user", content: "Fix it." },
        { role: "assistant", content: "ls" },
        { role: "exit", content: "done", extra: {} }
      ]
    })
    assert.deepStrictEqual(tell(mini), { "session 1": ["user: Fix it.", "assistant: ls"] })
  })

  it("goose: an export and its lines", () => {
    const message = (role: string, ...content: ReadonlyArray<object>) => ({ role, created: 1, content })
    const conversation = [
      message("user", { type: "text", text: "List it." }),
      message(
        "assistant",
        { type: "text", text: "I look." },
        {
          type: "toolRequest",
          id: "t1",
          toolCall: { status: "success", value: { name: "shell", arguments: { command: "ls" } } }
        }
      ),
      message("user", {
        type: "toolResponse",
        id: "t1",
        toolResult: { status: "success", value: [{ type: "text", text: "a.ts" }] }
      }),
      message("assistant", { type: "text", text: "One file." })
    ]
    const told = [
      "user: List it.",
      'assistant: I look. [shell {"command":"ls"} #t1]',
      "tool #t1: a.ts",
      "assistant: One file."
    ]
    const file = spread({ id: "20260701_1", working_dir: "/srv", name: "demo", conversation })
    assert.strictEqual(formatOf(file), "goose")
    assert.deepStrictEqual(tell(file), { "20260701_1": told })
    assert.deepStrictEqual(
      tell(lines({ working_dir: "/srv", description: "demo", message_count: 4 }, ...conversation)),
      {
        "session 1": told
      }
    )
  })

  it("kimi: what is no message between messages is counted", () => {
    const text = lines(
      { role: "_system_prompt", content: "You are Kimi." },
      { role: "_checkpoint", id: 0 },
      { role: "user", content: "hello" },
      { role: "assistant", content: [{ type: "text", text: "hi" }] },
      { role: "_usage", token_count: 12 }
    )
    assert.deepStrictEqual(tell(text), { "session 1": ["user: hello", "assistant: hi"] })
    assert.deepStrictEqual(readTranscript(text).skipped, { _system_prompt: 1, _checkpoint: 1, _usage: 1 })
  })

  it("aider: its Markdown, a session for each start, without its own words and commands", () => {
    const text = [
      "",
      "# aider chat started at 2026-07-01 10:00:00",
      "",
      "> Aider v0.86.0  ",
      "> Main model: some-model  ",
      "",
      "#### /add a.ts  ",
      "> Added a.ts to the chat  ",
      "",
      "#### Rename it.  ",
      "#### Keep the tests.  ",
      "",
      "I rename it:",
      "",
      "```ts",
      "#### no words of the user",
      "```",
      "",
      "> Tokens: 1k sent  ",
      "",
      "# aider chat started at 2026-07-02 10:00:00",
      "",
      "#### /ask Why?  ",
      "",
      "Because."
    ].join("\n")
    assert.strictEqual(formatOf(text), "aider")
    assert.deepStrictEqual(tell(text), {
      "session 1": [
        "user: Rename it.\nKeep the tests.",
        "assistant: I rename it:\n\n```ts\n#### no words of the user\n```"
      ],
      "session 2": ["user: /ask Why?", "assistant: Because."]
    })
    assert.deepStrictEqual(readTranscript(text).skipped, { aider: 3, command: 1 })
  })
})

describe("data sets", () => {
  it("sharegpt: each conversation a session, with its calls", () => {
    const conversations = [
      { from: "human", value: "Which invoice is open?" },
      { from: "function_call", value: '{"name":"list","arguments":{"open":true}}' },
      { from: "observation", value: "7" },
      { from: "gpt", value: "Invoice 7." }
    ]
    const rows = [{ id: "one", system: "You are terse.", conversations }, { conversations: conversations.slice(0, 1) }]
    for (const text of [spread(rows), lines(...rows)]) {
      assert.strictEqual(formatOf(text), "sharegpt")
      assert.deepStrictEqual(tell(text), {
        one: [
          "system: You are terse.",
          "user: Which invoice is open?",
          'assistant: [list {"open":true} #call_1]',
          "tool #call_1: 7",
          "assistant: Invoice 7."
        ],
        "session 2": ["user: Which invoice is open?"]
      })
    }
  })

  it("tau-bench: each trial of a task", () => {
    const traj = [
      { role: "system", content: "Be an agent." },
      { role: "user", content: "hello" }
    ]
    const file = spread([{ task_id: 3, trial: 0, reward: 1, traj, info: {} }])
    assert.strictEqual(formatOf(file), "tau-bench")
    assert.deepStrictEqual(tell(file), { "task-3-trial-0": ["system: Be an agent.", "user: hello"] })
  })
})

describe("errors", () => {
  it("name the entry of a document, and the format that was recognised", () => {
    const file = spread({ sessionId: "g", projectHash: "h", messages: [{ id: "1", content: "sk-secret" }] })
    assert.strictEqual(
      failTranscript(file).message,
      "chat: expected messages.0 to be a message of a chat of Gemini CLI, found an object of another kind"
    )
  })
})
