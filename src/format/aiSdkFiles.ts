/** Files in the parts of the AI SDK: base64, bytes, or a URL as text or as an object. */
import { isString } from "./json.ts"
import { makeDataUrl, readDataUrl } from "./media.ts"

const isUrlText = (data: string): boolean => /^(?:https?|data):/i.test(data)

/** The URL of a file, a data URL for its bytes; undefined if it is in none of the forms. */
export const readBinary = (data: unknown, mediaType: string): string | undefined => {
  if (isString(data)) return isUrlText(data) ? data : makeDataUrl(mediaType, data)
  if (data instanceof URL) return data.href
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data
  return bytes instanceof Uint8Array ? makeDataUrl(mediaType, Buffer.from(bytes).toString("base64")) : undefined
}

/** Names the form that a file is in; undefined for the text of a URL. */
export const binaryForm = (data: unknown): string | undefined => {
  if (isString(data)) return isUrlText(data) ? undefined : "base64"
  if (data instanceof URL) return "url"
  return data instanceof ArrayBuffer ? "array-buffer" : Buffer.isBuffer(data) ? "buffer" : "bytes"
}

/** Writes a file in a form again. */
export const writeBinary = (url: string, form: string | undefined): unknown => {
  const inline = readDataUrl(url)
  if (form === "url" && URL.canParse(url)) return new URL(url)
  if (inline === undefined) return url
  const bytes = () => Uint8Array.from(Buffer.from(inline.data, "base64"))
  switch (form) {
    case "base64":
      return inline.data
    case "bytes":
      return bytes()
    case "buffer":
      return Buffer.from(inline.data, "base64")
    case "array-buffer":
      return bytes().buffer
    default:
      return url
  }
}
