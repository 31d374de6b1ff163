/** Finds what a conversation that goes on elsewhere has more than a log that follows it. */
import type { Message } from "../message/Message.ts"

/**
 * Returns the messages that come after `known`, the end of a log. `messages` is the end of the conversation as its file
 * tells it now; it may begin before or after `known` does. A reply that was written only in part when the log took it up
 * follows once more, whole. Where the user went back to an earlier message, the new branch follows the old one.
 */
export const findNewMessages = (
  known: ReadonlyArray<Message>,
  messages: ReadonlyArray<Message>
): ReadonlyArray<Message> => {
  const before = known.map((message) => JSON.stringify(message))
  const now = messages.map((message) => JSON.stringify(message))
  for (let left = 0; left < Math.min(before.length, MOST_REPLACED); left++) {
    const end = findEnd(before.slice(0, before.length - left), now)
    if (end > 0) return messages.slice(end)
  }
  const all = new Set(before)
  return messages.filter((_, index) => !all.has(now[index] ?? ""))
}

/** The last place in `now` up to which it ends as `before` does; 0 if there is none. */
const findEnd = (before: ReadonlyArray<string>, now: ReadonlyArray<string>): number => {
  for (let end = now.length; end > 0; end--) {
    const length = Math.min(COMPARED, end, before.length)
    const isSame = Array.from({ length }, (_, back) => now[end - 1 - back] === before.at(-1 - back)).every(Boolean)
    if (isSame) return end
  }
  return 0
}

/** So many messages tell a place in a conversation from others that end with the same words. */
const COMPARED = 8

/** The most messages at the end of a log that the conversation may have since replaced. */
const MOST_REPLACED = 4
