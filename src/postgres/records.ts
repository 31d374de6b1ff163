/** What is kept beside sessions, and how a session is forgotten: outcomes, counters, pauses of routes, lists. */
import * as Effect from "effect/Effect"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, SessionBusy, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import * as SessionStats from "../session/SessionStats.ts"
import { type Forgotten, MOST_LIVES, noPause, type Pause, type PublishedOutcome } from "../store/model.ts"
import { readBeside, withOrigin } from "../store/histories.ts"
import type { Leases } from "./leases.ts"
import type { Link } from "./link.ts"
import type { Residents } from "./residents.ts"
import { statements } from "./statements.ts"
import { keepId, keepText, readText, readTextOrNull } from "./texts.ts"

export const makeRecords = ({ leaseTime, run, runOnce }: Link, { memory }: Residents, { awaitReturn }: Leases) => {
  const forget = (sessionId: SessionId): Effect.Effect<Forgotten, UnknownSession | SessionBusy | StoreError> =>
    Effect.gen(function* () {
      yield* awaitReturn(sessionId, "turn")
      yield* awaitReturn(sessionId, "operation")
      const now = yield* leaseTime
      const [row] = yield* runOnce(statements.forget, keepId(sessionId), now, MOST_LIVES)
      if (row === undefined || row.status === "unknown") return yield* makeUnknownSession(sessionId)
      if (row.status === "busy") {
        return yield* new SessionBusy({ sessionId, holder: readText(row.holder ?? "") })
      }
      memory.forget(sessionId)
      return { messages: row.messages, waiting: row.waiting, lastArrival: row.last_arrival }
    })

  const sessions = Effect.map(run(statements.sessions), (rows) =>
    rows.map((row) => withOrigin({ ...row, origin: readTextOrNull(row.origin) }))
  )

  const leftOut = (sessionId: SessionId) =>
    Effect.flatMap(run(statements.beside, keepId(sessionId)), ([row]) =>
      row === undefined
        ? makeUnknownSession(sessionId)
        : Effect.succeed(readBeside({ origin: null, left_out: readTextOrNull(row.left_out) }).left)
    )

  const publish = ({ operationId, outcome, requestKey, sessionId }: PublishedOutcome) => {
    const [id, key] = [keepText(operationId), keepText(requestKey)]
    return Effect.asVoid(run(statements.publish, id, sessionId, key, keepText(outcome)))
  }

  const outcome = (operationId: string, requestKey: string) =>
    Effect.map(run(statements.outcome, keepText(operationId), keepText(requestKey)), ([row]) =>
      row === undefined ? null : readText(row.outcome)
    )

  return { forget, sessions, leftOut, publish, outcome }
}

export const makeCounters = ({ run, runOnce }: Link) => {
  const count = (sessionId: SessionId, counts: SessionStats.Counts) =>
    Effect.asVoid(runOnce(statements.count, keepId(sessionId), JSON.stringify(counts, roundNumber)))

  const stats = (sessionId: SessionId): Effect.Effect<SessionStats.SessionStats, UnknownSession | StoreError> =>
    Effect.flatMap(run(statements.counters, keepId(sessionId)), (rows) => {
      if (rows.length === 0) return Effect.fail(makeUnknownSession(sessionId))
      const counts: SessionStats.Counts = Object.fromEntries(
        rows.flatMap(({ name, value }) => (name === null ? [] : [[name, value]]))
      )
      return Effect.succeed(SessionStats.makeStats(sessionId, counts))
    })

  const healTries = (segmentId: string, more: number) => {
    const id = keepText(segmentId)
    const counted = more === 0 ? run(statements.healTries, id) : runOnce(statements.addHealTries, id, more)
    return Effect.map(counted, ([row]) => row?.tries ?? 0)
  }

  return { count, stats, healTries }
}

const roundNumber = (_: string, value: unknown) => (typeof value === "number" ? Math.round(value) : value)

export const makeRouteMemory = ({ run }: Link) => {
  /** Replaces what nobody has changed in between, or begins again. The change is made here, where no row waits for it. */
  const modify = <A>(key: string, change: (pause: Pause) => readonly [A, Pause]): Effect.Effect<A, StoreError> =>
    Effect.gen(function* () {
      const id = keepText(key)
      const [before] = yield* run(statements.pause, id)
      const { failures, level, until } = before ?? noPause
      const [result, changed] = change({ failures, level, until })
      const after = { ...changed, until: Math.ceil(changed.until) }
      const isSame = after.failures === failures && after.level === level && after.until === until
      if (isSame || (before === undefined && after.failures === 0)) return result
      const now = [after.failures, after.level, after.until] as const
      const done =
        after.failures === 0
          ? yield* run(statements.clearPause, id, failures, level, until)
          : before === undefined
            ? yield* run(statements.savePause, id, ...now, null, null, null)
            : yield* run(statements.savePause, id, ...now, failures, level, until)
      return done.length === 1 ? result : yield* modify(key, change)
    })

  return { modify }
}
