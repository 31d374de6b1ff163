/** Reads rollout files of Codex. Lines are response items in an envelope with a `type`; before September 2025 without it. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as MessageFormat from "../format/MessageFormat.ts"
import { type Message, text as messageText } from "../message/Message.ts"
import {
  type TranscriptContents,
  countKinds,
  decodeWith,
  failImport,
  ImportError,
  type MakeMessages,
  makeSession,
  pickFields,
  pickWithin,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"
import { findCodexHeader, isBareHeader, outlineHeader } from "./codexHeader.ts"
import { isObject, isString, type JsonObject, listObjects } from "../format/json.ts"

const ENVELOPES: ReadonlyArray<unknown> = ["session_meta", "response_item", "event_msg", "turn_context", "compacted"]

const RESULTS: ReadonlyArray<unknown> = ["function_call_output", "custom_tool_call_output", "local_shell_call_output"]

/** The items that are said; all others are skipped, reasoning too. */
const SAID: ReadonlyArray<unknown> = ["message", "function_call", "custom_tool_call", "local_shell_call", ...RESULTS]

const decodeRollback = decodeWith(
  Schema.Struct({ payload: Schema.Struct({ num_turns: Schema.NonNegativeInt }) }),
  "a rollback with num_turns"
)
const decodeCompaction = decodeWith(
  Schema.Struct({
    message: Schema.String,
    replacement_history: Schema.optional(Schema.NullOr(Schema.Array(Schema.Unknown)))
  }),
  "a compaction with its message"
)
export const isCodexRow = ({ value }: TranscriptRow): boolean =>
  (ENVELOPES.includes(value.type) && isObject(value.payload)) ||
  value.record_type === "state" ||
  isBareHeader(value) ||
  isBareItem(value)

const isBareItem = ({ call_id, content, type }: JsonObject) =>
  ((type === "function_call" || type === "local_shell_call") && typeof call_id === "string") ||
  (type === "message" &&
    Array.isArray(content) &&
    content.some((part: unknown) => isObject(part) && (part.type === "input_text" || part.type === "output_text")))

/** An envelope is known by its type, and a skipped item by its own. */
export const outlineCodex = (value: JsonObject): JsonObject => {
  const { payload, type } = value
  const envelope = pickFields(value, "type", "payload", "ordinal")
  if (type === "event_msg") return pickWithin(envelope, "payload", "type", "num_turns", "message")
  if (type === "turn_context") return pickWithin(envelope, "payload")
  if (type === "session_meta" && isObject(payload)) return { ...envelope, payload: outlineHeader(payload) }
  const isSkipped = isObject(payload) && typeof payload.type === "string" && !SAID.includes(payload.type)
  return type === "response_item" && isSkipped ? { ...envelope, payload: { type: payload.type } } : value
}

/**
 * Reads the session of a file, without the turns that the user took back. A compaction is skipped, because the lines it
 * stands for are in the file. At the beginning of a file it stands for an earlier one, and stays.
 */
export const readCodex = (
  rows: ReadonlyArray<TranscriptRow>,
  { attempt, make }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const { firstOwn, isPage, sessionId, subagent } = findCodexHeader(rows)
    const convert = rows.some(isSaidRow) ? convertRow : convertEvent
    let items: Array<Item> = []
    const skipped: Array<string> = isPage ? ["beginning in another file"] : []
    for (const row of rows) {
      if (typeof row.value.ordinal === "number" && row.value.ordinal < firstOwn && row.value.type !== "session_meta") {
        skipped.push("of the main session")
      } else if (isRollback(row)) {
        const rollback = yield* attempt(decodeRollback(row), row)
        const kept = dropTurns(items, rollback?.payload.num_turns ?? 0)
        for (let left = items.length - kept.length; left > 0; left--) skipped.push("rolled back")
        items = kept
      } else if (row.value.type === "compacted" && !items.some(isSpoken)) {
        const before = items
        items = (yield* attempt(convertCompaction(row, before), row)) ?? before
        if (items === before) skipped.push("compacted")
      } else {
        const item = yield* attempt(convert(row), row)
        if (item === undefined) continue
        if (typeof item === "string") skipped.push(item)
        else items.push(item)
      }
    }
    const makeOf = makeDecoder(rows[0]?.file ?? "")
    const said = yield* Either.all(splitItems(items).map((source) => make(source, makeOf)))
    const messages = said.flat()
    const notices = messages.flatMap((message, index) => (isContext(message) ? [index] : []))
    const session = makeSession({ sessionId, messages, notices, subagent })
    return { sessions: [session], skipped: countKinds(skipped) }
  })

/**
 * Splits items into those that are decoded together: all that the model said between two inputs, because the text and the
 * calls of one reply are items of their own; an input by itself; and a result behind the call that it answers.
 */
const splitItems = (items: ReadonlyArray<Item>): ReadonlyArray<ReadonlyArray<JsonObject>> => {
  const groups: Array<ReadonlyArray<JsonObject>> = []
  const calls = new Map<unknown, JsonObject>()
  let reply: Array<JsonObject> = []
  for (const { value } of items) {
    const isResult = RESULTS.includes(value.type)
    if (!isResult && (value.type !== "message" || value.role === "assistant")) {
      if (reply.length === 0) groups.push(reply)
      reply.push(value)
      if (value.type !== "message") calls.set(value.call_id, value)
      continue
    }
    reply = []
    const call = isResult ? calls.get(value.call_id) : undefined
    groups.push(call === undefined ? [value] : [call, value])
  }
  return groups
}

/** A call that stands before its result is said elsewhere. */
const makeDecoder =
  (file: string): MakeMessages =>
  (source) =>
    Either.mapBoth(MessageFormat.decode("responses", [...source]), {
      onLeft: ({ issue }) => new ImportError({ file, line: null, expected: "response items", found: issue }),
      onRight: (messages) => (messages.at(-1)?.role === "tool" ? messages.slice(-1) : messages)
    })

/** Reads a line by itself. A compaction counts until the session `hasSpoken`: it stands for an earlier one. */
export const readCodexLine = (
  row: TranscriptRow,
  hasSpoken: boolean
): Either.Either<ReadonlyArray<Message>, ImportError> => {
  const isFirst = row.value.type === "compacted" && !hasSpoken
  const read = isFirst ? convertCompaction(row, []) : Either.map(convertRow(row), (item) => [item])
  return Either.map(read, (items) => items.flatMap(messageOf))
}

const messageOf = (item: Item | string): ReadonlyArray<Message> =>
  typeof item === "string" || item.message === undefined ? [] : [item.message]

/** Returns whether a message is one that the user or the model said, and not the context that Codex begins with. */
export const isSpokenInCodex = (message: Message): boolean => isSpoken({ value: {}, message })

const isRollback = ({ value: { payload, type } }: TranscriptRow): boolean =>
  type === "event_msg" && isObject(payload) && payload.type === "thread_rolled_back"

/** Leaves out the last turns, as Codex does. What is before the first turn stays. */
const dropTurns = (items: Array<Item>, turns: number): Array<Item> => {
  const starts = items.flatMap((item, index) => (isTurnStart(item) ? [index] : []))
  return turns === 0 ? items : items.slice(0, starts[Math.max(0, starts.length - turns)])
}

/** A response item, and the message that it is by itself. */
interface Item {
  readonly value: JsonObject
  readonly message: Message | undefined
}

/** Opens what Codex itself says in the name of the user. A turn begins with none of it. */
const CONTEXT =
  /^\s*(?:<(?:environment_context|user_instructions|user_shell_command|turn_aborted|subagent_notification|agents_md|skill|hook_prompt|context_update)>|# AGENTS\.md instructions|Another language model started to solve this problem)/i

const isContext = (message: Message): boolean => message.role === "user" && CONTEXT.test(messageText(message))

const isTurnStart = ({ message }: Item): boolean => message?.role === "user" && !isContext(message)

const isSpoken = (item: Item): boolean => item.message?.role === "assistant" || isTurnStart(item)

/** Returns whether a row says something, as an item and not as an event. */
const isSaidRow = ({ value }: TranscriptRow): boolean => {
  const { content, role, type } = value.type === "response_item" && isObject(value.payload) ? value.payload : value
  if (type !== "message" || role !== "user") return type === "message" && role === "assistant"
  return typeof content === "string" || listObjects(content).some(({ text }) => isString(text) && !CONTEXT.test(text))
}

/** Some versions tell what is said by events alone. */
const convertEvent = (row: TranscriptRow): Either.Either<Item | string, ImportError> => {
  const { payload, type } = row.value
  const { message: text, type: kind } = type === "event_msg" && isObject(payload) ? payload : {}
  if (typeof text !== "string" || text === "") return convertRow(row)
  if (kind === "user_message") return decodeItem(row, makeItem("user", "input_text", text))
  return kind === "agent_message" ? decodeItem(row, makeItem("assistant", "output_text", text)) : convertRow(row)
}

const makeItem = (role: string, type: string, text: string): JsonObject => ({
  type: "message",
  role,
  content: [{ type, text }]
})

/** Converts a row, or returns its kind if it is not a message. */
const convertRow = (row: TranscriptRow): Either.Either<Item | string, ImportError> => {
  const { payload, type } = row.value
  if (type === "response_item" || !ENVELOPES.includes(type)) {
    return convertItem(row, type === "response_item" ? payload : row.value)
  }
  return Either.right(String(type))
}

/** The history that Codex went on with, which holds the items before it. Older versions name only the text of it. */
const convertCompaction = (row: TranscriptRow, before: Array<Item>): Either.Either<Array<Item>, ImportError> =>
  Either.gen(function* () {
    const { message, replacement_history } = yield* decodeCompaction(row, row.value.payload)
    const converted = yield* Either.all((replacement_history ?? []).map((item) => convertItem(row, item)))
    const history = converted.filter((item) => typeof item !== "string")
    if (history.length > 0) return history
    if (message === "") return before
    return [...before, yield* decodeItem(row, { role: "user", content: message })]
  })

const convertItem = (row: TranscriptRow, item: unknown): Either.Either<Item | string, ImportError> => {
  if (!isObject(item)) return Either.left(failImport(row, "a response item with a payload", "none"))
  if (!SAID.includes(item.type)) return Either.right(kindOf(item))
  // A shell call of the Responses API has two ids, one of Codex' own may have only one.
  return decodeItem(row, item.type === "local_shell_call" ? { ...item, call_id: item.call_id ?? item.id } : item)
}

const decodeItem = (row: TranscriptRow, value: JsonObject): Either.Either<Item, ImportError> =>
  Either.mapBoth(MessageFormat.decode("responses", [value]), {
    onLeft: ({ issue }) => failImport(row, "an item of the Responses API", issue),
    onRight: ([message]) => ({ value, message })
  })

const kindOf = (item: JsonObject): string => {
  if (typeof item.type === "string") return item.type
  return isBareHeader(item) ? "session_meta" : "state"
}
