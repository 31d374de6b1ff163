/** Reads the `events.jsonl` of Copilot CLI. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, listObjects } from "../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import { type Converted, failEntry, getText, readConversations, readEntries, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

export const isCopilotRow = ({ value }: TranscriptRow): boolean =>
  isObject(value.data) &&
  (value.type === "session.start" || value.type === "user.message" || value.type === "assistant.message")

/**
 * The events of each sub-agent name the call that began it, or the sub-agent, and become a session of its own. A call that
 * no reply asks for is told where it starts.
 */
export const readCopilot = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const start = rows.find(({ value }) => value.type === "session.start")?.value.data
  const id = isObject(start) ? start.sessionId : undefined
  const sessionId = typeof id === "string" ? id : null
  const callOfAgent = new Map<unknown, string>()
  const asked = new Set<unknown>()
  for (const { value } of rows) {
    const data = isObject(value.data) ? value.data : {}
    const { agentId, type } = value
    if (type === "subagent.started" && agentId !== undefined && typeof data.toolCallId === "string") {
      callOfAgent.set(agentId, data.toolCallId)
    }
    for (const { toolCallId } of listRequests(data)) asked.add(toolCallId)
  }
  const chains = new Map<string | null, Array<TranscriptRow>>([[null, []]])
  for (const row of rows) {
    const { agentId, data } = row.value
    const call = (isObject(data) ? data.parentToolCallId : undefined) ?? callOfAgent.get(agentId) ?? agentId
    const key = typeof call === "string" ? call : null
    const chain = chains.get(key)
    if (chain === undefined) chains.set(key, [row])
    else chain.push(row)
  }
  return readConversations(chains, ([name, chain]) => {
    const subagent = name === null ? undefined : { of: sessionId, name, call: asked.has(name) ? name : null }
    return Either.map(
      readEntries(chain, tolerance, (row) => convertEvent(row, asked)),
      (read) => ({ ...read, sessionId, subagent })
    )
  })
}

const listRequests = ({ toolRequests }: JsonObject): ReadonlyArray<JsonObject> => listObjects(toolRequests)

const convertEvent = (row: TranscriptRow, asked: ReadonlySet<unknown>): Either.Either<Converted, ImportError> => {
  const { data, type } = row.value
  if (!isObject(data)) return failEntry(row, "an event with data")
  const text = getText(data, "content")
  switch (type) {
    case "user.message":
      return Either.right(text === "" ? "empty" : say(makeUserMessage([makeTextPart(text)])))
    case "assistant.message": {
      const calls = listRequests(data).map((request) => ({
        id: getText(request, "toolCallId"),
        name: getText(request, "name"),
        input: request.arguments
      }))
      if (text === "" && calls.length === 0) return Either.right("empty")
      return Either.right(say(makeAssistantMessage(text === "" ? [] : [makeTextPart(text)], calls)))
    }
    case "tool.execution_start": {
      const id = getText(data, "toolCallId")
      if (id === "" || asked.has(id)) return Either.right(type)
      return Either.right(
        say(makeAssistantMessage([], [{ id, name: getText(data, "toolName"), input: data.arguments }]))
      )
    }
    case "tool.execution_complete": {
      const { error, result, toolCallId } = data
      if (typeof toolCallId !== "string" || toolCallId === "") return failEntry(row, "a result with a toolCallId")
      const shown = isObject(result) ? (result.content ?? result) : isObject(error) ? (error.message ?? error) : result
      return Either.right(say(makeToolMessage(toolCallId, [makeTextPart(showValue(shown))])))
    }
    default:
      return Either.right(typeof type === "string" ? type : "unknown")
  }
}
