/** Reads messages of LangChain, as runs have them. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, listObjects } from "../../../format/json.ts"
import type { Message } from "../../../message/Message.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage, type Part } from "../../content.ts"
import { type Converted, failEntry, getText, say, showValue } from "../../entries.ts"
import type { ImportError, TranscriptRow } from "../../rows.ts"

const ROLES: Readonly<Record<string, Message["role"]>> = {
  HumanMessage: "user",
  human: "user",
  user: "user",
  AIMessage: "assistant",
  AIMessageChunk: "assistant",
  ai: "assistant",
  assistant: "assistant",
  SystemMessage: "system",
  system: "system",
  developer: "system",
  ToolMessage: "tool",
  tool: "tool"
}

/** Reads messages of LangChain, as it writes its classes, and of the Chat Completions API. */
export const convertMessage = (entry: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { data, id, kwargs, role, type } = entry.value
  const name = type === "constructor" && Array.isArray(id) ? String(id.at(-1)) : String(role ?? type)
  const said = isObject(kwargs) ? kwargs : isObject(data) ? data : entry.value
  const parts = listParts(said.content)
  const text = parts.map((part) => (part.type === "text" ? part.text : "[image]")).join("\n")
  switch (Object.hasOwn(ROLES, name) ? ROLES[name] : undefined) {
    case "user":
      return Either.right(parts.length === 0 ? "empty" : say(makeUserMessage(parts)))
    case "system":
      return Either.right(text === "" ? "empty" : say({ role: "system", content: text }))
    case "tool": {
      const answered = getText(said, "tool_call_id")
      if (answered === "") return failEntry(entry, "a result with a tool_call_id")
      return Either.right(say(makeToolMessage(answered, parts)))
    }
    case "assistant": {
      const calls = listCalls(said)
      if (calls.some(({ id }) => id === "")) return failEntry(entry, "calls with ids")
      if (parts.length + calls.length === 0) return Either.right("empty")
      return Either.right(say(makeAssistantMessage(parts, calls)))
    }
    default:
      return failEntry(entry, "a message of LangChain or the Chat Completions API")
  }
}

const listParts = (content: unknown): ReadonlyArray<Part> => {
  const blocks: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  return blocks.flatMap((block): ReadonlyArray<Part> => {
    if (typeof block === "string") return block === "" ? [] : [makeTextPart(block)]
    if (!isObject(block) || LEFT_OUT.includes(block.type)) return []
    return [makeTextPart(typeof block.text === "string" ? block.text : `[${showValue(block.type) || "attachment"}]`)]
  })
}

/** Calls stand beside the content, too. */
const LEFT_OUT: ReadonlyArray<unknown> = ["tool_use", "tool_call", "function_call", "thinking", "reasoning"]

const listCalls = ({ additional_kwargs: more, tool_calls: own }: JsonObject) => {
  const calls = Array.isArray(own) && own.length > 0 ? own : isObject(more) ? more.tool_calls : undefined
  return listObjects(calls).map((call) => {
    const called = isObject(call.function) ? call.function : call
    return { id: getText(call, "id"), name: getText(called, "name"), input: called.args ?? called.arguments }
  })
}
