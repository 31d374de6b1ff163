/**
 * Reads transcripts of Claude Code. A file is a tree of lines, each with a message or one block of it. The conversation is
 * the path from the root to the newest line, without the sidechains of subagents.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import {
  makeAssistantMessage,
  makeDataUrl,
  makeImagePart,
  type Part,
  makeTextPart,
  makeToolMessage,
  makeUserMessage
} from "./content.ts"
import {
  type TranscriptContents,
  countKinds,
  decodeWith,
  type ImportError,
  isObject,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"

const KNOWN: ReadonlyArray<string> = ["text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result"]

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const Image = Schema.Struct({
  type: Schema.Literal("image"),
  source: Schema.Union(
    Schema.Struct({ media_type: Schema.String, data: Schema.String }),
    Schema.Struct({ url: Schema.String })
  )
})
const Thinking = Schema.Struct({ type: Schema.Literal("thinking", "redacted_thinking") })
const ToolUse = Schema.Struct({
  type: Schema.Literal("tool_use"),
  id: Schema.NonEmptyString,
  name: Schema.String,
  input: Schema.Unknown
})
/** Documents, references and results of the provider's own tools are imported as their type alone, such as `[document]`. */
const Other = Schema.transform(
  Schema.Struct({ type: Schema.String.pipe(Schema.filter((type) => !KNOWN.includes(type))) }),
  Schema.Struct({ type: Schema.Literal("other"), name: Schema.String }),
  {
    strict: true,
    decode: (block): { readonly type: "other"; readonly name: string } => ({ type: "other", name: block.type }),
    encode: ({ name }) => ({ type: name })
  }
)
const Shown = Schema.Union(Text, Image, Other)
const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Schema.NonEmptyString,
  content: Schema.optional(Schema.NullOr(Schema.Union(Schema.String, Schema.Array(Shown))))
})
const Block = Schema.Union(Text, Image, Thinking, ToolUse, ToolResult, Other)
type Block = typeof Block.Type

const Line = Schema.Struct({
  message: Schema.Struct({
    id: Schema.optional(Schema.NullOr(Schema.String)),
    content: Schema.Union(Schema.String, Schema.Array(Block))
  })
})
const decodeLine = decodeWith(Line, "a message with content")
const Queued = Schema.Struct({
  attachment: Schema.Struct({ prompt: Schema.Union(Schema.String, Schema.Array(Block)) })
})
const decodeQueued = decodeWith(Queued, "a queued command with its prompt")

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
      return { sessionId, messages: mergeReplies(current).flatMap(makeMessages) }
    })
    return { sessions: kept, skipped: countKinds(skipped) }
  })

/** A line of the conversation. Lines of one assistant message have the same `reply` id. */
interface ChatLine {
  readonly row: TranscriptRow
  readonly role: "user" | "assistant"
  readonly reply: string | null
  readonly blocks: ReadonlyArray<Block>
}

/** Converts a line, or returns its kind if the model never saw it. */
const convertRow = (row: TranscriptRow): Either.Either<ChatLine | string, ImportError> => {
  const { attachment, isApiErrorMessage, isSidechain, type } = row.value
  if (isSidechain === true) return Either.right("sidechain")
  if (type === "attachment" && isObject(attachment) && attachment.type === "queued_command") {
    return Either.map(decodeQueued(row), ({ attachment }) => makeChatLine(row, "user", null, attachment.prompt))
  }
  if (type !== "user" && type !== "assistant") return Either.right(typeof type === "string" ? type : "unknown")
  if (isApiErrorMessage === true) return Either.right("api error")
  return Either.map(decodeLine(row), ({ message }) => makeChatLine(row, type, message.id ?? null, message.content))
}

const makeChatLine = (
  row: TranscriptRow,
  role: ChatLine["role"],
  reply: string | null,
  content: string | ReadonlyArray<Block>
): ChatLine => ({ row, role, reply, blocks: typeof content === "string" ? [{ type: "text", text: content }] : content })

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

const makeMessages = ({ blocks, role }: ChatLine): ReadonlyArray<Message> => {
  const words = convertBlocks(blocks)
  if (role === "assistant") {
    const calls = new Map(blocks.flatMap((block) => (block.type === "tool_use" ? [[block.id, block]] : [])))
    return words.length + calls.size === 0 ? [] : [makeAssistantMessage(words, [...calls.values()])]
  }
  const results = blocks.flatMap((block) =>
    block.type === "tool_result" ? [makeToolMessage(block.tool_use_id, resultParts(block.content ?? ""))] : []
  )
  return words.length === 0 ? results : [...results, makeUserMessage(words)]
}

const resultParts = (content: string | ReadonlyArray<Block>): ReadonlyArray<Part> =>
  typeof content === "string" ? [makeTextPart(content)] : convertBlocks(content)

const convertBlocks = (blocks: ReadonlyArray<Block>): ReadonlyArray<Part> =>
  blocks.flatMap((block) => {
    if (block.type === "text") return [makeTextPart(block.text)]
    if (block.type === "image")
      return [
        makeImagePart(
          "url" in block.source ? block.source.url : makeDataUrl(block.source.media_type, block.source.data)
        )
      ]
    return block.type === "other" ? [makeTextPart(`[${block.name}]`)] : []
  })
