/**
 * The sessions of a Hermes Agent's database, each as it was before its compressions.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { openReadOnly } from "../hermes/file.ts"
import { readHistory } from "../hermes/history.ts"
import { findFreeId } from "../hermes/lineage.ts"
import { COLUMNS, type HermesRow, messageOfRow } from "../hermes/rows.ts"
import { isSqlite, readHeader, toStoreError } from "../sqlite/file.ts"
import type { Message } from "../message/Message.ts"
import type { StoreError } from "../session/SessionError.ts"
import type { Contents, ImportedSession } from "./rows.ts"

/**
 * Whether the file is a database, which no other format is.
 *
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = (file: string): boolean =>
  Either.getOrElse(
    Either.try(() => {
      const header = readHeader(file)
      return header !== "absent" && isSqlite(header)
    }),
    () => false
  )

/**
 * Each session under its id, archived rows included; what was undone in it under `<id>.undone`, or a free id like it.
 * The file's bytes stay as they are.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (file: string): Effect.Effect<Contents, StoreError> =>
  Effect.flatMap(openReadOnly(file), ({ db, shape }) =>
    Effect.try({
      try: () => {
        const has = (column: string) => shape.tables.get("messages")?.has(column) === true
        const flags = shape.canArchive ? "active, compacted" : "1 AS active, 0 AS compacted"
        const columns = COLUMNS.map((name) => (has(name) ? name : `NULL AS ${name}`)).join(", ")
        const rows = db.prepare<[string], HermesRow>(
          `SELECT id, session_id, timestamp, ${columns}, ${flags} FROM messages WHERE session_id = ? ORDER BY id`
        )
        const ids = db.prepare<[], string>("SELECT DISTINCT session_id FROM messages ORDER BY session_id").pluck().all()
        return contents(ids.map((id) => [id, rows.all(id)]))
      },
      catch: (cause) => toStoreError("import", cause)
    })
  ).pipe(Effect.scoped)

const contents = (all: ReadonlyArray<readonly [id: string, rows: ReadonlyArray<HermesRow>]>): Contents => {
  const skipped = { handoffs: 0, copies: 0, unreadable: 0 }
  const messages = (rows: ReadonlyArray<HermesRow>): ReadonlyArray<Message> => {
    const read = rows.map(messageOfRow)
    skipped.unreadable += read.filter(Either.isLeft).length
    return read.flatMap((message) => (Either.isRight(message) ? [message.right] : []))
  }
  const taken = new Set(all.map(([id]) => id))
  const sessions = all.flatMap(([sessionId, rows]): ReadonlyArray<ImportedSession> => {
    const history = readHistory(rows)
    skipped.handoffs += history.handoffs
    skipped.copies += history.copies
    return [
      { sessionId, messages: messages(history.messages) },
      { sessionId: findFreeId(`${sessionId}.undone`, taken), messages: messages(history.undone) }
    ]
  })
  return {
    sessions: sessions.filter(({ messages }) => messages.length > 0),
    skipped: Object.fromEntries(Object.entries(skipped).filter(([, rows]) => rows > 0))
  }
}
