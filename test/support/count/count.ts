/**
 * Counts what a file holds without the readers of throughline: written from the public descriptions of the formats, so
 * that what both say alike is likely to be so.
 */
import { createHash } from "node:crypto"
import * as Agents from "./codingAgents.ts"
import { type Conversation, type Said, withoutEmpty } from "./conversation.ts"
import * as Documents from "./documents.ts"
import * as Editors from "./editors.ts"
import { get, has, list, readValues, string } from "./json.ts"
import { chat, isChat, readList } from "./messages.ts"

type Read = { readonly kind: string; readonly conversations: ReadonlyArray<Conversation> }

const one = (kind: string, said: ReadonlyArray<Said>, id: string | null = null): Read => ({
  kind,
  conversations: [{ id, said }]
})

/** A file of one value. */
const readOne = (value: unknown): Read | null => {
  const rows = list(value)
  const first = rows[0]
  if (Array.isArray(value)) {
    if (has(first, "mapping")) return { kind: "chatgpt", conversations: rows.map(Documents.chatGpt) }
    if (has(first, "chat_messages")) return { kind: "claude-ai", conversations: rows.map(Documents.claudeAi) }
    if (has(first, "task_id", "traj")) {
      const id = (row: unknown) => `task-${String(get(row, "task_id"))}-trial-${String(get(row, "trial"))}`
      return {
        kind: "tau-bench",
        conversations: rows.map((row) => ({
          id: has(row, "trial") ? id(row) : null,
          said: list(get(row, "traj")).flatMap(chat)
        }))
      }
    }
    if (has(first, "ts") && (has(first, "say") || has(first, "ask"))) return one("cline", Documents.cline(rows))
    const lines = readRows(rows, false)
    if (lines !== null && !["jsonl", "anthropic", "legacy-functions", "ai-sdk-model", "ai-sdk-ui"].includes(lines.kind))
      return lines
    if (!rows.some(isChat) && !rows.some((row) => has(row, "parts"))) return null
    const { kind, said } = readList(rows)
    return one(kind === "chat" ? "messages" : kind, said)
  }
  if (has(value, "mapping")) return { kind: "chatgpt", conversations: [Documents.chatGpt(value)] }
  if (has(value, "chat_messages")) return { kind: "claude-ai", conversations: [Documents.claudeAi(value)] }
  if (has(value, "runs")) return { kind: "langsmith", conversations: Documents.langSmith(list(get(value, "runs"))) }
  if (has(value, "agents", "blocks"))
    return { kind: "letta", conversations: list(get(value, "agents")).map(Documents.letta) }
  if (has(value, "trajectory", "history") || has(value, "trajectory_format"))
    return one("swe-agent", Documents.sweAgent(value))
  if (has(value, "conversation_id", "history")) return { kind: "kiro", conversations: [Editors.kiroSave(value)] }
  if (has(value, "executionId")) return { kind: "kiro", conversations: [Editors.kiroExecution(value)] }
  if (has(value, "chunkedPrompt")) return { kind: "ai-studio", conversations: [Documents.aiStudio(value)] }
  if (has(value, "llm_interactions")) return { kind: "trae", conversations: [Editors.trae(value)] }
  if (list(get(value, "history")).some((item) => has(item, "message")))
    return { kind: "continue", conversations: [Editors.continueSession(value)] }
  if (has(value, "conversation", "working_dir")) {
    return one("goose", Documents.goose(list(get(value, "conversation"))), string(get(value, "id")))
  }
  const messages = list(get(value, "messages"))
  if (has(value, "projectHash"))
    return one("gemini-cli", Documents.geminiChat(messages), string(get(value, "sessionId")))
  if (has(value, "info", "messages") && messages.some((message) => has(message, "parts")))
    return { kind: "opencode", conversations: [Documents.opencode(value)] }
  const contents = get(value, "contents") ?? get(value, "history")
  if (contents !== undefined) return one("gemini", readList(list(contents)).said)
  if (has(value, "messages")) {
    const { kind, said } = readList(messages)
    const system = string(get(value, "system"))
    const all = system === "" ? said : [{ role: "system", text: system, calls: [], answers: null }, ...said]
    return one(kind === "chat" ? "messages" : kind, all, string(get(value, "session_id")) || null)
  }
  return readRows([value])
}

/** A file of many values, one a line. */
const readRows = (rows: ReadonlyArray<unknown>, isLines = true): Read | null => {
  const some = (...keys: ReadonlyArray<string>) => rows.some((row) => has(row, ...keys))
  const typed = (...types: ReadonlyArray<string>) => rows.some((row) => types.includes(string(get(row, "type"))))
  if (some("run_type")) return { kind: "langsmith", conversations: Documents.langSmith(rows) }
  if (some("conversations")) return { kind: "sharegpt", conversations: rows.map(Documents.shareGpt) }
  if (some("session", "message")) {
    const ids = Array.from(new Set(rows.map((row) => string(get(row, "session")))))
    const conversations = ids.map((id) => ({
      id,
      said: rows.filter((row) => get(row, "session") === id).flatMap((row) => chat(get(row, "message")))
    }))
    return { kind: "sessions", conversations }
  }
  if (some("projectHash", "sessionId")) {
    return one("gemini-cli", Documents.geminiChat(rows), string(get(rows[0], "sessionId")))
  }
  if (typed("session.start", "user.message")) return { kind: "copilot-cli", conversations: Agents.copilot(rows) }
  if (typed("thread.started") || some("prompt") || some("msg")) {
    return { kind: "codex-exec", conversations: [Documents.codexExec(rows)] }
  }
  if (some("kind", "data")) return { kind: "kiro", conversations: [Editors.kiroLines(rows)] }
  if (some("kind", "source") || some("action", "source"))
    return one("openhands", withoutEmpty(Documents.openHands(rows)))
  if (
    typed("session_meta", "response_item", "compacted") ||
    some("record_type") ||
    (isLines && typed("function_call", "message") && some("role", "type"))
  ) {
    return { kind: "codex", conversations: Agents.codex(rows) }
  }
  if (some("sessionID", "part")) return { kind: "opencode", conversations: [Editors.opencodeParts(rows)] }
  if (typed("session_start")) return { kind: "droid", conversations: [Editors.droid(rows)] }
  if (rows.some((row) => has(row, "role", "message") && !has(row, "type")))
    return { kind: "cursor", conversations: [Editors.cursor(rows)] }
  if (typed("session")) return { kind: "pi", conversations: Agents.pi(rows) }
  if (rows.some((row) => has(row, "uuid") && has(get(row, "message"), "parts"))) {
    return { kind: "qwen-code", conversations: Agents.qwen(rows) }
  }
  if (some("sessionId", "message") || some("session_id", "message")) {
    return { kind: "claude-code", conversations: Agents.claudeCode(rows) }
  }
  const messages = rows.filter(isChat)
  if (some("working_dir") && !isChat(rows[0])) return one("goose", Documents.goose(rows))
  if (some("messages")) {
    const conversations = rows.map((row) => ({
      id: string(get(row, "session_id")) || null,
      said: readList(list(get(row, "messages"))).said
    }))
    return { kind: "messages", conversations }
  }
  if (messages.length === 0) return null
  const { kind, said } = readList(rows.filter((row) => isChat(row) || has(row, "parts")))
  return one(kind === "chat" ? "jsonl" : kind, said)
}

/** A message as it is compared: what it says is told by a digest. */
export interface CountedMessage {
  readonly role: string
  readonly digest: string
  readonly calls: number
  /** The text, for a person who looks for a difference. */
  readonly text: string
}

export interface CountedSession {
  readonly id: string | null
  readonly messages: ReadonlyArray<CountedMessage>
  readonly roles: { readonly [role: string]: number }
  readonly calls: number
  /** Calls that have a result. */
  readonly paired: number
}

export interface Count {
  readonly kind: string
  readonly sessions: ReadonlyArray<CountedSession>
}

/** Results of one reply stand in the order of their texts, since files tell them in the order in which they came. */
const sortResults = (said: ReadonlyArray<Said>): ReadonlyArray<Said> => {
  const sorted: Array<Said> = []
  for (const one of said) {
    const at =
      one.answers === null ? -1 : sorted.findLastIndex((other) => other.answers === null || other.text <= one.text)
    if (one.answers === null) sorted.push(one)
    else sorted.splice(at + 1, 0, one)
  }
  return sorted
}

export const countSession = (id: string | null, said: ReadonlyArray<Said>): CountedSession => {
  const calls = said.flatMap(({ calls }) => calls)
  const answered = new Set(said.flatMap(({ answers }) => answers ?? []))
  const roles: { [role: string]: number } = {}
  for (const { role } of said) roles[role] = (roles[role] ?? 0) + 1
  const messages = sortResults(said).map(({ calls, role, text }) => ({
    role,
    digest: createHash("sha256").update(text).digest("hex"),
    calls: calls.length,
    text
  }))
  return { id, messages, roles, calls: calls.length, paired: calls.filter((call) => answered.has(call)).length }
}

/** Null if the file is of no kind that is known here. */
export const countFile = (text: string): Count | null => {
  if (/^# aider chat started at /m.test(text) && !/^\s*[[{]/.test(text))
    return finish({ kind: "aider", conversations: Documents.aider(text) })
  const { isOne, values } = readValues(text)
  const read = isOne ? readOne(values[0]) : readRows(values)
  return read === null ? null : finish(read)
}

const finish = ({ conversations, kind }: Read): Count => ({
  kind,
  sessions: conversations.filter(({ said }) => said.length > 0).map(({ id, said }) => countSession(id, said))
})
