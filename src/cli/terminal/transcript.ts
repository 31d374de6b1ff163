/** Formats messages for reading. */
import * as Message from "../../message/Message.ts"

export interface TranscriptLine {
  readonly label: string
  readonly message: Message.Message
}

/** Prints each message as a heading, its text, and its tool calls by name and arguments. */
export const formatTranscript = (lines: ReadonlyArray<TranscriptLine>): ReadonlyArray<string> =>
  lines.flatMap(({ label, message }) => {
    const text = Message.text(message)
    const calls = Message.toolCalls(message).map((call) => `→ ${Message.callName(call)} ${Message.callInput(call)}`)
    return [`── ${label}${message.role} ──`, ...(text === "" ? [] : text.split(/\r?\n/)), ...calls, ""]
  })
