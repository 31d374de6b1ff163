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
import type { Draft } from "./template.ts"

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
 * A message, an item or a block of a foreign API, as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export type Item = JsonObject

/**
 * What Anthropic's API takes: the system prompt stands beside the messages. `system` is missing if there is none.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnthropicInput {
  readonly system?: string | ReadonlyArray<Item>
  readonly messages: ReadonlyArray<Item>
}

/**
 * What `encode` returns for each format.
 *
 * @since 0.1.0
 * @category models
 */
export interface Encoded {
  readonly chat: ReadonlyArray<Message.Message>
  readonly anthropic: AnthropicInput
  readonly responses: ReadonlyArray<Item>
  readonly "ai-sdk-model": ReadonlyArray<Item>
  readonly "ai-sdk-ui": ReadonlyArray<Item>
  readonly "legacy-functions": ReadonlyArray<Item>
}

interface Codec<F extends MessageFormat> {
  readonly findFault: (input: unknown) => string | undefined
  /** Reads input that has no fault. */
  readonly read: (input: unknown) => ReadonlyArray<unknown>
  readonly write: (messages: ReadonlyArray<Message.Message>) => Encoded[F]
}

const listMessages = (input: unknown): unknown => (isObject(input) ? input.messages : input)
const toBody = (input: unknown): JsonObject => (isObject(input) ? input : { messages: input })

const checkArray = (findFault: (items: ReadonlyArray<unknown>) => string | undefined) => (input: unknown) => {
  const messages = listMessages(input)
  return Array.isArray(messages) ? findFault(messages) : "Expected an array, or an object with one as its messages"
}

const findNoObject = (messages: ReadonlyArray<unknown>): string | undefined =>
  messages.map((message, i) => findFault(message, `messages.${i}`, {})).find((fault) => fault !== undefined)

/** Gives a copy of the messages to a writer, which knows no type of theirs. */
const write =
  <A>(writeDrafts: (messages: ReadonlyArray<Draft>) => A) =>
  (messages: ReadonlyArray<Message.Message>): A =>
    writeDrafts(messages.map((message) => ({ ...message })))

const CODECS: { readonly [F in MessageFormat]: Codec<F> } = {
  chat: {
    findFault: checkArray(findNoObject),
    read: (input) => listObjects(listMessages(input)),
    write: (messages) => messages.map(Message.hideNative)
  },
  anthropic: {
    findFault: (input) => findAnthropicFault(toBody(input)),
    read: (input) => readAnthropic(toBody(input)),
    write: write(writeAnthropic)
  },
  responses: {
    findFault: checkArray(findResponsesFault),
    read: (input) => readResponses(listObjects(listMessages(input))),
    write: write(writeResponses)
  },
  "ai-sdk-model": {
    findFault: checkArray(findModelMessageFault),
    read: (input) => readModelMessages(listObjects(listMessages(input))),
    write: write(writeModelMessages)
  },
  "ai-sdk-ui": {
    findFault: checkArray(findUiMessageFault),
    read: (input) => readUiMessages(listObjects(listMessages(input))),
    write: write(writeUiMessages)
  },
  "legacy-functions": {
    findFault: checkArray(findLegacyFault),
    read: (input) => readLegacyFunctions(listObjects(listMessages(input))),
    write: write(writeLegacyFunctions)
  }
}

/**
 * Names the format of messages by the first of them that only one format has, and `chat` if there is none, since then
 * they are chat messages as well. Returns undefined for what is neither a list of messages nor an object with one.
 *
 * @since 0.1.0
 * @category getters
 */
export const detect = (input: unknown): MessageFormat | undefined => {
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
  const codec = CODECS[format]
  const fault = codec.findFault(input)
  if (fault !== undefined) return Either.left(new Message.InvalidMessage({ issue: `${format}: ${fault}` }))
  return Either.all(codec.read(input).map(Message.parse))
}

/**
 * Writes chat messages in a format, as its API takes them; where APIs differ, as the strictest does. A message that was
 * decoded from this format is written as it came, with its words as they are now. Signatures and encrypted reasoning of
 * another format are left out, and so are signed thoughts whose words have changed.
 *
 * Takes the messages of a view as well as those of a log.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = <F extends MessageFormat>(format: F, messages: ReadonlyArray<Message.Message>): Encoded[F] =>
  CODECS[format].write(messages)
