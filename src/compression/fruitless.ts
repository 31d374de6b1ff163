/** Of which sessions a compression has gained nothing, and how far their logs had come: not to try there again unasked. */
import type { SessionId } from "../session/Session.ts"

/** The oldest memories go first. */
const CAPACITY = 10_000

export const make = () => {
  const ends = new Map<SessionId, number>()

  /** `seq` is unknown where somebody asked for the compression; what it did not change is still known. */
  const note = (sessionId: SessionId, seq: number | undefined, hasGained: boolean) => {
    if (hasGained || seq !== undefined) ends.delete(sessionId)
    if (hasGained || seq === undefined) return
    ends.set(sessionId, seq)
    for (const oldest of ends.keys()) {
      if (ends.size <= CAPACITY) return
      ends.delete(oldest)
    }
  }

  return { note, isKnown: (sessionId: SessionId, seq: number) => ends.get(sessionId) === seq }
}
