/** What a rollout file of Codex says of its session: the id, whom it works for, and where its history begins. */
import { isObject, type JsonObject } from "../format/json.ts"
import { pickFields, type Subagent, type TranscriptRow } from "./rows.ts"

export const isBareHeader = (value: JsonObject): boolean =>
  typeof value.id === "string" && typeof value.timestamp === "string" && "instructions" in value

export interface CodexHeader {
  /** The session, or the one that a sub-agent works for. */
  readonly sessionId: string | null
  readonly subagent: Subagent | undefined
  /** Entries with a number below this repeat what the main session said. */
  readonly firstOwn: number
  /** True if the conversation begins in another file: only Codex knows where that lies. */
  readonly isPage: boolean
}

/** Reads the first header. A fork repeats the header of the session it came from after its own. */
export const findCodexHeader = (rows: ReadonlyArray<TranscriptRow>): CodexHeader => {
  for (const { value } of rows) {
    if (value.type === "session_meta" && isObject(value.payload)) return readHeader(value.payload)
    if (isBareHeader(value)) return readHeader(value)
  }
  return readHeader({})
}

/** The id of the session that a line begins; undefined for other lines. */
export const readCodexHeader = (row: TranscriptRow): string | undefined => {
  const { sessionId, subagent } = findCodexHeader([row])
  return sessionId === null ? undefined : subagent === undefined ? sessionId : `${sessionId}.${subagent.name}`
}

const HEADER = ["id", "history_base", "parent_thread_id", "source", "subagent_history_start_ordinal", "thread_source"]

/** The fields of a header that are read. */
export const outlineHeader = (payload: JsonObject): JsonObject => pickFields(payload, ...HEADER)

const readHeader = (payload: JsonObject): CodexHeader => {
  const { history_base: base, id, source, subagent_history_start_ordinal: first, thread_source: kind } = payload
  const own = typeof id === "string" && id !== "" ? id : null
  const spawned = isObject(source) ? source.subagent : undefined
  const spawn = isObject(spawned) && isObject(spawned.thread_spawn) ? spawned.thread_spawn : {}
  const parent = spawn.parent_thread_id ?? payload.parent_thread_id
  const call = spawn.spawn_call_id
  const isSubagent = kind === "subagent" || spawned !== undefined
  const hasParent = isSubagent && own !== null && typeof parent === "string" && parent !== "" && parent !== own
  return {
    sessionId: hasParent ? parent : own,
    subagent: hasParent ? { of: parent, name: own, call: typeof call === "string" ? call : null } : undefined,
    firstOwn: typeof first === "number" ? first : 0,
    isPage: isObject(base)
  }
}
