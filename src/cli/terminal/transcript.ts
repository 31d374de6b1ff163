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
    return [`── ${label}${message.role} ──`, ...(text === "" ? [] : [text]), ...calls, ""].map(showControls)
  })

/** Replaces control characters with visible symbols, so that a message cannot steer the terminal. */
export const showControls = (text: string): string =>
  text.replace(/\r\n/g, "\n").replace(/[^\P{Cc}\n\t]/gu, (control) => {
    const code = control.charCodeAt(0)
    return code < 32 ? String.fromCharCode(0x2400 + code) : "\uFFFD"
  })
