/** Writes what a repair changes to a Hermes database, and nothing else. No row of `messages` is ever deleted. */
import type { HermesFacts, HermesMessage } from "./facts.ts"
import type { HermesFile } from "../file.ts"
import { LOCK_TABLES } from "../locks.ts"
import { FLAGS, NO_SUMMARY } from "../marks.ts"
import { findArchive, type HermesSession } from "../lineage.ts"

/** Replaces `NO_SUMMARY` in a degraded handoff whose original is kept in the archive. */
const KEPT = "No model has summarized the earlier messages"

/** Writes the difference between the two. Runs within the caller's transaction. */
export const writeChanges = (file: HermesFile, before: HermesFacts, after: HermesFacts): void => {
  const { db } = file
  const known = new Map(before.sessions.map((session) => [session.id, session]))
  const changed = after.sessions.filter((session) => known.get(session.id) !== session)
  // Titles are unique, so the old ones go before the new ones come.
  for (const { id } of changed) if (known.has(id)) updateRow(file, "sessions", id, { title: null })
  for (const session of changed) {
    const isNew = !known.has(session.id)
    if (isNew) insertSession(file, session)
    updateRow(file, "sessions", session.id, columnsOf(session))
  }
  const touched = writeMessages(file, before, after)
  for (const id of new Set([...touched, ...changed.map(({ id }) => id)])) updateCounts(file, id)
  writeRoutes(file, before, after)
  for (const { sessionId, table } of before.locks.filter((lock) => !after.locks.includes(lock))) {
    db.prepare(`DELETE FROM ${table} WHERE ${LOCK_TABLES[table]} = ?`).run(sessionId)
  }
  for (const { sessionId } of before.cooldowns.filter((cooldown) => !after.cooldowns.includes(cooldown))) {
    updateRow(file, "sessions", sessionId, NO_COOLDOWN)
  }
}

const NO_COOLDOWN = {
  compression_failure_cooldown_until: null,
  compression_failure_error: null,
  compression_fallback_streak: 0
}

const columnsOf = ({ endReason, endedAt, modelConfig, parent, title }: HermesSession) => ({
  parent_session_id: parent,
  ended_at: endedAt,
  end_reason: endReason,
  model_config: modelConfig,
  title
})

/** Sets the required columns. The others keep the defaults of the schema until `updateRow` sets them. */
const insertSession = ({ db }: HermesFile, { id, source, startedAt }: HermesSession) =>
  db.prepare("INSERT INTO sessions (id, source, started_at) VALUES (?, ?, ?)").run(id, source, startedAt)

type Values = { readonly [column: string]: string | number | null }

/** Leaves out the values for which this schema has no column. */
const updateRow = ({ db, shape }: HermesFile, table: string, id: string | number, values: Values): void => {
  const known = Object.entries(values).filter(([column]) => shape.tables.get(table)?.has(column) === true)
  if (known.length === 0) return
  db.prepare(`UPDATE ${table} SET ${known.map(([column]) => `${column} = ?`).join(", ")} WHERE id = ?`).run(
    ...known.map(([, value]) => value),
    id
  )
}

/** Returns the sessions whose messages have changed. */
const writeMessages = (file: HermesFile, before: HermesFacts, after: HermesFacts): ReadonlySet<string> => {
  const moved = Array.from(after.messages).filter(([id, rows]) => before.messages.get(id) !== rows)
  const known = new Map(moved.flatMap(([id]) => before.messages.get(id) ?? []).map((row) => [row.id, row] as const))
  const touched = new Set<string>()
  for (const row of moved.flatMap(([, rows]) => rows)) {
    const old = known.get(row.id)
    if (old === undefined || !writeMessage(file, old, row, after)) continue
    touched.add(old.sessionId).add(row.sessionId)
  }
  return touched
}

/** Returns false if there was nothing to write. */
const writeMessage = (file: HermesFile, old: HermesMessage, row: HermesMessage, after: HermesFacts): boolean => {
  const isMoved = old.sessionId !== row.sessionId
  const isReworded = old.handoff !== row.handoff
  if (!isMoved && !isReworded && old.standing === row.standing && old.role === row.role) return false
  const flags = file.shape.canArchive ? FLAGS[row.standing] : {}
  updateRow(file, "messages", row.id, { session_id: row.sessionId, role: row.role, ...flags })
  if (isReworded) rewordHandoff(file, old.role, row, after)
  return true
}

/** Stores the degraded handoff once more, archived, and takes the words of failure out of the one in use. */
const rewordHandoff = (
  file: HermesFile,
  role: string,
  { id, sessionId }: HermesMessage,
  { sessions }: HermesFacts
): void => {
  const columns = Array.from(file.shape.tables.get("messages") ?? []).filter((column) => column !== "id")
  const copy = file.db
    .prepare(`INSERT INTO messages (${columns.join(", ")}) SELECT ${columns.join(", ")} FROM messages WHERE id = ?`)
    .run(id)
  const kept = file.shape.canArchive ? FLAGS.archived : { session_id: findArchive(sessions, sessionId) }
  updateRow(file, "messages", Number(copy.lastInsertRowid), { role, ...kept })
  file.db.prepare("UPDATE messages SET content = replace(content, ?, ?) WHERE id = ?").run(NO_SUMMARY, KEPT, id)
}

/** Hermes' own counters count live rows only. */
const updateCounts = (file: HermesFile, id: string): void => {
  const live = file.shape.tables.get("messages")?.has("active") === true ? "AND active = 1" : ""
  const counted = file.db
    .prepare<[string], { readonly messages: number; readonly calls: number }>(
      `SELECT count(*) AS messages, total(CASE WHEN json_valid(tool_calls) THEN json_array_length(tool_calls) END)
       AS calls FROM messages
       WHERE session_id = ? ${live}`
    )
    .get(id)
  updateRow(file, "sessions", id, { message_count: counted?.messages ?? 0, tool_call_count: counted?.calls ?? 0 })
}

const writeRoutes = ({ db, shape }: HermesFile, before: HermesFacts, after: HermesFacts): void => {
  const scoped = shape.tables.get("gateway_routing")?.has("scope") === true ? "scope" : "''"
  for (const [index, { key, scope, sessionId }] of after.routes.entries()) {
    if (before.routes[index]?.sessionId === sessionId) continue
    db.prepare(
      `UPDATE gateway_routing SET entry_json = json_set(entry_json, '$.session_id', ?)
       WHERE session_key = ? AND ${scoped} = ?`
    ).run(sessionId, key, scope)
  }
}
