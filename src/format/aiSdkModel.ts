/** The model messages of the AI SDK, versions 5 and 6. */
import { binaryForm, readBinary, writeBinary } from "./aiSdkFiles.ts"
import { assistantFields, type Dialect, keepSlots, type Piece, putTogether, shapeContent, takeApart } from "./blocks.ts"
import { findAnswered } from "./calls.ts"
import {
  type Fields,
  findBlockFault,
  findFault,
  getString,
  isObject,
  isString,
  type JsonObject,
  listObjects,
  parseInput,
  parseJson
} from "./json.ts"
import {
  describeBlock,
  describePart,
  documentForm,
  encodeText,
  fileOf,
  imageUrlOf,
  makeDataUrl,
  makeFile,
  makeImage,
  readDataUrl,
  readDocumentForm,
  readTextFile,
  wordsOfPart
} from "./media.ts"
import type { Run } from "./origins.ts"
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

const FORMAT = "ai-sdk-model"

const PARTS: { readonly [type: string]: Fields } = {
  text: { text: "string" },
  reasoning: { text: "string" },
  "tool-call": { toolCallId: "id", toolName: "string" },
  "tool-result": { toolCallId: "id", toolName: "string", output: "object" }
}

const CONTENTS: { readonly [role: string]: Fields } = {
  system: { content: "string" },
  user: { content: "content" },
  assistant: { content: "content" },
  tool: { content: "blocks" }
}

/** Finds the first fault of model messages. */
export const findModelMessageFault = (messages: ReadonlyArray<unknown>): string | undefined => {
  for (const [i, message] of messages.entries()) {
    const fields = isObject(message) ? CONTENTS[getString(message.role)] : {}
    if (fields === undefined) return `messages.${i}.role: Expected ${Object.keys(CONTENTS).join(" | ")}`
    const fault = findFault(message, `messages.${i}`, fields)
    const content = isObject(message) ? message.content : undefined
    const found = fault ?? findBlockFault(content, `messages.${i}.content`, PARTS)
    if (found !== undefined) return found
  }
  return undefined
}

// ── parts ──

const readPart = (part: JsonObject): Piece => {
  const { data, filename, image, input, mediaType, text, toolCallId, type } = part
  if (type === "text" && isString(text)) return text === "" ? { isWordless: true } : { part: makeText(text) }
  if (type === "reasoning" && isString(text)) return text === "" ? { isWordless: true } : { thoughts: [[text]] }
  if (type === "tool-call" && part.providerExecuted !== true)
    return { call: readCall(toolCallId, part.toolName, input) }
  if (type === "image") {
    const url = readBinary(image, isString(mediaType) ? mediaType : "image/png")
    if (url !== undefined) return { part: makeImage(url), form: binaryForm(image) }
  }
  if (type === "file" && isString(mediaType)) {
    const url = readBinary(data, mediaType)
    if (url !== undefined && mediaType.startsWith("image/")) {
      return { part: makeImage(url), form: `file ${binaryForm(data) ?? "text"}` }
    }
    const inline = url === undefined ? undefined : readDataUrl(url)
    const words = inline && readTextFile(inline.mediaType, inline.data)
    if (inline !== undefined && words !== undefined) {
      const form = documentForm(binaryForm(data) ?? "text", inline.mediaType)
      return { part: makeText(words), form, beside: getString(filename) }
    }
    if (inline !== undefined) {
      return { part: makeFile(inline.mediaType, inline.data, filename), form: binaryForm(data) ?? "text" }
    }
  }
  const isAboutCall = type === "tool-approval-request"
  return { standIn: describeBlock(part), names: isAboutCall ? toolCallId : undefined }
}

/** Input that is plain text is that of a custom tool. */
export const readCall = (id: unknown, name: unknown, input: unknown): Call => ({
  id: getString(id),
  name: getString(name),
  input: isString(input) ? input : JSON.stringify(input ?? {}),
  isCustom: isString(input)
})

export const writeInput = ({ input, isCustom }: Call): unknown => (isCustom ? input : parseInput(input))

const writePart = (part: JsonObject, form?: string): JsonObject | undefined => {
  const text = wordsOfPart(part)
  const document = readDocumentForm(form)
  if (text !== undefined && text !== "" && document !== undefined) {
    const { binary = "base64", mediaType } = document
    return { type: "file", data: writeBinary(makeDataUrl(mediaType, encodeText(text)), binary), mediaType }
  }
  if (text !== undefined) return text === "" ? undefined : makeText(text)
  const url = imageUrlOf(part)
  if (url !== undefined) {
    const [kind, binary] = form?.startsWith("file ") === true ? form.split(" ") : ["image", form]
    if (kind === "image") return { type: "image", image: writeBinary(url, binary) }
    return { type: "file", data: writeBinary(url, binary), mediaType: readDataUrl(url)?.mediaType ?? "image/*" }
  }
  const file = fileOf(part)
  if (file === undefined) return makeText(describePart(part))
  const { data, filename, mediaType } = file
  return {
    type: "file",
    data: writeBinary(makeDataUrl(mediaType, data), form ?? "base64"),
    mediaType,
    ...(filename !== undefined && { filename })
  }
}

const parts: Dialect = {
  read: readPart,
  writePart,
  idField: "toolCallId",
  writeCall: (call) => ({ type: "tool-call", toolCallId: call.id, toolName: call.name, input: writeInput(call) }),
  writeThought: ([texts]) => ({ type: "reasoning", text: texts?.[0] ?? "" }),
  writeReasoning: (text) => [{ type: "reasoning", text }],
  isBoundToThoughts: ({ type }) => type === "reasoning",
  canChangeThoughts: false
}

/** The parts in the output of a tool. */
const outputs: Dialect = {
  ...parts,
  read: (part) => {
    const { data, filename, mediaType, text, type } = part
    if (type === "text" && isString(text)) return text === "" ? { isWordless: true } : { part: makeText(text) }
    if (type === "image-url" && isString(part.url)) return { part: makeImage(part.url) }
    const isData = type === "media" || type === "image-data" || type === "file-data"
    if (!isData || !isString(data) || !isString(mediaType)) return { standIn: describeBlock(part) }
    const form = type === "media" ? undefined : type
    if (mediaType.startsWith("image/")) return { part: makeImage(makeDataUrl(mediaType, data)), form }
    const words = readTextFile(mediaType, data)
    if (words !== undefined)
      return { part: makeText(words), form: documentForm(type, mediaType), beside: getString(filename) }
    return { part: makeFile(mediaType, data, filename), form }
  },
  writePart: (part, form) => {
    const document = readDocumentForm(form)
    const words = wordsOfPart(part)
    if (document !== undefined && words !== undefined && words !== "") {
      const { binary = "media", mediaType } = document
      return { type: binary, data: encodeText(words), mediaType }
    }
    const url = imageUrlOf(part)
    const inline = url === undefined ? fileOf(part) : readDataUrl(url)
    if (inline !== undefined) return { type: form ?? "media", data: inline.data, mediaType: inline.mediaType }
    if (url !== undefined) return { type: "image-url", url }
    const text = describePart(part)
    return text === "" ? undefined : makeText(text)
  }
}

// ── decoding ──

/** Reads messages, which have no fault. */
export const readModelMessages = (messages: ReadonlyArray<JsonObject>): ReadonlyArray<Draft> => {
  const calls = new Map<unknown, Call>()
  return messages.flatMap((message, i) => {
    if (message.role !== "tool") {
      const draft = readMessage(message)
      for (const call of wordsOf(draft).calls) calls.set(call.id, call)
      return [draft]
    }
    return readToolMessage(message, calls, messages[i - 1]?.role === "tool")
  })
}

const readMessage = (message: JsonObject): Draft => {
  const { content, role, ...rest } = message
  const group = makePatch({}, rest, "")
  const isText = isString(content)
  const blocks = isText ? (content === "" ? [] : [makeText(content)]) : listObjects(content)
  const taken = takeApart(parts, blocks)
  const isEmpty = taken.parts.length === 0
  const kept = keepSlots(parts, taken, blocks)
  if (role === "assistant") {
    const form = isText ? "text" : blocks.length === 0 ? "blocks" : undefined
    const draft = { role, ...assistantFields(taken), ...(content === "" && { content }) }
    return withTemplate(draft, { format: FORMAT, form, group, ...kept })
  }
  const draft = { role: getString(role), content: isText ? content : isEmpty ? "" : taken.parts }
  return withTemplate(draft, { format: FORMAT, form: !isText && isEmpty ? "blocks" : undefined, group, ...kept })
}

const readToolMessage = (
  message: JsonObject,
  calls: ReadonlyMap<unknown, Call>,
  begins: boolean
): ReadonlyArray<Draft> => {
  const { content, role: _, ...rest } = message
  const placed = listObjects(content).map((block, at) => ({ block, at }))
  const results = placed.filter(({ block }) => block.type === "tool-result")
  const others = placed.filter(({ block }) => block.type !== "tool-result")
  const isInOrder = [...results, ...others].every(({ at }, i) => at === i)
  const read = results.map(({ at, block }) => {
    const [draft, template] = readResult(block, calls.get(block.toolCallId))
    return [draft, isInOrder ? template : { ...template, at: [at] }] as const
  })
  // Answers to a request for approval are the user's.
  if (others.length > 0 || results.length === 0) {
    const blocks = others.map(({ block }) => block)
    const taken = takeApart(parts, blocks)
    const template: Template = {
      format: FORMAT,
      ...keepSlots(parts, taken, blocks),
      ...(results.length > 0 ? { joins: true } : { form: "tool" }),
      ...(!isInOrder && { at: others.map(({ at }) => at) })
    }
    read.push([{ role: "user", content: taken.parts.length === 0 ? "" : taken.parts }, template])
  }
  const group = makePatch({}, rest, "")
  return read.map(([draft, template], i) => withTemplate(draft, i === 0 ? { ...template, begins, group } : template))
}

/** The words that the AI SDK itself tells a model. */
export const DENIED = "Tool execution denied."

const readResult = (block: JsonObject, call: Call | undefined): readonly [Draft, Template] => {
  const output = isObject(block.output) ? block.output : {}
  const { reason, type, value } = output
  const blocks = type === "content" ? listObjects(value) : []
  const taken = takeApart(outputs, blocks)
  const readContent = () => {
    if (type === "content") return taken.parts.length === 0 ? "" : taken.parts
    if (type === "execution-denied") return isString(reason) ? reason : DENIED
    return isString(value) && type !== "json" && type !== "error-json" ? value : (JSON.stringify(value) ?? "")
  }
  const content = readContent()
  const isJson = type === "json" || type === "error-json"
  const draft = { role: "tool", tool_call_id: getString(block.toolCallId), content }
  const form = isJson ? "json" : type === "content" && isString(content) ? "blocks" : undefined
  const template = { format: FORMAT, form, ...keepSlots(outputs, taken, blocks) }
  const words = JSON.stringify(content)
  const withOutput = { ...template, output: makePatch(writeOutput(draft, template), output, words) }
  return [draft, { ...withOutput, own: makePatch(writeResult(draft, call, withOutput), block, "") }]
}

// ── encoding ──

const writeOutput = (message: Draft, template: Template | undefined): JsonObject => {
  const { content } = message
  if (template?.form === "json" && isString(content)) {
    const value = parseJson(content)
    if (value !== undefined) return { type: "json", value }
  }
  if (isString(content) && template?.form !== "blocks" && template?.slots === undefined) {
    return { type: "text", value: content }
  }
  return { type: "content", value: putTogether(outputs, wordsOf({ content }), template) }
}

const writeResult = (message: Draft, call: Call | undefined, template: Template | undefined): JsonObject => {
  const output = applyPatch(writeOutput(message, template), template?.output, JSON.stringify(message.content))
  const written = {
    type: "tool-result",
    toolCallId: message.tool_call_id,
    toolName: call?.name ?? "unknown",
    output
  }
  return applyPatch(written, template?.own, "")
}

/** The results of a message's calls become one tool message. */
export const writeModelMessages = (messages: ReadonlyArray<Draft>): ReadonlyArray<Run> => {
  const answered = findAnswered(messages)
  const written: Array<Run> = []
  let answers: Array<Draft> = []
  let results: Array<{ readonly part: JsonObject; readonly at: number | undefined }> = []
  let group: Template["group"]
  const finishResults = () => {
    if (results.length === 0) return
    const isPlaced = results.some(({ at }) => at !== undefined)
    const sorted = isPlaced ? results.toSorted((a, b) => (a.at ?? Infinity) - (b.at ?? Infinity)) : results
    const item = applyPatch({ role: "tool", content: sorted.map(({ part }) => part) }, group, "")
    written.push({ messages: answers, items: [item] })
    results = []
    answers = []
  }
  for (const message of messages) {
    const template = getTemplate(message, FORMAT)
    const joins = template?.joins === true && results.length > 0
    if ((message.role !== "tool" && !joins) || template?.begins === true) finishResults()
    if (message.role === "tool" || joins) {
      if (results.length === 0) group = template?.group
      const blocks = joins
        ? putTogether(parts, wordsOf(message), template)
        : [writeResult(message, answered.get(message), template)]
      results.push(...blocks.map((part, k) => ({ part, at: template?.at?.[k] })))
      answers.push(message)
    } else written.push({ messages: [message], items: writeMessage(message, template) })
  }
  finishResults()
  return written
}

const writeMessage = (message: Draft, template: Template | undefined): ReadonlyArray<JsonObject> => {
  const { content } = message
  const words = wordsOf(message)
  const { form, group, slots } = template ?? {}
  if (message.role === "system" || message.role === "developer") {
    const text = isString(content) ? content : words.parts.map(describePart).join("\n")
    return [applyPatch({ role: "system", content: text }, group, "")]
  }
  const blocks = putTogether(parts, words, template)
  const isEmpty = blocks.length === 0
  if (form === "tool") return [applyPatch({ role: "tool", content: blocks }, group, "")]
  if (message.role === "assistant") {
    if (isEmpty && form === undefined) return []
    const written = { role: "assistant", content: shapeContent(blocks, form === "text" && slots === undefined) }
    return [applyPatch(written, group, "")]
  }
  const isText = isString(content) && form !== "blocks" && slots === undefined && words.documents.size === 0
  return [applyPatch({ role: "user", content: isText ? content : blocks }, group, "")]
}
