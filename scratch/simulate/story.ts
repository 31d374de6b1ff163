/** Gathers what a run leaves behind. */
import { Chunk, Clock, Effect, Stream } from "effect"
import type { CompressionEvent } from "../../src/compression/CompressionEvent.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Diary from "./diary.ts"

export interface Story {
  readonly sessions: ReadonlyArray<SessionId>
  readonly diary: ReadonlyArray<Diary.Event>
  /** Reads the log and inbox of each session, in order. */
  readonly logs: ReadonlyMap<SessionId, ReadonlyArray<Entry>>
  /** The ids the store knows in the end. */
  readonly stored: ReadonlyArray<string>
  /** The log lines. */
  readonly lines: ReadonlyArray<string>
}

export interface Entry {
  readonly digest: string
  readonly arrival: number | null
}

/** Notes compressions in the diary, for ever. */
export const watch = (tell: (event: Diary.Event) => void) =>
  Effect.flatMap(Gateway, ({ events }) =>
    Stream.runForEach(events, (event) => Effect.map(Clock.currentTimeMillis, (at) => eventsOf(event, at).forEach(tell)))
  )

const eventsOf = (event: CompressionEvent, at: number): ReadonlyArray<Diary.Event> => {
  const { sessionId } = event
  const awaited: ReadonlyArray<Diary.Event> =
    "isWaitedFor" in event && event.isWaitedFor ? [{ _tag: "Awaited", agent: sessionId }] : []
  if (event._tag === "Started") return [{ _tag: "Started", named: sessionId, at }, ...awaited]
  if (event._tag === "Joined") return awaited
  if (!("result" in event)) return []
  const { generation, outcome } = event.result
  return [{ _tag: "Ended", named: event.result.sessionId, outcome, generation }]
}

/** What the store holds in the end. */
export const readStored = Effect.fnUntraced(function* (sessions: ReadonlyArray<SessionId>) {
  const store = yield* SessionStore
  const logs = new Map<SessionId, ReadonlyArray<Entry>>()
  for (const session of sessions) {
    const entries = Stream.map(store.log(session), ({ arrival, message }) => ({
      digest: Diary.digest(message),
      arrival
    }))
    logs.set(session, Chunk.toReadonlyArray(yield* Stream.runCollect(entries)))
  }
  return { logs, stored: (yield* store.sessions).map(({ sessionId }) => sessionId) }
})
