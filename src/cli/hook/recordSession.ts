/** Keeps the session of another agent in a database, under the same id, so that what its compactions drop can be found. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Gateway, layer } from "../../gateway/Gateway.ts"
import * as Ledger from "../../ledger/Ledger.ts"
import type { Message } from "../../message/Message.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import type { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { findNewMessages } from "../../transcripts/newMessages.ts"
import { layerStore } from "../services.ts"

/** The store of a database file, which is made if there is none, and a gateway that asks no model. */
export const layerRecord = (db: string) =>
  layer({ policy: POLICY, routes: [], shutdownGrace: "2 seconds" }).pipe(
    Layer.provideMerge(layerStore(db, true)),
    Layer.provide(OpenAi.layer)
  )

/** The agent compacts by itself; a compression here only digests what it drops. Nothing needs to stay in front. */
const POLICY = { contextLength: 200_000, mode: "manual", protectFirstN: 0, protectLastN: 1 } as const

/** Adds what a session does not have yet of `messages`, the end of its conversation. */
export const recordMessages = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const { turn } = yield* Gateway
    const lastSeq = yield* store.state(sessionId).pipe(
      Effect.map(({ lastSeq }) => lastSeq),
      Effect.catchTag("UnknownSession", () => Effect.succeed(null))
    )
    if (lastSeq === null) return yield* store.importAll([{ sessionId, messages }])
    const known = yield* store.range(sessionId, Math.max(1, lastSeq - messages.length - MOST_BESIDE), lastSeq)
    const said = known.filter(({ kind }) => kind !== "notification").map(({ message }) => message)
    const added = findNewMessages(said, messages)
    if (added.length > 0) yield* turn(sessionId, ({ append }) => append(...added), { wait: "5 seconds" })
  }).pipe(
    // Another process began the session at the same moment.
    Effect.retry({ times: 1, while: ({ _tag }) => _tag === "SessionExists" })
  )

/** Tool outputs that were kept whole stand between the messages of the conversation. */
const MOST_BESIDE = 256

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
