/** Reads what is rarely asked for: whole logs, and lists of sessions and snapshots. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../session/Session.ts"
import { readBeside, withOrigin } from "../store/histories.ts"
import type { Acknowledged } from "../store/SessionStore.ts"
import { type Connection, readLog } from "./transaction.ts"
import * as Rows from "../store/rows.ts"
import { isUndone } from "../session/Session.ts"

const PAGE = 500

export const make = ({ findResident, loader, read, sql }: Connection) => {
  const sessions = read("list sessions", "", () => {
    const all = sql.sessions.all().map(withOrigin)
    return Either.right(() => all)
  })

  const snapshots = (sessionId: SessionId) =>
    read("list snapshots", sessionId, () =>
      Either.map(findResident(sessionId), () => {
        const all = sql.snapshots.all(sessionId)
        return () => all
      })
    )

  const leftOut = (sessionId: SessionId) =>
    read("list what was left out", sessionId, () =>
      Either.map(findResident(sessionId), () => {
        const { left } = readBeside(sql.beside.get(sessionId))
        return () => left
      })
    )

  const requireSession = (sessionId: SessionId) =>
    read("find", sessionId, () => Either.map(findResident(sessionId), () => () => {}))

  /** One commit moves messages from the inbox to the log, so the last page is read together with the inbox. */
  const readPage = (sessionId: SessionId, after: number) =>
    read("log", sessionId, () => {
      const { undone } = loader.manifest(sessionId)
      const lastSeq = loader.position(sessionId)?.lastSeq ?? 0
      const upTo = Math.min(after + PAGE, lastSeq)
      const entries = readLog(sql, sessionId, after + 1, upTo)
      const rows: ReadonlyArray<Acknowledged> = entries.map((entry) => ({
        ...entry,
        undone: isUndone(undone, entry.seq)
      }))
      const isLast = upTo === lastSeq
      const waiting = isLast
        ? sql.waiting
            .all(sessionId)
            .map((row) => ({ ...Rows.loggedOfArrival(sessionId, row), seq: null, undone: false }))
        : []
      const next = isLast ? Option.none<number>() : Option.some(upTo)
      return Either.right(() => [Chunk.unsafeFromArray([...rows, ...waiting]), next] as const)
    })

  const log = (sessionId: SessionId, from = 0) =>
    Stream.unwrap(
      Effect.as(
        requireSession(sessionId),
        Stream.paginateChunkEffect(from, (after: number) => readPage(sessionId, after))
      )
    )

  return { sessions, snapshots, leftOut, log }
}
