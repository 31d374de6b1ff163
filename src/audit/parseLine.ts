/**
 * Reads one line of a log: of Hermes' `agent.log`, or a line of throughline as Effect's loggers write it (logfmt, the
 * default, JSON, pretty) or bare. Lines quoted inside another line do not count, so it reads from the beginning only.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Event, type Line, type LinePlace, type OperationFields } from "./trail.ts"

/** A line taken apart by the format of its logger. */
interface ParsedLayout {
  readonly at: number | null
  readonly says: string
  /** The session in Hermes' brackets, or in the annotation. */
  readonly writtenFor: string | null
  readonly by: "hermes" | "throughline"
}

/** Returns `undefined` if the line is about no event. */
export const parseLine = (text: string, { file, line }: LinePlace): Line | undefined => {
  if (!WORTH_READING.test(text)) return undefined
  const own = copyText(text)
  const layout = parseLayout(own)
  if (layout === undefined) return undefined
  const event = layout.by === "hermes" ? readHermesEvent(layout) : readOwnEvent(layout)
  return event && { file, line, text: own.slice(0, MOST_SHOWN), at: layout.at, event }
}

const MOST_SHOWN = 400

const WORTH_READING =
  /compression|message (?:buffered|promoted)|segments? |hook failed|deferral|compressor opened|Starting|\bre(?:set|wind): |session forgotten|step waited/

/** Copies the line. A part of a string keeps the whole string in memory, here the block that was read. */
const copyText = (text: string): string => Buffer.from(text).toString()

const HERMES = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[,.](\d{3})\d*)? [A-Z]+(?: \[([^\]]*)\])? [\w.]+: (.*)$/
const LOGFMT = /^timestamp=(\S+) level=\S+ fiber=\S+ message=("(?:[^"\\]|\\.)*")/
const PRETTY = /^\s*\[(\d\d:\d\d:\d\d\.\d{3})\] [A-Z]+ \(#[^)]*\)(?: [^:]*)?: (.*)$/
// oxlint-disable-next-line no-control-regex
const COLORS = /\u001B\[[\d;]*m/g

const parseLayout = (text: string): ParsedLayout | undefined => {
  if (text.startsWith("{")) return parseJsonLayout(text)
  const logfmt = LOGFMT.exec(text)
  if (logfmt !== null) {
    const [head, time, quoted = ""] = logfmt
    return makeOwnLayout(time, unquote(quoted), readFields(text.slice(head.length)).session)
  }
  const [, date, time, milliseconds = "000", writtenFor = null, says] = HERMES.exec(text) ?? []
  if (says !== undefined) return { at: parseTime(`${date}T${time}.${milliseconds}Z`), says, writtenFor, by: "hermes" }
  const plain = text.replaceAll(COLORS, "")
  const pretty = PRETTY.exec(plain)
  return pretty === null ? makeOwnLayout(undefined, plain) : makeOwnLayout(`1970-01-01T${pretty[1]}Z`, pretty[2] ?? "")
}

const makeOwnLayout = (time: string | undefined, says: string, session: string | null = null): ParsedLayout => ({
  at: time === undefined ? null : parseTime(time),
  says,
  writtenFor: session === null ? null : readEscapedId(session),
  by: "throughline"
})

const parseTime = (time: string): number | null => {
  const at = Date.parse(time)
  return Number.isNaN(at) ? null : at
}

const Json = Schema.parseJson(
  Schema.Struct({
    message: Schema.Union(Schema.String, Schema.Array(Schema.Unknown)),
    timestamp: Schema.optional(Schema.String),
    annotations: Schema.optional(Schema.Struct({ session: Schema.optional(Schema.Unknown) }))
  })
)
const decodeJson = Schema.decodeUnknownEither(Json)

const parseJsonLayout = (text: string): ParsedLayout | undefined => {
  const row = Either.getOrUndefined(decodeJson(text))
  if (row === undefined) return undefined
  const says = typeof row.message === "string" ? row.message : row.message[0]
  const session = row.annotations?.session
  return typeof says === "string"
    ? makeOwnLayout(row.timestamp, says, typeof session === "string" ? session : null)
    : undefined
}

const decodeText = Schema.decodeUnknownEither(Schema.parseJson(Schema.String))

/** Effect's default logger escapes only quotes, so its texts are not always JSON. */
const unquote = (quoted: string): string =>
  Either.getOrElse(decodeText(quoted), () => quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1"))

// A line that is cut off within an id or a number gives a wrong one, so the text after it must be there.
const COMPRESSION =
  /^context compression (?:(started):\s+session=(\S+) messages=(\d+)\s|(done):\s+session=(\S+) messages=(\d+)->\d+\s)/
const SKIPPED = /^compression skipped: another path is compressing session=(\S+)\s/

const NOT_OURS = { operation: null, generation: null } as const

const readHermesEvent = ({ says, writtenFor }: ParsedLayout): Event | undefined => {
  if (says.startsWith("Starting Hermes Gateway")) return Event.Opened()
  const [, skipped] = SKIPPED.exec(says) ?? []
  if (skipped !== undefined) return Event.Skipped({ ...NOT_OURS, session: skipped, writtenFor, messages: null })
  const [, start, started, before, , done, left] = COMPRESSION.exec(says) ?? []
  const session = start === undefined ? done : started
  if (session === undefined) return undefined
  const fields = { ...NOT_OURS, session, writtenFor, messages: Number(before ?? left) }
  return start === undefined ? Event.Ended(fields) : Event.Started(fields)
}

const SAYS =
  /^(message (?:buffered|promoted)|compression (?:started|joined|done|failed|deferred)|deferral not followed|hook failed|segment healed|segments condensed|reset|rewind|session forgotten|step waited):(.*)$/s

/** The line had a colon once. */
const OPENED = /^compressor opened:?\s*$/

const readOwnEvent = ({ says, writtenFor }: ParsedLayout): Event | undefined => {
  if (OPENED.test(says)) return Event.Opened()
  const [, what, rest = ""] = SAYS.exec(says) ?? []
  if (what === undefined) return undefined
  const { arrival, error, generation, milliseconds, operation, seq, session: written, upto } = readFields(rest)
  if (written === undefined) return undefined
  const session = readEscapedId(written)
  if (what === "reset" || what === "rewind") {
    return Event.Superseded({ session, generation: isWhole(generation) ? Number(generation) : null })
  }
  if (what === "session forgotten") {
    return isWhole(upto) ? Event.Forgotten({ session, upTo: Number(upto) }) : undefined
  }
  if (what === "step waited") {
    return isWhole(milliseconds) ? Event.Waited({ session, milliseconds: Number(milliseconds) }) : undefined
  }
  if (what.startsWith("message")) {
    if (!isWhole(arrival)) return undefined
    const message = { session, arrival: Number(arrival) }
    if (what === "message buffered") return Event.Buffered(message)
    return Event.Promoted({ ...message, seq: seq === undefined ? null : Number(seq) })
  }
  return operation === undefined
    ? undefined
    : makeOperationEvent(what, {
        session,
        operation,
        writtenFor,
        messages: null,
        generation: isWhole(generation) ? Number(generation) : REFUSED.test(error ?? "") ? 0 : null
      })
}

/** The store has refused what the operation wrote. */
const REFUSED = /the operation lease was (?:taken over|superseded by a reset or rewind)/

const isWhole = (text: string | undefined): text is string => text !== undefined && /^\d+$/.test(text)

const makeOperationEvent = (what: string, fields: OperationFields): Event => {
  switch (what) {
    case "compression started":
      return Event.Started(fields)
    case "compression done":
    case "compression failed":
      return Event.Ended(fields)
    case "compression deferred":
      return Event.Deferred(fields)
    default:
      return Event.Named(fields)
  }
}

/**
 * Reads the fields one after the other, so that text in a quoted value is not taken for a field. The first of a name
 * counts: `session` and `operation` stand before all text of other origin.
 */
const readFields = (text: string): { readonly [name: string]: string | undefined } => {
  const field = /\s*([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)/y
  const found: Record<string, string> = {}
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, name = "", value = ""] = match
    found[name] ??= value.startsWith(`"`) ? unquote(value) : value
  }
  return found
}

/** Reads back what `escapeId` wrote. */
const readEscapedId = (text: string): string =>
  text.replace(ESCAPED, (escaped, code: string) => {
    const point = Number.parseInt(code, 16)
    return point <= LAST_CODE_POINT ? String.fromCodePoint(point) : escaped
  })

const ESCAPED = /<U\+([0-9A-F]{4,6})>/g
const LAST_CODE_POINT = 0x10ffff
