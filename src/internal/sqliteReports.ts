/** What is read rarely and may take its time: through `@effect/sql`, on a connection of its own. */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as SqlSchema from "@effect/sql/SqlSchema"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { SessionId } from "../Session.ts"
import { UnknownSession } from "../SessionError.ts"
import { type Acknowledged, SessionSummary, Snapshot } from "../SessionStore.ts"
import { type Block, busyRetried } from "./sqliteBlock.ts"
import { toStoreError } from "./sqliteFile.ts"
import * as Rows from "./sqliteRows.ts"
import * as Undone from "./undone.ts"
import * as Either from "effect/Either"

const PAGE = 500

export const make = (client: SqlClient.SqlClient, { reading, sql }: Block) => {
  /** A statement that is interrupted half-way would jam the client. */
  const report = <A, E>(name: string, effect: Effect.Effect<A, E>) =>
    Effect.uninterruptible(effect).pipe(
      Effect.mapError((error) => toStoreError(name, error instanceof SqlError ? error.cause : error)),
      busyRetried
    )

  const allSessions = SqlSchema.findAll({
    Request: Schema.Void,
    Result: SessionSummary,
    execute: () => client`
      SELECT s.id AS "sessionId",
        ifnull((SELECT seq FROM message WHERE session_id = s.id ORDER BY seq DESC LIMIT 1), 0) AS messages,
        (SELECT count(*) FROM inbox WHERE session_id = s.id) AS waiting,
        ifnull((SELECT generation FROM generation WHERE session_id = s.id ORDER BY generation DESC LIMIT 1), 0)
          AS generation,
        ifnull((SELECT total FROM message WHERE session_id = s.id ORDER BY seq DESC LIMIT 1), 0) AS tokens
      FROM session s ORDER BY s.id`
  })

  const allSnapshots = SqlSchema.findAll({
    Request: Schema.String,
    Result: Snapshot,
    execute: (sessionId) => client`
      SELECT snapshot_id AS "snapshotId", session_id AS "sessionId", generation - 1 AS generation,
        left_seq AS "lastSeq", at
      FROM generation WHERE session_id = ${sessionId} ORDER BY generation`
  })

  const known = (sessionId: SessionId) =>
    reading("find", sessionId, () =>
      sql.session.get(sessionId) === undefined ? Either.left(new UnknownSession({ sessionId })) : Either.right(() => {})
    )

  const snapshots = (sessionId: SessionId) =>
    Effect.zipRight(known(sessionId), report("list snapshots", allSnapshots(sessionId)))

  /** Log and inbox change places in one commit, so the last page is read together with the inbox. */
  const page = (sessionId: SessionId, after: number) =>
    reading("log", sessionId, () => {
      const generation = sql.generation.get(sessionId)
      const ranges = generation === undefined ? [] : Rows.manifestOf(generation.manifest).undone
      const rows: ReadonlyArray<Acknowledged> = sql.page
        .all(sessionId, after, PAGE)
        .map((row) => ({ ...Rows.logged(row), undone: Undone.isUndone(ranges, row.seq) }))
      const last = rows.length < PAGE
      const waiting = last
        ? sql.waiting.all(sessionId).map((row) => ({ ...Rows.logged({ seq: 0, ...row }), seq: null, undone: false }))
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

  return { sessions: report("list sessions", allSessions()), snapshots, log }
}
