/** Files that hold a whole conversation in one value: exports, trajectories and data sets. */
import { answer, type Conversation, numberCalls, say, type Said, withoutEmpty } from "./conversation.ts"
import { get, has, list, string, words } from "./json.ts"
import { chat, isChat, textOf } from "./messages.ts"

type Rows = ReadonlyArray<unknown>

// ── exports of chats ──

const TO_TOOLS = (message: unknown) => !["all", ""].includes(string(get(message, "recipient")))
const NO_WORDS = ["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"]

const chatGptText = (content: unknown): string => {
  const said = list(get(content, "parts")).map((part) => {
    if (typeof part === "string") return part
    const type = string(get(part, "content_type"))
    if (has(part, "text")) return string(get(part, "text"))
    return type === "image_asset_pointer" ? "[image]" : `[${type}]`
  })
  return has(content, "parts")
    ? said.filter((text) => text !== "").join("\n")
    : string(get(content, "text") ?? get(content, "result"))
}

export const chatGpt = (conversation: unknown): Conversation => {
  const numbers = numberCalls()
  const path: Array<unknown> = []
  for (let id = get(conversation, "current_node"); typeof id === "string";) {
    const node = get(conversation, "mapping", id)
    if (path.includes(get(node, "message")) && get(node, "message") !== null) break
    path.unshift(get(node, "message"))
    id = get(node, "parent")
  }
  const said: Array<Said> = []
  let speaker = ""
  for (const message of path) said.push(...tell(message))
  return { id: string(get(conversation, "conversation_id") ?? get(conversation, "id")) || null, said }

  function tell(message: unknown): ReadonlyArray<Said> {
    const role = string(get(message, "author", "role"))
    const content = get(message, "content")
    const isHidden = get(message, "metadata", "is_visually_hidden_from_conversation") === true
    if (role === "" || isHidden || NO_WORDS.includes(string(get(content, "content_type")))) return []
    const text = chatGptText(content)
    if (role === "assistant" && TO_TOOLS(message)) return [say(role, "", [numbers.make()])]
    if (role !== "tool") return text === "" ? [] : [say(role, text)]
    const name = string(get(message, "author", "name"))
    const last = said.at(-1)
    const isMore = name === speaker && last !== undefined && last.answers !== null
    if (numbers.hasOpen() || isMore) speaker = name
    if (numbers.hasOpen()) return [answer(numbers.answered(), text)]
    if (!isMore) return text === "" ? [] : [say("user", text)]
    said[said.length - 1] = { ...last, text: `${last.text}\n${text}` }
    return []
  }
}

const resultText = (content: unknown): string =>
  typeof content === "string"
    ? content
    : list(content)
        .map((part) => (get(part, "type") === "image" ? "[image]" : string(get(part, "text"))))
        .join("\n")

export const claudeAi = (conversation: unknown): Conversation => {
  const numbers = numberCalls()
  const all = list(get(conversation, "chat_messages"))
  const path: Array<unknown> = []
  const leaf = all.find((message) => get(message, "uuid") === get(conversation, "current_leaf_message_uuid"))
  for (let next = leaf ?? all.at(-1); next !== undefined && !path.includes(next);) {
    const message = next
    path.unshift(message)
    next = has(message, "parent_message_uuid")
      ? all.find((other) => get(other, "uuid") === get(message, "parent_message_uuid"))
      : all[all.indexOf(message) - 1]
  }
  const said = path.flatMap((message): ReadonlyArray<Said> => {
    const content = get(message, "content")
    const blocks = list(content).length > 0 ? list(content) : [{ type: "text", text: get(message, "text") }]
    const results = blocks.filter((block) => get(block, "type") === "tool_result")
    const resultOf = (block: unknown) =>
      answer(string(get(block, "tool_use_id")) || numbers.answered(), resultText(get(block, "content")))
    if (get(message, "sender") === "human") {
      const attached = list(get(message, "attachments")).map(
        (file) => `[${string(get(file, "file_name"))}]\n${string(get(file, "extracted_content"))}`
      )
      const files = list(get(message, "files")).map((file) => `[${string(get(file, "file_name"))}]`)
      const listed = files.filter((name) => !attached.some((text) => text.startsWith(`${name}\n`)))
      const text = [textOf(blocks), ...attached, ...listed].filter((text) => text !== "").join("\n")
      return [...results.map(resultOf), ...(text === "" ? [] : [say("user", text)])]
    }
    const told: Array<Said> = []
    for (const block of blocks) {
      const last = told.at(-1)
      const goesOn = last?.role === "assistant" ? told.pop() : undefined
      const before = goesOn ?? say("assistant", "")
      const type = get(block, "type")
      if (type === "text") {
        const text = [before.text, string(get(block, "text"))].filter((text) => text !== "").join("\n")
        told.push({ ...before, text })
      } else if (type === "tool_use")
        told.push({ ...before, calls: [...before.calls, string(get(block, "id")) || numbers.make()] })
      else if (type === "tool_result") {
        if (goesOn !== undefined) told.push(goesOn)
        told.push(resultOf(block))
      } else if (goesOn !== undefined) told.push(goesOn)
    }
    return told
  })
  return { id: string(get(conversation, "uuid")) || null, said: withoutEmpty(said) }
}

// ── agents ──

/** The messages of a chat of Gemini CLI, as they are at the end: a line replaces the one with its id. */
export const geminiChat = (messages: Rows): ReadonlyArray<Said> => {
  const kept: Array<unknown> = []
  for (const message of messages) {
    const id = get(message, "$rewindTo") ?? get(message, "id")
    const at = kept.findIndex((other) => get(other, "id") === id)
    if (has(message, "$rewindTo")) kept.splice(at < 0 ? kept.length : at)
    else if (at >= 0) kept[at] = message
    else if (has(message, "type")) kept.push(message)
  }
  return withoutEmpty(
    kept.flatMap((message): ReadonlyArray<Said> => {
      const text = textOf(get(message, "content"))
      if (get(message, "type") === "user") return [say("user", text)]
      if (get(message, "type") !== "gemini") return []
      const calls = list(get(message, "toolCalls"))
      const results = calls.flatMap((call) =>
        list(get(call, "result")).flatMap((part) => {
          const response = get(part, "functionResponse", "response")
          if (response === undefined) return []
          return [answer(string(get(call, "id")), words(get(response, "output") ?? get(response, "error") ?? response))]
        })
      )
      return [
        say(
          "assistant",
          text,
          calls.map((call) => string(get(call, "id")))
        ),
        ...results
      ]
    })
  )
}

export const opencode = (session: unknown): Conversation => {
  const messages = list(get(session, "messages"))
  const undone = messages.findIndex(
    (message) => get(message, "info", "id") === get(session, "info", "revert", "messageID")
  )
  const said = (undone < 0 ? messages : messages.slice(0, undone)).flatMap((message): ReadonlyArray<Said> => {
    const role = string(get(message, "info", "role"))
    if (get(message, "info", "summary") === true) return []
    const parts = list(get(message, "parts"))
    const starts = parts.flatMap((part, at) => (get(part, "type") === "step-start" ? [at] : []))
    const cuts = [0, ...starts, parts.length]
    return cuts.slice(1).flatMap((end, at) => {
      const step = parts.slice(cuts[at], end)
      if (step.length === 0) return []
      const tools = step.filter((part) => get(part, "type") === "tool")
      const results = tools.flatMap((part) => {
        const state = get(part, "state")
        const output = get(state, "output") ?? get(state, "error")
        return output === undefined ? [] : [answer(string(get(part, "callID")), words(output))]
      })
      return [
        say(
          role,
          textOf(step),
          tools.map((part) => string(get(part, "callID")))
        ),
        ...results
      ]
    })
  })
  const spoken = said.filter(({ role, text }) => role !== "user" || text !== "")
  return { id: string(get(session, "info", "id")), said: withoutEmpty(spoken) }
}

/** What a person reads in Cline's panel: its own notices are left out, and so is what was only part of a text. */
export const cline = (rows: Rows): ReadonlyArray<Said> => {
  const numbers = numberCalls()
  return rows.flatMap((row, index): ReadonlyArray<Said> => {
    if (get(row, "partial") === true) return []
    const kind = string(get(row, "say") ?? get(row, "ask"))
    const text = string(get(row, "text"))
    const field = (name: string) => (text.startsWith("{") ? string(get(JSON.parse(text), name)) : "")
    if (kind === "task") return [say("user", text)]
    if (kind === "text") return [say(index === 0 ? "user" : "assistant", text)]
    if (kind === "user_feedback") return [say("user", text)]
    if (kind === "completion_result" && text !== "") return [say("assistant", text)]
    if (kind === "followup" || kind === "plan_mode_respond") {
      const chosen = field("selected")
      const asked = field(kind === "followup" ? "question" : "response") || text
      return [say("assistant", asked), ...(chosen === "" ? [] : [say("user", chosen)])]
    }
    if (kind === "command" || kind === "tool" || kind === "use_mcp_server")
      return [say("assistant", "", [numbers.make()])]
    return (kind === "command_output" || kind === "mcp_server_response") && numbers.hasOpen()
      ? [answer(numbers.answered(), text)]
      : []
  })
}

export const codexExec = (rows: Rows): Conversation => ({
  id: string(get(rows[0], "thread_id")) || null,
  said: rows.flatMap((row): ReadonlyArray<Said> => {
    if (has(row, "prompt")) return [say("user", string(get(row, "prompt")))]
    const item = get(row, "msg") ?? (get(row, "type") === "item.completed" ? get(row, "item") : undefined)
    const type = get(item, "type")
    const id = string(get(item, "id") ?? get(item, "call_id"))
    if (type === "agent_message") return [say("assistant", string(get(item, "text") ?? get(item, "message")))]
    if (type === "command_execution") {
      return [say("assistant", "", [id]), answer(id, string(get(item, "aggregated_output")))]
    }
    if (type === "exec_command_begin") return [say("assistant", "", [id])]
    return type === "exec_command_end" ? [answer(id, string(get(item, "stdout")) + string(get(item, "stderr")))] : []
  })
})

export const openHands = (rows: Rows): ReadonlyArray<Said> =>
  rows.flatMap((row): ReadonlyArray<Said> => {
    const kind = string(get(row, "kind"))
    const call = string(get(row, "tool_call_id") ?? get(row, "tool_call_metadata", "tool_call_id"))
    if (kind === "MessageEvent") {
      return [say(string(get(row, "llm_message", "role")), textOf(get(row, "llm_message", "content")))]
    }
    if (kind === "ActionEvent") return [say("assistant", textOf(get(row, "thought")), [call])]
    if (kind === "ObservationEvent") return [answer(call, textOf(get(row, "observation", "content")))]
    const action = string(get(row, "action"))
    const text = string(get(row, "args", "thought"))
    if (action === "message") {
      return [say(get(row, "source") === "user" ? "user" : "assistant", string(get(row, "args", "content")))]
    }
    if (action === "finish") return [say("assistant", string(get(row, "args", "final_thought")) || text)]
    const isCall =
      action !== "" && get(row, "source") === "agent" && !["system", "recall", "change_agent_state"].includes(action)
    if (isCall) return [say("assistant", text, [`action ${words(get(row, "id"))}`])]
    const isResult = has(row, "observation") && has(row, "cause") && get(row, "observation") !== "agent_state_changed"
    return isResult ? [answer(`action ${words(get(row, "cause"))}`, string(get(row, "content")))] : []
  })

export const sweAgent = (file: unknown): ReadonlyArray<Said> =>
  list(get(file, "history") ?? get(file, "messages"))
    .filter((message) => get(message, "is_demo") !== true && isChat(message))
    .flatMap((message) => {
      const [id] = list(get(message, "tool_call_ids"))
      return id === undefined ? chat(message) : [answer(string(id), textOf(get(message, "content")))]
    })

export const goose = (messages: Rows): ReadonlyArray<Said> => {
  const isCompacted = messages.some((message) => get(message, "metadata", "agentVisible") === false)
  return messages.filter(isChat).flatMap((message): ReadonlyArray<Said> => {
    if (isCompacted && get(message, "metadata", "userVisible") === false) return []
    const parts = list(get(message, "content"))
    const typed = (type: string) => parts.filter((part) => get(part, "type") === type)
    const calls = typed("toolRequest").map((part) => string(get(part, "id")))
    const results = typed("toolResponse").map((part) =>
      answer(
        string(get(part, "id")),
        textOf(
          get(part, "toolResult", "value", "content") ??
            get(part, "toolResult", "value") ??
            get(part, "toolResult", "error")
        )
      )
    )
    const text = textOf(parts)
    return [
      ...results,
      ...(text !== "" || calls.length > 0 ? [say(string(get(message, "role")).toLowerCase(), text, calls)] : [])
    ]
  })
}

/** Letta wraps what a user or a tool says in JSON; events in the name of the user stay as they are. */
export const letta = (agent: unknown): Conversation => {
  const unwrap = (text: string, types: ReadonlyArray<string>): string => {
    const value: unknown = text.startsWith("{") ? JSON.parse(text) : undefined
    const isPlain = types.includes(string(get(value, "type"))) || types.length === 0
    return isPlain && typeof get(value, "message") === "string" ? string(get(value, "message")) : text
  }
  /** Several results in one message are told apart. */
  const split = (message: unknown): ReadonlyArray<unknown> => {
    const returns = get(message, "role") === "tool" ? list(get(message, "tool_returns")) : []
    return returns.length < 2
      ? [message]
      : returns.map((one) => ({
          role: "tool",
          tool_call_id: get(one, "tool_call_id"),
          content: words(get(one, "func_response"))
        }))
  }
  const said = list(get(agent, "messages"))
    .flatMap(split)
    .flatMap(chat)
    .map((one) => ({
      ...one,
      text:
        one.role === "user" ? unwrap(one.text, ["user_message"]) : one.role === "tool" ? unwrap(one.text, []) : one.text
    }))
  return { id: string(get(agent, "id")) || null, said }
}

const LANGCHAIN = { HumanMessage: "user", AIMessage: "assistant", ToolMessage: "tool", SystemMessage: "system" }

/** Of each thread, the call of the model that was given most, with its answer. */
export const langSmith = (runs: Rows): ReadonlyArray<Conversation> => {
  const threads = new Map<string, ReadonlyArray<unknown>>()
  for (const run of runs.filter((run) => get(run, "run_type") === "llm")) {
    const thread = string(get(run, "extra", "metadata", "thread_id") ?? get(run, "trace_id"))
    const [given] = list(get(run, "inputs", "messages"))
    const [first] = list(get(run, "outputs", "generations"))
    const all = [
      ...(Array.isArray(given) ? given : list(get(run, "inputs", "messages"))),
      get(list(first)[0], "message")
    ]
    if (all.length > (threads.get(thread)?.length ?? 0)) threads.set(thread, all)
  }
  return Array.from(threads, ([id, messages]) => ({
    id,
    said: messages.flatMap((message) => {
      const name = string(list(get(message, "id")).at(-1))
      const role = Object.entries(LANGCHAIN).find(([key]) => key === name)?.[1]
      return chat(role === undefined ? message : { ...Object(get(message, "kwargs")), role })
    })
  }))
}

// ── data sets ──

const SHAREGPT = { human: "user", user: "user", gpt: "assistant", assistant: "assistant", system: "system" }

export const shareGpt = (row: unknown): Conversation => {
  const numbers = numberCalls()
  const system = string(get(row, "system"))
  const said = list(get(row, "conversations")).flatMap((turn): ReadonlyArray<Said> => {
    const from = string(get(turn, "from")).replace("-", "_")
    const value = string(get(turn, "value"))
    if (from === "function_call") return [say("assistant", "", [numbers.make()])]
    if (["observation", "function_response", "tool"].includes(from)) return [answer(numbers.answered(), value)]
    const role = Object.entries(SHAREGPT).find(([key]) => key === from)?.[1]
    return role === undefined ? [] : [say(role, value)]
  })
  return { id: string(get(row, "id")) || null, said: system === "" ? said : [say("system", system), ...said] }
}

/** Aider's Markdown: `####` is the user, `>` is Aider, and the rest is the model, where no fence is open. */
export const aider = (text: string): ReadonlyArray<Conversation> =>
  text
    .split(/^# aider chat started at .*$/m)
    .slice(1)
    .map((session) => {
      const said: Array<{ role: string; lines: Array<string> }> = []
      let isFenced = false
      const isMarked = /^#### .*  $/m.test(text)
      for (const line of session.split("\n")) {
        const isUser = !isFenced && (isMarked ? /^#### .*  $/ : /^#### /).test(line)
        const role = isUser ? "user" : !isFenced && line.startsWith("> ") ? "aider" : "assistant"
        if (role === "assistant" && line.startsWith("```")) isFenced = !isFenced
        if (said.at(-1)?.role !== role) said.push({ role, lines: [] })
        said.at(-1)?.lines.push(isUser ? line.slice("#### ".length).trimEnd() : line)
      }
      const isCommand = (text: string) => /^\/(?!ask |code |architect )[a-z]/.test(text)
      const told = said
        .map(({ lines, role }) => say(role, lines.join("\n").trim()))
        .filter(({ role, text }) => role !== "aider" && text !== "" && !(role === "user" && isCommand(text)))
      return { id: null, said: told }
    })
    .filter(({ said }) => said.length > 0)

/** Pieces of a prompt of AI Studio. */
export const aiStudio = (value: unknown): Conversation => {
  const shown = (chunk: unknown) =>
    Object.keys(Object(chunk)).flatMap((key) =>
      key.startsWith("drive") || key === "inlineImage" ? [`[${key.replace(/^(drive|inline)/, "").toLowerCase()}]`] : []
    )
  const textOfParts = (chunk: unknown) =>
    list(get(chunk, "parts"))
      .map((part) => string(get(part, "text")))
      .join("")
  const said = list(get(value, "chunkedPrompt", "chunks"))
    .filter((chunk) => get(chunk, "isThought") !== true)
    .map((chunk) => {
      const text = [string(get(chunk, "text")) || textOfParts(chunk), ...shown(chunk)].filter((text) => text !== "")
      return say(get(chunk, "role") === "model" ? "assistant" : "user", text.join("\n"))
    })
  const system = textOfParts(get(value, "systemInstruction"))
  return { id: string(get(value, "id")) || null, said: system === "" ? said : [say("system", system), ...said] }
}
