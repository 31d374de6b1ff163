/** Writes a transcript of Claude Code, which keeps its system prompt elsewhere: a line for each message of Anthropic's API. */
import * as MessageFormat from "../../format/MessageFormat.ts"
import { makeEntryId, type WritableSession, writeLines, writeTime } from "./lines.ts"

export const writeClaudeCode = ({ entries, folder, sessionId }: WritableSession): string => {
  const lines: Array<unknown> = []
  let parentUuid: string | null = null
  for (const [index, { at, message }] of entries.entries()) {
    const uuid = makeEntryId(sessionId, index)
    for (const said of MessageFormat.encode("anthropic", [message]).messages) {
      lines.push({
        parentUuid,
        isSidechain: false,
        userType: "external",
        cwd: folder,
        sessionId,
        version: "0.0.0",
        type: said.role,
        message: said.role === "assistant" ? { ...REPLY, id: `msg_${uuid}`, ...said } : said,
        uuid,
        timestamp: writeTime(at)
      })
      parentUuid = uuid
    }
  }
  return writeLines(lines)
}

const REPLY = {
  type: "message",
  model: "unknown",
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 0, output_tokens: 0 }
}
