/** Every statement: one round trip and one commit each. Those of the hot path wait for the session's row alone. */
import type { Pause } from "../store/model.ts"
import type { BesideRow } from "../store/histories.ts"
import type { MessageRow, SegmentRow } from "../store/rows.ts"
import type { SessionSummary } from "../store/SessionStore.ts"
import { addCounts, saveOutcome } from "./generationFunctions.ts"
import { type Attempt, prepare } from "./link.ts"

export type Id = string

/** A row of the inbox or of the log. Its checksum is that of its delivery: it has neither `seq` nor `arrival`. */
export type LogRow = MessageRow

/** Tells a session that has changed from one that has not. */
export interface HeadRow {
  readonly epoch: number
  readonly generation: number
  readonly last_seq: number
  readonly total: number
  readonly usage: string | null
  readonly windows: string | null
}

/** A session with its newest generation, whose columns are null before the first one. */
export interface WholeRow extends HeadRow, UndoneRow {
  readonly manifest: string | null
  readonly checksum: number | null
}

/** The ranges that are undone in a generation. */
export interface UndoneRow {
  readonly undone_from: ReadonlyArray<number> | null
  readonly undone_to: ReadonlyArray<number> | null
}

/** A generation with what is undone in it. */
export interface LeftRow extends UndoneRow {
  readonly generation: number
  readonly manifest: string
  readonly checksum: number
}

export interface PromotedRow extends Partial<LogRow> {
  readonly status: "ok" | "lost" | "superseded"
  readonly last_seq: number
  readonly generation: number
  readonly usage: string | null
  readonly windows: string | null
}

/** The lease that was taken, or its holder. */
export interface LeaseRow {
  readonly token: number | null
  readonly epoch: number | null
  readonly holder: string | null
  readonly remaining: number | null
}

export interface MadeRow {
  readonly status: "ok" | "lost" | "superseded" | "beyond" | "moved" | "early"
  readonly generation: number
  readonly last_seq: number
  readonly at: number
}

const MESSAGE = "seq, arrival, kind, tokens, body, at::float8 AS at, checksum::float8 AS checksum"
const HEAD = "s.epoch::float8 AS epoch, s.generation, s.last_seq, s.total::float8 AS total, s.usage, s.windows"
const SEGMENT =
  "id, session_id, level, children, from_seq, to_seq, tokens, body, degraded, focus, model, checksum::float8 AS checksum"

/** Both ends of the ranges that are undone in a generation, in order. */
const undoneIn = (session: string, generation: string) =>
  ["from", "to"]
    .map(
      (
        end
      ) => `(SELECT array_agg(u.${end}_seq ORDER BY u.from_seq) FROM throughline.undone u WHERE u.session_id = ${session}
        AND u.until > ${generation} AND u.since <= ${generation}) AS undone_${end}`
    )
    .join(", ")

/** A commit that does not wait for the disk, for what a crash of the server may take back. */
export const RELAXED = "quick AS (SELECT set_config('synchronous_commit', 'off', true))"

/** A report that is in memory only, and the generation it is of. */
type ReportColumns = readonly [usage: string | null, usageOf: number | null]

export interface PauseRow extends Pause {
  readonly key: string
}

/** Pauses that are read along with something else. */
export const MOST_PAUSES = 100

/** The columns of a generation, as the functions take them that write one. */
export type GenerationColumns = readonly [
  manifest: string,
  tailFrom: number,
  checksum: number,
  operationId: string,
  ledger: string | null,
  ledgerChecksum: number | null,
  undoneFrom: ReadonlyArray<number>,
  undoneTo: ReadonlyArray<number>
]

type CommitColumns = readonly [
  Id,
  ...Attempt,
  token: number,
  holder: string,
  epoch: number,
  base: number,
  reach: number,
  at: number,
  ...GenerationColumns,
  segments: string,
  usage: string | null
]

const callOf = (name: string, parameters: number): string =>
  `SELECT * FROM throughline.${name}(${Array.from({ length: parameters }, (_, i) => `$${i + 1}`).join(", ")})`

export const statements = {
  deliver: prepare<
    [
      ids: ReadonlyArray<string>,
      tags: ReadonlyArray<number>,
      kinds: ReadonlyArray<string>,
      tokens: ReadonlyArray<number>,
      bodies: ReadonlyArray<string>,
      checksums: ReadonlyArray<number>,
      keys: ReadonlyArray<string | null>,
      digests: ReadonlyArray<string | null>,
      at: number,
      again: boolean
    ],
    { readonly place: number; readonly arrival: number | null; readonly duplicate: boolean }
  >("deliver", "SELECT place, arrival, duplicate FROM throughline.deliver_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
  importAll: prepare<
    [
      ids: ReadonlyArray<string>,
      counts: ReadonlyArray<number>,
      totals: ReadonlyArray<number>,
      owners: ReadonlyArray<string>,
      seqs: ReadonlyArray<number>,
      kinds: ReadonlyArray<string | null>,
      tokens: ReadonlyArray<number>,
      bodies: ReadonlyArray<string>,
      checksums: ReadonlyArray<number>,
      at: number,
      ...Attempt,
      origins: ReadonlyArray<string | null>,
      left: ReadonlyArray<string | null>
    ],
    unknown
  >("import", callOf("import_2", 14)),
  begin: prepare<
    [Id, ...Attempt, holder: string, ttl: number, now: number | null, ...ReportColumns],
    LeaseRow & Omit<PromotedRow, "status">
  >("begin", callOf("begin_1", 8)),
  beginOperation: prepare<
    [Id, again: boolean, holder: string, ttl: number, now: number | null],
    LeaseRow & HeadRow & { readonly ledger: string | null; readonly pauses: ReadonlyArray<PauseRow> | null }
  >(
    "begin an operation",
    `SELECT b.*, (SELECT json_agg(p) FROM (SELECT * FROM throughline.route_pause LIMIT ${MOST_PAUSES + 1}) p) AS pauses
     FROM throughline.begin_operation_1($1, $2, $3, $4, $5) b`
  ),
  promote: prepare<[Id, ...Attempt, token: number, holder: string, epoch: number, ...ReportColumns], PromotedRow>(
    "promote",
    `WITH ${RELAXED} SELECT p.* FROM quick, throughline.promote_1($1, $2, $3, $4, $5, $6, $7, $8) p`
  ),
  append: prepare<
    [
      Id,
      ...Attempt,
      token: number,
      holder: string,
      epoch: number,
      at: number,
      tokens: ReadonlyArray<number>,
      bodies: ReadonlyArray<string>,
      checksums: ReadonlyArray<number>,
      ...ReportColumns
    ],
    { readonly status: "ok" | "lost" | "superseded"; readonly before: number; readonly generation: number }
  >("append", "SELECT * FROM throughline.append_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
  commit: prepare<CommitColumns, MadeRow>("commit", callOf("commit_1", 19)),
  commitAndEnd: prepare<[...CommitColumns, requestKey: string, outcome: string, counts: string], MadeRow>(
    "commit and end",
    callOf("commit_2", 22)
  ),
  supersede: prepare<
    [
      Id,
      ...Attempt,
      epoch: number,
      base: number,
      lastSeq: number,
      at: number,
      ...GenerationColumns,
      forgetsWindows: boolean
    ],
    MadeRow
  >("supersede", callOf("supersede_1", 16)),
  forget: prepare<
    [Id, now: number | null, lives: number],
    {
      readonly status: "ok" | "unknown" | "busy"
      readonly holder: string | null
      readonly messages: number
      readonly waiting: number
      readonly last_arrival: number
    }
  >("forget", "SELECT * FROM throughline.forget_1($1, $2, $3)"),

  head: prepare<[Id], HeadRow>("read the session", `SELECT ${HEAD} FROM throughline.session s WHERE s.id = $1`),
  whole: prepare<[Id], WholeRow>(
    "read the whole session",
    `SELECT ${HEAD}, g.manifest, g.checksum::float8 AS checksum, ${undoneIn("s.id", "s.generation")}
     FROM throughline.session s
     LEFT JOIN throughline.generation g ON g.session_id = s.id AND g.generation = s.generation WHERE s.id = $1`
  ),
  /** The beginning, single messages, and the first slice of the end. */
  parts: prepare<
    [Id, upTo: number, live: ReadonlyArray<number>, fromSeq: number, toSeq: number, limit: number],
    LogRow
  >(
    "read messages",
    `SELECT ${MESSAGE} FROM throughline.message WHERE session_id = $1 AND seq <= $2 UNION ALL
     SELECT ${MESSAGE} FROM throughline.message WHERE session_id = $1 AND seq = ANY ($3::int[]) UNION ALL
     (SELECT ${MESSAGE} FROM throughline.message WHERE session_id = $1 AND seq BETWEEN $4 AND $5
       ORDER BY message.seq LIMIT $6)`
  ),
  between: prepare<[Id, fromSeq: number, toSeq: number, limit: number], LogRow>(
    "read a range of messages",
    `SELECT ${MESSAGE} FROM throughline.message WHERE session_id = $1 AND seq BETWEEN $2 AND $3
     ORDER BY message.seq LIMIT $4`
  ),
  /** A page of the log, with the inbox if it is the last one. */
  page: prepare<
    [Id, after: number, limit: number],
    { readonly [K in keyof LogRow]: K extends "seq" ? number | null : LogRow[K] }
  >(
    "read the log",
    `WITH page AS (SELECT ${MESSAGE} FROM throughline.message WHERE session_id = $1 AND seq > $2
       ORDER BY message.seq LIMIT $3)
     SELECT * FROM page UNION ALL
     SELECT NULL, arrival, kind, tokens, body, at::float8, checksum::float8 FROM throughline.inbox
       WHERE session_id = $1 AND (SELECT count(*) FROM page) < $3 ORDER BY seq NULLS LAST, arrival`
  ),
  segments: prepare<[ids: ReadonlyArray<string>], SegmentRow>(
    "read segments",
    `SELECT ${SEGMENT} FROM throughline.segment WHERE id = ANY ($1::text[])`
  ),
  segmentOver: prepare<[Id, seq: number], { readonly id: string }>(
    "find a segment",
    `SELECT id FROM throughline.segment WHERE session_id = $1 AND from_seq <= $2 AND to_seq >= $2
     ORDER BY level, degraded IS NOT NULL, number DESC LIMIT 1`
  ),

  saveUsage: prepare<[Id, usage: string, generation: number], never>(
    "report",
    `WITH ${RELAXED} UPDATE throughline.session SET usage = $2 FROM quick WHERE id = $1 AND generation = $3`
  ),
  saveWindows: prepare<[Id, after: string | null, before: string | null], { readonly saved: number }>(
    "learn a window",
    `UPDATE throughline.session SET windows = $2 WHERE id = $1 AND windows IS NOT DISTINCT FROM $3 RETURNING 1 AS saved`
  ),
  ledger: prepare<[Id], { readonly body: string | null }>(
    "read the ledger",
    `SELECT l.body FROM throughline.session s LEFT JOIN throughline.ledger l ON l.session_id = s.id WHERE s.id = $1`
  ),
  generationBefore: prepare<[Id, tailFrom: number, later: number], LeftRow>(
    "find a generation",
    `SELECT g.generation, g.manifest, g.checksum::float8 AS checksum, ${undoneIn("g.session_id", "g.generation")}
     FROM throughline.generation g WHERE g.session_id = $1 AND g.tail_from <= $2 AND g.generation < $3
     ORDER BY g.generation DESC LIMIT 1`
  ),
  /** The generation that was left behind under a name; its own columns are null for the whole log. */
  left: prepare<
    [snapshotId: string],
    UndoneRow & {
      readonly session_id: string
      readonly left: number
      readonly left_seq: number
      readonly manifest: string | null
      readonly checksum: number | null
    }
  >(
    "read a snapshot",
    `SELECT l.session_id, l.generation - 1 AS left, l.left_seq, g.manifest, g.checksum::float8 AS checksum,
       ${undoneIn("l.session_id", "l.generation - 1")}
     FROM throughline.generation l LEFT JOIN throughline.generation g
       ON g.session_id = l.session_id AND g.generation = l.generation - 1 WHERE l.snapshot_id = $1`
  ),
  manifestAfter: prepare<[snapshotId: string], { readonly manifest: string }>(
    "read a receipt",
    "SELECT manifest FROM throughline.generation WHERE snapshot_id = $1"
  ),
  snapshots: prepare<
    [Id],
    {
      readonly snapshot_id: string | null
      readonly generation: number
      readonly last_seq: number
      readonly at: number
    }
  >(
    "list snapshots",
    `SELECT g.snapshot_id, g.generation - 1 AS generation, g.left_seq AS last_seq, g.at::float8 AS at
     FROM throughline.session s LEFT JOIN throughline.generation g ON g.session_id = s.id WHERE s.id = $1
     ORDER BY g.generation`
  ),
  sessions: prepare<[], Omit<SessionSummary, "origin"> & Pick<BesideRow, "origin">>(
    "list sessions",
    `SELECT s.id AS "sessionId", s.last_seq AS messages, s.generation, s.total::float8 AS tokens, i.origin,
       (SELECT count(*)::int FROM throughline.inbox w WHERE w.session_id = s.id) AS waiting
     FROM throughline.session s LEFT JOIN throughline.imported i ON i.session_id = s.id ORDER BY s.id`
  ),
  beside: prepare<[Id], Pick<BesideRow, "left_out">>(
    "list what was left out",
    "SELECT left_out FROM throughline.session LEFT JOIN throughline.imported ON session_id = id WHERE id = $1"
  ),
  publish: prepare<[operationId: string, Id, requestKey: string, outcome: string], never>(
    "publish",
    `WITH ${RELAXED} ${saveOutcome("SELECT $1, $2, $3, $4 FROM quick")}`
  ),
  outcome: prepare<[operationId: string, requestKey: string], { readonly outcome: string }>(
    "read an outcome",
    "SELECT outcome FROM throughline.operation WHERE id = $1 AND request_key = $2"
  ),

  count: prepare<[Id, counts: string], never>("count", `WITH ${RELAXED} ${addCounts("$1", "$2::json", "quick, ")}`),
  counters: prepare<[Id], { readonly name: string | null; readonly value: number }>(
    "read counters",
    `SELECT c.name, c.value::float8 AS value FROM throughline.session s
     LEFT JOIN throughline.counter c ON c.session_id = s.id WHERE s.id = $1`
  ),
  healTries: prepare<[segmentId: string], { readonly tries: number }>(
    "read tries",
    "SELECT tries FROM throughline.heal_try WHERE segment_id = $1"
  ),
  addHealTries: prepare<[segmentId: string, more: number], { readonly tries: number }>(
    "count tries",
    `INSERT INTO throughline.heal_try AS h VALUES ($1, $2)
     ON CONFLICT (segment_id) DO UPDATE SET tries = h.tries + excluded.tries RETURNING tries`
  ),

  pauses: prepare<[keys: ReadonlyArray<string>], PauseRow>(
    "read pauses",
    "SELECT key, failures, level, until FROM throughline.route_pause WHERE key = ANY ($1::text[])"
  ),
  /** All or none. A pause that is new has nothing before it. */
  savePauses: prepare<
    [
      keys: ReadonlyArray<string>,
      failures: ReadonlyArray<number>,
      levels: ReadonlyArray<number>,
      untils: ReadonlyArray<number>,
      failuresBefore: ReadonlyArray<number | null>,
      levelsBefore: ReadonlyArray<number | null>,
      untilsBefore: ReadonlyArray<number | null>
    ],
    unknown
  >("save pauses", callOf("save_pauses_1", 7))
} as const
