/**
 * What Hermes itself wrote since we last looked: new rows go on with the log, rows it took out of its context leave the
 * view, and come back if it shows them again. A row of the log stays one.
 */
import * as Either from "effect/Either"
import * as Ledger from "../../ledger/Ledger.ts"
import { type Manifest, type SessionId, snapshotId, wholeLog } from "../../session/Session.ts"
import type { Counter } from "../../message/Tokens.ts"
import { isHandoffContent } from "../marks.ts"
import * as HermesRows from "../rows.ts"
import type { HermesStatements } from "./statements.ts"
import { readManifest, type Refreshed } from "../../sqlite/residentSessions.ts"
import type { Statements } from "../../sqlite/statements.ts"
import * as UndoneRanges from "../../session/undoneRanges.ts"

/** What Hermes shows no more, shows again, and shows of what we know. */
interface Change {
  readonly gone: ReadonlyArray<number>
  readonly back: ReadonlyArray<number>
  readonly left: ReadonlyArray<number>
  readonly isReplaced: boolean
}

export const make = (sql: Statements, hermes: HermesStatements, counter: Counter, isSettled: () => boolean) => {
  const seen = new Set<SessionId>()
  let version: number | undefined

  /** At most so many rows are taken in, the oldest first. */
  const refresh = (sessionId: SessionId, most = Infinity): Refreshed => {
    const now = hermes.dataVersion.get()
    if (now !== version) seen.clear()
    version = now
    if (seen.has(sessionId)) return { isChanged: false, isMore: false }
    if (sql.session.get(sessionId) === undefined) hermes.adopt.run(sessionId)
    // As long as the files may not be at the same commit, what is missing is no sign of anything.
    const isWhole = isSettled() || hermes.isPending.get(sessionId, sessionId) === 0
    const hasLeft = isWhole && takeOut(sessionId)
    const taken = takeIn(sessionId, most)
    const isMore = taken === most
    if (isWhole && !isMore) seen.add(sessionId)
    return { isChanged: taken > 0 || hasLeft, isMore }
  }

  const takeIn = (sessionId: SessionId, most: number): number => {
    let end = sql.last.get(sessionId) ?? { seq: 0, total: 0 }
    const taken: Array<Parameters<HermesStatements["put"]["run"]>> = []
    for (const row of hermes.arrivals.iterate(sessionId)) {
      const message = Either.getOrUndefined(HermesRows.messageOfRow(row))
      // What is no message stays where it is, and no part of the log.
      if (message === undefined) continue
      const tokens = counter.message(message)
      end = { seq: end.seq + 1, total: end.total + tokens }
      const kind = message.role === "user" && !isHandoffContent(row.content) ? "request" : null
      const at = Math.round(row.timestamp * 1_000)
      taken.push([sessionId, end.seq, row.id, null, kind, tokens, end.total, null, at])
      if (taken.length === most) break
    }
    for (const place of taken) hermes.put.run(...place)
    return taken.length
  }

  const takeOut = (sessionId: SessionId): boolean => {
    const gone = hermes.vanished.all(sessionId)
    const shown = hermes.archiving?.shownHandoff.all(sessionId) ?? []
    const handoffs = shown.filter(({ active }) => active === 0)
    const back = broughtBack(sessionId)
    if (gone.length === 0 && handoffs.length === 0 && back.length === 0) return false
    for (const seq of gone) hermes.show.run(0, sessionId, seq)
    for (const seq of back) hermes.show.run(1, sessionId, seq)
    for (const { row_id } of handoffs) hermes.archiving?.endHandoff.run(row_id)
    const left = hermes.shownPlaces.all(sessionId).map(({ seq }) => seq)
    const isEmpty = left.length === 0 && handoffs.length === shown.length
    leave(sessionId, { gone, back, left, isReplaced: handoffs.length > 0 || isEmpty })
    return true
  }

  /** What was undone and is shown again, where the view has a place for it. */
  const broughtBack = (sessionId: SessionId): ReadonlyArray<number> => {
    const returned = hermes.archiving?.returned.all(sessionId) ?? []
    if (returned.length === 0) return []
    const { contextFrom, headTo, tailFrom, undone } = readManifest(sql.generation.get(sessionId))
    const isInView = (seq: number) => seq >= tailFrom || (seq >= contextFrom && seq <= headTo)
    return returned.filter((seq) => isInView(seq) && UndoneRanges.isUndone(undone, seq))
  }

  /** The session is at another base: what Hermes still shows, without our summary if Hermes shows that no more. */
  const leave = (sessionId: SessionId, { back, gone, isReplaced, left }: Change) => {
    const row = sql.generation.get(sessionId)
    const known = readManifest(row)
    const lastSeq = sql.last.get(sessionId)?.seq ?? 0
    const from = left[0] ?? lastSeq + 1
    const hidden = isReplaced ? hermes.hiddenFrom.all(sessionId, from) : gone
    const undone = UndoneRanges.undoMessages(UndoneRanges.restoreMessages(known.undone, back), hidden)
    const manifest: Manifest = isReplaced
      ? { ...wholeLog, contextFrom: from, tailFrom: from, undone }
      : { ...known, undone }
    const written = Math.ceil((hermes.lastWritten.get(sessionId) ?? 0) * 1_000)
    const at = Math.max(written, (row?.at ?? -1) + 1)
    const generation = (row?.generation ?? 0) + 1
    const leftBehind = snapshotId(sessionId, at)
    sql.saveGeneration.run(sessionId, generation, JSON.stringify(manifest), lastSeq, leftBehind, "hermes", at)
    if (isReplaced) sql.saveLedger.run(sessionId, JSON.stringify(Ledger.empty))
    sql.nextEpoch.run(sessionId)
    sql.revokeLease.run(sessionId, "operation")
  }

  /** What was taken in is not, if it was rolled back. */
  const rolledBack = () => seen.clear()

  return { refresh, rolledBack }
}
