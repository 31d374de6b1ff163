/** Sessions of Kiro, Continue and Trae, made up in their forms: each is told as a person would tell the conversation. */
import { assert, describe, it } from "@effect/vitest"
import { lines, readTranscript, tell } from "../support/transcriptText.ts"

const spread = (value: unknown) => JSON.stringify(value, null, 2)
const formatOf = (text: string) => readTranscript(text).format
const text = (text: string) => [{ type: "text", text }]

describe("Kiro", () => {
  const TOLD = [
    "user: What is in a?",
    'assistant: I look. [shell {"command":"cat a"} #t1]',
    'tool #t1: {"exit_status":"0","stdout":"one"}',
    "assistant: It says one."
  ]

  it("lines of its command line, whose blocks name their kind", () => {
    const row = (kind: string, ...content: ReadonlyArray<object>) => ({
      version: "v1",
      kind,
      data: { message_id: kind, content }
    })
    const said = (data: string) => ({ kind: "text", data })
    const output = { kind: "json", data: { exit_status: "0", stdout: "one" } }
    const file = lines(
      row("Prompt", said("What is in a?")),
      row("AssistantMessage", { kind: "thinking", data: { text: "hm" } }, said("I look."), {
        kind: "toolUse",
        data: { toolUseId: "t1", name: "shell", input: { command: "cat a" } }
      }),
      row("ToolResults", { kind: "toolResult", data: { toolUseId: "t1", content: [output], status: "success" } }),
      row("AssistantMessage", said("It says one.")),
      row("Clear"),
      row("Prompt", { kind: "image", data: { format: "png" } }, said("And this?"))
    )
    assert.strictEqual(formatOf(file), "kiro")
    assert.deepStrictEqual(tell(file), { "session 1": [...TOLD, "user: [image]\nAnd this?"] })
    assert.deepStrictEqual(readTranscript(file).skipped, { Clear: 1 })
  })

  const user = (content: object) => ({ additional_context: "", content, images: null })
  const asked = user({ Prompt: { prompt: "What is in a?" } })
  const call = { id: "t1", name: "shell", orig_name: "shell", args: { command: "cat a" } }
  const looks = { ToolUse: { message_id: "1", content: "I look.", tool_uses: [call] } }
  const results = [{ tool_use_id: "t1", content: [{ Json: { exit_status: "0", stdout: "one" } }], status: "Success" }]
  const answered = user({ ToolUseResults: { tool_use_results: results } })
  const says = { Response: { message_id: "2", content: "It says one." } }

  it("a saved conversation, of today and of Amazon Q, and what was asked last", () => {
    for (const history of [
      [
        { user: asked, assistant: looks },
        { user: answered, assistant: says }
      ],
      [
        [asked, looks],
        [answered, says]
      ]
    ]) {
      const file = spread({ conversation_id: "k-1", history, next_message: null, transcript: ["> What is in a?"] })
      assert.strictEqual(formatOf(file), "kiro")
      assert.deepStrictEqual(tell(file), { "k-1": TOLD })
    }
    const cancelled = user({ CancelledToolUses: { prompt: "No, b.", tool_use_results: results } })
    const file = spread({ conversation_id: "k-1", history: [[asked, looks]], next_message: cancelled })
    assert.deepStrictEqual(tell(file), { "k-1": [...TOLD.slice(0, 3), "user: No, b."] })
  })

  it("whose words and results stand without an object around them in some versions", () => {
    const turn = (content: object, assistant: object) => ({ user: user(content), assistant })
    const history = [turn({ Prompt: "What is in a?" }, looks), turn({ ToolUseResults: results }, says)]
    assert.deepStrictEqual(tell(spread({ conversation_id: "k-1", history })), { "k-1": TOLD })
  })

  it("a summary stands for what a compaction has taken out of the file", () => {
    const file = spread({ conversation_id: "k-1", latest_summary: ["They spoke of b.", {}], history: [[asked, says]] })
    assert.deepStrictEqual(tell(file), {
      "k-1": ["user: They spoke of b.", "user: What is in a?", "assistant: It says one."]
    })
    assert.deepStrictEqual(readTranscript(file).sessions[0]?.notices, [0])
  })

  it("an execution of its editor, with the words of its own program as notices", () => {
    const messages = [
      { role: "human", entries: [{ type: "text", text: "<EnvironmentContext>\nb is open\n</EnvironmentContext>" }] },
      { role: "human", entries: text("What is in a?") },
      {
        role: "bot",
        entries: [...text("I look."), { type: "toolUse", id: "t1", name: "shell", args: { command: "cat a" } }]
      },
      { role: "tool", entries: [{ type: "toolUseResponse", id: "t1", name: "shell", success: true, message: "one" }] },
      { role: "bot", entries: text("It says one.") }
    ]
    const file = spread({ executionId: "e-1", chatSessionId: "k-1", status: "succeed", context: { messages } })
    assert.strictEqual(formatOf(file), "kiro")
    assert.deepStrictEqual(tell(file), {
      "e-1": [
        "user: <EnvironmentContext>\nb is open\n</EnvironmentContext>",
        ...TOLD.slice(0, 2),
        "tool #t1: one",
        "assistant: It says one."
      ]
    })
    assert.deepStrictEqual(readTranscript(file).sessions[0]?.notices, [0])
  })
})

describe("Continue, and the sessions of Kiro's editor", () => {
  const item = (message: object, more: object = {}) => ({ message, contextItems: [], ...more })
  const toolCalls = [{ id: "t1", type: "function", function: { name: "read", arguments: '{"path":"a"}' } }]
  const state = { toolCallId: "t1", toolCall: toolCalls[0], status: "done", output: [{ name: "a", content: "one" }] }
  const calls = { role: "assistant", content: "I look.", toolCalls }
  const told = {
    "c-1": [
      "user: What is in a? [image]",
      'assistant: I look. [read {"path":"a"} #t1]',
      "tool #t1: one",
      "assistant: It says one."
    ]
  }
  const question = [...text("What is in a?"), { type: "imageUrl", imageUrl: { url: "data:image/png;base64,AA" } }]

  it("results stand beside the call, or are messages of their own", () => {
    for (const middle of [
      [item(calls, { toolCallStates: [state] })],
      [item(calls, { toolCallStates: [state] }), item({ role: "tool", content: "one", toolCallId: "t1" })]
    ]) {
      const history = [
        item({ role: "user", content: question }),
        item({ role: "thinking", content: "hm" }),
        ...middle,
        item({ role: "assistant", content: "It says one." }, { conversationSummary: "They looked at a." })
      ]
      const file = spread({ sessionId: "c-1", title: "Files", workspaceDirectory: "file:///w", history })
      assert.strictEqual(formatOf(file), "continue")
      assert.deepStrictEqual(tell(file), told)
      assert.deepStrictEqual(readTranscript(file).skipped, { thinking: 1, compaction: 1 })
    }
  })

  it("a session of Kiro's editor has the short answers that it showed", () => {
    const history = [
      item({ role: "user", content: text("Write a.") }),
      item({ role: "assistant", content: "On it." }, { executionId: "e-1" })
    ]
    const file = spread({ sessionId: "k-1", workspaceDirectory: "/w", history })
    assert.deepStrictEqual(tell(file), { "k-1": ["user: Write a.", "assistant: On it."] })
  })
})

describe("Trae", () => {
  const response = (content: string, ...tool_calls: ReadonlyArray<object>) => ({
    content,
    model: "m",
    finish_reason: "stop",
    tool_calls: tool_calls.length === 0 ? null : tool_calls
  })
  const call = (call_id: string) => ({ call_id, name: "bash", arguments: { command: call_id }, id: null })
  const result = (call_id: string, result: string | null, error: string | null = null) => ({
    call_id,
    success: error === null,
    result,
    error,
    id: null
  })
  const system = { role: "system", content: "Be brief." }
  const task = { role: "user", content: "List the folder." }
  const first = { input_messages: [system, task], response: response("I look.", call("t1"), call("t2")) }
  const answers = [
    { role: "user", content: null, tool_result: result("t1", "a") },
    { role: "user", content: null, tool_result: result("t2", null, "no such file") }
  ]
  const step = (tool_calls: ReadonlyArray<object>, tool_results: ReadonlyArray<object>) => ({
    state: "completed",
    tool_calls,
    tool_results
  })
  const steps = [
    step([call("t1"), call("t2")], [result("t1", "a"), result("t2", null, "no such file")]),
    step([call("t3")], [result("t3", "Task done.")])
  ]
  const told = [
    "system: Be brief.",
    "user: List the folder.",
    'assistant: I look. [bash {"command":"t1"} #t1] [bash {"command":"t2"} #t2]',
    "tool #t1: a",
    "tool #t2: no such file",
    'assistant: It is a. [bash {"command":"t3"} #t3]',
    "tool #t3: Task done."
  ]

  it("each step is given what is new, and the last results stand with the steps", () => {
    const second = { input_messages: answers, response: response("It is a.", call("t3")) }
    const file = spread({ task: "List", llm_interactions: [first, second], agent_steps: steps, success: true })
    assert.strictEqual(formatOf(file), "trae")
    assert.deepStrictEqual(tell(file), { "session 1": told })
  })

  it("or all that was said, which is told once", () => {
    const said = { role: "assistant", content: "I look.", tool_call: call("t1") }
    const interactions = [
      { input_messages: [system, task], response: response("I look.", call("t1")) },
      { input_messages: [system, task, said, ...answers.slice(0, 1)], response: response("It is a.", call("t3")) }
    ]
    const file = spread({ task: "List", llm_interactions: interactions, agent_steps: steps, success: true })
    const isOfSecondCall = (line: string) => line.startsWith("tool #t2")
    assert.deepStrictEqual(tell(file), {
      "session 1": told.map((line) => line.replace(/ \[bash \S+ #t2]/, "")).filter((line) => !isOfSecondCall(line))
    })
  })
})
