/** Writes a session file of the coding agent pi, which keeps its system prompt elsewhere. */
import { isObject, parseJson } from "../../format/json.ts"
import * as Message from "../../message/Message.ts"
import { makeEntryId, type WritableEntry, type WritableSession, writeLines, writeTime } from "./lines.ts"

export const writePi = ({ entries, folder, sessionId }: WritableSession): string => {
  const header = { type: "session", version: 3, id: sessionId, timestamp: writeTime(entries[0]?.at ?? 0), cwd: folder }
  const lines: Array<unknown> = [header]
  const names = new Map<string, string>()
  let parentId: string | null = null
  for (const [index, entry] of entries.entries()) {
    const message = convertMessage(entry, names)
    if (message === undefined) continue
    const id = makeEntryId(sessionId, index).slice(0, 8)
    lines.push({ type: "message", id, parentId, timestamp: writeTime(entry.at), message })
    parentId = id
  }
  return writeLines(lines)
}

/** `names` are the names of the calls so far, by their ids. */
const convertMessage = ({ at: timestamp, message }: WritableEntry, names: Map<string, string>) => {
  if (message.role === "user") return { role: "user", content: convertContent(message), timestamp }
  if (message.role === "tool") {
    const { tool_call_id: toolCallId } = message
    const toolName = names.get(toolCallId) ?? ""
    return { role: "toolResult", toolCallId, toolName, content: convertContent(message), isError: false, timestamp }
  }
  if (message.role !== "assistant") return undefined
  const calls = Message.toolCalls(message).map((call) => ({
    type: "toolCall",
    id: call.id,
    name: Message.callName(call),
    arguments: readInput(Message.callInput(call))
  }))
  for (const { id, name } of calls) names.set(id, name)
  const words = convertContent(message).filter(({ type }) => type === "text")
  const content = [...words, ...calls]
  return { role: "assistant", content, ...UNKNOWN_MODEL, stopReason: calls.length > 0 ? "toolUse" : "stop", timestamp }
}

/** pi wants to know which model has spoken, and what it cost. */
const UNKNOWN_MODEL = {
  api: "openai-completions",
  provider: "throughline",
  model: "unknown",
  usage: {
    input: 0,
    output: 0,
    cacheRead: 0,
    cacheWrite: 0,
    totalTokens: 0,
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 }
  }
}

const readInput = (text: string): unknown => {
  const input = parseJson(text)
  return isObject(input) ? input : text
}

type PiPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mimeType: string; readonly data: string }

const convertContent = (message: Message.Message): ReadonlyArray<PiPart> => {
  if (typeof message.content === "string") return makeText(message.content)
  return Message.parts(message).flatMap((part): ReadonlyArray<PiPart> => {
    const image = part.type === "image_url" ? DATA_URL.exec(part.image_url.url) : null
    const [, mimeType = "", data] = image ?? []
    if (data !== undefined) return [{ type: "image", mimeType, data }]
    return makeText(Message.partText(part) ?? "")
  })
}

const makeText = (text: string): ReadonlyArray<PiPart> => (text === "" ? [] : [{ type: "text", text }])

const DATA_URL = /^data:([\w.+/-]{1,100});base64,(.*)$/s
