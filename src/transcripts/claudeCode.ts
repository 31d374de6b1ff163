/**
 * Transcripts of Claude Code: a tree of lines, each with a message or a block of one. The conversation is the way from
 * the root to the newest line, without the sidechains of its subagents.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { assistantMessage, dataUrl, imagePart, type Part, textPart, toolMessage, userMessage } from "./content.ts"
import { type Contents, countKinds, decodeWith, type ImportError, isObject, type Row } from "./rows.ts"

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
/** Documents, references, results of the provider's own tools: only that they were there. */
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
const line = decodeWith(Line, "a message with content")
const Queued = Schema.Struct({
  attachment: Schema.Struct({ prompt: Schema.Union(Schema.String, Schema.Array(Block)) })
})
const queued = decodeWith(Queued, "a queued command with its prompt")

/**
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = ({ value }: Row): boolean =>
  ((value.type === "user" || value.type === "assistant") && isObject(value.message)) ||
  (value.type === "summary" && typeof value.leafUuid === "string")

/**
 * A compaction stands for lines that are still here, and is passed over; at the beginning of a session it is all there
 * is of the one before, and stays.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (rows: ReadonlyArray<Row>): Either.Either<Contents, ImportError> =>
  Either.gen(function* () {
    const sessions = new Map<string | null, Array<Spoken>>()
    const seen = new Set<string>()
    const skipped: Array<string> = []
    for (const row of rows) {
      const { isCompactSummary, sessionId, uuid } = row.value
      const id = typeof sessionId === "string" && sessionId !== "" ? sessionId : null
      const spoken = sessions.get(id) ?? []
      const item = yield* convert(row)
      if (typeof item === "string") skipped.push(item)
      else if (isCompactSummary === true && spoken.length > 0) skipped.push("compaction")
      else if (typeof uuid === "string" && seen.has(uuid)) skipped.push("repeated")
      else {
        spoken.push(item)
        sessions.set(id, spoken)
      }
      if (typeof uuid === "string") seen.add(uuid)
    }
    const parent = parents(rows)
    const kept = [...sessions].map(([sessionId, spoken]) => {
      const current = branch(spoken, parent)
      for (let left = spoken.length - current.length; left > 0; left--) skipped.push("other branch")
      return { sessionId, messages: replies(current).flatMap(messages) }
    })
    return { sessions: kept, skipped: countKinds(skipped) }
  })

/** A line that says something. Lines of one reply share its `reply` id. */
interface Spoken {
  readonly row: Row
  readonly role: "user" | "assistant"
  readonly reply: string | null
  readonly blocks: ReadonlyArray<Block>
}

/** What a line says, or the kind of what the model never saw. */
const convert = (row: Row): Either.Either<Spoken | string, ImportError> => {
  const { attachment, isApiErrorMessage, isSidechain, type } = row.value
  if (isSidechain === true) return Either.right("sidechain")
  if (type === "attachment" && isObject(attachment) && attachment.type === "queued_command") {
    return Either.map(queued(row), ({ attachment }) => spoken(row, "user", null, attachment.prompt))
  }
  if (type !== "user" && type !== "assistant") return Either.right(typeof type === "string" ? type : "unknown")
  if (isApiErrorMessage === true) return Either.right("api error")
  return Either.map(line(row), ({ message }) => spoken(row, type, message.id ?? null, message.content))
}

const spoken = (
  row: Row,
  role: Spoken["role"],
  reply: string | null,
  content: string | ReadonlyArray<Block>
): Spoken => ({ row, role, reply, blocks: typeof content === "string" ? [{ type: "text", text: content }] : content })

/**
 * The line each line follows. A compaction cuts the chain and says in another field where; a line whose parent is in
 * no file of ours follows the one before it, so that nothing is lost.
 */
const parents = (rows: ReadonlyArray<Row>): ReadonlyMap<Row, Row> => {
  const byUuid = new Map<unknown, Row>()
  const latest = new Map<unknown, Row>()
  const parents = new Map<Row, Row>()
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
 * The newest line and all it follows, with what parallel tool calls leave beside that way: the other lines of a reply,
 * and the results of its calls.
 */
const branch = (spoken: ReadonlyArray<Spoken>, parents: ReadonlyMap<Row, Row>): ReadonlyArray<Spoken> => {
  const path = new Set<Row>()
  for (let row = spoken.at(-1)?.row; row !== undefined; row = parents.get(row)) path.add(row)
  const replies = new Set(spoken.flatMap(({ reply, row }) => (path.has(row) && reply !== null ? [reply] : [])))
  const isOn = ({ reply, row }: Spoken) => path.has(row) || (reply !== null && replies.has(reply))
  const calls = new Set(
    spoken
      .filter(isOn)
      .flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])))
  )
  const answers = ({ blocks }: Spoken) =>
    blocks.some((block) => block.type === "tool_result" && calls.has(block.tool_use_id))
  return spoken.filter((item) => isOn(item) || answers(item))
}

/** One item for each reply: Claude Code writes every block of it on a line of its own. */
const replies = (spoken: ReadonlyArray<Spoken>): ReadonlyArray<Spoken> => {
  const place = new Map<string, number>()
  const merged: Array<Spoken> = []
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

const messages = ({ blocks, role }: Spoken): ReadonlyArray<Message> => {
  const words = parts(blocks)
  if (role === "assistant") {
    const calls = new Map(blocks.flatMap((block) => (block.type === "tool_use" ? [[block.id, block]] : [])))
    return words.length + calls.size === 0 ? [] : [assistantMessage(words, [...calls.values()])]
  }
  const results = blocks.flatMap((block) =>
    block.type === "tool_result" ? [toolMessage(block.tool_use_id, resultParts(block.content ?? ""))] : []
  )
  return words.length === 0 ? results : [...results, userMessage(words)]
}

const resultParts = (content: string | ReadonlyArray<Block>): ReadonlyArray<Part> =>
  typeof content === "string" ? [textPart(content)] : parts(content)

const parts = (blocks: ReadonlyArray<Block>): ReadonlyArray<Part> =>
  blocks.flatMap((block) => {
    if (block.type === "text") return [textPart(block.text)]
    if (block.type === "image")
      return [imagePart("url" in block.source ? block.source.url : dataUrl(block.source.media_type, block.source.data))]
    return block.type === "other" ? [textPart(`[${block.name}]`)] : []
  })
