/** The items of OpenAI's Responses API. */
import { assistantFields, type Dialect, keepSlots, type Piece, putTogether, shapeContent, takeApart } from "./blocks.ts"
import {
  type Fields,
  findBlockFault,
  findFault,
  getString,
  isObject,
  isString,
  type JsonObject,
  listObjects
} from "./json.ts"
import { findAnswered } from "./calls.ts"
import { describeBlock, describePart, imageUrlOf, wordsOfPart } from "./media.ts"
import {
  applyPatch,
  type Call,
  type Draft,
  getTemplate,
  makePatch,
  makeText,
  type Template,
  withTemplate,
  wordsOf
} from "./template.ts"

const FORMAT = "responses"

const ITEMS: { readonly [type: string]: Fields } = {
  message: { role: "string", content: "content" },
  function_call: { call_id: "id", name: "string", arguments: "string" },
  custom_tool_call: { call_id: "id", name: "string", input: "string" },
  function_call_output: { call_id: "id", output: "output" },
  local_shell_call: { call_id: "id" },
  custom_tool_call_output: { call_id: "id", output: "output" },
  reasoning: { summary: "blocks?", content: "blocks?" }
}

const BLOCKS: { readonly [type: string]: Fields } = {
  input_text: { text: "string" },
  output_text: { text: "string" },
  refusal: { refusal: "string" },
  summary_text: { text: "string" },
  reasoning_text: { text: "string" },
  input_image: { image_url: "string?" },
  input_file: { file_data: "string?" }
}

const ROLES: ReadonlyArray<unknown> = ["user", "assistant", "system", "developer"]

/** Finds the first fault of items. */
export const findResponsesFault = (items: ReadonlyArray<unknown>): string | undefined => {
  for (const [i, item] of items.entries()) {
    const path = `input.${i}`
    const type = isObject(item) && isString(item.type) ? item.type : "message"
    const fault = findFault(item, path, ITEMS[type] ?? {})
    if (fault !== undefined) return fault
    if (!isObject(item)) continue
    if (type === "message" && !ROLES.includes(item.role)) return `${path}.role: Expected ${ROLES.join(" | ")}`
    const inBlocks = (["content", "summary", "output"] as const)
      .map((field) => findBlockFault(item[field], `${path}.${field}`, BLOCKS))
      .find((found) => found !== undefined)
    if (inBlocks !== undefined) return inBlocks
  }
  return undefined
}

// ── the content of a message ──

type TextType = "input_text" | "output_text"

const readBlock = (block: JsonObject, textType: TextType): Piece => {
  const { file_data: data, file_id: fileId, filename, image_url: url, input_audio: audio, text, type } = block
  if ((type === "input_text" || type === "output_text") && isString(text)) {
    if (text === "") return { isWordless: true }
    return { part: makeText(text), form: type === textType ? undefined : type }
  }
  if (type === "refusal" && isString(block.refusal)) return { part: { type, refusal: block.refusal } }
  if (type === "input_image" && isString(url) && url !== "") {
    return { part: { type: "image_url", image_url: { url, ...(isString(block.detail) && { detail: block.detail }) } } }
  }
  if (type === "input_file" && (isString(data) || isString(fileId))) {
    const fields = Object.entries({ file_data: data, file_id: fileId, filename }).filter(([, field]) => isString(field))
    return { part: { type: "file", file: Object.fromEntries(fields) } }
  }
  if (type === "input_audio" && isObject(audio)) return { part: { type, input_audio: audio } }
  return { standIn: describeBlock(block) }
}

const writePart = (part: JsonObject, textType: TextType, form: string | undefined): JsonObject | undefined => {
  if (part.type === "refusal" && textType === "output_text") return { type: "refusal", refusal: part.refusal }
  const text = wordsOfPart(part)
  if (text !== undefined) return text === "" ? undefined : { type: form ?? textType, text }
  const url = imageUrlOf(part)
  if (url !== undefined && isObject(part.image_url)) {
    const { detail } = part.image_url
    return { type: "input_image", image_url: url, ...(isString(detail) && { detail }) }
  }
  if (part.type === "file" && isObject(part.file)) return { type: "input_file", ...part.file }
  if (part.type === "input_audio") return { type: "input_audio", input_audio: part.input_audio }
  return { type: textType, text: describePart(part) }
}

const writeCall = ({ id, input, isCustom, name }: Call): JsonObject =>
  isCustom
    ? { type: "custom_tool_call", call_id: id, name, input }
    : { type: "function_call", call_id: id, name, arguments: input }

const makeContentDialect = (textType: TextType): Dialect => ({
  read: (block) => readBlock(block, textType),
  writePart: (part, form) => writePart(part, textType, form),
  writeCall,
  writeThought: ([summary = [], content = []]) => ({
    type: "reasoning",
    summary: summary.map((text) => ({ type: "summary_text", text })),
    ...(content.length > 0 && { content: content.map((text) => ({ type: "reasoning_text", text })) })
  }),
  // A server takes back its own reasoning only.
  writeReasoning: () => [],
  isBoundToThoughts: () => false,
  canChangeThoughts: true
})

const given = makeContentDialect("input_text")
const spoken = makeContentDialect("output_text")

// ── the items of the assistant ──

const readItem = (item: JsonObject): Piece => {
  const { call_id: callId, content, type } = item
  if (isMessage(item)) {
    if (!isString(content)) return { blocks: listObjects(content) }
    return { blocks: content === "" ? [] : [{ type: "output_text", text: content }], form: "text" }
  }
  if (type === "reasoning") {
    const thoughts = [item.summary, item.content].map((texts) => listObjects(texts).map(({ text }) => getString(text)))
    return thoughts.flat().every((text) => text === "") ? { isWordless: true } : { thoughts }
  }
  if (!isString(callId) || callId === "") return { standIn: describeBlock(item) }
  if (type === "function_call") {
    return { call: { id: callId, name: getString(item.name), input: getString(item.arguments), isCustom: false } }
  }
  if (type === "custom_tool_call") {
    return { call: { id: callId, name: getString(item.name), input: getString(item.input), isCustom: true } }
  }
  // A shell command, a patch, a click: the client runs it as it runs a function, and answers with a result.
  const { id: _id, status: _status, type: _type, call_id: _callId, ...asked } = item
  const input = JSON.stringify(asked.action ?? asked.operation ?? asked)
  return { call: { id: callId, name: getString(type).replace(/_call$/, ""), input, isCustom: false }, isWhole: true }
}

const isMessage = ({ role, type }: JsonObject): boolean => type === "message" || (type === undefined && isString(role))

const items: Dialect = {
  ...spoken,
  read: readItem,
  inner: spoken,
  writeBlocks: (blocks, form) => ({
    type: "message",
    role: "assistant",
    content: shapeContent(blocks, form === "text")
  })
}

// ── decoding ──

/** Reads items, which have no fault. All that the model said between two inputs is one message, where that can be. */
export const readResponses = (input: ReadonlyArray<JsonObject>): ReadonlyArray<Draft> => {
  const drafts: Array<Draft> = []
  let run: Array<JsonObject> = []
  const finishRun = () => {
    drafts.push(...splitRun(run).map(readReply))
    run = []
  }
  const answered = new Map<string, Call>()
  for (const item of input) {
    if (isOutput(item) || (isMessage(item) && item.role !== "assistant")) {
      finishRun()
      drafts.push(isMessage(item) ? readInput(item) : readResult(item, answered.get(getString(item.call_id))))
    } else {
      run.push(item)
      const piece = readItem(item)
      if ("call" in piece) answered.set(piece.call.id, piece.call)
    }
  }
  finishRun()
  return drafts
}

const isOutput = ({ call_id: id, type }: JsonObject): boolean =>
  isString(type) && type.endsWith("_output") && isString(id) && id !== ""

/**
 * Begins a chat message for each message item and the reasoning before it. After a call none begins, because the results
 * of the call have to follow its message.
 */
const splitRun = (run: ReadonlyArray<JsonObject>): ReadonlyArray<ReadonlyArray<JsonObject>> => {
  const groups: Array<Array<JsonObject>> = []
  let hasCall = false
  let hasSpoken = false
  for (const item of run) {
    const last = groups.at(-1)
    const isSpoken = isMessage(item)
    const begins: boolean = hasSpoken && !hasCall && (isSpoken || item.type === "reasoning")
    if (last === undefined || begins) groups.push([item])
    else last.push(item)
    hasCall ||= "call" in readItem(item)
    hasSpoken = isSpoken || (hasSpoken && !begins)
  }
  return groups
}

const readReply = (group: ReadonlyArray<JsonObject>): Draft => {
  const taken = takeApart(items, group)
  return withTemplate(
    { role: "assistant", ...assistantFields(taken) },
    { format: FORMAT, ...keepSlots(items, taken, group) }
  )
}

const readInput = (item: JsonObject): Draft => {
  const blocks = isString(item.content) ? undefined : listObjects(item.content)
  const { template, words } = readContent(blocks)
  const draft = { role: getString(item.role), content: blocks === undefined ? item.content : words }
  return withTemplate(draft, { ...template, own: makePatch(writeInput(draft, template), item, textOf(draft)) })
}

/** Reads blocks that are a whole content. Without words it is the empty text. */
const readContent = (blocks: ReadonlyArray<JsonObject> | undefined) => {
  const taken = takeApart(given, blocks ?? [])
  const isEmpty = taken.parts.length === 0
  const form = blocks !== undefined && isEmpty ? "blocks" : undefined
  return {
    words: isEmpty ? "" : taken.parts,
    template: { format: FORMAT, form, ...keepSlots(given, taken, blocks ?? []) } satisfies Template
  }
}

const textOf = ({ content }: Draft): string => JSON.stringify(content)

const readResult = (item: JsonObject, call: Call | undefined): Draft => {
  const { output } = item
  const blocks = Array.isArray(output) ? listObjects(output) : undefined
  const { template, words } = readContent(blocks)
  const content = blocks === undefined ? readOutput(output) : words
  const draft = { role: "tool", tool_call_id: getString(item.call_id), content }
  return withTemplate(draft, { ...template, own: makePatch(writeResult(draft, call, template), item, textOf(draft)) })
}

/** Reads an output that is no list of blocks: text, the picture of a screen, text in an object, or any other value. */
const readOutput = (output: unknown): string | ReadonlyArray<JsonObject> => {
  if (isString(output)) return output
  if (isObject(output) && isString(output.image_url))
    return [{ type: "image_url", image_url: { url: output.image_url } }]
  if (isObject(output) && isString(output.content)) return output.content
  return output === undefined ? "" : JSON.stringify(output)
}

// ── encoding ──

export const writeResponses = (messages: ReadonlyArray<Draft>): ReadonlyArray<JsonObject> => {
  const answered = findAnswered(messages)
  return messages.flatMap((message, i) => {
    const template = getTemplate(message, FORMAT)
    if (message.role === "assistant") return putTogether(items, wordsOf(message), template)
    const write = message.role === "tool" ? writeResult(message, answered[i], template) : writeInput(message, template)
    return [applyPatch(write, template?.own, textOf(message))]
  })
}

const writeInput = ({ content, role }: Draft, template: Template | undefined): JsonObject =>
  isString(content) && template?.form === undefined && template?.slots === undefined
    ? { role, content }
    : { type: "message", role, content: putTogether(given, wordsOf({ content }), template) }

const writeResult = (message: Draft, call: Call | undefined, template: Template | undefined): JsonObject => {
  const { content } = message
  const isText = isString(content) && template?.form === undefined && template?.slots === undefined
  return {
    type: call?.isCustom === true ? "custom_tool_call_output" : "function_call_output",
    call_id: message.tool_call_id,
    output: isText ? content : putTogether(given, wordsOf({ content }), template)
  }
}
