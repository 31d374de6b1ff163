/** What is kept beside sessions, and how a session is forgotten: outcomes, counters, pauses of routes, lists. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, SessionBusy, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import * as SessionStats from "../session/SessionStats.ts"
import {
  type Forgotten,
  MOST_LIVES,
  noPause,
  type Pause,
  type PauseChange,
  type PublishedOutcome
} from "../store/model.ts"
import { readBeside, withOrigin } from "../store/histories.ts"
import { encodeCounts } from "../store/rows.ts"
import type { Leases } from "./leases.ts"
import type { Link } from "./link.ts"
import { RECENT, type Residents } from "./residents.ts"

import { MOST_PAUSES, type PauseRow, statements } from "./statements.ts"
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
    Effect.asVoid(runOnce(statements.count, keepId(sessionId), encodeCounts(counts)))

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

/** The pauses that the beginning of an operation has read along, which the operation looks at next. */
export const makeSeenPauses = () => {
  let seen: { readonly rows: ReadonlyArray<PauseRow>; readonly until: number } | undefined
  let changes = 0
  return {
    /** To be called before they are read. What this process has changed meanwhile, the answer may not have. */
    expect: () => {
      const [before, until] = [changes, performance.now() + RECENT]
      return (rows: ReadonlyArray<PauseRow> | null) => {
        if (changes === before && (rows === null || rows.length <= MOST_PAUSES)) seen = { rows: rows ?? [], until }
      }
    },
    find: (): ReadonlyArray<PauseRow> | undefined =>
      seen !== undefined && performance.now() < seen.until ? seen.rows : undefined,
    forget: () => {
      changes += 1
      seen = undefined
    }
  }
}

export type SeenPauses = ReturnType<typeof makeSeenPauses>

export const makeRouteMemory = ({ run }: Link, seen: SeenPauses) => {
  /** Replaces what nobody has changed in between, or begins again. The change is made here, where no row waits for it. */
  const modify = <A>(keys: ReadonlyArray<string>, change: PauseChange<A>): Effect.Effect<A, StoreError> =>
    Effect.gen(function* () {
      const rows = seen.find() ?? (yield* run(statements.pauses, keys.map(keepText)))
      const byKey = new Map(rows.map(({ key, ...pause }) => [key, pause]))
      const before = keys.map((key) => byKey.get(keepText(key)))
      const [result, after] = change(before.map((pause) => pause ?? noPause))
      const changes = Arr.zip(keys, after).flatMap(([key, { failures, level, until }], i) => {
        const [known = null, changed] = [before[i], { failures, level, until: Math.ceil(until) }]
        return isSamePause(changed, known ?? noPause) || (known === null && failures === 0)
          ? []
          : [{ key: keepText(key), known, changed }]
      })
      if (changes.length === 0) return result
      seen.forget()
      const saved = run(
        statements.savePauses,
        changes.map(({ key }) => key),
        changes.map(({ changed }) => changed.failures),
        changes.map(({ changed }) => changed.level),
        changes.map(({ changed }) => changed.until),
        changes.map(({ known }) => known?.failures ?? null),
        changes.map(({ known }) => known?.level ?? null),
        changes.map(({ known }) => known?.until ?? null)
      )
      return yield* Effect.catchIf(
        Effect.ensuring(Effect.as(saved, result), Effect.sync(seen.forget)),
        ({ detail }) => detail.endsWith(CHANGED),
        () => modify(keys, change)
      )
    })

  return { modify }
}

/** The code of the error with which pauses that somebody else has changed are left as they are. */
const CHANGED = "(TL002)"

const isSamePause = (one: Pause, other: Pause): boolean =>
  one.failures === other.failures && one.level === other.level && one.until === other.until
