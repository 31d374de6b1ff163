/** Reads what the doctor needs of a Hermes database as plain data: of each message a hash of its content, not its words. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { type HermesFile, readLocks } from "../file.ts"
import type { HermesSession } from "../lineage.ts"
import type { HermesLock } from "../locks.ts"
import { isDegradedHandoff, isHandoffContent, readStanding, type Standing } from "../marks.ts"

export interface HermesMessage {
  readonly id: number
  readonly sessionId: string
  readonly role: string
  readonly standing: Standing
  readonly handoff: "none" | "summary" | "degraded"
  /** Equal for rows of equal content. */
  readonly contentHash: string
  /** The tool call a result answers. */
  readonly answers: string | null
  /** The tool calls an assistant makes. */
  readonly calls: ReadonlyArray<string>
  readonly at: number
}

/** The session that gets the next message of a chat. */
export interface HermesRoute {
  readonly scope: string
  readonly key: string
  readonly sessionId: string
  readonly at: number
}

/** After a failure, Hermes does not compress the session again before `until`. */
export interface Cooldown {
  readonly sessionId: string
  readonly until: number
  readonly failure: string | null
}

export interface HermesFacts {
  readonly canArchive: boolean
  readonly sessions: ReadonlyArray<HermesSession>
  /** The rows of each session, in the order of their ids. */
  readonly messages: ReadonlyMap<string, ReadonlyArray<HermesMessage>>
  readonly locks: ReadonlyArray<HermesLock>
  readonly routes: ReadonlyArray<HermesRoute>
  readonly cooldowns: ReadonlyArray<Cooldown>
}

export const messagesOfSession = ({ messages }: HermesFacts, sessionId: string): ReadonlyArray<HermesMessage> =>
  messages.get(sessionId) ?? []

export const readFacts = (file: HermesFile): HermesFacts => ({
  canArchive: file.shape.canArchive,
  sessions: readSessions(file),
  messages: readMessages(file),
  locks: readLocks(file),
  routes: readRoutes(file),
  cooldowns: readCooldowns(file)
})

/** The column, or `NULL` if the schema does not have it. */
const columnOrNull = ({ shape }: HermesFile, table: string, name: string): string =>
  shape.tables.get(table)?.has(name) === true ? name : "NULL"

const readSessions = (file: HermesFile) =>
  file.db
    .prepare<[], HermesSession>(
      `SELECT id, source, parent_session_id AS parent, started_at AS startedAt, ended_at AS endedAt,
       end_reason AS endReason, ${columnOrNull(file, "sessions", "model_config")} AS modelConfig,
       ${columnOrNull(file, "sessions", "title")} AS title FROM sessions ORDER BY started_at, id`
    )
    .all()

interface FactsRow {
  readonly id: number
  readonly sessionId: string
  readonly role: string
  readonly content: string | null
  readonly answers: string | null
  readonly calls: string | null
  readonly at: number
  readonly active: number | null
  readonly compacted: number | null
}

const readMessages = (file: HermesFile): HermesFacts["messages"] => {
  const bySession = new Map<string, Array<HermesMessage>>()
  const rows = file.db.prepare<[], FactsRow>(
    `SELECT id, session_id AS sessionId, role, content, tool_call_id AS answers, tool_calls AS calls, timestamp AS at,
     ${columnOrNull(file, "messages", "active")} AS active, ${columnOrNull(file, "messages", "compacted")} AS compacted
     FROM messages ORDER BY id`
  )
  for (const row of rows.iterate()) {
    const message = messageOf(row)
    const others = bySession.get(row.sessionId)
    if (others === undefined) bySession.set(row.sessionId, [message])
    else others.push(message)
  }
  return bySession
}

const messageOf = ({
  active,
  answers,
  at,
  calls,
  compacted,
  content,
  id,
  role,
  sessionId
}: FactsRow): HermesMessage => ({
  id,
  sessionId,
  role,
  standing: readStanding({ active, compacted }),
  handoff: isDegradedHandoff(content) ? "degraded" : isHandoffContent(content) ? "summary" : "none",
  contentHash: createHash("sha256")
    .update(JSON.stringify([role, content ?? "", answers, calls]))
    .digest("base64"),
  answers,
  calls: Option.match(decodeCalls(calls), { onNone: () => [], onSome: (found) => found.map(({ id }) => id) }),
  at
})

const decodeCalls = Schema.decodeUnknownOption(Schema.parseJson(Schema.Array(Schema.Struct({ id: Schema.String }))))

/** `gateway_routing.entry_json` has more fields; only the session is read. */
const decodeEntry = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({ session_id: Schema.String })))

const readRoutes = ({ db, shape }: HermesFile): ReadonlyArray<HermesRoute> => {
  const columns = shape.tables.get("gateway_routing")
  if (columns === undefined) return []
  return db
    .prepare<[], { readonly scope: string; readonly key: string; readonly entry: string; readonly at: number }>(
      `SELECT ${columns.has("scope") ? "scope" : "''"} AS scope, session_key AS key, entry_json AS entry,
       ${columns.has("updated_at") ? "updated_at" : "0"} AS at FROM gateway_routing ORDER BY 1, 2`
    )
    .all()
    .flatMap(({ at, entry, key, scope }) =>
      Option.match(decodeEntry(entry), {
        onNone: () => [],
        onSome: ({ session_id: sessionId }) => [{ scope, key, sessionId, at }]
      })
    )
}

const readCooldowns = (file: HermesFile) =>
  file.db
    .prepare<[], Cooldown>(
      `SELECT id AS sessionId, ${columnOrNull(file, "sessions", "compression_failure_cooldown_until")} AS until,
       ${columnOrNull(file, "sessions", "compression_failure_error")} AS failure FROM sessions WHERE until IS NOT NULL`
    )
    .all()
