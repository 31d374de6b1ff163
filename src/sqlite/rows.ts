/** Rows as they are read back: bodies are checked where they enter memory, once. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Message from "../message/Message.ts"
import { DeliveryKind, Manifest, Usage } from "../session/Session.ts"
import type { Logged, Segment } from "../session/Session.ts"
import { StoreError } from "../session/SessionError.ts"

export interface MessageRow {
  readonly seq: number
  readonly arrival: number | null
  readonly kind: string | null
  readonly tokens: number
  readonly body: string
  readonly at: number
}

export interface SegmentRow {
  readonly id: string
  readonly level: number
  readonly children: string
  readonly from_seq: number
  readonly to_seq: number
  readonly tokens: number
  readonly body: string
  readonly degraded: string | null
  readonly focus: string | null
  readonly model: string
}

/** Thrown inside a synchronous block; the store turns it into a failure of the effect. */
const corrupt = (what: string, detail: string) =>
  new StoreError({ operation: `read a ${what}`, reason: "corrupt", detail })

export const messageOfRow = (body: string): Message.Message =>
  Either.getOrThrowWith(Message.parse(parsed(body)), (error) => corrupt("message", error.issue))

/** Without the text, of which an error of `JSON.parse` shows a part. */
const parsed = (body: string): unknown => {
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
  kind: isKind(row.kind) ? row.kind : null,
  arrival: row.arrival,
  at: row.at
})

export const segmentOfRow = (row: SegmentRow): Segment => ({
  id: row.id,
  level: row.level,
  children: childrenOf(row.children),
  fromSeq: row.from_seq,
  toSeq: row.to_seq,
  text: row.body,
  tokens: row.tokens,
  degraded: row.degraded,
  focus: row.focus,
  model: row.model
})

/** Reads JSON text of a known shape back. */
export const rowReader =
  <A, I>(what: string, schema: Schema.Schema<A, I>) =>
  (text: string): A =>
    Either.getOrThrowWith(Schema.decodeEither(Schema.parseJson(schema))(text), (error) => corrupt(what, error.message))

const childrenOf = rowReader("list of segments", Schema.Array(Schema.String))
export const manifestOfRow = rowReader("manifest", Manifest)
export const usageOfRow = rowReader("usage report", Usage)
