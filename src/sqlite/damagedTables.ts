/** Reads the rows of a damaged database that can still be read, around the pages that cannot. */
import Database from "better-sqlite3"
import {
  checksumOfLedger,
  type GenerationRow,
  isGenerationIntact,
  type MessageRow,
  type SegmentRow
} from "../store/rows.ts"

export type Row = { readonly [column: string]: unknown }

/** Told of what could not be read of a table. */
type OnLoss = (what: string) => void

/** Rows that are read at once. Where one of them is on a damaged page, all of them are read again in halves. */
const BATCH = 1_000

/** After so many rows that cannot be read, those after them are only probed. */
const LONG_LOSS = 5_000
const PROBE_STEP = 20

/** No row of ours takes fewer bytes. Numbers are given one by one, so that more bytes than these have no number. */
const SMALLEST_ROW = 32

/** Reads a table by its row numbers. On a damaged page it halves the range, until only the rows of that page are left out. */
export function* readByNumber(
  db: Database.Database,
  table: string,
  columns: ReadonlyArray<string>,
  index: string,
  onLoss: OnLoss
): Generator<Row> {
  const from = `FROM ${table} NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid`
  const names = findColumns(db, table, columns)
  if (names.length === 0) return
  const selected = names.map((name) => (name === "body" ? "CAST(body AS BLOB) AS body" : name))
  const select = db.prepare<[number, number], Row>(`SELECT ${selected.join()} ${from}`)
  const lost: Array<{ readonly first: number; last: number }> = []

  function* readRange(first: number, last: number): Generator<Row> {
    const rows = attemptRead(() => select.all(first, last))
    if (rows !== undefined) return yield* rows.map(decodeBody)
    if (first < last) {
      const middle = Math.floor((first + last) / 2)
      yield* readRange(first, middle)
      return yield* readRange(middle + 1, last)
    }
    lose(first, first)
  }

  const lose = (first: number, last: number) => {
    const before = lost.at(-1)
    if (before?.last === first - 1) before.last = last
    else lost.push({ first, last })
  }

  /** Where the root of a table is damaged, each of very many numbers would be tried in vain. */
  const isHopeless = (first: number, last: number): boolean => {
    const before = lost.at(-1)
    if (before?.last !== first - 1 || last - before.first < LONG_LOSS) return false
    for (let probe = last; probe >= first; probe -= PROBE_STEP) {
      if (attemptRead(() => select.all(probe, probe)) !== undefined) return false
    }
    return true
  }

  const end = findLastNumber(db, table, index)
  for (let first = 1; first <= end; first += BATCH) {
    const last = Math.min(end, first + BATCH - 1)
    if (isHopeless(first, last)) lose(first, last)
    else yield* readRange(first, last)
  }
  for (const { first, last } of lost) onLoss(`rows ${first} to ${last} are on pages that cannot be read`)
}

/** SQLite would put U+FFFD in place of bytes that are not text, and damage would pass for a body. */
const decodeBody = (row: Row): Row => {
  if (!Buffer.isBuffer(row.body)) return row
  try {
    return { ...row, body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(row.body) }
  } catch {
    return { ...row, body: null }
  }
}

/** Asks the table, then its index, of which another page may be damaged. A number can be damaged, too. */
export const findLastNumber = (db: Database.Database, table: string, index: string): number => {
  const read = (source: string) =>
    attemptRead(() => db.prepare<[], number | null>(`SELECT max(rowid) FROM ${source}`).pluck().get() ?? 0)
  return Math.min(read(table) ?? read(`${table} INDEXED BY ${index}`) ?? Infinity, countMostRows(db))
}

/** An upper bound for the rows of the database. */
export const countMostRows = (db: Database.Database): number =>
  Math.ceil(
    (Number(db.pragma("page_count", { simple: true })) * Number(db.pragma("page_size", { simple: true }))) /
      SMALLEST_ROW
  )

/** Reads a table or an index by its key, from both ends up to the damage. */
export const readByKey = (
  db: Database.Database,
  source: string,
  columns: ReadonlyArray<string>,
  key: ReadonlyArray<string>,
  onLoss: OnLoss
): ReadonlyArray<Row> => {
  const [table = source] = source.split(" ")
  const names = findColumns(db, table, columns)
  if (names.length === 0) return []
  const readEnd = (direction: "ASC" | "DESC") => {
    const order = key.map((name) => `${name} ${direction}`).join()
    const rows: Array<Row> = []
    const isWhole = attemptRead(() => {
      const select = db.prepare<[], Row>(`SELECT ${names.join()} FROM ${source} ORDER BY ${order}`)
      for (const row of select.iterate()) rows.push(row)
      return true
    })
    return { rows, isWhole: isWhole === true }
  }
  const first = readEnd("ASC")
  if (first.isWhole) return first.rows
  onLoss("what is between its first rows and its last is on pages that cannot be read")
  const keyOf = (row: Row) => JSON.stringify(key.map((name) => row[name]))
  const known = new Set(first.rows.map(keyOf))
  return [
    ...first.rows,
    ...readEnd("DESC")
      .rows.toReversed()
      .filter((row) => !known.has(keyOf(row)))
  ]
}

/** Older versions have fewer columns. A table that is not there has none. */
const findColumns = (db: Database.Database, table: string, columns: ReadonlyArray<string>): ReadonlyArray<string> => {
  const present = db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table)
  return columns.filter((column) => present.includes(column))
}

/** Returns undefined if SQLite found damage, which it may also take for a value too large to read. */
const attemptRead = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause
    return undefined
  }
}

// -- rows as values: of a file that may be damaged, and of an older schema, which has fewer columns ----------------

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null)
const numberOf = (value: unknown): number => (typeof value === "number" ? value : -1)
const checksumIn = ({ checksum }: Row): number | null => (typeof checksum === "number" ? checksum : null)

export const parseMessageRow = (row: Row): MessageRow => ({
  seq: numberOf(row.seq),
  arrival: typeof row.arrival === "number" ? row.arrival : null,
  kind: textOf(row.kind),
  tokens: numberOf(row.tokens),
  body: textOf(row.body) ?? "",
  at: numberOf(row.at),
  checksum: checksumIn(row)
})

export const parseSegmentRow = (row: Row): SegmentRow => ({
  id: String(row.id),
  session_id: String(row.session_id),
  level: numberOf(row.level),
  children: textOf(row.children) ?? "[]",
  from_seq: numberOf(row.from_seq),
  to_seq: numberOf(row.to_seq),
  tokens: numberOf(row.tokens),
  body: String(row.body),
  degraded: textOf(row.degraded),
  focus: textOf(row.focus),
  model: String(row.model),
  checksum: checksumIn(row)
})

export const parseGenerationRow = (row: Row): GenerationRow => ({
  generation: numberOf(row.generation),
  manifest: String(row.manifest),
  left_seq: numberOf(row.left_seq),
  at: numberOf(row.at),
  checksum: checksumIn(row)
})

export const isGenerationRowIntact = (row: Row): boolean =>
  isGenerationIntact(String(row.session_id), parseGenerationRow(row))

export const isLedgerIntact = (row: Row): boolean =>
  checksumIn(row) === null || checksumIn(row) === checksumOfLedger(String(row.session_id), String(row.body))
