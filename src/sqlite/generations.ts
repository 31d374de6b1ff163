/** Generations of the native store: commit, reset, rewind, and the snapshots they leave behind. */
import * as Either from "effect/Either"
import { SessionId, snapshotId, wholeLog } from "../session/Session.ts"
import type { Manifest, State, UndoneRange } from "../session/Session.ts"
import { makeUnknownSnapshot, StoreError, type UnknownSession, type UnknownSnapshot } from "../session/SessionError.ts"
import { LeaseLost } from "../store/SessionStore.ts"
import type { Commit, Committed, Lease, PublishedOutcome, Rewind } from "../store/SessionStore.ts"
import {
  advanceResident,
  countSameRanges,
  findGenerationFault,
  isBaseFor,
  type Resident,
  stateOfResident,
  stateOfResidentAt
} from "../store/residentSessions.ts"
import type { AfterCommit, Connection } from "./transaction.ts"
import { readManifest, verifyLease } from "./transaction.ts"
import { saveUsage } from "./log.ts"
import * as Rows from "../store/rows.ts"
import type { Statements } from "./statements.ts"
import { countUndone, undoAfter } from "../session/Session.ts"

type NewGeneration = Omit<Commit, "base">

/** A generation to be written, and how many messages the log has. */
interface GenerationDraft {
  readonly manifest: Manifest
  readonly operationId: string
  readonly receipt?: string | undefined
  readonly lastSeq: number
  readonly at: number
}

/**
 * Writes the generation after the newest one, in which `undone` is undone. Of what is undone it writes what has changed.
 * Its time is later than that of the one before, so that names of snapshots are unique even if the clock stands still.
 */
export const saveGeneration = (
  sql: Statements,
  sessionId: SessionId,
  undone: ReadonlyArray<UndoneRange>,
  { at: now, lastSeq, manifest: { undone: made, ...manifest }, operationId, receipt }: GenerationDraft
): Omit<Committed, "state"> => {
  const newest = sql.generation.get(sessionId)
  const generation = (newest?.generation ?? 0) + 1
  const at = Math.max(now, (newest?.at ?? -1) + 1)
  const left = snapshotId(sessionId, at)
  // A process of an earlier version may have written the newest generation. It leaves no rows of what is undone.
  const stored = newest && Rows.readOrUndefined(() => Rows.parseManifest(newest.manifest))
  const kept = typeof stored?.undone === "number" ? countSameRanges(undone, made) : 0
  sql.endUndone.run(generation, sessionId, made[kept - 1]?.fromSeq ?? -Infinity)
  for (const { fromSeq, toSeq } of made.slice(kept)) sql.saveUndone.run(sessionId, fromSeq, toSeq, generation)
  const text = JSON.stringify({ ...manifest, undone: countUndone(made), receipt })
  const checksum = Rows.checksumOfGeneration(sessionId, { generation, manifest: text, left_seq: lastSeq, at })
  sql.saveGeneration.run(sessionId, generation, text, lastSeq, left, operationId, at, checksum)
  return { generation, snapshotId: left }
}

export const make = (connection: Connection) => {
  const { commitDurably, findResident, foreign, loader, read, residents, runRelaxed, sql } = connection

  /** Writes the next generation. Copies no message. */
  const writeGeneration = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    const { lastSeq } = current
    const { manifest, operationId, receipt } = made
    const fault = findGenerationFault(made, lastSeq)
    // The transaction turns it into a failure of its effect.
    if (fault !== undefined) throw new StoreError({ operation: "make a generation", reason: "failed", detail: fault })
    for (const segment of made.segments) sql.saveSegment.run(Rows.rowOfSegment(sessionId, segment))
    if (made.ledger === null) sql.clearLedger.run(sessionId)
    else sql.saveLedger.run(sessionId, made.ledger, Rows.checksumOfLedger(sessionId, made.ledger))
    const draft = { manifest, operationId, receipt, lastSeq, at: now }
    const written = saveGeneration(sql, sessionId, current.manifest.undone, draft)
    if (made.ending !== undefined) {
      const { counts, makeOutcome, requestKey } = made.ending
      sql.publish.run(operationId, sessionId, requestKey, makeOutcome(written.snapshotId))
      sql.count.run(Rows.encodeCounts(counts), sessionId)
    }
    return written
  }

  /** Reads the new base from disk. States that callers hold of the old one stay as they are. */
  const commitAndReload = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    const written = writeGeneration(sessionId, current, made, now)
    // The resident is dropped, and a report that only it holds would be lost.
    saveUsage(connection, sessionId, current)
    const { lastSeq, usage, windows } = current
    const { generation } = written
    const state = Rows.loadState(loader, { sessionId, generation, lastSeq, usage, windows, manifest: made.manifest })
    foreign.onNewBase(sessionId, () => state)
    return (): Committed => {
      residents.forget(sessionId)
      return { ...written, state }
    }
  }

  /** Makes the new base of what is in memory, if that holds all of it. */
  const commitInMemory = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    const next = advanceResident(current, made.manifest, made.segments)
    if (next === undefined) return commitAndReload(sessionId, current, made, now)
    const written = writeGeneration(sessionId, current, made, now)
    foreign.onNewBase(sessionId, () => stateOfResident(sessionId, next))
    return (): Committed => {
      residents.replace(sessionId, next)
      return { ...written, state: stateOfResident(sessionId, next) }
    }
  }

  /** Makes a generation that ends the turn and the operation under way: what they know of the session is out of date. */
  const supersede = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    sql.nextEpoch.run(sessionId)
    sql.revokeLease.run(sessionId, "operation")
    const next = { ...current, epoch: current.epoch + 1, usage: null, isUsageUnsaved: false }
    return commitInMemory(sessionId, next, made, now)
  }

  const commit = (lease: Lease, made: Commit) =>
    commitDurably("commit", lease.sessionId, (now): AfterCommit<Committed, LeaseLost> => {
      const verified = Either.filterOrLeft(
        verifyLease(connection, lease, "operation"),
        (current) => current.generation === made.base,
        () => new LeaseLost({ name: "operation", superseded: true })
      )
      return Either.map(verified, (current) => {
        const { holder, name, sessionId, token } = lease
        if (made.ending !== undefined) sql.freeLease.run(sessionId, name, token, holder)
        return commitInMemory(sessionId, current, made, now)
      })
    })

  const reset = (sessionId: SessionId) =>
    commitDurably("reset", sessionId, (now): AfterCommit<Committed, UnknownSession> =>
      Either.map(findResident(sessionId), (current) => {
        const from = current.lastSeq + 1
        const manifest = { ...wholeLog, contextFrom: from, tailFrom: from, undone: current.manifest.undone }
        sql.saveWindows.run(null, sessionId)
        const made = { operationId: "reset", manifest, segments: [], ledger: null }
        return supersede(sessionId, { ...current, windows: [] }, made, now)
      })
    )

  const rewind = (sessionId: SessionId, { base, ledger, manifest, seq }: Rewind) =>
    commitDurably("rewind", sessionId, (now): AfterCommit<Committed | null, UnknownSession> =>
      Either.map(findResident(sessionId), (current) => {
        if (current.generation !== base) return () => null
        const undone = undoAfter(current.manifest.undone, seq, current.lastSeq)
        const made = { operationId: "rewind", manifest: { ...manifest, undone }, segments: [], ledger }
        return supersede(sessionId, current, made, now)
      })
    )

  /** Finds the newest generation that covers nothing after `seq` and that a rewind may go back to. */
  const findBase = (sessionId: SessionId, current: Resident, seq: number): Pick<State, "generation" | "manifest"> => {
    if (current.manifest.tailFrom <= seq + 1) return current
    for (let later = current.generation; ;) {
      const row = sql.generationBefore.get(sessionId, seq + 1, later)
      if (row === undefined) return { generation: 0, manifest: wholeLog }
      const manifest = readManifest(sql, sessionId, row)
      if (isBaseFor(seq, manifest, current.manifest)) return { generation: row.generation, manifest }
      later = row.generation
    }
  }

  const stateAt = (sessionId: SessionId, seq: number) =>
    read("stateAt", sessionId, (): AfterCommit<State, UnknownSession> =>
      Either.map(findResident(sessionId), (current) => {
        const { generation, manifest: base } = findBase(sessionId, current, seq)
        if (generation === current.generation) return () => stateOfResidentAt(sessionId, current, seq)
        const manifest = { ...base, undone: current.manifest.undone }
        const at = { sessionId, generation, usage: null, windows: [], manifest }
        const state = Rows.loadState(loader, { ...at, lastSeq: Math.min(seq, current.lastSeq) })
        return () => ({ ...state, lastSeq: seq })
      })
    )

  const ledger = (sessionId: SessionId) =>
    read("ledger", sessionId, () =>
      Either.map(findResident(sessionId), () => {
        const text = sql.ledger.get(sessionId) ?? null
        return () => text
      })
    )

  const snapshot = (id: string) =>
    read("snapshot", id, (): AfterCommit<State, UnknownSnapshot> => {
      const left = sql.leftBehind.get(id)
      if (left === undefined) return Either.left(makeUnknownSnapshot(id))
      const sessionId = SessionId.make(left.session_id)
      const { generation, left_seq: lastSeq } = left
      const manifest = readManifest(sql, sessionId, sql.manifestOf.get(sessionId, generation))
      const state = Rows.loadState(loader, { sessionId, generation, lastSeq, usage: null, windows: [], manifest })
      return Either.right(() => state)
    })

  const receipt = (id: string) =>
    read("receipt", id, (): AfterCommit<string | null, UnknownSnapshot> => {
      const text = sql.manifestAfter.get(id)
      if (text === undefined) return Either.left(makeUnknownSnapshot(id))
      const { receipt = null } = Rows.parseManifest(text)
      return Either.right(() => receipt)
    })

  const publish = ({ operationId, outcome, requestKey, sessionId }: PublishedOutcome) =>
    runRelaxed("publish", sessionId, () => {
      sql.publish.run(operationId, sessionId, requestKey, outcome)
      return Either.right(() => {})
    })

  const outcome = (operationId: string, requestKey: string) =>
    read("outcome", operationId, () => {
      const text = sql.outcome.get(operationId, requestKey) ?? null
      return Either.right(() => text)
    })

  return { commit, reset, rewind, stateAt, ledger, snapshot, receipt, publish, outcome }
}
