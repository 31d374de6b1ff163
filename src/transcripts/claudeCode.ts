/**
 * Reads transcripts of Claude Code, and what it prints as `stream-json`. A file is a tree of lines, each with a message or
 * one block of it. The conversation is the path from the root to the newest line. The side chain of each sub-agent is a
 * conversation of its own.
 */
import * as Either from "effect/Either"
import * as MessageFormat from "../format/MessageFormat.ts"
import type { Message } from "../message/Message.ts"
import { findHeard } from "./claudeQueue.ts"
import { type Conversation, makeTranscript, readTree } from "./entries.ts"
import { type Chain, findParents, orderRows, splitChains } from "./claudeTree.ts"
import {
  type TranscriptContents,
  failImport,
  type ImportError,
  type MakeMessages,
  pickFields,
  pickWithin,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"
import { isObject, type JsonObject } from "../format/json.ts"

export const isClaudeCodeRow = ({ value }: TranscriptRow): boolean =>
  ((value.type === "user" || value.type === "assistant") && isObject(value.message)) ||
  (value.type === "summary" && typeof value.leafUuid === "string")

/** The results of tools stand in a line twice. */
export const outlineClaudeCode = (value: JsonObject): JsonObject =>
  pickWithin(pickWithin(pickFields(value, ...FIELDS), "message", "id", "content"), "toolUseResult", "agentId")

const FIELDS = [
  "type",
  "subtype",
  "uuid",
  "parentUuid",
  "logicalParentUuid",
  "leafUuid",
  "sessionId",
  "session_id",
  "isSidechain",
  "agentId",
  "parent_tool_use_id",
  "isCompactSummary",
  "isMeta",
  "isApiErrorMessage",
  "message",
  "attachment",
  "operation",
  "reason",
  "content",
  "toolUseResult"
]

/**
 * Reads the sessions of a file. A compaction is skipped, because the lines it stands for are in the file. At the beginning
 * of a session it stands for an earlier session, and stays.
 */
export const readClaudeCode = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const chains = splitChains(rows)
    const parents = findParents(chains)
    const seen = new Set<unknown>()
    const skipped: Array<string> = []
    const conversations: Array<Conversation> = []
    for (const chain of chains) {
      const heard = findHeard(chain.rows)
      const spoken: Array<ChatLine> = []
      for (const row of orderRows(chain.rows, parents)) {
        const { isCompactSummary, uuid } = row.value
        const item = yield* tolerance.attempt(convertRow(row, heard), row)
        if (item === undefined) continue
        if (typeof item === "string") skipped.push(item)
        else if (isCompactSummary === true && spoken.length > 0) skipped.push("compaction")
        else if (typeof uuid === "string" && seen.has(uuid)) skipped.push("repeated")
        else spoken.push(item)
        seen.add(uuid)
      }
      const follow = (leaf: ChatLine | undefined) => findBranch(spoken, parents, leaf)
      const live = follow(spoken.at(-1))
      const keyOf = ({ row }: ChatLine) => row
      const tree = { file: chain.rows[0]?.file ?? "", said: spoken, live, follow, keyOf }
      for (const read of yield* readTree(tree, tolerance, (branch) => readChain(chain, branch, tolerance)))
        conversations.push(read)
    }
    return makeTranscript(conversations, skipped)
  })

/**
 * Reads a line by itself: neither the other lines of its reply nor its branch are known. A line of a sub-agent has no
 * messages.
 */
export const readClaudeCodeLine = (row: TranscriptRow): Either.Either<ReadonlyArray<Message>, ImportError> =>
  Either.gen(function* () {
    const item = row.value.isSidechain === true ? "sidechain" : yield* convertRow(row, NOTHING_HEARD)
    return typeof item === "string" || item.blocks.length === 0 ? [] : yield* makeMessages(item.role, row)(item.blocks)
  })

const NOTHING_HEARD: ReadonlyMap<TranscriptRow, unknown> = new Map()

/** A line of the conversation. Lines of one assistant message have the same `reply` id. */
interface ChatLine {
  readonly row: TranscriptRow
  readonly role: "user" | "assistant"
  readonly reply: string | null
  readonly blocks: ReadonlyArray<JsonObject>
}

/** Converts a line, or returns its kind if the model never saw it. */
const convertRow = (
  row: TranscriptRow,
  heard: ReadonlyMap<TranscriptRow, unknown>
): Either.Either<ChatLine | string, ImportError> => {
  const { attachment, isApiErrorMessage, message, type } = row.value
  if (heard.has(row)) return makeChatLine(row, "user", null, heard.get(row))
  if (type === "attachment" && isObject(attachment) && attachment.type === "queued_command") {
    return makeChatLine(row, "user", null, attachment.prompt)
  }
  if (type !== "user" && type !== "assistant") return Either.right(typeof type === "string" ? type : "unknown")
  if (isApiErrorMessage === true) return Either.right("api error")
  const { content, id } = isObject(message) ? message : {}
  return makeChatLine(row, type, typeof id === "string" ? id : null, content)
}

/** Thinking is left out: it is no part of what was said. */
const THINKING: ReadonlyArray<unknown> = ["thinking", "redacted_thinking"]

const makeChatLine = (
  row: TranscriptRow,
  role: ChatLine["role"],
  reply: string | null,
  content: unknown
): Either.Either<ChatLine, ImportError> => {
  const blocks: ReadonlyArray<unknown> = Array.isArray(content) ? content : [{ type: "text", text: content }]
  const spoken = blocks.filter(isObject).filter(({ type }) => !THINKING.includes(type))
  return Either.map(decodeTurn(row, role, blocks), () => ({ row, role, reply, blocks: spoken }))
}

const decodeTurn = (row: TranscriptRow, role: string, content: unknown) =>
  Either.mapLeft(MessageFormat.decode("anthropic", [{ role, content }]), ({ issue }) =>
    failImport(row, "a message of Anthropic's API", issue)
  )

/**
 * Finds the lines on the path to a leaf. Parallel tool calls leave lines beside the path that belong to it: the
 * other lines of a reply, and the results of its calls. A reply that was written again, with new ids of its lines, adds
 * nothing.
 */
const findBranch = (
  spoken: ReadonlyArray<ChatLine>,
  parents: ReadonlyMap<TranscriptRow, TranscriptRow>,
  leaf: ChatLine | undefined
): ReadonlyArray<ChatLine> => {
  const path = new Set<TranscriptRow>()
  for (let row = leaf?.row; row !== undefined && !path.has(row); row = parents.get(row)) path.add(row)
  const onPath = spoken.filter(({ row }) => path.has(row))
  const replies = new Set(onPath.map(({ reply }) => reply))
  replies.delete(null)
  const calls = new Set(
    spoken
      .filter(({ reply, row }) => path.has(row) || replies.has(reply))
      .flatMap(({ blocks }) => blocks.filter(({ type }) => type === "tool_use").map(({ id }) => id))
  )
  const said = new Set(onPath.flatMap(({ blocks, reply }) => blocks.map((block) => keyOf(block, reply))))
  const kept = new Set(path)
  return spoken.flatMap((item): ReadonlyArray<ChatLine> => {
    const { blocks, reply, row } = item
    if (path.has(row)) return [item]
    if (row.value.type === "queue-operation") {
      const parent = parents.get(row)
      return parent === undefined || kept.has(parent) ? [item] : []
    }
    const isResult = blocks.some(({ tool_use_id: id, type }) => type === "tool_result" && calls.has(id))
    if (!isResult && !replies.has(reply)) return []
    const added = blocks.filter((block) => !said.has(keyOf(block, reply)))
    if (isResult && !added.some(({ type }) => type === "tool_result")) return []
    for (const block of added) said.add(keyOf(block, reply))
    kept.add(row)
    return added.length === 0 ? [] : [{ ...item, blocks: added }]
  })
}

/** Equal for blocks that say the same of the same reply. A call has one result. */
const keyOf = (block: JsonObject, reply: string | null): string => {
  if (block.type === "tool_use") return JSON.stringify(["call", block.id])
  return JSON.stringify(block.type === "tool_result" ? ["result", block.tool_use_id] : [reply, block.type, block])
}

/** Merges the lines of each reply. Claude Code writes each block of it on its own line. */
const mergeReplies = (spoken: ReadonlyArray<ChatLine>): ReadonlyArray<ChatLine> => {
  const place = new Map<string, number>()
  const merged: Array<ChatLine & { readonly blocks: Array<JsonObject> }> = []
  for (const item of spoken) {
    const index = item.reply === null ? undefined : place.get(item.reply)
    const first = index === undefined ? undefined : merged[index]
    if (first !== undefined) for (const block of item.blocks) first.blocks.push(block)
    else {
      if (item.reply !== null) place.set(item.reply, merged.length)
      merged.push({ ...item, blocks: [...item.blocks] })
    }
  }
  return merged
}

const readChain = (
  { sessionId, subagent }: Chain,
  current: ReadonlyArray<ChatLine>,
  { make }: Tolerance
): Either.Either<Conversation, ImportError> =>
  Either.gen(function* () {
    const messages: Array<Message> = []
    const notices: Array<number> = []
    for (const item of mergeReplies(current)) {
      if (item.blocks.length === 0) continue
      for (const message of yield* make(item.blocks, makeMessages(item.role, { ...item.row, value: {} }))) {
        if (message.role === "user" && isNotice(item)) notices.push(messages.length)
        messages.push(message)
      }
    }
    return { sessionId, messages, notices, skipped: [], subagent }
  })

const isNotice = ({ blocks, row }: ChatLine): boolean =>
  isNoticeText(row, blocks.find(({ type }) => type === "text")?.text)

/** True for what Claude Code itself says in the name of the user. */
export const isNoticeText = ({ value: { isCompactSummary, isMeta } }: TranscriptRow, text: unknown): boolean =>
  isMeta === true || isCompactSummary === true || (typeof text === "string" && NOTICE.test(text))

const NOTICE =
  /^\s*(?:<(?:task-notification|local-command-stdout|system-reminder)>|\[Request interrupted by user|This session is being continued from a previous conversation)/

/**
 * A call stands once in a message, however many lines repeat it. Lone text of the user is plain text. Of the row, only its
 * place is needed.
 */
const makeMessages =
  (role: ChatLine["role"], row: TranscriptRow): MakeMessages =>
  (blocks) => {
    const calls = new Set<unknown>()
    const isFirst = ({ id, type }: JsonObject) => type !== "tool_use" || (!calls.has(id) && calls.add(id).has(id))
    const [first] = blocks
    const isText = role === "user" && blocks.length === 1 && first?.type === "text" && Object.keys(first).length === 2
    return decodeTurn(row, role, isText ? first.text : blocks.filter(isFirst))
  }
