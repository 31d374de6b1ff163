/** Writes a rollout file of Codex: a header, then items of the Responses API. */
import * as MessageFormat from "../../format/MessageFormat.ts"
import { isObject } from "../../format/json.ts"
import { type WritableSession, writeLines, writeTime } from "./lines.ts"

export const writeCodex = ({ entries, folder, sessionId }: WritableSession): string => {
  const timestamp = writeTime(entries[0]?.at ?? 0)
  const payload = { id: sessionId, timestamp, cwd: folder, originator: "throughline", cli_version: "0.0.0" }
  const items = entries.flatMap(({ at, message }) =>
    MessageFormat.encode("responses", [message]).map((item) => ({
      timestamp: writeTime(at),
      type: "response_item",
      payload: spellOut(item)
    }))
  )
  return writeLines([{ timestamp, type: "session_meta", payload }, ...items])
}

/** Codex takes none of the short forms that the API takes for messages. */
const spellOut = (item: unknown): unknown => {
  if (!isObject(item) || typeof item.role !== "string") return item
  const type = item.role === "assistant" ? "output_text" : "input_text"
  const content = typeof item.content === "string" ? [{ type, text: item.content }] : item.content
  return { ...item, type: "message", content }
}
