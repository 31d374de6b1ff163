/** The rows that a replay left in its file, in the order they were written: what the floor writes again. */
import Database from "better-sqlite3"
import { indexText, searchableText } from "../../src/store/searchQuery.ts"
import { messageOfBody } from "../../src/store/rows.ts"

export interface Row {
  readonly seq: number
  readonly arrival: number | null
  readonly kind: string | null
  readonly tokens: number
  readonly total: number
  readonly body: string
  readonly at: number
}

interface SegmentRow {
  readonly id: string
  readonly from_seq: number
  readonly to_seq: number
  readonly tokens: number
  readonly body: string
}

interface GenerationRow {
  readonly generation: number
  readonly manifest: string
  readonly left_seq: number
  readonly operation_id: string
  readonly at: number
}

export interface Compression extends GenerationRow {
  readonly segments: ReadonlyArray<SegmentRow>
}

/** `words` are the searchable words of each message. Left out are the rows only the library has: ledger, leases. */
export interface Script {
  readonly turns: ReadonlyArray<{
    readonly rows: ReadonlyArray<Row>
    readonly compressions: ReadonlyArray<Compression>
  }>
  readonly compressions: ReadonlyArray<Compression>
  readonly words: ReadonlyArray<string>
  readonly tokens: number
}

export const read = (file: string, sessionId: string): Script => {
  const db = new Database(file, { readonly: true })
  const rows = db
    .prepare<[string], Row>(
      "SELECT seq, arrival, kind, tokens, total, body, at FROM message WHERE session_id = ? ORDER BY seq"
    )
    .all(sessionId)
  const generations = db
    .prepare<[string], GenerationRow>(
      "SELECT generation, manifest, left_seq, operation_id, at FROM generation WHERE session_id = ? ORDER BY generation"
    )
    .all(sessionId)
  const segments = db.prepare<[string], SegmentRow>(
    `SELECT id, from_seq, to_seq, tokens, body FROM segment
       WHERE id GLOB 'seg_' || substr(replace(substr(?, 4), '-', ''), 1, 16) || '*'`
  )
  const compressions = generations.map((row) => ({ ...row, segments: segments.all(row.operation_id) }))
  db.close()
  const starts = rows.flatMap(({ arrival }, index) => (arrival === null ? [] : [index]))
  const turns = starts.map((start, n) => {
    const ofTurn = rows.slice(start, starts[n + 1])
    const seqs = ofTurn.map(({ seq }) => seq)
    return { rows: ofTurn, compressions: compressions.filter(({ left_seq }) => seqs.includes(left_seq)) }
  })
  return {
    turns,
    compressions,
    words: rows.map(({ body }) => indexText(searchableText(messageOfBody(body)))),
    tokens: rows.at(-1)?.total ?? 0
  }
}
