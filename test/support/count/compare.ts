/** What throughline reads of a file, beside what is counted without it. */
import { Message, type Transcripts } from "../../../src/index.ts"
import { type Count, type CountedSession, countFile, countSession } from "./count.ts"

/** What the library has read, counted in the same way. */
export const countRead = ({ format, sessions }: Transcripts.Transcript): Count => ({
  kind: format,
  sessions: sessions.map(({ messages, sessionId }) =>
    countSession(
      sessionId,
      messages.map((message) => ({
        role: message.role,
        text: Message.text(message),
        calls: Message.toolCalls(message).map(({ id }) => id),
        answers: message.role === "tool" ? message.tool_call_id : null
      }))
    )
  )
})

/** The first difference of each session; none if both counts agree. */
export const listDifferences = (counted: Count | null, read: Count): ReadonlyArray<string> => {
  if (counted === null) return [`counted nothing, read ${read.kind}`]
  if (counted.kind !== read.kind) return [`counted ${counted.kind}, read ${read.kind}`]
  if (counted.sessions.length !== read.sessions.length) {
    return [`counted ${counted.sessions.length} sessions, read ${read.sessions.length}`]
  }
  return counted.sessions.flatMap((session, at) => findDifference(session, read.sessions[at]) ?? [])
}

const findDifference = (counted: CountedSession, read: CountedSession | undefined): string | null => {
  if (read === undefined) return "counted a session more"
  if (counted.id !== null && counted.id !== read.id) return `counted session ${counted.id}, read ${read.id}`
  const show = (session: CountedSession, at: number) => {
    const message = session.messages[at]
    return message === undefined
      ? "none"
      : `${message.role} ${JSON.stringify(message.text.slice(0, 200))} with ${message.calls} calls`
  }
  const longer = Math.max(counted.messages.length, read.messages.length)
  for (let at = 0; at < longer; at++) {
    const [one, other] = [counted.messages[at], read.messages[at]]
    if (one?.role !== other?.role || one?.digest !== other?.digest || one?.calls !== other?.calls) {
      return `message ${at + 1} of ${read.id}: counted ${show(counted, at)}, read ${show(read, at)}`
    }
  }
  const pairs = ({ calls, paired }: CountedSession) => `${paired} of ${calls} calls paired`
  return pairs(counted) === pairs(read) ? null : `counted ${pairs(counted)}, read ${pairs(read)}`
}

export const compare = (text: string, read: Transcripts.Transcript): ReadonlyArray<string> =>
  listDifferences(countFile(text), countRead(read))
