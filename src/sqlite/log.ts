/** The log of the native store: import, promote, append, and the state they add up to. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type InvalidMessage, type Message, serializeAll, type SerializedMessage } from "../message/Message.ts"
import type { DeliveryKind, Logged, SessionId, State, Usage } from "../session/Session.ts"
import type { StoreError, Superseded, TurnLost, UnknownSession } from "../session/SessionError.ts"
import { isUsage } from "../store/model.ts"
import type { Acquired, BeginRequest, Begun, Lease, LeaseHeld, LeaseRequest, Promotion } from "../store/SessionStore.ts"
import { awaitBudget, beginMoment } from "../concurrency/eventLoopBudget.ts"
import { type Resident, stateOfResident } from "../store/residentSessions.ts"
import type { AfterCommit, Connection } from "./transaction.ts"
import { readLog, verifyTurnLease } from "./transaction.ts"
import * as Imports from "./imports.ts"
import * as Rows from "../store/rows.ts"
import { dropUndone, type LearnedWindowChange, replaceLearnedWindow, wholeLog } from "../session/Session.ts"
import { isDamage } from "./file.ts"

/** A message on its way to the log, with its text as the log will hold it. */
interface Draft {
  readonly entry: Omit<Logged, "seq">
  readonly body: string
}

/** Takes a report that is in memory only to disk. Call it inside a transaction that writes. */
export const saveUsage = ({ sql }: Connection, sessionId: SessionId, { isUsageUnsaved, usage }: Resident): void => {
  if (isUsageUnsaved && usage !== null) sql.saveUsage.run(JSON.stringify(usage), sessionId)
}

/** Takes a lease inside a transaction. */
type TakeLease = (sessionId: SessionId, request: LeaseRequest, now: number) => Either.Either<Acquired, UnknownSession>

export const make = (connection: Connection, takeLease: TakeLease) => {
  const { commitDurably, commitRelaxed, counter, findResident, read, residents, runRelaxed, sql } = connection
  const readAhead = makeReadAhead(connection)

  const draftOf = ({ body, message }: SerializedMessage, kind: DeliveryKind | null, at: number): Draft => ({
    entry: { message, kind, at, arrival: null, tokens: counter.message(message) },
    body
  })

  const draftOfArrival = (sessionId: SessionId, row: Omit<Rows.MessageRow, "seq">): Draft => {
    const entry = Rows.loggedOfArrival(sessionId, row)
    if (entry.unreadable === undefined) return { entry, body: row.body }
    const body = Rows.markDamaged(row.body)
    return { entry: Rows.loggedOfArrival(sessionId, { ...row, body, checksum: null }), body }
  }

  const insertAll = (
    sessionId: SessionId,
    end: Pick<Resident, "lastSeq" | "total">,
    drafts: ReadonlyArray<Draft>
  ): ReadonlyArray<Logged> => {
    let { lastSeq: seq, total } = end
    return drafts.map(({ body, entry }): Logged => {
      const { arrival, at, kind, tokens } = entry
      seq += 1
      total += tokens
      const checksum = Rows.checksumOfRow(sessionId, { seq, arrival, kind, tokens, body, at })
      sql.append.run(sessionId, seq, arrival, kind, tokens, total, body, at, checksum)
      return { ...entry, seq }
    })
  }

  /** Brings memory up to what was just committed. */
  const appendToResident = (current: Resident, entries: ReadonlyArray<Logged>) => {
    residents.append(current, entries)
    current.isUsageUnsaved = false
  }

  const takeUpInbox = (sessionId: SessionId, current: Resident): (() => Promotion) => {
    const arrivals = sql.waiting.all(sessionId).map((row) => draftOfArrival(sessionId, row))
    const promoted = insertAll(sessionId, current, arrivals)
    const upTo = promoted.at(-1)?.arrival ?? null
    if (upTo !== null) sql.clear.run(sessionId, upTo)
    saveUsage(connection, sessionId, current)
    return () => {
      appendToResident(current, promoted)
      return { promoted, state: stateOfResident(sessionId, current) }
    }
  }

  // Promotions need not wait for the disk: until they are there, the arrivals are in the inbox.
  const promote = (lease: Lease) =>
    readAhead(
      lease.sessionId,
      commitRelaxed("promote", lease.sessionId, (): AfterCommit<Promotion, TurnLost | Superseded> =>
        Either.map(verifyTurnLease(connection, lease, []), (current) => takeUpInbox(lease.sessionId, current))
      )
    )

  const begin = (sessionId: SessionId, request: BeginRequest) =>
    readAhead(
      sessionId,
      commitRelaxed("begin", sessionId, (now): AfterCommit<Begun | LeaseHeld, UnknownSession> =>
        Either.flatMap(
          takeLease(sessionId, { ...request, name: "turn" }, now),
          (acquired): AfterCommit<Begun | LeaseHeld, UnknownSession> => {
            if (acquired._tag === "Held") return Either.right(() => acquired)
            return Either.map(findResident(sessionId), (current) => {
              const afterCommit = takeUpInbox(sessionId, current)
              return () => ({ ...acquired, ...afterCommit(), isLatest: beginMoment() })
            })
          }
        )
      )
    )

  const append = (lease: Lease, messages: ReadonlyArray<Message>) =>
    commitDurably(
      "append",
      lease.sessionId,
      (now): AfterCommit<ReadonlyArray<Logged>, TurnLost | Superseded | InvalidMessage> =>
        Either.flatMap(serializeAll(messages), (serialized) =>
          Either.map(verifyTurnLease(connection, lease, messages), (current) => {
            const drafts = serialized.map((one) => draftOf(one, null, now))
            const appended = insertAll(lease.sessionId, current, drafts)
            saveUsage(connection, lease.sessionId, current)
            return () => {
              appendToResident(current, appended)
              return appended
            }
          })
        )
    )

  const report = (sessionId: SessionId, usage: Usage) =>
    Effect.suspend(() => {
      if (!isUsage(usage)) return Effect.void
      const current = residents.peek(sessionId)
      if (current === undefined) return Effect.ignoreLogged(reportToDisk(sessionId, usage))
      if (current.generation !== usage.generation) return Effect.void
      current.usage = usage
      current.isUsageUnsaved = true
      return Effect.void
    })

  /** For a session that left memory while the model answered. */
  const reportToDisk = (sessionId: SessionId, usage: Usage) =>
    runRelaxed("report", sessionId, () => {
      const { generation } = sql.generation.get(sessionId) ?? { generation: 0 }
      if (generation === usage.generation) sql.saveUsage.run(JSON.stringify(usage), sessionId)
      return Either.right(() => {})
    })

  const learnWindow = (sessionId: SessionId, ...learned: LearnedWindowChange) =>
    commitRelaxed("learn a window", sessionId, () => {
      const current = residents.current(sessionId)
      if (current === undefined) return Either.right(() => {})
      const windows = replaceLearnedWindow(current.windows, ...learned)
      sql.saveWindows.run(JSON.stringify(windows), sessionId)
      return Either.right(() => {
        current.windows = windows
      })
    })

  const state = (sessionId: SessionId) =>
    readAhead(
      sessionId,
      read("state", sessionId, (): AfterCommit<State, UnknownSession> =>
        Either.map(findResident(sessionId), (current) => () => stateOfResident(sessionId, current))
      )
    )

  const range = (sessionId: SessionId, fromSeq: number, toSeq: number) =>
    read("range", sessionId, () => {
      const { lastSeq, manifest } = residents.current(sessionId) ?? { lastSeq: 0, manifest: wholeLog }
      const entries = readLog(sql, sessionId, Math.max(1, fromSeq), Math.min(toSeq, lastSeq))
      const shown = dropUndone(manifest.undone, entries)
      return Either.right(() => shown)
    })

  return {
    importAll: Imports.make(connection),
    begin,
    promote,
    append,
    report,
    learnWindow,
    state,
    recentState: state,
    range
  }
}

/** The largest slice read at once, in messages and characters: a few milliseconds. */
const SLICE = 100
const SLICE_CHARACTERS = 100_000

/** Reads a slice, or its rows before one that SQLite cannot read: whoever reads the rest reads around the damage. */
const readUntilDamage = (page: Iterable<Rows.MessageRow>): ReadonlyArray<Rows.MessageRow> => {
  const rows: Array<Rows.MessageRow> = []
  let left = SLICE_CHARACTERS
  try {
    for (const row of page) {
      rows.push(row)
      left -= row.body.length
      if (left <= 0) break
    }
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  }
  return rows
}

/**
 * Reads a long session in slices before the transaction that takes it into memory, which would hold the event loop for
 * as long as it reads. Messages of a log never change, so what was read before is still true in it.
 */
export const makeReadAhead = ({ loader, read, residents, sql }: Connection) => {
  /** Finds the beginning of the part that memory needs. `isMore`: another application wrote more than was adopted. */
  const findStart = (sessionId: SessionId) =>
    read("state", sessionId, () => {
      const { isMore } = residents.refresh(sessionId, SLICE)
      const { contextFrom, tailFrom } = loader.manifest(sessionId)
      const from = Math.max(contextFrom, tailFrom)
      const { seq } = sql.last.get(sessionId) ?? { seq: 0 }
      return Either.right(() => ({ from, isLong: seq - from >= SLICE, isMore }))
    })

  const readSlice = (sessionId: SessionId, after: number) =>
    read("state", sessionId, () => {
      const rows = readUntilDamage(sql.page.iterate(sessionId, after, SLICE))
      const entries = Rows.loggedOfRows(sessionId, rows, after + 1, rows.at(-1)?.seq ?? after)
      return Either.right(() => entries)
    })

  const keepInMemory = (sessionId: SessionId, ahead: ReadonlyArray<Logged>) =>
    read("state", sessionId, () => {
      residents.current(sessionId, ahead)
      return Either.right(() => {})
    })

  const readLongSession = (sessionId: SessionId): Effect.Effect<void, StoreError> =>
    Effect.gen(function* () {
      const { from, isLong } = yield* Effect.repeat(findStart(sessionId), {
        while: ({ isMore }) => (isMore ? Effect.as(awaitBudget, true) : Effect.succeed(false))
      })
      if (!isLong) return
      const ahead: Array<Logged> = []
      const readNext = () => readSlice(sessionId, ahead.at(-1)?.seq ?? from - 1)
      for (let entries = yield* readNext(); entries.length > 0; entries = yield* readNext()) {
        ahead.push(...entries)
        yield* awaitBudget
      }
      yield* keepInMemory(sessionId, ahead)
    })

  /** Runs `operation` once the session is in memory, unless it is short. */
  return <A, E, R>(sessionId: SessionId, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    Effect.suspend(() =>
      residents.peek(sessionId) === undefined ? Effect.zipRight(readLongSession(sessionId), operation) : operation
    )
}
