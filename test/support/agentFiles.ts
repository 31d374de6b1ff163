/** A small file of each format, made up in its form. Every word that anybody says in it is `word` and a number. */
import { lines } from "./transcriptText.ts"

const text = (text: string) => [{ type: "text", text }]

const CHAT = [
  { role: "user", content: "word1" },
  { role: "assistant", content: "word2" }
]

const contents = [
  { role: "user", parts: [{ text: "word1" }] },
  { role: "model", parts: [{ functionCall: { name: "read", args: { path: "word2" } } }] },
  { role: "user", parts: [{ functionResponse: { name: "read", response: { output: "word3" } } }] },
  { role: "model", parts: [{ text: "word4" }] }
]

const claude = (uuid: string, parentUuid: string | null, type: string, content: unknown, more = {}) => ({
  type,
  uuid,
  parentUuid,
  sessionId: "s",
  message: { role: type, content },
  ...more
})

const call = { type: "tool_use", id: "t1", name: "read", input: { path: "word2" } }
const result = { type: "tool_result", tool_use_id: "t1", content: "word3" }

const node = (id: string, parent: string | null, role: string, word: string) => ({
  id,
  parent,
  message: { id, author: { role }, content: { content_type: "text", parts: [word] }, recipient: "all" }
})

/** By their formats. */
export const AGENT_FILES: Readonly<Record<string, string>> = {
  messages: JSON.stringify(CHAT),
  jsonl: lines({ role: "session_meta" }, ...CHAT),
  sessions: lines(...CHAT.map((message) => ({ session: "s", message }))),
  responses: JSON.stringify([
    { role: "user", content: "word1" },
    { type: "function_call", call_id: "t1", name: "read", arguments: '"word2"' },
    { type: "function_call_output", call_id: "t1", output: "word3" }
  ]),
  "ai-sdk-model": JSON.stringify([
    { role: "user", content: "word1" },
    { role: "assistant", content: [{ type: "tool-call", toolCallId: "t1", toolName: "read", input: "word2" }] },
    {
      role: "tool",
      content: [{ type: "tool-result", toolCallId: "t1", toolName: "read", output: { type: "text", value: "word3" } }]
    }
  ]),
  "ai-sdk-ui": JSON.stringify([
    { id: "1", role: "user", parts: text("word1") },
    { id: "2", role: "assistant", parts: [{ type: "step-start" }, ...text("word2")] }
  ]),
  "legacy-functions": JSON.stringify([
    { role: "user", content: "word1" },
    { role: "assistant", content: null, function_call: { name: "read", arguments: '"word2"' } },
    { role: "function", name: "read", content: "word3" }
  ]),
  anthropic: lines(CHAT[0], { role: "assistant", content: [call] }, { role: "user", content: [result] }),
  pi: lines(
    { type: "session", id: "s" },
    { type: "message", id: "1", parentId: null, message: { role: "user", content: "word1" } },
    { type: "message", id: "2", parentId: "1", message: { role: "assistant", content: text("word2") } }
  ),
  codex: lines(
    { type: "session_meta", payload: { id: "s" } },
    {
      type: "response_item",
      payload: { type: "message", role: "user", content: [{ type: "input_text", text: "word1" }] }
    },
    { type: "response_item", payload: { type: "function_call", name: "read", call_id: "t1", arguments: '"word2"' } },
    { type: "response_item", payload: { type: "function_call_output", call_id: "t1", output: "word3" } },
    { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 0 } }
  ),
  "claude-code": lines(
    claude("1", null, "user", "word1"),
    claude("2", "1", "assistant", [call]),
    claude("5", null, "user", "word5", { isSidechain: true }),
    { type: "queue-operation", operation: "enqueue", content: "word4", sessionId: "s" },
    claude("3", "2", "user", [result]),
    { type: "queue-operation", operation: "remove", sessionId: "s" }
  ),
  chatgpt: JSON.stringify([
    {
      id: "s",
      current_node: "2",
      mapping: { "1": node("1", null, "user", "word1"), "2": node("2", "1", "assistant", "word2") }
    }
  ]),
  "claude-ai": JSON.stringify([
    {
      uuid: "s",
      chat_messages: [
        { uuid: "1", sender: "human", text: "word1" },
        { uuid: "2", sender: "assistant", content: [...text("word2"), call, result] }
      ]
    }
  ]),
  "gemini-cli": lines(
    { sessionId: "s", projectHash: "h" },
    { id: "1", type: "user", content: "word1" },
    { id: "2", type: "gemini", content: "word2" },
    { $rewindTo: "2" }
  ),
  gemini: JSON.stringify({ contents }),
  "qwen-code": lines(
    ...contents.map((message, index) => ({ uuid: `${index}`, parentUuid: `${index - 1}`, sessionId: "s", message }))
  ),
  opencode: JSON.stringify({
    info: { id: "s" },
    messages: [
      { info: { id: "1", role: "user" }, parts: text("word1") },
      { info: { id: "2", role: "assistant" }, parts: text("word2") }
    ]
  }),
  cline: JSON.stringify([
    { ts: 1, type: "say", say: "text", text: "word1" },
    { ts: 2, type: "ask", ask: "command", text: "word2" },
    { ts: 3, type: "say", say: "command_output", text: "word3" }
  ]),
  "copilot-cli": lines(
    { type: "session.start", data: { sessionId: "s" } },
    { type: "user.message", data: { content: "word1" } },
    { type: "assistant.message", data: { content: "word2", toolRequests: [{ toolCallId: "t1", name: "read" }] } },
    { type: "tool.execution_complete", data: { toolCallId: "t1", result: { content: "word3" } } }
  ),
  "codex-exec": lines(
    { type: "thread.started", thread_id: "s" },
    {
      type: "item.completed",
      item: { id: "1", type: "command_execution", command: "word1", aggregated_output: "word2" }
    },
    { type: "item.completed", item: { id: "2", type: "agent_message", text: "word3" } }
  ),
  openhands: lines(
    { id: 1, source: "user", action: "message", args: { content: "word1" } },
    { id: 2, source: "agent", action: "run", args: { command: "word2" } },
    { id: 3, source: "agent", observation: "run", content: "word3", cause: 2 }
  ),
  "swe-agent": JSON.stringify({ trajectory: [], history: CHAT, info: {} }),
  goose: lines(
    { working_dir: "/" },
    ...CHAT.map(({ content, role }) => ({ role, created: 1, content: text(content) }))
  ),
  kiro: lines(
    { version: "v1", kind: "Prompt", data: { content: [{ kind: "text", data: "word1" }] } },
    {
      version: "v1",
      kind: "AssistantMessage",
      data: { content: [{ kind: "toolUse", data: { toolUseId: "t1", name: "read", input: { path: "word2" } } }] }
    },
    {
      version: "v1",
      kind: "ToolResults",
      data: {
        content: [{ kind: "toolResult", data: { toolUseId: "t1", content: [{ kind: "text", data: "word3" }] } }]
      }
    }
  ),
  droid: lines(
    { type: "session_start", id: "s" },
    { type: "message", message: { role: "user", content: "word1" } },
    { type: "message", message: { role: "assistant", content: [call] } },
    { type: "message", message: { role: "user", content: [result, ...text("word4")] } }
  ),
  cursor: lines(
    { role: "user", message: { content: text("word1") } },
    { role: "assistant", message: { content: [call] } },
    { role: "user", message: { content: [result] } }
  ),
  "ai-studio": JSON.stringify({
    chunkedPrompt: {
      chunks: [
        { role: "user", text: "word1" },
        { role: "model", text: "word2" }
      ]
    }
  }),
  continue: JSON.stringify({
    sessionId: "s",
    history: [
      { message: { role: "user", content: text("word1") } },
      {
        message: { role: "assistant", content: "word2", toolCalls: [{ id: "t1", function: { name: "read" } }] },
        toolCallStates: [{ toolCallId: "t1", output: [{ content: "word3" }] }]
      }
    ]
  }),
  trae: JSON.stringify({
    llm_interactions: [
      {
        input_messages: [{ role: "user", content: "word1" }],
        response: { content: "word2", tool_calls: [{ call_id: "t1", name: "read", arguments: {} }] }
      }
    ],
    agent_steps: [{ tool_results: [{ call_id: "t1", result: "word3" }] }]
  }),
  sharegpt: lines({
    conversations: [
      { from: "human", value: "word1" },
      { from: "gpt", value: "word2" }
    ]
  }),
  letta: JSON.stringify({
    agents: [
      {
        id: "s",
        in_context_message_ids: [],
        messages: [
          { role: "user", content: text('{"type":"user_message","message":"word1","time":"now"}') },
          {
            role: "assistant",
            content: text("word2"),
            tool_calls: [{ id: "t1", function: { name: "read", arguments: "{}" } }]
          },
          { role: "tool", tool_call_id: "t1", content: text("word3") }
        ]
      }
    ],
    blocks: []
  }),
  langsmith: lines(
    { run_type: "chain", trace_id: "s" },
    {
      run_type: "llm",
      trace_id: "s",
      inputs: { messages: [[{ type: "constructor", id: ["HumanMessage"], kwargs: { content: "word1" } }]] },
      outputs: { generations: [[{ message: { role: "assistant", content: "word2" } }]] }
    }
  ),
  "tau-bench": JSON.stringify([{ task_id: 1, traj: CHAT }]),
  aider: "# aider chat started at 2026\n\n#### word1\n\nword2\n\n> Tokens\n"
}

/** Other shapes that files of a format have, by the format and what tells the shape apart. */
export const OTHER_SHAPES: ReadonlyArray<readonly [format: string, shape: string, text: string]> = [
  [
    "kiro",
    "saved",
    JSON.stringify({
      conversation_id: "s",
      history: [
        {
          user: { content: { Prompt: { prompt: "word1" } } },
          assistant: { ToolUse: { content: "word2", tool_uses: [{ id: "t1", name: "read", args: {} }] } }
        },
        {
          user: {
            content: { ToolUseResults: { tool_use_results: [{ tool_use_id: "t1", content: [{ Text: "word3" }] }] } }
          },
          assistant: { Response: { content: "word4" } }
        }
      ]
    })
  ],
  [
    "kiro",
    "an execution",
    JSON.stringify({
      executionId: "s",
      context: {
        messages: [
          { role: "human", entries: text("word1") },
          { role: "bot", entries: [...text("word2"), { type: "toolUse", id: "t1", name: "read", args: {} }] },
          { role: "tool", entries: [{ type: "toolUseResponse", id: "t1", message: "word3" }] }
        ]
      }
    })
  ],
  [
    "codex",
    "events alone",
    lines(
      { type: "session_meta", payload: { id: "s" } },
      { type: "event_msg", payload: { type: "user_message", message: "word1" } },
      { type: "response_item", payload: { type: "function_call", name: "read", call_id: "t1", arguments: "{}" } },
      { type: "response_item", payload: { type: "function_call_output", call_id: "t1", output: "word2" } },
      { type: "event_msg", payload: { type: "agent_message", message: "word3" } }
    )
  ],
  [
    "claude-ai",
    "results of the user",
    JSON.stringify({
      uuid: "s",
      chat_messages: [
        { uuid: "1", sender: "assistant", content: [...text("word1"), call] },
        { uuid: "2", sender: "human", content: [result] },
        { uuid: "3", sender: "assistant", content: text("word4") }
      ]
    })
  ],
  [
    "qwen-code",
    "a message in pieces",
    lines(
      { uuid: "1", parentUuid: null, sessionId: "s", message: { role: "user", parts: [{ text: "word1" }] } },
      { uuid: "2", parentUuid: "1", sessionId: "s", message: { role: "model", parts: [{ text: "word2" }] } },
      { uuid: "2", parentUuid: "1", sessionId: "s", message: { role: "model", parts: [{ text: "word3" }] } }
    )
  ],
  [
    "opencode",
    "events",
    lines(
      { type: "text", sessionID: "s", part: { id: "1", type: "text", text: "word1" } },
      {
        type: "tool_use",
        sessionID: "s",
        part: { id: "2", type: "tool", tool: "read", callID: "t1", state: { status: "completed", output: "word2" } }
      }
    )
  ],
  [
    "goose",
    "an export",
    JSON.stringify({
      id: "s",
      working_dir: "/",
      conversation: [
        { role: "User", created: 1, content: text("word1") },
        { role: "Assistant", created: 1, content: text("word2") }
      ]
    })
  ]
]
