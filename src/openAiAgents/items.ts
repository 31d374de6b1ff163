/**
 * The items of the OpenAI Agents SDK as messages, and back without loss. They are those of the Responses API under other
 * names, so only names are changed here. What a Responses item has no name for stays as it is, and a message keeps it.
 */
import type { AgentInputItem } from "@openai/agents-core"
import { getString, isObject, isString, type JsonObject, listObjects } from "../format/json.ts"
import { decode, encode, type Message } from "../promise/Promise.ts"

/** Reads items as messages. Throws `InvalidMessage` for what is no item. */
export const readItems = (items: ReadonlyArray<object>): ReadonlyArray<Message> =>
  decode("responses", items.map(toWire))

/** Writes messages as items: those that came as items as they were, with their words as they are now. */
export const writeItems = (messages: ReadonlyArray<Message>): ReadonlyArray<AgentInputItem> => {
  const names = new Map<unknown, unknown>()
  return encode("responses", messages).map((item) => {
    const written = fromWire({ ...item }, names)
    if (written.type === "function_call") names.set(written.callId, written.name)
    return giveType<AgentInputItem>(written)
  })
}

/** The types of the SDK are those of what a writer writes, which may hold whatever was read. */
const giveType = <A extends object>(written: object): A => written as A

/** The items that name their call, with the type they have in the Responses API. */
const CALLS: ReadonlyMap<unknown, string> = new Map<unknown, string>(
  Object.entries({
    function_call: "function_call",
    function_call_result: "function_call_output",
    computer_call: "computer_call",
    computer_call_result: "computer_call_output",
    shell_call: "shell_call",
    shell_call_output: "shell_call_output",
    apply_patch_call: "apply_patch_call",
    apply_patch_call_output: "apply_patch_call_output",
    program: "program",
    program_output: "program_output"
  })
)
const TYPES = new Map<unknown, unknown>(Array.from(CALLS, ([type, wireType]) => [wireType, type]))

// ── to the Responses API ──

const toWire = (item: object): JsonObject => {
  const { callId, content, output, rawContent, ...rest }: JsonObject = { ...item }
  const wireType = CALLS.get(rest.type)
  if (wireType !== undefined) {
    return { ...rest, type: wireType, call_id: callId, ...(output !== undefined && toWireOutput(output)) }
  }
  if (rest.type !== "reasoning")
    return Array.isArray(content) ? { ...item, content: content.map(toWireBlock) } : { ...item }
  const summary = listObjects(content).map((block) => ({ ...block, type: "summary_text" }))
  return { ...rest, summary, ...(rawContent !== undefined && { content: rawContent }) }
}

const toWireBlock = (block: unknown): unknown => {
  if (!isObject(block)) return block
  const { file, image, ...rest } = block
  if (rest.type === "input_image") return { ...rest, ...toWireSource(image, "image_url") }
  return rest.type === "input_file" ? { ...rest, ...toWireSource(file, "file_data") } : block
}

const toWireSource = (source: unknown, field: "image_url" | "file_data"): JsonObject => {
  if (!isObject(source)) return source === undefined ? {} : { [field]: source }
  return isString(source.id) ? { file_id: source.id } : { file_url: source.url }
}

/** A single object is no output of the Responses API: `shape` says what it was. */
const toWireOutput = (output: unknown): JsonObject => {
  if (Array.isArray(output)) return { output: output.map(toWireBlock) }
  if (!isObject(output)) return { output }
  const { data, image, text, ...shape } = output
  if (shape.type === "text" && isString(text)) return { output: text, shape }
  if (shape.type === "computer_screenshot") return { output: { ...shape, image_url: data } }
  const isPicture = shape.type === "image" && isString(image)
  return { output: [isPicture ? { ...shape, type: "input_image", image_url: image } : output], shape }
}

// ── from the Responses API ──

/** Types that both have. */
const COMMON: ReadonlyArray<unknown> = [
  "hosted_tool_call",
  "tool_search_call",
  "tool_search_output",
  "compaction",
  "unknown"
]

/** `names` are those of the tools that calls before it have called. */
const fromWire = (item: JsonObject, names: ReadonlyMap<unknown, unknown>): JsonObject => {
  const { call_id: callId, content, output, shape, summary, ...rest } = item
  const type = TYPES.get(rest.type)
  if (type !== undefined) {
    const added = type === "function_call_result" ? { name: names.get(callId) ?? "tool", status: "completed" } : {}
    return { ...added, ...rest, type, callId, ...(output !== undefined && { output: fromWireOutput(output, shape) }) }
  }
  if (isString(rest.role)) return fromWireMessage({ ...rest, content })
  if (rest.type === "reasoning") {
    const thoughts = listObjects(summary).map((block) => ({ ...block, type: "input_text" }))
    return { ...rest, content: thoughts, ...(content !== undefined && { rawContent: content }) }
  }
  return COMMON.includes(rest.type) ? item : { type: "unknown", providerData: item }
}

const fromWireMessage = ({ content, role, ...rest }: JsonObject): JsonObject => {
  const blocks = Array.isArray(content) ? content.map(fromWireBlock) : undefined
  if (role === "user") return { ...rest, role, content: blocks ?? content }
  if (role === "assistant") {
    return { status: "completed", ...rest, role, content: blocks ?? [{ type: "output_text", text: content }] }
  }
  const texts = listObjects(blocks).map(({ text }) => getString(text))
  return { ...rest, role: "system", content: blocks === undefined ? content : texts.join("\n") }
}

const fromWireBlock = (block: unknown): unknown => {
  if (!isObject(block)) return block
  const { file_data: data, file_id: id, file_url: url, image_url: image, input_audio: audio, ...rest } = block
  const source = isString(id) ? { id } : isString(url) ? { url } : undefined
  if (rest.type === "input_image") return { ...rest, ...named("image", source ?? image) }
  if (rest.type === "input_file") return { ...rest, ...named("file", source ?? data) }
  if (rest.type !== "input_audio" || !isObject(audio)) return block
  return { ...rest, type: "audio", audio: audio.data, format: audio.format }
}

const named = (field: string, value: unknown): JsonObject => (value === undefined ? {} : { [field]: value })

const fromWireOutput = (output: unknown, shape: unknown): unknown => {
  if (isObject(output)) {
    const { image_url: data, ...screenshot } = output
    return { ...screenshot, data }
  }
  if (isString(output)) return isObject(shape) && shape.type === "text" ? { ...shape, text: output } : output
  const blocks = Array.isArray(output) ? output.map(fromWireBlock) : []
  const [only] = blocks
  if (!isObject(shape) || !isObject(only) || blocks.length > 1) return blocks
  return { ...only, type: shape.type }
}
