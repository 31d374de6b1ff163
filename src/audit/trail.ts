/** What a log tells of operations and messages, whoever wrote it and however it is laid out. */
import * as Data from "effect/Data"

export interface Place {
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** A line that a finding shows. */
export interface Shown extends Place {
  /** Its beginning, where it is very long. */
  readonly text: string
}

/**
 * `lane` is the session a line was written for: Hermes puts it in brackets before what it says, throughline annotates
 * it; `operation` is named by throughline alone, `messages` (before the compression) is what tells Hermes' operations apart.
 */
interface OfOperation {
  readonly session: string
  readonly operation: string | null
  readonly lane: string | null
  readonly messages: number | null
}

interface OfMessage {
  readonly session: string
  readonly arrival: number
}

/**
 * - `Skipped`: a started operation gave way to another of its session, before it did anything
 * - `Deferred`: an operation that will not start
 * - `Named`: anything else a running operation says of itself
 * - `Opened`: a process began to work, so that one before it is gone
 */
export type Event = Data.TaggedEnum<{
  Started: OfOperation
  Ended: OfOperation & { readonly how: "done" | "failed" }
  Skipped: OfOperation
  Deferred: OfOperation
  Named: OfOperation
  Buffered: OfMessage
  Promoted: OfMessage & { readonly seq: number | null }
  Opened: {}
}>
export const Event = Data.taggedEnum<Event>()

export type OperationEvent = Exclude<Event, { readonly _tag: "Buffered" | "Promoted" | "Opened" }>
export type MessageEvent = Extract<Event, { readonly _tag: "Buffered" | "Promoted" }>

/** A line of the trail; `at` in epoch milliseconds (of a zone the log does not name), null if it has no time. */
export interface Line<E extends Event = Event> extends Shown {
  readonly at: number | null
  readonly event: E
}

/** What the lines contradict, without the text of it. */
export type Fault =
  | "another-session"
  | "changed-id"
  | "overlap"
  | "never-started"
  | "never-ended"
  | "started-twice"
  | "buffered-twice"
  | "never-buffered"
  | "never-promoted"
  | "out-of-order"
  | "no-message-lines"

/** One violation, with the lines that show it in the order of the log. */
export interface Finding {
  readonly fault: Fault
  readonly session: string
  readonly text: string
  readonly lines: ReadonlyArray<Shown>
  readonly at: number | null
}

/** What is remembered of a line. */
export interface Timed extends Shown {
  readonly at: number | null
}

export const withTime = ({ at, file, line, text }: Timed): Timed => ({ file, line, text, at })

export const makeFinding = (
  fault: Fault,
  session: string,
  text: string,
  ...lines: readonly [Timed, ...ReadonlyArray<Shown>]
): Finding => ({
  fault,
  session,
  text,
  lines: lines.map(({ file, line, text }) => ({ file, line, text })),
  at: lines[0].at
})
