/** Generations: commit, reset, rewind, and the snapshots they leave behind. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import {
  countUndone,
  type Manifest,
  SessionId,
  snapshotId,
  type State,
  undoAfter,
  wholeLog
} from "../session/Session.ts"
import {
  makeUnknownSession,
  makeUnknownSnapshot,
  StoreError,
  type UnknownSession,
  type UnknownSnapshot
} from "../session/SessionError.ts"
import {
  advanceResident,
  findGenerationFault,
  isBaseFor,
  type Resident,
  stateOfResident,
  stateOfResidentAt
} from "../store/residentSessions.ts"
import { checksumOfGeneration, checksumOfLedger, encodeCounts, parseManifest, rowOfSegment } from "../store/rows.ts"
import { type Commit, type Committed, type Lease, LeaseLost, type Rewind } from "../store/SessionStore.ts"
import { type Leases, tokenOf } from "./leases.ts"
import type { Attempt, Link } from "./link.ts"
import { manifestOf, readRows, type Residents } from "./residents.ts"
import { type GenerationColumns, type MadeRow, statements } from "./statements.ts"
import { keepId, keepText, keepTextOrNull, readText } from "./texts.ts"

type NewGeneration = Omit<Commit, "base">

/** The columns of a generation that do not depend on what the server finds, in the order of the statements. */
const columnsOf = (sessionId: SessionId, generation: number, made: NewGeneration): GenerationColumns => {
  const { undone, ...manifest } = made.manifest
  const text = JSON.stringify({ ...manifest, undone: countUndone(undone), receipt: made.receipt })
  const ledger = keepTextOrNull(made.ledger)
  return [
    text,
    manifest.tailFrom,
    checksumOfGeneration(sessionId, { generation, manifest: text, left_seq: 0, at: 0 }),
    keepText(made.operationId),
    ledger,
    ledger === null ? null : checksumOfLedger(sessionId, ledger),
    undone.map(({ fromSeq }) => fromSeq),
    undone.map(({ toSeq }) => toSeq)
  ]
}

const segmentsOf = (sessionId: SessionId, segments: Commit["segments"]): string =>
  JSON.stringify(
    segments.map((segment) => {
      const row = rowOfSegment(sessionId, segment)
      const ids = { id: keepText(row.id), model: keepText(row.model), body: keepText(row.body) }
      return { ...row, ...ids, degraded: keepTextOrNull(row.degraded), focus: keepTextOrNull(row.focus) }
    })
  )

/** The last message that a manifest names. More than any log has if the generation could not be read back. */
const reachOf = (made: NewGeneration): number =>
  findGenerationFault(made, Infinity) === undefined
    ? Math.max(made.manifest.contextFrom - 1, made.manifest.headTo, made.manifest.tailFrom - 1, ...made.manifest.live)
    : MOST_MESSAGES

const MOST_MESSAGES = 2 ** 31 - 1

const refuseGeneration = (made: NewGeneration, lastSeq: number): StoreError => {
  const detail = findGenerationFault(made, lastSeq) ?? "the log does not reach so far"
  return new StoreError({ operation: "make a generation", reason: "failed", detail })
}

export const make = (
  { run, write }: Link,
  { findCurrent, memory, noteSeen, readState }: Residents,
  { awaitReturn, noteReturned }: Leases
) => {
  const currentTime = Effect.map(Clock.currentTimeMillis, Math.floor)

  /** Takes memory to the new base, if it is at the old one and has all that the new one shows. */
  const advance = (
    sessionId: SessionId,
    base: Resident | undefined,
    made: NewGeneration,
    { at, generation, last_seq }: MadeRow
  ): Effect.Effect<Committed, UnknownSession | StoreError> => {
    const isAtBase = base !== undefined && base.generation === generation - 1 && base.lastSeq === last_seq
    const next = isAtBase ? advanceResident(base, made.manifest, made.segments) : undefined
    if (next === undefined) memory.forget(sessionId)
    else noteSeen(sessionId, { ...next, isUsageUnsaved: false })
    const committed = { generation, snapshotId: snapshotId(sessionId, at) }
    return next === undefined
      ? Effect.map(findCurrent(sessionId), (resident) => ({
          ...committed,
          state: stateOfResident(sessionId, resident)
        }))
      : Effect.succeed({ ...committed, state: stateOfResident(sessionId, next) })
  }

  const commit = (lease: Lease, made: Commit): Effect.Effect<Committed, LeaseLost | StoreError> =>
    Effect.flatMap(Effect.zipRight(awaitReturn(lease.sessionId, "operation"), currentTime), (at) =>
      commitAt(lease, made, at)
    )

  const commitAt = (
    lease: Lease,
    { base, ...made }: Commit,
    at: number
  ): Effect.Effect<Committed, LeaseLost | StoreError> =>
    Effect.gen(function* () {
      const { epoch, holder, sessionId } = lease
      const { ending } = made
      const reach = yield* readRows(() => reachOf(made))
      const isReadable = reach < MOST_MESSAGES
      const columns = columnsOf(sessionId, base + 1, isReadable ? made : { ...made, manifest: wholeLog, ledger: null })
      const segments = isReadable ? segmentsOf(sessionId, made.segments) : "[]"
      const before = memory.peek(sessionId)
      const usage = before?.isUsageUnsaved === true && before.generation === base ? JSON.stringify(before.usage) : null
      const fence = [tokenOf(lease, "operation"), keepText(holder), epoch] as const
      const commitColumns = (...attempt: Attempt) =>
        [keepId(sessionId), ...attempt, ...fence, base, reach, at, ...columns, segments, usage] as const
      const [row] = yield* ending === undefined
        ? write(statements.commit, commitColumns)
        : write(statements.commitAndEnd, (...attempt) => [
            ...commitColumns(...attempt),
            keepText(ending.requestKey),
            keepText(ending.makeOutcome(snapshotId(sessionId, at))),
            encodeCounts(ending.counts)
          ])
      if (row?.status === "early") return yield* commitAt(lease, { base, ...made }, row.at)
      if (row?.status === "beyond") return yield* refuseGeneration(made, row.last_seq)
      if (row?.status !== "ok") {
        return yield* new LeaseLost({ name: "operation", superseded: row?.status === "superseded" })
      }
      if (ending !== undefined) noteReturned(lease)
      const known = memory.peek(sessionId)
      return yield* Effect.catchTag(
        advance(sessionId, known?.epoch === epoch ? known : undefined, made, row),
        "UnknownSession",
        () => new LeaseLost({ name: "operation", superseded: true })
      )
    })

  /** Ends the turn and the operation under way. Begins again if the session has changed since it was looked at. */
  const supersede = (
    sessionId: SessionId,
    makeNext: (current: Resident) => NewGeneration | null,
    forgetsWindows: boolean
  ): Effect.Effect<Committed | null, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const current = yield* findCurrent(sessionId)
      const { epoch, generation, lastSeq } = current
      const made = makeNext(current)
      if (made === null) return null
      const reach = yield* readRows(() => reachOf(made))
      if (reach > lastSeq) return yield* refuseGeneration(made, lastSeq)
      const columns = columnsOf(sessionId, generation + 1, made)
      const at = yield* currentTime
      const [row] = yield* write(statements.supersede, (...attempt) => [
        sessionId,
        ...attempt,
        epoch,
        generation,
        lastSeq,
        at,
        ...columns,
        forgetsWindows
      ])
      if (row?.status !== "ok") return yield* supersede(sessionId, makeNext, forgetsWindows)
      const windows = forgetsWindows ? [] : current.windows
      return yield* advance(sessionId, { ...current, epoch: epoch + 1, usage: null, windows }, made, row)
    })

  const reset = (sessionId: SessionId): Effect.Effect<Committed, UnknownSession | StoreError> =>
    Effect.flatMap(
      supersede(
        sessionId,
        ({ lastSeq, manifest: { undone } }) => {
          const manifest = { ...wholeLog, contextFrom: lastSeq + 1, tailFrom: lastSeq + 1, undone }
          return { operationId: "reset", manifest, segments: [], ledger: null }
        },
        true
      ),
      (made) => (made === null ? Effect.fail(makeUnknownSession(sessionId)) : Effect.succeed(made))
    )

  const rewind = (sessionId: SessionId, { base, ledger, manifest, seq }: Rewind) =>
    supersede(
      sessionId,
      (current) => {
        if (current.generation !== base) return null
        const undone = undoAfter(current.manifest.undone, seq, current.lastSeq)
        return { operationId: "rewind", manifest: { ...manifest, undone }, segments: [], ledger }
      },
      false
    )

  /** Finds the newest generation that covers nothing after `seq` and that a rewind may go back to. */
  const findBase = (sessionId: SessionId, current: Resident, seq: number) =>
    Effect.gen(function* () {
      if (current.manifest.tailFrom <= seq + 1) return { generation: current.generation, manifest: current.manifest }
      for (let later = current.generation; ;) {
        const [row] = yield* run(statements.generationBefore, sessionId, seq + 1, later)
        if (row === undefined) return { generation: 0, manifest: wholeLog }
        const manifest: Manifest = yield* readRows(() => manifestOf(sessionId, row))
        if (isBaseFor(seq, manifest, current.manifest)) return { generation: row.generation, manifest }
        later = row.generation
      }
    })

  const stateAt = (sessionId: SessionId, seq: number): Effect.Effect<State, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const current = yield* findCurrent(sessionId)
      const { generation, manifest: base } = yield* findBase(sessionId, current, seq)
      if (generation === current.generation) return stateOfResidentAt(sessionId, current, seq)
      const manifest = { ...base, undone: current.manifest.undone }
      const at = { sessionId, generation, usage: null, windows: [], manifest }
      const state = yield* readState({ ...at, lastSeq: Math.min(seq, current.lastSeq) })
      return { ...state, lastSeq: seq }
    })

  const ledger = (sessionId: SessionId): Effect.Effect<string | null, UnknownSession | StoreError> =>
    Effect.flatMap(run(statements.ledger, keepId(sessionId)), ([row]) =>
      row === undefined
        ? Effect.fail(makeUnknownSession(sessionId))
        : Effect.succeed(row.body === null ? null : readText(row.body))
    )

  const snapshot = (id: string): Effect.Effect<State, UnknownSnapshot | StoreError> =>
    Effect.gen(function* () {
      const [row] = yield* run(statements.left, keepId(id))
      if (row === undefined) return yield* makeUnknownSnapshot(id)
      const sessionId = SessionId.make(row.session_id)
      const generation = row.left
      const manifest = yield* readRows(() => manifestOf(sessionId, { ...row, generation }))
      return yield* readState({ sessionId, generation, lastSeq: row.left_seq, usage: null, windows: [], manifest })
    })

  const snapshots = (sessionId: SessionId) =>
    Effect.flatMap(run(statements.snapshots, keepId(sessionId)), (rows) =>
      rows.length === 0
        ? Effect.fail(makeUnknownSession(sessionId))
        : Effect.succeed(
            rows.flatMap(({ at, generation, last_seq: lastSeq, snapshot_id: snapshotId }) =>
              snapshotId === null ? [] : { snapshotId, sessionId, generation, lastSeq, at }
            )
          )
    )

  const receipt = (id: string): Effect.Effect<string | null, UnknownSnapshot | StoreError> =>
    Effect.gen(function* () {
      const [row] = yield* run(statements.manifestAfter, keepId(id))
      if (row === undefined) return yield* makeUnknownSnapshot(id)
      return yield* readRows(() => parseManifest(row.manifest).receipt ?? null)
    })

  return { commit, reset, rewind, stateAt, ledger, snapshot, snapshots, receipt }
}
