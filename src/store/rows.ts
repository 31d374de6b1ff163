/**
 * Turns rows into values: messages, segments, and the states that are made of them. A body is checked once, where it enters
 * memory. A message that cannot be read costs itself alone: another one stands in its place.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { crc32 } from "node:zlib"
import * as Message from "../message/Message.ts"
import { estimate } from "../message/Tokens.ts"
import { LOST_SEGMENT, RENDERER } from "../handoff/Handoff.ts"
import {
  countUndone,
  DeliveryKind,
  dropUndone,
  LearnedWindow,
  type Logged,
  Manifest,
  type Segment,
  type SessionId,
  type State,
  UndoneRange,
  Usage,
  wholeLog
} from "../session/Session.ts"
import { StoreError } from "../session/SessionError.ts"
import type { Counts } from "../session/SessionStats.ts"

export interface MessageRow {
  readonly seq: number
  readonly arrival: number | null
  readonly kind: string | null
  readonly tokens: number
  readonly body: string
  readonly at: number
  /** Null in rows of earlier versions. */
  readonly checksum: number | null
}

export interface SegmentRow {
  readonly id: string
  readonly session_id: string
  readonly level: number
  readonly children: string
  readonly from_seq: number
  readonly to_seq: number
  readonly tokens: number
  readonly body: string
  readonly degraded: string | null
  readonly focus: string | null
  readonly model: string
  /** Null in rows of earlier versions. */
  readonly checksum: number | null
}

export interface GenerationRow {
  readonly generation: number
  readonly manifest: string
  readonly left_seq: number
  readonly at: number
  /** Null in rows of earlier versions. */
  readonly checksum: number | null
}

/** Thrown inside a transaction, which turns it into a failure of its effect. */
export const corrupt = (what: string, detail: string) =>
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

/** Makes an entry for each number from `fromSeq` to `toSeq`: a damaged index finds rows in another order, or not at all. */
export const loggedOfRows = (
  sessionId: string,
  rows: ReadonlyArray<MessageRow>,
  fromSeq: number,
  toSeq: number,
  readRow: (sessionId: string, row: MessageRow) => Logged = loggedOfRow
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
      entries.push(readRow(sessionId, row))
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
export const usageOfRow = makeReader("usage report", Usage)
const readWindows = makeReader("list of windows", Schema.Array(LearnedWindow))

/** The windows of a session, of which most have none. */
export const windowsOfRow = (text: string | null): ReadonlyArray<LearnedWindow> =>
  text === null ? NO_WINDOWS : readWindows(text)

const NO_WINDOWS: ReadonlyArray<LearnedWindow> = []

export const isGenerationIntact = (sessionId: string, row: GenerationRow): boolean =>
  row.checksum === null || row.checksum === checksumOfGeneration(sessionId, row)

/**
 * The manifest of a generation; before the first one there is no row. `readUndone` reads what is undone in it, of which the
 * row has only the number.
 */
export const manifestOfRow = (
  sessionId: string,
  row: GenerationRow | undefined,
  readUndone: (generation: number) => ReadonlyArray<UndoneRange>
): Manifest => {
  if (row === undefined) return wholeLog
  if (!isGenerationIntact(sessionId, row)) throw corrupt("manifest", `generation ${row.generation}: ${OTHER_CHECKSUM}`)
  const { receipt: _, undone: stored, ...manifest } = parseManifest(row.manifest)
  if (typeof stored !== "number") return { ...manifest, undone: stored }
  const { generation } = row
  const undone = stored === 0 ? wholeLog.undone : readUndone(generation)
  const count = countUndone(undone)
  if (count !== stored)
    throw corrupt("manifest", `generation ${generation} has ${stored} messages undone, not ${count}`)
  return { ...manifest, undone }
}

/** Reads what a state is made of. */
export interface StateLoader {
  /** Messages of the log, both ends included, also those that are undone. */
  readonly messages: (sessionId: SessionId, fromSeq: number, toSeq: number) => Array<Logged>
  readonly segments: (ids: ReadonlyArray<string>) => ReadonlyArray<Segment>
}

/** The parts of a state that a manifest names. */
export type Parts = Pick<State, "base" | "manifest" | "head" | "segments" | "live"> & {
  readonly system: Array<Logged>
  readonly tail: Array<Logged>
}

/** Reads a state that is not kept in memory, such as a snapshot's. */
export const loadState = (
  loader: StateLoader,
  at: Pick<State, "sessionId" | "generation" | "lastSeq" | "manifest" | "usage" | "windows">
): State => ({ ...at, ...loadParts(loader, at.sessionId, at.manifest, at.lastSeq, []) })

/** Reads the messages and segments that a manifest names, up to `lastSeq`; none of those that were read `ahead`. */
export const loadParts = (
  loader: StateLoader,
  sessionId: SessionId,
  manifest: Manifest,
  lastSeq: number,
  ahead: ReadonlyArray<Logged>
): Parts => {
  const readLog = makeLogReader(loader, sessionId, ahead)
  const readShown = (fromSeq: number, toSeq: number) =>
    dropUndone(manifest.undone, readLog(fromSeq, Math.min(toSeq, lastSeq)))
  const system = readLeadingSystem(readLog, lastSeq)
  const start = Math.max((system.at(-1)?.seq ?? 0) + 1, manifest.contextFrom)
  return {
    base: {},
    manifest,
    system: dropUndone(manifest.undone, system),
    head: readShown(start, manifest.headTo),
    segments: readSegments(loader, manifest, start),
    live: manifest.live.flatMap((seq) => readShown(seq, seq)),
    tail: readShown(Math.max(start, manifest.tailFrom), lastSeq)
  }
}

/**
 * A segment that is lost has another in its place, which names its messages: they are those between its neighbours. Of
 * several in a row, the first stands for all.
 */
const readSegments = (loader: StateLoader, manifest: Manifest, start: number): ReadonlyArray<Segment> => {
  const { headTo, renderer, segments: ids, tailFrom } = manifest
  if (renderer > RENDERER) throw refuseRenderer(renderer)
  const found = loader.segments(ids)
  if (found.length === ids.length) return found
  let next = Math.max(start, headTo + 1)
  return ids.flatMap((id, i) => {
    const known = found.find((segment) => segment.id === id)
    const later = found.find((segment) => ids.indexOf(segment.id) > i)
    const segment = known ?? makeLostSegment(id, next, (later?.fromSeq ?? tailFrom) - 1)
    if (segment.toSeq < segment.fromSeq) return []
    next = segment.toSeq + 1
    return [segment]
  })
}

const makeLostSegment = (id: string, fromSeq: number, toSeq: number): Segment => {
  const text = "The summary of these messages is lost. The messages are not: each can be recalled."
  const tokens = estimate.text(text)
  return {
    id,
    level: 0,
    children: [],
    fromSeq,
    toSeq,
    text,
    tokens,
    degraded: LOST_SEGMENT,
    focus: null,
    model: "none"
  }
}

const refuseRenderer = (renderer: number) =>
  new StoreError({
    operation: "read a view",
    reason: "newer",
    detail: `its handoff has the wording ${renderer} of a newer version, this one knows ${RENDERER}`
  })

type LogReader = (fromSeq: number, toSeq: number) => Array<Logged>

/** Reads ranges of a log, and takes from `ahead` what it holds of them. */
export const makeLogReader = (loader: StateLoader, sessionId: SessionId, ahead: ReadonlyArray<Logged>): LogReader => {
  const aheadFrom = ahead[0]?.seq ?? Infinity
  const aheadEnd = aheadFrom + ahead.length
  return (fromSeq, toSeq) => {
    if (fromSeq > toSeq) return []
    const isAhead = aheadFrom <= fromSeq && fromSeq < aheadEnd
    if (!isAhead) return loader.messages(sessionId, fromSeq, toSeq)
    const known = ahead.slice(fromSeq - aheadFrom, toSeq - aheadFrom + 1)
    return toSeq < aheadEnd ? known : [...known, ...loader.messages(sessionId, aheadEnd, toSeq)]
  }
}

/** The system messages a log begins with. */
export const readLeadingSystem = (readLog: LogReader, lastSeq: number): Array<Logged> => {
  const system: Array<Logged> = []
  for (let fromSeq = 1; fromSeq <= lastSeq; fromSeq += LEADING_PAGE) {
    const page = readLog(fromSeq, Math.min(lastSeq, fromSeq + LEADING_PAGE - 1))
    const leading = page.findIndex(({ message }) => !Message.isSystem(message))
    system.push(...(leading < 0 ? page : page.slice(0, leading)))
    if (leading >= 0) break
  }
  return system
}

/** Most logs begin with one system message. */
const LEADING_PAGE = 2

/** Counts as a store adds them, each rounded to the nearest whole number. */
export const encodeCounts = (counts: Counts): string => JSON.stringify(counts, roundNumber)

const roundNumber = (_: string, value: unknown) => (typeof value === "number" ? Math.round(value) : value)
