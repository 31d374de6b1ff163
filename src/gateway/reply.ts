/** Finds the reply to a delivery, for callers whose turn had nothing left to answer. */
import * as Effect from "effect/Effect"
import { endsTurn } from "../message/Message.ts"
import type { Logged, SessionId } from "../session/Session.ts"
import type { SessionStore } from "../store/SessionStore.ts"

/** Messages read at once. A reply is looked for soon after it was written, and stands near the end of the log. */
const PAGE = 100

/** Reads back from the end of the log to the arrival. Returns the first message after it that ended a turn. */
export const findReply = Effect.fnUntraced(function* (
  store: SessionStore["Type"],
  sessionId: SessionId,
  arrival: number
) {
  const { lastSeq } = yield* store.state(sessionId)
  let reply: Logged | null = null
  for (let toSeq = lastSeq; toSeq > 0; toSeq -= PAGE) {
    for (const entry of (yield* store.range(sessionId, Math.max(1, toSeq - PAGE + 1), toSeq)).toReversed()) {
      if (endsTurn(entry.message)) reply = entry
      if (entry.arrival === arrival) return reply
      // Arrivals are logged in their order: this one waits in the inbox, or was taken back.
      if ((entry.arrival ?? Infinity) < arrival) return null
    }
  }
  return null
})
