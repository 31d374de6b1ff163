/**
 * The side file: a native store without the messages, which stay in Hermes' own database. For each message of a log it
 * knows the row; the native statements see both files as one through a view that is there for the connection alone.
 */
import type Database from "better-sqlite3"
import * as Either from "effect/Either"
import type { Shape } from "../file.ts"
import * as HermesRows from "../rows.ts"

/** "thrh": a side file alone is no native store. */
export const APPLICATION_ID = 0x74687268

const TABLES = [
  // `home` is where the order of the log wants a row that gave up its place to a handoff; `body` is there if Hermes has
  // no column for a part of the message.
  `CREATE TABLE IF NOT EXISTS place (
    session_id TEXT NOT NULL REFERENCES session (id),
    seq        INTEGER NOT NULL,
    row_id     INTEGER NOT NULL,
    home       INTEGER,
    live       INTEGER NOT NULL DEFAULT 1,
    arrival    INTEGER,
    kind       TEXT,
    tokens     INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    body       TEXT,
    at         INTEGER NOT NULL,
    PRIMARY KEY (session_id, seq)
  ) STRICT`,
  `CREATE INDEX IF NOT EXISTS place_row ON place (row_id)`,
  `CREATE INDEX IF NOT EXISTS place_live ON place (session_id, seq) WHERE live = 1`,
  `CREATE TABLE IF NOT EXISTS handoff (
    row_id     INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id),
    live       INTEGER NOT NULL
  ) STRICT`,
  `CREATE INDEX IF NOT EXISTS handoff_live ON handoff (session_id) WHERE live = 1`,
  // What the last transaction wrote to the other file, whose commit comes second: the next one looks whether it is there.
  `CREATE TABLE IF NOT EXISTS pending (
    session_id  TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    body        TEXT NOT NULL,
    former      INTEGER,
    former_home INTEGER,
    PRIMARY KEY (session_id, seq)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS shown (
    session_id TEXT PRIMARY KEY,
    handoff    TEXT
  ) STRICT, WITHOUT ROWID`
]

/** What the log shows of a message whose row Hermes has deleted; no view shows it. */
const DELETED = JSON.stringify({ role: "user", content: "[deleted in Hermes]" })

const columnOf = (shape: Shape) => (name: string) =>
  shape.tables.get("messages")?.has(name) === true ? `m.${name}` : "NULL"

/** The log as the native statements read it. */
const viewOf = (shape: Shape): string => `
  CREATE TEMP VIEW message AS
  SELECT p.session_id, p.seq, p.arrival, p.kind, p.tokens, p.total, p.at,
    coalesce(q.body, p.body, throughline_body(${HermesRows.COLUMNS.map(columnOf(shape)).join(", ")}), '${DELETED}') AS body
  FROM main.place p
    LEFT JOIN hermes.messages m ON m.id = p.row_id AND m.session_id = p.session_id
    LEFT JOIN main.pending q ON q.session_id = p.session_id AND q.seq = p.seq`

/** Puts both files behind one connection. Nothing of Hermes' schema is changed. */
export const joinSideFile = (
  db: Database.Database,
  filename: string,
  shape: Shape,
  synchronous: "FULL" | "OFF"
): void => {
  TABLES.forEach((statement) => db.exec(statement))
  db.prepare("ATTACH DATABASE ? AS hermes").run(filename)
  db.pragma(`hermes.synchronous = ${synchronous}`)
  db.function("throughline_body", { varargs: true, deterministic: true }, bodyOf)
  db.exec(viewOf(shape))
}

const bodyOf = (...values: ReadonlyArray<unknown>): string | null => {
  const text = (name: (typeof HermesRows.COLUMNS)[number]): string | null => {
    const value = values[HermesRows.COLUMNS.indexOf(name)]
    return typeof value === "string" ? value : null
  }
  const rest = Object.fromEntries(HermesRows.COLUMNS.map((name) => [name, text(name)]))
  const role = text("role")
  if (role === null) return null
  const columns = {
    role,
    content: text("content"),
    tool_call_id: text("tool_call_id"),
    tool_calls: text("tool_calls"),
    tool_name: text("tool_name")
  }
  return Either.match(HermesRows.messageOfRow({ ...rest, ...columns }), {
    onLeft: () => null,
    onRight: (m) => JSON.stringify(m)
  })
}
