/** Oddities of ids, times, content and lineages that a Hermes database may hold. */
import type Database from "better-sqlite3"

const idsOf = (db: Database.Database) => db.prepare<[], string>("SELECT id FROM sessions").pluck().all()

/** An open session of the user's that has the name a repair would give to one of its own. */
const addSessionNamed = (suffix: string) => (db: Database.Database) => {
  for (const id of idsOf(db).filter((id) => !id.includes("."))) {
    db.prepare("INSERT OR IGNORE INTO sessions (id, source, started_at) VALUES (?, 'cli', 5)").run(id + suffix)
    const add = "INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, 'user', ?, 7)"
    db.prepare(add).run(id + suffix, `another talk, ${id}`)
  }
}

const runSql = (statements: string) => (db: Database.Database) => void db.exec(statements)

/** Each is done to a database with foreign keys off. */
export const oddities: { readonly [name: string]: (db: Database.Database) => void } = {
  "a session named as a branch": addSessionNamed(".branch"),
  "a session named as an archive": addSessionNamed(".archive"),
  "a clock that was set back": runSql("UPDATE sessions SET started_at = 3000000000 - started_at"),
  "sessions begun at once": runSql("UPDATE sessions SET started_at = 5"),
  "messages written at once": runSql("UPDATE messages SET timestamp = 5"),
  "times that decrease": runSql("UPDATE messages SET timestamp = 3000000000 - timestamp"),
  "times in milliseconds": runSql("UPDATE messages SET timestamp = timestamp * 1000"),
  "a session that is its own parent": runSql("UPDATE sessions SET parent_session_id = id WHERE id = 's1'"),
  "parents in a circle": runSql(
    "UPDATE sessions SET parent_session_id = (SELECT max(id) FROM sessions) WHERE id = 's0'"
  ),
  "titles that branches would have": runSql("UPDATE sessions SET title = 's' || (rowid - 1) || ' (branch 1)'"),
  "settings that are no JSON": runSql("UPDATE sessions SET model_config = '[1'"),
  "settings that are a list": runSql("UPDATE sessions SET model_config = '[1]'"),
  "no content": runSql("UPDATE messages SET content = NULL WHERE id % 3 = 0"),
  "bytes for content": runSql("UPDATE messages SET content = x'00ff10' WHERE id % 5 = 0"),
  "content with a NUL": runSql("UPDATE messages SET content = content || char(0) || 'x' WHERE id % 2 = 0"),
  "calls that share an id": runSql(
    `UPDATE messages SET tool_call_id = 'c' WHERE role = 'tool';
     UPDATE messages SET tool_calls = '[{"id":"c"}]' WHERE tool_calls IS NOT NULL`
  ),
  "calls with an empty id": runSql(
    `UPDATE messages SET tool_call_id = '' WHERE role = 'tool';
     UPDATE messages SET tool_calls = '[{"id":""}]' WHERE tool_calls IS NOT NULL`
  ),
  "results without an id": runSql("UPDATE messages SET tool_call_id = NULL WHERE role = 'tool'"),
  "calls that are no JSON": runSql("UPDATE messages SET tool_calls = '{' WHERE tool_calls IS NOT NULL AND id % 2 = 1"),
  "results where there should be none": runSql("UPDATE messages SET role = 'tool' WHERE id % 4 = 0"),
  "all sessions closed by a split": runSql("UPDATE sessions SET ended_at = 5, end_reason = 'compression'"),
  "a session closed for no reason": runSql("UPDATE sessions SET ended_at = 5, end_reason = NULL WHERE id = 's1'"),
  "a session merged by somebody else": runSql(
    "UPDATE sessions SET ended_at = 5, end_reason = 'merged' WHERE id = 's1'"
  ),
  "a session of a tool": runSql("UPDATE sessions SET source = 'tool' WHERE id = 's1'"),
  "a continuation without a message": runSql("DELETE FROM messages WHERE session_id <> 's0'"),
  "a route to every session": (db) => {
    const route = "INSERT OR REPLACE INTO gateway_routing (session_key, entry_json, updated_at) VALUES (?, ?, 5)"
    for (const id of idsOf(db)) db.prepare(route).run(`to ${id}`, JSON.stringify({ session_id: id }))
  }
}
