/** The log of the native store: import, promote, append, and the state they add up to. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type InvalidMessage, type Message, parse } from "../message/Message.ts"
import type { DeliveryKind, Logged, SessionId, State, Usage } from "../session/Session.ts"
import { SessionExists } from "../session/SessionError.ts"
import type { Superseded, TurnLost } from "../session/SessionError.ts"
import type { Histories, Lease } from "../store/SessionStore.ts"
import * as ReadAhead from "./readAhead.ts"
import { type Resident, readState } from "./residentSessions.ts"
import type { Answer, Block } from "./transaction.ts"
import { verifyTurnLease } from "./leases.ts"
import * as Rows from "./rows.ts"
import * as UndoneRanges from "../session/undoneRanges.ts"

/** A message on its way to the log, with its text as it will be there. */
interface Draft extends Omit<Logged, "seq"> {
  readonly body: string
}

export const make = (block: Block) => {
  const { counter, moving, noting, reading, resident, residents, sql, writing } = block
  const readAhead = ReadAhead.make(block)

  const draft = (message: Message, kind: DeliveryKind | null, at: number): Draft => ({
    message,
    body: JSON.stringify(message),
    kind,
    at,
    arrival: null,
    tokens: counter.message(message)
  })

  const insert = (sessionId: SessionId, end: Pick<Resident, "lastSeq" | "total">, drafts: ReadonlyArray<Draft>) => {
    let { lastSeq: seq, total } = end
    return drafts.map(({ arrival, at, body, kind, message, tokens }): Logged => {
      seq += 1
      total += tokens
      sql.append.run(sessionId, seq, arrival, kind, tokens, total, body, at)
      return { seq, message, tokens, kind, arrival, at }
    })
  }

  const saveUsage = (sessionId: SessionId, { unsaved, usage }: Resident) => {
    if (unsaved && usage !== null) sql.saveUsage.run(JSON.stringify(usage), sessionId)
  }

  const settle = (current: Resident, entries: ReadonlyArray<Logged>) => {
    residents.push(current, entries)
    current.unsaved = false
  }

  const importAll = (histories: Histories) =>
    writing(
      "import",
      histories.map(({ sessionId }) => sessionId).join(" "),
      (now): Answer<void, SessionExists | InvalidMessage> => {
        for (const { messages, sessionId } of histories) {
          const checked = check(messages)
          if (Either.isLeft(checked)) return Either.left(checked.left)
          if (residents.current(sessionId) !== undefined) return Either.left(new SessionExists({ sessionId }))
          sql.open.run(sessionId, now)
          const drafts = messages.map((message) => draft(message, message.role === "user" ? "request" : null, now))
          insert(sessionId, { lastSeq: 0, total: 0 }, drafts)
        }
        return Either.right(() => {})
      }
    )

  const promote = (lease: Lease) => readAhead(lease.sessionId, promoteNow(lease))

  /** Until it is on disk here, an arrival is in the inbox. */
  const promoteNow = (lease: Lease) =>
    moving(
      "promote",
      lease.sessionId,
      (): Answer<{ promoted: ReadonlyArray<Logged>; state: State }, TurnLost | Superseded> =>
        Either.map(verifyTurnLease(block, lease, []), (current) => {
          const { sessionId } = lease
          const rows = sql.waiting.all(sessionId)
          const arrivals = rows.map((row) => ({ ...Rows.loggedOfRow({ seq: 0, ...row }), body: row.body }))
          const promoted = insert(sessionId, current, arrivals)
          const upTo = promoted.at(-1)?.arrival ?? null
          if (upTo !== null) sql.clear.run(sessionId, upTo)
          saveUsage(sessionId, current)
          return () => {
            settle(current, promoted)
            return { promoted, state: readState(sessionId, current) }
          }
        })
    )

  const append = (lease: Lease, messages: ReadonlyArray<Message>) =>
    writing("append", lease.sessionId, (now): Answer<ReadonlyArray<Logged>, TurnLost | Superseded | InvalidMessage> =>
      Either.map(Either.andThen(check(messages), verifyTurnLease(block, lease, messages)), (current) => {
        const drafts = messages.map((message) => draft(message, null, now))
        const appended = insert(lease.sessionId, current, drafts)
        saveUsage(lease.sessionId, current)
        return () => {
          settle(current, appended)
          return appended
        }
      })
    )

  const report = (sessionId: SessionId, usage: Usage) =>
    Effect.suspend(() => {
      const current = residents.peek(sessionId)
      if (current === undefined) return Effect.ignoreLogged(reportUnread(sessionId, usage))
      if (current.generation !== usage.generation) return Effect.void
      current.usage = usage
      current.unsaved = true
      return Effect.void
    })

  /** Other sessions have taken its place in memory while the model answered. */
  const reportUnread = (sessionId: SessionId, usage: Usage) =>
    noting("report", sessionId, () => {
      const { generation } = sql.generation.get(sessionId) ?? { generation: 0 }
      if (generation === usage.generation) sql.saveUsage.run(JSON.stringify(usage), sessionId)
      return Either.right(() => {})
    })

  const state = (sessionId: SessionId) =>
    readAhead(
      sessionId,
      reading("state", sessionId, () =>
        Either.map(resident(sessionId), (current) => () => readState(sessionId, current))
      )
    )

  const range = (sessionId: SessionId, fromSeq: number, toSeq: number) =>
    reading("range", sessionId, () => {
      const undone = residents.current(sessionId)?.manifest.undone ?? []
      const entries = UndoneRanges.dropUndone(undone, sql.between.all(sessionId, fromSeq, toSeq).map(Rows.loggedOfRow))
      return Either.right(() => entries)
    })

  return { importAll, promote, append, report, state, range }
}

/** One row that is no message would make the whole session unreadable. */
const check = (messages: ReadonlyArray<Message>): Either.Either<unknown, InvalidMessage> =>
  Either.all(messages.map(parse))
