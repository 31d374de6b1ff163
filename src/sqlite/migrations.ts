/**
 * The tables of the native store, as migrations. Nothing updates a row of `message` or `generation`, or deletes one but
 * with its whole session.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"

const tables = [
  `CREATE TABLE session (
    id       TEXT PRIMARY KEY,
    epoch    INTEGER NOT NULL DEFAULT 0,
    usage    TEXT,
    created  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE inbox (
    arrival    INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES session (id),
    kind       TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    body       TEXT NOT NULL,
    at         INTEGER NOT NULL
  ) STRICT`,
  `CREATE INDEX inbox_session ON inbox (session_id, arrival)`,
  `CREATE TABLE delivery_key (
    session_id TEXT NOT NULL,
    key        TEXT NOT NULL,
    arrival    INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (session_id, key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE message (
    session_id TEXT NOT NULL REFERENCES session (id),
    seq        INTEGER NOT NULL,
    arrival    INTEGER,
    kind       TEXT,
    tokens     INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    body       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (session_id, seq)
  ) STRICT`,
  `CREATE TABLE segment (
    id         TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id),
    level      INTEGER NOT NULL,
    from_seq   INTEGER NOT NULL,
    to_seq     INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    body       TEXT NOT NULL,
    degraded   TEXT,
    focus      TEXT,
    model      TEXT NOT NULL
  ) STRICT`,
  `CREATE TABLE heal_try (
    segment_id TEXT PRIMARY KEY,
    tries      INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE generation (
    session_id   TEXT NOT NULL REFERENCES session (id),
    generation   INTEGER NOT NULL,
    manifest     TEXT NOT NULL,
    ledger       TEXT NOT NULL,
    left_seq     INTEGER NOT NULL,
    snapshot_id  TEXT NOT NULL UNIQUE,
    operation_id TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (session_id, generation)
  ) STRICT`,
  `CREATE TABLE lease (
    session_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    token      INTEGER NOT NULL,
    holder     TEXT,
    expires    INTEGER NOT NULL,
    PRIMARY KEY (session_id, name)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE operation (
    id          TEXT PRIMARY KEY,
    session_id  TEXT NOT NULL,
    request_key TEXT NOT NULL,
    result      TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE route_pause (
    key      TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    level    INTEGER NOT NULL,
    until    INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`
]

const recallTables = [
  `CREATE TABLE recall_session (
    number     INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    seq        INTEGER NOT NULL
  ) STRICT`,
  `CREATE VIRTUAL TABLE recall USING fts5 (body, content = '', tokenize = 'unicode61 remove_diacritics 2')`
]

const mergingAndRecall = [
  `ALTER TABLE segment ADD COLUMN children TEXT NOT NULL DEFAULT '[]'`,
  `CREATE INDEX segment_session ON segment (session_id, from_seq)`,
  // Only the newest ledger is ever read: one for each generation would be most of what a compression writes.
  `CREATE TABLE ledger (
    session_id TEXT PRIMARY KEY REFERENCES session (id),
    body       TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `INSERT INTO ledger SELECT session_id, ledger FROM generation g
    WHERE generation = (SELECT max(generation) FROM generation WHERE session_id = g.session_id)`,
  `ALTER TABLE generation DROP COLUMN ledger`,
  ...recallTables
]

const counters = [
  `CREATE TABLE counter (
    session_id TEXT NOT NULL REFERENCES session (id),
    name       TEXT NOT NULL,
    value      INTEGER NOT NULL,
    PRIMARY KEY (session_id, name)
  ) STRICT, WITHOUT ROWID`
]

/** A log is indexed in large pieces: what they leave is merged less often, and still a little at a time. */
const merging = [
  `INSERT INTO recall (recall, rank) VALUES ('automerge', 16)`,
  `INSERT INTO recall (recall, rank) VALUES ('crisismerge', 32)`
]

/** One column for each level of weight: a word stands in the column of the weight that it has in the message. */
export const WEIGHT_COLUMNS: ReadonlyArray<string> = Array.from({ length: 32 }, (_, level) => `"${level}"`)

/**
 * The index of stems. It has a mark of its own, so that a search fills it for a log that is in the older index already. Its
 * keys are made before (`wordKeys`), so its tokenizer only separates them.
 */
const stemTables = [
  `CREATE TABLE recall_stem_session (
    number INTEGER PRIMARY KEY,
    seq    INTEGER NOT NULL
  ) STRICT`,
  `CREATE VIRTUAL TABLE recall_stem USING fts5 (
    ${WEIGHT_COLUMNS.join(", ")}, content = '', detail = column, columnsize = 0, tokenize = 'ascii')`,
  `CREATE VIRTUAL TABLE recall_posting USING fts5vocab (recall_stem, instance)`,
  `INSERT INTO recall_stem (recall_stem, rank) VALUES ('automerge', 16)`,
  `INSERT INTO recall_stem (recall_stem, rank) VALUES ('crisismerge', 32)`
]

/** Makes an empty index of recall, which a search fills from the log. */
export const newIndex: ReadonlyArray<string> = [...recallTables, ...merging, ...stemTables]

const windows = [`ALTER TABLE session ADD COLUMN windows TEXT`]

/** The time for which the holder took the lease, in milliseconds. A holder of an earlier version said nothing. */
const lives = [`ALTER TABLE lease ADD COLUMN ttl INTEGER`]

/** Tells a row whose bits have changed on disk. Rows of earlier versions have none. */
const checksums = [`ALTER TABLE message ADD COLUMN checksum INTEGER`, `ALTER TABLE inbox ADD COLUMN checksum INTEGER`]

/**
 * What rewinds took back: the messages of a range are undone from generation `since` on, before generation `until`. The
 * key begins with the ranges that are in force, however many others there were.
 */
const undone = [
  `CREATE TABLE undone (
    session_id TEXT NOT NULL REFERENCES session (id),
    until      INTEGER NOT NULL DEFAULT ${Number.MAX_SAFE_INTEGER},
    from_seq   INTEGER NOT NULL,
    to_seq     INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (session_id, until, from_seq)
  ) STRICT, WITHOUT ROWID`
]

/** Tells the same of what a compression writes. */
const checksumsOfHandoffs = ["segment", "generation", "ledger"].map(
  (table) => `ALTER TABLE ${table} ADD COLUMN checksum INTEGER`
)

/** Keeps beside a session, as JSON, what it was to another one, and the entries that could not be read. */
const imported = [
  `CREATE TABLE imported (
    session_id TEXT PRIMARY KEY REFERENCES session (id),
    origin     TEXT,
    left_out   TEXT
  ) STRICT, WITHOUT ROWID`
]

const all = (statements: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  )

const migrations = {
  "0001_sessions": tables,
  "0002_merging_and_recall": mergingAndRecall,
  "0003_counters": counters,
  "0004_merging_less_often": merging,
  "0005_learned_windows": windows,
  "0006_lives_of_leases": lives,
  "0007_checksums": checksums,
  "0008_stems": stemTables,
  "0009_undone_ranges": undone,
  "0010_checksums_of_handoffs": checksumsOfHandoffs,
  "0011_imported": imported
}

/** The newest schema that this version knows. */
export const SCHEMA_VERSION = Object.keys(migrations).length

/** The schema of a database: 0 for one without tables. */
export const readSchemaVersion = (db: Database.Database): number => {
  const isMigrated = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'effect_sql_migrations'").get() !== undefined
  const version = isMigrated
    ? db.prepare<[], number | null>("SELECT max(migration_id) FROM effect_sql_migrations").pluck().get()
    : 0
  return version ?? 0
}

/** Brings a database up to date that only this connection sees. */
export const migrateInMemory = (db: Database.Database): void => {
  const missing = Object.values(migrations).slice(readSchemaVersion(db))
  for (const statement of missing.flat()) db.exec(statement)
}

/** The migrator takes a migration for done as soon as another process has begun it. */
const isUpToDate = Effect.map(
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ readonly done: number }>`SELECT COUNT(*) AS done FROM effect_sql_migrations`
  ),
  ([row]) => row !== undefined && row.done >= SCHEMA_VERSION
)

/** Brings an empty or older file up to date. False while another process is about to: ask again. */
export const migrate = Effect.zipRight(
  Migrator.make({})({ loader: Migrator.fromRecord(Record.map(migrations, all)) }),
  isUpToDate
)
