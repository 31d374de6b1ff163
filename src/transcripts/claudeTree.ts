/** The tree of the lines of Claude Code: the conversations in it, and which line follows which. */
import { isObject, type JsonObject } from "../format/json.ts"
import { IdQueue } from "./entries.ts"
import type { Steps, Subagent, TranscriptRow } from "./rows.ts"

/** The lines of one conversation: of the main line of a session, or of a side chain. */
export interface Chain {
  readonly sessionId: string | null
  readonly subagent: Subagent | undefined
  readonly rows: ReadonlyArray<TranscriptRow>
}

/** Splits a file into its conversations. A side chain has the id of its agent, the call it works for, or only a root. */
export function* splitChains(rows: ReadonlyArray<TranscriptRow>): Steps<ReadonlyArray<Chain>> {
  const chains = new Map<string, { readonly sessionId: string | null; readonly rows: Array<TranscriptRow> }>()
  const names = new Map<string, string>()
  const findRoot = makeRootFinder()
  for (const row of rows) {
    const sessionId = readSessionId(row.value)
    const root = findRoot(row, sessionId)
    const key = JSON.stringify([sessionId, root])
    const chain = chains.get(key)
    if (chain !== undefined) chain.rows.push(row)
    else chains.set(key, { sessionId, rows: [row] })
    if (root !== null) names.set(key, root)
    yield
  }
  const findCall = yield* makeCallFinder(rows)
  let unnamed = 0
  return Array.from(chains, ([key, { rows, sessionId }]) => {
    const root = names.get(key)
    if (root === undefined) return { sessionId, rows, subagent: undefined }
    const call = findCall(rows)
    const agent = rows[0]?.value.agentId
    const name = typeof agent === "string" ? `agent-${agent}` : (call ?? `side-${++unnamed}`)
    return { sessionId, rows, subagent: { of: sessionId, name, call } }
  })
}

/** Lines that `claude` prints write the name of the field in another way. */
const readSessionId = ({ session_id: printed, sessionId }: JsonObject): string | null => {
  const id = sessionId ?? printed
  return typeof id === "string" && id !== "" ? id : null
}

/** Finds what tells the side chains of a session apart; null for the main line. */
const makeRootFinder = () => {
  const roots = new Map<unknown, string>()
  const latest = new Map<string | null, string>()
  const main = new Set<unknown>()
  return ({ line, value }: TranscriptRow, sessionId: string | null): string | null => {
    const { agentId, isSidechain, parent_tool_use_id: call, parentUuid, uuid } = value
    if (typeof call === "string") return call
    if (isSidechain !== true) {
      main.add(uuid)
      return null
    }
    if (typeof agentId === "string") return agentId
    const isRoot = parentUuid === null || parentUuid === undefined || main.has(parentUuid)
    const known = isRoot ? undefined : (roots.get(parentUuid) ?? latest.get(sessionId))
    const root = known ?? `line ${line}`
    roots.set(uuid, root)
    latest.set(sessionId, root)
    return root
  }
}

/**
 * Finds the call that began a side chain: a line names it, the result of the call names the agent, or the chain opens with
 * the prompt of the call.
 */
function* makeCallFinder(
  rows: ReadonlyArray<TranscriptRow>
): Steps<(chain: ReadonlyArray<TranscriptRow>) => string | null> {
  const callOfAgent = new Map<unknown, string>()
  const callsOfPrompt = new Map<unknown, IdQueue>()
  for (const { value } of rows) {
    for (const block of listBlocks(value)) {
      if (block.type === "tool_result" && typeof block.tool_use_id === "string" && isObject(value.toolUseResult)) {
        callOfAgent.set(value.toolUseResult.agentId ?? NaN, block.tool_use_id)
      }
      if (block.type !== "tool_use" || typeof block.id !== "string" || !isObject(block.input)) continue
      const { prompt } = block.input
      if (prompt === undefined) continue
      const calls = callsOfPrompt.get(prompt)
      if (calls === undefined) callsOfPrompt.set(prompt, new IdQueue(block.id))
      else calls.add(block.id)
    }
    yield
  }
  return ([first]: ReadonlyArray<TranscriptRow>): string | null => {
    if (first === undefined) return null
    const { agentId, parent_tool_use_id: call } = first.value
    if (typeof call === "string") return call
    const { content } = isObject(first.value.message) ? first.value.message : {}
    const prompt = typeof content === "string" ? content : listBlocks(first.value)[0]?.text
    const asked = prompt === undefined ? undefined : callsOfPrompt.get(prompt)
    return callOfAgent.get(agentId) ?? asked?.take() ?? null
  }
}

const listBlocks = ({ message }: JsonObject): ReadonlyArray<JsonObject> =>
  isObject(message) && Array.isArray(message.content) ? message.content.filter(isObject) : []

/**
 * Finds the parent of each line. A compaction has no parent but names the line before it in another field. If lines that
 * it preserves are written anew behind it, that one may be among them. A line whose parent is not before it then, or not in
 * the file, follows the line before it, so that nothing is lost.
 */
export function* findParents(chains: ReadonlyArray<Chain>): Steps<Parents> {
  const byUuid = new Map<unknown, TranscriptRow>()
  const repeated = new Set<unknown>()
  for (const { rows } of chains) {
    for (const row of rows) {
      const { uuid } = row.value
      if (typeof uuid === "string" && byUuid.has(uuid)) repeated.add(uuid)
      else if (typeof uuid === "string") byUuid.set(uuid, row)
      yield
    }
  }
  const parents = new Map<TranscriptRow, TranscriptRow>()
  for (const { rows } of chains) {
    let latest: TranscriptRow | undefined
    const before = new Set<TranscriptRow>()
    for (const row of rows) {
      yield
      const { isCompactSummary, logicalParentUuid, message, parentUuid, subtype, type, uuid } = row.value
      if (uuid === undefined && message === undefined && type !== "queue-operation") continue
      const named = logicalParentUuid ?? parentUuid
      const isRoot = named === null && isCompactSummary !== true && subtype !== "compact_boundary"
      const found = byUuid.get(named)
      const isAhead = subtype === "compact_boundary" && found !== undefined && !before.has(found)
      const parent = isRoot ? undefined : found === undefined || found === row || isAhead ? latest : found
      if (parent !== undefined) parents.set(row, parent)
      if (type !== "queue-operation") latest = row
      before.add(row)
    }
  }
  return { parents, repeated }
}

/** The parents of lines, and the ids that more than one line has. */
export interface Parents {
  readonly parents: ReadonlyMap<TranscriptRow, TranscriptRow>
  readonly repeated: ReadonlySet<unknown>
}

/**
 * Puts each line behind its parent: some versions write the result of a call before the call. Lines stay in the order of
 * the file otherwise.
 */
export function* orderRows(
  rows: ReadonlyArray<TranscriptRow>,
  parents: ReadonlyMap<TranscriptRow, TranscriptRow>
): Steps<ReadonlyArray<TranscriptRow>> {
  const own = new Set(rows)
  const ordered = new Set<TranscriptRow>()
  const waiting = new Map<TranscriptRow, Array<TranscriptRow>>()
  for (const row of rows) {
    yield
    const parent = parents.get(row)
    if (parent !== undefined && own.has(parent) && !ordered.has(parent)) {
      const beside = waiting.get(parent)
      if (beside === undefined) waiting.set(parent, [row])
      else beside.push(row)
      continue
    }
    const next = [row]
    for (let placed = next.pop(); placed !== undefined; placed = next.pop()) {
      ordered.add(placed)
      for (const child of (waiting.get(placed) ?? []).toReversed()) next.push(child)
    }
  }
  // What is left names itself as its own ancestor.
  for (const row of rows) ordered.add(row)
  return Array.from(ordered)
}
