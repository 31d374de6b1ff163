/** The messages of Anthropic's Messages API. */
import {
  assistantFields,
  type Dialect,
  keepSlots,
  type Piece,
  putTogether,
  shapeContent,
  simplify,
  takeApart
} from "./blocks.ts"
import {
  type Fields,
  findBlockFault,
  findFault,
  getString,
  isObject,
  isString,
  type JsonObject,
  listObjects,
  parseInput
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
import type { Run } from "./origins.ts"
import {
  applyPatch,
  DOCUMENT,
  type Draft,
  getTemplate,
  makePatch,
  makeText,
  type Template,
  withTemplate,
  wordsOf
} from "./template.ts"

const FORMAT = "anthropic"

const BLOCKS: { readonly [type: string]: Fields } = {
  text: { text: "string" },
  thinking: { thinking: "string" },
  tool_use: { id: "id", name: "string" },
  tool_result: { tool_use_id: "id", content: "content?" }
}

/** Finds the first fault of `{system, messages}`. */
export const findAnthropicFault = ({ messages, system }: JsonObject): string | undefined => {
  const fault = findFault({ system }, "body", { system: "content?" }) ?? findBlockFault(system, "system", BLOCKS)
  if (fault !== undefined) return fault
  if (!Array.isArray(messages)) return "messages: Expected an array of messages"
  for (const [i, message] of messages.entries()) {
    const path = `messages.${i}`
    const found = findFault(message, path, { content: "content" })
    if (found !== undefined) return found
    if (message.role !== "user" && message.role !== "assistant") return `${path}.role: Expected "user" | "assistant"`
    const inBlocks = findBlockFault(message.content, `${path}.content`, BLOCKS)
    if (inBlocks !== undefined) return inBlocks
  }
  return undefined
}

const readBlock = (block: JsonObject): Piece => {
  const { context, source, text, thinking, title, type } = block
  if (type === "text" && isString(text)) return text.trim() === "" ? { isWordless: true } : { part: makeText(text) }
  if (type === "thinking" && isString(thinking)) {
    return thinking === "" ? { isWordless: true } : { thoughts: [[thinking]] }
  }
  if (type === "redacted_thinking") return { isWordless: true }
  if (type === "tool_use") {
    const input = JSON.stringify(block.input ?? {})
    return { call: { id: getString(block.id), name: getString(block.name), input, isCustom: false } }
  }
  if ((type === "image" || type === "document") && isObject(source)) {
    const { data, media_type: mediaType, url } = source
    const isInline = source.type === "base64" && isString(data) && isString(mediaType)
    if (type === "image" && isInline) return { part: makeImage(makeDataUrl(mediaType, data)) }
    if (type === "image" && source.type === "url" && isString(url)) return { part: makeImage(url) }
    const beside = [title, context].filter((words) => isString(words) && words.trim() !== "").join("\n")
    if (type === "document" && isInline) return { part: makeFile(mediaType, data, title), beside }
    if (type === "document" && source.type === "text" && isString(data) && data.trim() !== "") {
      return { part: makeText(data), form: DOCUMENT, beside }
    }
  }
  return { standIn: describeBlock(block) }
}

/** A part of a chat message may have a mark of the cache, as servers that translate for Anthropic take it. */
const writePart = (part: JsonObject, form?: string): JsonObject | undefined => {
  const block = writeWords(part, form)
  return block !== undefined && hasMark(part) ? { ...block, cache_control: part.cache_control } : block
}

const writeWords = (part: JsonObject, form?: string): JsonObject | undefined => {
  const text = wordsOfPart(part)
  if (form === DOCUMENT && text?.trim() !== "") {
    return { type: "document", source: { type: "text", media_type: "text/plain", data: text ?? describePart(part) } }
  }
  if (text !== undefined) return text.trim() === "" ? undefined : makeText(text)
  const url = imageUrlOf(part)
  if (url !== undefined) return { type: "image", source: makeSource(url) }
  const file = fileOf(part)
  if (file?.mediaType !== "application/pdf") return makeText(describePart(part))
  const { data, filename, mediaType } = file
  return {
    type: "document",
    source: { type: "base64", media_type: mediaType, data },
    ...(filename !== undefined && { title: filename })
  }
}

const makeSource = (url: string): JsonObject => {
  const inline = readDataUrl(url)
  return inline === undefined
    ? { type: "url", url }
    : { type: "base64", media_type: inline.mediaType, data: inline.data }
}

const dialect: Dialect = {
  read: readBlock,
  writePart,
  writeCall: ({ id, input, isCustom, name }) => ({
    type: "tool_use",
    id,
    name,
    input: isCustom ? { input } : parseInput(input)
  }),
  writeThought: ([texts]) => ({ type: "thinking", thinking: texts?.[0] ?? "" }),
  // Thinking without a signature is refused.
  writeReasoning: () => [],
  isBoundToThoughts: ({ type }) => type === "thinking" || type === "redacted_thinking",
  canChangeThoughts: false
}

/** Reads `{system, messages}`, which has no fault. */
export const readAnthropic = ({ messages, system }: JsonObject): ReadonlyArray<Draft> => {
  const turns = listObjects(messages)
  return [
    ...readSystem(system),
    ...turns.flatMap((turn, i) => readTurn(turn, turns[i - 1]?.role === turn.role && turn.role !== undefined))
  ]
}

const readSystem = (system: unknown): ReadonlyArray<Draft> => {
  if (isString(system))
    return [withTemplate({ role: "system", content: system }, keepForm(system.trim() === "" ? "text" : undefined))]
  const blocks = listObjects(system)
  return blocks.map((block) => {
    const taken = takeApart(dialect, [block])
    const form = blocks.length === 1 ? "blocks" : undefined
    return withTemplate(
      { role: "system", content: simplify(taken.parts.length === 0 ? [makeText("")] : taken.parts) },
      { ...keepForm(form), ...keepSlots(dialect, taken, [block]) }
    )
  })
}

const keepForm = (form: string | undefined): Template => ({ format: FORMAT, form })

const readTurn = (turn: JsonObject, begins: boolean): ReadonlyArray<Draft> => {
  const { content, role, ...rest } = turn
  // What an answer has beside its content is about the call, and is refused in a request.
  const group = turn.type === "message" ? undefined : makePatch({}, rest, "")
  const drafts = role === "assistant" ? [readReply(content)] : readUserTurn(content)
  return drafts.map(([draft, template], i) => withTemplate(draft, i === 0 ? { ...template, begins, group } : template))
}

type Read = readonly [draft: Draft, template: Template]

const readReply = (content: unknown): Read => {
  const isText = isString(content)
  const isBlank = isText && content.trim() === ""
  const blocks = !isText ? listObjects(content) : isBlank ? [] : [makeText(content)]
  const taken = takeApart(dialect, blocks)
  const form = isText ? "text" : blocks.length === 0 ? "blocks" : undefined
  return [
    { role: "assistant", ...assistantFields(taken), ...(isBlank && { content }) },
    { ...keepForm(form), ...keepSlots(dialect, taken, blocks) }
  ]
}

const readUserTurn = (content: unknown): ReadonlyArray<Read> => {
  if (isString(content)) return [[{ role: "user", content }, keepForm(content.trim() === "" ? "text" : undefined)]]
  const placed = listObjects(content).map((block, at) => ({ block, at }))
  const results = placed.filter(({ block }) => block.type === "tool_result")
  const others = placed.filter(({ block }) => block.type !== "tool_result")
  const isInOrder = [...results, ...others].every(({ at }, i) => at === i)
  const places = (blocks: typeof placed) => (isInOrder ? {} : { at: blocks.map(({ at }) => at) })
  const read = results.map(({ at, block }): Read => {
    const [draft, template] = readResult(block)
    return [draft, { ...template, ...places([{ at, block }]) }]
  })
  if (others.length === 0 && results.length > 0) return read
  const blocks = others.map(({ block }) => block)
  const taken = takeApart(dialect, blocks)
  const words = results.length > 0 ? simplify(taken.parts) : taken.parts
  const kept = keepSlots(dialect, taken, blocks)
  return [
    ...read,
    [
      { role: "user", content: taken.parts.length === 0 ? "" : words },
      { ...keepForm(taken.parts.length === 0 ? "blocks" : undefined), ...kept, ...places(others) }
    ]
  ]
}

const readResult = (block: JsonObject): Read => {
  const isText = !Array.isArray(block.content)
  const blocks = isText ? [] : listObjects(block.content)
  const taken = takeApart(dialect, blocks)
  const content = isText ? getString(block.content) : taken.parts.length === 0 ? "" : taken.parts
  const draft = { role: "tool", tool_call_id: getString(block.tool_use_id), content }
  const template = {
    ...keepForm(isText || taken.parts.length > 0 ? undefined : "blocks"),
    ...keepSlots(dialect, taken, blocks)
  }
  return [draft, { ...template, own: makePatch(writeResult(draft, template), block, JSON.stringify(content)) }]
}

const writeResult = (message: Draft, template: Template | undefined): JsonObject => {
  const blocks = putTogether(dialect, wordsOf(message), template)
  const isText = isString(message.content) && template?.form !== "blocks" && template?.slots === undefined
  const written = {
    type: "tool_result",
    tool_use_id: message.tool_call_id,
    content: shapeContent(blocks, isText)
  }
  return applyPatch(written, template?.own, JSON.stringify(message.content))
}

/**
 * Writes the system prompt and the messages. Neighbours of one side become one message, as the API wants it. `tools` are
 * sent with them.
 */
export const writeAnthropic = (
  messages: ReadonlyArray<Draft>,
  tools: unknown
): { readonly system?: string | ReadonlyArray<JsonObject>; readonly runs: ReadonlyArray<Run> } => {
  const system = messages.filter(isInstruction)
  const turns: Array<Turn> = []
  for (const message of messages) {
    if (isInstruction(message)) continue
    const role = message.role === "assistant" ? "assistant" : "user"
    const template = getTemplate(message, FORMAT)
    const blocks =
      message.role === "tool" ? [writeResult(message, template)] : putTogether(dialect, wordsOf(message), template)
    const wasEmpty = template?.form !== undefined && template.slots === undefined
    // A message without a block is refused, unless it came like that. It may not keep its neighbours apart either.
    if (blocks.length === 0 && !wasEmpty) continue
    const member = { message, template, blocks }
    const last = turns.at(-1)
    if (last?.role === role && template?.begins !== true) last.members.push(member)
    else turns.push({ role, members: [member] })
  }
  const runs = turns.map((turn) => ({ messages: turn.members.map(({ message }) => message), items: [writeTurn(turn)] }))
  return limitCacheMarks({ ...writeSystem(system), runs }, Math.max(0, MOST_MARKS - countMarks(tools)))
}

// ── marks of the cache ──

type Written = ReturnType<typeof writeAnthropic>

/** The API refuses a request with more blocks that have `cache_control`. */
const MOST_MARKS = 4

/**
 * Keeps `most` marks: the newest, as the old ones are before them in the cache anyway, and one of the system prompt, which
 * stays in the cache when a compression has changed what follows it.
 */
const limitCacheMarks = ({ runs, system }: Written, most: number): Written => {
  const ofSystem = countMarks(system)
  const ofMessages = runs.reduce((sum, { items }) => sum + countMarks(items), 0)
  if (ofSystem + ofMessages <= most) return system === undefined ? { runs } : { system, runs }
  const limitItems = makeMarkLimit(most - Math.min(1, ofSystem))
  const limited = runs.toReversed().map((run) => ({ ...run, items: limitItems(run.items) }))
  const limitSystem = makeMarkLimit(most - Math.min(ofMessages, Math.max(0, most - 1)))
  const shown = typeof system === "object" ? limitSystem(system) : system
  return { ...(shown !== undefined && { system: shown }), runs: limited.toReversed() }
}

const hasMark = ({ cache_control: mark }: JsonObject): boolean => (mark ?? null) !== null

const countMarks = (content: unknown): number =>
  listObjects(content).reduce((sum, block) => sum + Number(hasMark(block)) + countMarks(block.content), 0)

/** Makes a function that removes the marks of blocks beyond the last `most`. It is to be given the newest blocks first. */
const makeMarkLimit = (most: number) => {
  let left = most
  const limitBlock = (block: JsonObject): JsonObject => {
    const { cache_control: _, ...unmarked } = block
    const kept = hasMark(block) && left-- <= 0 ? unmarked : block
    return Array.isArray(block.content) ? { ...kept, content: limitBlocks(listObjects(block.content)) } : kept
  }
  const limitBlocks = (blocks: ReadonlyArray<JsonObject>): ReadonlyArray<JsonObject> =>
    blocks.toReversed().map(limitBlock).toReversed()
  return limitBlocks
}

const isInstruction = ({ role }: Draft): boolean => role === "system" || role === "developer"

interface Member {
  readonly message: Draft
  readonly template: Template | undefined
  readonly blocks: ReadonlyArray<JsonObject>
}

interface Turn {
  readonly role: "user" | "assistant"
  readonly members: Array<Member>
}

const writeSystem = (messages: ReadonlyArray<Draft>) => {
  const [first] = messages
  if (first === undefined) return {}
  const template = getTemplate(first, FORMAT)
  const isText = messages.length === 1 && isString(first.content) && template?.form !== "blocks"
  if (isText && template?.slots === undefined) {
    return isString(first.content) && (first.content.trim() !== "" || template?.form === "text")
      ? { system: first.content }
      : {}
  }
  const blocks = messages.flatMap((message) => putTogether(dialect, wordsOf(message), getTemplate(message, FORMAT)))
  return blocks.length === 0 ? {} : { system: blocks }
}

const writeTurn = ({ members, role }: Turn): JsonObject => {
  const placed = members.flatMap(({ blocks, template }) => blocks.map((block, i) => ({ block, at: template?.at?.[i] })))
  // The original order holds only among the blocks of one original.
  const blocks = placed.some(({ at }) => at === undefined)
    ? sortResultsFirst(placed.map(({ block }) => block))
    : placed.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0)).map(({ block }) => block)
  const [first] = members
  const template = first?.template
  const isPlain = template?.form === "text" || (role === "user" && isString(first?.message.content))
  const isText = members.length === 1 && isPlain && template?.form !== "blocks" && template?.slots === undefined
  const blank = isString(first?.message.content) && isText && blocks.length === 0 ? first.message.content : undefined
  return applyPatch({ role, content: blank ?? shapeContent(blocks, isText) }, template?.group, "")
}

/** The results of calls come first in a message, or they are refused. */
const sortResultsFirst = (blocks: ReadonlyArray<JsonObject>): ReadonlyArray<JsonObject> => [
  ...blocks.filter(({ type }) => type === "tool_result"),
  ...blocks.filter(({ type }) => type !== "tool_result")
]
