/**
 * Prompts of `@effect/ai` as chat messages and back. They are written as the AI SDK's messages, which have the same parts
 * under other names, so that what chat messages cannot say is kept beside them as it is for every other format.
 */
import * as Prompt from "@effect/ai/Prompt"
import type * as Response from "@effect/ai/Response"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { getString, isObject, isString, type JsonObject, listObjects } from "../format/json.ts"
import { readDataUrl } from "../format/media.ts"
import * as MessageFormat from "../format/MessageFormat.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"

const FORMAT = "ai-sdk-model"

// ── prompt to messages ──

/** By prompt message, what it says as chat messages: a chat gives the same objects with every call. */
const decoded = new WeakMap<Prompt.Message, Either.Either<ReadonlyArray<Message>, InvalidMessage>>()

/** Reads one message of a prompt, which is several chat messages if it holds several results. */
export const decodeMessage = (message: Prompt.Message): Either.Either<ReadonlyArray<Message>, InvalidMessage> => {
  const known = decoded.get(message)
  if (known !== undefined) return known
  const read = MessageFormat.decode(FORMAT, [toModelMessage(message)])
  decoded.set(message, read)
  return read
}

/** Reads the messages of a prompt or of a response. */
export const decodePrompt = (
  content: ReadonlyArray<Prompt.Message>
): Either.Either<ReadonlyArray<Message>, InvalidMessage> =>
  Either.map(Either.all(content.map(decodeMessage)), (messages) => messages.flat())

const toModelMessage = ({ content, options, role }: Prompt.Message): JsonObject => ({
  role,
  content: isString(content) ? content : content.map(toModelPart),
  ...withOptions(options)
})

const withOptions = (options: Prompt.ProviderOptions): JsonObject =>
  Object.keys(options).length === 0 ? {} : { providerOptions: toJson(options) }

/** What JSON makes of a value, as the store keeps it. */
const toJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? "null")

const toModelPart = (part: Prompt.Part): JsonObject => {
  const shared = { type: part.type, ...withOptions(part.options) }
  switch (part.type) {
    case "text":
    case "reasoning":
      return { ...shared, text: part.text }
    case "file":
      return {
        ...shared,
        mediaType: part.mediaType,
        ...(part.fileName !== undefined && { filename: part.fileName }),
        ...toModelData(part.data)
      }
    case "tool-call":
      return {
        ...shared,
        toolCallId: part.id,
        toolName: part.name,
        input: toJson(part.params),
        ...(part.providerExecuted && { providerExecuted: true })
      }
    case "tool-result":
      return {
        ...shared,
        toolCallId: part.id,
        toolName: part.name,
        output: toOutput(part),
        ...(part.providerExecuted && { providerExecuted: true })
      }
  }
}

/** `given` says what the data of a file was, where it was not bytes. */
const toModelData = (data: Prompt.FilePart["data"]): JsonObject => {
  if (isString(data)) return { data, given: "text" }
  return data instanceof URL ? { data: data.href, given: "url" } : { data }
}

const toOutput = ({ isFailure, result }: Prompt.ToolResultPart): JsonObject => {
  const type = isString(result) ? "text" : "json"
  return { type: isFailure ? `error-${type}` : type, value: toJson(result) }
}

// ── messages to prompt ──

const decodeMessages = Schema.decodeUnknownSync(Schema.Array(Prompt.Message))

/** Writes messages of a log or a view as a prompt. */
export const encodeMessages = (messages: ReadonlyArray<Message>): ReadonlyArray<Prompt.Message> =>
  decodeMessages(MessageFormat.encode(FORMAT, messages).map(fromModelMessage))

const fromModelMessage = (message: unknown): JsonObject => {
  const { content, providerOptions, role } = isObject(message) ? message : {}
  const isText = isString(content)
  return {
    role,
    content: isText ? content : listObjects(content).map(fromModelPart),
    ...(isObject(providerOptions) && { options: providerOptions })
  }
}

const fromModelPart = (part: JsonObject): JsonObject => {
  const { providerExecuted, providerOptions, toolCallId, toolName, type } = part
  const shared = { type, ...(isObject(providerOptions) && { options: providerOptions }) }
  const called = { ...shared, id: toolCallId, name: toolName, providerExecuted: providerExecuted === true }
  switch (type) {
    case "text":
    case "reasoning":
      return { ...shared, text: part.text }
    case "image":
      return { ...shared, type: "file", ...fromModelFile(part.image, part) }
    case "file":
      return { ...shared, ...fromModelFile(part.data, part) }
    case "tool-call":
      return { ...called, params: part.input }
    case "tool-result":
      return { ...called, ...fromOutput(part.output) }
    default:
      return { type: "text", text: JSON.stringify(part) }
  }
}

const fromModelFile = (data: unknown, { filename, given, mediaType }: JsonObject): JsonObject => {
  const inline = isString(data) ? readDataUrl(data) : undefined
  return {
    mediaType: getString(mediaType) || (inline?.mediaType ?? "image/*"),
    ...(isString(filename) && { fileName: filename }),
    data: given === "text" ? data : toFileData(data, inline?.data)
  }
}

/** Models take bytes and URLs; text that is neither is a name of their own. */
const toFileData = (data: unknown, base64: string | undefined): unknown => {
  if (base64 !== undefined) return toBytes(base64)
  if (!isString(data)) return data
  return URL.canParse(data) ? new URL(data) : toBytes(data)
}

const toBytes = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"))

const fromOutput = (output: unknown): JsonObject => {
  const { reason, type, value } = isObject(output) ? output : {}
  if (type === "execution-denied") return { isFailure: true, result: reason ?? "denied" }
  return { isFailure: getString(type).startsWith("error-"), result: value }
}

// ── response to messages ──

/**
 * The message that a response adds to its prompt, and the results of its calls. Keeps what `Prompt.fromResponseParts` leaves
 * out: the metadata, which become options of their provider, and files.
 */
export const readResponse = (parts: ReadonlyArray<Response.AnyPart>): ReadonlyArray<Prompt.Message> => {
  const said: Array<JsonObject> = []
  const results: Array<JsonObject> = []
  /** Texts and reasoning that stream. */
  const open = new Map<string, { text: string; readonly options: Response.ProviderMetadata }>()
  for (const part of parts) {
    const { metadata: options } = part
    switch (part.type) {
      case "text":
      case "reasoning":
        said.push({ type: part.type, text: part.text, options })
        break
      case "text-start":
      case "reasoning-start":
        open.set(nameStream(part), { text: "", options })
        break
      case "text-delta":
      case "reasoning-delta": {
        const streamed = open.get(nameStream(part))
        if (streamed !== undefined) streamed.text += part.delta
        break
      }
      case "text-end":
      case "reasoning-end": {
        const streamed = open.get(nameStream(part))
        const type = part.type === "text-end" ? "text" : "reasoning"
        if (streamed !== undefined) said.push({ type, ...streamed, options: mergeOptions(streamed.options, options) })
        break
      }
      case "file":
        said.push({ type: "file", mediaType: part.mediaType, data: part.data, options })
        break
      case "tool-call": {
        const { id, params, providerExecuted } = part
        said.push({ type: "tool-call", id, name: part.providerName ?? part.name, params, providerExecuted, options })
        break
      }
      case "tool-result": {
        const { encodedResult: result, id, isFailure, providerExecuted } = part
        const name = part.providerName ?? part.name
        const list = providerExecuted ? said : results
        list.push({ type: "tool-result", id, name, isFailure, result, providerExecuted, options })
      }
    }
  }
  return decodeMessages([
    ...(said.length > 0 ? [{ role: "assistant", content: said }] : []),
    ...(results.length > 0 ? [{ role: "tool", content: results }] : [])
  ])
}

/** A text and reasoning may have the same id. */
const nameStream = ({ id, type }: { readonly id: string; readonly type: string }): string =>
  `${type.split("-", 1)[0]} ${id}`

/** What a provider says at the end is newer than what it said at the beginning. */
const mergeOptions = (
  first: Response.ProviderMetadata,
  last: Response.ProviderMetadata
): Response.ProviderMetadata => ({
  ...first,
  ...Object.fromEntries(Object.entries(last).map(([provider, said]) => [provider, { ...first[provider], ...said }]))
})
