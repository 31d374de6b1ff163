/**
 * Messages as Hermes keeps them in the columns of `messages`: what a row says, and how a message is said in a row.
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Message from "../message/Message.ts"

/** A row of `messages`, as far as a reader needs it. Older schemas lack what may be absent. */
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

/** What a message says of a row. */
export type Columns = Omit<HermesRow, "id" | "session_id" | "timestamp" | "active" | "compacted">

/** Fields of a message that Hermes has a column of the same name for: text as it is, or any value as JSON. */
const TEXTS = ["finish_reason", "reasoning", "reasoning_content", "platform_message_id"] as const
const VALUES = ["reasoning_details", "codex_reasoning_items", "codex_message_items"] as const

/** Every column that holds a part of a message; which of them there are is the schema's. */
export const COLUMNS = ["role", "content", "tool_call_id", "tool_calls", "tool_name", ...TEXTS, ...VALUES] as const

/** Before the JSON of a content that is a list of parts. */
const LIST = "\0json:"

/** The message of a row. Keys come in one order, so that equal rows are equal texts. */
export const messageOfRow = (row: Columns): Either.Either<Message.Message, Message.InvalidMessage> =>
  Either.flatMap(Either.try({ try: () => fieldsOf(row), catch: notJson }), Message.parse)

/** Without the text itself, which may hold a secret. */
const notJson = () => new Message.InvalidMessage({ issue: "a column that should be JSON is not" })

const fieldsOf = (row: Columns) => ({
  role: row.role,
  ...(row.tool_call_id === null ? {} : { tool_call_id: row.tool_call_id }),
  ...(row.tool_name === null ? {} : { name: row.tool_name }),
  content: contentOf(row),
  ...(row.tool_calls === null ? {} : { tool_calls: parsed(row.tool_calls) }),
  ...Object.fromEntries([
    ...TEXTS.flatMap((name) => present(name, row[name])),
    ...VALUES.flatMap((name) => present(name, row[name], parsed))
  ])
})

const contentOf = ({ content, role }: Columns): unknown => {
  if (content === null) return role === "assistant" ? null : ""
  return content.startsWith(LIST) ? parsed(content.slice(LIST.length)) : content
}

const parsed = (text: string): unknown => JSON.parse(text)

const present = (name: string, text: string | null | undefined, read: (text: string) => unknown = (text) => text) =>
  Predicate.isNullable(text) ? [] : [[name, read(text)] as const]

/** The row a message makes. What Hermes has no column for is left out: see `isHeld`. */
export const readColumns = (message: Message.Message): Columns => {
  const fields: { readonly [name: string]: unknown } = { ...message }
  const { name, tool_call_id: id } = fields
  const calls = Message.toolCalls(message)
  return {
    role: message.role,
    content: textOf(message.content ?? null),
    tool_call_id: typeof id === "string" ? id : null,
    tool_calls: calls.length === 0 ? null : JSON.stringify(calls),
    tool_name: typeof name === "string" ? name : null,
    ...Object.fromEntries(TEXTS.map((column) => [column, ownText(fields[column])])),
    ...Object.fromEntries(VALUES.map((column) => [column, jsonOf(fields[column])]))
  }
}

const ownText = (field: unknown): string | null => (typeof field === "string" ? field : null)

const jsonOf = (field: unknown): string | null => (Predicate.isNullable(field) ? null : JSON.stringify(field))

const textOf = (content: unknown): string | null =>
  content === null || typeof content === "string" ? content : LIST + JSON.stringify(content)

/** Whether the columns there are hold all of a message, so that it is read back as the same text. */
export const isHeldRow = (body: string, columns: Columns, names: ReadonlySet<string>): boolean => {
  if (LONE_SURROGATE.test(body)) return false
  const kept = Object.entries(columns).every(([name, value]) => value === null || names.has(name))
  return kept && JSON.stringify(Either.getOrUndefined(messageOfRow(columns))) === body
}

/** As JSON writes what SQLite's text cannot be. */
const LONE_SURROGATE = /\\ud[89a-f]/
