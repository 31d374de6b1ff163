/** The counters of sessions in the native store. */
import * as Either from "effect/Either"
import type { SessionId } from "../Session.ts"
import * as SessionStats from "../SessionStats.ts"
import type { Block } from "./sqliteBlock.ts"

export const make = ({ reading, resident, sql, writing }: Block) => {
  /** Of a session that is not there nothing is counted. */
  const count = (sessionId: SessionId, counts: SessionStats.Counts) =>
    writing("count", sessionId, () => {
      if (sql.session.get(sessionId) !== undefined) {
        for (const [name, value] of Object.entries(counts)) {
          const raise = name === "longestWaitMs" ? sql.raiseCounter : sql.addToCounter
          raise.run(sessionId, name, Math.round(value))
        }
      }
      return Either.right(() => {})
    })

  const stats = (sessionId: SessionId) =>
    reading("stats", sessionId, () =>
      Either.map(resident(sessionId), () => {
        const rows = sql.counters.all(sessionId)
        const counts: SessionStats.Counts = Object.fromEntries(rows.map(({ name, value }) => [name, value]))
        return () => SessionStats.make(sessionId, counts)
      })
    )

  return { count, stats }
}
