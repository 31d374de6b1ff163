/**
 * What is looked at of one message: all of most, both ends of a giant one, and nothing that throughline wrote.
 */
import * as Message from "../message/Message.ts"
import { removeOwnText } from "../message/ownMarks.ts"

/** Cut at line ends, lest a secret be cut in two. Not redacted yet. */
export const excerptForDigest = (message: Message.Message): string => {
  const text = removeOwnText(Message.text(message))
  const longest = message.role === "tool" ? 4_000 : 32_000
  if (text.length <= 2 * longest) return text
  const start = text.slice(0, longest)
  const end = text.slice(-longest)
  const first = end.indexOf("\n")
  return `${start.slice(0, start.lastIndexOf("\n") + 1)}${first < 0 ? "" : end.slice(first + 1)}`
}
