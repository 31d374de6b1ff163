/** The facts of a session: those of the ledger, and of the messages that the view shows. */
import * as Effect from "effect/Effect"
import * as Ledger from "../ledger/Ledger.ts"
import type { Logged, SessionId, State } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { SessionStore } from "../store/SessionStore.ts"

/** The messages that a state shows, each once, in order of the log. */
export const listShown = ({ head, live, system, tail }: State): ReadonlyArray<Logged> =>
  Array.from(
    new Map([...system, ...head, ...live, ...tail].map((entry) => [entry.seq, entry] as const)).values()
  ).toSorted((a, b) => a.seq - b.seq)

/** Adds what is shown to what the newest commit wrote. */
export const readFacts = (
  store: SessionStore["Type"],
  sessionId: SessionId
): Effect.Effect<Ledger.Ledger, UnknownSession | StoreError> =>
  Effect.gen(function* () {
    const state = yield* store.state(sessionId)
    const covered = yield* Ledger.decode(yield* store.ledger(sessionId))
    return Ledger.add(covered, listShown(state))
  })
