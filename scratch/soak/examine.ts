/** Looks at a store as the next process would: every session answers, and what it holds is whole. */
import { Cause, Chunk, Effect, Exit, Layer, Schema, Stream } from "effect"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import { type StoreError, UnknownSession } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { problems } from "../../test/support/providerShapes.ts"
import type { Broken, Entry, Logs, Memory } from "./promises.ts"
import { type Event, monotonic, type Place, sessionsOf } from "./telling.ts"
import * as Worker from "./worker.ts"

export interface Examined {
  readonly logs: Logs
  readonly broken: ReadonlyArray<Broken>
}

/** Takes a turn on every session first, so that nothing waits any more. Who held it may have been killed just now. */
const answer = Effect.fnUntraced(function* (session: SessionId, tag: string, tell: (event: Event) => void) {
  const { turn } = yield* Gateway.Gateway
  const told = { session, tags: [tag] }
  return yield* turn(
    session,
    (turn) =>
      Effect.gen(function* () {
        const view = yield* turn.view()
        tell({ _tag: "Tried", at: monotonic(), ...told })
        yield* turn.append({ role: "assistant", content: `${tag} Everything is as it was.` })
        tell({ _tag: "Stored", at: monotonic(), ...told, arrival: null })
        return view.messages.length === 0 ? [] : problems(view.messages)
      }),
    { wait: "30 seconds" }
  )
})

const readLog = (session: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(session))).pipe(
    Effect.map((log): ReadonlyArray<Entry> =>
      Chunk.toReadonlyArray(log).map(({ arrival, message, seq }) => ({ tag: tagOf(message), seq, arrival }))
    )
  )

const tagOf = (message: Message.Message): string => Message.text(message).split(" ")[0] ?? ""

/** Segments stand for all that has left between head and tail, and every generation left behind has its snapshot. */
const findLostHandoffs = Effect.fnUntraced(function* (session: SessionId, committed: number) {
  const store = yield* SessionStore
  const { generation, manifest, segments } = yield* store.state(session)
  const found: Array<string> = []
  const ids = segments.map(({ id }) => id)
  if (ids.join() !== manifest.segments.join())
    found.push(`segments ${ids.join()}, but named ${manifest.segments.join()}`)
  let next = manifest.headTo + 1
  for (const { fromSeq, toSeq } of segments) {
    if (fromSeq < next) found.push(`segments overlap at #${fromSeq}`)
    next = toSeq + 1
  }
  if (segments.length > 0 && manifest.tailFrom !== next)
    found.push(`the tail begins at #${manifest.tailFrom}, not #${next}`)
  if (generation < committed) found.push(`generation ${generation}, but ${committed} was committed`)
  const snapshots = (yield* store.snapshots(session)).length
  if (snapshots !== generation) found.push(`${snapshots} snapshots of ${generation} generations`)
  return found
})

/** `name` is of the examination, unlike that of any other. A session that was never delivered to is not there. */
export const look = (
  name: string,
  sessions: number,
  { generations }: Memory,
  tell: (event: Event) => void
): Effect.Effect<Examined, StoreError | UnknownSession, Gateway.Gateway | SessionStore> =>
  Effect.gen(function* () {
    const broken: Array<Broken> = []
    const logs = new Map<string, ReadonlyArray<Entry>>()
    const say = (promise: string, text: string) => broken.push({ promise, text })
    const ids = sessionsOf(sessions).map((id) => SessionId.make(id))
    const store = yield* SessionStore
    for (const { sessionId } of yield* store.sessions) {
      if (!ids.some((id) => id === sessionId)) say("session id", `nobody named a session ${sessionId}`)
    }
    for (const [i, session] of ids.entries()) {
      const answered = yield* Effect.exit(answer(session, `${name}.${i}.${name}.${i}.t`, tell))
      if (Exit.isFailure(answered)) {
        const error = Cause.squash(answered.cause)
        if (isUnknownSession(error)) continue
        say("answers", `${session} does not answer: ${String(error)}`)
      } else for (const problem of answered.value) say("view", `${session}: ${problem}`)
      logs.set(session, yield* readLog(session))
      for (const text of yield* findLostHandoffs(session, generations.get(session) ?? 0))
        say("handoff", `${session}: ${text}`)
    }
    return { logs, broken }
  })

/** Looks at a file that others may have open. */
export const examine = (
  place: Pick<Place, "filename" | "name" | "sessions" | "store">,
  memory: Memory,
  tell: (event: Event) => void
): Effect.Effect<Examined> =>
  look(place.name, place.sessions, memory, tell).pipe(
    Effect.provide(
      Worker.layer(place.store, place.filename, []).pipe(
        Layer.provide(Scripted.layer([])),
        Layer.provideMerge(Worker.layerLines(tell))
      )
    ),
    Effect.catchAllCause((cause) =>
      Effect.succeed({
        logs: null,
        broken: [{ promise: "answers", text: `${place.filename}: ${Cause.pretty(cause)}` }]
      })
    )
  )

const isUnknownSession = Schema.is(UnknownSession)
