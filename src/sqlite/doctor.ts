/** Finds damage in a native database, and repairs what the log can make anew. */
import Database from "better-sqlite3"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Ledger from "../ledger/Ledger.ts"
import { isWithinLog } from "../session/Session.ts"
import type { StoreError } from "../session/SessionError.ts"
import { openForReading } from "./copy.ts"
import { isGenerationRowIntact, isLedgerIntact, parseMessageRow, parseSegmentRow, type Row } from "./damagedTables.ts"
import { cannotOpen, connectFile, inspectFile, isDamage, toStoreError } from "./file.ts"
import * as MakeStore from "./makeStore.ts"
import { readSchemaVersion } from "./migrations.ts"
import {
  childrenOfRow,
  loggedOfArrival,
  loggedOfRow,
  OTHER_CHECKSUM,
  parseManifest,
  readOrUndefined,
  segmentOfRow,
  type StoredManifest,
  windowsOfRow
} from "../store/rows.ts"
import { INDEX_TABLES, replaceIndexTables, SEQ_BITS } from "./searchStatements.ts"
import { prepareUndoneCount } from "./statements.ts"

/**
 * One piece of damage. `sessionId` is null if it is about no session in particular.
 *
 * - `damaged-index`, `unused-pages`: a repair makes the index of recall anew, and gives the pages back
 * - all others: a salvage brings what is whole into a new file
 */
export interface Finding {
  readonly damage:
    | "damaged-index"
    | "unused-pages"
    | "damaged-pages"
    | "broken-references"
    | "missing-migrations"
    | "damaged-session"
    | "missing-messages"
    | "unreadable-messages"
    | "doubled-arrivals"
    | "damaged-segment"
    | "damaged-view"
    | "damaged-ledger"
  readonly sessionId: string | null
  readonly detail: string
}

export interface Report {
  readonly filename: string
  readonly schemaVersion: number
  readonly sessions: number
  readonly messages: number
  readonly findings: ReadonlyArray<Finding>
}

export interface RepairReport {
  readonly filename: string
  readonly dryRun: boolean
  readonly mended: ReadonlyArray<Finding>
  readonly remaining: ReadonlyArray<Finding>
}

export const isRepairable = ({ damage }: Finding): boolean => damage === "damaged-index" || damage === "unused-pages"

/** The bytes of the file do not change. */
export const diagnoseFile = (filename: string): Effect.Effect<Report, StoreError> =>
  Effect.gen(function* () {
    yield* inspectFile(filename, false)
    const db = yield* Effect.acquireRelease(
      Effect.try({ try: () => openForReading(filename), catch: (cause) => cannotOpen(filename, cause) }),
      (db) => Effect.sync(() => db.close())
    )
    yield* MakeStore.requireKnownSchema(db, filename)
    return yield* Effect.try({ try: () => examine(db, filename), catch: (cause) => cannotOpen(filename, cause) })
  }).pipe(Effect.scoped)

/** Makes a damaged index anew. Gives unused pages back unless others are damaged, which VACUUM would have to read. */
export const repairFile = (filename: string, dryRun: boolean): Effect.Effect<RepairReport, StoreError> =>
  Effect.gen(function* () {
    const { findings } = yield* diagnoseFile(filename)
    const mended = findings.filter(isRepairable)
    const remaining = findings.filter((finding) => !isRepairable(finding))
    if (dryRun || mended.length === 0) return { filename, dryRun, mended, remaining }
    const db = yield* Effect.acquireRelease(connectFile(filename, "FULL"), (db) => Effect.sync(() => db.close()))
    yield* MakeStore.migrateFile(db)
    yield* Effect.try({
      try: () => {
        if (mended.some(({ damage }) => damage === "damaged-index"))
          db.transaction(() => replaceIndexTables(db)).immediate()
        if (remaining.every(({ damage }) => damage !== "damaged-pages")) db.exec("VACUUM")
      },
      catch: (cause) => toStoreError("repair the database", cause)
    })
    const after = yield* diagnoseFile(filename)
    return { filename, dryRun, mended, remaining: after.findings }
  }).pipe(Effect.scoped)

type Check = (db: Database.Database) => Generator<Finding>

const examine = (db: Database.Database, filename: string): Report => {
  const findings = CHECKS.flatMap((check) => runCheck(check, db))
  const [sessions = 0, messages = 0] = ["session", "message"].map((table) => readCount(db, table))
  return { filename, schemaVersion: readSchemaVersion(db), sessions, messages, findings }
}

/** 0 where SQLite cannot read the table. */
const readCount = (db: Database.Database, table: string): number => {
  try {
    return db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause
    return 0
  }
}

/** Ends a check where SQLite cannot read on: those pages have been found before. */
const runCheck = (check: Check, db: Database.Database): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  try {
    for (const finding of check(db)) findings.push(finding)
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause
  }
  return findings
}

/** True for damaged pages, and for a table that an older schema does not have. */
const isUnreadable = (cause: unknown): cause is InstanceType<typeof Database.SqliteError> =>
  cause instanceof Database.SqliteError && (isDamage(cause) || cause.message.startsWith("no such table"))

/** Finds the damaged pages of each table and its indexes, then pages that belong to nothing. */
const checkPages: Check = function* (db) {
  const tables = readColumn(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage")
  const isIndex = (table: string) => INDEX_TABLES.includes(table)
  const problemsOf = (table: string) =>
    readProblems(db, `PRAGMA integrity_check("${table.replaceAll('"', '""')}")`).filter((problem) => problem !== "ok")
  const [first, ...more] = tables.filter(isIndex).flatMap(problemsOf)
  if (first !== undefined) yield makeFinding("damaged-index", first + countMore(more.length))
  for (const table of tables.filter((name) => !isIndex(name))) {
    const [first, ...more] = problemsOf(table)
    if (first !== undefined) yield makeFinding("damaged-pages", `table ${table}: ${first}${countMore(more.length)}`)
  }
  const general = readProblems(db, `PRAGMA integrity_check(${MOST_PROBLEMS})`)
  const unused = general.filter((problem) => problem.endsWith("never used"))
  if (unused.length > 0) yield makeFinding("unused-pages", `${unused.length} pages belong to no table`)
  const others = general.filter((problem) => /^Freelist|reference to page/.test(problem))
  for (const problem of others.slice(0, 1)) yield makeFinding("damaged-pages", problem + countMore(others.length - 1))
}

const MOST_PROBLEMS = 100_000

/** Reads the answer of a check, one problem an element. The check itself can fail on a damaged page. */
const readProblems = (db: Database.Database, pragma: string): ReadonlyArray<string> => {
  const problems: Array<string> = []
  try {
    for (const text of db.prepare<[], string>(pragma).pluck().iterate()) problems.push(...text.split("\n"))
  } catch (cause) {
    if (!isUnreadable(cause)) throw cause
    if (problems.length === 0) problems.push(cause.message)
  }
  return problems.filter((problem) => !problem.startsWith("***"))
}

const checkReferences: Check = function* (db) {
  const broken = db.prepare<[], { table: string; parent: string }>("PRAGMA foreign_key_check").all()
  const byPair = Arr.groupBy(broken, ({ parent, table }) => `of ${table} name a ${parent} that is not there`)
  for (const [pair, rows] of Object.entries(byPair))
    yield makeFinding("broken-references", `${rows.length} rows ${pair}`)
}

/** Without one of them nobody can open the file: each process would wait for another to finish it. */
const checkMigrations: Check = function* (db) {
  const done = readColumn(db, "SELECT migration_id FROM effect_sql_migrations").map(Number)
  const missing = Array.from({ length: readSchemaVersion(db) }, (_, n) => n + 1).filter((id) => !done.includes(id))
  if (missing.length > 0) yield makeFinding("missing-migrations", `no record of migration ${missing.join(", ")}`)
}

const checkSessions: Check = function* (db) {
  for (const { id, windows } of db.prepare<[], Row>("SELECT * FROM session").iterate()) {
    const known = readOrUndefined(() => windowsOfRow(textOrNull(windows)))
    if (known === undefined) yield makeFinding("damaged-session", "what it knows of windows is damaged", id)
  }
}

const checkLogs: Check = function* (db) {
  const logged = db.prepare<[string], Row>("SELECT * FROM message WHERE session_id = ? ORDER BY seq")
  const waiting = db.prepare<[string], Row>("SELECT * FROM inbox WHERE session_id = ? ORDER BY arrival")
  for (const id of readColumn(db, "SELECT id FROM session")) {
    const missing: Array<string> = []
    const unreadable: Array<string> = []
    let last = 0
    for (const row of logged.iterate(id)) {
      const { seq, unreadable: issue } = loggedOfRow(id, parseMessageRow(row))
      if (seq > last + 1) missing.push(seq === last + 2 ? `#${last + 1}` : `#${last + 1} to #${seq - 1}`)
      last = seq
      if (issue !== undefined) unreadable.push(`#${seq} (${issue})`)
    }
    for (const row of waiting.iterate(id)) {
      const { arrival, unreadable: issue } = loggedOfArrival(id, parseMessageRow(row))
      if (issue !== undefined) unreadable.push(`arrival ${arrival} of the inbox (${issue})`)
    }
    if (missing.length > 0) yield makeFinding("missing-messages", listSome(missing), id)
    if (unreadable.length > 0) yield makeFinding("unreadable-messages", listSome(unreadable), id)
  }
}

const checkArrivals: Check = function* (db) {
  const query = "SELECT session_id, arrival FROM message WHERE arrival IN (SELECT arrival FROM inbox) ORDER BY arrival"
  const doubled = db.prepare<[], { session_id: string; arrival: number }>(query).all()
  for (const [id, rows] of Object.entries(Arr.groupBy(doubled, ({ session_id }) => session_id))) {
    const arrivals = rows.map(({ arrival }) => String(arrival))
    yield makeFinding("doubled-arrivals", `${listSome(arrivals)} are in the log and in the inbox`, id)
  }
}

const checkViews: Check = function* (db) {
  const known = new Set(readColumn(db, "SELECT id FROM segment"))
  const lastOf = db.prepare<[string], number>("SELECT ifnull(max(seq), 0) FROM message WHERE session_id = ?").pluck()
  for (const row of db.prepare<[], Row>("SELECT * FROM segment").iterate()) {
    const issue = findSegmentIssue(row, known, lastOf.get(String(row.session_id)) ?? 0)
    if (issue !== undefined) yield makeFinding("damaged-segment", `${String(row.id)}: ${issue}`, row.session_id)
  }
  const isUndoneThere = makeUndoneCheck(db)
  const findViewIssue = (row: Row): string | undefined => {
    const { generation, manifest: text, session_id } = row
    const manifest = readOrUndefined(() => parseManifest(String(text)))
    if (manifest === undefined) return DAMAGED_TEXT
    if (!isWithinLog(manifest, lastOf.get(String(session_id)) ?? 0)) return "it shows messages beyond the log"
    if (!isUndoneThere(String(session_id), Number(generation), manifest.undone))
      return "other messages are undone than it says"
    return findMissing(manifest.segments, known) ?? (isGenerationRowIntact(row) ? undefined : OTHER_CHECKSUM)
  }
  for (const row of db.prepare<[], Row>("SELECT * FROM generation").iterate()) {
    const issue = findViewIssue(row)
    const generation = `generation ${String(row.generation)}`
    if (issue !== undefined) yield makeFinding("damaged-view", `${generation}: ${issue}`, row.session_id)
  }
  for (const row of db.prepare<[], Row>("SELECT * FROM ledger").iterate()) {
    const isReadable = Either.isRight(Ledger.decode(String(row.body)))
    if (!isReadable || !isLedgerIntact(row))
      yield makeFinding("damaged-ledger", isReadable ? OTHER_CHECKSUM : DAMAGED_TEXT, row.session_id)
  }
}

const findSegmentIssue = (row: Row, known: ReadonlySet<string>, lastSeq: number): string | undefined => {
  const children = readOrUndefined(() => childrenOfRow(String(row.children ?? "[]")))
  if (children === undefined) return DAMAGED_TEXT
  if (Number(row.to_seq) > lastSeq) return "it stands for messages beyond the log"
  const isIntact = readOrUndefined(() => segmentOfRow(parseSegmentRow(row))) !== undefined
  return findMissing(children, known) ?? (isIntact ? undefined : OTHER_CHECKSUM)
}

/** Compares what a manifest says is undone with the rows of it, which older schemas do not have. */
const makeUndoneCheck = (db: Database.Database) => {
  let count: ReturnType<typeof prepareUndoneCount> | undefined
  return (sessionId: string, generation: number, undone: StoredManifest["undone"]): boolean =>
    typeof undone !== "number" || (count ??= prepareUndoneCount(db)).get({ sessionId, generation }) === undone
}

const findMissing = (ids: ReadonlyArray<string>, known: ReadonlySet<string>): string | undefined => {
  const missing = ids.filter((id) => !known.has(id))
  return missing.length === 0 ? undefined : `there is no segment ${listSome(missing)}`
}

/** Finds an index that is whole, but not one of this log. */
const checkIndex: Check = function* (db) {
  const last = "ifnull((SELECT max(seq) FROM message m WHERE m.session_id = r.session_id), 0)"
  const query = `SELECT session_id, seq, ${last} AS last,
      (SELECT count(*) FROM recall_docsize WHERE id BETWEEN ((number << ${SEQ_BITS}) + r.seq + 1) AND ((number + 1) << ${SEQ_BITS}) - 1) AS more
    FROM recall_session r`
  const ofStems = `SELECT session_id, s.seq, ${last} AS last, 0 AS more
    FROM recall_stem_session s JOIN recall_session r USING (number)`
  for (const row of db.prepare<[], Row>(query).iterate()) yield* checkMark(row)
  for (const row of db.prepare<[], Row>(ofStems).iterate()) yield* checkMark(row)
}

const checkMark = function* (row: Row): Generator<Finding> {
  const [seq, last, more] = [row.seq, row.last, row.more].map(Number)
  if ((seq ?? 0) > (last ?? 0) || (more ?? 0) > 0) {
    yield makeFinding(
      "damaged-index",
      `it has messages up to #${seq}, and ${more} more; the log has ${last}`,
      row.session_id
    )
  }
}

const CHECKS: ReadonlyArray<Check> = [
  checkPages,
  checkReferences,
  checkMigrations,
  checkSessions,
  checkLogs,
  checkArrivals,
  checkViews,
  checkIndex
]

const makeFinding = (damage: Finding["damage"], detail: string, sessionId: unknown = null): Finding => ({
  damage,
  sessionId: textOrNull(sessionId),
  detail
})

const MOST_LISTED = 5

const listSome = (all: ReadonlyArray<string>): string =>
  all.slice(0, MOST_LISTED).join(", ") + countMore(all.length - MOST_LISTED)

const countMore = (more: number): string => (more > 0 ? `, and ${more} more` : "")

const readColumn = (db: Database.Database, query: string): ReadonlyArray<string> =>
  db.prepare<[], string>(query).pluck().all()

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null)

const DAMAGED_TEXT = "its text is damaged"
