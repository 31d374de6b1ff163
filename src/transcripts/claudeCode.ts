/**
 * Reads transcripts of Claude Code. A file is a tree of lines, each with a message or one block of it. The conversation is
 * the path from the root to the newest line, without the sidechains of subagents.
 */
import * as Either from "effect/Either"
import * as MessageFormat from "../format/MessageFormat.ts"
import type { Message } from "../message/Message.ts"
import {
  type TranscriptContents,
  countKinds,
  failImport,
  type ImportError,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"
import { isObject, type JsonObject } from "../format/json.ts"

export const isClaudeCodeRow = ({ value }: TranscriptRow): boolean =>
  ((value.type === "user" || value.type === "assistant") && isObject(value.message)) ||
  (value.type === "summary" && typeof value.leafUuid === "string")

/**
 * Reads the sessions of a file. A compaction is skipped, because the lines it stands for are in the file. At the beginning
 * of a session it stands for an earlier session, and stays.
 */
export const readClaudeCode = (
  rows: ReadonlyArray<TranscriptRow>,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const sessions = new Map<string | null, Array<ChatLine>>()
    const seen = new Set<string>()
    const skipped: Array<string> = []
    for (const row of rows) {
      const { isCompactSummary, sessionId, uuid } = row.value
      const id = typeof sessionId === "string" && sessionId !== "" ? sessionId : null
      const spoken = sessions.get(id) ?? []
      const item = yield* attempt(convertRow(row))
      if (item === undefined) continue
      if (typeof item === "string") skipped.push(item)
      else if (isCompactSummary === true && spoken.length > 0) skipped.push("compaction")
      else if (typeof uuid === "string" && seen.has(uuid)) skipped.push("repeated")
      else {
        spoken.push(item)
        sessions.set(id, spoken)
      }
      if (typeof uuid === "string") seen.add(uuid)
    }
    const parent = findParents(rows)
    const kept = [...sessions].map(([sessionId, spoken]) => {
      const current = findBranch(spoken, parent)
      for (let left = spoken.length - current.length; left > 0; left--) skipped.push("other branch")
      const messages = mergeReplies(current).filter(({ blocks }) => blocks.length > 0)
      return Either.map(Either.all(messages.map(makeMessages)), (made) => ({ sessionId, messages: made.flat() }))
    })
    return { sessions: yield* Either.all(kept), skipped: countKinds(skipped) }
  })

/** A line of the conversation. Lines of one assistant message have the same `reply` id. */
interface ChatLine {
  readonly row: TranscriptRow
  readonly role: "user" | "assistant"
  readonly reply: string | null
  readonly blocks: ReadonlyArray<JsonObject>
}

/** Converts a line, or returns its kind if the model never saw it. */
const convertRow = (row: TranscriptRow): Either.Either<ChatLine | string, ImportError> => {
  const { attachment, isApiErrorMessage, isSidechain, message, type } = row.value
  if (isSidechain === true) return Either.right("sidechain")
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
 * Finds the parent of each line. A compaction has no parent but names the line before it in another field. A line whose
 * parent is not in the file follows the line before it, so that nothing is lost.
 */
const findParents = (rows: ReadonlyArray<TranscriptRow>): ReadonlyMap<TranscriptRow, TranscriptRow> => {
  const byUuid = new Map<unknown, TranscriptRow>()
  const latest = new Map<unknown, TranscriptRow>()
  const parents = new Map<TranscriptRow, TranscriptRow>()
  for (const row of rows) {
    const { isCompactSummary, logicalParentUuid, parentUuid, sessionId, subtype, uuid } = row.value
    if (row.value.isSidechain === true || (uuid === undefined && row.value.message === undefined)) continue
    const named = logicalParentUuid ?? parentUuid
    const isRoot = named === null && isCompactSummary !== true && subtype !== "compact_boundary"
    const parent = isRoot ? undefined : (byUuid.get(named) ?? latest.get(sessionId))
    if (parent !== undefined) parents.set(row, parent)
    if (typeof uuid === "string" && !byUuid.has(uuid)) byUuid.set(uuid, row)
    latest.set(sessionId, row)
  }
  return parents
}

/**
 * Finds the lines on the path to the newest one. Parallel tool calls leave lines beside the path that belong to it: the
 * other lines of a reply, and the results of its calls.
 */
const findBranch = (
  spoken: ReadonlyArray<ChatLine>,
  parents: ReadonlyMap<TranscriptRow, TranscriptRow>
): ReadonlyArray<ChatLine> => {
  const path = new Set<TranscriptRow>()
  for (let row = spoken.at(-1)?.row; row !== undefined; row = parents.get(row)) path.add(row)
  const replies = new Set(spoken.flatMap(({ reply, row }) => (path.has(row) && reply !== null ? [reply] : [])))
  const isOn = ({ reply, row }: ChatLine) => path.has(row) || (reply !== null && replies.has(reply))
  const calls = new Set(
    spoken
      .filter(isOn)
      .flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])))
  )
  const answers = ({ blocks }: ChatLine) =>
    blocks.some((block) => block.type === "tool_result" && calls.has(block.tool_use_id))
  return spoken.filter((item) => isOn(item) || answers(item))
}

/** Merges the lines of each reply. Claude Code writes each block of it on its own line. */
const mergeReplies = (spoken: ReadonlyArray<ChatLine>): ReadonlyArray<ChatLine> => {
  const place = new Map<string, number>()
  const merged: Array<ChatLine> = []
  for (const item of spoken) {
    const index = item.reply === null ? undefined : place.get(item.reply)
    const first = index === undefined ? undefined : merged[index]
    if (index !== undefined && first !== undefined) {
      merged[index] = { ...first, blocks: [...first.blocks, ...item.blocks] }
    } else {
      if (item.reply !== null) place.set(item.reply, merged.length)
      merged.push(item)
    }
  }
  return merged
}

/** A call stands once in a message, however many lines repeat it. Lone text of the user is plain text. */
const makeMessages = ({ blocks, role, row }: ChatLine): Either.Either<ReadonlyArray<Message>, ImportError> => {
  const isFirst = ({ id, type }: JsonObject, index: number) =>
    type !== "tool_use" || blocks.findIndex((other) => other.type === "tool_use" && other.id === id) === index
  const [first] = blocks
  const isText = role === "user" && blocks.length === 1 && first?.type === "text" && Object.keys(first).length === 2
  return decodeTurn(row, role, isText ? first.text : blocks.filter(isFirst))
}
