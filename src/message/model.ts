/** The shapes of chat messages: those of the `openai` package, which its client takes and gives. */

/**
 * One call of a tool by the model: of a function, whose `arguments` are the JSON text the model wrote, or of a custom
 * tool, whose `input` is free text. `callName` and `callInput` read either.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolCall = FunctionToolCall | CustomToolCall

/**
 * @since 0.1.0
 * @category models
 */
export interface FunctionToolCall {
  readonly id: string
  readonly type: "function"
  readonly function: FunctionCall
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CustomToolCall {
  readonly id: string
  readonly type: "custom"
  readonly custom: { readonly name: string; readonly input: string }
}

/**
 * The function a model calls and the JSON text of its arguments.
 *
 * @since 0.1.0
 * @category models
 */
export interface FunctionCall {
  readonly name: string
  readonly arguments: string
}

/**
 * A part of a message's content. At run time content may hold parts of a server's own type as well, in any message:
 * they are kept and counted, never read.
 *
 * @since 0.1.0
 * @category models
 */
export type ContentPart = TextPart | ImagePart | AudioPart | FilePart | RefusalPart

/**
 * @since 0.1.0
 * @category models
 */
export interface TextPart {
  readonly type: "text"
  readonly text: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ImagePart {
  readonly type: "image_url"
  readonly image_url: { readonly url: string; readonly detail?: "auto" | "low" | "high" }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface AudioPart {
  readonly type: "input_audio"
  readonly input_audio: { readonly data: string; readonly format: "wav" | "mp3" }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FilePart {
  readonly type: "file"
  readonly file: { readonly file_data?: string; readonly file_id?: string; readonly filename?: string }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface RefusalPart {
  readonly type: "refusal"
  readonly refusal: string
}

/**
 * What a message has in the format it came from and not in this one, such as signatures: only `MessageFormat` reads it.
 * `format` names the format. In a log it is the field `native`. In a view it stands under the symbol `Native`, where a
 * copy by spread keeps it and JSON does not show it, so that no other server gets it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Native {
  readonly format: string
  readonly [key: string]: unknown
}
/**
 * The key of a message's `Native` in a view.
 *
 * @since 0.1.0
 * @category models
 */
export const Native: unique symbol = Symbol.for("throughline/native")

/**
 * @since 0.1.0
 * @category models
 */
export interface SystemMessage {
  readonly role: "system" | "developer"
  readonly content: string | Array<TextPart>
  readonly native?: Native
  readonly [Native]?: Native
}

/**
 * @since 0.1.0
 * @category models
 */
export interface UserMessage {
  readonly role: "user"
  readonly content: string | Array<Exclude<ContentPart, RefusalPart>>
  readonly name?: string
  readonly native?: Native
  readonly [Native]?: Native
}

/**
 * A message of the model. `function_call` is the legacy form of a call, and nothing answers it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AssistantMessage {
  readonly role: "assistant"
  readonly content?: string | Array<TextPart | RefusalPart> | null
  readonly tool_calls?: Array<ToolCall>
  readonly refusal?: string | null
  readonly function_call?: FunctionCall | null
  readonly audio?: { readonly id: string; readonly transcript?: string } | null
  readonly name?: string
  readonly native?: Native
  readonly [Native]?: Native
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ToolMessage {
  readonly role: "tool"
  readonly tool_call_id: string
  readonly content: string | Array<TextPart>
  readonly native?: Native
  readonly [Native]?: Native
}

/**
 * A chat message: system (or developer), user, assistant with `tool_calls`, or tool with `tool_call_id`. It can be given
 * to the `openai` package and taken from it as it is. Fields this type does not name are allowed and kept.
 *
 * @since 0.1.0
 * @category models
 */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage
