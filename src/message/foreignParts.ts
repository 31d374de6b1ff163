/** Recognizes messages of other APIs, and parts of them inside a chat message, and says which format reads them. */
import * as Predicate from "effect/Predicate"

/**
 * The part types that Chat Completions does not have, by the format that reads them. `refusal` is a part of Chat
 * Completions, and `thinking` one that Mistral and DeepSeek send in it.
 */
const FOREIGN_PARTS: { readonly [format: string]: ReadonlyArray<string> } = {
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
    "compaction",
    "item_reference"
  ],
  "ai-sdk-model": ["tool-call", "tool-result", "tool-error", "tool-approval-request", "tool-approval-response"],
  "ai-sdk-ui": ["tool-invocation", "dynamic-tool", "step-start", "source-url", "source-document"]
}

const FORMAT_OF_TYPE: ReadonlyMap<unknown, string> = new Map(
  Object.entries(FOREIGN_PARTS).flatMap(([format, types]) => types.map((type) => [type, format]))
)

/** Parts recognized by a field, because their type says too little or is none. `null`: no format reads them. */
const FORMAT_OF_FIELD: ReadonlyArray<readonly [type: string | undefined, field: string, format: string | null]> = [
  ["image", "source", "anthropic"],
  ["image", "image", "ai-sdk-model"],
  ["file", "data", "ai-sdk-model"],
  [undefined, "functionCall", null],
  [undefined, "functionResponse", null],
  [undefined, "toolUse", null],
  [undefined, "toolResult", null]
]

/**
 * Returns the issue with a message of another API, or `undefined` for one that has none: its content may be all that a
 * server of Chat Completions takes. Costs nothing for content that is a string.
 */
export const findForeign = (input: unknown): string | undefined => {
  if (!Predicate.isRecord(input)) return undefined
  const { content, parts, role, type } = input
  if (role === "function") return explain(`the role "function"`, "legacy-functions")
  if (Array.isArray(parts)) return explainParts(parts)
  if (role === undefined && FORMAT_OF_TYPE.has(type))
    return explain(`the item "${String(type)}"`, FORMAT_OF_TYPE.get(type))
  if (!Array.isArray(content)) return undefined
  for (const [i, part] of content.entries()) {
    const issue = explainPart(part)
    if (issue !== undefined) return `content.${i}: ${issue}`
  }
  return undefined
}

/** UI messages of the AI SDK have parts with a type, contents of Gemini parts without one. */
const explainParts = (parts: ReadonlyArray<unknown>): string =>
  explain(
    "the list of parts",
    parts.every((part) => Predicate.isRecord(part) && Predicate.isString(part["type"])) ? "ai-sdk-ui" : null
  )

const explainPart = (part: unknown): string | undefined => {
  if (!Predicate.isRecord(part)) return undefined
  const { text, type } = part
  if (type === "reasoning" && typeof text === "string") return explain(`the part "reasoning"`, "ai-sdk-model")
  const ofType = FORMAT_OF_TYPE.get(type)
  if (ofType !== undefined) return explain(`the part "${String(type)}"`, ofType)
  const found = FORMAT_OF_FIELD.find(([of, field]) => of === type && part[field] !== undefined)
  if (found === undefined) return undefined
  const [of, field, format] = found
  return explain(of === undefined ? `the part with "${field}"` : `the part "${of}" with "${field}"`, format)
}

const explain = (what: string, format: string | null | undefined): string =>
  `${what} belongs to another API; ${
    typeof format === "string" ? `MessageFormat "${format}" reads it` : "no MessageFormat reads it"
  }`
