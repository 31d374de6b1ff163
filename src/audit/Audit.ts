/**
 * Audits a log of Hermes or of throughline. Finds where its lines contradict the promises: a session keeps its id, runs
 * one operation at a time, and loses or doubles no message.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Files from "./files.ts"
import * as CheckMessages from "./checkMessages.ts"
import * as CheckOperations from "./checkOperations.ts"
import * as LogLines from "./logLines.ts"
import { parseLine } from "./parseLine.ts"
import {
  type Event,
  type Fault,
  type Finding,
  makeFinding,
  type Line,
  type LinePlace,
  type MessageFields,
  type OperationFields,
  type QuotedLine
} from "./trail.ts"

/**
 * A line about an operation or a message, with its place in the log. A violation keeps it as a `QuotedLine`.
 *
 * @since 0.1.0
 * @category models
 */
export type { Event, Line, LinePlace, MessageFields, OperationFields, QuotedLine }

/**
 * The kinds of violation:
 *
 * - `another-session`: a line is written for one session and is about the history of another
 * - `changed-id`: an operation ends in another session than it started in
 * - `overlap`: two operations of a session run at once
 * - `never-started`, `never-ended`, `started-twice`: an operation lacks a line, or has one too many
 * - `never-buffered`, `never-promoted`, `buffered-twice`, `out-of-order`: the same of a message
 * - `no-message-lines`: operations of throughline and no line of a message, so nothing is proven about messages
 *
 * @since 0.1.0
 * @category models
 */
export type { Fault }

/**
 * A violation: its kind, the session it happened to, a text for people, and the lines that show it. `at` is in epoch
 * milliseconds, and null if the lines have no time.
 *
 * @since 0.1.0
 * @category models
 */
export type { Finding }

/**
 * An operation as a timeline draws it, in epoch milliseconds; `to` is null if no line ends it.
 *
 * @since 0.1.0
 * @category models
 */
export type Span = CheckOperations.Span

export type { MessageState } from "./checkMessages.ts"
export type { OperationState } from "./checkOperations.ts"

/**
 * The state of an audit after the lines so far. Its size is bounded, because lines that no later line can concern are
 * forgotten.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly operations: CheckOperations.OperationState
  readonly messages: CheckMessages.MessageState
  readonly findings: Chunk.Chunk<Finding>
  readonly violations: number
  readonly spans: Chunk.Chunk<Span>
  readonly oneSpanIn: number
  /** The number of operations that ended or were given up. */
  readonly ended: number
  readonly counts: Counts
  /** The first line about an operation of throughline, until a line about a message comes. */
  readonly unproven: Line | null
}

/**
 * The number of lines of each kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counts {
  readonly operations: number
  readonly messages: number
}

/**
 * The result of an audit.
 *
 * - `verdict`: `nothing` if no line is about an operation or a message, so that nothing is proven either way
 * - `violations`: how many there are; `findings` holds the first thousand
 * - `lines`: how many were read, and how many of them were about something else
 * - `spans`: the operations to draw, the first thousand with a violation and one in `oneSpanIn` of the others
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly verdict: "clean" | "violated" | "nothing"
  readonly violations: number
  readonly findings: ReadonlyArray<Finding>
  readonly counts: Counts
  readonly lines: { readonly read: number; readonly skipped: number }
  readonly spans: ReadonlyArray<Span>
  readonly oneSpanIn: number
}

/**
 * A log could not be read to its end.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableLog extends Schema.TaggedError<UnreadableLog>()("UnreadableLog", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot read ${this.file}: ${this.reason}`
  }
}

/**
 * Writes the lines about single messages (`message buffered`, `message promoted`) at this level instead of `Debug`, at which
 * a logger leaves them out unless it is told otherwise. An audit of a log without them finds `no-message-lines`: it does not
 * prove that nothing was lost.
 *
 * @example
 * program.pipe(Effect.provide(Audit.messageLevel(LogLevel.Info)))
 *
 * @since 0.1.0
 * @category layers
 */
export const messageLevel = (level: LogLevel.LogLevel): Layer.Layer<never> =>
  Layer.scopedDiscard(Effect.locallyScoped(LogLines.messageLevel, level))

const MOST_FINDINGS = 1_000
const MOST_SPANS = 4_000

/**
 * The state before the first line.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: State = {
  operations: CheckOperations.noOperations,
  messages: CheckMessages.noMessages,
  findings: Chunk.empty(),
  violations: 0,
  spans: Chunk.empty(),
  oneSpanIn: 1,
  ended: 0,
  counts: { operations: 0, messages: 0 },
  unproven: null
}

/**
 * Parses one line of a log in any known format. Returns `undefined` if it is about no operation and no message.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string, place: LinePlace): Line | undefined => parseLine(text, place)

/**
 * Adds one line to the state. Fold it over the lines of a log, in their order.
 *
 * @since 0.1.0
 * @category combinators
 */
export const check = (state: State, line: Line): State => {
  const { event } = line
  switch (event._tag) {
    case "Waited":
      return state
    case "Opened":
      return { ...state, operations: CheckOperations.forgetRunning(state.operations) }
    case "Superseded":
      return {
        ...state,
        operations: CheckOperations.supersedeRunning(state.operations, event.session, event.generation)
      }
    case "Forgotten":
      return {
        ...state,
        operations: CheckOperations.supersedeRunning(state.operations, event.session, null),
        messages: CheckMessages.forgetMessages(state.messages, event)
      }
    case "Buffered":
    case "Promoted": {
      const { findings, state: messages } = CheckMessages.checkMessage(state.messages, { ...line, event })
      return addFindings({ ...state, messages, counts: addCount(state, "messages"), unproven: null }, findings)
    }
    default: {
      const {
        findings,
        spans,
        state: operations
      } = CheckOperations.checkOperation(state.operations, { ...line, event })
      const isOurs = event.operation !== null && state.counts.messages === 0
      const unproven = state.unproven ?? (isOurs ? line : null)
      return addFindings(
        addSpans({ ...state, operations, counts: addCount(state, "operations"), unproven }, spans),
        findings
      )
    }
  }
}

/**
 * Ends an audit. Operations and messages that are open then are violations, unless the log `isRunning`, that is, still
 * being written.
 *
 * @since 0.1.0
 * @category combinators
 */
export const conclude = (state: State, { isRunning = false }: { readonly isRunning?: boolean } = {}): State => {
  const { findings, spans } = CheckOperations.concludeOperations(state.operations)
  const ended = addSpans(
    { ...state, operations: CheckOperations.noOperations, messages: CheckMessages.noMessages, unproven: null },
    spans
  )
  if (isRunning) return ended
  return addFindings(ended, [...findings, ...CheckMessages.concludeMessages(state.messages), ...checkProof(state)])
}

/**
 * Makes the report; `lines` is the number of all lines read.
 *
 * @since 0.1.0
 * @category getters
 */
export const report = (state: State, lines: number): Report => {
  const { counts, oneSpanIn, violations } = state
  const isEmpty = counts.operations + counts.messages === 0
  return {
    verdict: violations > 0 ? "violated" : isEmpty ? "nothing" : "clean",
    violations,
    findings: Chunk.toReadonlyArray(state.findings),
    counts,
    lines: { read: lines, skipped: lines - counts.operations - counts.messages },
    spans: Chunk.toReadonlyArray(state.spans),
    oneSpanIn
  }
}

/**
 * Audits log files, plain or gzip. Several files are one log: their lines are read in the order of their times. Memory
 * does not grow with the size of the files.
 *
 * @since 0.1.0
 * @category constructors
 */
export const files = (
  names: ReadonlyArray<string>,
  options: { readonly isRunning?: boolean } = {}
): Effect.Effect<Report, UnreadableLog> =>
  readBlocks(names).pipe(
    Stream.runFold({ state: empty, lines: 0 }, ({ lines, state }, block) => ({
      state: block.lines.reduce(check, state),
      lines: lines + block.lineCount
    })),
    Effect.map(({ lines, state }) => report(conclude(state, options), lines))
  )

/**
 * Streams the lines of log files that are about an operation, a message or a wait, in the order of their times.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lines = (names: ReadonlyArray<string>): Stream.Stream<Line, UnreadableLog> =>
  Stream.mapConcat(readBlocks(names), (block) => block.lines)

const readBlocks = (names: ReadonlyArray<string>) => Stream.fromAsyncIterable(Files.readBlocks(names), toUnreadableLog)

const toUnreadableLog = (error: unknown): UnreadableLog =>
  error instanceof Files.UnreadableFile
    ? new UnreadableLog({ file: error.file, reason: error.message })
    : new UnreadableLog({ file: "the log", reason: String(error) })

const addCount = ({ counts }: State, kind: keyof Counts): Counts => ({ ...counts, [kind]: counts[kind] + 1 })

const addFindings = (state: State, findings: ReadonlyArray<Finding>): State => {
  if (findings.length === 0) return state
  const kept = findings.slice(0, Math.max(0, MOST_FINDINGS - state.violations))
  return {
    ...state,
    findings: Chunk.appendAll(state.findings, Chunk.unsafeFromArray(kept)),
    violations: state.violations + findings.length
  }
}

const addSpans = (state: State, spans: ReadonlyArray<Span>): State => {
  if (spans.length === 0) return state
  const isDrawn = ({ isFaulty }: Span, index: number) =>
    (isFaulty && state.violations < MOST_FINDINGS) || (state.ended + index) % state.oneSpanIn === 0
  const all = Chunk.appendAll(state.spans, Chunk.unsafeFromArray(spans.filter(isDrawn)))
  return thinSpans({ ...state, spans: all, ended: state.ended + spans.length })
}

/** Drops every other span if there are too many, but keeps those of the violations that are reported. */
const thinSpans = (state: State): State => {
  if (Chunk.size(state.spans) <= MOST_SPANS) return state
  let faulty = 0
  let n = 0
  const spans = Chunk.filter(state.spans, ({ isFaulty }) => (isFaulty && faulty++ < MOST_FINDINGS) || n++ % 2 === 0)
  return thinSpans({ ...state, spans, oneSpanIn: state.oneSpanIn * 2 })
}

const checkProof = ({ unproven }: State): ReadonlyArray<Finding> => {
  if (unproven === null || !("session" in unproven.event)) return []
  const text = "operations of throughline and no line of a message: nothing here proves that none was lost"
  return [makeFinding("no-message-lines", unproven.event.session, text, unproven)]
}
