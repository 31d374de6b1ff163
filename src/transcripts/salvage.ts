/** Finds what is whole in damaged text: JSON objects in torn, padded or joined lines, and in an array that was cut short. */
import { ImportError, type LeftOut, describeValue, failRepeatedKey, isTooDeep, type TranscriptRow } from "./rows.ts"
import { isObject, type JsonObject, parseJson } from "../format/json.ts"
import { findEnd, NO_JSON, parseExactly } from "./exactJson.ts"

/** A line of a file. `isUtf8` is false if its bytes are not text: then its text has U+FFFD in their place. */
export interface Line {
  readonly text: string
  readonly isUtf8: boolean
}

const LINE_FEED = 0x0a
const REPLACEMENT = "\uFFFD"

export const splitLines = (text: string): ReadonlyArray<Line> =>
  text.split("\n").map((text) => ({ text, isUtf8: true }))

/** The lines of a text, one after another. */
export function* iterateLines(text: string): Generator<string> {
  for (let from = 0; from <= text.length;) {
    const found = text.indexOf("\n", from)
    const to = found < 0 ? text.length : found
    yield text.slice(from, to)
    from = to + 1
  }
}

/** Counts the lines that are not blank. */
export const countLines = (lines: Iterable<string>): number => {
  let count = 0
  for (const line of lines) if (line.trim() !== "") count++
  return count
}

/** Decodes each line by itself: a byte that is not text spoils only its own line. */
export const decodeLines = (bytes: Uint8Array): ReadonlyArray<Line> => {
  const strict = new TextDecoder("utf-8", { fatal: true })
  const lossy = new TextDecoder("utf-8")
  const lines: Array<Line> = []
  for (let start = 0; start <= bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, start)
    const end = found < 0 ? bytes.length : found
    const line = bytes.subarray(start, end)
    try {
      lines.push({ text: strict.decode(line), isUtf8: true })
    } catch {
      lines.push({ text: lossy.decode(line), isUtf8: false })
    }
    start = end + 1
  }
  return lines
}

/** The sessions taken from a file, and an error for each place where something was left. */
export interface Salvaged<A> {
  readonly taken: ReadonlyArray<A>
  readonly left: ReadonlyArray<LeftOut>
}

/** Takes the objects that are whole out of the lines of a file. */
export const salvageRows = (lines: ReadonlyArray<Line>, file: string): Salvaged<TranscriptRow> => {
  const found = lines.map((line, index) => salvageLine(line, file, index + 1))
  return { taken: found.flatMap(({ taken }) => taken), left: found.flatMap(({ left }) => left) }
}

/** Takes the objects that are whole out of a line. */
export const salvageLine = ({ isUtf8, text }: Line, file: string, line: number): Salvaged<TranscriptRow> => {
  const source = trimPadding(text)
  const leaveFor = (error: ImportError) => [{ error, text }]
  const leave = (found: string) => leaveFor(new ImportError({ file, line, expected: "a JSON object", found }))
  if (source === "") return { taken: [], left: text.includes("\0") ? leave("NUL bytes") : [] }
  const { isDamaged, objects, repeatedKey } = findObjects(source)
  const whole = isUtf8 ? objects : objects.filter(({ value }) => !holdsReplacement(value))
  const taken = whole.map((object) => ({ file, line, ...object }))
  const beside = taken.length === 0 ? "" : " beside it"
  if (!isUtf8) return { taken, left: leave(`bytes that are not UTF-8${beside}`) }
  if (repeatedKey !== undefined) return { taken, left: leaveFor(failRepeatedKey({ file, line }, repeatedKey)) }
  if (isDamaged) return { taken, left: leave(describeValue(parseJson(source)) + beside) }
  return { taken, left: text.includes("\0") ? leave("NUL bytes beside it") : [] }
}

const ARRAY_START = /^[\0\s\uFEFF]*(?:\{[^]*?"messages"\s*:\s*)?\[/

/**
 * Returns the bracket with which an array of messages begins, or an object that has one under `messages`. Such an object
 * may also be the first line of another format.
 */
export const findOpening = (lines: ReadonlyArray<Line>): "[" | "{" | undefined => {
  const first = trimPadding(lines.find(({ text }) => trimPadding(text) !== "")?.text ?? "")
  if (!ARRAY_START.test(first)) return undefined
  return first.startsWith("[") ? "[" : "{"
}

/** Takes the elements that are whole out of an array of messages. Ends where the text cannot be read on. */
export const salvageElements = (
  lines: ReadonlyArray<Line>,
  file: string
): Salvaged<JsonObject> & { readonly numbersAsText: ReadonlyArray<string> } => {
  const text = lines.map(({ text }) => text).join("\n")
  const isUtf8 = lines.every(({ isUtf8 }) => isUtf8)
  const taken: Array<JsonObject> = []
  const numbers: Array<string> = []
  const left: Array<LeftOut> = []
  let place = ARRAY_START.exec(text)?.[0].length ?? 0
  for (let number = 1; ; number++) {
    while (isBetween(text.charCodeAt(place))) place++
    if (text[place] === "]") break
    const end = text[place] === "{" ? findEnd(text, place) : undefined
    const element = text.slice(place, end)
    const { numbersAsText, repeatedKey, value } = (end === undefined ? undefined : parseExactly(element)) ?? NO_JSON
    if (repeatedKey !== undefined) {
      left.push({ error: failRepeatedKey({ file, line: null }, `${number - 1}.${repeatedKey}`), text: element })
    } else if (isObject(value) && !isTooDeep(value) && (isUtf8 || !holdsReplacement(value))) {
      numbers.push(...numbersAsText.map((path) => `${taken.length}.${path}`))
      taken.push(value)
    } else {
      const expected = `element ${number} of the array to be a whole object, and a closing bracket`
      left.push({
        error: new ImportError({ file, line: null, expected, found: "text that is not JSON" }),
        text: element
      })
    }
    if (end === undefined) break
    place = end
  }
  return { taken, numbersAsText: numbers, left }
}

const holdsReplacement = (value: JsonObject): boolean => JSON.stringify(value).includes(REPLACEMENT)

const isPadding = (code: number): boolean =>
  code === 0 || code === 0x20 || code === 0x09 || code === 0x0d || code === 0xfeff
const isBetween = (code: number): boolean => isPadding(code) || code === LINE_FEED || code === 0x2c

/** A loop: a regular expression takes quadratic time for long runs of padding within the text. */
const trimPadding = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isPadding(text.charCodeAt(start))) start++
  while (end > start && isPadding(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/**
 * Finds the objects that stand on a line by themselves. After a crash, an agent that goes on writes behind the line that
 * was torn; an object that is part of a torn one is not taken for a line.
 */
const findObjects = (text: string) => {
  const objects: Array<Pick<TranscriptRow, "value" | "numbersAsText">> = []
  let repeatedKey: string | undefined
  let isDamaged = false
  let isString = false
  let torn = 0
  for (let place = 0; place < text.length; place++) {
    // Within a string of a line that is whole, this quotation mark could only be its end.
    const isStart = text.startsWith('{"', place) && (isString || !isValueExpected(text, place))
    const end = isStart && torn < MOST_TORN ? findEnd(text, place) : undefined
    if (isStart && end === undefined) torn++
    const parsed = end === undefined ? NO_JSON : (parseExactly(text.slice(place, end)) ?? NO_JSON)
    const { numbersAsText, value } = parsed
    if (end !== undefined && isObject(value) && !isTooDeep(value)) {
      if (parsed.repeatedKey === undefined) objects.push({ value, numbersAsText })
      repeatedKey ??= parsed.repeatedKey
      isString = false
      place = end - 1
    } else if (!isPadding(text.charCodeAt(place))) {
      isDamaged = true
      if (text[place] === '"') isString = !isString
      else if (text[place] === "\\" && isString && text[place + 1] !== "{") place++
    }
  }
  return { objects, isDamaged, repeatedKey }
}

/** Looking for the end of an object reads the line to its end: so often, and time stays in proportion to the line. */
const MOST_TORN = 32

const isValueExpected = (text: string, place: number): boolean => {
  let before = place - 1
  while (before >= 0 && isPadding(text.charCodeAt(before))) before--
  return before >= 0 && ":,[".includes(text.charAt(before))
}
