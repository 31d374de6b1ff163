/** Shortens what a tool returned, and says where the whole of it is. */
import { isObject, type JsonObject } from "../../format/json.ts"
import { redact } from "../../message/Redaction.ts"
import { cutAtCodePoint } from "../../message/text.ts"
import { estimate } from "../../message/Tokens.ts"

/** The texts of a tool's output that are longer than `tokens`, in one text; the empty text without any. */
export const findLongTexts = (output: unknown, tokens: number): string => {
  const listTexts = (value: unknown): ReadonlyArray<string> => {
    if (typeof value === "string") return estimate.text(value) > tokens ? [value] : []
    if (Array.isArray(value)) return value.flatMap(listTexts)
    return isObject(value) && !isMedia(value) ? Object.values(value).flatMap(listTexts) : []
  }
  return listTexts(output).join("\n\n")
}

/**
 * The same output with both ends of each long text and `pointer` between them. Claude Code ignores an output whose shape is
 * not the tool's, so nothing else changes but one thing: it would show the copy that it keeps of a long output.
 */
export const shortenTexts = (output: unknown, tokens: number, pointer: string): unknown => {
  if (typeof output === "string") return estimate.text(output) > tokens ? shortenText(output, tokens, pointer) : output
  if (Array.isArray(output)) return output.map((item) => shortenTexts(item, tokens, pointer))
  if (!isObject(output) || isMedia(output)) return output
  const kept = Object.entries(output).filter(([key]) => !COPY.includes(key))
  return Object.fromEntries(kept.map(([key, value]) => [key, shortenTexts(value, tokens, pointer)]))
}

const COPY = ["persistedOutputPath", "persistedOutputSize"]

/** Half of an image is none. */
const isMedia = ({ isImage, type }: JsonObject): boolean => isImage === true || (type !== undefined && type !== "text")

/** Redacts before it cuts: nothing recognizes half of a secret. */
const shortenText = (text: string, tokens: number, pointer: string): string => {
  const clean = redact(text)
  const characters = Math.floor((clean.length / estimate.text(clean)) * tokens) - pointer.length
  const half = Math.max(0, Math.min(characters, clean.length) >> 1)
  const start = clean.slice(0, cutAtCodePoint(clean, half))
  const end = clean.slice(cutAtCodePoint(clean, clean.length - half))
  return [start, pointer, end].filter((part) => part !== "").join("\n")
}
