/** Tells before a store is opened whether its messages could be written: triggers of a database can refuse or break them. */
import Database from "better-sqlite3"

/**
 * Tries on an empty copy of the schema, in memory, what a store does with a message. Returns what keeps it from that, or
 * undefined. The database is only read; throws what SQLite does where it cannot be, such as while another process writes.
 */
export const findWriteObstacle = (db: Database.Database): string | undefined => {
  const statements = readSchema(db)
  const copy = new Database(":memory:")
  try {
    if (!makeSchema(statements, copy)) return undefined
    copy.exec(TRIAL)
    return undefined
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause
    const triggers = copy.prepare<[], string>(TRIGGERS).pluck().all()
    return `its table messages takes no message: ${cause.message}; its triggers are ${triggers.join(", ") || "none"}`
  } finally {
    copy.close()
  }
}

const TRIGGERS = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'messages' ORDER BY name"

const TRIAL = `
  INSERT INTO sessions (id, source, started_at) VALUES ('trial', 'throughline', 0);
  INSERT INTO messages (session_id, role, content, timestamp) VALUES ('trial', 'user', 'one', 1);
  INSERT INTO messages (session_id, role, content, timestamp) VALUES ('trial', 'assistant', 'two', 1);
  UPDATE messages SET content = 'three' WHERE session_id = 'trial';
  DELETE FROM messages WHERE session_id = 'trial'`

interface Statement {
  readonly name: string
  readonly sql: string
}

/** A virtual table makes its own tables, so that it comes before those of the same names. */
const readSchema = (db: Database.Database): ReadonlyArray<Statement> =>
  db
    .prepare<[], Statement>(
      `SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY type <> 'table', sql NOT LIKE 'CREATE VIRTUAL%', rowid`
    )
    .all()

/** False if this SQLite does not know a module or a function of the schema: then nothing can be told. */
const makeSchema = (statements: ReadonlyArray<Statement>, db: Database.Database): boolean => {
  const isThere = db.prepare<[string], number>("SELECT 1 FROM sqlite_schema WHERE name = ?").pluck()
  try {
    for (const { name, sql } of statements) if (isThere.get(name) === undefined) db.exec(sql)
    return true
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause
    return false
  }
}
