/** Reads agent files of Letta: a conversation for each agent of the file. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, parseJson } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import {
  type Converted,
  failEntry,
  getText,
  listEntries,
  note,
  readConversations,
  readEntries,
  say,
  showValue
} from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isAgent = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.messages) && Array.isArray(value.in_context_message_ids)

export const isLettaDocument = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.agents) && value.agents.some(isAgent)

export const readLetta = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { agents } = isObject(document) ? document : {}
  return readConversations(listEntries({ file, line: null }, "agents", agents), (agent) => {
    const entries = listEntries(agent, "messages", agent.value.messages)
    const sessionId = getText(agent.value, "id") || null
    return Either.map(readEntries(entries, tolerance, convertMessage), (read) => ({ ...read, sessionId }))
  })
}

const convertMessage = (entry: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { role, tool_call_id: answered, tool_calls: made, tool_returns: returns } = entry.value
  const text = readWords(entry.value)
  if (role === "system") return Either.right(text === "" ? "empty" : say({ role, content: text }))
  if (role === "user") return Either.right(convertUser(text))
  if (role === "tool") {
    const results = Array.isArray(returns)
      ? returns.filter(isObject).filter((result) => getText(result, "tool_call_id"))
      : []
    if (results.length > 1 || (results.length === 1 && text === ""))
      return Either.right(say(...results.map(convertReturn)))
    if (typeof answered !== "string" || answered === "") return failEntry(entry, "a result with a tool_call_id")
    return Either.right(say(makeToolMessage(answered, [makeTextPart(getWrapped(text, "message") ?? text)])))
  }
  if (role !== "assistant") {
    return typeof role === "string" ? Either.right(role) : failEntry(entry, "a message of Letta with a role")
  }
  const calls = (Array.isArray(made) ? made.filter(isObject) : []).map(({ function: called, id }) => ({
    id: typeof id === "string" ? id : "",
    name: isObject(called) ? getText(called, "name") : "",
    input: isObject(called) ? called.arguments : undefined
  }))
  if (calls.some(({ id }) => id === "")) return failEntry(entry, "calls with ids")
  if (text === "" && calls.length === 0) return Either.right("empty")
  return Either.right(say(makeAssistantMessage(text === "" ? [] : [makeTextPart(text)], calls)))
}

/** One of several results in a message, whose own text is of the first. */
const convertReturn = (result: JsonObject): Message => {
  const text = showValue(result.func_response ?? result.stdout)
  return makeToolMessage(getText(result, "tool_call_id"), [makeTextPart(getWrapped(text, "message") ?? text)])
}

/** Older versions put what the user says, and what their own program says in the name of the user, into JSON. */
const convertUser = (text: string): Converted => {
  if (text === "") return "empty"
  const wrapped = parseJson(text)
  const isWrapped = isObject(wrapped) && typeof wrapped.type === "string" && "time" in wrapped
  if (!isWrapped) return say(makeUserMessage([makeTextPart(text)]))
  const said = getWrapped(text, "message")
  if (wrapped.type === "user_message" && said !== undefined) return say(makeUserMessage([makeTextPart(said)]))
  return note(makeUserMessage([makeTextPart(text)]))
}

const getWrapped = (text: string, name: string): string | undefined => {
  const wrapped = parseJson(text)
  const value = isObject(wrapped) && "time" in wrapped ? wrapped[name] : undefined
  return typeof value === "string" ? value : undefined
}

const readWords = ({ content, text }: JsonObject): string => {
  const parts: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content ?? text]
  return parts
    .flatMap((part) =>
      typeof part === "string" ? [part] : isObject(part) && part.type === "text" ? [getText(part, "text")] : []
    )
    .filter((words) => words !== "")
    .join("\n")
}
