/** Forgets a session: deletes it with all that was ever stored of it, and says so to the audit. */
import * as Effect from "effect/Effect"
import * as LogLines from "../audit/logLines.ts"
import type { SessionId } from "../session/Session.ts"
import type { SessionBusy, StoreError, UnknownSession } from "../session/SessionError.ts"
import { measureForgotten } from "./metrics.ts"
import type { ForeignSession, Forgotten, SessionStore } from "../store/SessionStore.ts"

/**
 * The failures of `forget`. Nothing was deleted.
 *
 * - `UnknownSession`: there is no such session
 * - `SessionBusy`: a turn or an operation holds it
 * - `ForeignSession`: Hermes has it, too
 * - `StoreError`: the store failed
 *
 * @since 0.1.0
 * @category errors
 */
export type ForgetFailure = UnknownSession | SessionBusy | ForeignSession | StoreError

/** Uninterruptible: what is deleted gets its log line, without which an audit would report it as lost. */
export const forgetSession = (
  store: SessionStore["Type"],
  sessionId: SessionId
): Effect.Effect<Forgotten, ForgetFailure> =>
  store.forget(sessionId).pipe(
    Effect.tap((forgotten) => LogLines.logForgotten(sessionId, forgotten)),
    Effect.tap(measureForgotten),
    Effect.uninterruptible
  )
