/** The events that a log tells of operations and messages, in whatever format its lines are. */
import * as Data from "effect/Data"

export interface LinePlace {
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** A line with its text, as a finding shows it. */
export interface QuotedLine extends LinePlace {
  /** Only the beginning of a very long line. */
  readonly text: string
}

/**
 * - `writtenFor`: the session in Hermes' brackets before the text, or in throughline's `session` annotation
 * - `operation`: the operation id, which only throughline writes
 * - `messages`: their number before the compression, which tells operations of Hermes apart
 * - `generation`: of the session, when the operation began, or the last one that it wrote: 0 if it was refused. Only
 *   throughline writes it
 */
export interface OperationFields {
  readonly session: string
  readonly operation: string | null
  readonly writtenFor: string | null
  readonly messages: number | null
  readonly generation: number | null
}

export interface MessageFields {
  readonly session: string
  readonly arrival: number
}

/**
 * - `Skipped`: a started operation gave way to another of its session before it did anything
 * - `Deferred`: an operation will not start
 * - `Named`: any other line that names an operation
 * - `Opened`: a process began to work, so the one before it may be gone
 * - `Superseded`: a reset or rewind, which takes the lease from an operation that runs and writes `generation`
 * - `Waited`: a step of the session waited so long for a compression, up to now
 * - `Forgotten`: the session was deleted, with all that arrived for it up to the arrival `upTo`
 *
 * @since 0.1.0
 * @category models
 */
export type Event = Data.TaggedEnum<{
  Started: OperationFields
  Ended: OperationFields
  Skipped: OperationFields
  Deferred: OperationFields
  Named: OperationFields
  Buffered: MessageFields
  Promoted: MessageFields & { readonly seq: number | null }
  Opened: {}
  Superseded: { readonly session: string; readonly generation: number | null }
  Waited: { readonly session: string; readonly milliseconds: number }
  Forgotten: { readonly session: string; readonly upTo: number }
}>
export const Event = Data.taggedEnum<Event>()

export type OperationLine = Exclude<
  Event,
  { readonly _tag: "Buffered" | "Promoted" | "Opened" | "Superseded" | "Waited" | "Forgotten" }
>
export type MessageEvent = Extract<Event, { readonly _tag: "Buffered" | "Promoted" }>

/** A line about an event. `at` is in epoch milliseconds, read as UTC, and null if the line has no time. */
export interface Line<E extends Event = Event> extends QuotedLine {
  readonly at: number | null
  readonly event: E
}

/** The kinds of violation. */
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

/** One violation, and the lines that show it in the order of the log. */
export interface Finding {
  readonly fault: Fault
  readonly session: string
  readonly text: string
  readonly lines: ReadonlyArray<QuotedLine>
  readonly at: number | null
}

/** The part of a line that is kept for later findings. */
export interface TimedLine extends QuotedLine {
  readonly at: number | null
}

export const toTimedLine = ({ at, file, line, text }: TimedLine): TimedLine => ({ file, line, text, at })

export const makeFinding = (
  fault: Fault,
  session: string,
  text: string,
  ...lines: readonly [TimedLine, ...ReadonlyArray<QuotedLine>]
): Finding => ({
  fault,
  session,
  text,
  lines: lines.map(({ file, line, text }) => ({ file, line, text })),
  at: lines[0].at
})
