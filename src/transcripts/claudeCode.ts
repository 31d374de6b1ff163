/**
 * Reads transcripts of Claude Code, and what it prints as `stream-json`. A file is a tree of lines, each with a message or
 * one block of it. The conversation is the path from the root to the newest line. The side chain of each sub-agent is a
 * conversation of its own.
 */
import * as Either from "effect/Either"
import * as MessageFormat from "../format/MessageFormat.ts"
import type { Message } from "../message/Message.ts"
import { findHeard } from "./claudeQueue.ts"
import { type Conversation, makeTranscript, readTreeInSteps } from "./entries.ts"
import { type Chain, findParents, orderRows, splitChains } from "./claudeTree.ts"
import {
  type EntryPlace,
  type TranscriptContents,
  failImport,
  type ImportError,
  type MakeMessages,
  pickFields,
  pickWithin,
  type Steps,
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
export function* readClaudeCode(
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const chains = yield* splitChains(rows)
  const { parents, repeated } = yield* findParents(chains)
  const seen = new Set<unknown>()
  const skipped: Array<string> = []
  const conversations: Array<Conversation> = []
  for (const chain of chains) {
    const heard = yield* findHeard(chain.rows)
    const spoken: Array<ChatLine> = []
    for (const row of yield* orderRows(chain.rows, parents)) {
      yield
      const { isCompactSummary, uuid } = row.value
      const read = tolerance.attempt(convertRow(row, heard.get(row)), row)
      if (Either.isLeft(read)) return Either.left(read.left)
      const item = read.right
      if (item === undefined) continue
      if (typeof item === "string") skipped.push(item)
      else if (isCompactSummary === true && spoken.length > 0) skipped.push("compaction")
      else if (seen.has(uuid)) skipped.push("repeated")
      else spoken.push(item)
      if (repeated.has(uuid)) seen.add(uuid)
    }
    const follow = (leaf: ChatLine | undefined) => findBranch(spoken, parents, leaf)
    const keyOf = ({ row }: ChatLine) => row
    const tree = { file: chain.rows[0]?.file ?? "", said: spoken, live: yield* follow(spoken.at(-1)), follow, keyOf }
    const read = yield* readTreeInSteps(tree, tolerance, (branch) => readChain(chain, branch, tolerance))
    if (Either.isLeft(read)) return Either.left(read.left)
    for (const conversation of read.right) conversations.push(conversation)
  }
  return Either.right(makeTranscript(conversations, skipped))
}

/**
 * Reads a line by itself: neither the other lines of its reply nor its branch are known. A line of a sub-agent has no
 * messages.
 */
export const readClaudeCodeLine = (row: TranscriptRow): Either.Either<ReadonlyArray<Message>, ImportError> =>
  Either.gen(function* () {
    const item = row.value.isSidechain === true ? "sidechain" : yield* convertRow(row, undefined)
    if (typeof item === "string") return []
    const blocks = listBlocks(item)
    return blocks.length === 0 ? [] : yield* MAKERS[item.role](blocks, row)
  })

/**
 * A line of the conversation. Lines of one assistant message have the same `reply` id. `heard` is what the model heard by
 * it, if it is about the queue; `only` are the indexes of its blocks that count, if not all do.
 */
interface ChatLine {
  readonly row: TranscriptRow
  readonly role: "user" | "assistant"
  readonly reply: string | null
  readonly heard: unknown
  readonly hasCall: boolean
  readonly hasResult: boolean
  readonly only: ReadonlyArray<number> | undefined
}

/** Converts a line, or returns its kind if the model never saw it. */
const convertRow = (row: TranscriptRow, heard: unknown): Either.Either<ChatLine | string, ImportError> => {
  const { attachment, isApiErrorMessage, message, type } = row.value
  const isQueued = type === "attachment" && isObject(attachment) && attachment.type === "queued_command"
  if (heard !== undefined || isQueued) return makeChatLine(row, "user", null, heard)
  if (type !== "user" && type !== "assistant") return Either.right(typeof type === "string" ? type : "unknown")
  if (isApiErrorMessage === true) return Either.right("api error")
  const id = isObject(message) ? message.id : undefined
  return makeChatLine(row, type, typeof id === "string" ? id : null, heard)
}

const makeChatLine = (
  row: TranscriptRow,
  role: ChatLine["role"],
  reply: string | null,
  heard: unknown
): Either.Either<ChatLine, ImportError> => {
  const blocks = listAllBlocks({ heard, row })
  const has = (type: string) => blocks.some((block) => isObject(block) && block.type === type)
  return Either.map(decodeTurn(row, role, blocks), () => ({
    row,
    role,
    reply,
    heard,
    hasCall: has("tool_use"),
    hasResult: has("tool_result"),
    only: undefined
  }))
}

/** Lists the blocks that stand in the line. They are not kept, since a large file has many. */
const listAllBlocks = ({ heard, row: { value } }: Pick<ChatLine, "heard" | "row">): ReadonlyArray<unknown> => {
  const { attachment, message, type } = value
  const spoken = isObject(message) ? message.content : undefined
  const said = type === "attachment" && isObject(attachment) ? attachment.prompt : spoken
  const content = heard === undefined ? said : heard
  return Array.isArray(content) ? content : [{ type: "text", text: content }]
}

/** Thinking is left out: it is no part of what was said. */
const THINKING: ReadonlyArray<unknown> = ["thinking", "redacted_thinking"]

const listBlocks = (item: ChatLine): ReadonlyArray<JsonObject> => {
  const spoken = listAllBlocks(item)
    .filter(isObject)
    .filter(({ type }) => !THINKING.includes(type))
  const { only } = item
  return only === undefined ? spoken : spoken.filter((_, index) => only.includes(index))
}

const decodeTurn = (row: EntryPlace, role: string, content: unknown) =>
  Either.mapLeft(MessageFormat.decode("anthropic", [{ role, content }]), ({ issue }) =>
    failImport(row, "a message of Anthropic's API", issue)
  )

/**
 * Finds the lines on the path to a leaf. Parallel tool calls leave lines beside the path that belong to it: the
 * other lines of a reply, and the results of its calls. A reply that was written again, with new ids of its lines, adds
 * nothing.
 */
function* findBranch(
  spoken: ReadonlyArray<ChatLine>,
  parents: ReadonlyMap<TranscriptRow, TranscriptRow>,
  leaf: ChatLine | undefined
): Steps<ReadonlyArray<ChatLine>> {
  const path = new Set<TranscriptRow>()
  for (let row = leaf?.row; row !== undefined && !path.has(row); row = parents.get(row)) path.add(row)
  const onPath = spoken.filter(({ row }) => path.has(row))
  const beside = spoken.filter(({ row }) => !path.has(row))
  const replies = new Set(onPath.map(({ reply }) => reply))
  replies.delete(null)
  const isOf = ({ reply, row }: ChatLine) => path.has(row) || replies.has(reply)
  // A large file has few lines that may be added, and the path is searched for these alone.
  const results = beside.filter(({ hasResult }) => hasResult)
  const answered = yield* collectKeys(results, ({ tool_use_id: id }) => id)
  const calling = answered.size === 0 ? [] : spoken.filter((item) => item.hasCall && isOf(item))
  const calls = yield* collectKeys(calling, ({ id, type }) =>
    type === "tool_use" && answered.has(id) ? id : undefined
  )
  const isAnswer = ({ tool_use_id: id, type }: JsonObject) => type === "tool_result" && calls.has(id)
  const answers = new Set(calls.size === 0 ? [] : results.filter((item) => listBlocks(item).some(isAnswer)))
  const added = beside.filter((item) => answers.has(item) || replies.has(item.reply))
  if (added.length === 0 && !beside.some(({ heard }) => heard !== undefined)) return onPath
  const addable = yield* collectKeys(added, keyOf)
  const said = yield* collectKeys(addable.size === 0 ? [] : onPath, (block, reply) => {
    const key = keyOf(block, reply)
    return addable.has(key) ? key : undefined
  })
  const kept = new Set(path)
  const branch: Array<ChatLine> = []
  for (const item of spoken) {
    yield
    const { heard, reply, row } = item
    const parent = parents.get(row)
    if (path.has(row)) branch.push(item)
    else if (heard !== undefined) {
      if (parent === undefined || kept.has(parent)) branch.push(item)
    } else if (answers.has(item) || replies.has(reply)) {
      const blocks = listBlocks(item)
      const only = Array.from(blocks.keys()).filter((index) => !said.has(keyOf(blocks[index] ?? {}, reply)))
      const own = only.map((index) => blocks[index] ?? {})
      if (answers.has(item) && !own.some(({ type }) => type === "tool_result")) continue
      for (const block of own) said.add(keyOf(block, reply))
      kept.add(row)
      if (own.length > 0) branch.push({ ...item, only })
    }
  }
  return branch
}

/** Collects the keys that are found in the blocks of lines. */
function* collectKeys(
  items: ReadonlyArray<ChatLine>,
  find: (block: JsonObject, reply: string | null) => unknown
): Steps<Set<unknown>> {
  const keys = new Set<unknown>()
  for (const item of items) {
    yield
    for (const block of listBlocks(item)) {
      const key = find(block, item.reply)
      if (key !== undefined) keys.add(key)
    }
  }
  return keys
}

/** Equal for blocks that say the same of the same reply. A call has one result. */
const keyOf = (block: JsonObject, reply: string | null): string => {
  if (block.type === "tool_use") return JSON.stringify(["call", block.id])
  return JSON.stringify(block.type === "tool_result" ? ["result", block.tool_use_id] : [reply, block.type, block])
}

/** Puts the lines of each reply together. Claude Code writes each block of it on its own line. */
const mergeReplies = (spoken: ReadonlyArray<ChatLine>): ReadonlyArray<ReadonlyArray<ChatLine>> => {
  const byReply = new Map<string, Array<ChatLine>>()
  const merged: Array<Array<ChatLine>> = []
  for (const item of spoken) {
    const first = item.reply === null ? undefined : byReply.get(item.reply)
    if (first !== undefined) first.push(item)
    else {
      const lines = [item]
      if (item.reply !== null) byReply.set(item.reply, lines)
      merged.push(lines)
    }
  }
  return merged
}

function* readChain(
  { sessionId, subagent }: Chain,
  current: ReadonlyArray<ChatLine>,
  { make }: Tolerance
): Steps<Either.Either<Conversation, ImportError>> {
  const messages: Array<Message> = []
  const notices: Array<number> = []
  for (const lines of mergeReplies(current)) {
    yield
    const blocks = lines.flatMap(listBlocks)
    const [first] = lines
    if (first === undefined || blocks.length === 0) continue
    const made = make(blocks, MAKERS[first.role], first.row)
    if (Either.isLeft(made)) return Either.left(made.left)
    for (const message of made.right) {
      if (message.role === "user" && isNotice(first.row, blocks)) notices.push(messages.length)
      messages.push(message)
    }
  }
  return Either.right({ sessionId, messages, notices, skipped: [], subagent })
}

const isNotice = (row: TranscriptRow, blocks: ReadonlyArray<JsonObject>): boolean =>
  isNoticeText(row, blocks.find(({ type }) => type === "text")?.text)

/** True for what Claude Code itself says in the name of the user. */
export const isNoticeText = ({ value: { isCompactSummary, isMeta } }: TranscriptRow, text: unknown): boolean =>
  isMeta === true || isCompactSummary === true || (typeof text === "string" && NOTICE.test(text))

const NOTICE =
  /^\s*(?:<(?:task-notification|local-command-stdout|system-reminder)>|\[Request interrupted by user|This session is being continued from a previous conversation)/

/** A call stands once in a message, however many lines repeat it. Lone text of the user is plain text. */
const makeMaker =
  (role: ChatLine["role"]): MakeMessages =>
  (blocks, place) => {
    const calls = new Set<unknown>()
    const isFirst = ({ id, type }: JsonObject) => type !== "tool_use" || (!calls.has(id) && calls.add(id).has(id))
    const [first] = blocks
    const isText = role === "user" && blocks.length === 1 && first?.type === "text" && Object.keys(first).length === 2
    return decodeTurn(place, role, isText ? first.text : blocks.filter(isFirst))
  }

const MAKERS = { user: makeMaker("user"), assistant: makeMaker("assistant") }
