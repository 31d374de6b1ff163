/** Every statement of the hot path, prepared once per connection. */
import type Database from "better-sqlite3"
import type { UndoneRange } from "../session/Session.ts"
import type { BesideRow } from "../store/histories.ts"
import { MOST_LIVES } from "../store/model.ts"
import type { Pause } from "../store/SessionStore.ts"
import type { GenerationRow, MessageRow, SegmentRow } from "../store/rows.ts"
import type { SessionSummary, Snapshot } from "../store/SessionStore.ts"

const MESSAGE = "seq, arrival, kind, tokens, body, at, checksum"
const SEGMENT = "id, session_id, level, children, from_seq, to_seq, tokens, body, degraded, focus, model, checksum"
const GENERATION = "generation, manifest, left_seq, at, checksum"

/** An hour for a holder of an earlier version, which did not write it. */
export const LIFE = "ifnull(lease.ttl, 3600000)"

/**
 * The epoch of a new session: one that no session had whose id it takes, so that no process takes what it knows of that
 * one for this one. It fits a number of JavaScript.
 */
export const FIRST_EPOCH = "abs(random() / 4096)"

/** A prepared statement: what it takes, and the rows it gives. */
export interface Query<P extends Array<unknown>, R> {
  readonly get: (...parameters: P) => R | undefined
  readonly all: (...parameters: P) => Array<R>
  readonly iterate: (...parameters: P) => IterableIterator<R>
  readonly run: (...parameters: P) => { readonly changes: number; readonly lastInsertRowid: number | bigint }
}

export const prepareQuery = <P extends Array<unknown>, R = never>(db: Database.Database, sql: string): Query<P, R> =>
  db.prepare<P, R>(sql)

export const prepareValue = <P extends Array<unknown>, R>(db: Database.Database, sql: string): Query<P, R> =>
  db.prepare<P, R>(sql).pluck()

/** Writes one message of the log. */
export type Append = Pick<
  Query<
    [
      sessionId: string,
      seq: number,
      arrival: number | null,
      kind: string | null,
      tokens: number,
      total: number,
      body: string,
      at: number,
      checksum: number
    ],
    never
  >,
  "run"
>

const appendHere = (db: Database.Database): Append =>
  prepareQuery(
    db,
    `INSERT INTO message (session_id, seq, arrival, kind, tokens, total, body, at, checksum)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )

const IN_GENERATION = "session_id = @sessionId AND until > @generation AND since <= @generation"

/** Counts the messages that the rows of `undone` name for a generation. */
export const prepareUndoneCount = (db: Database.Database) =>
  prepareValue<[{ readonly sessionId: string; readonly generation: number }], number>(
    db,
    `SELECT ifnull(sum(to_seq - from_seq + 1), 0) FROM undone WHERE ${IN_GENERATION}`
  )

export const prepareStatements = (db: Database.Database, append = appendHere(db)) => ({
  begin: prepareQuery<[]>(db, "BEGIN IMMEDIATE"),
  beginRead: prepareQuery<[]>(db, "BEGIN"),
  commit: prepareQuery<[]>(db, "COMMIT"),
  rollback: prepareQuery<[]>(db, "ROLLBACK"),
  /** A commit then is on disk when the next one is: enough for what a power cut ends anyway. */
  relax: prepareQuery<[]>(db, "PRAGMA synchronous = NORMAL"),
  strict: prepareQuery<[]>(db, "PRAGMA synchronous = FULL"),
  /** Writes the first page of the file. Nothing uses the number. */
  rewriteHeader: prepareQuery<[]>(db, "PRAGMA main.user_version = 0"),
  dataVersion: prepareValue<[], number>(db, "PRAGMA data_version"),

  session: prepareQuery<
    [string],
    { readonly epoch: number; readonly usage: string | null; readonly windows: string | null }
  >(db, "SELECT epoch, usage, windows FROM session WHERE id = ?"),
  open: prepareQuery<[string, number]>(
    db,
    `INSERT INTO session (id, created, epoch) VALUES (?, ?, ${FIRST_EPOCH}) ON CONFLICT DO NOTHING`
  ),
  nextEpoch: prepareQuery<[string]>(db, "UPDATE session SET epoch = epoch + 1, usage = NULL WHERE id = ?"),
  saveUsage: prepareQuery<[string, string]>(db, "UPDATE session SET usage = ? WHERE id = ?"),
  saveWindows: prepareQuery<[string | null, string]>(db, "UPDATE session SET windows = ? WHERE id = ?"),

  deliver: prepareQuery<[string, string, number, string, number, checksum: number]>(
    db,
    "INSERT INTO inbox (session_id, kind, tokens, body, at, checksum) VALUES (?, ?, ?, ?, ?, ?)"
  ),
  waiting: prepareQuery<[string], Omit<MessageRow, "seq">>(
    db,
    "SELECT arrival, kind, tokens, body, at, checksum FROM inbox WHERE session_id = ? ORDER BY arrival"
  ),
  clear: prepareQuery<[string, number]>(db, "DELETE FROM inbox WHERE session_id = ? AND arrival <= ?"),
  key: prepareQuery<[string, string], { readonly arrival: number; readonly digest: string }>(
    db,
    "SELECT arrival, digest FROM delivery_key WHERE session_id = ? AND key = ?"
  ),
  saveKey: prepareQuery<[string, string, number, string]>(
    db,
    "INSERT INTO delivery_key (session_id, key, arrival, digest) VALUES (?, ?, ?, ?)"
  ),

  append,
  last: prepareQuery<[string], { readonly seq: number; readonly total: number }>(
    db,
    "SELECT seq, total FROM message WHERE session_id = ? ORDER BY seq DESC LIMIT 1"
  ),
  between: prepareQuery<[string, number, number], MessageRow>(
    db,
    `SELECT ${MESSAGE} FROM message WHERE session_id = ? AND seq BETWEEN ? AND ? ORDER BY seq`
  ),
  page: prepareQuery<[string, number, number], MessageRow>(
    db,
    `SELECT ${MESSAGE} FROM message WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?`
  ),

  generation: prepareQuery<[string], GenerationRow>(
    db,
    `SELECT ${GENERATION} FROM generation WHERE session_id = ? ORDER BY generation DESC LIMIT 1`
  ),
  generationBefore: prepareQuery<[string, tailFrom: number, later: number], GenerationRow>(
    db,
    `SELECT ${GENERATION} FROM generation
     WHERE session_id = ? AND json_extract(manifest, '$.tailFrom') <= ? AND generation < ?
     ORDER BY generation DESC LIMIT 1`
  ),
  saveGeneration: prepareQuery<[string, number, string, number, string, string, number, checksum: number]>(
    db,
    `INSERT INTO generation (session_id, generation, manifest, left_seq, snapshot_id, operation_id, at, checksum)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
  ),
  ledger: prepareValue<[string], string>(db, "SELECT body FROM ledger WHERE session_id = ?"),
  saveLedger: prepareQuery<[string, string, checksum: number]>(
    db,
    "INSERT OR REPLACE INTO ledger (session_id, body, checksum) VALUES (?, ?, ?)"
  ),
  clearLedger: prepareQuery<[string]>(db, "DELETE FROM ledger WHERE session_id = ?"),
  leftBehind: prepareQuery<
    [string],
    { readonly session_id: string; readonly generation: number; readonly left_seq: number }
  >(db, "SELECT session_id, generation - 1 AS generation, left_seq FROM generation WHERE snapshot_id = ?"),
  manifestAfter: prepareValue<[string], string>(db, "SELECT manifest FROM generation WHERE snapshot_id = ?"),
  manifestOf: prepareQuery<[string, number], GenerationRow>(
    db,
    `SELECT ${GENERATION} FROM generation WHERE session_id = ? AND generation = ?`
  ),
  undone: prepareQuery<[{ readonly sessionId: string; readonly generation: number }], UndoneRange>(
    db,
    `SELECT from_seq AS fromSeq, to_seq AS toSeq FROM undone WHERE ${IN_GENERATION} ORDER BY from_seq`
  ),
  saveUndone: prepareQuery<[string, fromSeq: number, toSeq: number, since: number]>(
    db,
    "INSERT INTO undone (session_id, from_seq, to_seq, since) VALUES (?, ?, ?, ?)"
  ),
  /** Ends the ranges in force that begin after `fromSeq`. */
  endUndone: prepareQuery<[until: number, sessionId: string, fromSeq: number]>(
    db,
    `UPDATE undone SET until = ? WHERE session_id = ? AND until = ${Number.MAX_SAFE_INTEGER} AND from_seq > ?`
  ),
  segment: prepareQuery<[string], SegmentRow>(db, `SELECT ${SEGMENT} FROM segment WHERE id = ?`),
  saveSegment: prepareQuery<[SegmentRow]>(
    db,
    `INSERT INTO segment (${SEGMENT}) VALUES (${SEGMENT.replaceAll(/\w+/g, "@$&")})`
  ),

  healTries: prepareValue<[string], number>(db, "SELECT tries FROM heal_try WHERE segment_id = ?"),
  saveHealTries: prepareQuery<[string, number]>(
    db,
    "INSERT OR REPLACE INTO heal_try (segment_id, tries) VALUES (?, ?)"
  ),

  lease: prepareQuery<
    [string, string],
    { readonly token: number; readonly holder: string | null; readonly expires: number; readonly ttl: number }
  >(db, `SELECT token, holder, expires, ${LIFE} AS ttl FROM lease WHERE session_id = ? AND name = ?`),
  /** Gives no row if another holder has it, or if there is no such session. It is committed once all rows are read. */
  takeLease: prepareQuery<
    [name: string, holder: string, expires: number, ttl: number, sessionId: string, now: number],
    { readonly token: number; readonly epoch: number }
  >(
    db,
    `INSERT INTO lease (session_id, name, token, holder, expires, ttl) SELECT id, ?, 1, ?, ?, ? FROM session WHERE id = ?
     ON CONFLICT DO UPDATE SET token = token + 1, holder = excluded.holder, expires = excluded.expires, ttl = excluded.ttl
       WHERE lease.holder IS NULL OR ? NOT BETWEEN lease.expires - ${MOST_LIVES} * ${LIFE} AND lease.expires - 1
     RETURNING token, (SELECT epoch FROM session WHERE id = session_id) AS epoch`
  ),
  renewLease: prepareQuery<[expires: number, sessionId: string, name: string, token: number, holder: string]>(
    db,
    "UPDATE lease SET expires = ? WHERE session_id = ? AND name = ? AND token = ? AND holder = ?"
  ),
  /** The row stays, so that tokens never repeat. */
  freeLease: prepareQuery<[sessionId: string, name: string, token: number, holder: string]>(
    db,
    "UPDATE lease SET holder = NULL, expires = 0 WHERE session_id = ? AND name = ? AND token = ? AND holder = ?"
  ),
  revokeLease: prepareQuery<[string, string]>(
    db,
    "UPDATE lease SET token = token + 1, holder = NULL, expires = 0 WHERE session_id = ? AND name = ?"
  ),

  sessions: prepareQuery<[], Omit<SessionSummary, "origin"> & Pick<BesideRow, "origin">>(
    db,
    `SELECT s.id AS sessionId,
       ifnull((SELECT seq FROM message WHERE session_id = s.id ORDER BY seq DESC LIMIT 1), 0) AS messages,
       (SELECT count(*) FROM inbox WHERE session_id = s.id) AS waiting,
       ifnull((SELECT generation FROM generation WHERE session_id = s.id ORDER BY generation DESC LIMIT 1), 0)
         AS generation,
       ifnull((SELECT total FROM message WHERE session_id = s.id ORDER BY seq DESC LIMIT 1), 0) AS tokens,
       (SELECT origin FROM imported WHERE session_id = s.id) AS origin
     FROM session s ORDER BY s.id`
  ),
  keepBeside: prepareQuery<[string, string | null, string | null]>(
    db,
    "INSERT INTO imported (session_id, origin, left_out) VALUES (?, ?, ?)"
  ),
  beside: prepareQuery<[string], BesideRow>(db, "SELECT origin, left_out FROM imported WHERE session_id = ?"),
  snapshots: prepareQuery<[string], Snapshot>(
    db,
    `SELECT snapshot_id AS snapshotId, session_id AS sessionId, generation - 1 AS generation, left_seq AS lastSeq, at
     FROM generation WHERE session_id = ? ORDER BY generation`
  ),

  pause: prepareQuery<[string], Pause>(db, "SELECT failures, level, until FROM route_pause WHERE key = ?"),
  savePause: prepareQuery<[string, number, number, number]>(
    db,
    "INSERT OR REPLACE INTO route_pause (key, failures, level, until) VALUES (?, ?, ?, ?)"
  ),
  clearPause: prepareQuery<[string]>(db, "DELETE FROM route_pause WHERE key = ?"),

  counters: prepareQuery<[string], { readonly name: string; readonly value: number }>(
    db,
    "SELECT name, value FROM counter WHERE session_id = ?"
  ),
  count: prepareQuery<[string, string]>(
    db,
    `INSERT INTO counter (session_id, name, value)
       SELECT session.id, key, CASE key WHEN 'longestWaitMs' THEN max(0, json_each.value) ELSE json_each.value END
       FROM session, json_each(?) WHERE session.id = ?
     ON CONFLICT DO UPDATE SET
       value = CASE name WHEN 'longestWaitMs' THEN max(value, excluded.value) ELSE value + excluded.value END`
  ),

  publish: prepareQuery<[string, string, string, string]>(
    db,
    "INSERT OR REPLACE INTO operation (id, session_id, request_key, result) VALUES (?, ?, ?, ?)"
  ),
  outcome: prepareValue<[string, string], string>(db, "SELECT result FROM operation WHERE id = ? AND request_key = ?")
})

export type Statements = ReturnType<typeof prepareStatements>
