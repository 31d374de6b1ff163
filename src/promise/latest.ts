/** Reads the end of a log. */
import * as Effect from "effect/Effect"
import type { Logged, SessionId } from "../session/Session.ts"
import type { SessionStore } from "../store/SessionStore.ts"

/** Messages read at once. */
const PAGE = 100

/** The newest messages since the last reset, oldest first. The work is that of the messages read, not of the log. */
export const readLatest = Effect.fnUntraced(function* (
  store: SessionStore["Type"],
  sessionId: SessionId,
  count: number
) {
  const { lastSeq, manifest } = yield* store.state(sessionId)
  let latest: ReadonlyArray<Logged> = []
  for (let toSeq = lastSeq; toSeq >= manifest.contextFrom && latest.length < count; toSeq -= PAGE) {
    const fromSeq = Math.max(manifest.contextFrom, toSeq - PAGE + 1)
    latest = [...(yield* store.range(sessionId, fromSeq, toSeq)), ...latest]
  }
  return latest.slice(Math.max(0, latest.length - Math.max(0, count)))
})
