/** The UI messages of the AI SDK, versions 5 and 6. One of them holds all steps of an answer, with the results of tools. */
import { DENIED, readCall, writeInput } from "./aiSdkModel.ts"
import { assistantFields, type Dialect, keepSlots, type Piece, putTogether, simplify, takeApart } from "./blocks.ts"
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
import {
  describeBlock,
  describePart,
  fileOf,
  imageUrlOf,
  makeDataUrl,
  makeFile,
  makeImage,
  readDataUrl,
  wordsOfPart
} from "./media.ts"
import {
  applyPatch,
  type Call,
  type Draft,
  getTemplate,
  makePatch,
  makeText,
  type Template,
  textOfCall,
  withTemplate,
  wordsOf
} from "./template.ts"

const FORMAT = "ai-sdk-ui"

const PARTS: { readonly [type: string]: Fields } = {
  text: { text: "string" },
  reasoning: { text: "string" },
  "dynamic-tool": { toolCallId: "id", toolName: "string" }
}

const ROLES: ReadonlyArray<unknown> = ["system", "user", "assistant"]

/** Finds the first fault of UI messages. */
export const findUiMessageFault = (messages: ReadonlyArray<unknown>): string | undefined => {
  for (const [i, message] of messages.entries()) {
    const path = `messages.${i}`
    const fault = findFault(message, path, { parts: "blocks" })
    if (fault !== undefined) return fault
    if (!isObject(message)) continue
    if (!ROLES.includes(message.role)) return `${path}.role: Expected ${ROLES.join(" | ")}`
    const tools = Object.fromEntries(
      listObjects(message.parts).flatMap(({ type }) => (isTool(type) ? [[type, TOOL] as const] : []))
    )
    const inParts = findBlockFault(message.parts, `${path}.parts`, { ...tools, ...PARTS })
    if (inParts !== undefined) return inParts
  }
  return undefined
}

const TOOL: Fields = { toolCallId: "id" }

const isTool = (type: unknown): type is string =>
  isString(type) && (type.startsWith("tool-") || type === "dynamic-tool")

// ── parts ──

const STEP: JsonObject = { type: "step-start" }

const readPart = (part: JsonObject): Piece => {
  const { filename, mediaType, text, type, url } = part
  if (type === "text" && isString(text)) return text === "" ? { isWordless: true } : { part: makeText(text) }
  if (type === "reasoning" && isString(text)) return text === "" ? { isWordless: true } : { thoughts: [[text]] }
  if (type === STEP.type) return { isWordless: true }
  if (isTool(type) && part.providerExecuted !== true) return { call: readToolCall(part) }
  if (type === "file" && isString(url) && isString(mediaType)) {
    if (mediaType.startsWith("image/")) return { part: makeImage(url) }
    const inline = readDataUrl(url)
    if (inline !== undefined) return { part: makeFile(inline.mediaType, inline.data, filename) }
  }
  return { standIn: describeBlock(part) }
}

const readToolCall = ({ input, toolCallId, toolName, type }: JsonObject): Call =>
  readCall(toolCallId, type === "dynamic-tool" ? toolName : getString(type).slice("tool-".length), input)

const writePart = (part: JsonObject): JsonObject | undefined => {
  const text = wordsOfPart(part)
  if (text !== undefined) return text === "" ? undefined : makeText(text)
  const url = imageUrlOf(part)
  if (url !== undefined) return { type: "file", mediaType: readDataUrl(url)?.mediaType ?? "image/*", url }
  const file = fileOf(part)
  if (file === undefined) return makeText(describePart(part))
  const { data, filename, mediaType } = file
  return {
    type: "file",
    mediaType,
    ...(filename !== undefined && { filename }),
    url: makeDataUrl(mediaType, data)
  }
}

/** The result of a call and how it is written. */
interface Result {
  readonly message: Draft
  readonly template: Template | undefined
}

const writeTool = (call: Call, result: Result | undefined): JsonObject => {
  const written = { type: `tool-${call.name}`, toolCallId: call.id, input: writeInput(call) }
  if (result === undefined) return { ...written, state: "input-available" }
  const { message, template } = result
  const { content } = message
  if (template?.form === "error") return { ...written, state: "output-error", errorText: content }
  const value = template?.form === "json" && isString(content) ? parseJson(content) : undefined
  return { ...written, state: "output-available", output: value ?? (value === null ? null : content) }
}

const makeDialect = (results: ReadonlyMap<string, Result>): Dialect => ({
  read: readPart,
  writePart,
  writeCall: (call) => writeTool(call, results.get(call.id)),
  textOfCall: (call) => `${textOfCall(call)} ${JSON.stringify(results.get(call.id)?.message.content)}`,
  writeThought: ([texts]) => ({ type: "reasoning", text: texts?.[0] ?? "" }),
  writeReasoning: (text) => [{ type: "reasoning", text }],
  isBoundToThoughts: ({ type }) => type === "reasoning",
  canChangeThoughts: false
})

const NO_RESULTS: ReadonlyMap<string, Result> = new Map()

// ── decoding ──

/** Reads messages, which have no fault. */
export const readUiMessages = (messages: ReadonlyArray<JsonObject>): ReadonlyArray<Draft> =>
  messages.flatMap((message, i) => {
    const { parts, role, ...rest } = message
    const group = makePatch({ id: makeId(i) }, rest, "")
    const begins = role === "assistant" && messages[i - 1]?.role === "assistant"
    const read = role === "assistant" ? readSteps(listObjects(parts)) : [readInput(getString(role), listObjects(parts))]
    return read.map(([draft, template], k) => withTemplate(draft, k === 0 ? { ...template, begins, group } : template))
  })

/** Every UI message needs an id. */
const makeId = (index: number): string => `message-${index}`

const readInput = (role: string, blocks: ReadonlyArray<JsonObject>): readonly [Draft, Template] => {
  const dialect = makeDialect(NO_RESULTS)
  const taken = takeApart(dialect, blocks)
  const content = taken.parts.length === 0 ? "" : simplify(taken.parts)
  return [
    { role, content },
    { format: FORMAT, ...keepSlots(dialect, taken, blocks) }
  ]
}

const readSteps = (parts: ReadonlyArray<JsonObject>): ReadonlyArray<readonly [Draft, Template]> =>
  splitSteps(parts).flatMap((blocks) => {
    const results = blocks.map(readResult).filter((result) => result !== undefined)
    const dialect = makeDialect(new Map(results.map((result) => [getString(result.message.tool_call_id), result])))
    const taken = takeApart(dialect, blocks)
    const hasStart = blocks[0]?.type === STEP.type
    const isUsual =
      hasStart && keepSlots(dialect, takeApart(dialect, blocks.slice(1)), blocks.slice(1)).slots === undefined
    // A step that begins without its mark needs its slots, even where these say nothing else.
    const kept = isUsual ? {} : { slots: taken.slots, ...keepSlots(dialect, taken, [STEP, ...blocks]) }
    const reply: readonly [Draft, Template] = [
      { role: "assistant", ...assistantFields(taken) },
      { format: FORMAT, ...kept }
    ]
    return [reply, ...results.map(({ message, template }) => [message, template ?? { format: FORMAT }] as const)]
  })

/** Splits an answer where its steps begin. A step without a part of its own belongs to the one before it. */
const splitSteps = (parts: ReadonlyArray<JsonObject>): ReadonlyArray<ReadonlyArray<JsonObject>> => {
  const steps: Array<Array<JsonObject>> = [[]]
  for (const [i, part] of parts.entries()) {
    const next = parts[i + 1]
    const begins = part.type === STEP.type && next !== undefined && next.type !== STEP.type
    if (begins && steps.at(-1)?.length !== 0) steps.push([])
    steps.at(-1)?.push(part)
  }
  return steps
}

/** The result in the part of a tool; undefined while there is none. */
const readResult = (part: JsonObject): Result | undefined => {
  if (!isTool(part.type) || part.providerExecuted === true) return undefined
  const { approval, errorText, output, state, toolCallId } = part
  const make = (content: string, form?: string) => ({
    message: { role: "tool", tool_call_id: getString(toolCallId), content },
    template: { format: FORMAT, form }
  })
  if (state === "output-error") return make(getString(errorText), "error")
  if (state === "output-denied") return make(isObject(approval) && isString(approval.reason) ? approval.reason : DENIED)
  if (state !== "output-available") return undefined
  return isString(output) || output === undefined ? make(getString(output)) : make(JSON.stringify(output), "json")
}

// ── encoding ──

/** The steps of an answer and the results of its calls become one message. */
export const writeUiMessages = (messages: ReadonlyArray<Draft>): ReadonlyArray<JsonObject> => {
  const written: Array<JsonObject> = []
  let answer: Array<Draft> = []
  const finishAnswer = () => {
    const [first] = answer
    if (first === undefined) return
    written.push(makeMessage(written.length, "assistant", writeSteps(answer), getTemplate(first, FORMAT)))
    answer = []
  }
  for (const message of messages) {
    const template = getTemplate(message, FORMAT)
    const isAnswer = message.role === "assistant" || message.role === "tool"
    if (!isAnswer || template?.begins === true) finishAnswer()
    if (isAnswer) answer.push(message)
    else {
      const role = message.role === "user" ? "user" : "system"
      written.push(
        makeMessage(written.length, role, putTogether(makeDialect(NO_RESULTS), wordsOf(message), template), template)
      )
    }
  }
  finishAnswer()
  return written
}

const makeMessage = (
  index: number,
  role: string,
  parts: ReadonlyArray<JsonObject>,
  template: Template | undefined
): JsonObject => ({ ...applyPatch({ id: makeId(index) }, template?.group, ""), role, parts })

const writeSteps = (answer: ReadonlyArray<Draft>): ReadonlyArray<JsonObject> =>
  answer.flatMap((message, i) => {
    if (message.role === "tool") return isAnswered(answer, i) ? [] : [writeOrphan(message)]
    const template = getTemplate(message, FORMAT)
    const parts = putTogether(makeDialect(resultsAfter(answer, i)), wordsOf(message), template)
    return template?.slots === undefined ? [STEP, ...parts] : parts
  })

const resultsAfter = (answer: ReadonlyArray<Draft>, index: number): ReadonlyMap<string, Result> => {
  const results = new Map<string, Result>()
  for (let i = index + 1; answer[i]?.role === "tool"; i++) {
    const message = answer[i]
    const id = getString(message?.tool_call_id)
    if (message !== undefined && !results.has(id)) results.set(id, { message, template: getTemplate(message, FORMAT) })
  }
  return results
}

const isAnswered = (answer: ReadonlyArray<Draft>, index: number): boolean => {
  const asked = answer.slice(0, index).findLast(({ role }) => role === "assistant")
  return asked !== undefined && wordsOf(asked).calls.some(({ id }) => id === answer[index]?.tool_call_id)
}

/** A result whose call is gone. */
const writeOrphan = (message: Draft): JsonObject => ({
  ...writeTool(
    { id: getString(message.tool_call_id), name: "unknown", input: "{}", isCustom: false },
    { message, template: getTemplate(message, FORMAT) }
  )
})
