/** Writes into a Hermes database what a repair changes, and nothing else; no row of a message is ever deleted. */
import type { HermesFacts, HermesMessage } from "./facts.ts"
import type { HermesFile } from "../file.ts"
import { FLAGS, NO_SUMMARY } from "../marks.ts"
import { findArchive, type HermesSession } from "../lineage.ts"

/** Replaces `NO_SUMMARY` in a degraded handoff whose original is kept in the archive. */
const KEPT = "No model has summarized the earlier messages"

/** Within the caller's transaction. */
export const writeChanges = (file: HermesFile, before: HermesFacts, after: HermesFacts): void => {
  const { db } = file
  const known = new Map(before.sessions.map((session) => [session.id, session]))
  const changed = after.sessions.filter((session) => known.get(session.id) !== session)
  // Titles are unique: the old ones make room first.
  for (const { id } of changed) if (known.has(id)) set(file, "sessions", id, { title: null })
  for (const session of changed) {
    const isNew = !known.has(session.id)
    if (isNew) insertSession(file, session)
    set(file, "sessions", session.id, columnsOf(session))
  }
  const touched = writeMessages(file, before, after)
  for (const id of new Set([...touched, ...changed.map(({ id }) => id)])) count(file, id)
  writeRoutes(file, before, after)
  for (const { sessionId, table } of before.locks.filter((lock) => !after.locks.includes(lock))) {
    db.prepare(
      `DELETE FROM ${table} WHERE ${table === "compression_locks" ? "session_id" : "conversation_id"} = ?`
    ).run(sessionId)
  }
  for (const { sessionId } of before.cooldowns.filter((cooldown) => !after.cooldowns.includes(cooldown))) {
    set(file, "sessions", sessionId, NO_COOLDOWN)
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

/** What a session cannot do without; the rest is its schema's default. */
const insertSession = ({ db }: HermesFile, { id, source, startedAt }: HermesSession) =>
  db.prepare("INSERT INTO sessions (id, source, started_at) VALUES (?, ?, ?)").run(id, source, startedAt)

type Values = { readonly [column: string]: string | number | null }

/** Of the values only those this schema has a column for. */
const set = ({ db, shape }: HermesFile, table: string, id: string | number, values: Values): void => {
  const known = Object.entries(values).filter(([column]) => shape.tables.get(table)?.has(column) === true)
  if (known.length === 0) return
  db.prepare(`UPDATE ${table} SET ${known.map(([column]) => `${column} = ?`).join(", ")} WHERE id = ?`).run(
    ...known.map(([, value]) => value),
    id
  )
}

/** The sessions whose messages have changed. */
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

/** Whether there was something to write. */
const writeMessage = (file: HermesFile, old: HermesMessage, row: HermesMessage, after: HermesFacts): boolean => {
  const isMoved = old.sessionId !== row.sessionId
  const isReworded = old.handoff !== row.handoff
  if (!isMoved && !isReworded && old.standing === row.standing && old.role === row.role) return false
  const flags = file.shape.canArchive ? FLAGS[row.standing] : {}
  set(file, "messages", row.id, { session_id: row.sessionId, role: row.role, ...flags })
  if (isReworded) reword(file, old.role, row, after)
  return true
}

/** The row goes on without saying that it is degraded; what it said is stored once more, archived. */
const reword = (file: HermesFile, role: string, { id, sessionId }: HermesMessage, { sessions }: HermesFacts): void => {
  const columns = Array.from(file.shape.tables.get("messages") ?? []).filter((column) => column !== "id")
  const copy = file.db
    .prepare(`INSERT INTO messages (${columns.join(", ")}) SELECT ${columns.join(", ")} FROM messages WHERE id = ?`)
    .run(id)
  const kept = file.shape.canArchive ? FLAGS.archived : { session_id: findArchive(sessions, sessionId) }
  set(file, "messages", Number(copy.lastInsertRowid), { role, ...kept })
  file.db.prepare("UPDATE messages SET content = replace(content, ?, ?) WHERE id = ?").run(NO_SUMMARY, KEPT, id)
}

/** Hermes counts what is live. */
const count = (file: HermesFile, id: string): void => {
  const live = file.shape.tables.get("messages")?.has("active") === true ? "AND active = 1" : ""
  const counted = file.db
    .prepare<[string], { readonly messages: number; readonly calls: number }>(
      `SELECT count(*) AS messages, total(CASE WHEN json_valid(tool_calls) THEN json_array_length(tool_calls) END)
       AS calls FROM messages
       WHERE session_id = ? ${live}`
    )
    .get(id)
  set(file, "sessions", id, { message_count: counted?.messages ?? 0, tool_call_count: counted?.calls ?? 0 })
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
