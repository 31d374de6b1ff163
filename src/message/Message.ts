/**
 * Chat messages in the OpenAI wire shape, kept exactly as they came.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const KNOWN_PARTS: ReadonlyArray<string> = ["text", "image_url"]

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const ImagePart = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Struct({ url: Schema.String, detail: Schema.optional(Schema.String) })
})

/** Audio, files and whatever comes next: carried, counted by size, never looked into. */
const OtherPart = Schema.Struct({
  type: Schema.String.pipe(
    Schema.filter((type) => !KNOWN_PARTS.includes(type), { message: () => "a complete text or image_url part" })
  )
})

const Content = Schema.Union(Schema.String, Schema.Array(Schema.Union(TextPart, ImagePart, OtherPart)))

/**
 * One call of a tool by the model; `arguments` is the JSON text the model wrote.
 *
 * @since 0.1.0
 * @category models
 */
export const ToolCall = Schema.Struct({
  id: Schema.NonEmptyString,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})
/**
 * @since 0.1.0
 * @category models
 */
export type ToolCall = typeof ToolCall.Type

const SystemMessage = Schema.Struct({ role: Schema.Literal("system", "developer"), content: Content })

const UserMessage = Schema.Struct({ role: Schema.Literal("user"), content: Content })

const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Schema.optional(Schema.NullOr(Content)),
  tool_calls: Schema.optional(Schema.NullOr(Schema.Array(ToolCall)))
})

const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  tool_call_id: Schema.NonEmptyString,
  content: Content
})

/**
 * A chat message: system (or developer), user, assistant with `tool_calls`, or tool with `tool_call_id`.
 * Fields this schema does not name are allowed and kept.
 *
 * @since 0.1.0
 * @category models
 */
export const Message = Schema.Union(SystemMessage, UserMessage, AssistantMessage, ToolMessage)
/**
 * @since 0.1.0
 * @category models
 */
export type Message = typeof Message.Type
/**
 * @since 0.1.0
 * @category models
 */
export type AssistantMessage = typeof AssistantMessage.Type
/**
 * @since 0.1.0
 * @category models
 */
export type ToolMessage = typeof ToolMessage.Type

/**
 * A value that should have been a message is none; `issue` says where and what was expected.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidMessage extends Schema.TaggedError<InvalidMessage>()("InvalidMessage", {
  issue: Schema.String
}) {
  override get message() {
    return `not a chat message: ${this.issue}`
  }
}

const isMessage = Schema.is(Message)

/**
 * Checks a value and returns the very same object, so that unknown fields and the order of keys survive.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (input: unknown): Either.Either<Message, InvalidMessage> => {
  if (isPlain(input) || isMessage(input)) return Either.right(input)
  return Either.left(new InvalidMessage({ issue: explain(input) }))
}

/** What is wrong with it as a message of its role: the other roles' complaints would say nothing. */
const explain = (input: unknown): string => {
  if (!Predicate.isRecord(input)) return "Expected an object with a role"
  const ofRole = explanations.find(({ roles }) => roles.some((role) => role === input["role"]))
  if (ofRole === undefined) {
    return `role: Expected ${explanations.flatMap(({ roles }) => roles.map((role) => `"${role}"`)).join(" | ")}`
  }
  return Either.match(ofRole.decode(input), {
    // The first issue is the telling one: a union complains once per member.
    onLeft: (error) => ParseResult.ArrayFormatter.formatIssueSync(error).slice(0, 1).map(describe).join(),
    onRight: () => "unreadable"
  })
}

const explanation = <A>(roles: ReadonlyArray<string>, schema: Schema.Schema<A>) => {
  const decode: (input: unknown) => Either.Either<unknown, ParseResult.ParseIssue> =
    ParseResult.decodeUnknownEither(schema)
  return { roles, decode }
}

const explanations = [
  explanation(["system", "developer"], SystemMessage),
  explanation(["user"], UserMessage),
  explanation(["assistant"], AssistantMessage),
  explanation(["tool"], ToolMessage)
]

/** What nearly every message looks like: told by hand at a tenth of the price, since each row that is read is checked. */
const isPlain = (input: unknown): input is Message => {
  if (!Predicate.isRecord(input)) return false
  const { content, role, tool_call_id: id, tool_calls: calls } = input
  const isText = typeof content === "string"
  if (role === "user" || role === "system" || role === "developer") return isText
  if (role === "tool") return isText && isId(id)
  if (role !== "assistant" || !(isText || Predicate.isNullable(content))) return false
  return Predicate.isNullable(calls) || (Array.isArray(calls) && calls.every(isCall))
}

const isCall = (input: unknown): boolean => {
  if (!Predicate.isRecord(input) || !isId(input["id"]) || input["type"] !== "function") return false
  const called = input["function"]
  return Predicate.isRecord(called) && typeof called["name"] === "string" && typeof called["arguments"] === "string"
}

const isId = (input: unknown): boolean => typeof input === "string" && input !== ""

/** Without the value itself, which may hold a secret. */
const describe = ({ message, path }: ParseResult.ArrayFormatterIssue): string => {
  const [expected = message] = message.split(", actual ", 1)
  return path.length === 0 ? expected : `${path.map(String).join(".")}: ${expected}`
}

/**
 * The words of a message, parts joined by line breaks; images and other parts have none.
 *
 * @since 0.1.0
 * @category getters
 */
export const text = (message: Message): string => {
  const { content } = message
  if (content === undefined || content === null) return ""
  if (typeof content === "string") return content
  return content.flatMap((part) => ("text" in part ? [part.text] : [])).join("\n")
}

/**
 * The tool calls of a message; none for every role but assistant.
 *
 * @since 0.1.0
 * @category getters
 */
export const toolCalls = (message: Message): ReadonlyArray<ToolCall> =>
  message.role === "assistant" ? (message.tool_calls ?? []) : []

/**
 * Whether this message ends a turn: the assistant spoke and asked for no tool.
 *
 * @since 0.1.0
 * @category predicates
 */
export const endsTurn = (message: Message): boolean => message.role === "assistant" && toolCalls(message).length === 0

/**
 * Whether this message instructs rather than talks (`system`, `developer`).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSystem = (message: Message): boolean => message.role === "system" || message.role === "developer"
