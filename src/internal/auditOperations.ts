/** What the lines of a log say of its operations: each starts and ends once, in one session, alone in it. */
import { type Finding, finding, type Line, type OperationEvent, type Shown } from "./auditTrail.ts"

/** An operation that has not ended. */
interface Open {
  readonly session: string
  readonly operation: string | null
  readonly lane: string | null
  readonly messages: number | null
  readonly started: Timed
  /** Where the operation started that had not ended when this one did. */
  readonly overlaps: Timed | null
  /** Another started meanwhile, which is found when that one ends: that this one never ends is no second violation. */
  readonly isOvertaken: boolean
  /** A process began to work after it, so that its own may be gone. */
  readonly isCut: boolean
}

interface Timed extends Shown {
  readonly at: number | null
}

export interface Operations {
  /** In the order they started. */
  readonly open: ReadonlyArray<Open>
}

/** An operation as it is drawn; `to` is null if nothing ends it. */
export interface Span {
  readonly session: string
  readonly from: number | null
  readonly to: number | null
  readonly isFaulty: boolean
}

/** What one line changed, found and ended. */
export interface Told {
  readonly state: Operations
  readonly findings: ReadonlyArray<Finding>
  readonly spans: ReadonlyArray<Span>
}

/** Those that no line ever ended are given up beyond this many, the oldest first. */
const MOST_OPEN = 1_000

export const none: Operations = { open: [] }

export const check = (state: Operations, line: Line<OperationEvent>): Told => {
  switch (line.event._tag) {
    case "Started":
      return start(state, line)
    case "Ended":
    case "Skipped":
      return end(state, line)
    default:
      return { state, findings: misnamed(state, line), spans: [] }
  }
}

/** What runs now may have been cut short, or may be another process's. */
export const opened = ({ open }: Operations): Operations => ({ open: open.map((op) => ({ ...op, isCut: true })) })

/** What never ended, once no line follows. */
export const conclude = ({ open }: Operations): Told => told(none, open.map(unended))

const start = (state: Operations, line: Line<OperationEvent>): Told => {
  const { lane, messages, operation, session } = line.event
  const twin = operation === null ? undefined : state.open.find((op) => op.operation === operation)
  if (twin !== undefined) {
    const text = `operation ${operation} of session ${session} started twice`
    return { state, findings: [finding("started-twice", session, text, twin.started, line)], spans: [] }
  }
  const overtaken = state.open.findLast((op) => op.session === session && !op.isOvertaken && !op.isCut)
  const isOver = (op: Open) => op.session === session && op !== overtaken && (op.isOvertaken || op.isCut)
  const others = state.open
    .filter((op) => !isOver(op))
    .map((op) => (op === overtaken ? { ...op, isOvertaken: true } : op))
  const started: Open = {
    session,
    operation,
    lane,
    messages,
    started: line,
    overlaps: overtaken?.started ?? null,
    isOvertaken: false,
    isCut: false
  }
  const open = [...others, started]
  const ended = [...state.open.filter(isOver), ...open.slice(0, Math.max(0, open.length - MOST_OPEN))]
  return told({ open: open.slice(-MOST_OPEN) }, ended.map(unended))
}

const end = (state: Operations, line: Line<OperationEvent>): Told => {
  const op = counterpart(state.open, line.event)
  if (op === undefined) return { state, findings: [unstarted(line)], spans: [] }
  const rest = state.open.filter((other) => other !== op)
  if (line.event._tag !== "Skipped") return told({ open: rest }, [closed(op, line)])
  // It did nothing, so what it had started beside was alone after all.
  const open = rest.map((other) => (other.started === op.overlaps ? { ...other, isOvertaken: false } : other))
  return told({ open }, [closed({ ...op, overlaps: null }, line)])
}

/** The operation that a line ends: the one of its id, or the one it has most in common with, the newest of those. */
const counterpart = (open: ReadonlyArray<Open>, event: OperationEvent): Open | undefined => {
  if (event.operation !== null) return open.find((op) => op.operation === event.operation)
  const likeness = (op: Open) => {
    if (op.operation !== null) return 0
    const isSession = op.session === event.session
    const isLane = op.lane !== null && op.lane === event.lane
    const isSize = op.messages !== null && op.messages === event.messages
    return (isSession ? 2 : 0) + (isLane ? 2 : 0) + (isSize ? 3 : 0)
  }
  return open.reduce<{ readonly op: Open | undefined; readonly best: number }>(
    (found, op) => (likeness(op) >= found.best ? { op, best: likeness(op) } : found),
    { op: undefined, best: 1 }
  ).op
}

interface Closed {
  readonly op: Open
  readonly to: number | null
  readonly findings: ReadonlyArray<Finding>
}

const closed = (op: Open, line: Line<OperationEvent>): Closed => ({
  op,
  to: line.at,
  findings: [...foreign(op, line), ...renamed(op, line), ...overlapping(op)]
})

const unended = (op: Open): Closed => {
  const text = `${name(op)} started and never ended`
  const isExcused = op.isOvertaken || op.isCut || op.overlaps !== null
  const never = isExcused ? [] : [finding("never-ended", op.session, text, op.started)]
  return { op, to: null, findings: [...foreign(op), ...overlapping(op), ...never] }
}

/** A line written for one session, about the history of another. */
const foreign = (op: Open, end?: Line<OperationEvent>): ReadonlyArray<Finding> => {
  const lines: readonly [Timed, ...ReadonlyArray<Shown>] = end === undefined ? [op.started] : [op.started, end]
  const lane = op.lane === null || op.lane === op.session ? laneOf(op, end) : op.lane
  if (lane === null) return []
  return [finding("another-session", op.session, `session ${lane} compressed session ${op.session}`, ...lines)]
}

/** The done line may be the one that tells. When it names another session, that is the violation. */
const laneOf = (op: Open, end: Line<OperationEvent> | undefined): string | null => {
  if (end === undefined || end.event.session !== op.session) return null
  return end.event.lane === op.session ? null : end.event.lane
}

const renamed = (op: Open, line: Line<OperationEvent>): ReadonlyArray<Finding> => {
  const { session } = line.event
  if (session === op.session) return []
  const text = `session ${op.session} became ${session}, an id that no started line of this operation has`
  return [finding("changed-id", op.session, text, op.started, line)]
}

const overlapping = ({ overlaps, session, started }: Open): ReadonlyArray<Finding> =>
  overlaps === null
    ? []
    : [finding("overlap", session, `two operations of session ${session} overlap`, overlaps, started)]

const unstarted = (line: Line<OperationEvent>): Finding => {
  const { event } = line
  return finding("never-started", event.session, `${name(event)} ended and was not running`, line)
}

/** Whatever else an operation says, it says in its session; one that was deferred does not run. */
const misnamed = ({ open }: Operations, line: Line<OperationEvent>): ReadonlyArray<Finding> => {
  const { _tag, operation, session } = line.event
  const op = open.find((op) => op.operation === operation)
  if (op === undefined) return []
  if (op.session !== session) {
    const text = `operation ${operation} of session ${op.session} is named in session ${session}`
    return [finding("changed-id", op.session, text, op.started, line)]
  }
  if (_tag !== "Deferred") return []
  return [finding("started-twice", session, `${name(op)} was deferred while it ran`, op.started, line)]
}

const name = ({ operation, session }: { readonly operation: string | null; readonly session: string }): string =>
  operation === null ? `the compression of session ${session}` : `operation ${operation} of session ${session}`

const told = (state: Operations, ended: ReadonlyArray<Closed>): Told => ({
  state,
  findings: ended.flatMap(({ findings }) => findings),
  spans: ended.map(({ findings, op, to }) => ({
    session: op.session,
    from: op.started.at,
    to,
    isFaulty: findings.length > 0 || op.isOvertaken
  }))
})
