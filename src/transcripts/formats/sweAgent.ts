/** Reads the trajectories of SWE-agent, whose `history` is what the model saw, and of mini-SWE-agent. */
import * as Either from "effect/Either"
import { isObject } from "../../format/json.ts"
import { type Converted, getText, listEntries, readOneSession, say } from "../entries.ts"
import { type ImportError, parseMessage, type Tolerance, type TranscriptContents, type TranscriptRow } from "../rows.ts"

export const isSweAgentDocument = (value: unknown): boolean =>
  isObject(value) &&
  ((Array.isArray(value.trajectory) && Array.isArray(value.history)) ||
    (Array.isArray(value.messages) && getText(value, "trajectory_format").startsWith("mini-swe-agent")))

export const readSweAgent = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { history, instance_id: id, messages } = isObject(document) ? document : {}
  const name = Array.isArray(history) ? "history" : "messages"
  const entries = listEntries({ file, line: null }, name, history ?? messages)
  return readOneSession(entries, tolerance, convertEntry, id)
}

/** Demonstrations stand before the task: they are of another conversation. */
const convertEntry = (entry: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { content, is_demo: isDemo, message_type: type, role, tool_call_ids: callIds, tool_calls: calls } = entry.value
  if (isDemo === true || type === "demonstration") return Either.right("demonstration")
  if (role === "exit") return Either.right("exit")
  const callId: unknown = Array.isArray(callIds) ? callIds[0] : entry.value.tool_call_id
  const hasCalls = role === "assistant" && Array.isArray(calls) && calls.length > 0
  const message = {
    role,
    content: content ?? (role === "assistant" ? null : ""),
    ...(hasCalls ? { tool_calls: calls } : {}),
    ...(role === "tool" ? { tool_call_id: callId } : {})
  }
  return Either.map(parseMessage(entry, message, `${entry.at ?? "an entry"} to be a chat message`), say)
}
