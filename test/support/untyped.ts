/** What callers without types can give: anything, where a message is expected. */
import type { Message } from "../../src/message/Message.ts"

/** Lets any value pass for a message. */
export const passForMessage = (value: unknown): Message => {
  if (!isTaken(value)) throw new Error("never")
  return value
}

const isTaken = (value: unknown): value is Message => value !== passForMessage
