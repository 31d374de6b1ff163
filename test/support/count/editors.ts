/** Sessions of Kiro, Continue and Trae. */
import { answer, type Conversation, numberCalls, say, type Said, withoutEmpty } from "./conversation.ts"
import { get, has, list, string, words } from "./json.ts"
import { anthropic, textOf } from "./messages.ts"

type Rows = ReadonlyArray<unknown>

const one = (id: unknown, said: ReadonlyArray<Said>): Conversation => ({
  id: string(id) || null,
  said: withoutEmpty(said).filter(({ role, text }) => role !== "user" || text !== "")
})

const join = (texts: ReadonlyArray<string>) => texts.filter((text) => text !== "").join("\n")

/** Lines of Kiro's command line: a block is `{kind, data}`. */
export const kiroLines = (rows: Rows): Conversation =>
  one(
    null,
    rows.flatMap((row): ReadonlyArray<Said> => {
      const blocks = list(get(row, "data", "content"))
      const of = (kind: string) => blocks.filter((block) => get(block, "kind") === kind)
      const text = join(
        blocks.map((block) =>
          get(block, "kind") === "image" ? "[image]" : get(block, "kind") === "text" ? string(get(block, "data")) : ""
        )
      )
      const calls = of("toolUse").map((block) => string(get(block, "data", "toolUseId")))
      const results = of("toolResult").map((block) =>
        answer(
          string(get(block, "data", "toolUseId")),
          list(get(block, "data", "content"))
            .map((part) => words(get(part, "data")))
            .join("\n")
        )
      )
      const kind = string(get(row, "kind"))
      if (kind === "AssistantMessage") return [say("assistant", text, calls), ...results]
      return ["Prompt", "ToolResults"].includes(kind) ? [...results, say("user", text)] : []
    })
  )

/** A saved conversation, whose turns are pairs or have names. */
export const kiroSave = (value: unknown): Conversation => {
  const turns = list(get(value, "history")).map((turn) =>
    Array.isArray(turn) ? turn : [get(turn, "user"), get(turn, "assistant")]
  )
  const inner = (variant: unknown) => Object.values(Object(variant))[0]
  const summary = get(value, "latest_summary", "0") ?? get(value, "latest_summary")
  const said = [...turns, [get(value, "next_message"), null]].flatMap(
    ([user, assistant]: Rows): ReadonlyArray<Said> => {
      const given = inner(get(user, "content"))
      const asked =
        typeof given === "string" || Array.isArray(given) ? { prompt: given, tool_use_results: given } : given
      const replied = inner(assistant)
      const results = list(get(asked, "tool_use_results")).map((result) =>
        answer(
          string(get(result, "tool_use_id")),
          list(get(result, "content"))
            .map((part) => words(get(part, "Text") ?? get(part, "Json")))
            .join("\n")
        )
      )
      const calls = list(get(replied, "tool_uses")).map((use) => string(get(use, "id")))
      return [
        ...results,
        say("user", string(get(asked, "prompt"))),
        say("assistant", string(get(replied, "content")), calls)
      ]
    }
  )
  return one(get(value, "conversation_id"), [say("user", string(summary)), ...said])
}

/** An execution of Kiro's editor. */
export const kiroExecution = (value: unknown): Conversation =>
  one(
    get(value, "executionId"),
    list(get(value, "context", "messages") ?? get(value, "chat")).flatMap((message): ReadonlyArray<Said> => {
      const entries = list(get(message, "entries"))
      const of = (type: string) => entries.filter((entry) => get(entry, "type") === type)
      const text = join([string(get(message, "content")), ...of("text").map((entry) => string(get(entry, "text")))])
      const results = of("toolUseResponse").map((entry) =>
        answer(string(get(entry, "id")), words(get(entry, "message")))
      )
      if (get(message, "role") === "bot")
        return [
          say(
            "assistant",
            text,
            of("toolUse").map((entry) => string(get(entry, "id")))
          ),
          ...results
        ]
      return [...results, say("user", text)]
    })
  )

export const continueSession = (value: unknown): Conversation => {
  const items = list(get(value, "history"))
  const told = items.map((item) => get(item, "message", "toolCallId"))
  return one(
    get(value, "sessionId"),
    items.flatMap((item): ReadonlyArray<Said> => {
      const role = string(get(item, "message", "role"))
      const text = textOf(get(item, "message", "content"))
      if (role === "thinking") return []
      if (role === "tool") return [answer(string(get(item, "message", "toolCallId")), text)]
      const calls = list(get(item, "message", "toolCalls")).map((call) => string(get(call, "id")))
      const states = list(get(item, "toolCallStates")).filter(
        (state) => has(state, "output") && !told.includes(get(state, "toolCallId"))
      )
      const results = states.map((state) =>
        answer(
          string(get(state, "toolCallId")),
          list(get(state, "output"))
            .map((part) => words(get(part, "content")))
            .join("\n")
        )
      )
      return [say(role, text, calls), ...results]
    })
  )
}

/** What a model was given and answered in each step of Trae. Files that repeat all in each step have it in the last. */
export const trae = (value: unknown): Conversation => {
  const steps = list(get(value, "llm_interactions"))
  const first = (step: unknown) => JSON.stringify(list(get(step, "input_messages"))[0])
  const isWhole = steps.length > 1 && first(steps[0]) !== undefined && first(steps[0]) === first(steps.at(-1))
  const said: Array<Said> = []
  const add = (result: unknown) => {
    const id = string(get(result, "call_id"))
    if (said.some(({ answers }) => answers === id)) return
    said.push(answer(id, words(get(result, "result")) || words(get(result, "error"))))
  }
  for (const step of isWhole ? steps.slice(-1) : steps) {
    for (const message of list(get(step, "input_messages"))) {
      if (has(message, "tool_result")) add(get(message, "tool_result"))
      const call = get(message, "tool_call", "call_id")
      said.push(
        say(string(get(message, "role")), words(get(message, "content")), call === undefined ? [] : [string(call)])
      )
    }
    const calls = list(get(step, "response", "tool_calls")).map((call) => string(get(call, "call_id")))
    said.push(say("assistant", words(get(step, "response", "content")), calls))
    const results = list(get(value, "agent_steps")).flatMap((one) => list(get(one, "tool_results")))
    for (const result of results) if (calls.includes(string(get(result, "call_id")))) add(result)
  }
  return one(null, said)
}

/** Lines of Droid: messages of Anthropic's API, of which reminders stand apart. */
export const droid = (rows: Rows): Conversation => {
  const isReminder = (block: unknown) => string(get(block, "text")).startsWith("<system-reminder>")
  const id = rows
    .map((row) => (get(row, "type") === "session_start" ? string(get(row, "id")) : ""))
    .find((id) => id !== "")
  const said = rows.flatMap((row): ReadonlyArray<Said> => {
    const role = get(row, "message", "role")
    const content = get(row, "message", "content")
    if (typeof content === "string") return anthropic({ role, content })
    const blocks = list(content).filter((block) => get(block, "type") !== "thinking")
    const [reminders, others] = [blocks.filter(isReminder), blocks.filter((block) => !isReminder(block))]
    const parts = isReminder(blocks[0]) ? [reminders, others] : [others, reminders]
    return parts.flatMap((content) => (content.length === 0 ? [] : anthropic({ role, content })))
  })
  return one(id, said)
}

/** Lines of Cursor, with what the user typed in a tag. */
export const cursor = (rows: Rows): Conversation => {
  const numbers = numberCalls()
  const bare = (text: string) => text.replace(/^<user_query>\n/, "").replace(/\n<\/user_query>$/, "")
  return one(
    null,
    rows.flatMap((row) => {
      const content = get(row, "message", "content")
      const blocks = list(content).map((block) =>
        get(block, "type") === "tool_use" && !has(block, "id") ? { ...Object(block), id: numbers.make() } : block
      )
      return anthropic({ role: get(row, "role"), content: typeof content === "string" ? content : blocks }).map(
        (said) => ({ ...said, text: bare(said.text) })
      )
    })
  )
}

/** Parts of replies as opencode prints them: the last of each id counts, and each step is a reply. */
export const opencodeParts = (rows: Rows): Conversation => {
  const parts = rows.map((row) => get(row, "part"))
  const last = parts.filter((part, at) => !parts.slice(at + 1).some((other) => get(other, "id") === get(part, "id")))
  const steps: Array<Array<unknown>> = [[]]
  for (const part of last) {
    if (get(part, "type") === "step-start") steps.push([])
    else steps.at(-1)?.push(part)
  }
  const said = steps.flatMap((step) => {
    const calls = step.filter((part) => get(part, "type") === "tool")
    const results = calls
      .filter((part) => get(part, "state", "output") !== undefined)
      .map((part) => answer(string(get(part, "callID")), words(get(part, "state", "output"))))
    const ids = calls.map((part) => string(get(part, "callID")))
    return [say("assistant", textOf(step.filter((part) => get(part, "type") === "text")), ids), ...results]
  })
  return one(get(rows[0], "sessionID"), said)
}
