/**
 * Rollout files of Codex: response items, each in an envelope with a `type`, in files before September 2025 bare.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import {
  assistantMessage,
  type Call,
  imagePart,
  type Part,
  textPart,
  toolMessage,
  userMessage,
  wordsOfParts
} from "./content.ts"
import {
  type Contents,
  countKinds,
  decodeWith,
  failImport,
  type ImportError,
  isObject,
  type JsonObject,
  type Row
} from "./rows.ts"

const ENVELOPES: ReadonlyArray<unknown> = ["session_meta", "response_item", "event_msg", "turn_context", "compacted"]

const Block = Schema.Struct({
  type: Schema.String,
  text: Schema.optional(Schema.String),
  image_url: Schema.optional(Schema.String)
})
const Content = Schema.Union(Schema.String, Schema.Array(Block))
const Spoken = Schema.Struct({ role: Schema.Literal("user", "assistant", "system", "developer"), content: Content })
const Id = Schema.NonEmptyString

const spoken = decodeWith(Spoken, "a response item with role and content")
const functionCall = decodeWith(
  Schema.Struct({ call_id: Id, name: Schema.String, arguments: Schema.String }),
  "a function call with call_id, name and arguments"
)
const customCall = decodeWith(
  Schema.Struct({ call_id: Id, name: Schema.String, input: Schema.String }),
  "a custom tool call with call_id, name and input"
)
const shellCall = decodeWith(
  Schema.Struct({
    call_id: Schema.optional(Schema.NullOr(Id)),
    id: Schema.optional(Schema.NullOr(Id)),
    action: Schema.Unknown
  }),
  "a local shell call with an action"
)
const output = decodeWith(
  Schema.Struct({ call_id: Id, output: Schema.Union(Content, Schema.Struct({ content: Content })) }),
  "the output of a call with its call_id"
)

/**
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = ({ value }: Row): boolean =>
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
 * @since 0.1.0
 * @category constructors
 */
export const read = (rows: ReadonlyArray<Row>): Either.Either<Contents, ImportError> =>
  Either.gen(function* () {
    const items: Array<Item> = []
    for (const row of rows) items.push(yield* convert(row))
    const skipped = items.flatMap((item) => (item._tag === "Skipped" ? [item.kind] : []))
    return { sessions: [{ sessionId: sessionId(rows), messages: merge(items) }], skipped: countKinds(skipped) }
  })

/** The first one counts: a fork repeats the header of the session it came from. */
const sessionId = (rows: ReadonlyArray<Row>): string | null => {
  const headers = rows.flatMap(({ value }) =>
    value.type === "session_meta" && isObject(value.payload) ? [value.payload] : isBareHeader(value) ? [value] : []
  )
  const id = headers[0]?.id
  return typeof id === "string" && id !== "" ? id : null
}

/** What a row contributes: a piece of the assistant's next message, a whole message, or nothing. */
type Item =
  | { readonly _tag: "Reply"; readonly parts: ReadonlyArray<Part>; readonly calls: ReadonlyArray<Call> }
  | { readonly _tag: "Whole"; readonly message: Message }
  | { readonly _tag: "Skipped"; readonly kind: string }

const reply = (parts: ReadonlyArray<Part>, calls: ReadonlyArray<Call>): Item => ({ _tag: "Reply", parts, calls })
const whole = (message: Message): Item => ({ _tag: "Whole", message })

const convert = (row: Row): Either.Either<Item, ImportError> => {
  const { payload, type } = row.value
  if (type === "response_item" || !ENVELOPES.includes(type)) {
    return fromItem(row, type === "response_item" ? payload : row.value)
  }
  return Either.right({ _tag: "Skipped", kind: String(type) })
}

const fromItem = (row: Row, item: unknown): Either.Either<Item, ImportError> => {
  if (!isObject(item)) return Either.left(failImport(row, "a response item with a payload", "none"))
  switch (item.type) {
    case "message":
      return Either.map(spoken(row, item), fromSpoken)
    case "function_call":
      return Either.map(functionCall(row, item), (call) =>
        reply([], [{ id: call.call_id, name: call.name, input: call.arguments }])
      )
    case "custom_tool_call":
      return Either.map(customCall(row, item), ({ call_id, input, name }) =>
        reply([], [{ id: call_id, name, input: { input } }])
      )
    case "local_shell_call":
      return Either.flatMap(shellCall(row, item), ({ action, call_id, id }) => {
        const callId = call_id ?? id
        return typeof callId === "string"
          ? Either.right(reply([], [{ id: callId, name: "local_shell", input: action }]))
          : Either.left(failImport(row, "a local shell call with a call_id", "one without"))
      })
    case "function_call_output":
    case "custom_tool_call_output":
    case "local_shell_call_output":
      return Either.map(output(row, item), ({ call_id, output }) => whole(toolMessage(call_id, outputParts(output))))
    default:
      return Either.right({ _tag: "Skipped", kind: kindOf(item) })
  }
}

const kindOf = (item: JsonObject): string => {
  if (typeof item.type === "string") return item.type
  return isBareHeader(item) ? "session_meta" : "state"
}

const fromSpoken = ({ content, role }: typeof Spoken.Type): Item => {
  if (role === "assistant") return reply(parts(content), [])
  return whole(role === "user" ? userMessage(parts(content)) : { role, content: wordsOfParts(parts(content)) })
}

const parts = (content: typeof Content.Type): ReadonlyArray<Part> =>
  typeof content === "string" ? [textPart(content)] : content.map(part)

const part = (block: typeof Block.Type): Part => {
  if (block.text !== undefined) return textPart(block.text)
  return block.image_url === undefined ? textPart(`[${block.type}]`) : imagePart(block.image_url)
}

const outputParts = (output: typeof Content.Type | { readonly content: typeof Content.Type }): ReadonlyArray<Part> =>
  parts(typeof output === "object" && "content" in output ? output.content : output)

/** Codex writes words and calls of one reply as items of their own. */
const merge = (items: ReadonlyArray<Item>): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let parts: ReadonlyArray<Part> = []
  let calls: ReadonlyArray<Call> = []
  const flush = () => {
    if (parts.length + calls.length > 0) messages.push(assistantMessage(parts, calls))
    parts = []
    calls = []
  }
  for (const item of items) {
    if (item._tag === "Skipped") continue
    if (item._tag === "Reply") {
      parts = [...parts, ...item.parts]
      calls = [...calls, ...item.calls]
    } else {
      flush()
      messages.push(item.message)
    }
  }
  flush()
  return messages
}
