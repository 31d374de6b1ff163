/** What is read rarely: whole logs, and lists of sessions and snapshots. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SessionId } from "../session/Session.ts"
import type { Acknowledged } from "../store/SessionStore.ts"
import { readManifest } from "./residentSessions.ts"
import type { Block } from "./transaction.ts"
import * as Rows from "./rows.ts"
import * as UndoneRanges from "../session/undoneRanges.ts"

const PAGE = 500

export const make = ({ reading, resident, sql }: Block) => {
  const sessions = reading("list sessions", "", () => {
    const all = sql.sessions.all()
    return Either.right(() => all)
  })

  const snapshots = (sessionId: SessionId) =>
    reading("list snapshots", sessionId, () =>
      Either.map(resident(sessionId), () => {
        const all = sql.snapshots.all(sessionId)
        return () => all
      })
    )

  const known = (sessionId: SessionId) =>
    reading("find", sessionId, () => Either.map(resident(sessionId), () => () => {}))

  /** Log and inbox change places in one commit, so the last page is read together with the inbox. */
  const page = (sessionId: SessionId, after: number) =>
    reading("log", sessionId, () => {
      const generation = sql.generation.get(sessionId)
      const ranges = readManifest(generation).undone
      const rows: ReadonlyArray<Acknowledged> = sql.page
        .all(sessionId, after, PAGE)
        .map((row) => ({ ...Rows.loggedOfRow(row), undone: UndoneRanges.isUndone(ranges, row.seq) }))
      const last = rows.length < PAGE
      const waiting = last
        ? sql.waiting
            .all(sessionId)
            .map((row) => ({ ...Rows.loggedOfRow({ seq: 0, ...row }), seq: null, undone: false }))
        : []
      const next = last ? Option.none<number>() : Option.fromNullable(rows.at(-1)?.seq)
      return Either.right(() => [Chunk.unsafeFromArray([...rows, ...waiting]), next] as const)
    })

  const log = (sessionId: SessionId) =>
    Stream.unwrap(
      Effect.as(
        known(sessionId),
        Stream.paginateChunkEffect(0, (after: number) => page(sessionId, after))
      )
    )

  return { sessions, snapshots, log }
}
