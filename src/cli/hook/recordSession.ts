/** Keeps the session of another agent in a database, under the same id, so that what its compactions drop can be found. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Gateway, layer } from "../../gateway/Gateway.ts"
import * as Ledger from "../../ledger/Ledger.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import type { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { makeReader } from "../follow/follower.ts"
import * as Positions from "../follow/positions.ts"
import { layerStore } from "../services.ts"

/** The store of a database file, which is made if there is none, and a gateway that asks no model. */
export const layerRecord = (db: string) =>
  layer({ policy: POLICY, routes: [], shutdownGrace: "2 seconds" }).pipe(
    Layer.provideMerge(layerStore(db, true)),
    Layer.provide(OpenAi.layer)
  )

/** The agent compacts by itself; a compression here only digests what it drops. Nothing needs to stay in front. */
const POLICY = { contextLength: 200_000, mode: "manual", protectFirstN: 0, protectLastN: 1 } as const

/**
 * Takes what is new in a transcript into the database, just as a server that follows it does, so that neither doubles what
 * the other stored. A transcript that is too long for the time of a hook is taken in by several.
 */
export const recordTranscript = (file: string, db: string) =>
  Effect.gen(function* () {
    const { readSome, sessionOf } = yield* makeReader(Positions.make(db))
    const whole = yield* Effect.timeoutOption(Effect.repeat(readSome(file), { while: (isMore) => isMore }), PATIENCE)
    return { sessionId: sessionOf(file), isWhole: whole._tag === "Some" }
  })

/** A hook has 20 seconds in all. */
const PATIENCE = "10 seconds"

/** Keeps a text that the conversation does not show whole. Returns the number of its message. */
export const recordText = (sessionId: SessionId, text: string, key: string | undefined) =>
  Effect.gen(function* () {
    const { deliver, turn } = yield* Gateway
    yield* deliver(sessionId, { role: "user", content: text }, { kind: "notification", key })
    yield* turn(sessionId, ({ view }) => view(), { wait: "2 seconds" })
    return (yield* Effect.flatMap(SessionStore, (store) => store.state(sessionId))).lastSeq
  })

/** The facts of a session: those of the messages that left its view, and of those in it. */
export const readFacts = (sessionId: SessionId) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { head, lastSeq, tail } = yield* store.state(sessionId)
    const ledger = yield* Ledger.decode(yield* store.ledger(sessionId))
    return { ledger: Ledger.add(ledger, [...head, ...tail]), lastSeq }
  })
