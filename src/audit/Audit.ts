/**
 * Reads what a log says happened, and says where it contradicts the promises of identity, of one operation at a time
 * and of nothing lost or doubled: from the lines alone, Hermes' or throughline's own.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Files from "./files.ts"
import * as CheckMessages from "./checkMessages.ts"
import * as CheckOperations from "./checkOperations.ts"
import { parseLine } from "./parseLine.ts"
import { type Fault, type Finding, makeFinding, type Line, type Place, type Shown } from "./trail.ts"

/**
 * A line of the trail, as read from a log: its place, its time and what it tells. `Shown` is what a violation keeps.
 *
 * @since 0.1.0
 * @category models
 */
export type { Line, Place, Shown }

/**
 * What the lines contradict:
 *
 * - `another-session`: a line is written for one session and is about the history of another
 * - `changed-id`: an operation ends in another session than it started in
 * - `overlap`: two operations of a session run at once
 * - `never-started`, `never-ended`, `started-twice`: an operation lacks a line, or has one too many
 * - `never-buffered`, `never-promoted`, `buffered-twice`, `out-of-order`: the same of a message
 * - `no-message-lines`: operations of throughline without any line of a message, which prove nothing about messages
 *
 * @since 0.1.0
 * @category models
 */
export type { Fault }

/**
 * A violation: what it is, in words, and the lines that show it. `session` is the one it happened to; `at` is in epoch
 * milliseconds, null if the lines have no time.
 *
 * @since 0.1.0
 * @category models
 */
export type { Finding }

/**
 * An operation as it is drawn, in epoch milliseconds; `to` is null if no line ends it.
 *
 * @since 0.1.0
 * @category models
 */
export type Span = CheckOperations.Span

/**
 * What the lines so far come to. Bounded: what is settled is forgotten.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly operations: CheckOperations.Operations
  readonly messages: CheckMessages.Messages
  readonly findings: Chunk.Chunk<Finding>
  readonly violations: number
  readonly spans: Chunk.Chunk<Span>
  readonly oneSpanIn: number
  /** Operations that ended, or never will. */
  readonly ended: number
  readonly counts: Counts
  /** The first line of an operation of throughline, until a line of a message comes. */
  readonly unproven: Line | null
}

/**
 * How many lines there were of each kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counts {
  readonly operations: number
  readonly messages: number
}

/**
 * What an audit found.
 *
 * - `verdict`: `nothing` if no line told of an operation or a message, so that nothing is proven either way
 * - `violations`: how many there are; `findings` holds the first thousand
 * - `lines`: how many were read, and how many of them were of another kind
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

const MOST_FINDINGS = 1_000
const MOST_SPANS = 4_000

/**
 * Nothing read yet.
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
 * One line of a log, whatever wrote it; `undefined` if it tells of no operation and no message.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string, place: Place): Line | undefined => parseLine(text, place)

/**
 * Takes one line in: a fold over the lines of a log, in their order.
 *
 * @since 0.1.0
 * @category combinators
 */
export const check = (state: State, line: Line): State => {
  const { event } = line
  switch (event._tag) {
    case "Opened":
      return { ...state, operations: CheckOperations.forgetRunning(state.operations) }
    case "Buffered":
    case "Promoted": {
      const { findings, state: messages } = CheckMessages.checkMessage(state.messages, { ...line, event })
      return found({ ...state, messages, counts: counted(state, "messages"), unproven: null }, findings)
    }
    default: {
      const {
        findings,
        spans,
        state: operations
      } = CheckOperations.checkOperation(state.operations, { ...line, event })
      const isOurs = event.operation !== null && state.counts.messages === 0
      const unproven = state.unproven ?? (isOurs ? line : null)
      return found(drawn({ ...state, operations, counts: counted(state, "operations"), unproven }, spans), findings)
    }
  }
}

/**
 * No line follows. What is open then is a violation, unless the log `isRunning`: is still being written.
 *
 * @since 0.1.0
 * @category combinators
 */
export const conclude = (state: State, { isRunning = false }: { readonly isRunning?: boolean } = {}): State => {
  const { findings, spans } = CheckOperations.concludeOperations(state.operations)
  const ended = drawn(
    { ...state, operations: CheckOperations.noOperations, messages: CheckMessages.noMessages, unproven: null },
    spans
  )
  if (isRunning) return ended
  return found(ended, [...findings, ...CheckMessages.concludeMessages(state.messages), ...unproven(state)])
}

/**
 * What was found, `lines` being how many there were in all.
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
 * Audits log files, plain or gzip, in the memory of a few blocks whatever their size. Several are one log: their lines
 * are taken in the order of their times.
 *
 * @since 0.1.0
 * @category constructors
 */
export const files = (
  names: ReadonlyArray<string>,
  options: { readonly isRunning?: boolean } = {}
): Effect.Effect<Report, UnreadableLog> =>
  Stream.fromAsyncIterable(Files.blocks(names), unreadable).pipe(
    Stream.runFold({ state: empty, lines: 0 }, ({ lines, state }, block) => ({
      state: block.lines.reduce(check, state),
      lines: lines + block.of
    })),
    Effect.map(({ lines, state }) => report(conclude(state, options), lines))
  )

const unreadable = (error: unknown): UnreadableLog =>
  error instanceof Files.Unreadable
    ? new UnreadableLog({ file: error.file, reason: error.message })
    : new UnreadableLog({ file: "the log", reason: String(error) })

const counted = ({ counts }: State, kind: keyof Counts): Counts => ({ ...counts, [kind]: counts[kind] + 1 })

const found = (state: State, findings: ReadonlyArray<Finding>): State => {
  if (findings.length === 0) return state
  const kept = findings.slice(0, Math.max(0, MOST_FINDINGS - state.violations))
  return {
    ...state,
    findings: Chunk.appendAll(state.findings, Chunk.unsafeFromArray(kept)),
    violations: state.violations + findings.length
  }
}

const drawn = (state: State, spans: ReadonlyArray<Span>): State => {
  if (spans.length === 0) return state
  const isDrawn = ({ isFaulty }: Span, index: number) =>
    (isFaulty && state.violations < MOST_FINDINGS) || (state.ended + index) % state.oneSpanIn === 0
  const all = Chunk.appendAll(state.spans, Chunk.unsafeFromArray(spans.filter(isDrawn)))
  return thinned({ ...state, spans: all, ended: state.ended + spans.length })
}

/** When there are too many to draw, every other one is left out, of those with a violation only what is not told either. */
const thinned = (state: State): State => {
  if (Chunk.size(state.spans) <= MOST_SPANS) return state
  let faulty = 0
  let n = 0
  const spans = Chunk.filter(state.spans, ({ isFaulty }) => (isFaulty && faulty++ < MOST_FINDINGS) || n++ % 2 === 0)
  return thinned({ ...state, spans, oneSpanIn: state.oneSpanIn * 2 })
}

const unproven = ({ unproven }: State): ReadonlyArray<Finding> => {
  if (unproven === null || !("session" in unproven.event)) return []
  const text = "operations of throughline and no line of a message: nothing here proves that none was lost"
  return [makeFinding("no-message-lines", unproven.event.session, text, unproven)]
}
