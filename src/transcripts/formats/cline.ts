/** Reads the `ui_messages.json` of Cline and Roo Code: what their panel shows of a task. */
import * as Either from "effect/Either"
import { isObject, parseJson } from "../../format/json.ts"
import { makeAssistantMessage, makeImagePart, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import { CallIds, type Converted, failEntry, getText, listEntries, readOneSession, say } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isPanelMessage = (value: unknown): boolean =>
  isObject(value) && typeof value.ts === "number" && (value.type === "say" || value.type === "ask")

export const isClineDocument = (value: unknown): boolean => Array.isArray(value) && value.some(isPanelMessage)

export const readCline = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const ids = new CallIds()
  const entries = listEntries({ file, line: null }, "", document)
  const first = entries.find(({ value }) => value.say === "text" || value.say === "task")
  return readOneSession(entries, tolerance, (entry) => convertEntry(entry, entry === first, ids))
}

/**
 * The first text is the task. A command is a call, and what it puts out its result; so is the use of an MCP server. An
 * option that the user chose stands beside the question.
 */
const convertEntry = (entry: TranscriptRow, isTask: boolean, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { ask, images, partial, say: said, text, type } = entry.value
  const kind = type === "ask" ? ask : said
  if (typeof kind !== "string") return failEntry(entry, "a message of Cline's panel")
  if (partial === true) return Either.right("partial")
  const words = typeof text === "string" ? text : ""
  if (isTask || kind === "task" || kind === "user_feedback") {
    const pictures = Array.isArray(images) ? images.filter((url) => typeof url === "string").map(makeImagePart) : []
    const parts = [...(words === "" ? [] : [makeTextPart(words)]), ...pictures]
    return Either.right(parts.length === 0 ? "empty" : say(makeUserMessage(parts)))
  }
  if (words === "") return Either.right(kind)
  switch (kind) {
    case "text":
    case "completion_result":
      return Either.right(say(makeAssistantMessage([makeTextPart(words)], [])))
    case "followup":
      return Either.right(convertQuestion(words, "question"))
    case "plan_mode_respond":
      return Either.right(convertQuestion(words, "response"))
    case "tool": {
      const name = readField(words, "tool")
      return Either.right(say(makeAssistantMessage([], [{ id: ids.call(name), name: name || "tool", input: words }])))
    }
    case "use_mcp_server": {
      const name = readField(words, "toolName") || "access_mcp_resource"
      return Either.right(say(makeAssistantMessage([], [{ id: ids.call(MCP), name, input: words }])))
    }
    case "mcp_server_response":
      return Either.right(say(makeToolMessage(ids.answer(MCP), [makeTextPart(words)])))
    case "command": {
      const call = { id: ids.call("command"), name: "command", input: { command: words } }
      return Either.right(say(makeAssistantMessage([], [call])))
    }
    case "command_output":
      if (type === "ask") return Either.right(kind)
      return Either.right(say(makeToolMessage(ids.answer("command"), [makeTextPart(words)])))
    default:
      return Either.right(kind)
  }
}

/** Uses of MCP servers are answered in their order, whatever the tool. */
const MCP = "mcp"

const convertQuestion = (text: string, name: string): Converted => {
  const selected = readField(text, "selected")
  return say(
    makeAssistantMessage([makeTextPart(readField(text, name) || text)], []),
    ...(selected === "" ? [] : [makeUserMessage([makeTextPart(selected)])])
  )
}

/** A text of a JSON object, or an empty one if it has none of this name. */
const readField = (text: string, name: string): string => {
  const asked = parseJson(text)
  return isObject(asked) ? getText(asked, name) : ""
}
