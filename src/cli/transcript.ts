/** Messages as a person reads them. */
import * as Message from "../Message.ts"

export interface Line {
  readonly label: string
  readonly message: Message.Message
}

/** A heading and the words of each message; tool calls by name and arguments. */
export const transcript = (lines: ReadonlyArray<Line>): ReadonlyArray<string> =>
  lines.flatMap(({ label, message }) => {
    const text = Message.text(message)
    const calls = Message.toolCalls(message).map((call) => `→ ${call.function.name} ${call.function.arguments}`)
    return [`── ${label}${message.role} ──`, ...(text === "" ? [] : [text]), ...calls, ""]
  })
