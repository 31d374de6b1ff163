/** Reads values of JSON, as the messages of another API come. */
import * as Either from "effect/Either"

export type JsonObject = { readonly [key: string]: unknown }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const isString = (value: unknown): value is string => typeof value === "string"

/** The value, if it is a number. */
export const readNumber = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

/** Returns undefined if the text is not JSON. */
export const parseJson = (text: string): unknown => Either.getOrUndefined(Either.try((): unknown => JSON.parse(text)))

/** Parses the arguments of a call. Text that is no JSON object is wrapped in one, since strict servers want an object. */
export const parseInput = (text: string): JsonObject => {
  if (text.trim() === "") return {}
  const value = parseJson(text)
  return isObject(value) ? value : { input: text }
}

/** The objects of an array; none for anything else. */
export const listObjects = (value: unknown): ReadonlyArray<JsonObject> =>
  Array.isArray(value) ? value.filter(isObject) : []

export const getString = (value: unknown): string => (isString(value) ? value : "")

/** The type that a field of a foreign message must have. A `?` allows it to be missing or null. */
export type Kind = "object" | "string" | "string?" | "id" | "blocks" | "blocks?" | "content" | "content?" | "output"

const FITS: { readonly [kind in Kind]: readonly [expected: string, fits: (value: unknown) => boolean] } = {
  object: ["an object", isObject],
  string: ["a string", isString],
  "string?": ["a string", (value) => isMissing(value) || isString(value)],
  id: ["a non-empty string", (value) => isString(value) && value !== ""],
  blocks: ["an array of objects with a type", (value) => isBlocks(value)],
  "blocks?": ["an array of objects with a type", (value) => isMissing(value) || isBlocks(value)],
  content: ["a string or an array of objects with a type", (value) => isString(value) || isBlocks(value)],
  output: [
    "a string, an object or an array of objects with a type",
    (value) => isString(value) || isObject(value) || isBlocks(value)
  ],
  "content?": [
    "a string or an array of objects with a type",
    (value) => isMissing(value) || isString(value) || isBlocks(value)
  ]
}

const isMissing = (value: unknown): boolean => value === undefined || value === null

const isBlocks = (value: unknown): boolean =>
  Array.isArray(value) && value.every((block: unknown) => isObject(block) && isString(block.type))

/** The kinds of the fields that an object needs. */
export type Fields = { readonly [field: string]: Kind }

/** The first thing wrong with an object, by its path, never by its value; undefined if nothing is. */
export const findFault = (value: unknown, path: string, fields: Fields): string | undefined => {
  if (!isObject(value)) return `${path}: Expected an object`
  for (const [field, kind] of Object.entries(fields)) {
    const [expected, fits] = FITS[kind]
    if (!fits(value[field])) return `${path}.${field}: Expected ${expected}`
  }
  return undefined
}

/** The first fault of blocks whose fields depend on their type. A type that is not named may have any fields. */
export const findBlockFault = (
  blocks: unknown,
  path: string,
  fields: { readonly [type: string]: Fields }
): string | undefined => {
  for (const [i, block] of listObjects(blocks).entries()) {
    const fault = findFault(block, `${path}.${i}`, fields[getString(block.type)] ?? {})
    if (fault !== undefined) return fault
  }
  return undefined
}
