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

/** Audio, files and parts to come: kept, counted by their size, never read. */
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
 * The value is not a chat message. `issue` names the field and what was expected there, never the value itself.
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
 * Checks a value and returns the very same object, so that unknown fields and the order of keys stay.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (input: unknown): Either.Either<Message, InvalidMessage> => {
  if (isPlainMessage(input) || isMessage(input)) return Either.right(input)
  return Either.left(new InvalidMessage({ issue: explainInvalid(input) }))
}

/** Explains what is wrong with it as a message of its own role. The issues of other roles would say nothing. */
const explainInvalid = (input: unknown): string => {
  if (!Predicate.isRecord(input)) return "Expected an object with a role"
  const ofRole = explanations.find(({ roles }) => roles.some((role) => role === input["role"]))
  if (ofRole === undefined) {
    return `role: Expected ${explanations.flatMap(({ roles }) => roles.map((role) => `"${role}"`)).join(" | ")}`
  }
  return Either.match(ofRole.decode(input), {
    // Only the first issue: a union reports one per member.
    onLeft: (error) => ParseResult.ArrayFormatter.formatIssueSync(error).slice(0, 1).map(describeIssue).join(),
    onRight: () => "unreadable"
  })
}

const makeExplanation = <A>(roles: ReadonlyArray<string>, schema: Schema.Schema<A>) => {
  const decode: (input: unknown) => Either.Either<unknown, ParseResult.ParseIssue> =
    ParseResult.decodeUnknownEither(schema)
  return { roles, decode }
}

const explanations = [
  makeExplanation(["system", "developer"], SystemMessage),
  makeExplanation(["user"], UserMessage),
  makeExplanation(["assistant"], AssistantMessage),
  makeExplanation(["tool"], ToolMessage)
]

/** Recognizes most messages at a tenth of the schema's price. Each stored row is checked when it is read. */
const isPlainMessage = (input: unknown): input is Message => {
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

/** Leaves out the value, which may hold a secret. */
const describeIssue = ({ message, path }: ParseResult.ArrayFormatterIssue): string => {
  const [expected = message] = message.split(", actual ", 1)
  return path.length === 0 ? expected : `${path.map(String).join(".")}: ${expected}`
}

/**
 * The text of a message, its parts joined by line breaks. Images and other parts have no text.
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
 * The tool calls of a message. Only an assistant's message has any.
 *
 * @since 0.1.0
 * @category getters
 */
export const toolCalls = (message: Message): ReadonlyArray<ToolCall> =>
  message.role === "assistant" ? (message.tool_calls ?? []) : []

/**
 * Returns true if this message ends a turn: the assistant spoke and called no tool.
 *
 * @since 0.1.0
 * @category predicates
 */
export const endsTurn = (message: Message): boolean => message.role === "assistant" && toolCalls(message).length === 0

/**
 * Returns true for an instruction (`system`, `developer`) as opposed to a part of the conversation.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSystem = (message: Message): boolean => message.role === "system" || message.role === "developer"

/**
 * The pairs of a list of messages, as indexes into it. `results[i][k]` is the result of call `k` of message `i`, and
 * `answers[i]` is the message whose call the tool message `i` answers; `undefined` where there is no such message.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pairs {
  readonly results: ReadonlyArray<ReadonlyArray<number | undefined>>
  readonly answers: ReadonlyArray<number | undefined>
}

/**
 * Pairs tool results with their calls. Ids cannot be trusted: they repeat, and results may be late, doubled, or answer
 * nothing. A result belongs to the nearest call before it that has its id and no result yet.
 *
 * @since 0.1.0
 * @category getters
 */
export const pairToolCalls = (messages: ReadonlyArray<Message>): Pairs => {
  const results: Array<Results> = []
  const answers: Array<number | undefined> = []
  const unanswered = new Map<string, Place | undefined>()
  for (const [i, message] of messages.entries()) {
    const place = message.role === "tool" ? unanswered.get(message.tool_call_id) : undefined
    answers.push(place?.message)
    if (message.role === "tool" && place !== undefined) {
      unanswered.set(message.tool_call_id, place.before)
      place.results[place.call] = i
    }
    const calls = toolCalls(message)
    const own = calls.length === 0 ? NONE : calls.map(() => undefined)
    calls.forEach(({ id }, call) => unanswered.set(id, { message: i, call, results: own, before: unanswered.get(id) }))
    results.push(own)
  }
  return { results, answers }
}

type Results = Array<number | undefined>

/** Shared by all messages without a call. */
const NONE: Results = []

/** An unanswered call by its position, and the one before it with the same id. */
interface Place {
  readonly message: number
  readonly call: number
  readonly results: Results
  readonly before: Place | undefined
}

/**
 * Returns, for each index `i`, whether the messages may be cut before `i`; the last entry is the cut after all of them.
 * A result without a call stays with the message before it, so that no part of a view begins with a tool message.
 */
export const findSafeCuts = (messages: ReadonlyArray<Message>): ReadonlyArray<boolean> => {
  const { results } = pairToolCalls(messages)
  const pending = findPending(messages, results)
  const cuts = [true]
  let reach = 0
  for (const [i, answers] of results.entries()) {
    for (const answer of answers) reach = Math.max(reach, answer ?? 0)
    cuts.push(reach <= i && i < pending && messages[i + 1]?.role !== "tool")
  }
  return cuts
}

/** The index of a last message whose results may still come. Other calls without a result do not forbid a cut. */
const findPending = (messages: ReadonlyArray<Message>, results: Pairs["results"]): number => {
  const last = messages.findLastIndex(({ role }) => role !== "tool")
  return results[last]?.includes(undefined) === true ? last : Infinity
}
