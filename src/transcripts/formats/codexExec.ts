/** Reads what `codex exec --json` prints. */
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import { type Converted, getText, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

export const isCodexExecRow = ({ value }: TranscriptRow): boolean =>
  (value.type === "thread.started" && typeof value.thread_id === "string") ||
  (value.type === "item.completed" && isObject(value.item)) ||
  isOldEvent(value)

/** Until September 2025 an event stood in `msg`, after a line of settings and one of the prompt. */
const isOldEvent = ({ id, msg }: JsonObject): boolean =>
  typeof id === "string" && isObject(msg) && typeof msg.type === "string"

/** The stream of today does not say what was asked: it begins with the first answer. */
export const readCodexExec = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const id = rows.find(({ value }) => value.type === "thread.started")?.value.thread_id
  return readOneSession(rows, tolerance, convertItem, id)
}

const convertItem = ({ value }: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { item, msg, prompt, type } = value
  if (isObject(msg)) return Either.right(convertOldEvent(msg))
  if (typeof prompt === "string" && type === undefined)
    return Either.right(say(makeUserMessage([makeTextPart(prompt)])))
  if (type !== "item.completed" || !isObject(item)) return Either.right(typeof type === "string" ? type : "unknown")
  const kind = getText(item, "type") || getText(item, "item_type")
  const run = (name: string, input: unknown, result: string) => {
    const id = getText(item, "id") || name
    return Either.right(
      say(makeAssistantMessage([], [{ id, name, input }]), makeToolMessage(id, [makeTextPart(result)]))
    )
  }
  switch (kind) {
    case "agent_message":
    case "assistant_message":
      return Either.right(say(makeAssistantMessage([makeTextPart(getText(item, "text"))], [])))
    case "user_message":
      return Either.right(say(makeUserMessage([makeTextPart(getText(item, "text"))])))
    case "command_execution":
      return run("shell", { command: item.command }, getText(item, "aggregated_output"))
    case "file_change":
      return run("apply_patch", { changes: item.changes }, getText(item, "status"))
    case "mcp_tool_call": {
      const name = [getText(item, "server"), getText(item, "tool")].filter((part) => part !== "").join(".")
      return run(name, item.arguments ?? {}, showValue(item.result ?? item.error ?? item.status))
    }
    default:
      return Either.right(kind || "unknown")
  }
}

/** The output of a command and of a tool stands in the event of its end, which names the call. */
const convertOldEvent = (event: JsonObject): Converted => {
  const kind = getText(event, "type")
  const id = getText(event, "call_id")
  const text = getText(event, "message") || getText(event, "content")
  if (kind === "agent_message") return text === "" ? "empty" : say(makeAssistantMessage([makeTextPart(text)], []))
  if (id === "") return kind
  const call = (name: string, input: unknown) => say(makeAssistantMessage([], [{ id, name, input }]))
  const answer = (result: string) => say(makeToolMessage(id, [makeTextPart(result)]))
  switch (kind) {
    case "exec_command_begin":
      return call("shell", { command: event.command })
    case "patch_apply_begin":
      return call("apply_patch", { changes: event.changes })
    case "mcp_tool_call_begin": {
      const asked = isObject(event.invocation) ? event.invocation : event
      const name = [getText(asked, "server"), getText(asked, "tool")].filter((part) => part !== "").join(".")
      return call(name, asked.arguments ?? {})
    }
    case "exec_command_end":
    case "patch_apply_end": {
      const streams = [getText(event, "stdout"), getText(event, "stderr")].filter((stream) => stream !== "")
      return answer(getText(event, "aggregated_output") || streams.join("\n"))
    }
    case "mcp_tool_call_end":
      return answer(showValue(event.result))
    default:
      return kind
  }
}
