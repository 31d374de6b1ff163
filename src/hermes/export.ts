/** Writes sessions of a store as rows of a Hermes database: the whole log, of which Hermes shows what the view shows. */
import * as Effect from "effect/Effect"
import type { SessionId, State } from "../session/Session.ts"
import { type StoreError, SessionExists } from "../session/SessionError.ts"
import type { Acknowledged } from "../store/SessionStore.ts"
import { renderHandoffContent, seqsInView } from "./store/showView.ts"
import { type HermesFile, openForWriting } from "./file.ts"
import { FLAGS, type Standing } from "./marks.ts"
import { COLUMNS, columnsOfMessage, isHeldByColumns, type MessageColumns } from "./rows.ts"
import { toStoreError } from "../sqlite/file.ts"

export interface ExportInput {
  readonly sessionId: SessionId
  /** The log, then the inbox. */
  readonly log: ReadonlyArray<Acknowledged>
  readonly state: State
}

export interface ExportResult {
  readonly sessionId: SessionId
  readonly messages: number
  /** Messages with parts for which the schema has no column. */
  readonly notWhole: number
  /** Undone messages that were left out, because the schema cannot hide them. */
  readonly undone: number
}

/** Adds the sessions to a database that is there already, all or none. Fails if it has a session of one of the ids. */
export const writeExport = (
  filename: string,
  sessions: ReadonlyArray<ExportInput>
): Effect.Effect<ReadonlyArray<ExportResult>, SessionExists | StoreError> =>
  Effect.gen(function* () {
    const file = yield* openForWriting(filename)
    const exists = file.db.prepare<[string]>("SELECT 1 FROM sessions WHERE id = ?")
    const existing = sessions.find(({ sessionId }) => exists.get(sessionId) !== undefined)
    if (existing !== undefined) return yield* new SessionExists({ sessionId: existing.sessionId })
    const writeSession = prepareSessionWriter(file)
    return yield* Effect.try({
      try: () => file.db.transaction(() => sessions.map(writeSession)).immediate(),
      catch: (cause) => toStoreError("export", cause)
    })
  }).pipe(Effect.scoped)

const prepareSessionWriter = ({ db, shape }: HermesFile) => {
  const hasColumn = (table: string, column: string) => shape.tables.get(table)?.has(column) === true
  const held = COLUMNS.filter((name) => hasColumn("messages", name))
  const heldNames = new Set<string>(held)
  const names = ["session_id", "timestamp", ...held, ...(shape.canArchive ? ["active", "compacted"] : [])]
  const insertSession = db.prepare("INSERT INTO sessions (id, source, started_at) VALUES (?, 'throughline', ?)")
  const insertRow = db.prepare(`INSERT INTO messages (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`)
  const setCounts =
    hasColumn("sessions", "message_count") && hasColumn("sessions", "tool_call_count")
      ? db.prepare("UPDATE sessions SET message_count = ?, tool_call_count = ? WHERE id = ?")
      : undefined

  return ({ log, sessionId, state }: ExportInput): ExportResult => {
    const stored = log.filter(({ undone }) => shape.canArchive || !undone)
    const rows = makeRows(stored, state, shape.canArchive)
    insertSession.run(sessionId, (rows[0]?.at ?? 0) / 1_000)
    for (const { at, columns, standing } of rows) {
      const { active, compacted } = FLAGS[standing]
      const flags = shape.canArchive ? [active, compacted] : []
      insertRow.run(sessionId, at / 1_000, ...held.map((name) => columns[name] ?? null), ...flags)
    }
    const live = rows.filter(({ standing }) => standing === "live")
    const calls = live.reduce((sum, { columns }) => sum + countCalls(columns), 0)
    setCounts?.run(live.length, calls, sessionId)
    const notWhole = stored.filter(
      ({ message }) => !isHeldByColumns(JSON.stringify(message), columnsOfMessage(message), heldNames)
    )
    return { sessionId, messages: stored.length, notWhole: notWhole.length, undone: log.length - stored.length }
  }
}

const countCalls = ({ tool_calls }: MessageColumns): number => {
  const calls: unknown = JSON.parse(tool_calls ?? "[]")
  return Array.isArray(calls) ? calls.length : 0
}

interface NewRow {
  readonly columns: MessageColumns
  readonly at: number
  readonly standing: Standing
}

/** Makes a row of each message, and puts the handoff among them where the view has it. */
const makeRows = (log: ReadonlyArray<Acknowledged>, state: State, canArchive: boolean): ReadonlyArray<NewRow> => {
  const inView = seqsInView(state)
  const rows = log.map((entry): NewRow => ({
    columns: columnsOfMessage(entry.message),
    at: entry.at,
    standing: canArchive ? standingOf(entry, inView) : "live"
  }))
  // A handoff comes back as a message if nothing is archived, so it is written only if something is.
  const content = rows.some(({ standing }) => standing === "archived") ? renderHandoffContent(state) : null
  if (content === null) return spaceTimes(rows)
  const { headTo, live, tailFrom } = state.manifest
  const from = live.find((seq) => seq > headTo) ?? tailFrom
  const firstAfter = log.findIndex(({ seq }) => seq === null || seq >= from)
  const place = firstAfter === -1 ? rows.length : firstAfter
  const columns = columnsOfMessage({ role: "user", content })
  return spaceTimes(rows.toSpliced(place, 0, { columns, at: rows[place]?.at ?? 0, standing: "live" }))
}

const standingOf = ({ seq, undone }: Acknowledged, inView: ReadonlySet<number>): Standing => {
  if (undone) return "undone"
  return seq === null || inView.has(seq) ? "live" : "archived"
}

/** Puts the times a millisecond apart at least, because an import tells equal rows apart by nothing else. */
const spaceTimes = (rows: ReadonlyArray<NewRow>): ReadonlyArray<NewRow> => {
  let last = 0
  return rows.map((row) => {
    last = Math.max(row.at, last + 1)
    return { ...row, at: last }
  })
}
