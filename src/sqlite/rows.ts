/** Turns rows into values. A body is checked once, where it enters memory. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Message from "../message/Message.ts"
import { DeliveryKind, LearnedWindow, Manifest, Usage, wholeLog } from "../session/Session.ts"
import type { Logged, Segment } from "../session/Session.ts"
import { StoreError } from "../session/SessionError.ts"
import type { SessionLoader } from "../store/residentSessions.ts"
import type { GenerationRow, MessageRow, SegmentRow, Statements } from "./statements.ts"

/** Thrown inside a transaction, which turns it into a failure of its effect. */
const corrupt = (what: string, detail: string) =>
  new StoreError({ operation: `read a ${what}`, reason: "corrupt", detail })

export const messageOfRow = (body: string): Message.Message =>
  Either.getOrThrowWith(Message.parseStored(parseJson(body)), (error) => corrupt("message", error.issue))

/** Fails without quoting the text; the error of `JSON.parse` would. */
const parseJson = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    throw corrupt("message", "its text is not JSON")
  }
}

const isKind = Schema.is(DeliveryKind)

export const loggedOfRow = (row: MessageRow): Logged => ({
  seq: row.seq,
  message: messageOfRow(row.body),
  tokens: row.tokens,
  kind: row.kind !== null && isKind(row.kind) ? row.kind : null,
  arrival: row.arrival,
  at: row.at
})

export const segmentOfRow = (row: SegmentRow): Segment => ({
  id: row.id,
  level: row.level,
  children: childrenOfRow(row.children),
  fromSeq: row.from_seq,
  toSeq: row.to_seq,
  text: row.body,
  tokens: row.tokens,
  degraded: row.degraded,
  focus: row.focus,
  model: row.model
})

/** A reader of JSON text of a known shape. */
const makeReader =
  <A, I>(what: string, schema: Schema.Schema<A, I>) =>
  (text: string): A =>
    Either.getOrThrowWith(Schema.decodeEither(Schema.parseJson(schema))(text), (error) => corrupt(what, error.message))

export const childrenOfRow = makeReader("list of segments", Schema.Array(Schema.String))
const manifestOfRow = makeReader("manifest", Manifest)
const usageOfRow = makeReader("usage report", Usage)
const readWindows = makeReader("list of windows", Schema.Array(LearnedWindow))

/** The windows of a session, of which most have none. */
export const windowsOfRow = (text: string | null): ReadonlyArray<LearnedWindow> =>
  text === null ? NO_WINDOWS : readWindows(text)

const NO_WINDOWS: ReadonlyArray<LearnedWindow> = []

/** The manifest of the newest generation; before the first compression there is no row. */
export const manifestOfGeneration = (row: Pick<GenerationRow, "manifest"> | undefined): Manifest =>
  row === undefined ? wholeLog : manifestOfRow(row.manifest)

/** Reads sessions into memory. */
export const makeLoader = (sql: Statements, refresh: SessionLoader["refresh"]): SessionLoader => ({
  version: () => sql.dataVersion.get() ?? 0,
  refresh,
  position: (sessionId) => {
    const session = sql.session.get(sessionId)
    if (session === undefined) return undefined
    const { seq, total } = sql.last.get(sessionId) ?? { seq: 0, total: 0 }
    const { generation } = sql.generation.get(sessionId) ?? { generation: 0 }
    return { epoch: session.epoch, generation, lastSeq: seq, total, windows: windowsOfRow(session.windows) }
  },
  manifest: (sessionId) => manifestOfGeneration(sql.generation.get(sessionId)),
  usage: (sessionId) => {
    const text = sql.session.get(sessionId)?.usage ?? null
    return text === null ? null : usageOfRow(text)
  },
  messages: (sessionId, fromSeq, toSeq) => sql.between.all(sessionId, fromSeq, toSeq).map(loggedOfRow),
  segments: (ids) => ids.flatMap((id) => sql.segment.all(id).map(segmentOfRow))
})
