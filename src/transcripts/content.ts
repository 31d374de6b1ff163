/** Makes chat messages in the OpenAI format from the content blocks of pi. */
import type { AssistantMessage, Message, ToolCall, ToolMessage } from "../message/Message.ts"

/** A content part in the OpenAI format. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }

export const makeTextPart = (text: string): Part => ({ type: "text", text })

export const makeImagePart = (url: string): Part => ({ type: "image_url", image_url: { url } })

export const makeDataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`

/** Makes the content of a user message: plain text if there is no image. */
const makeUserContent = (parts: ReadonlyArray<Part>): string | Array<Part> =>
  parts.every(({ type }) => type === "text") ? joinWords(parts) : [...parts]

/** Joins the text of the parts, for roles that may not send images. An image leaves the word `[image]`. */
export const joinWords = (parts: ReadonlyArray<Part>): string =>
  parts.map((part) => (part.type === "text" ? part.text : "[image]")).join("\n")

/** Without text the content is null, as in the OpenAI API. */
export const makeAssistantMessage = (parts: ReadonlyArray<Part>, calls: ReadonlyArray<Call>): AssistantMessage => ({
  role: "assistant",
  content: parts.length === 0 ? null : joinWords(parts),
  ...(calls.length === 0 ? {} : { tool_calls: calls.map(makeToolCall) })
})

/** A tool call. `input` is its arguments: a value, or the JSON text that the model wrote. */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

const makeToolCall = ({ id, input, name }: Call): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}) }
})

export const makeToolMessage = (callId: string, parts: ReadonlyArray<Part>): ToolMessage => ({
  role: "tool",
  tool_call_id: callId,
  content: joinWords(parts)
})

export const makeUserMessage = (parts: ReadonlyArray<Part>): Message => ({
  role: "user",
  content: makeUserContent(parts)
})
