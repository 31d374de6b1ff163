/** Prepares the statements of the store on both files: Hermes' database and the side file. */
import type Database from "better-sqlite3"
import type { Shape } from "../file.ts"
import * as HermesRows from "../rows.ts"
import { FIRST_EPOCH, prepareQuery, prepareValue } from "../../sqlite/statements.ts"

export interface RowPlace {
  readonly seq: number
  readonly row_id: number
  readonly home: number | null
}

export interface Pending extends RowPlace {
  readonly session_id: string
  readonly body: string
  readonly at: number
  readonly former: number | null
  readonly former_home: number | null
}

/** The handoff that the last transaction showed in Hermes' table; null if it showed none. */
export interface ShownContext {
  readonly session_id: string
  readonly handoff: string | null
}

const PLACE = "seq, row_id, home"
/** Epoch seconds if a date can be made of them, else 0: a column may hold anything. */
const timeIn = (column: string) => `iif(${column} BETWEEN 0 AND 8640000000000, ${column}, 0)`
const ROW = "m.id = p.row_id AND m.session_id = p.session_id"

/** A column can have any name: `order`, `my note`. */
const quoteName = (name: string) => `"${name.replaceAll('"', '""')}"`

export const prepare = (db: Database.Database, shape: Shape) => {
  const hasColumn = (table: string, column: string) => shape.tables.get(table)?.has(column) === true
  const held = HermesRows.COLUMNS.filter((name) => hasColumn("messages", name))
  const read = HermesRows.COLUMNS.map((name) => (hasColumn("messages", name) ? name : `NULL AS ${name}`)).join(", ")
  const all = Array.from(shape.tables.get("messages") ?? [])
    .filter((name) => name !== "id")
    .map(quoteName)
  const isActive = shape.canArchive ? "m.active = 1" : "TRUE"
  const isCounting = ["message_count", "tool_call_count"].every((name) => hasColumn("sessions", name))

  const insertRow = prepareQuery<ReadonlyArray<string | number | null> & Array<unknown>>(
    db,
    `INSERT INTO hermes.messages (session_id, timestamp, ${held.join(", ")})
     VALUES (?, ?, ${held.map(() => "?").join(", ")})`
  )

  return {
    held: new Set<string>(held),
    dataVersion: prepareValue<[], number>(db, "PRAGMA hermes.data_version"),

    adopt: prepareQuery<[string]>(
      db,
      `INSERT OR IGNORE INTO session (id, created, epoch)
       SELECT id, CAST(${timeIn("started_at")} * 1000 AS INTEGER), ${FIRST_EPOCH} FROM hermes.sessions WHERE id = ?`
    ),
    isKnown: prepareValue<[string, string], number>(
      db,
      `SELECT EXISTS (SELECT 1 FROM hermes.sessions WHERE id = ?)
         OR EXISTS (SELECT 1 FROM hermes.messages WHERE session_id = ?)`
    ),
    known: prepareValue<[], string>(db, "SELECT id FROM hermes.sessions ORDER BY id"),
    open: prepareQuery<[string, number, string]>(
      db,
      `INSERT INTO hermes.sessions (id, source, started_at) SELECT ?, 'throughline', ?
       WHERE NOT EXISTS (SELECT 1 FROM hermes.sessions WHERE id = ?)`
    ),
    counters: isCounting ? prepareCounters(db, isActive) : undefined,

    insert: (sessionId: string, timestamp: number, columns: HermesRows.MessageColumns): number =>
      Number(insertRow.run(sessionId, timestamp, ...held.map((name) => columns[name] ?? null)).lastInsertRowid),
    row: prepareQuery<[id: number, sessionId: string], HermesRows.HermesRow>(
      db,
      `SELECT id, session_id, timestamp, ${read} FROM hermes.messages WHERE id = ? AND session_id = ?`
    ),
    /** Copies all columns, also unknown ones. */
    copy: prepareQuery<[to: number | null, from: number]>(
      db,
      `INSERT INTO hermes.messages (id, ${all.join(", ")}) SELECT ?, ${all.join(", ")} FROM hermes.messages WHERE id = ?`
    ),
    remove: prepareQuery<[number]>(db, "DELETE FROM hermes.messages WHERE id = ?"),
    ...(shape.canArchive ? prepareArchiving(db) : { archiving: undefined }),

    arrivals: prepareQuery<[string], HermesRows.HermesRow>(
      db,
      `SELECT m.id, m.session_id, ${timeIn("m.timestamp")} AS timestamp, ${read} FROM hermes.messages m
       WHERE session_id = ? AND ${isActive}
         AND NOT EXISTS (SELECT 1 FROM place p WHERE ${ROW})
         AND NOT EXISTS (SELECT 1 FROM handoff p WHERE ${ROW})
       ORDER BY id`
    ),
    /** Messages that Hermes showed when the store last looked, and hides now. */
    vanished: prepareValue<[string], number>(
      db,
      `SELECT seq FROM place p LEFT JOIN hermes.messages m ON ${ROW} AND ${isActive}
       WHERE p.session_id = ? AND p.live = 1 AND m.id IS NULL ORDER BY seq`
    ),
    lastWritten: prepareValue<[string], number>(
      db,
      `SELECT max(${timeIn("timestamp")}) FROM hermes.messages WHERE session_id = ?`
    ),

    put: prepareQuery<
      [
        sessionId: string,
        seq: number,
        rowId: number,
        arrival: number | null,
        kind: string | null,
        tokens: number,
        total: number,
        body: string | null,
        at: number
      ]
    >(
      db,
      `INSERT INTO place (session_id, seq, row_id, arrival, kind, tokens, total, body, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
    ),
    place: prepareQuery<[string, number], RowPlace>(db, `SELECT ${PLACE} FROM place WHERE session_id = ? AND seq = ?`),
    shownPlaces: prepareQuery<[string], RowPlace>(
      db,
      `SELECT ${PLACE} FROM place WHERE session_id = ? AND live = 1 ORDER BY seq`
    ),
    /** The last hidden message between two others. */
    lastHidden: prepareQuery<[string, number, number], RowPlace & { readonly timestamp: number }>(
      db,
      `SELECT p.seq, p.row_id, p.home, m.timestamp FROM place p JOIN hermes.messages m ON ${ROW}
       WHERE p.session_id = ? AND p.live = 0 AND p.seq > ? AND p.seq < ? ORDER BY p.seq DESC LIMIT 1`
    ),
    hiddenFrom: prepareValue<[string, number], number>(
      db,
      "SELECT seq FROM place WHERE session_id = ? AND live = 0 AND seq >= ? ORDER BY seq"
    ),
    show: prepareQuery<[live: number, sessionId: string, seq: number]>(
      db,
      "UPDATE place SET live = ? WHERE session_id = ? AND seq = ?"
    ),
    move: prepareQuery<[rowId: number, home: number | null, sessionId: string, seq: number]>(
      db,
      "UPDATE place SET row_id = ?, home = ? WHERE session_id = ? AND seq = ?"
    ),
    body: prepareValue<[string, number], string>(db, "SELECT body FROM message WHERE session_id = ? AND seq = ?"),

    isPending: prepareValue<[string, string], number>(
      db,
      `SELECT EXISTS (SELECT 1 FROM pending WHERE session_id = ?) OR EXISTS (SELECT 1 FROM shown WHERE session_id = ?)`
    ),
    isAnyPending: prepareValue<[], number>(db, "SELECT EXISTS (SELECT 1 FROM pending) OR EXISTS (SELECT 1 FROM shown)"),
    pending: prepareQuery<[], Pending>(
      db,
      "SELECT session_id, seq, q.body, at, row_id, home, former, former_home FROM pending q JOIN place USING (session_id, seq)"
    ),
    keep: prepareQuery<[string, number, string, number | null, number | null]>(
      db,
      "INSERT OR REPLACE INTO pending (session_id, seq, body, former, former_home) VALUES (?, ?, ?, ?, ?)"
    ),
    shown: prepareQuery<[], ShownContext>(db, "SELECT session_id, handoff FROM shown"),
    keepShown: prepareQuery<[string, string | null]>(
      db,
      "INSERT OR REPLACE INTO shown (session_id, handoff) VALUES (?, ?)"
    ),
    forgetPending: prepareQuery<[]>(db, "DELETE FROM pending"),
    forgetShown: prepareQuery<[]>(db, "DELETE FROM shown"),
    mark: prepareValue<[], string>(db, "SELECT mark FROM last_commit"),
    /** Only a transaction that writes to Hermes' file leaves something pending. */
    saveMark: prepareQuery<[string]>(
      db,
      `INSERT OR REPLACE INTO last_commit (id, mark) SELECT 1, ?
       WHERE EXISTS (SELECT 1 FROM pending) OR EXISTS (SELECT 1 FROM shown)`
    )
  }
}

/** Keeps Hermes' counters, which count the rows that a session shows. */
const prepareCounters = (db: Database.Database, isActive: string) => ({
  grow: prepareQuery<[messages: number, calls: number, sessionId: string]>(
    db,
    `UPDATE hermes.sessions SET message_count = ifnull(message_count, 0) + ?,
       tool_call_count = ifnull(tool_call_count, 0) + ? WHERE id = ?`
  ),
  recount: prepareQuery<[{ readonly sessionId: string }]>(
    db,
    `UPDATE hermes.sessions SET
       message_count = (SELECT count(*) FROM hermes.messages m WHERE session_id = @sessionId AND ${isActive}),
       tool_call_count = (SELECT ifnull(sum(json_array_length(tool_calls)), 0) FROM hermes.messages m
         WHERE session_id = @sessionId AND ${isActive} AND json_valid(tool_calls))
     WHERE id = @sessionId`
  )
})

/** Statements for schemas in which a row can leave the live context and be kept. */
const prepareArchiving = (db: Database.Database) => ({
  archiving: {
    flag: prepareQuery<[active: number, compacted: number, id: number]>(
      db,
      "UPDATE hermes.messages SET active = ?, compacted = ? WHERE id = ?"
    ),
    putHandoff: prepareQuery<[id: number, sessionId: string, content: string, timestamp: number]>(
      db,
      `INSERT INTO hermes.messages (id, session_id, role, content, timestamp, active, compacted)
       VALUES (?, ?, 'user', ?, ?, 1, 0)`
    ),
    track: prepareQuery<[rowId: number, sessionId: string]>(
      db,
      "INSERT OR REPLACE INTO handoff (row_id, session_id, live) VALUES (?, ?, 1)"
    ),
    /** Messages that Hermes shows and the side file has as hidden. */
    returned: prepareValue<[string], number>(
      db,
      `SELECT p.seq FROM hermes.messages m JOIN place p ON ${ROW}
       WHERE m.session_id = ? AND m.active = 1 AND p.live = 0 ORDER BY p.seq`
    ),
    moveHandoff: prepareQuery<[to: number, from: number]>(db, "UPDATE handoff SET row_id = ? WHERE row_id = ?"),
    endHandoff: prepareQuery<[number]>(db, "UPDATE handoff SET live = 0 WHERE row_id = ?"),
    shownHandoff: prepareQuery<
      [string],
      { readonly row_id: number; readonly content: string | null; readonly active: number }
    >(
      db,
      `SELECT h.row_id, m.content, ifnull(m.active, 0) AS active FROM handoff h
       LEFT JOIN hermes.messages m ON m.id = h.row_id AND m.session_id = h.session_id
       WHERE h.session_id = ? AND h.live = 1`
    ),
    /** Counts the rows that are shown according to one file only. */
    disagreeing: prepareValue<[{ readonly sessionId: string }], number>(
      db,
      `SELECT
         (SELECT count(*) FROM place p LEFT JOIN hermes.messages m ON ${ROW} AND m.active = 1
          WHERE p.session_id = @sessionId AND p.live = 1 AND m.id IS NULL) +
         (SELECT count(*) FROM hermes.messages m JOIN place p ON p.row_id = m.id
          WHERE m.session_id = @sessionId AND m.active = 1 AND p.live = 0) +
         (SELECT count(*) FROM handoff h JOIN hermes.messages m ON m.id = h.row_id AND m.session_id = h.session_id
          WHERE h.session_id = @sessionId AND m.active = 1 AND h.live = 0
            AND NOT EXISTS (SELECT 1 FROM place p WHERE p.row_id = h.row_id))`
    ),
    /** Takes over from Hermes' file which rows are shown. */
    believe: [
      prepareQuery<[{ readonly sessionId: string }]>(
        db,
        `UPDATE place SET live = EXISTS (SELECT 1 FROM hermes.messages m WHERE m.id = row_id AND m.active = 1)
         WHERE session_id = @sessionId`
      ),
      prepareQuery<[{ readonly sessionId: string }]>(
        db,
        `DELETE FROM handoff WHERE session_id = @sessionId AND (EXISTS (SELECT 1 FROM place p WHERE p.row_id = handoff.row_id)
           OR NOT EXISTS (SELECT 1 FROM hermes.messages m WHERE m.id = row_id AND m.session_id = @sessionId))`
      ),
      prepareQuery<[{ readonly sessionId: string }]>(
        db,
        `UPDATE handoff SET live = EXISTS (SELECT 1 FROM hermes.messages m WHERE m.id = row_id AND m.active = 1)
         WHERE session_id = @sessionId`
      )
    ]
  }
})

export type HermesStatements = ReturnType<typeof prepare>
