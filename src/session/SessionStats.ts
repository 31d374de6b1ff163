/**
 * The statistics of a session's compressions, counted from its first message on and kept across restarts.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Outcome } from "./CompressionResult.ts"
import { SessionId } from "./Session.ts"

/**
 * - `compressions`: how many ended so, by outcome; one that was joined counts for the caller that began it, and as
 *   `joined` for each caller that joined it
 * - `healed`: segments that were degraded and have their proper summary now
 * - `modelCalls`, `tokensSpent`: calls for compressions and healings, those that failed too, and what they sent and
 *   received, by the providers' own count or the estimate
 * - `tokensSaved`: the view before less the view after, over all that were committed
 * - `turnsWaited`: turns with a step that waited for a compression; `waitedMs` in all, `longestWaitMs` at most
 *
 * @since 0.1.0
 * @category models
 */
export const SessionStats = Schema.Struct({
  sessionId: SessionId,
  compressions: Schema.Record({ key: Outcome, value: Schema.Int }),
  healed: Schema.Int,
  modelCalls: Schema.Int,
  tokensSpent: Schema.Int,
  tokensSaved: Schema.Int,
  turnsWaited: Schema.Int,
  waitedMs: Schema.Int,
  longestWaitMs: Schema.Int
})
/**
 * @since 0.1.0
 * @category models
 */
export type SessionStats = typeof SessionStats.Type

/**
 * Numbers to add to a session's counters. `longestWaitMs` is not added: it raises its counter to at least its value.
 *
 * @since 0.1.0
 * @category models
 */
export type Counts = { readonly [name in Outcome | Exclude<keyof SessionStats, "sessionId" | "compressions">]?: number }

/**
 * The statistics of a session from its counters; what was never counted is 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStats = (sessionId: SessionId, counts: Counts): SessionStats => {
  const of = (name: keyof Counts): number => counts[name] ?? 0
  return {
    sessionId,
    compressions: {
      committed: of("committed"),
      degraded: of("degraded"),
      shortened: of("shortened"),
      joined: of("joined"),
      "nothing-to-compress": of("nothing-to-compress"),
      "no-headroom": of("no-headroom"),
      deferred: of("deferred"),
      superseded: of("superseded"),
      failed: of("failed")
    },
    healed: of("healed"),
    modelCalls: of("modelCalls"),
    tokensSpent: of("tokensSpent"),
    tokensSaved: of("tokensSaved"),
    turnsWaited: of("turnsWaited"),
    waitedMs: of("waitedMs"),
    longestWaitMs: of("longestWaitMs")
  }
}
