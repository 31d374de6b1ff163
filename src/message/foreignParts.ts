/** Recognizes messages of other APIs, and parts of them inside a chat message, and says which format reads them. */
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"

/** The formats of other APIs that `MessageFormat` reads. */
export type ForeignFormat = "anthropic" | "responses" | "ai-sdk-model" | "ai-sdk-ui" | "legacy-functions"

/**
 * The part types that Chat Completions does not have, by the format that reads them. `refusal` is a part of Chat
 * Completions, and `thinking` one that Mistral and DeepSeek send in it.
 */
const FOREIGN_PARTS: { readonly [format in Exclude<ForeignFormat, "legacy-functions">]: ReadonlyArray<string> } = {
  anthropic: [
    "tool_use",
    "tool_result",
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "redacted_thinking",
    "document",
    "search_result",
    "container_upload"
  ],
  responses: [
    "input_text",
    "input_image",
    "input_file",
    "output_text",
    "summary_text",
    "reasoning_text",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "program",
    "program_output",
    "compaction",
    "compaction_trigger",
    "item_reference"
  ],
  "ai-sdk-model": ["tool-call", "tool-result", "tool-error", "tool-approval-request", "tool-approval-response"],
  "ai-sdk-ui": ["tool-invocation", "dynamic-tool", "step-start", "source-url", "source-document"]
}

const FORMAT_OF_TYPE: ReadonlyMap<unknown, ForeignFormat> = new Map(
  Struct.entries(FOREIGN_PARTS).flatMap(([format, types]) => types.map((type) => [type, format] as const))
)

/** Parts recognized by a field, because their type says too little or is none. `null`: no format reads them. */
const FORMAT_OF_FIELD: ReadonlyArray<readonly [type: string | undefined, field: string, format: ForeignFormat | null]> =
  [
    ["image", "source", "anthropic"],
    ["thinking", "signature", "anthropic"],
    ["image", "image", "ai-sdk-model"],
    ["file", "data", "ai-sdk-model"],
    [undefined, "functionCall", null],
    [undefined, "functionResponse", null],
    [undefined, "toolUse", null],
    [undefined, "toolResult", null]
  ]

/** What a message has that Chat Completions does not, and the format that reads it; `null` if none does. */
interface Mark {
  readonly what: string
  readonly format: ForeignFormat | null
}

/**
 * Returns the issue with a message of another API, or `undefined` for one that has none: its content may be all that a
 * server of Chat Completions takes. Costs nothing for content that is a string.
 */
export const findForeign = (input: unknown): string | undefined => {
  const mark = findMark(input)
  if (mark === undefined) return undefined
  const reader = mark.format === null ? "no MessageFormat reads it" : `MessageFormat "${mark.format}" reads it`
  return `${mark.what} belongs to another API; ${reader}`
}

/** Returns the format of a message that Chat Completions does not have, or that only another API writes in this way. */
export const findForeignFormat = (input: unknown): ForeignFormat | undefined => {
  const mark = findMark(input)
  if (mark !== undefined) return mark.format ?? undefined
  if (!Predicate.isRecord(input)) return undefined
  if (input["role"] === "tool" && input["tool_call_id"] === undefined && Array.isArray(input["content"]))
    return "ai-sdk-model"
  if (input["type"] !== "message") return undefined
  return "stop_reason" in input ? "anthropic" : "responses"
}

const findMark = (input: unknown): Mark | undefined => {
  if (!Predicate.isRecord(input)) return undefined
  const { content, parts, role, type } = input
  if (role === "function") return { what: `the role "function"`, format: "legacy-functions" }
  if (Array.isArray(parts) && (parts.length > 0 || content === undefined))
    return { what: "the list of parts", format: hasTypes(parts) ? "ai-sdk-ui" : null }
  const ofItem = role === undefined ? FORMAT_OF_TYPE.get(type) : undefined
  if (ofItem !== undefined) return { what: `the item "${String(type)}"`, format: ofItem }
  if (!Array.isArray(content)) return undefined
  for (const [i, part] of content.entries()) {
    const mark = findPartMark(part)
    if (mark !== undefined) return { ...mark, what: `content.${i}: ${mark.what}` }
  }
  return undefined
}

/** UI messages of the AI SDK have parts with a type, contents of Gemini parts without one. */
const hasTypes = (parts: ReadonlyArray<unknown>): boolean =>
  parts.every((part) => Predicate.isRecord(part) && Predicate.isString(part["type"]))

const findPartMark = (part: unknown): Mark | undefined => {
  if (!Predicate.isRecord(part)) return undefined
  const { text, type } = part
  if (type === "reasoning" && typeof text === "string") return { what: `the part "reasoning"`, format: "ai-sdk-model" }
  // As an item it is one of Responses.
  const ofType = type === "compaction" ? "anthropic" : FORMAT_OF_TYPE.get(type)
  if (ofType !== undefined) return { what: `the part "${String(type)}"`, format: ofType }
  const found = FORMAT_OF_FIELD.find(([of, field]) => of === type && (part[field] ?? null) !== null)
  if (found === undefined) return undefined
  const [of, field, format] = found
  return { what: of === undefined ? `the part with "${field}"` : `the part "${of}" with "${field}"`, format }
}
