/**
 * Turns rows into values. A body is checked once, where it enters memory. A message that cannot be read costs itself alone:
 * another one stands in its place.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { crc32 } from "node:zlib"
import * as Message from "../message/Message.ts"
import { estimate } from "../message/Tokens.ts"
import { countUndone, DeliveryKind, LearnedWindow, Manifest, UndoneRange, Usage, wholeLog } from "../session/Session.ts"
import type { Logged, Segment } from "../session/Session.ts"
import { StoreError } from "../session/SessionError.ts"
import type { SessionLoader } from "../store/residentSessions.ts"
import type { Row } from "./damagedTables.ts"
import { isDamage } from "./file.ts"
import type { GenerationRow, MessageRow, SegmentRow, Statements } from "./statements.ts"

/** Thrown inside a transaction, which turns it into a failure of its effect. */
const corrupt = (what: string, detail: string) =>
  new StoreError({ operation: `read a ${what}`, reason: "corrupt", detail })

/** Undefined for a text that is damaged. */
export const readOrUndefined = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof StoreError) return undefined
    throw cause
  }
}

/**
 * The CRC-32 of a row's columns. A row of the inbox has `seq` 0 and no `arrival`: neither is known when it is written.
 *
 * A flipped bit in a text mostly leaves it valid JSON, so nothing else would tell it. `crc32` of `node:zlib` takes about
 * 1 µs for a message of 1,000 characters: a third of a CRC by table, and an eighth of a hash of `node:crypto`.
 */
export const checksumOfRow = (sessionId: string, row: Omit<MessageRow, "checksum">): number =>
  crc32(row.body, crc32(`${sessionId} ${row.seq} ${row.arrival} ${row.kind} ${row.tokens} ${row.at} `))

/** The same of the other rows: of their columns, and of their long text last. */
const checksumOf = (columns: ReadonlyArray<string | number | null>, text: string): number =>
  crc32(text, crc32(JSON.stringify(columns)))

export const checksumOfSegment = (row: Omit<SegmentRow, "checksum">): number => {
  const { body, children, degraded, focus, from_seq, id, level, model, session_id, to_seq, tokens } = row
  return checksumOf([id, session_id, level, children, from_seq, to_seq, tokens, degraded, focus, model], body)
}

export const checksumOfGeneration = (sessionId: string, row: Omit<GenerationRow, "checksum">): number =>
  checksumOf([sessionId, row.generation, row.left_seq, row.at], row.manifest)

export const checksumOfLedger = (sessionId: string, text: string): number => checksumOf([sessionId], text)

/** Reads the text of a message. Fails without quoting it; the error of `JSON.parse` would. */
const parseBody = (body: unknown): Either.Either<Message.Message, Message.InvalidMessage> => {
  try {
    return typeof body === "string" ? Message.parseStored(JSON.parse(body)) : Either.left(NOT_JSON)
  } catch {
    return Either.left(NOT_JSON)
  }
}

const NOT_JSON = new Message.InvalidMessage({ issue: "its text is not JSON" })

/** The message that a text holds, or the one that stands in its place. */
export const messageOfBody = (body: string): Message.Message =>
  Either.getOrElse(parseBody(body), () => makeStandIn(undefined))

const isKind = Schema.is(DeliveryKind)

export const loggedOfRow = (sessionId: string, row: MessageRow): Logged => {
  const parsed = parseBody(row.body)
  if (Either.isLeft(parsed)) return standInForRow(row, makeStandIn(undefined), parsed.left.issue)
  const isUnchanged = row.checksum === null || row.checksum === checksumOfRow(sessionId, row)
  return isUnchanged ? entryOfRow(row, parsed.right) : standInForRow(row, makeStandIn(parsed.right), OTHER_CHECKSUM)
}

/** Said of a row whose bits have changed on disk. */
export const OTHER_CHECKSUM = "it is not what was written: its checksum is another"

const entryOfRow = ({ arrival, at, kind, seq, tokens }: MessageRow, message: Message.Message): Logged => ({
  seq,
  message,
  tokens,
  kind: kind !== null && isKind(kind) ? kind : null,
  arrival,
  at
})

/** Reads a row of the inbox. */
export const loggedOfArrival = (sessionId: string, row: Omit<MessageRow, "seq">): Logged => ({
  ...loggedOfRow(sessionId, { ...row, seq: 0, arrival: null }),
  arrival: row.arrival
})

/**
 * Makes the text with which a damaged arrival moves to the log. It stays unreadable there, and keeps what the inbox held
 * for a person to look at.
 */
export const markDamaged = (body: string): string => `damaged: ${body}`

/** Reads the log from `fromSeq` to `toSeq`. There is an entry for each number, also if its row cannot be read. */
export const readLog = (sql: Statements, sessionId: string, fromSeq: number, toSeq: number): Array<Logged> =>
  fromSeq > toSeq ? [] : loggedOfRows(sessionId, readAroundDamage(sql, sessionId, fromSeq, toSeq), fromSeq, toSeq)

/** Reads rows again in halves where SQLite cannot read one of them. */
const readAroundDamage = (sql: Statements, sessionId: string, fromSeq: number, toSeq: number): Array<MessageRow> => {
  try {
    return sql.between.all(sessionId, fromSeq, toSeq)
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    if (fromSeq === toSeq) return []
    const middle = Math.floor((fromSeq + toSeq) / 2)
    return [
      ...readAroundDamage(sql, sessionId, fromSeq, middle),
      ...readAroundDamage(sql, sessionId, middle + 1, toSeq)
    ]
  }
}

/** Makes an entry for each number from `fromSeq` to `toSeq`: a damaged index finds rows in another order, or not at all. */
export const loggedOfRows = (
  sessionId: string,
  rows: ReadonlyArray<MessageRow>,
  fromSeq: number,
  toSeq: number
): Array<Logged> => {
  const entries: Array<Logged> = []
  let next = fromSeq
  const fillUpTo = (seq: number) => {
    if (seq - next > MOST_MISSING) throw corrupt("log", `messages #${next} to #${seq - 1} are not found`)
    while (next < seq) entries.push(standInForMissing(next++))
  }
  for (const row of rows) {
    if (row.seq >= next && row.seq <= toSeq) {
      fillUpTo(row.seq)
      entries.push(loggedOfRow(sessionId, row))
      next = row.seq + 1
    }
  }
  fillUpTo(toSeq + 1)
  return entries
}

/** A page holds fewer messages. Where more are gone, the database is to be salvaged. */
const MOST_MISSING = 200

const standInForMissing = (seq: number): Logged =>
  standInForRow(
    { seq, arrival: null, kind: null, tokens: 0, body: "", at: 0, checksum: null },
    makeStandIn(undefined),
    "its row is not found"
  )

const standInForRow = (row: MessageRow, message: Message.Message, unreadable: string): Logged => {
  const at = Number.isNaN(new Date(row.at).getTime()) ? 0 : row.at
  const arrival = Number.isSafeInteger(row.arrival) ? row.arrival : null
  return { ...entryOfRow({ ...row, at, arrival, tokens: estimate.message(message) }, message), unreadable }
}

/** Keeps of a damaged message what holds it together with others: its role, and the calls that results answer. */
const makeStandIn = (damaged: Message.Message | undefined): Message.Message => {
  if (damaged?.role === "tool") return { role: "tool", tool_call_id: damaged.tool_call_id, content: UNREADABLE }
  if (damaged?.role !== "assistant") return { role: damaged?.role ?? "user", content: UNREADABLE }
  const calls = Message.toolCalls(damaged).map((call) => Message.withCallInput(call, "{}"))
  return { role: "assistant", content: UNREADABLE, ...(calls.length > 0 && { tool_calls: calls }) }
}

const UNREADABLE = "[This message cannot be read: what is stored of it is damaged.]"

export const segmentOfRow = (row: SegmentRow): Segment => {
  const { body, degraded, focus, id, level, model, tokens } = row
  if (row.checksum !== null && row.checksum !== checksumOfSegment(row))
    throw corrupt("segment", `${id}: ${OTHER_CHECKSUM}`)
  const range = { fromSeq: row.from_seq, toSeq: row.to_seq }
  return { id, level, children: childrenOfRow(row.children), ...range, text: body, tokens, degraded, focus, model }
}

export const rowOfSegment = (sessionId: string, segment: Segment): SegmentRow => {
  const { children, degraded, focus, fromSeq, id, level, model, text, toSeq, tokens } = segment
  const range = { from_seq: fromSeq, to_seq: toSeq }
  const session = { id, session_id: sessionId }
  const row = {
    ...session,
    level,
    children: JSON.stringify(children),
    ...range,
    tokens,
    body: text,
    degraded,
    focus,
    model
  }
  return { ...row, checksum: checksumOfSegment(row) }
}

/** A reader of JSON text of a known shape. */
const makeReader =
  <A, I>(what: string, schema: Schema.Schema<A, I>) =>
  (text: string): A =>
    Either.getOrThrowWith(Schema.decodeEither(Schema.parseJson(schema))(text), (error) => corrupt(what, error.message))

export const childrenOfRow = makeReader("list of segments", Schema.Array(Schema.String))
/**
 * A manifest as it is stored. `undone` is the number of messages that are undone; the ranges are rows of their own, since
 * a list of all of them in each generation would grow with the square of the rewinds. Versions before 0009 wrote the list.
 */
const StoredManifest = Schema.Struct({
  ...Manifest.fields,
  undone: Schema.optionalWith(Schema.Union(Schema.Int, Schema.Array(UndoneRange)), { default: () => [] }),
  /** Beside the manifest, since it is written with it and read without it. */
  receipt: Schema.optional(Schema.String)
})
export type StoredManifest = typeof StoredManifest.Type
export const parseManifest = makeReader("manifest", StoredManifest)
const usageOfRow = makeReader("usage report", Usage)
const readWindows = makeReader("list of windows", Schema.Array(LearnedWindow))

/** The windows of a session, of which most have none. */
export const windowsOfRow = (text: string | null): ReadonlyArray<LearnedWindow> =>
  text === null ? NO_WINDOWS : readWindows(text)

const NO_WINDOWS: ReadonlyArray<LearnedWindow> = []

const isGenerationIntact = (sessionId: string, row: GenerationRow): boolean =>
  row.checksum === null || row.checksum === checksumOfGeneration(sessionId, row)

/** The manifest of a generation; before the first one there is no row. */
export const readManifest = (sql: Statements, sessionId: string, row: GenerationRow | undefined): Manifest => {
  if (row === undefined) return wholeLog
  if (!isGenerationIntact(sessionId, row)) throw corrupt("manifest", `generation ${row.generation}: ${OTHER_CHECKSUM}`)
  const { receipt: _, undone: stored, ...manifest } = parseManifest(row.manifest)
  if (typeof stored !== "number") return { ...manifest, undone: stored }
  const { generation } = row
  const undone = stored === 0 ? wholeLog.undone : sql.undone.all({ sessionId, generation })
  const count = countUndone(undone)
  if (count !== stored)
    throw corrupt("manifest", `generation ${generation} has ${stored} messages undone, not ${count}`)
  return { ...manifest, undone }
}

/** Reads sessions into memory. */
export const makeLoader = (sql: Statements, refresh: SessionLoader["refresh"]): SessionLoader => ({
  version: () => sql.dataVersion.get() ?? 0,
  refresh,
  position: (sessionId) => {
    const session = sql.session.get(sessionId)
    if (session === undefined) return undefined
    const { seq, total } = sql.last.get(sessionId) ?? { seq: 0, total: 0 }
    // A damaged index may not find the end of the log.
    const { generation, left_seq } = sql.generation.get(sessionId) ?? { generation: 0, left_seq: 0 }
    const windows = windowsOfRow(session.windows)
    return { epoch: session.epoch, generation, lastSeq: Math.max(seq, left_seq), total, windows }
  },
  manifest: (sessionId) => readManifest(sql, sessionId, sql.generation.get(sessionId)),
  usage: (sessionId) => {
    const text = sql.session.get(sessionId)?.usage ?? null
    return text === null ? null : usageOfRow(text)
  },
  messages: (sessionId, fromSeq, toSeq) => readLog(sql, sessionId, fromSeq, toSeq),
  // One that is damaged is lost like one that is gone: another stands in its place, and is healed from the log.
  segments: (ids) => ids.flatMap((id) => readOrUndefined(() => sql.segment.all(id).map(segmentOfRow)) ?? [])
})

// -- rows of a file that may be damaged, and of an older schema, which has fewer columns ----------------------------

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
