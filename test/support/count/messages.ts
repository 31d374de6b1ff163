/** Messages as APIs take them: chat completions, Anthropic, Responses, Gemini and the AI SDK. */
import { answer, numberCalls, say, type Said } from "./conversation.ts"
import { get, has, list, string, words } from "./json.ts"

const ROLES = ["system", "developer", "user", "assistant", "tool", "function"]
export const isChat = (value: unknown): boolean => ROLES.includes(string(get(value, "role")).toLowerCase())

/** The texts of content: a string, or parts of which some have text. */
export const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : list(content)
        .flatMap((part) => {
          const type = string(get(part, "type"))
          if (typeof part === "string") return [part]
          if (["text", "input_text", "output_text"].includes(type) || (type === "" && has(part, "text"))) {
            return [string(get(part, "text"))]
          }
          if (type === "refusal") return [string(get(part, "refusal"))]
          if (type === "document") return [`[document] ${JSON.stringify({ ...Object(part), type: undefined })}`]
          return []
        })
        .join("\n")

export const chat = (message: unknown): ReadonlyArray<Said> => {
  const role = string(get(message, "role"))
  const text = [textOf(get(message, "content")), string(get(message, "refusal"))]
    .filter((words) => words !== "")
    .join("\n")
  if (role === "tool") return [answer(string(get(message, "tool_call_id")), text)]
  if (role === "function") return [answer(string(get(message, "name")), text)]
  const old = get(message, "function_call", "name")
  const calls = list(get(message, "tool_calls")).map((call) => string(get(call, "id")))
  return ROLES.includes(role) ? [say(role, text, old === undefined ? calls : [string(old)])] : []
}

/** A message of Anthropic's: results come first, as messages of their own. */
export const anthropic = (message: unknown): ReadonlyArray<Said> => {
  const content = get(message, "content")
  const blocks = list(content)
  const results = blocks.filter((block) => get(block, "type") === "tool_result")
  const calls = blocks.filter((block) => get(block, "type") === "tool_use").map((block) => string(get(block, "id")))
  const others = blocks.filter((block) => !results.includes(block))
  const role = string(get(message, "role"))
  const rest = typeof content === "string" ? content : textOf(others)
  const saysMore = typeof content === "string" || role === "assistant" || others.length > 0
  return [
    ...results.map((block) => answer(string(get(block, "tool_use_id")), textOf(get(block, "content")))),
    ...(saysMore ? [say(role, rest, calls)] : [])
  ]
}

/** Items of the Responses API: calls belong to the reply that they follow. */
export const responses = (items: ReadonlyArray<unknown>): ReadonlyArray<Said> => {
  const said: Array<Said> = []
  const results: Array<Said> = []
  const settle = () => said.push(...results.splice(0))
  let isReply = false
  for (const item of items) {
    const type = string(get(item, "type"))
    const id = string(get(item, "call_id"))
    if (type === "message" || (type === "" && isChat(item))) {
      settle()
      const role = string(get(item, "role"))
      said.push(say(role, textOf(get(item, "content"))))
      isReply = role === "assistant"
    } else if (type.endsWith("_output")) {
      const output = get(item, "output")
      results.push(
        answer(
          id,
          has(output, "content")
            ? words(get(output, "content"))
            : Array.isArray(output)
              ? textOf(output)
              : words(output)
        )
      )
    } else if (type.endsWith("_call") && type !== "web_search_call") {
      const last = said.at(-1)
      if (isReply && results.length === 0 && last !== undefined)
        said.push({ ...last, calls: [...(said.pop()?.calls ?? []), id] })
      else {
        settle()
        said.push(say("assistant", "", [id]))
      }
      isReply = true
    } else if (type === "web_search_call") isReply = false
  }
  settle()
  return said
}

/** Contents of Gemini's API. Thoughts are no words. */
export const gemini = (contents: ReadonlyArray<unknown>): ReadonlyArray<Said> => {
  const numbers = numberCalls()
  return contents.flatMap((content) => {
    const parts = list(get(content, "parts")).filter((part) => get(part, "thought") !== true)
    const results = parts.filter((part) => has(part, "functionResponse"))
    const calls = parts
      .filter((part) => has(part, "functionCall"))
      .map((part) => string(get(part, "functionCall", "id")) || numbers.make())
    const role = get(content, "role") === "model" ? "assistant" : string(get(content, "role")) || "user"
    const others = parts.filter((part) => !results.includes(part))
    return [
      ...results.map((part) => {
        const response = get(part, "functionResponse", "response")
        const output = get(response, "output") ?? get(response, "error") ?? response
        return answer(string(get(part, "functionResponse", "id")) || numbers.answered(), words(output))
      }),
      ...(others.length > 0 ? [say(role, textOf(others), calls)] : [])
    ]
  })
}

/** Messages of the AI SDK: of its model, or of its user interface. */
export const aiSdk = (messages: ReadonlyArray<unknown>): ReadonlyArray<Said> =>
  messages.flatMap((message) => {
    const role = string(get(message, "role"))
    const parts = list(get(message, "parts") ?? get(message, "content"))
    const content = get(message, "content")
    const isCall = (part: unknown) => has(part, "toolCallId") && !string(get(part, "type")).endsWith("-result")
    const text = parts.length === 0 ? string(content) : textOf(parts)
    const id = (part: unknown) => string(get(part, "toolCallId"))
    const results = parts.filter((part) => has(part, "output"))
    return [
      ...(role === "tool" ? [] : [say(role, text, parts.filter(isCall).map(id))]),
      ...results.map((part) => answer(id(part), words(get(part, "output", "value") ?? get(part, "output"))))
    ]
  })

export const readList = (messages: ReadonlyArray<unknown>) => {
  const parts = messages.flatMap((message) => list(get(message, "content")))
  const typed = (...types: ReadonlyArray<string>) => parts.some((part) => types.includes(string(get(part, "type"))))
  if (messages.some((message) => has(message, "parts"))) {
    const isGemini = messages.some(
      (message) => get(message, "role") === "model" || list(get(message, "parts")).some((part) => !has(part, "type"))
    )
    return isGemini ? { kind: "gemini", said: gemini(messages) } : { kind: "ai-sdk-ui", said: aiSdk(messages) }
  }
  if (typed("tool-call", "tool-result")) return { kind: "ai-sdk-model", said: aiSdk(messages) }
  if (messages.some((message) => string(get(message, "type")).endsWith("_call"))) {
    return { kind: "responses", said: responses(messages) }
  }
  if (messages.some((message) => has(message, "function_call", "name") || get(message, "role") === "function")) {
    return { kind: "legacy-functions", said: messages.flatMap(chat) }
  }
  if (typed("tool_use", "tool_result", "thinking")) {
    return { kind: "anthropic", said: messages.flatMap(anthropic) }
  }
  return { kind: "chat", said: messages.filter(isChat).flatMap(chat) }
}
