/**
 * Reads one line of a log: Hermes' `agent.log`, or throughline's lines as Effect's loggers write them (logfmt, the
 * default, JSON, pretty) or bare. Only from its beginning: a line quoted inside another is not one.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { redact } from "../message/Redaction.ts"
import { Event, type Line, type Place } from "./trail.ts"

/** The line as it is laid out: its time, what it says, and the session it was written for, by bracket or annotation. */
interface Laid {
  readonly at: number | null
  readonly says: string
  readonly lane: string | null
  readonly by: "hermes" | "throughline"
}

/** `undefined` if the line is none of the trail. */
export const parseLine = (text: string, { file, line }: Place): Line | undefined => {
  if (!WORTH_READING.test(text)) return undefined
  const own = copied(text)
  const laid = layout(own)
  if (laid === undefined) return undefined
  const event = laid.by === "hermes" ? hermes(laid) : throughline(laid)
  return event && { file, line, text: own.slice(0, MOST_SHOWN), at: laid.at, event }
}

const MOST_SHOWN = 400

const WORTH_READING =
  /compression|message (?:buffered|promoted)|segments? |hook failed|deferral|compressor opened|Starting/

/** A part of a string keeps all of it in memory: of a line that is remembered, not the block it was read in. */
const copied = (text: string): string => Buffer.from(text).toString()

const HERMES = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[,.](\d{3})\d*)? [A-Z]+(?: \[([^\]]*)\])? [\w.]+: (.*)$/
const LOGFMT = /^timestamp=(\S+) level=\S+ fiber=\S+ message=("(?:[^"\\]|\\.)*")/
const PRETTY = /^\s*\[(\d\d:\d\d:\d\d\.\d{3})\] [A-Z]+ \(#[^)]*\)(?: [^:]*)?: (.*)$/
// oxlint-disable-next-line no-control-regex
const COLORS = /\u001B\[[\d;]*m/g

const layout = (text: string): Laid | undefined => {
  if (text.startsWith("{")) return json(text)
  const logfmt = LOGFMT.exec(text)
  if (logfmt !== null) {
    const [head, time, quoted = ""] = logfmt
    return ours(time, unquoted(quoted), fields(text.slice(head.length)).session)
  }
  const [, date, time, milliseconds = "000", lane = null, says] = HERMES.exec(text) ?? []
  if (says !== undefined) return { at: moment(`${date}T${time}.${milliseconds}Z`), says, lane, by: "hermes" }
  const plain = text.replaceAll(COLORS, "")
  const pretty = PRETTY.exec(plain)
  return pretty === null ? ours(undefined, plain) : ours(`1970-01-01T${pretty[1]}Z`, pretty[2] ?? "")
}

const ours = (time: string | undefined, says: string, lane: string | null = null): Laid => ({
  at: time === undefined ? null : moment(time),
  says,
  // As in what the line says, a secret in the session's name is no part of it.
  lane: lane === null ? null : redact(lane),
  by: "throughline"
})

const moment = (time: string): number | null => {
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

const json = (text: string): Laid | undefined => {
  const row = Either.getOrUndefined(decodeJson(text))
  if (row === undefined) return undefined
  const says = typeof row.message === "string" ? row.message : row.message[0]
  const lane = row.annotations?.session
  return typeof says === "string" ? ours(row.timestamp, says, typeof lane === "string" ? lane : null) : undefined
}

const decodeText = Schema.decodeUnknownEither(Schema.parseJson(Schema.String))

/** Effect's default logger escapes quotes alone. */
const unquoted = (quoted: string): string =>
  Either.getOrElse(decodeText(quoted), () => quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1"))

// Cut off in the middle, an id or a number would be another: what comes after it must be there.
const COMPRESSION =
  /^context compression (?:(started):\s+session=(\S+) messages=(\d+)\s|(done):\s+session=(\S+) messages=(\d+)->\d+\s)/
const SKIPPED = /^compression skipped: another path is compressing session=(\S+)\s/

const hermes = ({ lane, says }: Laid): Event | undefined => {
  if (says.startsWith("Starting Hermes Gateway")) return Event.Opened()
  const [, skipped] = SKIPPED.exec(says) ?? []
  if (skipped !== undefined) return Event.Skipped({ session: skipped, operation: null, lane, messages: null })
  const [, start, started, before, , done, left] = COMPRESSION.exec(says) ?? []
  const session = start === undefined ? done : started
  if (session === undefined) return undefined
  const about = { session, operation: null, lane, messages: Number(before ?? left) }
  return start === undefined ? Event.Ended({ ...about, how: "done" }) : Event.Started(about)
}

const SAYS =
  /^(message (?:buffered|promoted)|compression (?:started|joined|done|failed|deferred)|deferral not followed|hook failed|segment healed|segments condensed|compressor opened):(.*)$/s

const throughline = ({ lane, says }: Laid): Event | undefined => {
  const [, what, rest = ""] = SAYS.exec(says) ?? []
  if (what === undefined) return undefined
  if (what === "compressor opened") return Event.Opened()
  const { arrival, operation, seq, session } = fields(rest)
  if (session === undefined) return undefined
  if (what.startsWith("message")) {
    if (arrival === undefined || !/^\d+$/.test(arrival)) return undefined
    const about = { session, arrival: Number(arrival) }
    if (what === "message buffered") return Event.Buffered(about)
    return Event.Promoted({ ...about, seq: seq === undefined ? null : Number(seq) })
  }
  return operation === undefined ? undefined : ofOperation(what, { session, operation, lane, messages: null })
}

const ofOperation = (what: string, about: Parameters<typeof Event.Started>[0]): Event => {
  switch (what) {
    case "compression started":
      return Event.Started(about)
    case "compression done":
      return Event.Ended({ ...about, how: "done" })
    case "compression failed":
      return Event.Ended({ ...about, how: "failed" })
    case "compression deferred":
      return Event.Deferred(about)
    default:
      return Event.Named(about)
  }
}

/** One after the other, so that what stands in a quoted value is no field. */
const fields = (text: string): { readonly [name: string]: string | undefined } => {
  const field = /\s*([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)/y
  const found: Record<string, string> = {}
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, name = "", value = ""] = match
    found[name] = value.startsWith(`"`) ? unquoted(value) : value
  }
  return found
}
