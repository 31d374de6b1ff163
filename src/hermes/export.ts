/** Sessions of a store as rows of a Hermes database: the whole log, of which Hermes sees what the view has. */
import * as Effect from "effect/Effect"
import type { SessionId, State } from "../session/Session.ts"
import { type StoreError, SessionExists } from "../session/SessionError.ts"
import type { Acknowledged } from "../store/SessionStore.ts"
import { renderHandoffContent, seqsInView } from "./store/showView.ts"
import type { HermesFile } from "./file.ts"
import { type Columns, COLUMNS, readColumns, isHeldRow } from "./rows.ts"
import { toStoreError } from "../sqlite/file.ts"

export interface Leaving {
  readonly sessionId: SessionId
  /** Log, then inbox. */
  readonly log: ReadonlyArray<Acknowledged>
  readonly state: State
}

/** What became of a session: its messages, and how many the schema cannot hold wholly or, if undone, at all. */
export interface Exported {
  readonly sessionId: SessionId
  readonly messages: number
  readonly notWhole: number
  readonly undone: number
}

interface NewRow {
  readonly columns: Columns
  readonly at: number
  readonly active: 0 | 1
  readonly compacted: 0 | 1
}

/** All sessions or none. */
export const writeExport = (
  { db, shape }: HermesFile,
  sessions: ReadonlyArray<Leaving>
): Effect.Effect<ReadonlyArray<Exported>, SessionExists | StoreError> =>
  Effect.suspend((): Effect.Effect<ReadonlyArray<Exported>, SessionExists | StoreError> => {
    const has = (table: string, column: string) => shape.tables.get(table)?.has(column) === true
    const held = COLUMNS.filter((name) => has("messages", name))
    const flags = shape.canArchive ? ["active", "compacted"] : []
    const names = ["session_id", "timestamp", ...held, ...flags]
    const exists = db.prepare<[string]>("SELECT 1 FROM sessions WHERE id = ?")
    const begin = db.prepare("INSERT INTO sessions (id, source, started_at) VALUES (?, 'throughline', ?)")
    const insert = db.prepare(`INSERT INTO messages (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`)
    const isCounting = has("sessions", "message_count") && has("sessions", "tool_call_count")
    const counted = isCounting
      ? db.prepare("UPDATE sessions SET message_count = ?, tool_call_count = ? WHERE id = ?")
      : undefined

    const put = ({ log, sessionId, state }: Leaving): Exported => {
      const rows = rowsOf(log, state, shape.canArchive)
      begin.run(sessionId, (rows[0]?.at ?? 0) / 1_000)
      for (const { active, at, columns, compacted } of rows) {
        const own = [active, compacted].slice(0, flags.length)
        insert.run(sessionId, at / 1_000, ...held.map((name) => columns[name] ?? null), ...own)
      }
      const live = rows.filter(({ active }) => active === 1)
      const calls = live.reduce((sum, { columns }) => sum + (columns.tool_calls === null ? 0 : callsIn(columns)), 0)
      counted?.run(live.length, calls, sessionId)
      const stored = log.filter(({ undone }) => shape.canArchive || !undone)
      const names = new Set<string>(held)
      const notWhole = stored.filter(
        ({ message }) => !isHeldRow(JSON.stringify(message), readColumns(message), names)
      ).length
      return { sessionId, messages: stored.length, notWhole, undone: log.length - stored.length }
    }

    const known = sessions.find(({ sessionId }) => exists.get(sessionId) !== undefined)
    if (known !== undefined) return new SessionExists({ sessionId: known.sessionId })
    return Effect.try({
      try: () => db.transaction(() => sessions.map(put)).immediate(),
      catch: (cause) => toStoreError("export", cause)
    })
  })

const callsIn = ({ tool_calls }: Columns): number => {
  const calls: unknown = JSON.parse(tool_calls ?? "[]")
  return Array.isArray(calls) ? calls.length : 0
}

/** With the handoff where the view has it. Times differ by a millisecond at least, as nothing else tells equal rows apart. */
const rowsOf = (log: ReadonlyArray<Acknowledged>, state: State, canArchive: boolean): ReadonlyArray<NewRow> => {
  const shown = seqsInView(state)
  const { live, tailFrom } = state.manifest
  // Where it would stand for nothing that is archived, it would come back as a message.
  const isHiding = log.some(({ seq, undone }) => seq !== null && !undone && !shown.has(seq))
  const content = canArchive && isHiding ? renderHandoffContent(state) : null
  const rows: Array<NewRow> = []
  let isTold = content === null
  let last = 0
  const push = (row: Omit<NewRow, "at">, at: number) => {
    last = Math.max(at, last + 1)
    rows.push({ ...row, at: last })
  }
  const tell = (at: number) => {
    if (!isTold) push({ columns: readColumns({ role: "user", content: content ?? "" }), active: 1, compacted: 0 }, at)
    isTold = true
  }
  for (const { at, message, seq, undone } of log) {
    if (undone && !canArchive) continue
    if (seq === null || seq >= (live[0] ?? tailFrom)) tell(at)
    const isShown = seq === null || shown.has(seq) || !canArchive
    const flags = undone ? ([0, 0] as const) : isShown ? ([1, 0] as const) : ([0, 1] as const)
    push({ columns: readColumns(message), active: flags[0], compacted: flags[1] }, at)
  }
  tell(last)
  return rows
}
