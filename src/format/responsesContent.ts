/** The content of messages and results of OpenAI's Responses API. */
import { type Dialect, keepSlots, type Piece, putTogether, takeApart } from "./blocks.ts"
import { isObject, isString, type JsonObject } from "./json.ts"
import { describeBlock, describePart, imageUrlOf, wordsOfPart } from "./media.ts"
import { type Call, DOCUMENT, type Draft, makeText, type Template, wordsOf } from "./template.ts"

export const FORMAT = "responses"

type TextType = "input_text" | "output_text"

const readBlock = (block: JsonObject, textType: TextType): Piece => {
  const { file_data: data, file_id: fileId, filename, image_url: url, input_audio: audio, text, type } = block
  if ((type === "input_text" || type === "output_text") && isString(text)) {
    if (text === "") return { isWordless: true }
    return { part: makeText(text), form: type === textType ? undefined : type }
  }
  if (type === "refusal" && isString(block.refusal)) return { part: { type, refusal: block.refusal } }
  if (type === "input_image" && isString(url) && url !== "") {
    return { part: { type: "image_url", image_url: { url, ...(isString(block.detail) && { detail: block.detail }) } } }
  }
  if (type === "input_file" && (isString(data) || isString(fileId))) {
    const fields = Object.entries({ file_data: data, file_id: fileId, filename }).filter(([, field]) => isString(field))
    return { part: { type: "file", file: Object.fromEntries(fields) } }
  }
  if (type === "input_audio" && isObject(audio)) return { part: { type, input_audio: audio } }
  return { standIn: describeBlock(block) }
}

const writePart = (part: JsonObject, textType: TextType, form: string | undefined): JsonObject | undefined => {
  if (part.type === "refusal" && textType === "output_text") return { type: "refusal", refusal: part.refusal }
  const text = wordsOfPart(part)
  if (text !== undefined)
    return text === "" ? undefined : { type: form === undefined || form === DOCUMENT ? textType : form, text }
  const url = imageUrlOf(part)
  if (url !== undefined && isObject(part.image_url)) {
    const { detail } = part.image_url
    return { type: "input_image", image_url: url, ...(isString(detail) && { detail }) }
  }
  if (part.type === "file" && isObject(part.file)) return { type: "input_file", ...part.file }
  if (part.type === "input_audio") return { type: "input_audio", input_audio: part.input_audio }
  return { type: textType, text: describePart(part) }
}

export const writeCall = ({ id, input, isCustom, name }: Call): JsonObject =>
  isCustom
    ? { type: "custom_tool_call", call_id: id, name, input }
    : { type: "function_call", call_id: id, name, arguments: input }

const makeContentDialect = (textType: TextType): Dialect => ({
  read: (block) => readBlock(block, textType),
  writePart: (part, form) => writePart(part, textType, form),
  writeCall,
  writeThought: ([summary = [], content = []]) => ({
    type: "reasoning",
    summary: summary.map((text) => ({ type: "summary_text", text })),
    ...(content.length > 0 && { content: content.map((text) => ({ type: "reasoning_text", text })) })
  }),
  // A server takes back its own reasoning only.
  writeReasoning: () => [],
  isBoundToThoughts: () => false,
  canChangeThoughts: true
})

export const given = makeContentDialect("input_text")
export const spoken = makeContentDialect("output_text")

/** Reads blocks that are a whole content. Without words it is the empty text. */
export const readContent = (blocks: ReadonlyArray<JsonObject> | undefined) => {
  const taken = takeApart(given, blocks ?? [])
  const isEmpty = taken.parts.length === 0
  const form = blocks !== undefined && isEmpty ? "blocks" : undefined
  return {
    words: isEmpty ? "" : taken.parts,
    template: { format: FORMAT, form, ...keepSlots(given, taken, blocks ?? []) } satisfies Template
  }
}

export const textOf = ({ content }: Draft): string => JSON.stringify(content)

export const writeContent = (content: unknown, template: Template | undefined): ReadonlyArray<JsonObject> =>
  putTogether(given, wordsOf({ content }), template)
