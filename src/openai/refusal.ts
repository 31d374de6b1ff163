/**
 * Reads what servers say of a call that they refuse, in the shapes in which they write it: as the body of an HTTP error, as
 * an answer, or within a stream whose status is 200. Plain functions on plain data.
 */

/** The refusal of a provider. Any part of it may be missing. `retryAfter` is in milliseconds. */
export interface Refusal {
  readonly status: number | null
  readonly code: string | null
  readonly text: string
  /** The parameter of the request that it names. */
  readonly param?: string | null
  /** The whole error object as text, which may say more than its message. */
  readonly body?: string
  readonly retryAfter: number | null
}

/** Makes a refusal that says nothing but this. */
export const makeRefusal = (text: string, code: string | null = null): Refusal => ({
  status: null,
  code,
  text,
  retryAfter: null
})

/**
 * Returns whether a piece of an answer is an error instead. `event` is the type that its frame names. Servers also send an
 * empty error beside a good piece, and messages that are none.
 */
export const isError = (piece: unknown, event = ""): boolean => {
  const value: unknown = Array.isArray(piece) ? piece[0] : piece
  if (event === "error") return true
  if (!isObject(value)) return false
  if (value.type === "error" || value.object === "error") return true
  if (isFilled(value.error) || isFilled(value.errors) || errorsOfChoices(value).length > 0) return true
  if ("choices" in value || "type" in value) return false
  return isFilled(value.detail) || (readStatus([value]) !== null && readTexts([value]).length > 0)
}

/** Reads an error from its innermost object outwards. A status that it does not tell is taken from its words. */
export const readError = (error: unknown): Refusal => {
  const layers = listLayers(error)
  const texts = [...new Set([...readTexts(layers), ...layers.flatMap(readRouted)])]
  const words = layers.flatMap(readWords)
  const [innermost] = layers
  const text = texts.join(": ") || words[0] || (isObject(innermost) ? toLine(innermost) : "")
  return {
    status: readStatus(layers) ?? findStatus(CODES, words.join(" ")) ?? readStatusIn(text),
    code: words[0] ?? null,
    text: text || "the provider gave no reason",
    param: layers.map((layer) => fieldOf(layer, "param")).find(isText) ?? null,
    body: JSON.stringify(error),
    retryAfter: null
  }
}

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""
const isFilled = (value: unknown): boolean =>
  value === true || isText(value) || (typeof value === "object" && value !== null && Object.keys(value).length > 0)

const fieldOf = (layer: unknown, name: string): unknown => (isObject(layer) ? layer[name] : undefined)

/** OpenRouter puts the error of the provider behind it into the choice. */
const errorsOfChoices = ({ choices }: Fields): ReadonlyArray<unknown> =>
  Array.isArray(choices) ? choices.map((choice) => fieldOf(choice, "error")).filter(isFilled) : []

/** The objects and words that an error is made of, the innermost first. */
const listLayers = (value: unknown): ReadonlyArray<Fields | string> => {
  if (Array.isArray(value)) return listLayers(value[0])
  if (isText(value)) return [value]
  return isObject(value) ? [...[value.error, value.errors, errorsOfChoices(value)].flatMap(listLayers), value] : []
}

const TEXTS = ["title", "message", "msg", "detail"]

const readTexts = (layers: ReadonlyArray<Fields | string>): ReadonlyArray<string> =>
  layers.flatMap((layer) => (isObject(layer) ? TEXTS.map((name) => layer[name]) : [layer])).flatMap(toText)

/** Lists of faults and messages with parts are kept as they are: they name the parameters that they are about. */
const toText = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "object" && isFilled(value)) return [JSON.stringify(value)]
  return isText(value) ? [value.trim()] : []
}

/** The words of the provider behind OpenRouter, whose own message says nothing. */
const readRouted = (layer: unknown): ReadonlyArray<string> => toText(fieldOf(fieldOf(layer, "metadata"), "raw"))

/** Leaves out objects, which may hold what the model said. */
const toLine = (fields: Fields): string =>
  JSON.stringify(Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value !== "object")))

/** The fields in which servers write the code or the kind of an error, in a number or in words. */
const CODE_FIELDS = ["code", "type", "error_type", "status", "status_code", "http_code"]

const readCodes = (layer: unknown): ReadonlyArray<string> =>
  [...CODE_FIELDS.map((name) => fieldOf(layer, name)), fieldOf(fieldOf(layer, "metadata"), "error_type")]
    .filter((code) => isText(code) || Number.isSafeInteger(code))
    .map(String)

const STATUS = /^[45]\d\d$/

const readStatus = (layers: ReadonlyArray<unknown>): number | null => {
  const status = layers.flatMap(readCodes).find((code) => STATUS.test(code))
  return status === undefined ? null : Number(status)
}

const readWords = (layer: unknown): ReadonlyArray<string> =>
  readCodes(layer).filter((code) => !STATUS.test(code) && code !== "error")

/** The kinds of errors of many servers, by the status under which they send them. Only those that are told apart matter. */
const CODES: ReadonlyArray<readonly [number, RegExp]> = [
  [429, /rate.?limit|too.?many.?requests|throttl|resource.?exhausted|usage.?limit/i],
  [402, /insufficient.?(?:quota|balance|credits|funds)|payment.?required|^billing/i],
  [401, /authentication|invalid.?api.?key|unauthori[sz]ed|unauthenticated/i],
  [403, /permission|forbidden|access.?denied/i],
  [404, /not.?found/i],
  [400, /invalid.?(?:request|argument|parameter)|bad.?request|validation/i]
]

/** Wordings of servers that give no code. */
const WORDINGS: ReadonlyArray<readonly [number, RegExp]> = [
  [429, /\brate.?limit|\btoo many requests/i],
  [401, /\bnot authenticated|\bunauthori[sz]ed|\b(?:incorrect|invalid|missing) (?:api.?key|authentication)/i]
]

const findStatus = (known: typeof CODES, text: string): number | null =>
  known.find(([, pattern]) => pattern.test(text))?.[0] ?? null

/** Servers also pass on the errors of their own clients as text: "Error code: 429 - …". */
const readStatusIn = (text: string): number | null => {
  const [, first, named] =
    /^([45]\d\d)\b|\b(?:error code|status(?: code)?|http(?:\/[\d.]+)?)[:/ ]+([45]\d\d)\b/i.exec(text) ?? []
  const status = first ?? named
  return status === undefined ? findStatus(WORDINGS, text) : Number(status)
}
