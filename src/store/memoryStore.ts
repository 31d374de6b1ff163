/**
 * A backend in plain memory. It is written for its own sake, without anything of the SQLite store: where the two differ,
 * the contract tests show it.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { isDeepStrictEqual } from "node:util"
import { copyMessage, type InvalidMessage, type Message, serialize, serializeAll } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import {
  type DeliveryKind,
  isUndone,
  type Logged,
  type Receipt,
  type LearnedWindowChange,
  replaceLearnedWindow,
  type Segment,
  type SessionId,
  snapshotId,
  undoAfter,
  type Usage,
  wholeLog
} from "../session/Session.ts"
import {
  IdempotencyConflict,
  type InvalidKey,
  SessionBusy,
  SessionExists,
  type StoreError,
  Superseded,
  TurnLost,
  makeUnknownSession,
  makeUnknownSnapshot
} from "../session/SessionError.ts"
import * as SessionStats from "../session/SessionStats.ts"
import * as MemoryIndex from "./memoryIndex.ts"
import {
  addCounts,
  addToLog,
  atOnce,
  beginOperation,
  beginTurn,
  changeLease,
  checkGeneration,
  endOperation,
  entryOfLease,
  type LeaseEntry,
  findHolder,
  type FindSegment,
  manifestOf,
  newSession,
  pushGeneration,
  rememberPauses,
  type Session,
  shownBetween,
  snapshotsOf,
  stateNow,
  stateBefore,
  stateUnder,
  startEpoch,
  summaryOf,
  takeLease,
  takeUpInbox
} from "./memorySession.ts"
import { collectStreams, nothingBeside, readHistories, type WholeHistories } from "./histories.ts"
import {
  type Acknowledged,
  type BeginRequest,
  checkDelivery,
  type Commit,
  type Committed,
  type Delivery,
  type Forgotten,
  isUsage,
  type Lease,
  LeaseLost,
  type LeaseName,
  type LeaseRequest,
  noPause,
  type Pause,
  type PauseChange,
  type PublishedOutcome,
  type Rewind
} from "./model.ts"

export const make = (counter: Counter) => {
  const sessions = new Map<SessionId, Session>()
  const segments = new Map<string, { readonly sessionId: SessionId; readonly segment: Segment }>()
  const snapshots = new Map<string, { readonly session: Session; readonly generation: number }>()
  const outcomes = new Map<string, PublishedOutcome>()
  const pauses = new Map<string, Pause>()
  const healTriesOf = new Map<string, number>()
  let arrivals = 0

  const find = (sessionId: SessionId) =>
    Either.fromNullable(sessions.get(sessionId), () => makeUnknownSession(sessionId))

  const findSegment = (id: string): Segment | undefined => segments.get(id)?.segment

  const open = (id: SessionId, beside = nothingBeside): Session => {
    const session = newSession(id, beside)
    sessions.set(id, session)
    return session
  }

  const entryOf = (message: Message, kind: DeliveryKind | null, at: number): Omit<Logged, "seq"> => ({
    message,
    tokens: counter.message(message),
    kind,
    arrival: null,
    at
  })

  const deliver = (sessionId: SessionId, input: unknown, delivery: Delivery) =>
    atOnce((now): Either.Either<Receipt, InvalidMessage | IdempotencyConflict | InvalidKey | StoreError> => {
      const { key, kind } = delivery
      const serialized = Either.flatMap(checkDelivery(sessionId, { key, kind }), () => serialize(input))
      if (Either.isLeft(serialized)) return Either.left(serialized.left)
      const { message } = serialized.right
      const content = [kind, message]
      const earlier = key === undefined ? undefined : sessions.get(sessionId)?.deliveries.get(key)
      if (key !== undefined && earlier !== undefined) {
        return isDeepStrictEqual(earlier.content, content)
          ? Either.right({ sessionId, arrival: earlier.arrival, duplicate: true })
          : Either.left(new IdempotencyConflict({ sessionId, key }))
      }
      const session = sessions.get(sessionId) ?? open(sessionId)
      const arrival = ++arrivals
      session.inbox = [...session.inbox, { ...entryOf(message, kind, now), kind, arrival }]
      if (key !== undefined) session.deliveries.set(key, { arrival, content })
      return Either.right({ sessionId, arrival, duplicate: false })
    })

  const importAll = (histories: WholeHistories) =>
    atOnce((now): Either.Either<void, SessionExists | InvalidMessage | StoreError> => {
      const ids = histories.map(({ sessionId }) => sessionId)
      const read = readHistories(histories)
      if (Either.isLeft(read)) return Either.left(read.left)
      const taken = ids.find((id, i) => sessions.has(id) || ids.indexOf(id) !== i)
      if (taken !== undefined) return Either.left(new SessionExists({ sessionId: taken }))
      for (const { beside, messages, sessionId } of read.right) {
        const entries = messages.map(({ kind, message }) => entryOf(message, kind, now))
        addToLog(open(sessionId, beside), entries)
      }
      return Either.right(undefined)
    })

  const forget = (sessionId: SessionId) =>
    atOnce((now) =>
      Either.flatMap(find(sessionId), (session): Either.Either<Forgotten, SessionBusy> => {
        const holder = findHolder(session, now)
        if (holder !== undefined) return Either.left(new SessionBusy({ sessionId, holder }))
        sessions.delete(sessionId)
        for (const [id, known] of segments) {
          if (known.sessionId !== sessionId) continue
          segments.delete(id)
          healTriesOf.delete(id)
        }
        for (const left of session.generations) snapshots.delete(left.snapshotId)
        for (const [id, ended] of outcomes) if (ended.sessionId === sessionId) outcomes.delete(id)
        return Either.right({ messages: session.log.length, waiting: session.inbox.length, lastArrival: arrivals })
      })
    )

  const promote = (lease: Lease) =>
    atOnce(() => Either.map(verifyTurn(lease, []), (session) => takeUpInbox(session, findSegment)))

  const append = (lease: Lease, messages: ReadonlyArray<Message>) =>
    atOnce((now) =>
      Either.flatMap(serializeAll(messages), (serialized) =>
        Either.map(verifyTurn(lease, messages), (session) =>
          addToLog(
            session,
            serialized.map(({ message }) => entryOf(message, null, now))
          )
        )
      )
    )

  const report = (sessionId: SessionId, usage: Usage) =>
    Effect.sync(() => {
      const session = sessions.get(sessionId)
      if (isUsage(usage) && session?.generations.length === usage.generation) session.usage = usage
    })

  const learnWindow = (sessionId: SessionId, ...learned: LearnedWindowChange) =>
    atOnce(() => {
      const session = sessions.get(sessionId)
      if (session !== undefined) session.windows = replaceLearnedWindow(session.windows, ...learned)
      return Either.void
    })

  const range = (sessionId: SessionId, fromSeq: number, toSeq: number) =>
    atOnce(() => {
      const session = sessions.get(sessionId)
      return Either.right(session === undefined ? [] : shownBetween(session, manifestOf(session), fromSeq, toSeq))
    })

  const log = (sessionId: SessionId, after = 0) => {
    const all = atOnce(() =>
      Either.map(find(sessionId), (session): ReadonlyArray<Acknowledged> => {
        const { undone } = manifestOf(session)
        return [
          ...session.log.slice(after).map((entry) => ({ ...entry, undone: isUndone(undone, entry.seq) })),
          ...session.inbox.map((entry) => ({ ...entry, seq: null, undone: false }))
        ].map((entry) => ({ ...entry, message: copyMessage(entry.message) }))
      })
    )
    return Stream.unwrap(Effect.map(all, Stream.fromIterable))
  }

  const acquire = (sessionId: SessionId, request: LeaseRequest) =>
    atOnce((now) => Either.map(find(sessionId), (session) => takeLease(session, request, now)))

  const beginAs =
    <B>(begin: (session: Session, request: BeginRequest, now: number, findSegment: FindSegment) => B) =>
    (sessionId: SessionId, request: BeginRequest) =>
      atOnce((now) => Either.map(find(sessionId), (session) => begin(session, request, now, findSegment)))

  const change = (lease: Lease, to: Partial<LeaseEntry>) => changeLease(sessions.get(lease.sessionId), lease, to)

  const renew = (lease: Lease, ttl: number) =>
    atOnce((now) => Either.right(change(lease, { expires: Math.ceil(now + ttl) })))

  const release = (lease: Lease) => atOnce(() => Either.right(void change(lease, { holder: null, expires: 0 })))

  const verify = (lease: Lease, name: LeaseName): Either.Either<Session, LeaseLost> => {
    const session = sessions.get(lease.sessionId)
    const superseded = session !== undefined && session.epoch !== lease.epoch
    return session === undefined || superseded || lease.name !== name || entryOfLease(session, lease) === undefined
      ? Either.left(new LeaseLost({ name, superseded }))
      : Either.right(session)
  }

  const verifyTurn = (lease: Lease, unstored: ReadonlyArray<Message>): Either.Either<Session, TurnLost | Superseded> =>
    Either.mapLeft(verify(lease, "turn"), ({ superseded }) => {
      const lost = { sessionId: lease.sessionId, unstored }
      return superseded ? new Superseded(lost) : new TurnLost(lost)
    })

  const addGeneration = (session: Session, made: Omit<Commit, "base">, now: number): Committed => {
    const generation = session.generations.length
    const at = Math.max(now, (session.generations.at(-1)?.at ?? -1) + 1)
    const left = snapshotId(session.id, at)
    for (const segment of made.segments) segments.set(segment.id, { sessionId: session.id, segment })
    pushGeneration(session, made.manifest, { snapshotId: left, at, receipt: made.receipt ?? null })
    session.base = {}
    session.ledger = made.ledger
    snapshots.set(left, { session, generation })
    const { ending, operationId } = made
    if (ending !== undefined) {
      const { counts, makeOutcome, requestKey } = ending
      outcomes.set(operationId, { sessionId: session.id, operationId, requestKey, outcome: makeOutcome(left) })
      endOperation(session, counts)
    }
    return { generation: generation + 1, snapshotId: left, state: stateNow(session, findSegment) }
  }

  const commit = (lease: Lease, made: Commit) =>
    atOnce((now) =>
      Either.flatMap(verify(lease, "operation"), (session): Either.Either<Committed, LeaseLost | StoreError> =>
        session.generations.length === made.base
          ? Either.map(checkGeneration("commit", session, made, findSegment), () => addGeneration(session, made, now))
          : Either.left(new LeaseLost({ name: "operation", superseded: true }))
      )
    )

  /** Makes a generation that ends the turn and the operation under way. */
  const supersede = (session: Session, made: Omit<Commit, "base">, now: number): Committed => {
    startEpoch(session)
    return addGeneration(session, made, now)
  }

  const reset = (sessionId: SessionId) =>
    atOnce((now) =>
      Either.map(find(sessionId), (session) => {
        const from = session.log.length + 1
        const manifest = { ...wholeLog, contextFrom: from, tailFrom: from, undone: manifestOf(session).undone }
        session.windows = []
        return supersede(session, { operationId: "reset", manifest, segments: [], ledger: null }, now)
      })
    )

  const rewind = (sessionId: SessionId, asked: Rewind) =>
    atOnce((now) =>
      Either.flatMap(find(sessionId), (session): Either.Either<Committed | null, StoreError> => {
        const { base, ledger, manifest, seq } = asked
        if (session.generations.length !== base) return Either.right(null)
        const undone = undoAfter(manifestOf(session).undone, seq, session.log.length)
        const made = { operationId: "rewind", manifest: { ...manifest, undone }, segments: [], ledger }
        return Either.map(checkGeneration("rewind", session, made, findSegment), () => supersede(session, made, now))
      })
    )

  const state = (sessionId: SessionId) =>
    atOnce(() => Either.map(find(sessionId), (session) => stateNow(session, findSegment)))

  const stateAt = (sessionId: SessionId, seq: number) =>
    atOnce(() => Either.map(find(sessionId), (session) => stateBefore(session, seq, findSegment)))

  const ledger = (sessionId: SessionId) => atOnce(() => Either.map(find(sessionId), (session) => session.ledger))

  const findSnapshot = (id: string) => Either.fromNullable(snapshots.get(id), () => makeUnknownSnapshot(id))

  const snapshot = (id: string) =>
    atOnce(() =>
      Either.map(findSnapshot(id), ({ generation, session }) => {
        const lastSeq = session.generations[generation]?.leftSeq ?? 0
        return stateUnder(session, manifestOf(session, generation), generation, lastSeq, findSegment)
      })
    )

  const receipt = (id: string) =>
    atOnce(() =>
      Either.map(findSnapshot(id), ({ generation, session }) => session.generations[generation]?.receipt ?? null)
    )

  const leftOut = (sessionId: SessionId) => atOnce(() => Either.map(find(sessionId), ({ beside }) => beside.left))

  const listSnapshots = (sessionId: SessionId) => atOnce(() => Either.map(find(sessionId), snapshotsOf))

  const listSessions = Effect.sync(() =>
    Array.from(sessions.values(), summaryOf).toSorted((a, b) =>
      Buffer.compare(Buffer.from(a.sessionId), Buffer.from(b.sessionId))
    )
  )

  const publish = (ended: PublishedOutcome) => atOnce(() => Either.right(void outcomes.set(ended.operationId, ended)))

  const outcome = (operationId: string, requestKey: string) =>
    Effect.sync(() => {
      const found = outcomes.get(operationId)
      return found !== undefined && found.requestKey === requestKey ? found.outcome : null
    })

  const count = (sessionId: SessionId, counts: SessionStats.Counts) =>
    atOnce(() => {
      const session = sessions.get(sessionId)
      return Either.right(session === undefined ? undefined : addCounts(session, counts))
    })

  const stats = (sessionId: SessionId) =>
    atOnce(() =>
      Either.map(find(sessionId), ({ counters }) => SessionStats.makeStats(sessionId, Object.fromEntries(counters)))
    )

  const healTries = (segmentId: string, more: number) =>
    atOnce(() => {
      const tries = (healTriesOf.get(segmentId) ?? 0) + more
      healTriesOf.set(segmentId, tries)
      return Either.right(tries)
    })

  const modify = <A>(keys: ReadonlyArray<string>, change: PauseChange<A>) =>
    atOnce(() => {
      const [result, changed] = change(keys.map((key) => pauses.get(key) ?? noPause))
      rememberPauses(pauses, keys, changed)
      return Either.right(result)
    })

  return {
    store: {
      deliver,
      importAll: collectStreams(importAll),
      forget,
      acquire,
      begin: beginAs(beginTurn),
      beginOperation: beginAs(beginOperation),
      renew,
      release,
      promote,
      append,
      report,
      learnWindow,
      state,
      recentState: state,
      stateAt,
      ledger,
      commit,
      reset,
      rewind,
      publish,
      outcome,
      range,
      log,
      leftOut,
      sessions: listSessions,
      snapshots: listSnapshots,
      snapshot,
      receipt
    },
    index: MemoryIndex.make(find, segments),
    counters: { count, stats, healTries },
    routes: { modify }
  }
}
