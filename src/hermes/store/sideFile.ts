/**
 * The side file: a native store without the messages, which stay in Hermes' own database. It has a row number for each
 * message of a log. The native statements read both files through a temporary view, as if they were one.
 */
import type Database from "better-sqlite3"
import * as Either from "effect/Either"
import type { Shape } from "../file.ts"
import * as HermesRows from "../rows.ts"

/** "thrh". It differs from the native store, so that the native store refuses a side file. */
export const APPLICATION_ID = 0x74687268

const TABLES = [
  // `home` is the former id of a row that gave its id to a handoff. `body` holds the whole message if Hermes has no column
  // for a part of it.
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
  // Holds what the last transaction wrote to Hermes' file, which is committed second. The next one checks that it is there.
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
  ) STRICT, WITHOUT ROWID`,
  // The last transaction that wrote to both files. Tells after a COMMIT that failed whether this file has it.
  `CREATE TABLE IF NOT EXISTS last_commit (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    mark TEXT NOT NULL
  ) STRICT`
]

/** The tables that the native store does not have, and that hold what belongs to one session. */
export const SESSION_TABLES = ["place", "handoff", "pending", "shown"] as const

/** Stands in the log for a message whose row Hermes deleted. No view shows it. */
const DELETED = JSON.stringify({ role: "user", content: "[deleted in Hermes]" })

const columnOrNull = (shape: Shape) => (name: string) =>
  shape.tables.get("messages")?.has(name) === true ? `m.${name}` : "NULL"

/** The view through which the native statements read the log. */
const messageView = (shape: Shape): string => `
  CREATE TEMP VIEW message AS
  SELECT p.session_id, p.seq, p.arrival, p.kind, p.tokens, p.total, p.at,
    NULL AS checksum, coalesce(q.body, p.body, throughline_body(${HermesRows.COLUMNS.map(columnOrNull(shape)).join(", ")}), '${DELETED}') AS body
  FROM main.place p
    LEFT JOIN hermes.messages m ON m.id = p.row_id AND m.session_id = p.session_id
    LEFT JOIN main.pending q ON q.session_id = p.session_id AND q.seq = p.seq`

/** Attaches Hermes' file to the connection of the side file. Does not change Hermes' schema. */
export const joinSideFile = (
  db: Database.Database,
  filename: string,
  shape: Shape,
  synchronous: "FULL" | "OFF"
): void => {
  TABLES.forEach((statement) => db.exec(statement))
  db.prepare("ATTACH DATABASE ? AS hermes").run(filename)
  db.pragma(`hermes.synchronous = ${synchronous}`)
  db.function("throughline_body", { varargs: true, deterministic: true }, makeBody)
  db.exec(messageView(shape))
}

/** Makes the JSON of a message from the columns of its row: null if there is no row, no JSON if they hold no valid message. */
const makeBody = (...values: ReadonlyArray<unknown>): string | null => {
  const textOf = (name: (typeof HermesRows.COLUMNS)[number]): string | null => {
    const value = values[HermesRows.COLUMNS.indexOf(name)]
    return typeof value === "string" ? value : null
  }
  const rest = Object.fromEntries(HermesRows.COLUMNS.map((name) => [name, textOf(name)]))
  const role = textOf("role")
  if (role === null) return null
  const columns = {
    role,
    content: textOf("content"),
    tool_call_id: textOf("tool_call_id"),
    tool_calls: textOf("tool_calls"),
    tool_name: textOf("tool_name")
  }
  return Either.match(HermesRows.messageOfRow({ ...rest, ...columns }), {
    onLeft: () => "",
    onRight: (m) => JSON.stringify(m)
  })
}
