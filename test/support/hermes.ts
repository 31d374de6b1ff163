/** Hermes databases: made from schemas of two ages, as little of them as a session needs. */
import Database from "better-sqlite3"
import { strict as assert } from "node:assert"
import { copyFileSync, existsSync, mkdtempSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"

import type { HermesRow } from "../../src/hermes/rows.ts"

export type Age = "old" | "new"

const ARCHIVING = `, observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0`

const schema = (age: Age): string => `
  CREATE TABLE schema_version (version INTEGER NOT NULL);
  INSERT INTO schema_version VALUES (${age === "old" ? 11 : 26});
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, model TEXT, model_config TEXT, title TEXT,
    parent_session_id TEXT REFERENCES sessions (id), started_at REAL NOT NULL, ended_at REAL, end_reason TEXT,
    message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0
  );
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions (id), role TEXT NOT NULL,
    content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL, token_count INTEGER,
    finish_reason TEXT, reasoning TEXT, reasoning_details TEXT${age === "old" ? "" : ARCHIVING}
  );
  CREATE INDEX messages_by_session ON messages (session_id, timestamp);
  CREATE TABLE compression_locks (session_id TEXT PRIMARY KEY, holder TEXT NOT NULL, acquired_at REAL NOT NULL,
    expires_at REAL NOT NULL);
  CREATE VIRTUAL TABLE messages_fts USING fts5 (
    content, tool_name, tool_calls, content = 'messages', content_rowid = 'id'
  );
  CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, content, tool_name, tool_calls)
    VALUES (new.id, new.content, new.tool_name, new.tool_calls);
  END;
  CREATE TRIGGER messages_removed AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content, tool_name, tool_calls)
    VALUES ('delete', old.id, old.content, old.tool_name, old.tool_calls);
  END;
  CREATE TRIGGER messages_changed AFTER UPDATE OF content, tool_name, tool_calls ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, content, tool_name, tool_calls)
    VALUES ('delete', old.id, old.content, old.tool_name, old.tool_calls);
    INSERT INTO messages_fts (rowid, content, tool_name, tool_calls)
    VALUES (new.id, new.content, new.tool_name, new.tool_calls);
  END;`

const folder = () => mkdtempSync(join(tmpdir(), "hermes-"))

export const fresh = (age: Age, at = join(folder(), "state.db")): string => {
  const db = new Database(at)
  if (age === "new") db.pragma("journal_mode = WAL")
  db.exec(schema(age))
  db.close()
  return at
}

const GIVEN = join("..", "shared", "hermes")

/** Databases that Hermes wrote; none where the data is not at hand. */
export const given: ReadonlyArray<string> = existsSync(GIVEN)
  ? readdirSync(GIVEN).flatMap((name) => (name.endsWith(".db") ? [join(GIVEN, name)] : []))
  : []

export const copyOf = (filename: string): string => {
  const copy = join(folder(), basename(filename))
  copyFileSync(filename, copy)
  return copy
}

export const inDatabase = <A>(filename: string, run: (db: Database.Database) => A): A => {
  const db = new Database(filename)
  try {
    return run(db)
  } finally {
    db.close()
  }
}

export type Row = HermesRow & { readonly active: number; readonly compacted: number }

export const rowsOf = (filename: string): ReadonlyArray<Row> =>
  inDatabase(filename, (db) => db.prepare<[], Row>("SELECT * FROM messages ORDER BY id").all())

/** Hermes' full-text search finds what is there. */
export const assertSearchable = (filename: string) =>
  inDatabase(filename, (db) => {
    for (const table of ["messages_fts", "messages_fts_trigram"]) {
      const isThere = db.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) !== undefined
      if (isThere) db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`)
    }
    assert.strictEqual(db.pragma("integrity_check", { simple: true }), "ok")
  })

/** The same, in a database that was whole before. */
export const assertSound = (filename: string) => {
  assertSearchable(filename)
  assert.deepStrictEqual(
    inDatabase(filename, (db) => db.pragma("foreign_key_check")),
    []
  )
}
