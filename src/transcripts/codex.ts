/** Reads rollout files of Codex. Lines are response items in an envelope with a `type`; before September 2025 without it. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
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

export const readCodex = (rows: ReadonlyArray<TranscriptRow>): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const items: Array<Item> = []
    for (const row of rows) items.push(yield* convertRow(row))
    const skipped = items.flatMap((item) => (item._tag === "Skipped" ? [item.kind] : []))
    return {
      sessions: [{ sessionId: findSessionId(rows), messages: mergeReplies(items) }],
      skipped: countKinds(skipped)
    }
  })

/** Takes the id of the first header. A fork repeats the header of the session it came from after its own. */
const findSessionId = (rows: ReadonlyArray<TranscriptRow>): string | null => {
  const headers = rows.flatMap(({ value }) =>
    value.type === "session_meta" && isObject(value.payload) ? [value.payload] : isBareHeader(value) ? [value] : []
  )
  const id = headers[0]?.id
  return typeof id === "string" && id !== "" ? id : null
}

/** A row is a piece of the next assistant message, a whole message, or skipped. */
type Item =
  | { readonly _tag: "Reply"; readonly parts: ReadonlyArray<Part>; readonly calls: ReadonlyArray<Call> }
  | { readonly _tag: "Whole"; readonly message: Message }
  | { readonly _tag: "Skipped"; readonly kind: string }

const makeReply = (parts: ReadonlyArray<Part>, calls: ReadonlyArray<Call>): Item => ({ _tag: "Reply", parts, calls })
const makeWhole = (message: Message): Item => ({ _tag: "Whole", message })

const convertRow = (row: TranscriptRow): Either.Either<Item, ImportError> => {
  const { payload, type } = row.value
  if (type === "response_item" || !ENVELOPES.includes(type)) {
    return convertItem(row, type === "response_item" ? payload : row.value)
  }
  return Either.right({ _tag: "Skipped", kind: String(type) })
}

const convertItem = (row: TranscriptRow, item: unknown): Either.Either<Item, ImportError> => {
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
      return Either.right({ _tag: "Skipped", kind: kindOf(item) })
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
    if (item._tag === "Skipped") continue
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
