/**
 * Chat messages in the OpenAI wire shape, kept exactly as they came.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { findForeign } from "./foreignParts.ts"
import * as MessageSchema from "./messageSchema.ts"
import * as Model from "./model.ts"

export type {
  AssistantMessage,
  AudioPart,
  ContentPart,
  CustomToolCall,
  FilePart,
  FunctionCall,
  FunctionToolCall,
  ImagePart,
  RefusalPart,
  SystemMessage,
  TextPart,
  ToolMessage,
  UserMessage
} from "./model.ts"
export { Native } from "./model.ts"

/**
 * @since 0.1.0
 * @category models
 */
export type Message = Model.Message
/**
 * Checks what the library reads. It lets through what the type does not show and servers do send, such as `tool_calls`
 * of null, an image in a tool's result, or a part of a server's own type.
 *
 * @since 0.1.0
 * @category models
 */
export const Message: Schema.Schema<Message> = Schema.make(MessageSchema.Message.ast)

/**
 * @since 0.1.0
 * @category models
 */
export type ToolCall = Model.ToolCall
/**
 * @since 0.1.0
 * @category models
 */
export const ToolCall: Schema.Schema<ToolCall> = Schema.make(MessageSchema.ToolCall.ast)

/**
 * The value is not a chat message. `issue` names the field and what was expected there, never the value itself.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidMessage extends Schema.TaggedError<InvalidMessage>()("InvalidMessage", { issue: Schema.String }) {
  override get message() {
    return `not a chat message: ${this.issue}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

const isMessage = Schema.is(Message)

/**
 * Checks a value and returns the very same object, so that unknown fields and the order of keys stay. Messages of
 * another API and parts of one in the content are refused, since nobody would see their words: the issue names the
 * format of `MessageFormat` that reads them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (input: unknown): Either.Either<Message, InvalidMessage> => {
  const foreign = findForeign(input)
  return foreign === undefined ? parseStored(input) : Either.left(new InvalidMessage({ issue: foreign }))
}

/** Checks a message of a log. An old log may hold parts of another API, and has to stay readable. */
export const parseStored = (input: unknown): Either.Either<Message, InvalidMessage> => {
  if (isPlainMessage(input) || isMessage(input)) return Either.right(input)
  return Either.left(new InvalidMessage({ issue: MessageSchema.explainInvalid(input) }))
}

/** Recognizes most messages at a tenth of the schema's price. Each stored row is checked when it is read. */
const isPlainMessage = (input: unknown): input is Message => {
  if (!Predicate.isRecord(input)) return false
  const { content, native, role, tool_call_id: id, tool_calls: calls } = input
  const isText = typeof content === "string"
  if (native !== undefined) return false
  if (role === "user" || role === "system" || role === "developer") return isText
  if (role === "tool") return isText && isId(id)
  if (role !== "assistant" || !(isText || Predicate.isNullable(content)) || !hasPlainWords(input)) return false
  return Predicate.isNullable(calls) || (Array.isArray(calls) && calls.every(isFunctionCall))
}

const hasPlainWords = ({ audio, function_call: call, refusal }: { [key: string]: unknown }): boolean =>
  Predicate.isNullable(refusal) && Predicate.isNullable(audio) && Predicate.isNullable(call)

const isFunctionCall = (input: unknown): boolean => {
  if (!Predicate.isRecord(input) || !isId(input["id"]) || input["type"] !== "function") return false
  const called = input["function"]
  return Predicate.isRecord(called) && typeof called["name"] === "string" && typeof called["arguments"] === "string"
}

const isId = (input: unknown): boolean => typeof input === "string" && input !== ""

/** A message as a store keeps it: its JSON text, and the value that this text says. */
export interface SerializedMessage {
  readonly message: Message
  readonly body: string
}

/**
 * Writes a message as JSON and checks what that text says: whoever reads it back gets this value, whatever getters,
 * `toJSON` or a proxy make of the object that was given.
 */
export const serialize = (input: unknown): Either.Either<SerializedMessage, InvalidMessage> => {
  const copy = orUndefined(() => copyIfPlain(input))
  const body = orUndefined(() => JSON.stringify(copy ?? input))
  if (body === undefined) return Either.left(NOT_JSON)
  return isPlainMessage(copy)
    ? Either.right({ message: copy, body })
    : Either.flatMap(parse(JSON.parse(body)), (message) => keepIfShallow(message, body))
}

/** Undefined for a value that it does not copy. */
type Copy = (value: unknown) => unknown

/** Copies an object that has no other fields than these texts, which may be null, and `others`. */
const copyOnly = (texts: ReadonlyArray<string>, others: { readonly [field: string]: Copy } = {}): Copy => {
  const copies = new Map([...texts.map((field) => [field, copyText] as const), ...Object.entries(others)])
  return (input) => {
    if (!Predicate.isRecord(input) || "toJSON" in input) return undefined
    const copy: { [field: string]: unknown } = {}
    for (const field of Object.keys(input)) {
      const copied = copies.get(field)?.(input[field])
      if (copied === undefined) return undefined
      copy[field] = copied
    }
    return copy
  }
}

const copyText: Copy = (value) => (typeof value === "string" || value === null ? value : undefined)

const copyPlainCall = copyOnly(["id", "type"], { function: copyOnly(["name", "arguments"]) })

/** Stops at the first item that is no plain call: an array may claim any length. */
const copyPlainCalls: Copy = (input) => {
  if (!Array.isArray(input) || "toJSON" in input) return undefined
  const calls: Array<unknown> = []
  for (const item of input) {
    const call = copyPlainCall(item)
    if (call === undefined) return undefined
    calls.push(call)
  }
  return calls
}

/** Copies a message of texts and calls of functions, as most are. The copy is what its JSON says, which is then not read. */
const copyIfPlain = copyOnly(["role", "content", "name", "refusal", "tool_call_id"], { tool_calls: copyPlainCalls })

/** All of them or none: one invalid row would make the whole session unreadable. */
export const serializeAll = (
  messages: ReadonlyArray<Message>
): Either.Either<ReadonlyArray<SerializedMessage>, InvalidMessage> => Either.all(messages.map(serialize))

const NOT_JSON = new InvalidMessage({
  issue: "Expected what JSON can hold: no cycle, no bigint, no field that cannot be read, and not too deep"
})

/** Getters may throw, too. */
const orUndefined = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const keepIfShallow = (message: Message, body: string): Either.Either<SerializedMessage, InvalidMessage> =>
  isDeeperThan(message, MOST_LEVELS) ? Either.left(NOT_JSON) : Either.right({ message, body })

/** Any reader of JSON follows so many levels: Python stops at 1,000. */
const MOST_LEVELS = 200

const isDeeperThan = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((field) => isDeeperThan(field, levels - 1))
}

/** A copy that its reader may change, as SDKs do. Texts are shared, so it costs as much as the message has fields. */
export const copyMessage = (message: Message): Message => {
  const copy: Message & { [field: string]: unknown } = { ...message }
  for (const key in copy) {
    const field = copy[key]
    if (typeof field === "object" && field !== null) {
      copy[key] = key === "tool_calls" ? toolCalls(message).map(copyCall) : copyJson(field)
    }
  }
  const native = message[Model.Native]
  return native === undefined ? copy : { ...copy, [Model.Native]: { ...native, ...copyFields(native) } }
}

/** Copies a call faster than `copyJson` does, for a view holds many. */
const copyCall = (call: ToolCall): ToolCall =>
  call.type === "custom" ? { ...call, custom: { ...call.custom } } : { ...call, function: { ...call.function } }

const copyJson = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  return Array.isArray(value) ? value.map(copyJson) : copyFields(value)
}

const copyFields = (value: object): { [field: string]: unknown } => {
  const copy: { [field: string]: unknown } = { ...value }
  for (const field in copy) copy[field] = copyJson(copy[field])
  return copy
}

/** The parts of a message's content; none if it is a string. */
export const parts = ({ content }: Message): ReadonlyArray<Model.ContentPart> =>
  content === undefined || content === null || typeof content === "string" ? [] : content

/** The message with other content. Its role does not limit the parts, since messages from outside do not obey it. */
export const withContent = <M extends Message>(
  message: M,
  content: string | ReadonlyArray<Model.ContentPart> | null
): M => ({
  ...message,
  content
})

/** The message as a view shows it: its `native` stands under the symbol `Native`. */
export const hideNative = (message: Message): Message => {
  if (message.native === undefined) return message
  const { native, ...rest } = message
  return { ...rest, [Model.Native]: native }
}

/** The words of a part; `undefined` for images, audio, files, and parts of a server's own type without a text. */
export const partText = (part: Model.ContentPart): string | undefined => {
  const words = "text" in part ? part.text : "refusal" in part ? part.refusal : undefined
  return typeof words === "string" ? words : undefined
}

/** The words of a message beside its content and its tool calls. */
export const wordsBesideContent = (message: Message): ReadonlyArray<string> => {
  if (message.role !== "assistant") return []
  const { audio, function_call: call, refusal } = message
  if ((audio ?? call ?? refusal ?? null) === null) return []
  const words = [refusal, audio?.transcript, call && `${call.name} ${call.arguments}`]
  return words.filter((word): word is string => typeof word === "string" && word !== "")
}

/**
 * The words of a message, joined by line breaks: its texts, a refusal, the transcript of its audio, a legacy
 * `function_call`. Images and files have none. What a model thought to itself (`reasoning_content` and the like) is no
 * statement, so it is stored and counted but neither searched nor summarized.
 *
 * @since 0.1.0
 * @category getters
 */
export const text = (message: Message): string => {
  const { content } = message
  const beside = wordsBesideContent(message)
  if (typeof content === "string" && beside.length === 0) return content
  const said = typeof content === "string" ? [content] : parts(message).map(partText)
  return [...said, ...beside].filter((words) => words !== undefined).join("\n")
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
 * The name of the tool that a call calls, of either kind.
 *
 * @since 0.1.0
 * @category getters
 */
export const callName = (call: ToolCall): string => (call.type === "custom" ? call.custom : call.function).name

/**
 * What a call gives to its tool: the JSON text of its arguments, or the free text of a custom tool's input.
 *
 * @since 0.1.0
 * @category getters
 */
export const callInput = (call: ToolCall): string =>
  call.type === "custom" ? call.custom.input : call.function.arguments

/** The call with another input; all else stays, fields of a server's own included. */
export const withCallInput = (call: ToolCall, input: string): ToolCall =>
  call.type === "custom"
    ? { ...call, custom: { ...call.custom, input } }
    : { ...call, function: { ...call.function, arguments: input } }

/**
 * Returns true if this message ends a turn: the assistant spoke and called nothing.
 *
 * @since 0.1.0
 * @category predicates
 */
export const endsTurn = (message: Message): boolean =>
  message.role === "assistant" && toolCalls(message).length === 0 && (message.function_call ?? null) === null

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
