/** Copies the rows of a damaged database that are whole into a new one, and notes what is lost. */
import Database from "better-sqlite3"
import * as Either from "effect/Either"
import * as Ledger from "../ledger/Ledger.ts"
import type { Message } from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import { isSessionId, isWithinLog, type UndoneRange, wholeLog } from "../session/Session.ts"
import {
  countMostRows,
  findLastNumber,
  isGenerationRowIntact,
  parseGenerationRow,
  parseMessageRow,
  parseSegmentRow,
  readByKey,
  readByNumber,
  type Row
} from "./damagedTables.ts"
import {
  checksumOfGeneration,
  checksumOfRow,
  loggedOfRow,
  parseManifest,
  readOrUndefined,
  segmentOfRow,
  type StoredManifest,
  windowsOfRow
} from "../store/rows.ts"
import { prepareUndoneCount } from "./statements.ts"

/** Something that is lost: whose it was, if that is known. */
export interface LostPart {
  readonly sessionId: string | null
  readonly what: string
}

/** Counts what was brought over, and lists what is lost. */
export interface SalvageReport {
  readonly sessions: number
  readonly messages: number
  readonly waiting: number
  readonly segments: number
  readonly generations: number
  readonly lost: ReadonlyArray<LostPart>
}

/** Stands in the log for a message that is lost: the numbers of a log have no gaps, and its reader should know. */
const LOST: Message = { role: "user", content: "[This message was lost when the database was damaged.]" }

/** Tells how far the log of a session has been copied. `end` is the last message that it is known to have had. */
interface Progress {
  seq: number
  total: number
  end: number
}

/**
 * Call it inside a transaction of `to`. Leases, pauses and outcomes are left behind, because what they are about has
 * ended. The index of recall is made anew by the first search.
 */
export const bringOver = (from: Database.Database, to: Database.Database, counter: Counter): SalvageReport => {
  const lost: Array<LostPart> = []
  const lose = (sessionId: unknown, what: string) =>
    void lost.push({ sessionId: isSessionId(sessionId) ? sessionId : null, what })
  const numbered = (table: string, columns: ReadonlyArray<string>, index = `sqlite_autoindex_${table}_1`) =>
    readByNumber(from, table, columns, index, (what) => lose(null, `table ${table}: ${what}`))
  const keyed = (table: string, columns: ReadonlyArray<string>, key: ReadonlyArray<string>) =>
    readByKey(from, table, columns, key, (what) => lose(null, `table ${table}: ${what}`))
  const insert = makeInsert(to)

  const logs = new Map<string, Progress>()
  const counts = { messages: 0, waiting: 0, segments: 0, generations: 0 }
  const kept = new Set<unknown>()
  let lastArrival = 0
  const mostRows = countMostRows(from)
  /** A number that is too large for what it numbers is damaged itself. */
  const isSeq = (value: unknown): value is number => isNumber(value) && 0 < value && value <= mostRows
  const meetArrival = (arrival: unknown) => {
    if (isSeq(arrival)) lastArrival = Math.max(lastArrival, arrival)
  }

  /** The log of a session, which begins anew if the session's own row is lost. Undefined for a row whose id is damaged. */
  const findLog = (sessionId: unknown): Progress | undefined => {
    if (!isSessionId(sessionId)) return undefined
    const known = logs.get(sessionId)
    if (known !== undefined) return known
    insert("session", { id: sessionId, created: 0 })
    return addLog(sessionId)
  }

  const addLog = (sessionId: string): Progress => {
    const log = { seq: 0, total: 0, end: 0 }
    logs.set(sessionId, log)
    return log
  }

  const copySessions = () => {
    for (const row of keyed("session", ["id", "epoch", "created", "windows"], ["id"])) {
      if (!isSessionId(row.id)) {
        lose(null, "a session whose id is damaged, unless its messages name it")
        continue
      }
      const windows = typeof row.windows === "string" ? row.windows : null
      insert("session", { ...row, windows: isReadable(() => windowsOfRow(windows)) ? windows : null })
      addLog(row.id)
    }
  }

  const append = (log: Progress, row: Row & { readonly tokens: number }): boolean => {
    const [seq, total] = [log.seq + 1, log.total + row.tokens]
    const isStored = insert("message", { ...row, seq, total })
    if (isStored) Object.assign(log, { seq, total })
    return isStored
  }

  const fillUpTo = (sessionId: string, log: Progress, seq: number, at: unknown) => {
    if (log.seq >= seq) return
    lose(sessionId, formatRange("message", log.seq + 1, seq))
    while (log.seq < seq) appendLost(sessionId, log, at)
  }

  const appendLost = (sessionId: string, log: Progress, time: unknown) => {
    const at = isNumber(time) ? time : 0
    const row = { arrival: null, kind: null, tokens: counter.message(LOST), body: JSON.stringify(LOST), at }
    const checksum = checksumOfRow(sessionId, { ...row, seq: log.seq + 1 })
    return append(log, { ...row, session_id: sessionId, checksum })
  }

  /**
   * Finds messages that were after the last one whose row can be read. The index of the log is on other pages than its
   * rows. A number that stands alone there may be damaged itself, and so may that of a generation: nothing says so of
   * it, but all logs together have no more messages than the table has numbers.
   */
  const fillEnds = (generations: ReadonlyArray<Row>) => {
    const source = "message INDEXED BY sqlite_autoindex_message_1"
    const keys = readByKey(from, source, ["session_id", "seq"], ["session_id", "seq"], () => {})
    let before: Row | undefined
    for (const key of keys) {
      const isNext = key.seq === 1 || (before?.session_id === key.session_id && before?.seq === Number(key.seq) - 1)
      if (isNext) meetEnd(findLog(key.session_id), key.seq)
      before = key
    }
    for (const row of generations) {
      const { left_seq, session_id } = row
      if (isSessionId(session_id) && isGenerationRowIntact(row)) meetEnd(logs.get(session_id), left_seq)
    }
    let room = findLastNumber(from, "message", "sqlite_autoindex_message_1")
    for (const log of logs.values()) room -= log.seq
    for (const [sessionId, log] of logs) {
      if (log.end - log.seq > room) continue
      room -= Math.max(0, log.end - log.seq)
      fillUpTo(sessionId, log, log.end, 0)
    }
  }

  const meetEnd = (log: Progress | undefined, seq: unknown) => {
    if (log !== undefined && isSeq(seq)) log.end = Math.max(log.end, seq)
  }

  /** Neither the session nor the number of a damaged row is believed, unless the row is the next one of its log. */
  const copyMessages = () => {
    const columns = ["session_id", "seq", "arrival", "kind", "tokens", "body", "at", "checksum"]
    for (const row of numbered("message", columns)) {
      const { at, seq, session_id, tokens } = row
      if (!isSessionId(session_id) || !isSeq(seq)) continue
      const damage = findDamage(session_id, { ...row, seq })
      const log = damage === undefined ? findLog(session_id) : logs.get(session_id)
      if (log === undefined || seq <= log.seq || (damage !== undefined && seq > log.seq + 1)) continue
      fillUpTo(session_id, log, seq - 1, at)
      if (damage === undefined && isNumber(tokens) && append(log, { ...row, tokens })) {
        meetArrival(row.arrival)
        kept.add(row.arrival)
        counts.messages += 1
      } else {
        lose(session_id, `message #${seq}: ${damage ?? "its columns are damaged"}`)
        appendLost(session_id, log, at)
      }
    }
  }

  const copyInbox = () => {
    const columns = ["arrival", "session_id", "kind", "tokens", "body", "at", "checksum"]
    for (const row of numbered("inbox", columns, "inbox_session")) {
      if (!isSeq(row.arrival) || kept.has(row.arrival)) continue
      meetArrival(row.arrival)
      const damage =
        findLog(row.session_id) === undefined
          ? "its session is damaged"
          : findDamage(String(row.session_id), { ...row, seq: 0, arrival: null })
      if (damage === undefined && insert("inbox", row)) {
        kept.add(row.arrival)
        counts.waiting += 1
      } else lose(row.session_id, `arrival ${row.arrival} of the inbox: ${damage ?? "its columns are damaged"}`)
    }
  }

  const copySegments = (): ReadonlySet<unknown> => {
    const columns = ["id", "session_id", "level", "children", "from_seq", "to_seq", "tokens", "body"]
    const segments = new Set<unknown>()
    for (const row of numbered("segment", [...columns, "degraded", "focus", "model", "checksum"])) {
      if (findLog(row.session_id) === undefined) continue
      const isWhole = isReadable(() => segmentOfRow(parseSegmentRow(row)))
      if (isWhole && insert("segment", row)) segments.add(row.id)
      else lose(row.session_id, `segment ${String(row.id)}: its columns are damaged`)
    }
    counts.segments = segments.size
    return segments
  }

  /** Manifests of earlier versions have the ranges in themselves. */
  const copyUndone = () => {
    const columns = ["session_id", "until", "from_seq", "to_seq", "since"]
    for (const row of keyed("undone", columns, ["session_id", "until", "from_seq"])) {
      const { from_seq: fromSeq, session_id, to_seq: toSeq } = row
      const log = findLog(session_id)
      if (log === undefined || !isNumber(fromSeq) || !isNumber(toSeq)) continue
      for (const range of keepWithin(log.seq, [{ fromSeq, toSeq }])) insert("undone", { ...row, to_seq: range.toSeq })
    }
  }

  /**
   * A view whose segments are not all there would hide what they stood for: it shows the log itself instead. Returns the
   * sessions whose newest view is such a one.
   */
  const copyGenerations = (generations: ReadonlyArray<Row>, segments: ReadonlySet<unknown>): ReadonlySet<unknown> => {
    const newest = new Map<unknown, number>()
    const anew = new Set<unknown>()
    const undoneCount = prepareUndoneCount(to)
    for (const row of generations) {
      const { generation, manifest: text, session_id } = row
      const log = findLog(session_id)
      if (log === undefined || !isNumber(generation)) continue
      const manifest = readOrUndefined(() => parseManifest(String(text)))
      const undone =
        manifest !== undefined && typeof manifest.undone !== "number"
          ? keepWithin(log.seq, manifest.undone)
          : (undoneCount.get({ sessionId: String(session_id), generation }) ?? 0)
      const isWhole =
        manifest !== undefined &&
        isGenerationRowIntact(row) &&
        isWithinLog(manifest, log.seq) &&
        manifest.segments.every((id) => segments.has(id))
      const stored = JSON.stringify({ ...(isWhole ? manifest : showWholeLog(manifest, log.seq)), undone })
      const left = isNumber(row.left_seq) ? Math.min(row.left_seq, log.seq) : row.left_seq
      const draft = { ...row, manifest: stored, left_seq: left }
      const checksum = checksumOfGeneration(String(session_id), parseGenerationRow(draft))
      if (!insert("generation", { ...draft, checksum })) {
        lose(session_id, `generation #${generation}: its columns are damaged`)
        continue
      }
      const before = newest.get(session_id) ?? 0
      if (generation > before + 1) {
        const range = formatRange("generation", before + 1, generation - 1)
        lose(session_id, `${range}, of which the snapshots show the whole log`)
      }
      if (isWhole) anew.delete(session_id)
      else anew.add(session_id)
      if (!isWhole) lose(session_id, `the view of generation #${generation}, which shows the whole log`)
      if (typeof undone === "number" && manifest !== undefined && manifest.undone !== undone) {
        lose(session_id, `which ${manifest.undone} messages are undone in generation #${generation}: ${undone} are`)
      }
      newest.set(session_id, generation)
      counts.generations += 1
    }
    return anew
  }

  /**
   * The ledger of a view that begins anew is made anew with it. A key whose message is lost is left behind, so that the
   * message can be delivered again.
   */
  const copyRest = (anew: ReadonlySet<unknown>) => {
    const rest = [
      ["delivery_key", ["session_id", "key", "arrival", "digest"], ["session_id", "key"]],
      ["counter", ["session_id", "name", "value"], ["session_id", "name"]],
      ["heal_try", ["segment_id", "tries"], ["segment_id"]],
      ["ledger", ["session_id", "body", "checksum"], ["session_id"]],
      ["imported", ["session_id", "origin", "left_out"], ["session_id"]]
    ] as const
    for (const [table, columns, key] of rest) {
      for (const row of keyed(table, columns, key)) {
        if ("session_id" in row && findLog(row.session_id) === undefined) continue
        if (table === "ledger") {
          if (anew.has(row.session_id)) continue
          if (Either.isLeft(Ledger.decode(String(row.body)))) {
            lose(row.session_id, "the ledger: its text is damaged")
            continue
          }
        }
        meetArrival(row.arrival)
        if (table === "delivery_key" && !kept.has(row.arrival)) continue
        insert(table, row)
      }
    }
  }

  copySessions()
  const generations = [
    ...numbered("generation", [
      "session_id",
      "generation",
      "manifest",
      "left_seq",
      "snapshot_id",
      "operation_id",
      "at",
      "checksum"
    ])
  ].sort((a, b) => Number(a.generation) - Number(b.generation))
  copyMessages()
  fillEnds(generations)
  copyInbox()
  copyUndone()
  copyRest(copyGenerations(generations, copySegments()))
  keepArrivalsUnique(to, lastArrival)
  return { sessions: logs.size, ...counts, lost }
}

/** Inserts a row. False if its values cannot be those of such a row. */
const makeInsert = (db: Database.Database) => {
  const statements = new Map<string, Database.Statement<Array<unknown>>>()
  return (table: string, row: Row): boolean => {
    const names = Object.keys(row)
    const text = `INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => "?").join()})`
    const statement = statements.get(text) ?? db.prepare<Array<unknown>>(text)
    statements.set(text, statement)
    try {
      statement.run(...Object.values(row))
      return true
    } catch (cause) {
      if (cause instanceof Database.SqliteError && cause.code.startsWith("SQLITE_CONSTRAINT")) return false
      throw cause
    }
  }
}

/** A number once given to an arrival is never given again, although its row may be gone. */
const keepArrivalsUnique = (db: Database.Database, last: number) => {
  const change = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'inbox'"
  if (db.prepare(change).run(last).changes === 0) {
    db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('inbox', ?)").run(last)
  }
}

/** Messages that were reset or taken back stay so, if that is known. */
const showWholeLog = (manifest: StoredManifest | undefined, lastSeq: number): StoredManifest =>
  manifest === undefined || manifest.contextFrom > lastSeq + 1
    ? wholeLog
    : { ...wholeLog, contextFrom: manifest.contextFrom, tailFrom: manifest.contextFrom }

/** A message that is yet to come is not undone. */
const keepWithin = (lastSeq: number, undone: ReadonlyArray<UndoneRange>): ReadonlyArray<UndoneRange> =>
  undone
    .filter(({ fromSeq }) => fromSeq <= lastSeq)
    .map(({ fromSeq, toSeq }) => ({ fromSeq, toSeq: Math.min(toSeq, lastSeq) }))

const formatRange = (what: string, first: number, last: number): string =>
  first === last ? `${what} #${first}` : `${what}s #${first} to #${last}`

const isNumber = (value: unknown): value is number => typeof value === "number"

/** Tells what is wrong with the row of a message, without its content. */
const findDamage = (sessionId: string, row: Row): string | undefined =>
  loggedOfRow(sessionId, parseMessageRow(row)).unreadable

const isReadable = (read: () => unknown): boolean => readOrUndefined(() => [read()]) !== undefined
