/** Messages as a person reads them. */
import * as Message from "../../message/Message.ts"

export interface TranscriptLine {
  readonly label: string
  readonly message: Message.Message
}

/** A heading and the words of each message; tool calls by name and arguments. */
export const formatTranscript = (lines: ReadonlyArray<TranscriptLine>): ReadonlyArray<string> =>
  lines.flatMap(({ label, message }) => {
    const text = Message.text(message)
    const calls = Message.toolCalls(message).map((call) => `→ ${call.function.name} ${call.function.arguments}`)
    return [`── ${label}${message.role} ──`, ...(text === "" ? [] : [text]), ...calls, ""].map(showControls)
  })

/** Control characters of a message are shown, not obeyed by the terminal. */
export const showControls = (text: string): string =>
  text.replace(/\r\n/g, "\n").replace(/[^\P{Cc}\n\t]/gu, (control) => {
    const code = control.charCodeAt(0)
    return code < 32 ? String.fromCharCode(0x2400 + code) : "\uFFFD"
  })
