/** The counters of sessions in the native store. */
import * as Either from "effect/Either"
import type { SessionId } from "../session/Session.ts"
import * as SessionStats from "../session/SessionStats.ts"
import type { Block } from "./transaction.ts"

export const make = ({ noting, reading, resident, sql }: Block) => {
  /** Of a session that is not there nothing is counted. */
  const count = (sessionId: SessionId, counts: SessionStats.Counts) =>
    noting("count", sessionId, () => {
      sql.count.run(JSON.stringify(counts), sessionId)
      return Either.right(() => {})
    })

  const stats = (sessionId: SessionId) =>
    reading("stats", sessionId, () =>
      Either.map(resident(sessionId), () => {
        const rows = sql.counters.all(sessionId)
        const counts: SessionStats.Counts = Object.fromEntries(rows.map(({ name, value }) => [name, value]))
        return () => SessionStats.makeStats(sessionId, counts)
      })
    )

  return { count, stats }
}
