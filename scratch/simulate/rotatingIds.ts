/**
 * A control: a store in which every compression moves the session to a new id, as agents do that end a session and
 * begin another with the summary. Turns find the new one; what is sent to the old id stays there.
 */
import { Effect, Layer } from "effect"
import { SessionId, type State } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"

export const layer = Layer.effect(
  SessionStore,
  Effect.map(SessionStore, (store) => {
    const newest = new Map<string, SessionId>()
    const originalId = (sessionId: string) => sessionId.replace(/~\d+$/, "")
    const newestId = (sessionId: SessionId) => newest.get(originalId(sessionId)) ?? sessionId

    const rotate = (state: State) => {
      const next = SessionId.make(`${originalId(state.sessionId)}~${Number(state.sessionId.split("~")[1] ?? 0) + 1}`)
      const { messages } = View.assemble(state, estimate)
      return Effect.zipRight(
        Effect.orDie(store.importAll([{ sessionId: next, messages }])),
        Effect.sync(() => void newest.set(originalId(next), next))
      )
    }
    return SessionStore.of({
      ...store,
      beginOperation: (sessionId, request) => store.beginOperation(newestId(sessionId), request),
      begin: (sessionId, request) => store.begin(newestId(sessionId), request),
      state: (sessionId) => store.state(newestId(sessionId)),
      ledger: (sessionId) => store.ledger(newestId(sessionId)),
      log: (sessionId) => store.log(newestId(sessionId)),
      commit: (lease, commit) => Effect.tap(store.commit(lease, commit), ({ state }) => rotate(state))
    })
  })
)
