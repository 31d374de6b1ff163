/**
 * Parses JSON without changing what it says. `JSON.parse` rounds numbers to doubles and drops all but the last of equal keys,
 * and says neither.
 */
import { parseJson } from "../format/json.ts"

/** A parsed text. Paths are keys and indexes, joined by dots. */
export interface ExactJson {
  /** The value. A number that no double holds is the text of it instead. */
  readonly value: unknown
  /** The paths of these numbers. */
  readonly numbersAsText: ReadonlyArray<string>
  /** The path of the first key that its object has twice. All but the last of them are missing in the value. */
  readonly repeatedKey: string | undefined
}

/** Stands for a text that is not JSON. */
export const NO_JSON: ExactJson = { value: undefined, numbersAsText: [], repeatedKey: undefined }

/** Returns undefined if the text is not JSON. */
export const parseExactly = (text: string): ExactJson | undefined => {
  const value = parseJson(text)
  if (value === undefined) return undefined
  const { numbers, repeatedKey } = findInexact(text)
  if (numbers.length === 0) return { value, numbersAsText: [], repeatedKey }
  return { value: parseJson(quoteNumbers(text, numbers)), numbersAsText: numbers.map(({ path }) => path), repeatedKey }
}

/** Says what a value does not hold of its text; undefined if nothing. For whoever can send it again, with numbers as text. */
export const describeInexact = ({ numbersAsText, repeatedKey }: ExactJson): string | undefined => {
  const [number] = numbersAsText
  if (number !== undefined) return `${number}: Expected a number that a double holds, or text`
  return repeatedKey === undefined ? undefined : `${repeatedKey}: Expected each key of an object once`
}

interface NumberPlace {
  readonly start: number
  readonly end: number
  readonly path: string
}

/** An object, with the keys it has so far, or an array. `at` is the key or the index of the value under way. */
interface Level {
  readonly keys: Array<string> | undefined
  /** The keys of an object that has very many. */
  known: Set<string> | undefined
  at: string | number
}

/** Scans a text that is known to be JSON: a loop, since it may be nested deeply, that jumps over strings. */
const findInexact = (text: string) => {
  const levels: Array<Level> = []
  const numbers: Array<NumberPlace> = []
  let repeatedKey: string | undefined
  let level: Level | undefined
  let isKey = false
  // A number may stand in each of very many levels.
  const showPath = () =>
    levels
      .slice(0, LONGEST_PATH)
      .map(({ at }) => at)
      .join(".")
      .slice(0, LONGEST_PATH)
  const addKey = (level: Level, key: string) => {
    level.at = key
    if (hasKey(level, key)) repeatedKey ??= showPath()
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      const end = findEndOfString(text, i)
      if (isKey && level !== undefined) addKey(level, readKey(text, i, end))
      isKey = false
      i = end - 1
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      isKey = code === OPEN_OBJECT
      level = isKey ? { keys: [], known: undefined, at: "" } : { keys: undefined, known: undefined, at: 0 }
      levels.push(level)
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      levels.pop()
      level = levels.at(-1)
      isKey = false
    } else if (code === COMMA && level !== undefined) {
      if (typeof level.at === "number") level.at += 1
      else isKey = true
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = findEndOfNumber(text, i)
      if (!isExact(text.slice(i, end))) numbers.push({ start: i, end, path: showPath() })
      i = end - 1
    }
  }
  return { numbers, repeatedKey }
}

/** Adds a key. True if the object had it before. Most objects have so few that looking at each is faster than a set. */
const hasKey = (level: Level, key: string): boolean => {
  const { keys = [] } = level
  if (keys.length === MOST_KEYS) level.known ??= new Set(keys)
  const wasThere = level.known === undefined ? keys.includes(key) : level.known.has(key)
  if (level.known === undefined) keys.push(key)
  else level.known.add(key)
  return wasThere
}

const MOST_KEYS = 16

/** A path is shown in errors. */
const LONGEST_PATH = 200

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The place behind the string that begins at `start`. */
const findEndOfString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
}

/** True behind an odd number of backslashes. */
const isEscaped = (text: string, place: number): boolean => {
  let before = place
  while (text.charCodeAt(before - 1) === BACKSLASH) before--
  return (place - before) % 2 === 1
}

const readKey = (text: string, start: number, end: number): string => {
  const key = text.slice(start + 1, end - 1)
  return key.includes("\\") ? JSON.parse(`"${key}"`) : key
}

const findEndOfNumber = (text: string, start: number): number => {
  let end = start + 1
  while (end < text.length && NUMBER.includes(text.charAt(end))) end++
  return end
}

const NUMBER = "0123456789.eE+-"

/** True if the number is the same once it has been a double: `1.0` and `1`, `-0` and `0` are the same. */
const isExact = (number: string): boolean =>
  (number.length < SAFE_LENGTH && !/e/i.test(number)) || normalize(number) === normalize(String(Number(number)))

/** A double holds any 15 digits. */
const SAFE_LENGTH = 16

/** The digits of a number without zeros around them, and its exponent; undefined for what is no number, such as Infinity. */
const normalize = (number: string): string | undefined => {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(number) ?? []
  if (whole === "") return undefined
  const digits = trimZeros(whole + fraction)
  if (digits.text === "") return "0"
  return `${sign}${digits.text}e${Number(exponent) + digits.after - fraction.length}`
}

/** A loop: a regular expression takes quadratic time for long runs of zeros within the digits. */
const trimZeros = (digits: string): { readonly text: string; readonly after: number } => {
  let start = 0
  let end = digits.length
  while (start < end && digits.charCodeAt(start) === ZERO) start++
  while (end > start && digits.charCodeAt(end - 1) === ZERO) end--
  return { text: digits.slice(start, end), after: digits.length - end }
}

const quoteNumbers = (text: string, numbers: ReadonlyArray<NumberPlace>): string => {
  const pieces: Array<string> = []
  let from = 0
  for (const { end, start } of numbers) {
    pieces.push(text.slice(from, start), `"${text.slice(start, end)}"`)
    from = end
  }
  return [...pieces, text.slice(from)].join("")
}

/** Finds the end of the value that begins with a bracket at `start`. Undefined if the text ends within it. */
export const findEnd = (text: string, start: number): number | undefined => {
  let depth = 0
  let isString = false
  for (let place = start; place < text.length; place++) {
    const char = text[place]
    if (isString) {
      if (char === "\\") place++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === "{" || char === "[") depth++
    else if ((char === "}" || char === "]") && --depth === 0) return place + 1
  }
  return undefined
}
