/** Writes messages as either API takes them: words, pictures, files, calls and results. Fields of other servers are left out. */
import type {
  ChatCompletionContentPart,
  ChatCompletionMessageParam
} from "openai/resources/chat/completions/completions"
import type { ResponseInputContent, ResponseInputItem } from "openai/resources/responses/responses"
import * as Message from "../message/Message.ts"

/** Writes messages of Chat Completions. */
export const toChatMessages = (messages: ReadonlyArray<Message.Message>): Array<ChatCompletionMessageParam> =>
  pairCalls(messages).map((message): ChatCompletionMessageParam => {
    const { role } = message
    if (role === "user") return { role, content: hasMedia(message) ? toChatParts(message) : Message.text(message) }
    if (role === "tool") return { role, tool_call_id: message.tool_call_id, content: Message.text(message) }
    const content = Message.text(message)
    const calls = Message.toolCalls(message)
    if (role !== "assistant" || calls.length === 0) return { role, content }
    return { role, content: content === "" ? null : content, tool_calls: calls.map(toChatCall) }
  })

/** Writes items of the Responses API. */
export const toInputItems = (messages: ReadonlyArray<Message.Message>): Array<ResponseInputItem> =>
  pairCalls(messages).flatMap((message): Array<ResponseInputItem> => {
    const content = Message.text(message)
    if (message.role === "tool") {
      const { isCustom, tool_call_id: call_id } = message
      return [{ type: isCustom ? "custom_tool_call_output" : "function_call_output", call_id, output: content }]
    }
    if (message.role === "user") return [{ role: "user", content: hasMedia(message) ? toInputParts(message) : content }]
    const calls = Message.toolCalls(message)
    const said = content !== "" || calls.length === 0 ? [{ role: message.role, content }] : []
    return [...said, ...calls.map(toInputCall)]
  })

type Paired = Exclude<Message.Message, Message.ToolMessage> | (Message.ToolMessage & { readonly isCustom: boolean })

/**
 * Keeps the calls that are answered at once, and their answers. Servers refuse a request with any other, so these become
 * words.
 */
const pairCalls = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Paired> => {
  const paired: Array<Paired> = []
  for (let at = 0; at < messages.length; at++) {
    const message = messages[at]
    const results: Array<Message.ToolMessage> = []
    for (let next = messages[at + 1]; next?.role === "tool"; next = messages[at + 1]) {
      results.push(next)
      at++
    }
    if (message?.role === "tool") results.unshift(message)
    const answers = new Map(results.toReversed().map((result) => [result.tool_call_id, result]))
    const calls = message?.role === "assistant" ? Message.toolCalls(message) : []
    const answered = calls.filter(({ id }, i) => answers.has(id) && calls.findIndex((call) => call.id === id) === i)
    if (message?.role === "assistant" && calls.length > 0) {
      const unanswered = calls.filter((call) => !answered.includes(call)).map(describeCall)
      const words = [Message.text(message), ...unanswered].filter((text) => text !== "").join("\n")
      paired.push({ role: "assistant", content: words, tool_calls: answered })
    } else if (message !== undefined && message.role !== "tool") paired.push(message)
    const used = new Set<Message.ToolMessage>()
    for (const { id, type } of answered) {
      const result = answers.get(id)
      if (result === undefined) continue
      used.add(result)
      paired.push({ ...result, isCustom: type === "custom" })
    }
    for (const result of results) {
      if (!used.has(result)) paired.push({ role: "user", content: Message.text(result) })
    }
  }
  return paired
}

const describeCall = (call: Message.ToolCall): string => `[calls ${Message.callName(call)} ${Message.callInput(call)}]`

const hasMedia = (message: Message.Message): boolean => Message.parts(message).some(({ type }) => type !== "text")

const toChatParts = (message: Message.Message): Array<ChatCompletionContentPart> =>
  Message.parts(message).flatMap((part): Array<ChatCompletionContentPart> => {
    if (part.type === "text") return [{ type: "text", text: part.text }]
    if (part.type === "image_url") return [{ type: "image_url", image_url: part.image_url }]
    if (part.type === "input_audio") return [{ type: "input_audio", input_audio: part.input_audio }]
    return part.type === "file" ? [{ type: "file", file: part.file }] : []
  })

const toInputParts = (message: Message.Message): Array<ResponseInputContent> =>
  Message.parts(message).flatMap((part): Array<ResponseInputContent> => {
    if (part.type === "text") return [{ type: "input_text", text: part.text }]
    if (part.type === "image_url") {
      const { detail = "auto", url } = part.image_url
      return [{ type: "input_image", image_url: url, detail }]
    }
    if (part.type === "file") return [{ type: "input_file", ...part.file }]
    return part.type === "input_audio" ? [{ type: "input_text", text: "[sound, which this API does not take]" }] : []
  })

const toChatCall = (call: Message.ToolCall) =>
  call.type === "custom"
    ? ({ id: call.id, type: "custom", custom: { name: call.custom.name, input: call.custom.input } } as const)
    : ({
        id: call.id,
        type: "function",
        function: { name: call.function.name, arguments: call.function.arguments }
      } as const)

const toInputCall = (call: Message.ToolCall): ResponseInputItem =>
  call.type === "custom"
    ? { type: "custom_tool_call", call_id: call.id, name: call.custom.name, input: call.custom.input }
    : { type: "function_call", call_id: call.id, name: call.function.name, arguments: call.function.arguments }
