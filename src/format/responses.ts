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
  listObjects,
  parseJson
} from "./json.ts"
import { findAnswered } from "./calls.ts"
import { describeBlock } from "./media.ts"
import { FORMAT, readContent, spoken, textOf, writeCall, writeContent } from "./responsesContent.ts"
import { isOutput, readResult, writeFunctionOutput, writeResult } from "./responsesResults.ts"
import type { Run } from "./origins.ts"
import {
  applyPatch,
  type Call,
  type Draft,
  getTemplate,
  makePatch,
  type Template,
  withTemplate,
  wordsOf
} from "./template.ts"

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
  const field = ASKING.find((name) => (asked[name] ?? null) !== null) ?? ""
  const input = JSON.stringify(field === "" ? asked : asked[field])
  const call = { id: callId, name: getString(type).replace(/_call$/, ""), input, isCustom: false }
  return { call, whole: `${field} ${getString(type)}` }
}

/** The fields in which an item of its own type says what is to be done. */
const ASKING = ["action", "operation", "arguments"]

const writeItem = (call: Call, form: string | undefined): JsonObject => {
  if (form === undefined) return writeCall(call)
  const [field = ""] = form.split(" ", 1)
  const asked = parseJson(call.input)
  const fields = field !== "" ? { [field]: asked } : isObject(asked) ? asked : {}
  return { ...fields, type: form.slice(field.length + 1), call_id: call.id }
}

const isMessage = ({ role, type }: JsonObject): boolean => type === "message" || (type === undefined && isString(role))

const items: Dialect = {
  ...spoken,
  read: readItem,
  writeCall: writeItem,
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
  const asked = new Map<unknown, JsonObject>()
  for (const item of input) {
    if (isOutput(item) || (isMessage(item) && item.role !== "assistant")) {
      finishRun()
      drafts.push(isMessage(item) ? readInput(item) : readResult(item, asked.get(item.call_id)))
    } else {
      run.push(item)
      if ("call" in readItem(item)) asked.set(item.call_id, item)
    }
  }
  finishRun()
  return drafts
}

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

// ── encoding ──

export const writeResponses = (messages: ReadonlyArray<Draft>): ReadonlyArray<Run> => {
  const answered = findAnswered(messages)
  const written: Array<{ readonly messages: ReadonlyArray<Draft>; readonly items: Array<JsonObject> }> = []
  const places = new Map<unknown, readonly [items: Array<JsonObject>, at: number]>()
  for (const message of messages) {
    const template = getTemplate(message, FORMAT)
    const own: Array<JsonObject> = []
    if (message.role === "assistant") {
      for (const item of putTogether(items, wordsOf(message), template)) {
        const at = own.push(item) - 1
        if (item.call_id !== undefined) places.set(item.call_id, [own, at])
      }
    } else if (message.role === "tool") {
      const [asked, at] = places.get(message.tool_call_id) ?? [[], 0]
      const call = answered.get(message)
      const result = writeResult(message, asked[at], template)
      // Nothing answers such a call in these words, but a function takes any.
      if (result === undefined && call !== undefined) asked[at] = writeCall({ ...call, isCustom: false })
      own.push(result ?? writeFunctionOutput(message, template))
    } else own.push(applyPatch(writeInput(message, template), template?.own, textOf(message)))
    written.push({ messages: [message], items: own })
  }
  return written
}

const writeInput = ({ content, role }: Draft, template: Template | undefined): JsonObject =>
  isString(content) && template?.form === undefined && template?.slots === undefined
    ? { role, content }
    : { type: "message", role, content: writeContent(content, template) }
