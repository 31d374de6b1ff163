/** Generations of the native store: commit, reset, rewind, and the snapshots they leave behind. */
import * as Either from "effect/Either"
import { SessionId, snapshotId, wholeLog } from "../session/Session.ts"
import type { State } from "../session/Session.ts"
import { makeUnknownSnapshot, StoreError, type UnknownSession, type UnknownSnapshot } from "../session/SessionError.ts"
import { LeaseLost } from "../store/SessionStore.ts"
import type { Commit, Committed, Lease, PublishedOutcome, Rewind } from "../store/SessionStore.ts"
import {
  advanceResident,
  findGenerationFault,
  loadState,
  type Resident,
  stateOfResident
} from "../store/residentSessions.ts"
import type { AfterCommit, Connection } from "./transaction.ts"
import { verifyLease } from "./transaction.ts"
import { saveUsage } from "./log.ts"
import * as Rows from "./rows.ts"
import { undoAfter } from "../session/Session.ts"

type NewGeneration = Omit<Commit, "base">

export const make = (connection: Connection) => {
  const { commitDurably, findResident, loader, onNewBase, read, residents, runRelaxed, sql } = connection

  /** Writes the next generation. Copies no message. */
  const writeGeneration = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    const { generation, lastSeq } = current
    const fault = findGenerationFault(made, lastSeq)
    // The transaction turns it into a failure of its effect.
    if (fault !== undefined) throw new StoreError({ operation: "make a generation", reason: "failed", detail: fault })
    // Later than the last one, so that names are unique even if the clock stands still.
    const at = Math.max(now, (sql.generation.get(sessionId)?.at ?? -1) + 1)
    const left = snapshotId(sessionId, at)
    for (const segment of made.segments) {
      const { children, degraded, focus, fromSeq, id, level, model, text, toSeq, tokens } = segment
      const ids = JSON.stringify(children)
      sql.saveSegment.run(id, sessionId, level, ids, fromSeq, toSeq, tokens, text, degraded, focus, model)
    }
    const manifest = JSON.stringify(made.manifest)
    sql.saveGeneration.run(sessionId, generation + 1, manifest, lastSeq, left, made.operationId, at)
    if (made.ledger === null) sql.clearLedger.run(sessionId)
    else sql.saveLedger.run(sessionId, made.ledger)
    return { generation: generation + 1, snapshotId: left }
  }

  /** Reads the new base from disk. States that callers hold of the old one stay as they are. */
  const commitAndReload = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    const written = writeGeneration(sessionId, current, made, now)
    // The resident is dropped, and a report that only it holds would be lost.
    saveUsage(connection, sessionId, current)
    const { lastSeq, usage, windows } = current
    const { generation } = written
    const state = loadState(loader, { sessionId, generation, lastSeq, usage, windows, manifest: made.manifest })
    onNewBase(sessionId, () => state)
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
    onNewBase(sessionId, () => stateOfResident(sessionId, next))
    return (): Committed => {
      residents.replace(sessionId, next)
      return { ...written, state: stateOfResident(sessionId, next) }
    }
  }

  /** Makes a generation that ends the turn and the operation under way: what they know of the session is out of date. */
  const supersede = (sessionId: SessionId, current: Resident, made: NewGeneration, now: number) => {
    sql.nextEpoch.run(sessionId)
    sql.revokeLease.run(sessionId, "operation")
    return commitAndReload(sessionId, { ...current, usage: null }, made, now)
  }

  const commit = (lease: Lease, made: Commit) =>
    commitDurably("commit", lease.sessionId, (now): AfterCommit<Committed, LeaseLost> => {
      const verified = Either.filterOrLeft(
        verifyLease(connection, lease, "operation"),
        (current) => current.generation === made.base,
        () => new LeaseLost({ name: "operation", superseded: true })
      )
      return Either.map(verified, (current) => commitInMemory(lease.sessionId, current, made, now))
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

  const stateAt = (sessionId: SessionId, seq: number) =>
    read("stateAt", sessionId, (): AfterCommit<State, UnknownSession> =>
      Either.map(findResident(sessionId), ({ lastSeq, manifest: { undone } }) => {
        const row = sql.generationBefore.get(sessionId, seq + 1)
        const manifest = { ...Rows.manifestOfGeneration(row), undone }
        const generation = row?.generation ?? 0
        const at = { sessionId, generation, usage: null, windows: [], manifest }
        const state = loadState(loader, { ...at, lastSeq: Math.min(seq, lastSeq) })
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
      const manifest = Rows.manifestOfGeneration(sql.manifestOf.get(sessionId, generation))
      const state = loadState(loader, { sessionId, generation, lastSeq, usage: null, windows: [], manifest })
      return Either.right(() => state)
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

  return { commit, reset, rewind, stateAt, ledger, snapshot, publish, outcome }
}
