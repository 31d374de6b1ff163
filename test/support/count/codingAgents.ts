/** Session files of coding agents that store each event in a line: Claude Code, Codex, pi, Qwen Code, Copilot CLI. */
import { answer, type Conversation, say, type Said, withoutEmpty } from "./conversation.ts"
import { get, has, list, string, words } from "./json.ts"
import { anthropic, gemini, responses, textOf } from "./messages.ts"

type Rows = ReadonlyArray<unknown>

/** The rows from the root to the newest one. A row whose parent is not there follows the row before it. */
const walkUp = (rows: Rows, id: string, parentsOf: (row: unknown) => ReadonlyArray<unknown>): Rows => {
  const byId = new Map(rows.map((row) => [get(row, id), row]))
  const path = new Set<unknown>()
  let row = rows.at(-1)
  while (row !== undefined && !path.has(row)) {
    path.add(row)
    const parent = parentsOf(row).find((parent) => byId.has(parent) && !path.has(byId.get(parent)))
    const before = rows[rows.indexOf(row) - 1]
    row = parent === undefined ? (path.has(before) ? undefined : before) : byId.get(parent)
  }
  return Array.from(path).toReversed()
}

// ── Claude Code ──

const messageId = (row: unknown): string => string(get(row, "message", "id"))
const isSpoken = (row: unknown): boolean => ["user", "assistant"].includes(string(get(row, "type")))
const isQueued = (row: unknown): boolean => get(row, "attachment", "type") === "queued_command"

/** One line of the tree. Blocks of a reply that came before, under other ids, are not told again. */
const tellClaude = (path: Rows, all: Rows): ReadonlyArray<Said> => {
  const told = new Set<string>()
  const said: Array<Said> = []
  const resultOf = new Map<string, Said>()
  const places = new Map<string, number>()
  for (const row of all) {
    for (const one of get(row, "type") === "user" ? anthropic(get(row, "message")) : []) {
      if (one.answers !== null && (path.includes(row) || !resultOf.has(one.answers))) resultOf.set(one.answers, one)
    }
  }
  const replies = path.flatMap((row) =>
    get(row, "type") === "assistant" && messageId(row) !== ""
      ? all.filter((other) => messageId(other) === messageId(row) && (other === row || !path.includes(other)))
      : [row]
  )
  const blocksOf = (row: unknown) => {
    const content = get(row, "message", "content")
    return typeof content === "string" ? [{ type: "text", text: content }] : list(content)
  }
  for (const row of new Set(replies)) {
    if (isQueued(row)) said.push(say("user", textOf(get(row, "attachment", "prompt"))))
    if (get(row, "type") === "user")
      said.push(...anthropic(get(row, "message")).filter(({ answers }) => answers === null))
    if (get(row, "type") !== "assistant") continue
    const fresh = blocksOf(row).filter((block) => {
      const key = `${messageId(row)} ${JSON.stringify(block)}`
      if (messageId(row) !== "" && told.has(key)) return false
      told.add(key)
      return true
    })
    const [one] = anthropic({ role: "assistant", content: fresh })
    if (one === undefined) continue
    const place = places.get(messageId(row))
    const before = place === undefined ? undefined : said[place]
    if (place === undefined || before === undefined) {
      if (messageId(row) !== "") places.set(messageId(row), said.length)
      said.push(one)
    } else {
      said[place] = {
        ...before,
        text: [before.text, one.text].filter((text) => text !== "").join("\n"),
        calls: [...before.calls, ...one.calls]
      }
    }
  }
  return withoutEmpty(said.flatMap((one) => [one, ...one.calls.flatMap((call) => resultOf.get(call) ?? [])]))
}

/** What the user typed while the agent worked, and the agent took: it stands where it was taken. */
const takeQueued = (rows: Rows): Rows => {
  const waiting: Array<unknown> = []
  const attached = rows.filter(isQueued).map((row) => textOf(get(row, "attachment", "prompt")))
  return rows.flatMap((row, index) => {
    if (get(row, "type") !== "queue-operation") return [row]
    const operation = get(row, "operation")
    if (operation === "enqueue") waiting.push(get(row, "content"))
    if (operation === "popAll") waiting.splice(0)
    const named = get(row, "content")
    const at = named === undefined ? 0 : waiting.indexOf(named)
    const isLeaving = operation === "remove" || operation === "dequeue"
    const [prompt] = isLeaving && at >= 0 ? waiting.splice(at, 1) : [isLeaving ? named : undefined]
    const isElsewhere = !["", "absorbed_mid_turn"].includes(string(get(row, "reason")))
    if (operation !== "remove" || isElsewhere || prompt === undefined || attached.includes(textOf(prompt))) return []
    const uuid = `queued ${index}`
    return [
      { type: "attachment", uuid, sessionId: get(row, "sessionId"), attachment: { type: "queued_command", prompt } }
    ]
  })
}

/** A queued prompt hangs on the newest row before it, and what hung on that row hangs on the prompt. */
const hangIn = (rows: Rows): Rows => {
  const moved = new Map<unknown, unknown>()
  let last: unknown = null
  return rows.map((row) => {
    const ends = (id: unknown): unknown => (moved.has(id) ? ends(moved.get(id)) : id)
    const parent = get(row, "parentUuid")
    const isNew = string(get(row, "uuid")).startsWith("queued ")
    const hung = isNew
      ? { ...Object(row), parentUuid: last }
      : moved.has(parent)
        ? { ...Object(row), parentUuid: ends(parent) }
        : row
    if (isNew) moved.set(last, get(row, "uuid"))
    last = get(row, "uuid") ?? last
    return hung
  })
}

const isCompactSummary = (row: unknown) => get(row, "isCompactSummary") === true

const tellTree = (rows: Rows): ReadonlyArray<Said> => {
  const inTree = rows.filter((row) => has(row, "uuid"))
  if (inTree.length === 0) return tellClaude(rows, rows)
  const path = walkUp(hangIn(inTree), "uuid", (row) => [get(row, "parentUuid"), get(row, "logicalParentUuid")])
  const first = path.find((row) => isSpoken(row))
  return tellClaude(
    path.filter((row) => !isCompactSummary(row) || row === first),
    inTree
  )
}

export const claudeCode = (rows: Rows): ReadonlyArray<Conversation> => {
  const isPrinted = rows.some((row) => has(row, "session_id"))
  const idOf = (row: unknown) => string(get(row, isPrinted ? "session_id" : "sessionId"))
  const ofTree = takeQueued(rows).filter(
    (row) => isSpoken(row) || isQueued(row) || (has(row, "uuid") && get(row, "type") === "system")
  )
  const isSide = (row: unknown) => get(row, "isSidechain") === true || string(get(row, "parent_tool_use_id")) !== ""
  const byUuid = new Map(ofTree.map((row) => [get(row, "uuid"), row]))
  /** What begins a side chain: the call, the agent, or its first row. */
  const rootOf = (row: unknown): unknown => {
    const name = get(row, "parent_tool_use_id") ?? get(row, "agentId")
    if (name !== undefined) return name
    const parent = has(row, "uuid") ? byUuid.get(get(row, "parentUuid")) : undefined
    return parent === undefined || parent === row ? get(row, "uuid") : rootOf(parent)
  }
  const ids = Array.from(new Set(ofTree.map(idOf)))
  return ids.flatMap((id) => {
    const own = ofTree.filter((row) => idOf(row) === id)
    const main = own.filter((row) => !isSide(row))
    const side = own.filter(isSide)
    const roots = Array.from(new Set(side.map(rootOf)))
    return [
      ...(main.length > 0 ? [{ id, said: isPrinted ? tellClaude(main, main) : tellTree(main) }] : []),
      ...roots.map((root) => {
        const rows = side.filter((row) => rootOf(row) === root)
        return { id: null, said: isPrinted ? tellClaude(rows, rows) : tellTree(rows) }
      })
    ]
  })
}

// ── Codex ──

const BY_CODEX =
  /^\s*(<(environment_context|user_instructions|turn_aborted|skill|permissions|collaboration_mode|subagent_notification|INSTRUCTIONS)\b|# AGENTS\.md)/

export const codex = (rows: Rows): ReadonlyArray<Conversation> => {
  const items: Array<unknown> = []
  let id: string | null = null
  const metas = rows.filter((row) => get(row, "type") === "session_meta").map((row) => get(row, "payload"))
  const first = Number(get(metas[0], "subagent_history_start_ordinal") ?? 0)
  const parent = string(get(metas[0], "source", "subagent", "thread_spawn", "parent_thread_id"))
  const speaks = (row: unknown) =>
    get(row, "payload", "role") === "assistant" ||
    (get(row, "payload", "role") === "user" && !BY_CODEX.test(textOf(get(row, "payload", "content"))))
  const isOfEvents = metas.length > 0 && !rows.some(speaks)
  for (const row of rows) {
    const payload = get(row, "payload")
    const type = get(row, "type")
    const role = { user_message: "user", agent_message: "assistant" }[string(get(payload, "type"))]
    if (type === "session_meta") id ??= [parent, string(get(payload, "id"))].filter((id) => id !== "").join(".") || null
    else if (Number(get(row, "ordinal") ?? first) < first) continue
    else if (isOfEvents && role !== undefined) items.push({ type: "message", role, content: get(payload, "message") })
    else if (type === "response_item") items.push(payload)
    else if (type === "compacted" && items.length === 0) {
      const history = list(get(payload, "replacement_history"))
      const message = string(get(payload, "message"))
      items.push(
        ...(history.length > 0 ? history : message === "" ? [] : [{ type: "message", role: "user", content: message }])
      )
    } else if (type === "event_msg" && get(payload, "type") === "thread_rolled_back") {
      const starts = items.flatMap((item, at) =>
        get(item, "role") === "user" && !BY_CODEX.test(textOf(get(item, "content"))) ? [at] : []
      )
      const turns = Number(get(payload, "num_turns"))
      const from = turns === 0 ? items.length : starts.at(-Math.min(turns, starts.length))
      items.splice(from ?? items.length)
    } else if (payload === undefined && !has(row, "record_type")) {
      if (type === undefined && has(row, "id") && !has(row, "role")) id ??= string(get(row, "id"))
      else items.push(row)
    }
  }
  const told = items.filter((item) => get(item, "type") !== "reasoning" && get(item, "type") !== "compaction")
  return [{ id, said: responses(told) }]
}

// ── pi and OpenClaw ──

export const pi = (rows: Rows): ReadonlyArray<Conversation> => {
  const header = rows.find((row) => get(row, "type") === "session")
  const entries = rows.filter((row) => get(row, "type") !== "session")
  const path = entries.every((row) => has(row, "id")) ? walkUp(entries, "id", (row) => [get(row, "parentId")]) : entries
  const isThere = (id: unknown) => path.some((row) => get(row, "id") === id)
  const said = path.flatMap((row): ReadonlyArray<Said> => {
    const message = get(row, "message")
    const role = string(get(message, "role"))
    const content = get(message, "content")
    if (get(row, "type") === "branch_summary") {
      return [say("user", `Summary of another branch, now left:\n\n${string(get(row, "summary"))}`)]
    }
    if (get(row, "type") === "custom_message") return [say("user", textOf(get(row, "content")))]
    if (get(row, "type") === "compaction" && !isThere(get(row, "firstKeptEntryId"))) {
      return [say("user", string(get(row, "summary")))]
    }
    if (role === "bashExecution") {
      const head = `I ran \`${string(get(message, "command"))}\`, exit code ${words(get(message, "exitCode"))}:`
      return [say("user", `${head}\n\n${string(get(message, "output"))}`)]
    }
    if (role === "toolResult") {
      const pictures = list(content)
        .filter((part) => get(part, "type") === "image")
        .map(() => "[image]")
      const text = [textOf(content), ...pictures].filter((words) => words !== "").join("\n")
      return [answer(string(get(message, "toolCallId")), text)]
    }
    const calls = list(content)
      .filter((part) => get(part, "type") === "toolCall")
      .map((part) => string(get(part, "id")))
    return role === "user" || role === "assistant" ? [say(role, textOf(content), calls)] : []
  })
  return [{ id: string(get(header, "id")), said: withoutEmpty(said) }]
}

// ── Qwen Code ──

export const qwen = (rows: Rows): ReadonlyArray<Conversation> => {
  const ids = Array.from(new Set(rows.filter((row) => has(row, "uuid")).map((row) => get(row, "uuid"))))
  const whole = ids.map((id) => {
    const pieces = rows.filter((row) => get(row, "uuid") === id)
    const parts = pieces.flatMap((row) => list(get(row, "message", "parts")))
    return { ...Object(pieces[0]), message: { ...Object(get(pieces[0], "message")), parts } }
  })
  const path = walkUp(whole, "uuid", (row) => [get(row, "parentUuid")])
  return [{ id: string(get(rows[0], "sessionId")), said: gemini(path.map((row) => get(row, "message"))) }]
}

// ── Copilot CLI ──

export const copilot = (rows: Rows): ReadonlyArray<Conversation> => {
  const id = string(
    get(
      rows.find((row) => get(row, "type") === "session.start"),
      "data",
      "sessionId"
    )
  )
  const chains = new Map<string, Array<Said>>([["", []]])
  const begun = rows.filter((row) => get(row, "type") === "subagent.started")
  const asked = rows.flatMap((row) => list(get(row, "data", "toolRequests")).map((call) => get(call, "toolCallId")))
  for (const row of rows) {
    const data = get(row, "data")
    const start = has(row, "agentId") && begun.find((other) => get(other, "agentId") === get(row, "agentId"))
    const name = string(get(data, "parentToolCallId") ?? get(start, "data", "toolCallId") ?? get(row, "agentId"))
    const chain = chains.get(name) ?? []
    chains.set(name, chain)
    const started = string(get(data, "toolCallId"))
    if (get(row, "type") === "tool.execution_start" && !asked.includes(started))
      chain.push(say("assistant", "", [started]))
    if (get(row, "type") === "user.message") chain.push(say("user", string(get(data, "content"))))
    if (get(row, "type") === "assistant.message") {
      const calls = list(get(data, "toolRequests")).map((call) => string(get(call, "toolCallId")))
      chain.push(say("assistant", string(get(data, "content")), calls))
    }
    if (get(row, "type") === "tool.execution_complete") {
      const text = get(data, "result", "content") ?? get(data, "error", "message")
      chain.push(answer(string(get(data, "toolCallId")), words(text)))
    }
  }
  return Array.from(chains, ([call, said]) => ({ id: call === "" ? id : `${id}.${call}`, said: withoutEmpty(said) }))
}
