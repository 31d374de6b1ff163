/**
 * The prompt that the AI SDK gives to a model. It has the parts of its model messages, but for files: a picture is a file of
 * a media type, and from version 4 of the specification on the data of a file says what it is.
 */
import * as MessageFormat from "../format/MessageFormat.ts"
import { isObject, isString, type JsonObject, listObjects } from "../format/json.ts"
import { readDataUrl } from "../format/media.ts"
import { decode } from "../promise/Promise.ts"
import type { Message } from "../message/Message.ts"

/** Parts a prompt from the instructions that it begins with, which are the caller's in each call. */
export const splitPrompt = (prompt: ReadonlyArray<unknown>) => {
  const items = listObjects(prompt)
  const begin = items.findIndex(({ role }) => role !== "system")
  const count = begin < 0 ? items.length : begin
  return { system: items.slice(0, count), items: items.slice(count) }
}

/** Reads items of a prompt as messages. Throws `InvalidMessage` for what is none. */
export const readItems = (items: ReadonlyArray<JsonObject>): ReadonlyArray<Message> =>
  decode("ai-sdk-model", items.map(readItem))

const readItem = (item: JsonObject): JsonObject =>
  Array.isArray(item.content) ? { ...item, content: mapParts(item.content, readFile, readOutput) } : item

/** Makes of tagged data what earlier versions have. A reference to a provider's file stays. */
const readFile = (part: JsonObject): JsonObject => {
  const { data, mediaType, type } = part
  if (type !== "file" || !isObject(data)) return part
  const bare = data.type === "data" ? data.data : data.type === "url" ? data.url : data
  return { ...part, data: bare, mediaType: mediaType === "image" ? "image/*" : mediaType }
}

const readOutput = (part: JsonObject): JsonObject => {
  const { data, mediaType, type } = part
  if (type !== "file" || !isObject(data) || !isString(data.data) || !isString(mediaType)) return part
  return { ...part, type: mediaType.startsWith("image/") ? "image-data" : "file-data", data: data.data }
}

/** Writes messages as a model of a version takes them: `v2`, `v3` or `v4`. */
export const writePrompt = (messages: ReadonlyArray<Message>, version: string): ReadonlyArray<JsonObject> => {
  const hasTags = !EARLIER.has(version)
  const writeFile = (part: JsonObject) => (isFile(part) ? writeFileOf(part, hasTags) : part)
  const writeOutput = (part: JsonObject) => writeOutputOf(part, version)
  return listObjects(MessageFormat.encode("ai-sdk-model", messages)).map((item) => {
    if (item.role === "system") return item
    const content = isString(item.content) ? [{ type: "text", text: item.content }] : listObjects(item.content)
    return { ...item, content: mapParts(content, writeFile, writeOutput) }
  })
}

const EARLIER: ReadonlySet<string> = new Set(["v2", "v3"])

const isFile = ({ data, image, type }: JsonObject): boolean =>
  type === "image" ? image !== undefined : (type === "file" || type === "reasoning-file") && data !== undefined

const writeFileOf = ({ image, ...part }: JsonObject, hasTags: boolean): JsonObject => {
  const given = part.type === "image" ? image : part.data
  const inline = isString(given) ? readDataUrl(given) : undefined
  const data = inline?.data ?? (isString(given) && URL.canParse(given) ? new URL(given) : given)
  const mediaType = inline?.mediaType ?? part.mediaType ?? "image/*"
  const type = part.type === "image" ? "file" : part.type
  return { ...part, type, mediaType, data: hasTags ? tagData(data) : data }
}

/** Anything but data and URLs is tagged already; a URL among it was stored as text. */
const tagData = (data: unknown): unknown => {
  if (data instanceof URL) return { type: "url", url: data }
  if (isString(data) || data instanceof Uint8Array) return { type: "data", data }
  return isObject(data) && isString(data.url) ? { ...data, url: new URL(data.url) } : data
}

/** The files among the results of tools, which each version calls something else. */
const writeOutputOf = (part: JsonObject, version: string): JsonObject => {
  const { type, url } = part
  if (version === "v2") return part
  const isData = type === "file" || type === "media" || type === "image-data" || type === "file-data"
  const isImage = isString(part.mediaType) && part.mediaType.startsWith("image/")
  if (version === "v3") return type === "media" ? { ...part, type: isImage ? "image-data" : "file-data" } : part
  if (isData) return { ...part, type: "file", data: tagData(part.data) }
  if (type !== "image-url" || !isString(url)) return part
  return { type: "file", data: tagData(new URL(url)), mediaType: "image/*", providerOptions: part.providerOptions }
}

type MapPart = (part: JsonObject) => JsonObject

const mapParts = (content: ReadonlyArray<unknown>, mapPart: MapPart, mapOutput: MapPart): ReadonlyArray<JsonObject> =>
  listObjects(content).map((part) => {
    const { output } = part
    if (part.type !== "tool-result" || !isObject(output) || output.type !== "content") return mapPart(part)
    return { ...part, output: { ...output, value: listObjects(output.value).map(mapOutput) } }
  })
