/** What is left of a run when it is over, and how it is gathered. */
import { Chunk, Clock, Effect, Stream } from "effect"
import { CompressionEvent } from "../../src/CompressionEvent.ts"
import type { CompressionResult } from "../../src/CompressionResult.ts"
import { Gateway } from "../../src/Gateway.ts"
import type { SessionId } from "../../src/Session.ts"
import { SessionStore } from "../../src/SessionStore.ts"
import * as Diary from "./diary.ts"

export interface Story {
  readonly sessions: ReadonlyArray<SessionId>
  readonly diary: ReadonlyArray<Diary.Event>
  /** What each session's log and inbox hold, in order. */
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

const endedBy = ({ generation, outcome, sessionId }: CompressionResult): Diary.Event => ({
  _tag: "Ended",
  named: sessionId,
  outcome,
  generation
})

/** Notes compressions in the diary, for ever. */
export const watch = (tell: (event: Diary.Event) => void) =>
  Effect.flatMap(Gateway, ({ events }) =>
    Stream.runForEach(events, (event) =>
      Effect.map(Clock.currentTimeMillis, (at) =>
        CompressionEvent.$match(event, {
          Started: ({ sessionId }) => tell({ _tag: "Started", named: sessionId, at }),
          Progress: () => {},
          Joined: () => {},
          Committed: ({ result }) => tell(endedBy(result)),
          Degraded: ({ result }) => tell(endedBy(result)),
          NoHeadroom: ({ result }) => tell(endedBy(result)),
          Unchanged: ({ result }) => tell(endedBy(result)),
          Healed: () => {},
          Failed: () => {}
        })
      )
    )
  )

/** What the store holds in the end. */
export const stored = Effect.fnUntraced(function* (sessions: ReadonlyArray<SessionId>) {
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
