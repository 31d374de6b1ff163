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
  type Steps,
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
export function* readCodex(
  rows: ReadonlyArray<TranscriptRow>,
  { attempt, make }: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const { firstOwn, isPage, sessionId, subagent } = findCodexHeader(rows)
  const convert = (yield* hasSaid(rows)) ? convertRow : convertEvent
  let items: Array<Item> = []
  const skipped: Array<string> = isPage ? ["beginning in another file"] : []
  for (const row of rows) {
    yield
    const { ordinal, type } = row.value
    if (typeof ordinal === "number" && ordinal < firstOwn && type !== "session_meta") {
      skipped.push("of the main session")
    } else if (isRollback(row)) {
      const rollback = attempt(decodeRollback(row), row)
      if (Either.isLeft(rollback)) return Either.left(rollback.left)
      const kept = dropTurns(items, rollback.right?.payload.num_turns ?? 0)
      for (let left = items.length - kept.length; left > 0; left--) skipped.push("rolled back")
      items = kept
    } else if (type === "compacted" && !items.some(isSpoken)) {
      const before = items
      const history = attempt(convertCompaction(row, before), row)
      if (Either.isLeft(history)) return Either.left(history.left)
      items = history.right ?? before
      if (items === before) skipped.push("compacted")
    } else {
      const item = attempt(convert(row), row)
      if (Either.isLeft(item)) return Either.left(item.left)
      if (item.right === undefined) continue
      if (typeof item.right === "string") skipped.push(item.right)
      else items.push(item.right)
    }
  }
  const messages: Array<Message> = []
  const notices: Array<number> = []
  for (const group of yield* splitItems(items)) {
    yield
    const made = make(group.map(valueOf), makeMessages, { file: rows[0]?.file ?? "", line: null })
    if (Either.isLeft(made)) return Either.left(made.left)
    if (group.some(({ says }) => says === "context")) notices.push(messages.length)
    for (const message of made.right) messages.push(message)
  }
  const session = makeSession({ sessionId, messages, notices, subagent })
  return Either.right({ sessions: [session], skipped: countKinds(skipped) })
}

/**
 * Splits items into those that are decoded together: all that the model said between two inputs, because the text and the
 * calls of one reply are items of their own; an input by itself; and a result behind the call that it answers.
 */
function* splitItems(items: ReadonlyArray<Item>): Steps<ReadonlyArray<ReadonlyArray<Item>>> {
  const groups: Array<ReadonlyArray<Item>> = []
  const calls = new Map<unknown, Item>()
  let reply: Array<Item> = []
  for (const item of items) {
    yield
    if (item.says === "reply" || item.says === "call") {
      if (reply.length === 0) groups.push(reply)
      reply.push(item)
      if (item.says === "call") calls.set(valueOf(item).call_id, item)
      continue
    }
    reply = []
    const call = item.says === "result" ? calls.get(valueOf(item).call_id) : undefined
    groups.push(call === undefined ? [item] : [call, item])
  }
  return groups
}

/** A call that stands before its result is said elsewhere. */
const makeMessages: MakeMessages = (source, { file, line }) =>
  Either.mapBoth(MessageFormat.decode("responses", [...source]), {
    onLeft: ({ issue }) => new ImportError({ file, line, expected: "response items", found: issue }),
    onRight: (messages) => (messages.at(-1)?.role === "tool" ? messages.slice(-1) : messages)
  })

/** Reads a line by itself. A compaction counts until the session `hasSpoken`: it stands for an earlier one. */
export const readCodexLine = (
  row: TranscriptRow,
  hasSpoken: boolean
): Either.Either<ReadonlyArray<Message>, ImportError> => {
  const isFirst = row.value.type === "compacted" && !hasSpoken
  const read = isFirst ? convertCompaction(row, []) : Either.map(convertRow(row), (item) => [item])
  return Either.flatMap(read, (items) => {
    const said = items.filter((item) => typeof item !== "string")
    return Either.map(Either.all(said.map((item) => decodeItem(row, valueOf(item)))), (messages) =>
      messages.filter((message) => message !== undefined)
    )
  })
}

/** Returns whether a message is one that the user or the model said, and not the context that Codex begins with. */
export const isSpokenInCodex = (message: Message): boolean => message.role === "assistant" || isTurn(message)

const isRollback = ({ value: { payload, type } }: TranscriptRow): boolean =>
  type === "event_msg" && isObject(payload) && payload.type === "thread_rolled_back"

/** Leaves out the last turns, as Codex does. What is before the first turn stays. */
const dropTurns = (items: Array<Item>, turns: number): Array<Item> => {
  const starts = items.flatMap((item, index) => (item.says === "turn" ? [index] : []))
  return turns === 0 ? items : items.slice(0, starts[Math.max(0, starts.length - turns)])
}

/**
 * A response item of a row, or one that stands elsewhere. What it says is known; its value is not kept, since a large file
 * has many.
 */
interface Item {
  readonly row: TranscriptRow
  readonly given: JsonObject | undefined
  readonly says: "turn" | "context" | "reply" | "call" | "result" | "other"
  readonly isSpoken: boolean
}

const isSpoken = (item: Item): boolean => item.isSpoken

const valueOf = ({ given, row }: Item): JsonObject => {
  const item = given ?? findItem(row)
  return isObject(item) ? item : {}
}

/** Opens what Codex itself says in the name of the user. A turn begins with none of it. */
const CONTEXT =
  /^\s*(?:<(?:environment_context|user_instructions|user_shell_command|turn_aborted|subagent_notification|agents_md|skill|hook_prompt|context_update)>|# AGENTS\.md instructions|Another language model started to solve this problem)/i

const isContext = (message: Message): boolean => message.role === "user" && CONTEXT.test(messageText(message))

const isTurn = (message: Message): boolean => message.role === "user" && !isContext(message)

/** Returns whether any row says something as an item and not as an event. */
function* hasSaid(rows: ReadonlyArray<TranscriptRow>): Steps<boolean> {
  for (const row of rows) {
    if (isSaidRow(row)) return true
    yield
  }
  return false
}

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
  if (kind === "user_message") return makeItem(row, makeValue("user", "input_text", text))
  return kind === "agent_message" ? makeItem(row, makeValue("assistant", "output_text", text)) : convertRow(row)
}

const makeValue = (role: string, type: string, text: string): JsonObject => ({
  type: "message",
  role,
  content: [{ type, text }]
})

/** Converts a row, or returns its kind if it is not a message. */
const convertRow = (row: TranscriptRow): Either.Either<Item | string, ImportError> => {
  const { type } = row.value
  const isItem = type === "response_item" || !ENVELOPES.includes(type)
  return isItem ? convertItem(row, findItem(row), false) : Either.right(String(type))
}

/** The item of a row. */
const findItem = ({ value }: TranscriptRow): unknown =>
  amendItem(value.type === "response_item" ? value.payload : value)

/** A shell call of the Responses API has two ids, one of Codex' own may have only one. */
const amendItem = (item: unknown): unknown =>
  isObject(item) && item.type === "local_shell_call" ? { ...item, call_id: item.call_id ?? item.id } : item

/** The history that Codex went on with, which holds the items before it. Older versions name only the text of it. */
const convertCompaction = (row: TranscriptRow, before: Array<Item>): Either.Either<Array<Item>, ImportError> =>
  Either.gen(function* () {
    const { message, replacement_history } = yield* decodeCompaction(row, row.value.payload)
    const amended = (replacement_history ?? []).map(amendItem)
    const converted = yield* Either.all(amended.map((item) => convertItem(row, item, true)))
    const history = converted.filter((item) => typeof item !== "string")
    if (history.length > 0) return history
    if (message === "") return before
    return [...before, yield* makeItem(row, { role: "user", content: message })]
  })

const convertItem = (
  row: TranscriptRow,
  item: unknown,
  isGiven: boolean
): Either.Either<Item | string, ImportError> => {
  if (!isObject(item)) return Either.left(failImport(row, "a response item with a payload", "none"))
  return SAID.includes(item.type) ? makeItem(row, item, isGiven) : Either.right(kindOf(item))
}

const makeItem = (row: TranscriptRow, value: JsonObject, isGiven = true): Either.Either<Item, ImportError> =>
  Either.map(decodeItem(row, value), (message) => ({
    row,
    given: isGiven ? value : undefined,
    says: nameWhatIsSaid(value, message),
    isSpoken: message !== undefined && isSpokenInCodex(message)
  }))

const nameWhatIsSaid = ({ role, type }: JsonObject, message: Message | undefined): Item["says"] => {
  if (RESULTS.includes(type)) return "result"
  if (type !== "message" && role === undefined) return "call"
  if (role === "assistant") return "reply"
  if (message?.role !== "user") return "other"
  return isContext(message) ? "context" : "turn"
}

const decodeItem = (row: TranscriptRow, value: JsonObject): Either.Either<Message | undefined, ImportError> =>
  Either.mapBoth(MessageFormat.decode("responses", [value]), {
    onLeft: ({ issue }) => failImport(row, "an item of the Responses API", issue),
    onRight: ([message]) => message
  })

const kindOf = (item: JsonObject): string => {
  if (typeof item.type === "string") return item.type
  return isBareHeader(item) ? "session_meta" : "state"
}
