/**
 * The marks by which throughline recognizes its own text in a conversation. Anyone can write a mark, so none is believed
 * by itself: an answer of the recall tools is known by the call that it answers, and a handoff by its origin.
 *
 * Handoffs in stored sessions carry these marks: never change one.
 */
import * as Message from "./Message.ts"

/** Every mark begins with this. */
const MARK = "[throughline"

/** Begins a handoff. */
export const HANDOFF_MARK = `${MARK} handoff]`

/** Ends a handoff. */
export const HANDOFF_END = `${MARK} end of handoff]`

/** Begins a segment within a handoff; the segment's range follows. */
export const SEGMENT_MARK = `${MARK} #`

/** Begins the ledger within a handoff. */
export const LEDGER_MARK = `${MARK} ledger]`

/** Begins each answer of the recall tools. */
export const RECALL_MARK = `${MARK} recall]`

/** Begins every handoff of every version. */
export const HANDOFF_OPENING = `${HANDOFF_MARK} Background from earlier in this session, kept for reference. `

/** Returns whether a message of the log is a handoff: it came with an imported history, not by delivery. */
export const isImportedHandoff = ({ arrival, message }: Origin): boolean =>
  arrival === null && message.role === "user" && Message.text(message).startsWith(HANDOFF_OPENING)

/** Leaves of an imported handoff what a host has put behind it. Returns any other entry as it is. */
export const omitHandoff = <A extends Origin>(entry: A): A => {
  if (!isImportedHandoff(entry)) return entry
  const text = Message.text(entry.message)
  const end = text.indexOf(HANDOFF_END)
  const content = end < 0 ? "" : text.slice(end + HANDOFF_END.length).trim()
  return { ...entry, message: { role: "user", content } }
}

interface Origin {
  readonly message: Message.Message
  readonly arrival: number | null
}

/** Returns whether a call is one of the recall tools'. Their names are reserved. */
export const isRecallCall = (call: Message.ToolCall): boolean =>
  Message.callName(call) === "recall" || Message.callName(call) === "expand"

/** Returns whether a message has the form of an answer of the recall tools, which anyone can give to it. */
export const looksRecalled = (message: Message.Message): message is Message.ToolMessage =>
  message.role === "tool" && Message.text(message).startsWith(RECALL_MARK)

/** Returns whether each message is an answer of the recall tools: it looks like one and answers one of their calls. */
export const areRecalled = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<boolean> => {
  const looks = messages.map(looksRecalled)
  if (!looks.includes(true)) return looks
  const { answers } = Message.pairToolCalls(messages)
  return messages.map((message, i) => {
    const caller = messages[answers[i] ?? -1]
    if (!looksRecalled(message) || caller === undefined) return false
    return Message.toolCalls(caller).every((call) => call.id !== message.tool_call_id || isRecallCall(call))
  })
}

/**
 * Replaces answers of the recall tools by a note: they repeat earlier messages, and may be cut within a secret, which
 * redaction would no longer recognize.
 */
export const omitRecalled = <A extends { readonly message: Message.Message }>(
  entries: ReadonlyArray<A>
): ReadonlyArray<A> => {
  const recalled = areRecalled(entries.map(({ message }) => message))
  return recalled.includes(true)
    ? entries.map((entry, i) =>
        recalled[i] === true
          ? { ...entry, message: { ...entry.message, content: `${RECALL_MARK} Earlier messages.` } }
          : entry
      )
    : entries
}

/** Splits a handoff into its parts, each beginning with its mark. */
export const splitAtMarks = (handoff: string): ReadonlyArray<string> => handoff.split(/^(?=\[throughline )/m)

/** Makes marks within the text unrecognizable, so that a summarized conversation cannot end or begin a part. */
export const disarmMarks = (text: string): string => text.replace(/\[(?=throughline)/gi, "(")
