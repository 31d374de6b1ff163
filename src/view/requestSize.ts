/**
 * Keeps a request within what its provider takes in bytes and pictures: first those leave that are too large for
 * themselves, then the oldest.
 */
import * as Message from "../message/Message.ts"
import type { Counter } from "../message/Tokens.ts"
import type { Parts, Repair, Row, Size } from "./model.ts"
import type { Limits } from "./WireLimits.ts"

/** A picture, audio or file at the index `at` of a content, and the bytes that it takes in a request. */
interface Picture {
  readonly at: number
  readonly bytes: number
  readonly isImage: boolean
  /** The length of its base64, which providers limit; 0 for a picture that they fetch. */
  readonly data: number
}

/** The message at `index` of a view, and its pictures. */
export interface Pictured {
  readonly index: number
  readonly row: Row
  readonly pictures: ReadonlyArray<Picture>
  /** The message without some of its pictures, by their places: kept, because each step leaves the same ones out. */
  readonly without: Map<string, Row>
}

/** The messages of a request, of which the first `measured` take `bytes`. */
export interface Request {
  readonly messages: ReadonlyArray<Message.Message>
  readonly pictured: ReadonlyArray<Pictured>
  measured: number
  bytes: number
}

export const findPictures = (row: Row, index: number): ReadonlyArray<Pictured> => {
  const pictures = listPictures(row.message)
  return pictures.length === 0 ? [] : [{ index, row, pictures, without: new Map() }]
}

const listPictures = (message: Message.Message): ReadonlyArray<Picture> =>
  Message.parts(message).flatMap((part, at) =>
    PICTURES.has(part.type)
      ? [{ at, bytes: countPart(part), isImage: part.type === "image_url", data: countData(part) }]
      : []
  )

const countData = (part: Message.ContentPart): number =>
  part.type === "image_url" && part.image_url.url.startsWith("data:")
    ? part.image_url.url.length - part.image_url.url.indexOf(",") - 1
    : 0

const PICTURES: ReadonlySet<string> = new Set(["image_url", "input_audio", "file"])

/** Measures the messages that were added since the last time. */
const measureRequest = (request: Request): void => {
  for (; request.measured < request.messages.length; request.measured++) {
    const message = request.messages[request.measured]
    if (message !== undefined) request.bytes += countBytes(message)
  }
}

/** A view before it is sent. */
interface Shown {
  readonly messages: Array<Message.Message>
  readonly parts: { -readonly [part in keyof Parts]: Size }
  readonly repairs: Array<Repair>
}

/** Takes pictures out of what is shown until the request fits. `tools` are sent with it. */
export const fitRequest = (
  shown: Shown,
  request: Request,
  { counter, limits, tools }: { readonly counter: Counter; readonly limits: Limits; readonly tools: unknown }
): void => {
  const all = request.pictured.flatMap(({ pictures }) => pictures)
  if (all.length === 0) return
  measureRequest(request)
  const tooLarge = new Set(all.filter(({ data }) => data > limits.maxImageBytes))
  const others = tooLarge.size === 0 ? all : all.filter((picture) => !tooLarge.has(picture))
  const bytes = request.bytes + countFixed(tools) - sumBytes(tooLarge)
  const oldest = new Set([
    ...choosePictures(others, ({ bytes }) => (bytes > SMALL ? bytes : 0), bytes, limits.maxRequestBytes),
    ...choosePictures(others, ({ isImage }) => (isImage ? 1 : 0), undefined, limits.maxImages)
  ])
  if (tooLarge.size + oldest.size === 0) return
  for (const pictured of request.pictured) {
    const left = new Map<number, string>()
    for (const picture of pictured.pictures) {
      if (tooLarge.has(picture)) left.set(picture.at, TOO_LARGE)
      else if (oldest.has(picture)) left.set(picture.at, OLD)
    }
    if (left.size > 0) replaceMessage(shown, pictured, left, counter)
  }
}

const TOO_LARGE = "it is larger than the model's server takes"
const OLD = "the request would be too large"

const sumBytes = (pictures: Iterable<Picture>): number => {
  let sum = 0
  for (const { bytes } of pictures) sum += bytes
  return sum
}

/** The oldest pictures without which the sum is within the limit; `whole` is the sum, unless it is of pictures alone. */
const choosePictures = (
  all: ReadonlyArray<Picture>,
  weigh: (picture: Picture) => number,
  whole: number | undefined,
  limit: number
): ReadonlyArray<Picture> => {
  const heavy = all.filter((picture) => weigh(picture) > 0)
  const excess = (whole ?? heavy.reduce((sum, picture) => sum + weigh(picture), 0)) - limit
  if (!(excess > 0)) return []
  // A quarter at a time: most steps leave out what the step before left out, so that a provider's cache holds.
  const step = Math.max(1, Math.floor(limit / 4))
  const wish = Math.ceil(excess / step) * step
  let freed = 0
  const length = heavy.findIndex((picture, i) => {
    if (freed >= wish || (freed >= excess && i === heavy.length - 1)) return true
    freed += weigh(picture)
    return false
  })
  return length < 0 ? heavy : heavy.slice(0, length)
}

/** The model and the parameters of a request. */
const BODY = 1_000

/** A note takes about as much. */
const SMALL = 200

/** `left` says of each place why its picture leaves. */
const replaceMessage = (
  { messages, parts, repairs }: Shown,
  { index, row, without }: Pictured,
  left: ReadonlyMap<number, string>,
  counter: Counter
): void => {
  const key = Array.from(left).join()
  const replaced = without.get(key) ?? leavePictures(row, left, counter)
  without.set(key, replaced)
  messages[index] = replaced.message
  const part = parts[row.part]
  parts[row.part] = { ...part, tokens: part.tokens + replaced.tokens - row.tokens }
  repairs.push({ kind: "left-out-parts", seq: row.seq })
}

const leavePictures = (row: Row, left: ReadonlyMap<number, string>, counter: Counter): Row => {
  const pointer = row.seq === 0 ? "" : `; recall seq ${row.seq}`
  const makeNote = (why: string): Message.TextPart => ({ type: "text", text: `[left out, since ${why}${pointer}]` })
  const parts = Message.parts(row.message).map((part, at) => {
    const why = left.get(at)
    return why === undefined ? part : makeNote(why)
  })
  const message = Message.withContent(row.message, parts)
  return { ...row, message, tokens: counter.message(message) }
}

// ── bytes ──

/** The contents of a request, counted. */
export interface Measured {
  readonly bytes: number
  /** The bytes that remain without its pictures. */
  readonly words: number
  readonly images: number
  /** The base64 of its largest picture; 0 if it has none. */
  readonly largestImage: number
}

export const measure = (messages: ReadonlyArray<Message.Message>, tools: unknown): Measured => {
  const pictures = messages.flatMap((message) => listPictures(message))
  const bytes = messages.reduce((sum, message) => sum + countBytes(message), countFixed(tools))
  return {
    bytes,
    words: bytes - sumBytes(pictures.filter(({ bytes }) => bytes > SMALL)),
    images: pictures.filter(({ isImage }) => isImage).length,
    largestImage: pictures.reduce((largest, { data }) => Math.max(largest, data), 0)
  }
}

const countFixed = (tools: unknown): number => BODY + (tools === undefined ? 0 : countJson(tools))

/** Messages never change, so each is measured once. */
const SIZES = new WeakMap<Message.Message, number>()

const countBytes = (message: Message.Message): number => {
  const known = SIZES.get(message)
  if (known !== undefined) return known
  const parts = Message.parts(message)
  const bytes =
    parts.length === 0
      ? countJson(message)
      : parts.reduce((sum, part) => sum + countPart(part), countJson({ ...message, content: [] }))
  SIZES.set(message, bytes)
  return bytes
}

/** Data of megabytes is not turned into JSON to be measured: base64 has nothing to escape. */
const countPart = (part: Message.ContentPart): number => {
  if (part.type === "image_url") return FRAME + part.image_url.url.length
  if (part.type === "input_audio") return FRAME + part.input_audio.data.length
  if (part.type === "file" && part.file.file_data !== undefined) return FRAME + part.file.file_data.length
  return countJson(part)
}

/** The names and brackets around the data of a part. */
const FRAME = 80

const countJson = (value: unknown): number => Buffer.byteLength(JSON.stringify(value)) + 1
