/** Cuts a range that is too large for one call, only where no tool call loses its result. */
import type { Message } from "../message/Message.ts"
import type { Logged } from "../session/Session.ts"
import { type Counter, total } from "../message/Tokens.ts"
import { digestMessage } from "../ledger/messageDigest.ts"
import { cutAtCodePoint } from "../message/text.ts"
import { findSafeCuts } from "../message/toolPairs.ts"

type Range = ReadonlyArray<Logged>

/**
 * Cuts the range into few chunks of at most `limit` tokens. They are of about the same size, because the largest takes
 * longest. A group of messages that cannot be cut may be larger than `limit`.
 */
export const chunkUpTo = (entries: Range, limit: number): ReadonlyArray<Range> => {
  const safe = findSafeCuts(entries.map(({ message }) => message))
  const chunks: Array<Range> = []
  let left = total(entries)
  let from = 0
  let size = 0
  let cut = { at: 0, size: 0 }
  const closeChunk = () => {
    chunks.push(entries.slice(from, cut.at))
    from = cut.at
    left -= cut.size
    size -= cut.size
    cut = { at: from, size: 0 }
  }
  entries.forEach((entry, index) => {
    if (size + entry.tokens > limit && cut.at > from) closeChunk()
    size += entry.tokens
    if (safe[index + 1] !== true) return
    cut = { at: index + 1, size }
    // Closes the chunk once it has its even share of the rest.
    if (size < left && size >= left / Math.ceil(left / limit)) closeChunk()
  })
  chunks.push(entries.slice(from))
  return chunks
}

/** An overflow of fewer tokens has another cause than the size of the range. */
const SMALLEST = 500

/** Returns whether cutting may help. A single message can be cut only if its content is text. */
export const canHalve = (entries: Range): boolean =>
  total(entries) >= SMALLEST && (entries.length > 1 || typeof entries[0]?.message.content === "string")

/** Cuts the range into two chunks of about the same size. A single message is cut within its text. */
export const splitInHalves = (entries: Range, counter: Counter): ReadonlyArray<Range> => {
  const [only] = entries
  if (only !== undefined && entries.length === 1) return splitMessage(only, counter)
  const chunks = chunkUpTo(entries, total(entries) / 2)
  const [first = []] = chunks
  const middle = chunks.length > 1 ? first.length : Math.ceil(entries.length / 2)
  return [entries.slice(0, middle), entries.slice(middle)]
}

const splitMessage = (entry: Logged, counter: Counter): ReadonlyArray<Range> => {
  if (typeof entry.message.content !== "string") return [[entry]]
  // Redact before cutting, because half a secret is not recognized.
  const content = digestMessage(entry.message).body
  const middle = cutAtCodePoint(content, Math.floor(content.length / 2))
  return [content.slice(0, middle), content.slice(middle)].map((half) => {
    const message: Message = { ...entry.message, content: half }
    return [{ ...entry, message, tokens: counter.message(message) }]
  })
}
