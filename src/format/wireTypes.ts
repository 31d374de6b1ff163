/**
 * The messages of other APIs, in types that those of their SDKs take. They name what most messages are made of. Blocks of
 * other types, and fields that a server may leave out, are kept at run time, as the parts of a chat message are.
 */

// ── Anthropic ──

export type Cached = { cache_control?: { type: "ephemeral"; ttl?: "5m" | "1h" } | null }

export type AnthropicText = Cached & { type: "text"; text: string }
export type AnthropicImage = Cached & {
  type: "image"
  source:
    | { type: "base64"; media_type: "image/jpeg" | "image/png" | "image/gif" | "image/webp"; data: string }
    | { type: "url"; url: string }
}
export type AnthropicDocument = Cached & {
  type: "document"
  source:
    | { type: "base64"; media_type: "application/pdf"; data: string }
    | { type: "text"; media_type: "text/plain"; data: string }
  title?: string | null
  context?: string | null
}
export type AnthropicResult = Cached & {
  type: "tool_result"
  tool_use_id: string
  content?: string | Array<AnthropicText | AnthropicImage | AnthropicDocument>
  is_error?: boolean
}
export type AnthropicBlock =
  | AnthropicText
  | AnthropicImage
  | AnthropicDocument
  | AnthropicResult
  | (Cached & { type: "tool_use"; id: string; name: string; input: unknown })
  | { type: "thinking"; thinking: string; signature: string }
  | { type: "redacted_thinking"; data: string }

export type AnthropicMessage = { role: "user" | "assistant"; content: string | Array<AnthropicBlock> }

// ── Responses ──

export type ResponsesBlock =
  | { type: "input_text"; text: string }
  | { type: "input_image"; detail: "auto" | "low" | "high"; image_url?: string | null; file_id?: string | null }
  | { type: "input_file"; file_data?: string; file_id?: string | null; filename?: string }
export type ResponsesOutput = { call_id: string; output: string | Array<ResponsesBlock> }

export type ResponsesItem =
  | {
      type?: "message"
      role: "user" | "assistant" | "system" | "developer"
      content: string | Array<ResponsesBlock>
    }
  | {
      type: "reasoning"
      id: string
      summary: Array<{ type: "summary_text"; text: string }>
      encrypted_content?: string | null
    }
  | { type: "function_call"; call_id: string; name: string; arguments: string; id?: string }
  | { type: "custom_tool_call"; call_id: string; name: string; input: string; id?: string }
  | (ResponsesOutput & { type: "function_call_output" })
  | (ResponsesOutput & { type: "custom_tool_call_output" })

// ── AI SDK ──

export type Json = null | string | number | boolean | Array<Json> | { [key: string]: Json }
export type Data = string | Uint8Array | ArrayBuffer | URL
export type ModelText = { type: "text"; text: string }
export type ModelFile = { type: "file"; data: Data; mediaType: string; filename?: string }
export type ModelResult = {
  type: "tool-result"
  toolCallId: string
  toolName: string
  output: { type: "text"; value: string } | { type: "json"; value: Json } | { type: "content"; value: Array<ModelText> }
}

export type ModelMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string | Array<ModelText | ModelFile | { type: "image"; image: Data }> }
  | {
      role: "assistant"
      content:
        | string
        | Array<
            | ModelText
            | ModelFile
            | { type: "reasoning"; text: string }
            | { type: "tool-call"; toolCallId: string; toolName: string; input: unknown }
          >
    }
  | { role: "tool"; content: Array<ModelResult> }

export type UiCall = { type: `tool-${string}`; toolCallId: string; input: unknown }

export type UiMessage = {
  id: string
  role: "system" | "user" | "assistant"
  parts: Array<
    | { type: "text"; text: string }
    | { type: "reasoning"; text: string }
    | { type: "file"; mediaType: string; url: string; filename?: string }
    | { type: "step-start" }
    | (UiCall & { state: "input-available" })
    | (UiCall & { state: "output-available"; output: unknown })
    | (UiCall & { state: "output-error"; errorText: string })
  >
}

// ── functions of Chat Completions ──

export type FunctionMessage = { role: "function"; name: string; content: string | null }
