/** The UI messages of the AI SDK, versions 4 to 6. One of them holds all steps of an answer, with the results of tools. */
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
import { splitRounds } from "./calls.ts"
import type { Run } from "./origins.ts"
import {
  applyPatch,
  type Call,
  type Draft,
  getTemplate,
  isSame,
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
      listObjects(message.parts).flatMap(({ type }) =>
        isTool(type) && type !== INVOCATION ? [[type, TOOL] as const] : []
      )
    )
    for (const [k, { toolInvocation, type }] of listObjects(message.parts).entries()) {
      const place = `${path}.parts.${k}.toolInvocation`
      const fault = type === INVOCATION ? findFault(toolInvocation, place, { ...TOOL, toolName: "string" }) : undefined
      if (fault !== undefined) return fault
    }
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
  const { filename, mediaType, type, url } = part
  // Version 4 names the text of reasoning after its type.
  const text = part.text ?? (type === "reasoning" ? part.reasoning : undefined)
  if (type === "text" && isString(text)) return text === "" ? { isWordless: true } : { part: makeText(text) }
  if (type === "reasoning" && isString(text)) return text === "" ? { isWordless: true } : { thoughts: [[text]] }
  if (type === STEP.type) return { isWordless: true }
  if (type === "file" && isString(url) && isString(mediaType)) {
    if (mediaType.startsWith("image/")) return { part: makeImage(url) }
    const inline = readDataUrl(url)
    const words = inline && readTextFile(inline.mediaType, inline.data)
    if (inline !== undefined && words !== undefined)
      return { part: makeText(words), form: documentForm("text", inline.mediaType), beside: getString(filename) }
    if (inline !== undefined) return { part: makeFile(inline.mediaType, inline.data, filename) }
  }
  return { standIn: describeBlock(part) }
}

const writePart = (part: JsonObject, form?: string): JsonObject | undefined => {
  const text = wordsOfPart(part)
  const document = readDocumentForm(form)
  if (text !== undefined && text !== "" && document !== undefined) {
    const { mediaType } = document
    return { type: "file", mediaType, url: makeDataUrl(mediaType, encodeText(text)) }
  }
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
type Results = ReadonlyMap<Call, Result>

const writeTool = (call: Call, result: Result | undefined, form?: string): JsonObject => {
  if (form?.startsWith(INVOCATION) === true) return writeInvocation(call, result, form)
  const input = form === RAW_INPUT ? { rawInput: call.input } : { input: writeInput(call) }
  const written = { type: `tool-${call.name}`, toolCallId: call.id, ...input }
  if (result === undefined) return { ...written, state: "input-available" }
  if (result.template?.form === "error") {
    return { ...written, state: "output-error", errorText: result.message.content }
  }
  return { ...written, state: "output-available", output: readOutput(result) }
}

const readOutput = ({ message, template }: Result): unknown => {
  const { content } = message
  const value = template?.form === "json" && isString(content) ? parseJson(content) : undefined
  return value === undefined ? content : value
}

/** The form of a call whose arguments the AI SDK could not parse. */
const RAW_INPUT = "raw"

/** The form of a call in version 4 of the AI SDK, before the step. */
const INVOCATION = "tool-invocation"

const writeInvocation = (call: Call, result: Result | undefined, form: string): JsonObject => {
  const step = form.slice(INVOCATION.length + 1)
  const toolInvocation = {
    state: result === undefined ? "call" : "result",
    ...(step !== "" && { step: Number(step) }),
    toolCallId: call.id,
    toolName: call.name,
    args: writeInput(call),
    ...(result !== undefined && { result: readOutput(result) })
  }
  return { type: INVOCATION, toolInvocation }
}

const makeDialect = (results: Results, tools: ReadonlyMap<JsonObject, Tool>): Dialect => ({
  read: (part) => tools.get(part)?.piece ?? readPart(part),
  writePart,
  writeCall: (call, form) => writeTool(call, results.get(call), form),
  textOfCall: (call) => `${textOfCall(call)} ${JSON.stringify(results.get(call)?.message.content)}`,
  writeThought: ([texts]) => ({ type: "reasoning", text: texts?.[0] ?? "" }),
  writeReasoning: (text) => [{ type: "reasoning", text }],
  isBoundToThoughts: ({ type }) => type === "reasoning",
  canChangeThoughts: false
})

const NO_RESULTS: Results = new Map()
const NO_TOOLS: ReadonlyMap<JsonObject, Tool> = new Map()

// ── decoding ──

/** Reads messages, which have no fault. */
export const readUiMessages = (messages: ReadonlyArray<JsonObject>): ReadonlyArray<Draft> =>
  messages.flatMap((message, i) => {
    const { parts, role, ...rest } = message
    const repeated = Object.entries(repeatParts(listObjects(parts))).filter(([key, value]) => isSame(rest[key], value))
    const repeats = repeated.map(([key]) => key)
    const others = Object.fromEntries(Object.entries(rest).filter(([key]) => !repeats.includes(key)))
    const group = makePatch({ id: makeId(i) }, others, "")
    const begins = role === "assistant" && messages[i - 1]?.role === "assistant"
    const read = role === "assistant" ? readSteps(listObjects(parts)) : [readInput(getString(role), listObjects(parts))]
    return read.map(([draft, template], k) =>
      withTemplate(draft, k === 0 ? { ...template, begins, group, ...(repeats.length > 0 && { repeats }) } : template)
    )
  })

/** The fields in which version 4 of the AI SDK says once more what the parts say. */
const repeatParts = (parts: ReadonlyArray<JsonObject>): JsonObject => ({
  content: joinTexts(parts, "text", "text"),
  reasoning: joinTexts(parts, "reasoning", "reasoning"),
  toolInvocations: parts.flatMap(({ toolInvocation, type }) => (type === INVOCATION ? [toolInvocation] : []))
})

const joinTexts = (parts: ReadonlyArray<JsonObject>, type: string, field: string): string =>
  parts.map((part) => (part.type === type ? getString(part[field]) : "")).join("")

/** Every UI message needs an id. */
const makeId = (index: number): string => `message-${index}`

const readInput = (role: string, blocks: ReadonlyArray<JsonObject>): readonly [Draft, Template] => {
  const dialect = makeDialect(NO_RESULTS, NO_TOOLS)
  const taken = takeApart(dialect, blocks)
  const content = taken.parts.length === 0 ? "" : simplify(taken.parts)
  return [
    { role, content },
    { format: FORMAT, ...keepSlots(dialect, taken, blocks) }
  ]
}

const readSteps = (parts: ReadonlyArray<JsonObject>): ReadonlyArray<readonly [Draft, Template]> =>
  splitSteps(parts).flatMap((blocks) => {
    const tools = readTools(blocks)
    const results = new Map(
      Array.from(tools.values()).flatMap(({ piece, result }) => (result ? [[piece.call, result] as const] : []))
    )
    const dialect = makeDialect(results, tools)
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
    const answers = Array.from(
      results.values(),
      ({ message, template }) => [message, template ?? { format: FORMAT }] as const
    )
    return [reply, ...answers]
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

/** The part of a tool that the client runs. */
interface Tool {
  readonly piece: { readonly call: Call; readonly form?: string; readonly beside?: string | undefined }
  readonly result: Result | undefined
}

/** Reads the tools of a step. If an id repeats, the later call gets one of its own, so that each has its result. */
const readTools = (blocks: ReadonlyArray<JsonObject>): ReadonlyMap<JsonObject, Tool> => {
  const tools = new Map<JsonObject, Tool>()
  const given = blocks.map(({ toolCallId, toolInvocation }) =>
    isObject(toolInvocation) ? toolInvocation.toolCallId : toolCallId
  )
  const taken = new Set<unknown>()
  for (const [i, block] of blocks.entries()) {
    if (!isTool(block.type) || block.providerExecuted === true) continue
    const id = getString(given[i])
    let own = id
    for (let n = 2; taken.has(own) || (n > 2 && given.includes(own)); n++) own = `${id}_${n}`
    taken.add(own)
    tools.set(block, block.type === INVOCATION ? readInvocation(own, block) : readTool(own, block))
  }
  return tools
}

const readTool = (id: string, part: JsonObject): Tool => {
  const { approval, input, rawInput, state, toolName, type } = part
  const name = type === "dynamic-tool" ? toolName : getString(type).slice("tool-".length)
  const isRaw = input === undefined && isString(rawInput)
  const reason = isObject(approval) && state !== "output-denied" ? getString(approval.reason) : ""
  const unread = isRaw || rawInput === undefined ? "" : isString(rawInput) ? rawInput : JSON.stringify(rawInput)
  return {
    piece: {
      call: readCall(id, name, isRaw ? rawInput : input),
      ...(isRaw && { form: RAW_INPUT }),
      beside: [reason, unread].filter((words) => words.trim() !== "").join("\n")
    },
    result: readResult(id, part)
  }
}

const readInvocation = (id: string, { toolInvocation }: JsonObject): Tool => {
  const { args, result, state, step, toolName } = isObject(toolInvocation) ? toolInvocation : {}
  return {
    piece: {
      call: readCall(id, toolName, args),
      form: typeof step === "number" ? `${INVOCATION} ${step}` : INVOCATION
    },
    result: state === "result" ? makeOutput(id, result) : undefined
  }
}

/** The result in the part of a tool; undefined while there is none. */
const readResult = (id: string, { approval, errorText, output, state }: JsonObject): Result | undefined => {
  if (state === "output-error") return makeResult(id, getString(errorText), "error")
  if (state === "output-denied")
    return makeResult(id, isObject(approval) && isString(approval.reason) ? approval.reason : DENIED)
  return state === "output-available" ? makeOutput(id, output) : undefined
}

const makeOutput = (id: string, output: unknown): Result =>
  isString(output) || output === undefined
    ? makeResult(id, getString(output))
    : makeResult(id, JSON.stringify(output), "json")

const makeResult = (id: string, content: string, form?: string): Result => ({
  message: { role: "tool", tool_call_id: id, content },
  template: { format: FORMAT, form }
})

// ── encoding ──

/** The steps of an answer and the results of its calls become one message. */
export const writeUiMessages = (messages: ReadonlyArray<Draft>): ReadonlyArray<Run> => {
  const written: Array<Run> = []
  let answer: Array<Draft> = []
  const finishAnswer = () => {
    const [first] = answer
    if (first === undefined) return
    const item = makeMessage(written.length, "assistant", writeSteps(answer), getTemplate(first, FORMAT))
    written.push({ messages: answer, items: [item] })
    answer = []
  }
  for (const message of messages) {
    const template = getTemplate(message, FORMAT)
    const isAnswer = message.role === "assistant" || message.role === "tool"
    if (!isAnswer || template?.begins === true) finishAnswer()
    if (isAnswer) answer.push(message)
    else {
      const role = message.role === "user" ? "user" : "system"
      const parts = putTogether(makeDialect(NO_RESULTS, NO_TOOLS), wordsOf(message), template)
      written.push({ messages: [message], items: [makeMessage(written.length, role, parts, template)] })
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
): JsonObject => ({
  ...applyPatch({ id: makeId(index) }, template?.group, ""),
  ...Object.fromEntries(
    Object.entries(repeatParts(parts)).filter(([key]) => template?.repeats?.includes(key) === true)
  ),
  role,
  parts
})

const writeSteps = (answer: ReadonlyArray<Draft>): ReadonlyArray<JsonObject> =>
  splitRounds(answer).flatMap(([asked, ...answers]) => {
    if (asked === undefined) return []
    if (asked.role === "tool") return [asked, ...answers].map(writeOrphan)
    const template = getTemplate(asked, FORMAT)
    const words = wordsOf(asked)
    const results = new Map<Call, Result>()
    const orphans = answers.filter((message) => {
      const call = words.calls.find((call) => call.id === message.tool_call_id && !results.has(call))
      if (call !== undefined) results.set(call, { message, template: getTemplate(message, FORMAT) })
      return call === undefined
    })
    const parts = putTogether(makeDialect(results, NO_TOOLS), words, template)
    return [...(template?.slots === undefined ? [STEP] : []), ...parts, ...orphans.map(writeOrphan)]
  })

/** A result whose call is gone. */
const writeOrphan = (message: Draft): JsonObject => ({
  ...writeTool(
    { id: getString(message.tool_call_id), name: "unknown", input: "{}", isCustom: false },
    { message, template: getTemplate(message, FORMAT) }
  )
})
