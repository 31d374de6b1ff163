/**
 * The content of a chat message, made from the blocks of an agent's own format.
 *
 * @since 0.1.0
 */
import type { AssistantMessage, Message, ToolCall, ToolMessage } from "../message/Message.ts"

/**
 * A piece of content in the OpenAI shape.
 *
 * @since 0.1.0
 * @category models
 */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }

/**
 * @since 0.1.0
 * @category constructors
 */
export const textPart = (text: string): Part => ({ type: "text", text })

/**
 * @since 0.1.0
 * @category constructors
 */
export const imagePart = (url: string): Part => ({ type: "image_url", image_url: { url } })

/**
 * @since 0.1.0
 * @category constructors
 */
export const dataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`

/**
 * Content a user may send: plain words where no image is among them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const messageContent = (parts: ReadonlyArray<Part>): string | ReadonlyArray<Part> =>
  parts.every(({ type }) => type === "text") ? wordsOfParts(parts) : parts

/**
 * The words alone, for the roles that may not carry images: these leave a mark.
 *
 * @since 0.1.0
 * @category getters
 */
export const wordsOfParts = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (part.type === "text" ? part.text : "[image]")).join("\n")

/**
 * An assistant message; without words its content is null, as the OpenAI API writes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const assistantMessage = (parts: ReadonlyArray<Part>, calls: ReadonlyArray<Call>): AssistantMessage => ({
  role: "assistant",
  content: parts.length === 0 ? null : wordsOfParts(parts),
  ...(calls.length === 0 ? {} : { tool_calls: calls.map(toolCall) })
})

/**
 * A call of a tool; `input` is its arguments, as a value or as the JSON text the model wrote.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

const toolCall = ({ id, input, name }: Call): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}) }
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const toolMessage = (callId: string, parts: ReadonlyArray<Part>): ToolMessage => ({
  role: "tool",
  tool_call_id: callId,
  content: wordsOfParts(parts)
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const userMessage = (parts: ReadonlyArray<Part>): Message => ({ role: "user", content: messageContent(parts) })
