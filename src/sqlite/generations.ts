/** Generations of the native store: commit, reset, rewind, and the snapshots they leave behind. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import * as Ledger from "../ledger/Ledger.ts"
import { SessionId, snapshotId, wholeLog } from "../session/Session.ts"
import type { State } from "../session/Session.ts"
import { UnknownSnapshot } from "../session/SessionError.ts"
import type { UnknownSession } from "../session/SessionError.ts"
import { LeaseLost } from "../store/SessionStore.ts"
import type { Commit, Committed, Lease, Rewind } from "../store/SessionStore.ts"
import { advanceState, readManifest, type Resident, readStateParts, readState } from "./residentSessions.ts"
import type { Answer, Block } from "./transaction.ts"
import { verifyLease } from "./leases.ts"
import * as Rows from "./rows.ts"
import * as UndoneRanges from "../session/undoneRanges.ts"

const ledgerOf = Rows.rowReader("ledger", Ledger.Ledger)
const Ended = Schema.Union(CompressionFailed, CompressionResult)
const endedOf = Rows.rowReader("result", Ended)
const encodeEnded = Schema.encodeSync(Schema.parseJson(Ended))

type Made = Omit<Commit, "base">

export const make = (block: Block) => {
  const { noting, reading, rebase, resident, residents, sql, writing } = block

  /** Writes the next generation. No message is copied. */
  const write = (sessionId: SessionId, current: Resident, made: Made, ledger: string, now: number) => {
    const { generation, lastSeq } = current
    // Names are unique even if the clock stands still.
    const at = Math.max(now, (sql.generation.get(sessionId)?.at ?? -1) + 1)
    const left = snapshotId(sessionId, at)
    for (const segment of made.segments) {
      const { children, degraded, focus, fromSeq, id, level, model, text, toSeq, tokens } = segment
      const ids = JSON.stringify(children)
      sql.saveSegment.run(id, sessionId, level, ids, fromSeq, toSeq, tokens, text, degraded, focus, model)
    }
    const manifest = JSON.stringify(made.manifest)
    sql.saveGeneration.run(sessionId, generation + 1, manifest, lastSeq, left, made.operationId, at)
    sql.saveLedger.run(sessionId, ledger)
    return { generation: generation + 1, snapshotId: left }
  }

  /** Reads the new base back. What others hold of the old one stays as it is. */
  const reread = (sessionId: SessionId, current: Resident, made: Made, now: number) => {
    const written = write(sessionId, current, made, JSON.stringify(made.ledger), now)
    const { lastSeq, usage } = current
    const parts = readStateParts(sql, sessionId, made.manifest, lastSeq)
    const state: State = { sessionId, generation: written.generation, lastSeq, usage, ...parts }
    rebase(sessionId, () => state)
    return (): Committed => {
      residents.forget(sessionId)
      return { ...written, state }
    }
  }

  /** The same where memory has all that is left. */
  const advance = (sessionId: SessionId, current: Resident, made: Commit, now: number) => {
    const next = advanceState(current, { ...made.manifest }, made.segments)
    if (next === undefined) return reread(sessionId, current, made, now)
    const ledger = JSON.stringify(made.ledger)
    const written = write(sessionId, current, made, ledger, now)
    rebase(sessionId, () => readState(sessionId, next))
    return (): Committed => {
      residents.replace(sessionId, next)
      // A copy: what was cut out of a message keeps the whole of it in memory.
      residents.know(next, structuredClone(made.ledger), ledger.length)
      return { ...written, state: readState(sessionId, next) }
    }
  }

  /** A generation that ends the turn and the operation under way: what they know of the session is no longer so. */
  const supersede = (sessionId: SessionId, current: Resident, made: Made, now: number) => {
    sql.nextEpoch.run(sessionId)
    sql.revokeLease.run(sessionId, "operation")
    return reread(sessionId, { ...current, usage: null }, made, now)
  }

  const commit = (lease: Lease, made: Commit) =>
    writing("commit", lease.sessionId, (now): Answer<Committed, LeaseLost> => {
      const verified = Either.filterOrLeft(
        verifyLease(block, lease),
        (current) => current.generation === made.base,
        () => new LeaseLost({ name: "operation", superseded: true })
      )
      return Either.map(verified, (current) => advance(lease.sessionId, current, made, now))
    })

  const reset = (sessionId: SessionId) =>
    writing("reset", sessionId, (now): Answer<Committed, UnknownSession> =>
      Either.map(resident(sessionId), (current) => {
        const from = current.lastSeq + 1
        const manifest = { ...wholeLog, contextFrom: from, tailFrom: from, undone: current.manifest.undone }
        const made = { operationId: "reset", manifest, segments: [], ledger: Ledger.empty }
        return supersede(sessionId, current, made, now)
      })
    )

  const rewind = (sessionId: SessionId, { base, ledger, manifest, seq }: Rewind) =>
    writing("rewind", sessionId, (now): Answer<Committed | null, UnknownSession> =>
      Either.map(resident(sessionId), (current) => {
        if (current.generation !== base) return () => null
        const undone = UndoneRanges.undoAfter(current.manifest.undone, seq, current.lastSeq)
        const made = { operationId: "rewind", manifest: { ...manifest, undone }, segments: [], ledger }
        return supersede(sessionId, current, made, now)
      })
    )

  const stateAt = (sessionId: SessionId, seq: number) =>
    reading("stateAt", sessionId, (): Answer<State, UnknownSession> =>
      Either.map(resident(sessionId), ({ manifest: { undone } }) => {
        const row = sql.generationBefore.get(sessionId, seq + 1)
        const manifest = { ...readManifest(row), undone }
        const parts = readStateParts(sql, sessionId, manifest, seq)
        return () => ({ sessionId, generation: row?.generation ?? 0, lastSeq: seq, usage: null, ...parts })
      })
    )

  const ledger = (sessionId: SessionId) =>
    reading("ledger", sessionId, () =>
      Either.map(resident(sessionId), (current) => {
        const { ledger: known } = current
        if (known !== undefined) return () => known
        const body = sql.ledger.get(sessionId)
        const read = body === undefined ? Ledger.empty : ledgerOf(body)
        return () => {
          residents.know(current, read, body?.length ?? 0)
          return read
        }
      })
    )

  const snapshot = (id: string) =>
    reading("snapshot", id, (): Answer<State, UnknownSnapshot> => {
      const left = sql.leftBehind.get(id)
      if (left === undefined) return Either.left(new UnknownSnapshot({ snapshotId: id }))
      const sessionId = SessionId.make(left.session_id)
      const manifest = readManifest(sql.manifestOf.get(sessionId, left.generation))
      const parts = readStateParts(sql, sessionId, manifest, left.left_seq)
      return Either.right(() => ({
        sessionId,
        generation: left.generation,
        lastSeq: left.left_seq,
        usage: null,
        ...parts
      }))
    })

  const healTries = (segmentId: string, more: number) =>
    writing("healTries", segmentId, () => {
      const tries = (sql.healTries.get(segmentId) ?? 0) + more
      if (more > 0) sql.saveHealTries.run(segmentId, tries)
      return Either.right(() => tries)
    })

  const publish = (requestKey: string, ended: typeof Ended.Type) =>
    noting("publish", ended.sessionId, () => {
      sql.publish.run(ended.operationId, ended.sessionId, requestKey, encodeEnded(ended))
      return Either.right(() => {})
    })

  const outcome = (operationId: string, requestKey: string) =>
    reading("outcome", operationId, () => {
      const row = sql.outcome.get(operationId, requestKey)
      const ended = row === undefined ? undefined : endedOf(row)
      return Either.right(() => ended)
    })

  return { commit, reset, rewind, stateAt, ledger, snapshot, healTries, publish, outcome }
}
