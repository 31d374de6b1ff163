/**
 * The messages of LangChain as chat messages, and back without loss. A chat message keeps what LangChain's has beside its
 * words in a template. What may repeat the words, such as a provider's raw output, goes back with unchanged words only.
 */
import * as Either from "effect/Either"
import {
  AIMessage,
  type BaseMessage,
  ChatMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage
} from "@langchain/core/messages"
import { type Dialect, keepSlots, type Piece, putTogether, simplify, takeApart } from "../format/blocks.ts"
import { getString, isObject, isString, type JsonObject, listObjects, parseInput } from "../format/json.ts"
import {
  describeBlock,
  describePart,
  imageUrlOf,
  makeDataUrl,
  makeImage,
  readDataUrl,
  wordsOfPart
} from "../format/media.ts"
import {
  applyPatch,
  type Draft,
  getTemplate,
  makeDraft,
  makePatch,
  makeText,
  type Template,
  withTemplate,
  wordsOf
} from "../format/template.ts"
import { type Message, parse } from "../message/Message.ts"

const FORMAT = "langchain"

const ROLES: { readonly [type: string]: Draft["role"] } = {
  human: "user",
  ai: "assistant",
  system: "system",
  developer: "developer",
  tool: "tool"
}

// ── blocks of a content ──

/** Blocks that say once more what the calls or the reasoning of the message are: they have no words of their own. */
const BESIDE_WORDS: ReadonlyArray<unknown> = [
  "tool_use",
  "tool_call",
  "tool_call_chunk",
  "input_json_delta",
  "function_call",
  "functionCall",
  "reasoning",
  "reasoning_content",
  "thinking",
  "redacted_thinking"
]

const readBlock = (block: JsonObject): Piece => {
  const { data, image_url: image, mimeType, text, type, url } = block
  if (BESIDE_WORDS.includes(type)) return { isWordless: true }
  if (type === "text" && isString(text)) return text === "" ? { isWordless: true } : { part: makeText(text) }
  if (type === "image_url" && isString(image) && image !== "") return { part: makeImage(image), form: "plain" }
  if (type === "image_url" && isObject(image) && isString(image.url) && image.url !== "") {
    return { part: { type, image_url: image } }
  }
  if (type === "image" && isString(url) && url !== "") return { part: makeImage(url), form: "url" }
  if (type === "image" && isString(data) && isString(mimeType)) {
    return { part: makeImage(makeDataUrl(mimeType, data)), form: "data" }
  }
  return { standIn: describeBlock(block) }
}

const writePart = (part: JsonObject, form: string | undefined): JsonObject | undefined => {
  const text = wordsOfPart(part)
  if (text !== undefined) return text === "" ? undefined : makeText(text)
  const url = imageUrlOf(part)
  if (url === undefined) return makeText(describePart(part))
  if (form === "plain") return { type: "image_url", image_url: url }
  if (form === "url") return { type: "image", url }
  const data = form === "data" ? readDataUrl(url) : undefined
  return data === undefined ? part : { type: "image", data: data.data, mimeType: data.mediaType }
}

const blocks: Dialect = {
  read: readBlock,
  writePart,
  writeCall: () => ({}),
  writeThought: () => ({}),
  writeReasoning: () => [],
  isBoundToThoughts: () => false,
  canChangeThoughts: true
}

// ── from LangChain ──

/** Reads a message. Throws `InvalidMessage` for a content that is neither text nor blocks. */
export const readMessage = (message: BaseMessage): Message =>
  Either.getOrThrowWith(parse(readDraft(message)), (error) => error)

const readDraft = (message: BaseMessage): Draft => {
  const { content, tool_call_id: callId, tool_calls: calls, ...own }: JsonObject = { ...message }
  const fields = Object.fromEntries(
    Object.entries(own).filter(([name, value]) => !name.startsWith("lc_") && name !== "type" && value !== undefined)
  )
  const listed = Array.isArray(content) ? listObjects(content) : []
  const taken = takeApart(blocks, listed)
  const draft = {
    role: ROLES[message.type] ?? "user",
    content: isString(content) ? content : simplify(taken.parts),
    ...(message.type === "tool" && { tool_call_id: getString(callId) }),
    ...(listObjects(calls).length > 0 && { tool_calls: listObjects(calls).map(readCall(own.additional_kwargs)) })
  }
  const kept = Array.isArray(content) ? { form: "blocks", ...keepSlots(blocks, taken, listed) } : {}
  const words = wordsIn(draft)
  const isOther = ROLES[message.type] === undefined
  return withTemplate(draft, {
    format: FORMAT,
    ...kept,
    group: makePatch(EMPTY, { ...fields, ...(isOther && { otherType: message.type }) }, words)
  })
}

/** What a message has beside its words if that is nothing. */
const EMPTY: JsonObject = { additional_kwargs: {}, response_metadata: {} }

/** The arguments are in the model's own text, where the message has it. */
const readCall =
  (kwargs: unknown) =>
  ({ args, id, name }: JsonObject) => {
    const raw = listObjects(isObject(kwargs) ? kwargs.tool_calls : []).find((call) => call.id === id)
    const text = isObject(raw?.function) ? raw.function.arguments : undefined
    return {
      id: getString(id),
      type: "function",
      function: { name: getString(name), arguments: isString(text) ? text : JSON.stringify(args ?? {}) }
    }
  }

/** Ids of calls count as words here: the raw output of a provider names them. */
const wordsIn = ({ content, tool_call_id: id, tool_calls: calls }: JsonObject): string =>
  JSON.stringify([content ?? "", calls ?? [], id ?? ""])

// ── to LangChain ──

export const writeMessage = (message: Message): BaseMessage => {
  const draft = makeDraft(message)
  const template = getTemplate(message, FORMAT)
  const { otherType, ...fields } = applyPatch(EMPTY, template?.group, wordsIn(draft))
  const written = { ...fields, content: writeContent(draft, template) }
  if (otherType !== undefined) return new ChatMessage({ ...written, role: getString(fields.role) || "user" })
  switch (draft.role) {
    case "assistant":
      return new AIMessage({ ...written, tool_calls: wordsOf(draft).calls.map(writeCall) })
    case "tool":
      return new ToolMessage({ ...written, tool_call_id: getString(draft.tool_call_id) })
    case "user":
      return new HumanMessage(written)
    default:
      return new SystemMessage(written)
  }
}

const writeCall = ({ id, input, name }: { readonly id: string; readonly input: string; readonly name: string }) => ({
  type: "tool_call" as const,
  id,
  name,
  args: parseInput(input)
})

const writeContent = (draft: Draft, template: Template | undefined): string | Array<Block> => {
  const { content } = draft
  if (isString(content) && template?.form === undefined) return content
  const words = wordsOf({ ...draft, tool_calls: undefined })
  const written = putTogether(blocks, { ...words, reasoning: undefined }, template)
  if (written.length === 0 && template?.form === undefined) return ""
  return written.map((block) => ({ ...block, type: getString(block.type) }))
}

type Block = JsonObject & { readonly type: string }

/** The name of a message of LangChain, which a message of a log or a view keeps; undefined for one that came another way. */
export const idOf = (message: Message): string | undefined => {
  const id = getTemplate(message, FORMAT)?.group?.add?.id
  return isString(id) ? id : undefined
}
