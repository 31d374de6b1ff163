/**
 * The statements of the full-text index. A row's id is the session's number and the message's `seq` in one, so that a
 * session is a range of ids and the rows of others cost nothing.
 */
import Database from "better-sqlite3"
import { indexText } from "../store/searchQuery.ts"
import { weighKeys } from "../store/wordKeys.ts"
import { isDamage } from "./file.ts"
import { newIndex, WEIGHT_COLUMNS } from "./migrations.ts"
import { prepareQuery, prepareValue } from "./statements.ts"

/** A session's number in the index, and the last messages that are in its tables: of words, and of stems. */
export interface Mark {
  readonly number: number
  readonly seq: number
  readonly stemSeq: number
}

/** A message of the log, as its text is there. */
export interface Body {
  readonly seq: number
  readonly body: string
}

/** Parameters of every search. `except`, `also` and the ranges of `undone` are JSON. */
export interface Range {
  readonly fromSeq: number
  readonly toSeq: number
  readonly least: number
  readonly most: number
  readonly except: string
  readonly also: string
  readonly undone: string
}

/** Parameters of a search in the index: a query in its syntax, and the number of the session. */
export interface Ask extends Range {
  readonly number: number
  readonly match: string
  readonly limit: number
}

/** Parameters of a scan of the log: a pattern of LIKE. */
export interface Scan extends Range {
  readonly sessionId: string
  readonly pattern: string
}

/** Far more messages than a session has. */
export const SEQ_BITS = 28
const seqOf = (rowid: string) => `(${rowid} & ((1 << ${SEQ_BITS}) - 1))`
const rowid = (seq: string) => `((@number << ${SEQ_BITS}) + ${seq})`

const isWithin = (seq: string) =>
  `(${seq} BETWEEN @fromSeq AND @toSeq AND ${seq} NOT IN (SELECT value FROM json_each(@except))
    OR ${seq} IN (SELECT value FROM json_each(@also)))
   AND (@undone = '[]' OR NOT EXISTS (SELECT 1 FROM json_each(@undone)
     WHERE ${seq} BETWEEN json_extract(value, '$.fromSeq') AND json_extract(value, '$.toSeq')))`

const matching = (index: string) =>
  `${index} MATCH @match AND ${index}.rowid BETWEEN ${rowid("@least")} AND ${rowid("@most")}`

/** The messages that an index finds within the range, as the beginning of a query. */
const findIn = (index: string, seq = seqOf(`${index}.rowid`)) =>
  `SELECT ${seq} FROM ${index} WHERE ${matching(index)} AND ${isWithin(seq)}`

/** Statements that read the log. */
export const prepareLogReading = (db: Database.Database) => ({
  bodies: prepareQuery<[sessionId: string, after: number, limit: number], Body>(
    db,
    "SELECT seq, body FROM message WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?"
  ),
  before: prepareQuery<[sessionId: string, seq: number], Body>(
    db,
    "SELECT seq, body FROM message WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT 200"
  ),
  scan: prepareQuery<[Scan], Body>(
    db,
    `SELECT seq, body FROM message
     WHERE session_id = @sessionId AND seq BETWEEN @least AND @most AND ${isWithin("seq")}
       AND body LIKE @pattern ESCAPE '\\' ORDER BY seq DESC`
  ),
  segmentOver: prepareValue<[string, number, number], string>(
    db,
    `SELECT id FROM segment WHERE session_id = ? AND from_seq <= ? AND to_seq >= ?
     ORDER BY level, degraded IS NOT NULL, rowid DESC LIMIT 1`
  )
})

/** Statements that touch nothing but the index. SQLite prepares none of them where the index is badly damaged. */
const prepareIndex = (db: Database.Database) => ({
  mark: prepareQuery<[string], Mark>(
    db,
    `SELECT number, r.seq, ifnull(s.seq, 0) AS stemSeq
     FROM recall_session r LEFT JOIN recall_stem_session s USING (number) WHERE session_id = ?`
  ),
  open: prepareQuery<[string]>(db, "INSERT INTO recall_session (session_id, seq) VALUES (?, 0) ON CONFLICT DO NOTHING"),
  moveMark: prepareQuery<[seq: number, number: number]>(db, "UPDATE recall_session SET seq = ? WHERE number = ?"),
  moveStemMark: prepareQuery<[number: number, seq: number]>(
    db,
    "INSERT INTO recall_stem_session (number, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq"
  ),
  insert: prepareQuery<[number: number, seq: number, text: string]>(
    db,
    `INSERT INTO recall (rowid, body) VALUES ((? << ${SEQ_BITS}) + ?, ?)`
  ),
  insertStems: prepareQuery<[number: number, seq: number, ...keys: ReadonlyArray<string | null>]>(
    db,
    `INSERT INTO recall_stem (rowid, ${WEIGHT_COLUMNS.join(", ")})
     VALUES ((? << ${SEQ_BITS}) + ?, ${WEIGHT_COLUMNS.map(() => "?").join(", ")})`
  ),
  /** Each message with the key, as `seq * 100` plus the level of its weight. */
  postings: prepareValue<[key: string, limit: number], number>(
    db,
    `SELECT ${seqOf("doc")} * 100 + col FROM recall_posting WHERE term = ? LIMIT ?`
  ),
  holding: prepareValue<[Ask], number>(db, `${findIn("recall_stem")} ORDER BY rowid DESC LIMIT @limit`),
  count: prepareValue<[Ask], number>(
    db,
    `SELECT count(*) FROM (SELECT 1 FROM recall WHERE ${matching("recall")} LIMIT @limit)`
  ),
  best: prepareValue<[Ask], number>(db, `${findIn("recall")} ORDER BY rank, rowid DESC LIMIT @limit`),
  newest: prepareValue<[Ask], number>(db, `${findIn("recall")} ORDER BY rowid DESC LIMIT @limit`)
})

/** A part of the index, and the largest slice of the log that is added to it at once. */
export interface Part {
  /** In messages. */
  readonly batch: number
  readonly characters: number
  /** The last message that is in the part. */
  readonly lastOf: (mark: Mark) => number
  readonly insert: (number: number, seq: number, text: string) => void
  readonly moveMark: (number: number, seq: number) => void
}

/** Names a key in the index. Each session has its own, so that the messages of others cost nothing. */
export const nameKey = (number: number, key: string): string => `${number}·${key}`

/** The index, prepared at its first use, so that a damaged one keeps no store shut. */
export const makeIndex = (db: Database.Database) => {
  let statements: ReturnType<typeof prepareIndex> | undefined
  let isDamaged = false

  const use = <A>(ask: (index: ReturnType<typeof prepareIndex>) => A): A => {
    try {
      return ask((statements ??= prepareIndex(db)))
    } catch (cause) {
      isDamaged ||= isIndexDamage(cause)
      throw cause
    }
  }

  /** Puts an empty index in the place of a damaged one. Call it inside a transaction. */
  const reset = () => {
    replaceIndexTables(db)
    statements = undefined
    isDamaged = false
  }

  const insertStems = (number: number, seq: number, text: string) => {
    const columns = WEIGHT_COLUMNS.map((): Array<string> => [])
    for (const [key, level] of weighKeys(text)) columns[level]?.push(nameKey(number, key))
    const cells = columns.map((keys) => (keys.length === 0 ? null : keys.join(" ")))
    use(({ insertStems }) => insertStems.run(number, seq, ...cells))
  }

  const words: Part = {
    batch: 200,
    characters: 200_000,
    lastOf: ({ seq }) => seq,
    insert: (number, seq, text) => use(({ insert }) => insert.run(number, seq, indexText(text))),
    moveMark: (number, seq) => use(({ moveMark }) => moveMark.run(seq, number))
  }

  const stems: Part = {
    batch: 100,
    characters: 70_000,
    lastOf: ({ stemSeq }) => stemSeq,
    insert: insertStems,
    moveMark: (number, seq) => use(({ moveStemMark }) => moveStemMark.run(number, seq))
  }

  return { use, reset, isDamaged: () => isDamaged, words, stems }
}

const isIndexDamage = (cause: unknown): boolean =>
  isDamage(cause) || (cause instanceof Database.SqliteError && DAMAGE.test(cause.message))

const DAMAGE = /vtable constructor failed|fts5 file format|no such table: (?:main\.)?recall/

/**
 * Takes a session out of the index, which does not know what words of whom it holds: it becomes empty, and searches of the
 * other sessions fill it again from their logs. Call it inside a transaction.
 */
export const forgetIndexed = (db: Database.Database, sessionId: string): void => {
  if (prepareQuery(db, "DELETE FROM recall_session WHERE session_id = ?").run(sessionId).changes === 0) return
  for (const index of ["recall", "recall_stem"]) db.exec(`INSERT INTO ${index} (${index}) VALUES ('delete-all')`)
  db.exec("DELETE FROM recall_stem_session")
  // They keep their numbers, which another process may search by now.
  db.exec("UPDATE recall_session SET seq = 0")
}

/**
 * Takes the tables out of the schema without dropping them: their pages would be freed on the word of damaged pages, which
 * may name those of the log. They stay unused until VACUUM.
 */
export const replaceIndexTables = (db: Database.Database): void => {
  db.unsafeMode(true)
  try {
    db.pragma("writable_schema = ON")
    db.exec(`DELETE FROM main.sqlite_schema WHERE tbl_name IN (${INDEX_TABLES.map((name) => `'${name}'`).join()})`)
    db.pragma("writable_schema = RESET")
    for (const statement of newIndex) db.exec(statement)
  } finally {
    db.pragma("writable_schema = OFF")
    db.unsafeMode(false)
  }
}

export const INDEX_TABLES: ReadonlyArray<string> = [
  "recall",
  "recall_config",
  "recall_data",
  "recall_docsize",
  "recall_idx",
  "recall_posting",
  "recall_session",
  "recall_stem",
  "recall_stem_config",
  "recall_stem_data",
  "recall_stem_idx",
  "recall_stem_session"
]
