/** The log: promote, append, the state they add up to, and all that was ever acknowledged. */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { beginMoment } from "../concurrency/eventLoopBudget.ts"
import { type Message, serializeAll, type SerializedMessage } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import {
  dropUndone,
  isUndone,
  type LearnedWindowChange,
  type Logged,
  replaceLearnedWindow,
  type SessionId,
  type UndoneRange,
  type Usage
} from "../session/Session.ts"
import {
  makeUnknownSession,
  type StoreError,
  Superseded,
  TurnLost,
  type UnknownSession
} from "../session/SessionError.ts"
import { isUsage } from "../store/model.ts"
import { type Resident, stateOfResident } from "../store/residentSessions.ts"
import { checksumOfRow, loggedOfArrival, loggedOfRows, windowsOfRow } from "../store/rows.ts"
import type {
  Acknowledged,
  BeginRequest,
  Begun,
  Lease,
  LeaseHeld,
  OperationBegun,
  Promotion
} from "../store/SessionStore.ts"
import { type Leases, readHeld, tokenOf } from "./leases.ts"
import type { Link } from "./link.ts"
import { isAtHead, loggedOf, manifestOf, readRows, type Residents } from "./residents.ts"
import type { SeenPauses } from "./records.ts"
import { type LogRow, type PromotedRow, statements } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

const PAGE = 500

export const make = (
  { leaseTime, run, write }: Link,
  { findHead, findRecentState, findState, findStateAt, memory, noteSeen, readBetween }: Residents,
  { awaitReturn, store: { release } }: Leases,
  pauses: SeenPauses,
  counter: Counter
) => {
  const currentTime = Effect.map(Clock.currentTimeMillis, Math.floor)

  const checksumOf = (
    sessionId: SessionId,
    { body }: SerializedMessage,
    entry: Pick<Logged, "kind" | "tokens" | "at">
  ): number => checksumOfRow(sessionId, { seq: 0, arrival: null, body, ...entry })

  /** What a write takes with it to disk: a report that is in memory only, and the generation it is of. */
  const unsavedUsage = (known: Resident | undefined) =>
    known !== undefined && known.isUsageUnsaved && known.usage !== null
      ? ([JSON.stringify(known.usage), known.usage.generation] as const)
      : ([null, null] as const)

  const refuseTurn = (
    status: "lost" | "superseded",
    sessionId: SessionId,
    unstored: ReadonlyArray<Message>
  ): Superseded | TurnLost =>
    status === "superseded" ? new Superseded({ sessionId, unstored }) : new TurnLost({ sessionId, unstored })

  const readPromoted = (sessionId: SessionId, rows: ReadonlyArray<Partial<LogRow>>) =>
    rows.flatMap(({ arrival = null, at, body, checksum = null, kind = null, seq, tokens }) =>
      seq == null || at === undefined || body === undefined || tokens === undefined
        ? []
        : { ...loggedOfArrival(sessionId, { arrival, at, body, checksum, kind, tokens }), seq }
    )

  const promote = (lease: Lease): Effect.Effect<Promotion, TurnLost | Superseded | StoreError> =>
    Effect.gen(function* () {
      const { epoch, holder, sessionId } = lease
      yield* awaitReturn(sessionId, "turn")
      const [usage, usageOf] = unsavedUsage(memory.peek(sessionId))
      const id = keepId(sessionId)
      const rows = yield* write(statements.promote, (...attempt) => {
        return [id, ...attempt, tokenOf(lease, "turn"), keepText(holder), epoch, usage, usageOf]
      })
      const [first] = rows
      if (first === undefined || first.status !== "ok") {
        return yield* refuseTurn(first?.status === "superseded" ? "superseded" : "lost", sessionId, [])
      }
      return yield* Effect.catchTag(takeUp(sessionId, epoch, first, rows, usage), "UnknownSession", () =>
        Effect.fail(new TurnLost({ sessionId, unstored: [] }))
      )
    })

  /** Brings memory up to what was promoted. `usage` is the report that went to disk with it. */
  const takeUp = (
    sessionId: SessionId,
    epoch: number,
    head: Pick<PromotedRow, "generation" | "last_seq" | "usage" | "windows">,
    rows: ReadonlyArray<Partial<LogRow>>,
    usage: string | null
  ): Effect.Effect<Promotion, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const promoted = yield* readRows(() => readPromoted(sessionId, rows))
      const known = memory.peek(sessionId)
      if (known === undefined || !isAtHead(known, { ...head, epoch })) {
        return { promoted, state: yield* findState(sessionId) }
      }
      memory.append(known, promoted)
      if (promoted.length > 0 && usage !== null) known.isUsageUnsaved = false
      noteSeen(sessionId, known)
      return { promoted, state: stateOfResident(sessionId, known) }
    })

  const begin = (
    sessionId: SessionId,
    request: BeginRequest
  ): Effect.Effect<Begun | LeaseHeld, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      yield* awaitReturn(sessionId, "turn")
      const now = yield* leaseTime
      const [usage, usageOf] = unsavedUsage(memory.peek(sessionId))
      let isLatest = () => false
      const rows = yield* write(
        statements.begin,
        (...attempt) => [
          keepId(sessionId),
          ...attempt,
          keepText(request.holder),
          Math.ceil(request.ttl),
          now,
          usage,
          usageOf
        ],
        () => {
          isLatest = beginMoment()
        }
      )
      const [first] = rows
      if (first === undefined) return yield* makeUnknownSession(sessionId)
      const { epoch, token } = first
      if (token === null || epoch === null) return readHeld(first) ?? (yield* begin(sessionId, request))
      const lease: Lease = { sessionId, name: "turn", holder: request.holder, token, epoch }
      const promotion = yield* Effect.tapError(takeUp(sessionId, epoch, first, rows, usage), () => release(lease))
      return { _tag: "Granted", lease, ...promotion, isLatest }
    })

  const beginOperation = (
    sessionId: SessionId,
    request: BeginRequest
  ): Effect.Effect<OperationBegun | LeaseHeld, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      yield* awaitReturn(sessionId, "operation")
      const now = yield* leaseTime
      const seePauses = pauses.expect()
      let sentAt = Infinity
      const [row] = yield* write(statements.beginOperation, (_, again) => {
        sentAt = performance.now()
        return [keepId(sessionId), again, keepText(request.holder), Math.ceil(request.ttl), now]
      })
      if (row === undefined) return yield* makeUnknownSession(sessionId)
      seePauses(row.pauses)
      const { epoch, ledger, token } = row
      if (token === null || epoch === null) return readHeld(row) ?? (yield* beginOperation(sessionId, request))
      const lease: Lease = { sessionId, name: "operation", holder: request.holder, token, epoch }
      const state = yield* Effect.tapError(findStateAt(sessionId, { ...row, epoch }, sentAt), () => release(lease))
      return { _tag: "Granted", lease, state, ledger: ledger === null ? null : readText(ledger) }
    })

  const append = (lease: Lease, messages: ReadonlyArray<Message>) =>
    Effect.gen(function* () {
      const { epoch, holder, sessionId } = lease
      const serialized = yield* serializeAll(messages)
      const at = yield* currentTime
      const entries = serialized.map((one) => {
        const entry = { kind: null, tokens: counter.message(one.message), at }
        return { ...entry, ...one, arrival: null, checksum: checksumOf(sessionId, one, entry) }
      })
      yield* awaitReturn(sessionId, "turn")
      const [usage, usageOf] = unsavedUsage(memory.peek(sessionId))
      const [row] = yield* write(statements.append, (...attempt) => [
        keepId(sessionId),
        ...attempt,
        tokenOf(lease, "turn"),
        keepText(holder),
        epoch,
        at,
        entries.map(({ tokens }) => tokens),
        entries.map(({ body }) => body),
        entries.map(({ checksum }) => checksum),
        usage,
        usageOf
      ])
      if (row === undefined || row.status !== "ok") {
        return yield* refuseTurn(row?.status === "superseded" ? "superseded" : "lost", sessionId, messages)
      }
      const appended = entries.map(({ arrival, at, kind, message, tokens }, i): Logged => ({
        seq: row.before + i + 1,
        message,
        tokens,
        kind,
        arrival,
        at
      }))
      const known = memory.peek(sessionId)
      if (known !== undefined) {
        const isSame = known.generation === row.generation && known.epoch === epoch
        // Who looked at the session before this answer came has read them already.
        const isThere = known.lastSeq >= row.before + appended.length
        if (isSame && known.lastSeq === row.before) memory.append(known, appended)
        if (isSame && (isThere || known.lastSeq === row.before + appended.length)) noteSeen(sessionId, known)
        else memory.forget(sessionId)
        if (usage !== null) known.isUsageUnsaved = false
      }
      return appended
    })

  /** In memory until the next write takes it to disk. */
  const report = (sessionId: SessionId, usage: Usage) =>
    Effect.suspend(() => {
      if (!isUsage(usage)) return Effect.void
      const known = memory.peek(sessionId)
      if (known === undefined) {
        const saved = run(statements.saveUsage, keepId(sessionId), JSON.stringify(usage), usage.generation)
        return Effect.ignoreLogged(saved)
      }
      if (known.generation !== usage.generation) return Effect.void
      known.usage = usage
      known.isUsageUnsaved = true
      return Effect.void
    })

  /** Reads and replaces what nobody has changed in between, or begins again. */
  const learnWindow = (sessionId: SessionId, ...learned: LearnedWindowChange): Effect.Effect<void, StoreError> =>
    Effect.gen(function* () {
      const [head] = yield* run(statements.head, keepId(sessionId))
      if (head === undefined) return
      const before = yield* readRows(() => windowsOfRow(head.windows))
      const windows = replaceLearnedWindow(before, ...learned)
      if (windows === before) return
      const [saved] = yield* run(statements.saveWindows, keepId(sessionId), JSON.stringify(windows), head.windows)
      if (saved === undefined) return yield* learnWindow(sessionId, ...learned)
      const known = memory.peek(sessionId)
      if (known?.epoch === head.epoch) known.windows = windows
    })

  /** What is undone now, and where the log ends. */
  const findEnd = (
    sessionId: SessionId
  ): Effect.Effect<{ readonly lastSeq: number; readonly undone: ReadonlyArray<UndoneRange> } | undefined, StoreError> =>
    Effect.flatMap(run(statements.whole, keepId(sessionId)), ([row]) =>
      row === undefined
        ? Effect.succeed(undefined)
        : readRows(() => ({ lastSeq: row.last_seq, undone: manifestOf(sessionId, row).undone }))
    )

  const range = (sessionId: SessionId, fromSeq: number, toSeq: number) =>
    Effect.gen(function* () {
      const end = yield* findEnd(sessionId)
      if (end === undefined) return []
      const [from, to] = [Math.max(1, fromSeq), Math.min(toSeq, end.lastSeq)]
      if (from > to) return []
      const rows = yield* readBetween(sessionId, from, to)
      const entries = yield* readRows(() => loggedOfRows(sessionId, rows, from, to, loggedOf))
      return dropUndone(end.undone, entries)
    })

  /** One commit moves messages from the inbox to the log, so the last page is read together with the inbox. */
  const readPage = (sessionId: SessionId, after: number, undone: ReadonlyArray<UndoneRange>) =>
    Effect.flatMap(run(statements.page, keepId(sessionId), after, PAGE), (rows) =>
      readRows(() => {
        const logged = rows.flatMap((row) => (row.seq === null ? [] : { ...row, seq: row.seq }))
        const last = logged.at(-1)?.seq ?? after
        const entries = loggedOfRows(sessionId, logged, after + 1, last, loggedOf)
        const acknowledged = entries.map((entry): Acknowledged => ({ ...entry, undone: isUndone(undone, entry.seq) }))
        const waiting = rows.flatMap(({ seq, ...row }): ReadonlyArray<Acknowledged> =>
          seq === null ? [{ ...loggedOfArrival(sessionId, row), seq, undone: false }] : []
        )
        const next = logged.length < PAGE ? Option.none<number>() : Option.some(last)
        return [Chunk.unsafeFromArray([...acknowledged, ...waiting]), next] as const
      })
    )

  const log = (sessionId: SessionId, from = 0): Stream.Stream<Acknowledged, UnknownSession | StoreError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        yield* findHead(sessionId)
        const { undone } = (yield* findEnd(sessionId)) ?? { undone: [] }
        return Stream.paginateChunkEffect(from, (after: number) => readPage(sessionId, after, undone))
      })
    )

  return {
    begin,
    beginOperation,
    promote,
    append,
    report,
    learnWindow,
    state: findState,
    recentState: findRecentState,
    range,
    log
  }
}
