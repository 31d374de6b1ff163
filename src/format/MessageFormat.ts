/**
 * Converts the messages of other APIs to chat messages and back, without loss: what chat messages have no place for goes
 * back where it was.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { findForeignFormat } from "../message/foreignParts.ts"
import * as Message from "../message/Message.ts"
import { findModelMessageFault, readModelMessages, writeModelMessages } from "./aiSdkModel.ts"
import { findUiMessageFault, readUiMessages, writeUiMessages } from "./aiSdkUi.ts"
import { findAnthropicFault, readAnthropic, writeAnthropic } from "./anthropic.ts"
import { findFault, isObject, isString, type JsonObject, listObjects } from "./json.ts"
import { findLegacyFault, readLegacyFunctions, writeLegacyFunctions } from "./legacyFunctions.ts"
import { findResponsesFault, readResponses, writeResponses } from "./responses.ts"
import { recallWhole, rememberOrigins, type Run, splitByOrigin } from "./origins.ts"
import type * as Wire from "./wireTypes.ts"
import { type Draft, isSame, makeDraft, showNative } from "./template.ts"

export type {
  AnthropicBlock,
  AnthropicDocument,
  AnthropicImage,
  AnthropicMessage,
  AnthropicResult,
  AnthropicText,
  Cached,
  Data,
  FunctionMessage,
  Json,
  ModelFile,
  ModelMessage,
  ModelResult,
  ModelText,
  ResponsesBlock,
  ResponsesItem,
  ResponsesOutput,
  UiCall,
  UiMessage
} from "./wireTypes.ts"

/**
 * The format of messages:
 *
 * - `chat`: messages of Chat Completions, which are the library's own
 * - `anthropic`: `{system, messages}` of Anthropic's Messages API, or its messages alone
 * - `responses`: the input items and the output items of OpenAI's Responses API
 * - `ai-sdk-model`: the `ModelMessage`s of the AI SDK, versions 5 and 6
 * - `ai-sdk-ui`: the `UIMessage`s of the AI SDK, versions 4 to 6, where 4 is read as far as it has parts
 * - `legacy-functions`: messages of Chat Completions with `function_call` and the role `function`
 *
 * @since 0.1.0
 * @category models
 */
export const MessageFormat = Schema.Literal(
  "chat",
  "anthropic",
  "responses",
  "ai-sdk-model",
  "ai-sdk-ui",
  "legacy-functions"
)
/**
 * @since 0.1.0
 * @category models
 */
export type MessageFormat = typeof MessageFormat.Type

/**
 * What Anthropic's API takes: the system prompt stands beside the messages. `system` is missing if there is none.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnthropicInput {
  system?: string | Array<Wire.AnthropicText>
  messages: Array<Wire.AnthropicMessage>
}

/**
 * What `encode` returns for each format, as the types of the SDKs take it without a cast: `Anthropic.MessageParam[]`,
 * `ResponseInputItem[]`, `ModelMessage[]`, `UIMessage[]` and `ChatCompletionMessageParam[]`. The types name what most
 * messages are made of; a block of any other type that was decoded is there at run time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Encoded {
  chat: Array<Message.Message>
  anthropic: AnthropicInput
  responses: Array<Wire.ResponsesItem>
  "ai-sdk-model": Array<Wire.ModelMessage>
  "ai-sdk-ui": Array<Wire.UiMessage>
  "legacy-functions": Array<Message.Message | Wire.FunctionMessage>
}

interface Codec<A> {
  readonly findFault: (input: unknown) => string | undefined
  /** Reads input that has no fault. */
  readonly read: (input: unknown) => Read
  readonly write: (messages: ReadonlyArray<Message.Message>, tools: unknown) => A
}

type Read = Either.Either<ReadonlyArray<Message.Message>, Message.InvalidMessage>

const listMessages = (input: unknown): unknown => (isObject(input) ? input.messages : input)
const toBody = (input: unknown): JsonObject => (isObject(input) ? input : { messages: input })

const checkArray = (findFault: (items: ReadonlyArray<unknown>) => string | undefined) => (input: unknown) => {
  const messages = listMessages(input)
  return Array.isArray(messages) ? findFault(messages) : "Expected an array, or an object with one as its messages"
}

const findNoObject = (messages: ReadonlyArray<unknown>): string | undefined =>
  messages.map((message, i) => findFault(message, `messages.${i}`, {})).find((fault) => fault !== undefined)

/** Reads the body of a request or an answer, and writes one of what it has written. */
interface Converter {
  readonly findFault: (input: unknown) => string | undefined
  readonly read: (body: JsonObject) => ReadonlyArray<Draft>
  readonly write: (messages: ReadonlyArray<Draft>, tools: unknown) => Written
  readonly wrap: (items: ReadonlyArray<JsonObject>, system: System | undefined) => object
}

type System = string | ReadonlyArray<JsonObject>

interface Written {
  readonly runs: ReadonlyArray<Run>
  readonly system?: System
}

const itemsOf = ({ runs }: Written): ReadonlyArray<JsonObject> => runs.flatMap(({ items }) => items)

const parseDrafts = (drafts: ReadonlyArray<Draft>): Read => Either.all(drafts.map(Message.parse))

/**
 * A codec that takes the messages of which input was written, if writing them again gives this input: whatever has changed
 * is read for what it says now.
 */
const makeCodec = <A extends object>({ findFault, read, wrap, write }: Converter): Codec<A> => {
  /** By what was written, the tools that were sent along. */
  const toolsOf = new WeakMap<object, unknown>()
  const findTools = (body: JsonObject): unknown =>
    [body, ...listObjects(body.messages)].map((written) => toolsOf.get(written)).find((tools) => tools !== undefined)
  const isWritten = (body: JsonObject, messages: ReadonlyArray<Draft>): boolean => {
    const written = write(messages.map(makeDraft), findTools(body))
    return isSame(written.system, body.system) && isSame(itemsOf(written), body.messages)
  }
  const recall = (input: unknown): ReadonlyArray<Draft> | undefined => {
    const body = toBody(input)
    const whole = recallWhole(input)
    if (whole !== undefined && isWritten(body, whole)) return whole
    const stretches = splitByOrigin(listObjects(body.messages))
    if (stretches.every(({ messages }) => messages === undefined)) return undefined
    const beside = read({ ...body, messages: [] })
    const drafts = stretches.flatMap(({ items, messages }) => messages ?? read({ messages: items }))
    return isWritten(body, [...beside, ...drafts]) ? [...beside, ...drafts] : undefined
  }
  return {
    findFault,
    read: (input) => {
      const recalled = recall(input)
      return recalled === undefined ? parseDrafts(read(toBody(input))) : parseDrafts(recalled)
    },
    write: (messages, tools) => {
      const drafts = messages.map(makeDraft)
      const written = write(drafts, tools)
      const whole = wrap(itemsOf(written), written.system)
      if (tools !== undefined) for (const made of [whole, ...itemsOf(written)]) toolsOf.set(made, tools)
      rememberOrigins(whole, drafts, written.runs)
      return giveType<A>(whole)
    }
  }
}

/** A writer knows no type of its items, which may hold whatever was decoded. This is where they get theirs. */
const giveType = <A extends object>(written: object): A => written as A

interface ItemConverter {
  readonly findFault: (items: ReadonlyArray<unknown>) => string | undefined
  readonly read: (items: ReadonlyArray<JsonObject>) => ReadonlyArray<Draft>
  readonly write: (messages: ReadonlyArray<Draft>) => ReadonlyArray<Run>
}

const makeItemCodec = <A extends object>({ findFault, read, write }: ItemConverter): Codec<A> =>
  makeCodec({
    findFault: checkArray(findFault),
    read: ({ messages }) => read(listObjects(messages)),
    write: (messages) => ({ runs: write(messages) }),
    wrap: (items) => items
  })

const CODECS: { readonly [F in MessageFormat]: Codec<Encoded[F]> } = {
  chat: {
    findFault: checkArray(findNoObject),
    read: (input) => Either.all(listObjects(listMessages(input)).map(showNative).map(Message.parse)),
    write: (messages) => messages.map(Message.hideNative)
  },
  anthropic: makeCodec<AnthropicInput>({
    findFault: (input) => findAnthropicFault(toBody(input)),
    read: readAnthropic,
    write: writeAnthropic,
    wrap: (messages, system) => (system === undefined ? { messages } : { system, messages })
  }),
  responses: makeItemCodec({ findFault: findResponsesFault, read: readResponses, write: writeResponses }),
  "ai-sdk-model": makeItemCodec({
    findFault: findModelMessageFault,
    read: readModelMessages,
    write: writeModelMessages
  }),
  "ai-sdk-ui": makeItemCodec({ findFault: findUiMessageFault, read: readUiMessages, write: writeUiMessages }),
  "legacy-functions": makeItemCodec({
    findFault: findLegacyFault,
    read: readLegacyFunctions,
    write: writeLegacyFunctions
  })
}

/**
 * Names the format of messages by the first of them that only one format has, and `chat` if there is none, since then
 * they are chat messages as well. Returns undefined for what is neither a list of messages nor an object with one.
 *
 * @since 0.1.0
 * @category getters
 */
export const detect = (input: unknown): MessageFormat | undefined =>
  Either.getOrUndefined(Either.try(() => findFormat(input)))

/** Throws where a field of the input does. */
const findFormat = (input: unknown): MessageFormat | undefined => {
  const messages = listMessages(input)
  if (!Array.isArray(messages) || !messages.every(isObject)) return undefined
  if (isObject(input) && (isString(input.system) || Array.isArray(input.system))) return "anthropic"
  for (const message of messages) {
    const format = findForeignFormat(message)
    if (format !== undefined) return format
  }
  return messages.every(({ role }) => isString(role)) ? "chat" : undefined
}

/**
 * Reads messages of a format as chat messages. What these cannot hold is kept in their field `native`; a block without a
 * chat form, such as a search of the provider, also stands in the content as text. `encode` gives back what was read.
 *
 * Items that `encode` returned, and that still say the same, come back as the messages they were made from. This holds for
 * the objects themselves; a copy, also one through JSON, is read for what it says.
 *
 * Messages may be decoded one by one as they arrive, an answer of Anthropic's API as it is: `{ messages: [answer] }`.
 *
 * Fails with `InvalidMessage` if the input is not in the format. The issue names the field, never its value.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decode = (
  format: MessageFormat,
  input: unknown
): Either.Either<ReadonlyArray<Message.Message>, Message.InvalidMessage> => {
  if (!Schema.is(MessageFormat)(format))
    return Either.left(new Message.InvalidMessage({ issue: "the format is unknown" }))
  const codec = CODECS[format]
  const refuse = (issue: string) => Either.left(new Message.InvalidMessage({ issue: `${format}: ${issue}` }))
  try {
    const fault = codec.findFault(input)
    return fault === undefined ? codec.read(input) : refuse(fault)
  } catch {
    return refuse("a field of the input cannot be read")
  }
}

/**
 * What is sent beside the messages. Anthropic's API counts marks of its cache in `tools`, too: so many fewer stay in the
 * messages.
 *
 * @since 0.1.0
 * @category models
 */
export interface EncodeOptions {
  readonly tools?: ReadonlyArray<unknown> | undefined
}

/**
 * Writes chat messages in a format, as its API takes them; where APIs differ, as the strictest does. A message that was
 * decoded from this format is written as it came, with its words as they are now. Signatures and encrypted reasoning of
 * another format are left out, and so are signed thoughts whose words have changed.
 *
 * Takes the messages of a view as well as those of a log. Throws `InvalidMessage` if the format is unknown or the messages
 * cannot be read.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = <F extends MessageFormat>(
  format: F,
  messages: ReadonlyArray<Message.Message>,
  options: EncodeOptions = {}
): Encoded[F] => {
  if (!Schema.is(MessageFormat)(format)) throw new Message.InvalidMessage({ issue: "the format is unknown" })
  try {
    return CODECS[format].write(messages, options.tools)
  } catch {
    throw new Message.InvalidMessage({ issue: `${format}: the messages cannot be read` })
  }
}
