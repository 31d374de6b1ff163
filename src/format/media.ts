/** Pictures and files in the parts of chat messages, and words for what these cannot hold. */
import { isObject, isString, type JsonObject, parseJson } from "./json.ts"
import { DOCUMENT } from "./template.ts"

export const makeDataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`

/** The media type and the base64 text of a data URL; undefined for any other URL. */
export const readDataUrl = (url: string): { readonly mediaType: string; readonly data: string } | undefined => {
  const [, mediaType, data] = /^data:([^,]*);base64,([^]*)$/.exec(url) ?? []
  return mediaType === undefined || data === undefined ? undefined : { mediaType, data }
}

export const makeImage = (url: string): JsonObject => ({ type: "image_url", image_url: { url } })

/** The URL of a picture; undefined for any other part. */
export const imageUrlOf = (part: JsonObject): string | undefined =>
  part.type === "image_url" && isObject(part.image_url) && isString(part.image_url.url) ? part.image_url.url : undefined

export const makeFile = (mediaType: string, base64: string, filename: unknown): JsonObject => ({
  type: "file",
  file: { file_data: makeDataUrl(mediaType, base64), ...(isString(filename) && { filename }) }
})

/** The contents of a file part; undefined for any other part and for a file that is only named. */
export const fileOf = (part: JsonObject) => {
  if (part.type !== "file" || !isObject(part.file) || !isString(part.file.file_data)) return undefined
  const contents = readDataUrl(part.file.file_data)
  return contents && { ...contents, filename: isString(part.file.filename) ? part.file.filename : undefined }
}

/** The words of a text or a refusal; undefined for any other part. */
export const wordsOfPart = (part: JsonObject): string | undefined => {
  if (part.type === "refusal") return isString(part.refusal) ? part.refusal : undefined
  return isString(part.text) ? part.text : undefined
}

/** Text in the place of a part that an API has no form for. */
export const describePart = (part: JsonObject): string => wordsOfPart(part) ?? describeBlock(part)

/** Fields of a block itself that hold no words. In its input or output the same names may. */
const WORDLESS: ReadonlySet<string> = new Set([
  "type",
  "id",
  "status",
  "signature",
  "cache_control",
  "citations",
  "providerMetadata",
  "providerOptions",
  "callProviderMetadata"
])

/** Base64 as long as this is data. */
const LONGEST_WORD = 200
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** Text in the place of a block that chat messages cannot hold: its type and its words, without encrypted or binary data. */
export const describeBlock = (block: JsonObject): string => {
  const own = Object.fromEntries(Object.entries(block).filter(([name]) => !WORDLESS.has(name)))
  const words = JSON.stringify(own, (key, value: unknown) => {
    if (key.startsWith("encrypted")) return undefined
    return isString(value) && value.length > LONGEST_WORD && BASE64.test(value) ? undefined : value
  })
  const name = isString(block.type) ? block.type : "result"
  return words === "{}" ? `[${name}]` : `[${name}] ${words}`
}

/** The fields of the block that a description shows. */
export const readDescription = (text: string): JsonObject => {
  const [, type, words] = /^\[([^\]]*)\](?: (.*))?$/s.exec(text) ?? []
  const own = parseJson(words ?? "{}")
  return { ...(type !== undefined && { type }), ...(isObject(own) && own) }
}

/** The text of a file of text, if it is one and its base64 is that of this text. */
export const readTextFile = (mediaType: string, base64: string): string | undefined => {
  if (!mediaType.startsWith("text/")) return undefined
  const text = Buffer.from(base64, "base64").toString("utf8")
  return text.trim() !== "" && encodeText(text) === base64 ? text : undefined
}

export const encodeText = (text: string): string => Buffer.from(text, "utf8").toString("base64")

/** The form in which a file of text was written: that of its data, and its media type. */
export const documentForm = (form: string, mediaType: string): string => `${DOCUMENT} ${form} ${mediaType}`

/** Reads a form that `documentForm` has made, or the bare one of another format. */
export const readDocumentForm = (
  form: string | undefined
): { readonly binary: string | undefined; readonly mediaType: string } | undefined => {
  if (form?.startsWith(DOCUMENT) !== true) return undefined
  const [, binary, ...mediaType] = form.split(" ")
  return { binary, mediaType: mediaType.length === 0 ? "text/plain" : mediaType.join(" ") }
}
