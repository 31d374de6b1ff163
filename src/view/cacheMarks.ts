/** Marks where a provider's prompt cache may end: the handoff in parts, and the marks of a request within their number. */
import { SEGMENT_MARK, splitAtMarks } from "../message/whoseWords.ts"
import * as Message from "../message/Message.ts"
import type { Segment } from "../session/Session.ts"

/** Anthropic's API refuses a request with more marks. */
const MOST_MARKS = 4

/**
 * Splits a handoff into content parts with the same text. A segment that stays is the same part in the next handoff. Two are
 * marked: the last segment, behind which the next will stand, and the last condensed one, before which merges change
 * nothing for a long time.
 */
export const splitHandoff = (handoff: Message.Message, segments: ReadonlyArray<Segment>): Message.Message => {
  const marked = new Set([segments.length - 1, segments.findLastIndex(({ level }) => level > 0)])
  let place = 0
  const parts = splitAtMarks(Message.text(handoff)).map((words) => {
    // Parts are read with a line break between them.
    const part = { type: "text", text: words.replace(/\n$/, "") } as const
    return words.startsWith(SEGMENT_MARK) && marked.has(place++) ? { ...part, cache_control: MARK } : part
  })
  return Message.withContent(handoff, parts)
}

const MARK = { type: "ephemeral" } as const

/** Removes marks of the handoff at this place, the first ones first, as far as the request has too many. */
export const limitMarks = (
  messages: Array<Message.Message>,
  tools: ReadonlyArray<unknown> | undefined,
  place: number
): Array<Message.Message> => {
  const handoff = messages[place]
  let excess = countMarks(tools) + messages.reduce((sum, { content }) => sum + countMarks(content), 0) - MOST_MARKS
  if (handoff === undefined || excess <= 0) return messages
  const parts = Message.parts(handoff).map((part) => (hasMark(part) && excess-- > 0 ? unmark(part) : part))
  return messages.with(place, Message.withContent(handoff, parts))
}

const hasMark = (block: unknown): boolean =>
  typeof block === "object" && block !== null && "cache_control" in block && (block.cache_control ?? null) !== null

const countMarks = (blocks: unknown): number => (Array.isArray(blocks) ? blocks.filter(hasMark).length : 0)

const unmark = (part: Message.ContentPart): Message.ContentPart =>
  part.type === "text" ? { type: "text", text: part.text } : part
