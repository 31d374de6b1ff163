/** Repairs what providers refuse within one message. Only messages that are not plain come here. */
import { createHash } from "node:crypto"
import * as Message from "../message/Message.ts"
import { isBlank, isObjectJson, mendSurrogates } from "../message/text.ts"
import type { RepairContext } from "./model.ts"
import type { CallIds } from "./WireLimits.ts"

/** The message as providers accept it, the very same object if it needs no repair; `undefined` if it says nothing. */
export const mendMessage = (
  message: Message.Message,
  seq: number,
  context: RepairContext
): Message.Message | undefined => {
  const formed = mendAuthor(mendText(Message.hideNative(message), seq, context), seq, context)
  const spoken =
    formed.role === "assistant"
      ? mendCalls(showWords(formed, seq, context), seq, context)
      : leaveParts(formed, seq, context)
  const content = withoutBlanks(spoken.content)
  if (isEmpty(content) && (Message.isSystem(spoken) || Message.endsTurn(spoken))) {
    context.note({ kind: "empty-message", seq })
    return undefined
  }
  if (content === spoken.content && (spoken.role === "assistant" || !isEmpty(content))) return spoken
  context.note({ kind: "empty-content", seq })
  return spoken.role === "assistant"
    ? Message.withContent(spoken, content ?? null)
    : Message.withContent(spoken, content === undefined || content === null || content === "" ? EMPTY : content)
}

const EMPTY = "[empty]"

type Content = string | ReadonlyArray<Message.ContentPart> | null | undefined

const isEmpty = (content: Content): boolean => content === undefined || content === null || content.length === 0

/** Anthropic refuses blank text in any place. The empty string may stay, since every adapter drops it. */
const withoutBlanks = (content: Content): Content => {
  if (content === undefined || content === null || content === "") return content
  if (typeof content === "string") return isBlank(content) ? null : content
  const parts = content.filter((part) => !("text" in part && typeof part.text === "string" && isBlank(part.text)))
  if (parts.length === 0) return null
  return parts.length === content.length ? content : parts
}

/** The name of a tool message is that of its call, which see. */
const mendAuthor = (message: Message.Message, seq: number, context: RepairContext): Message.Message => {
  if (message.role === "tool" || !("name" in message)) return message
  const { name, ...rest } = message
  if (typeof name === "string" && AUTHOR.test(name)) return message
  const from = typeof name === "string" ? name : ""
  const to = from
    .replace(/[\s<|\\/>]+/g, "_")
    .replace(/^_+|(?<!_)_+$/g, "")
    .slice(0, 64)
  context.note({ kind: "renamed-author", seq, from, to })
  return to === "" ? rest : { ...rest, name: to }
}

/** The pattern and the length of OpenAI. */
const AUTHOR = /^[^\s<|\\/>]{1,64}$/

// ── text ──

const mendText = (message: Message.Message, seq: number, context: RepairContext): Message.Message => {
  const mended = mendEscapes(mendNative(mendSurrogates(message)))
  if (mended !== message) context.note({ kind: "lone-surrogate", seq })
  return mended
}

const mendNative = (message: Message.Message): Message.Message => {
  const native = message[Message.Native]
  if (native === undefined) return message
  const mended = mendSurrogates(native)
  return mended === native ? message : { ...message, [Message.Native]: mended }
}

/** Mends halves that are escaped inside the JSON text of arguments: an adapter that parses it would send them. */
const mendEscapes = (message: Message.Message): Message.Message => {
  if (message.role !== "assistant" || !Message.toolCalls(message).some(hasLoneEscape)) return message
  const mendCall = (call: Message.ToolCall) =>
    hasLoneEscape(call) ? Message.withCallInput(call, replaceEscapes(Message.callInput(call))) : call
  return { ...message, tool_calls: Message.toolCalls(message).map(mendCall) }
}

const hasLoneEscape = (call: Message.ToolCall): boolean =>
  call.type === "function" &&
  SURROGATE_ESCAPE.test(call.function.arguments) &&
  replaceEscapes(call.function.arguments) !== call.function.arguments

const replaceEscapes = (json: string): string =>
  json.replace(ESCAPE, (escape, lone) => (lone === undefined ? escape : "\\ufffd"))

export const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/
/** Every escape, since the second of two backslashes begins none: a pair of halves, a half alone, or any other. */
const ESCAPE = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(\\u[dD][89a-fA-F][\da-fA-F]{2})|\\[^]/g

/** Shows words outside the content as its text: most providers know no other place for them. */
const showWords = (
  message: Message.AssistantMessage,
  seq: number,
  context: RepairContext
): Message.AssistantMessage => {
  const { audio: _audio, content, function_call: _call, refusal: _refusal, ...rest } = message
  const beside = Message.wordsBesideContent(message)
  const parts = Message.parts(message)
  if (beside.length === 0 && !parts.some(({ type }) => type === "refusal")) return message
  context.note({ kind: "words-as-text", seq })
  if (parts.length === 0) {
    const said = [content, ...beside].filter((words) => typeof words === "string" && words !== "")
    return { ...rest, content: said.join("\n") }
  }
  const shown = parts.map((part) => (part.type === "refusal" ? textPart(part.refusal) : part))
  return Message.withContent(rest, [...shown, ...beside.map(textPart)])
}

const textPart = (text: string): Message.TextPart => ({ type: "text", text })

// ── calls ──

const mendCalls = (
  message: Message.AssistantMessage,
  seq: number,
  context: RepairContext
): Message.AssistantMessage => {
  const { tool_calls: calls, ...spoken } = message
  if (calls === undefined) return message
  if (calls === null || calls.length === 0) {
    if (!isEmpty(withoutBlanks(spoken.content))) context.note({ kind: "empty-content", seq })
    return spoken
  }
  const mended = calls.map((call) => mendName(mendArguments(call, seq, context), seq, context))
  return mended.every((call, i) => call === calls[i]) ? message : { ...message, tool_calls: mended }
}

const mendArguments = (call: Message.ToolCall, seq: number, context: RepairContext): Message.ToolCall => {
  const raw = Message.callInput(call)
  if (call.type === "custom" || isObjectJson(raw)) return call
  context.note({ kind: "invalid-arguments", seq, toolCallId: call.id })
  return Message.withCallInput(call, isBlank(raw) ? "{}" : JSON.stringify({ _raw: raw }))
}

const mendName = (call: Message.ToolCall, seq: number, context: RepairContext): Message.ToolCall => {
  const from = Message.callName(call)
  if (TOOL_NAME.test(from)) return call
  const to = makeToolName(from)
  context.note({ kind: "renamed-tool", seq, from, to })
  return call.type === "custom"
    ? { ...call, custom: { ...call.custom, name: to } }
    : { ...call, function: { ...call.function, name: to } }
}

/** Gemini wants a letter or an underscore first, the others take no more than these characters. */
export const TOOL_NAME = /^[A-Za-z_][\w-]{0,63}$/

/** Depends on the name alone, so that a tool has the same name in every view. */
const makeToolName = (name: string): string => {
  const known = name.replace(/[^\w-]+/g, "_").replace(/^_+|(?<!_)_+$/g, "")
  if (known === "") return "unnamed_tool"
  return (/^[A-Za-z]/.test(known) ? known : `_${known}`).slice(0, 64)
}

interface CallIdRule {
  readonly sound: RegExp
  readonly makeStem: (id: string) => string
  /** The id of the `n`th call with this stem. */
  readonly makeId: (stem: string, n: number) => string
}

/** Renames ids of calls that a provider refuses. */
export const CALL_IDS: Readonly<Record<CallIds, CallIdRule>> = {
  // OpenAI takes 40 characters, Anthropic none but these.
  common: {
    sound: /^[\w-]{1,40}$/,
    makeStem: (id) => id.replace(/[^\w-]/g, "_").slice(0, 32),
    makeId: (stem, n) => (n === 1 ? stem : `${stem}_${n}`)
  },
  mistral: {
    sound: /^[a-zA-Z0-9]{9}$/,
    makeStem: (id) => id,
    makeId: (stem, n) => {
      const hash = createHash("sha256").update(`${n} ${stem}`).digest("hex").slice(0, 16)
      return BigInt(`0x${hash}`).toString(36).padStart(9, "0").slice(-9)
    }
  }
}

// ── pictures, audio and files ──

/** A message without its pictures and other such parts, and these. */
export interface Separated {
  readonly message: Message.Message
  readonly parts: ReadonlyArray<Message.ContentPart>
}

/** Takes the parts out that providers accept from a user alone; `undefined` if there are none. */
export const separateParts = (message: Message.Message): Separated | undefined => {
  const all = Message.parts(message)
  const parts = all.filter(isOfUser)
  if (parts.length === 0) return undefined
  const others = all.filter((part) => !isOfUser(part))
  const what = `${parts.length} part${parts.length === 1 ? "" : "s"}`
  const note = textPart(
    `[${what} of this ${message.role === "tool" ? "result" : "message"} stand${parts.length === 1 ? "s" : ""} in the next user message]`
  )
  return { message: Message.withContent(message, [...others, note]), parts }
}

/** Parts of a server's own type, such as the thinking of an assistant, are its own affair. */
const isOfUser = ({ type }: Message.ContentPart): boolean => OF_USER.has(type)
const OF_USER: ReadonlySet<string> = new Set(["image_url", "input_audio", "file"])

/** Nobody but a user may show pictures, and an instruction has no result or reply that a user message could follow. */
const leaveParts = (message: Message.Message, seq: number, context: RepairContext): Message.Message => {
  if (!Message.isSystem(message) || !Message.parts(message).some(isOfUser)) return message
  context.note({ kind: "left-out-parts", seq })
  const note = textPart(`[a picture or file was left out${seq === 0 ? "" : `; recall seq ${seq}`}]`)
  return Message.withContent(
    message,
    Message.parts(message).map((part) => (isOfUser(part) ? note : part))
  )
}
