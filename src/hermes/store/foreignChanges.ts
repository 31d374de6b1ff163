/**
 * Adopts what Hermes itself wrote since the store last looked. New rows continue the log. Rows that Hermes hid leave the
 * view, and come back if Hermes shows them again. A row of the log stays one.
 */
import * as Either from "effect/Either"
import { type Manifest, type SessionId, wholeLog } from "../../session/Session.ts"
import type { Counter } from "../../message/Tokens.ts"
import { isHandoffContent } from "../marks.ts"
import * as HermesRows from "../rows.ts"
import type { HermesStatements } from "./statements.ts"
import { saveGeneration } from "../../sqlite/generations.ts"
import { readManifest } from "../../sqlite/transaction.ts"
import type { Statements } from "../../sqlite/statements.ts"
import type { Refreshed } from "../../store/residentSessions.ts"
import { isUndone, undoMessages, restoreMessages } from "../../session/Session.ts"

/** Changes to what Hermes shows, by `seq`. */
interface ShownChange {
  readonly hidden: ReadonlyArray<number>
  readonly restored: ReadonlyArray<number>
  /** All that Hermes still shows. */
  readonly shown: ReadonlyArray<number>
  /** True if Hermes no longer shows the handoff of the view. */
  readonly isReplaced: boolean
}

export const make = (sql: Statements, hermes: HermesStatements, counter: Counter, isAgreed: () => boolean) => {
  /** Sessions with nothing to adopt at `version` of Hermes' file. */
  const adopted = new Set<SessionId>()
  let version: number | undefined

  /** Adopts all rows, or the oldest `most` of them. */
  const refresh = (sessionId: SessionId, most = Infinity): Refreshed => {
    const now = hermes.dataVersion.get()
    if (now !== version) adopted.clear()
    version = now
    if (adopted.has(sessionId)) return { isChanged: false, isMore: false }
    if (sql.session.get(sessionId) === undefined) hermes.adopt.run(sessionId)
    // While the files may be at different commits, a missing row does not mean that Hermes deleted it.
    const canNoteHidden = isAgreed() || hermes.isPending.get(sessionId, sessionId) === 0
    const isHidden = canNoteHidden && noteHidden(sessionId)
    const rows = adoptRows(sessionId, most)
    const isMore = rows === most
    if (canNoteHidden && !isMore) adopted.add(sessionId)
    return { isChanged: rows > 0 || isHidden, isMore }
  }

  /** Puts Hermes' new rows at the end of the log. Returns how many. */
  const adoptRows = (sessionId: SessionId, most: number): number => {
    let end = sql.last.get(sessionId) ?? { seq: 0, total: 0 }
    const places: Array<Parameters<HermesStatements["put"]["run"]>> = []
    for (const row of hermes.arrivals.iterate(sessionId)) {
      const message = Either.getOrUndefined(HermesRows.messageOfRow(row))
      // A row that holds no valid message stays in Hermes' table only.
      if (message === undefined) continue
      const tokens = counter.message(message)
      end = { seq: end.seq + 1, total: end.total + tokens }
      const kind = message.role === "user" && !isHandoffContent(row.content) ? "request" : null
      const at = Math.round(row.timestamp * 1_000)
      places.push([sessionId, end.seq, row.id, null, kind, tokens, end.total, null, at])
      if (places.length === most) break
    }
    for (const place of places) hermes.put.run(...place)
    return places.length
  }

  /** Makes a generation of what Hermes shows, if that has changed. */
  const noteHidden = (sessionId: SessionId): boolean => {
    const hidden = hermes.vanished.all(sessionId)
    const handoffs = hermes.archiving?.shownHandoff.all(sessionId) ?? []
    const hiddenHandoffs = handoffs.filter(({ active }) => active === 0)
    const restored = findRestored(sessionId)
    if (hidden.length === 0 && hiddenHandoffs.length === 0 && restored.length === 0) return false
    for (const seq of hidden) hermes.show.run(0, sessionId, seq)
    for (const seq of restored) hermes.show.run(1, sessionId, seq)
    for (const { row_id } of hiddenHandoffs) hermes.archiving?.endHandoff.run(row_id)
    const shown = hermes.shownPlaces.all(sessionId).map(({ seq }) => seq)
    const isEmpty = shown.length === 0 && hiddenHandoffs.length === handoffs.length
    writeGeneration(sessionId, { hidden, restored, shown, isReplaced: hiddenHandoffs.length > 0 || isEmpty })
    return true
  }

  /** Messages that were undone and that Hermes shows again, if the view has a place for them. */
  const findRestored = (sessionId: SessionId): ReadonlyArray<number> => {
    const returned = hermes.archiving?.returned.all(sessionId) ?? []
    if (returned.length === 0) return []
    const { contextFrom, headTo, tailFrom, undone } = readManifest(sql, sessionId, sql.generation.get(sessionId))
    const isInView = (seq: number) => seq >= tailFrom || (seq >= contextFrom && seq <= headTo)
    return returned.filter((seq) => isInView(seq) && isUndone(undone, seq))
  }

  /** Writes the generation that shows what Hermes shows, and supersedes the turn and the operation under way. */
  const writeGeneration = (sessionId: SessionId, { hidden, isReplaced, restored, shown }: ShownChange) => {
    const known = readManifest(sql, sessionId, sql.generation.get(sessionId))
    const lastSeq = sql.last.get(sessionId)?.seq ?? 0
    const from = shown[0] ?? lastSeq + 1
    const nowUndone = isReplaced ? hermes.hiddenFrom.all(sessionId, from) : hidden
    const undone = undoMessages(restoreMessages(known.undone, restored), nowUndone)
    const manifest: Manifest = isReplaced
      ? { ...wholeLog, contextFrom: from, tailFrom: from, undone }
      : { ...known, undone }
    const at = Math.ceil((hermes.lastWritten.get(sessionId) ?? 0) * 1_000)
    saveGeneration(sql, sessionId, known.undone, { manifest, operationId: "hermes", lastSeq, at })
    if (isReplaced) sql.clearLedger.run(sessionId)
    sql.nextEpoch.run(sessionId)
    sql.revokeLease.run(sessionId, "operation")
  }

  /** Looks at every session again, after a rollback: nothing was adopted. */
  const forgetAdopted = () => adopted.clear()

  return { refresh, forgetAdopted }
}
