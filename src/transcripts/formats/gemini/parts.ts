/** Makes messages of the `parts` of Gemini's API: texts, data, calls of functions and their responses. */
import { isObject, type JsonObject } from "../../../format/json.ts"
import type { Message } from "../../../message/Message.ts"
import {
  type Call,
  makeAssistantMessage,
  makeDataUrl,
  makeImagePart,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../../content.ts"
import { type CallIds, getText, showValue } from "../../entries.ts"

/** Parts may be a list, one part, or plain text. Thoughts are left out. */
export const listParts = (content: unknown): ReadonlyArray<JsonObject> => {
  const all: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  return all.flatMap((part) => {
    if (typeof part === "string") return part === "" ? [] : [{ text: part }]
    return isObject(part) && part.thought !== true ? [part] : []
  })
}

/** The messages of one content: results first, since they answer the message before. */
export const convertParts = (role: "user" | "assistant", content: unknown, ids: CallIds): ReadonlyArray<Message> => {
  const results: Array<Message> = []
  const calls: Array<Call> = []
  const parts: Array<Part> = []
  for (const { fileData, functionCall, functionResponse, inlineData, text } of listParts(content)) {
    if (typeof text === "string" && text !== "") parts.push(makeTextPart(text))
    if (isObject(inlineData)) parts.push(convertData(inlineData))
    if (isObject(fileData)) parts.push(makeTextPart(`[${getText(fileData, "fileUri")}]`))
    if (isObject(functionCall)) {
      const name = getText(functionCall, "name")
      calls.push({ id: ids.call(name, functionCall.id), name, input: functionCall.args })
    }
    if (isObject(functionResponse)) {
      const id = ids.answer(getText(functionResponse, "name"), functionResponse.id)
      results.push(makeToolMessage(id, [makeTextPart(showResponse(functionResponse.response))]))
    }
  }
  if (role === "assistant" && parts.length + calls.length > 0) return [...results, makeAssistantMessage(parts, calls)]
  return parts.length === 0 ? results : [...results, makeUserMessage(parts)]
}

const convertData = (data: JsonObject): Part => {
  const mediaType = getText(data, "mimeType")
  return mediaType.startsWith("image/")
    ? makeImagePart(makeDataUrl(mediaType, getText(data, "data")))
    : makeTextPart(`[${mediaType}]`)
}

/** Most tools answer with a text under `output` or `error`. */
export const showResponse = (response: unknown): string => {
  if (!isObject(response)) return showValue(response)
  const [only, ...others] = Object.keys(response)
  return others.length === 0 && (only === "output" || only === "error")
    ? showValue(response[only])
    : showValue(response)
}
