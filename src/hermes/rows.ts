/** Converts between chat messages and the columns of Hermes' table `messages`. */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Message from "../message/Message.ts"

/** The columns of `messages` that are read. Older schemas lack the optional ones. */
export interface HermesRow {
  readonly id: number
  readonly session_id: string
  readonly role: string
  readonly content: string | null
  readonly tool_call_id: string | null
  readonly tool_calls: string | null
  readonly tool_name: string | null
  /** Epoch seconds. */
  readonly timestamp: number
  readonly active?: number | null
  readonly compacted?: number | null
  readonly finish_reason?: string | null
  readonly reasoning?: string | null
  readonly reasoning_content?: string | null
  readonly reasoning_details?: string | null
  readonly codex_reasoning_items?: string | null
  readonly codex_message_items?: string | null
  readonly platform_message_id?: string | null
}

/** The columns that hold a part of a message. */
export type MessageColumns = Omit<HermesRow, "id" | "session_id" | "timestamp" | "active" | "compacted">

/** Fields of a message with a column of the same name: text as it is, other values as JSON. */
const TEXT_FIELDS = ["finish_reason", "reasoning", "reasoning_content", "platform_message_id"] as const
const JSON_FIELDS = ["reasoning_details", "codex_reasoning_items", "codex_message_items"] as const

/** Every column that can hold a part of a message. A schema may lack some. */
export const COLUMNS = [
  "role",
  "content",
  "tool_call_id",
  "tool_calls",
  "tool_name",
  ...TEXT_FIELDS,
  ...JSON_FIELDS
] as const

/** Hermes writes a content that is a list of parts as JSON after this prefix. */
const LIST_PREFIX = "\0json:"

/** Reads the message of a row. Its keys have a fixed order, so that equal rows give equal JSON. */
export const messageOfRow = (row: MessageColumns): Either.Either<Message.Message, Message.InvalidMessage> =>
  Either.flatMap(Either.try({ try: () => readFields(row), catch: failNotJson }), Message.parseStored)

/** Leaves the text out of the error, because it may hold a secret. */
const failNotJson = () => new Message.InvalidMessage({ issue: "a column that should be JSON is not" })

const readFields = (row: MessageColumns) => ({
  role: row.role,
  ...(row.tool_call_id === null ? {} : { tool_call_id: row.tool_call_id }),
  ...(row.tool_name === null ? {} : { name: row.tool_name }),
  content: readContent(row),
  ...(row.tool_calls === null ? {} : { tool_calls: parseJson(row.tool_calls) }),
  ...Object.fromEntries([
    ...TEXT_FIELDS.flatMap((name) => readIfPresent(name, row[name])),
    ...JSON_FIELDS.flatMap((name) => readIfPresent(name, row[name], parseJson))
  ])
})

const readContent = ({ content, role }: MessageColumns): unknown => {
  if (content === null) return role === "assistant" ? null : ""
  return content.startsWith(LIST_PREFIX) ? parseJson(content.slice(LIST_PREFIX.length)) : content
}

const parseJson = (text: string): unknown => JSON.parse(text)

const readIfPresent = (
  name: string,
  text: string | null | undefined,
  read: (text: string) => unknown = (text) => text
) => (Predicate.isNullable(text) ? [] : [[name, read(text)] as const])

/** Writes a message as columns. Fields without a column are left out; `isHeldByColumns` tells if that happened. */
export const columnsOfMessage = (message: Message.Message): MessageColumns => {
  const fields: { readonly [name: string]: unknown } = { ...message }
  const { name, tool_call_id: id } = fields
  const calls = Message.toolCalls(message)
  return {
    role: message.role,
    content: writeContent(message.content ?? null),
    tool_call_id: textOrNull(id),
    tool_calls: calls.length === 0 ? null : JSON.stringify(calls),
    tool_name: textOrNull(name),
    ...Object.fromEntries(TEXT_FIELDS.map((column) => [column, textOrNull(fields[column])])),
    ...Object.fromEntries(JSON_FIELDS.map((column) => [column, jsonOrNull(fields[column])]))
  }
}

/** Python refuses to read a column that is no UTF-8, as half of a surrogate pair would make it. */
const textOrNull = (field: unknown): string | null => (typeof field === "string" ? field.toWellFormed() : null)

const jsonOrNull = (field: unknown): string | null => (Predicate.isNullable(field) ? null : JSON.stringify(field))

const writeContent = (content: unknown): string | null =>
  content === null || typeof content === "string" ? textOrNull(content) : LIST_PREFIX + JSON.stringify(content)

/** True if the message, given as JSON, is read back unchanged from those of its columns that the schema has. */
export const isHeldByColumns = (body: string, columns: MessageColumns, names: ReadonlySet<string>): boolean => {
  if (LONE_SURROGATE.test(body)) return false
  const kept = Object.entries(columns).every(([name, value]) => value === null || names.has(name))
  return kept && JSON.stringify(Either.getOrUndefined(messageOfRow(columns))) === body
}

/** SQLite cannot store a lone surrogate as text. JSON escapes it. */
const LONE_SURROGATE = /\\ud[89a-f]/
