/** Reads rollout files of Codex. Lines are response items in an envelope with a `type`; before September 2025 without it. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type Message, text as messageText } from "../message/Message.ts"
import {
  makeAssistantMessage,
  type Call,
  makeImagePart,
  type Part,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  joinWords
} from "./content.ts"
import {
  type TranscriptContents,
  countKinds,
  decodeWith,
  failImport,
  type ImportError,
  isObject,
  type JsonObject,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"

const ENVELOPES: ReadonlyArray<unknown> = ["session_meta", "response_item", "event_msg", "turn_context", "compacted"]

const Block = Schema.Struct({
  type: Schema.String,
  text: Schema.optional(Schema.String),
  image_url: Schema.optional(Schema.String)
})
const Content = Schema.Union(Schema.String, Schema.Array(Block))
const ChatItem = Schema.Struct({ role: Schema.Literal("user", "assistant", "system", "developer"), content: Content })
const Id = Schema.NonEmptyString

const decodeChatItem = decodeWith(ChatItem, "a response item with role and content")
const decodeFunctionCall = decodeWith(
  Schema.Struct({ call_id: Id, name: Schema.String, arguments: Schema.String }),
  "a function call with call_id, name and arguments"
)
const decodeCustomCall = decodeWith(
  Schema.Struct({ call_id: Id, name: Schema.String, input: Schema.String }),
  "a custom tool call with call_id, name and input"
)
const decodeShellCall = decodeWith(
  Schema.Struct({
    call_id: Schema.optional(Schema.NullOr(Id)),
    id: Schema.optional(Schema.NullOr(Id)),
    action: Schema.Unknown
  }),
  "a local shell call with an action"
)
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
const decodeOutput = decodeWith(
  Schema.Struct({ call_id: Id, output: Schema.Union(Content, Schema.Struct({ content: Content })) }),
  "the output of a call with its call_id"
)

export const isCodexRow = ({ value }: TranscriptRow): boolean =>
  (ENVELOPES.includes(value.type) && isObject(value.payload)) ||
  value.record_type === "state" ||
  isBareHeader(value) ||
  isBareItem(value)

const isBareHeader = (value: JsonObject) =>
  typeof value.id === "string" && typeof value.timestamp === "string" && "instructions" in value

const isBareItem = ({ call_id, content, type }: JsonObject) =>
  ((type === "function_call" || type === "local_shell_call") && typeof call_id === "string") ||
  (type === "message" &&
    Array.isArray(content) &&
    content.some((part: unknown) => isObject(part) && (part.type === "input_text" || part.type === "output_text")))

/**
 * Reads the session of a file, without the turns that the user took back. A compaction is skipped, because the lines it
 * stands for are in the file. At the beginning of a file it stands for an earlier one, and stays.
 */
export const readCodex = (
  rows: ReadonlyArray<TranscriptRow>,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    let items: Array<Item> = []
    const skipped: Array<string> = []
    for (const row of rows) {
      if (isRollback(row)) {
        const rollback = yield* attempt(decodeRollback(row))
        const kept = dropTurns(items, rollback?.payload.num_turns ?? 0)
        for (let left = items.length - kept.length; left > 0; left--) skipped.push("rolled back")
        items = kept
      } else if (row.value.type === "compacted" && !items.some(isSpoken)) {
        const before = items
        items = (yield* attempt(convertCompaction(row, before))) ?? before
        if (items === before) skipped.push("compacted")
      } else {
        const item = yield* attempt(convertRow(row))
        if (item === undefined) continue
        if (typeof item === "string") skipped.push(item)
        else items.push(item)
      }
    }
    return {
      sessions: [{ sessionId: findSessionId(rows), messages: mergeReplies(items) }],
      skipped: countKinds(skipped)
    }
  })

const isRollback = ({ value: { payload, type } }: TranscriptRow): boolean =>
  type === "event_msg" && isObject(payload) && payload.type === "thread_rolled_back"

/** Leaves out the last turns, as Codex does. What is before the first turn stays. */
const dropTurns = (items: Array<Item>, turns: number): Array<Item> => {
  const starts = items.flatMap((item, index) => (isTurnStart(item) ? [index] : []))
  return turns === 0 ? items : items.slice(0, starts[Math.max(0, starts.length - turns)])
}

/** Takes the id of the first header. A fork repeats the header of the session it came from after its own. */
const findSessionId = (rows: ReadonlyArray<TranscriptRow>): string | null => {
  const headers = rows.flatMap(({ value }) =>
    value.type === "session_meta" && isObject(value.payload) ? [value.payload] : isBareHeader(value) ? [value] : []
  )
  const id = headers[0]?.id
  return typeof id === "string" && id !== "" ? id : null
}

/** A piece of the next assistant message, or a whole message. */
type Item =
  | { readonly _tag: "Reply"; readonly parts: ReadonlyArray<Part>; readonly calls: ReadonlyArray<Call> }
  | { readonly _tag: "Whole"; readonly message: Message }

const makeReply = (parts: ReadonlyArray<Part>, calls: ReadonlyArray<Call>): Item => ({ _tag: "Reply", parts, calls })
const makeWhole = (message: Message): Item => ({ _tag: "Whole", message })

/** Opens what Codex itself says in the name of the user. A turn begins with none of it. */
const CONTEXT =
  /^\s*(?:<(?:environment_context|user_instructions|user_shell_command|turn_aborted|subagent_notification|agents_md|skill|hook_prompt|context_update)>|# AGENTS\.md instructions)/i

const isTurnStart = (item: Item): boolean =>
  item._tag === "Whole" && item.message.role === "user" && !CONTEXT.test(messageText(item.message))

const isSpoken = (item: Item): boolean => item._tag === "Reply" || isTurnStart(item)

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
    return message === "" ? before : [...before, makeWhole(makeUserMessage([makeTextPart(message)]))]
  })

const convertItem = (row: TranscriptRow, item: unknown): Either.Either<Item | string, ImportError> => {
  if (!isObject(item)) return Either.left(failImport(row, "a response item with a payload", "none"))
  switch (item.type) {
    case "message":
      return Either.map(decodeChatItem(row, item), convertChatItem)
    case "function_call":
      return Either.map(decodeFunctionCall(row, item), (call) =>
        makeReply([], [{ id: call.call_id, name: call.name, input: call.arguments }])
      )
    case "custom_tool_call":
      return Either.map(decodeCustomCall(row, item), ({ call_id, input, name }) =>
        makeReply([], [{ id: call_id, name, input: { input } }])
      )
    case "local_shell_call":
      return Either.flatMap(decodeShellCall(row, item), ({ action, call_id, id }) => {
        const callId = call_id ?? id
        return typeof callId === "string"
          ? Either.right(makeReply([], [{ id: callId, name: "local_shell", input: action }]))
          : Either.left(failImport(row, "a local shell call with a call_id", "one without"))
      })
    case "function_call_output":
    case "custom_tool_call_output":
    case "local_shell_call_output":
      return Either.map(decodeOutput(row, item), ({ call_id, output }) =>
        makeWhole(makeToolMessage(call_id, convertOutput(output)))
      )
    default:
      return Either.right(kindOf(item))
  }
}

const kindOf = (item: JsonObject): string => {
  if (typeof item.type === "string") return item.type
  return isBareHeader(item) ? "session_meta" : "state"
}

const convertChatItem = ({ content, role }: typeof ChatItem.Type): Item => {
  if (role === "assistant") return makeReply(convertContent(content), [])
  return makeWhole(
    role === "user" ? makeUserMessage(convertContent(content)) : { role, content: joinWords(convertContent(content)) }
  )
}

const convertContent = (content: typeof Content.Type): ReadonlyArray<Part> =>
  typeof content === "string" ? [makeTextPart(content)] : content.map(convertBlock)

const convertBlock = (block: typeof Block.Type): Part => {
  if (block.text !== undefined) return makeTextPart(block.text)
  return block.image_url === undefined ? makeTextPart(`[${block.type}]`) : makeImagePart(block.image_url)
}

const convertOutput = (output: typeof Content.Type | { readonly content: typeof Content.Type }): ReadonlyArray<Part> =>
  convertContent(typeof output === "object" && "content" in output ? output.content : output)

/** Merges the pieces of each assistant message. Codex writes its text and its calls as separate items. */
const mergeReplies = (items: ReadonlyArray<Item>): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let parts: ReadonlyArray<Part> = []
  let calls: ReadonlyArray<Call> = []
  const finishReply = () => {
    if (parts.length + calls.length > 0) messages.push(makeAssistantMessage(parts, calls))
    parts = []
    calls = []
  }
  for (const item of items) {
    if (item._tag === "Reply") {
      parts = [...parts, ...item.parts]
      calls = [...calls, ...item.calls]
    } else {
      finishReply()
      messages.push(item.message)
    }
  }
  finishReply()
  return messages
}
