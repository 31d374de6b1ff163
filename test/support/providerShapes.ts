/**
 * The checks of four providers on a conversation, written from their own rules and from nothing in `src`.
 * A validator returns the problems it found; none means accepted.
 */
import type { AssistantMessage, Message } from "../../src/message/Message.ts"

export type Validator = (messages: ReadonlyArray<Message>) => ReadonlyArray<string>

export const openai: Validator = (messages) => {
  const problems: Array<string> = []
  let expected = new Set<string>()
  for (const [i, message] of messages.entries()) {
    if (message.role === "tool") {
      if (!expected.delete(message.tool_call_id)) problems.push(`${i}: tool message without a preceding tool_calls`)
      if (isMissing(message.content)) problems.push(`${i}: content is required`)
      continue
    }
    if (expected.size > 0) problems.push(`${i}: tool_calls without a response: ${[...expected].join()}`)
    expected = new Set()
    if (message.role !== "assistant") {
      if (isMissing(message.content)) problems.push(`${i}: content is required`)
      continue
    }
    if ("tool_calls" in message && message.tool_calls === null) problems.push(`${i}: tool_calls is null`)
    if (message.tool_calls?.length === 0) problems.push(`${i}: tool_calls is an empty array`)
    const ids = callsOf(message).map(({ id }) => id)
    expected = new Set(ids)
    if (expected.size < ids.length) problems.push(`${i}: duplicate ids in tool_calls`)
    if (ids.length === 0 && isMissing(message.content)) problems.push(`${i}: content is required without tool_calls`)
    if (ids.some((id) => id.length > 40)) problems.push(`${i}: tool call id is too long`)
  }
  if (expected.size > 0) problems.push(`end: tool_calls without a response: ${[...expected].join()}`)
  return problems
}

export const anthropic: Validator = (messages) => {
  const problems: Array<string> = []
  const turns = turnsOf(messages)
  if (turns[0]?.role !== "user") problems.push("first message must be a user message")
  const used = new Set<string>()
  let asked: ReadonlyArray<string> = []
  for (const [i, turn] of turns.entries()) {
    const answers = turn.messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []))
    if (!sameMembers(asked, answers)) problems.push(`${i}: tool_use ${asked.join()} but tool_result ${answers.join()}`)
    if (answers.length > 0 && turn.messages.findLastIndex(isTool) >= answers.length)
      problems.push(`${i}: tool_result blocks must come first`)
    const calls = turn.messages.flatMap(callsOf)
    asked = calls.map(({ id }) => id)
    for (const { id } of calls) {
      if (used.has(id)) problems.push(`${i}: tool_use ids must be unique: ${id}`)
      used.add(id)
    }
    problems.push(...calls.filter((call) => !isObjectJson(call)).map(({ id }) => `${i}: input of ${id} is no object`))
    for (const message of turn.messages) problems.push(...blankBlocks(message).map((what) => `${i}: ${what}`))
  }
  if (asked.length > 0) problems.push("end: tool_use without tool_result")
  for (const message of messages.filter(isInstruction))
    problems.push(...blankBlocks(message).map((what) => `system: ${what}`))
  return problems
}

export const mistral: Validator = (messages) => {
  const problems: Array<string> = []
  let expected: ReadonlyArray<string> = []
  let answered: ReadonlyArray<string> = []
  let previous: keyof typeof mayFollow = "start"
  for (const [i, message] of messages.entries()) {
    const role = message.role === "developer" ? "system" : message.role
    if (!mayFollow[previous].includes(role)) problems.push(`${i}: unexpected role ${role} after role ${previous}`)
    if (message.role === "tool") answered = [...answered, message.tool_call_id]
    if (message.role === "assistant") {
      if (!sameMembers(expected, answered)) problems.push(`${i}: not the same number of function calls and responses`)
      expected = callsOf(message).map(({ id }) => id)
      answered = []
      if (expected.length === 0 && isMissing(message.content)) problems.push(`${i}: neither content nor tool_calls`)
      problems.push(
        ...callsOf(message).flatMap((call) => (isObjectJson(call) ? [] : [`${i}: arguments of ${call.id}`]))
      )
    }
    if (isInstruction(message) && isMissing(message.content)) problems.push(`${i}: system prompt must have content`)
    previous = role
  }
  if (!sameMembers(expected, answered)) problems.push("end: not the same number of function calls and responses")
  return problems
}

/** What Mistral wants of the ids of calls, which no other provider wants and few give. */
export const mistralIds: Validator = (messages) =>
  messages.flatMap((message, i) =>
    [...callsOf(message).map(({ id }) => id), ...(message.role === "tool" ? [message.tool_call_id] : [])]
      .filter((id) => !/^[a-zA-Z0-9]{9}$/.test(id))
      .map((id) => `mistral: ${i}: tool call id was ${id} but must be a-z, A-Z, 0-9, with a length of 9`)
  )

const mayFollow = {
  start: ["system", "user", "assistant"],
  system: ["system", "user", "assistant"],
  user: ["system", "user", "assistant"],
  assistant: ["assistant", "user", "tool"],
  tool: ["assistant", "tool"]
}

export const gemini: Validator = (messages) => {
  const problems: Array<string> = []
  const contents = turnsOf(messages)
  if (contents[0]?.role !== "user") problems.push("first content must be with role user")
  let calls = 0
  for (const [i, content] of contents.entries()) {
    const responses = content.messages.filter(isTool).length
    if (responses !== calls) problems.push(`${i}: ${calls} function calls but ${responses} function responses`)
    const made = content.messages.flatMap(callsOf)
    calls = made.length
    if (calls > 0 && contents[i - 1]?.role !== "user")
      problems.push(`${i}: function call turn does not follow a user turn`)
    problems.push(...made.filter((call) => !isObjectJson(call)).map(({ id }) => `${i}: args of ${id} are no object`))
  }
  if (calls > 0) problems.push("end: function calls without responses")
  return problems
}

export const validators: { readonly [provider: string]: Validator } = { openai, anthropic, mistral, gemini }

/** Every problem every provider has with these messages. */
export const problems = (messages: ReadonlyArray<Message>): ReadonlyArray<string> => [
  ...Object.entries(validators).flatMap(([name, validate]) =>
    validate(messages).map((problem) => `${name}: ${problem}`)
  ),
  ...commonProblems(messages)
]

/** An assistant at the end is a prefill to Anthropic and Mistral; others refuse it. It is sound where no answer is due. */
export const problemsAtEnd = (messages: ReadonlyArray<Message>, isAnswerDue: boolean): ReadonlyArray<string> =>
  isAnswerDue && messages.at(-1)?.role === "assistant" ? ["all: the last message is of the assistant"] : []

/** What each of the four refuses wherever it stands. */
const commonProblems = (messages: ReadonlyArray<Message>): ReadonlyArray<string> =>
  messages.flatMap((message, i) =>
    [
      ...(hasLoneSurrogate(message) ? ["a lone surrogate"] : []),
      ...callsOf(message).flatMap(problemsOfCall),
      ...(message.role === "tool" && !CALL_ID.test(message.tool_call_id) ? ["a bad tool_call_id"] : []),
      ...problemsOfName(message),
      ...(message.role !== "user" && hasPicture(message) ? [`a picture in a ${message.role} message`] : []),
      ...(message.role === "assistant" ? wordsInOddPlaces(message) : []),
      ...("native" in message ? ["an unknown field native"] : [])
    ].map((problem) => `all: ${i}: ${problem}`)
  )

/** The pattern of Anthropic, and the length of OpenAI. */
const CALL_ID = /^[a-zA-Z0-9_-]{1,40}$/
/** The pattern of OpenAI, Anthropic and Mistral; Gemini wants a letter or an underscore first. */
const TOOL_NAME = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/

/** The pattern and the length of OpenAI. */
const problemsOfName = (message: Message): ReadonlyArray<string> =>
  "name" in message && !/^[^\s<|\\/>]{1,64}$/.test(String(message.name)) ? ["a bad name"] : []

const problemsOfCall = (call: Call): ReadonlyArray<string> => [
  ...(CALL_ID.test(call.id) ? [] : [`a bad call id ${call.id}`]),
  ...(TOOL_NAME.test(call.type === "custom" ? call.custom.name : call.function.name) ? [] : ["a bad tool name"]),
  ...(call.type === "function" && hasLoneSurrogate(parse(call.function.arguments))
    ? ["a lone surrogate in arguments"]
    : [])
]

/** JSON text escapes a half that stands alone, and no pair. */
const hasLoneSurrogate = (value: unknown): boolean =>
  /\\ud[89a-f]/.test((JSON.stringify(value) ?? "").replaceAll("\\\\", ""))

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const hasPicture = ({ content }: Message): boolean =>
  Array.isArray(content) && content.some(({ type }) => ["image_url", "input_audio", "file"].includes(type))

/** Only OpenAI knows these, so in a view they would be lost on the others. */
const wordsInOddPlaces = ({ audio, content, function_call: call, refusal }: AssistantMessage): ReadonlyArray<string> =>
  typeof refusal === "string" && refusal !== ""
    ? ["words in refusal"]
    : typeof audio?.transcript === "string" && audio.transcript !== ""
      ? ["words in audio"]
      : (call ?? null) !== null
        ? ["a legacy call"]
        : Array.isArray(content) && content.some(({ type }) => type === "refusal")
          ? ["a refusal part"]
          : []

interface Turn {
  readonly role: "user" | "model"
  readonly messages: ReadonlyArray<Message>
}

/** System messages lifted out, tools turned into user content, neighbours of one role merged. */
const turnsOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = []
  for (const message of messages.filter((message) => !isInstruction(message))) {
    const role = message.role === "assistant" ? "model" : "user"
    const last = turns.at(-1)
    if (last?.role === role) turns.splice(-1, 1, { role, messages: [...last.messages, message] })
    else turns.push({ role, messages: [message] })
  }
  return turns
}

type Call = NonNullable<Extract<Message, { readonly role: "assistant" }>["tool_calls"]>[number]

const callsOf = (message: Message): ReadonlyArray<Call> =>
  message.role === "assistant" ? (message.tool_calls ?? []) : []

const isTool = (message: Message): boolean => message.role === "tool"

const isInstruction = (message: Message): boolean => message.role === "system" || message.role === "developer"

const isMissing = (content: Message["content"]): boolean =>
  content === undefined || content === null || content.length === 0

/** An adapter leaves the empty string of an assistant out; every other blank text becomes a block, and is refused. */
const blankBlocks = ({ role, content }: Message): ReadonlyArray<string> => {
  if (content === undefined || content === null || (role === "assistant" && content === "")) return []
  const blocks =
    typeof content === "string" ? [content] : content.flatMap((part) => ("text" in part ? [part.text] : []))
  const blank = blocks.filter((text) => typeof text === "string" && text.trim() === "")
  return [...blank.map(() => "text content blocks must be non-empty"), ...(content.length === 0 ? ["no content"] : [])]
}

const sameMembers = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.toSorted().join("\n") === b.toSorted().join("\n")

const isObjectJson = (call: Call): boolean => {
  if (call.type === "custom") return true
  try {
    const value: unknown = JSON.parse(call.function.arguments)
    return typeof value === "object" && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
