/** What the lines of a log say of its operations: each starts and ends once, in one session, alone in it. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { type Finding, makeFinding, type Line, type OperationEvent, type Shown, type Timed, withTime } from "./trail.ts"

/** An operation that has not ended. */
interface Open {
  readonly session: string
  readonly operation: string | null
  readonly lane: string | null
  readonly messages: number | null
  /** The how manieth of the log it is. */
  readonly order: number
  readonly started: Timed
  /** Where the operation started that had not ended when this one did. */
  readonly overlaps: Timed | null
  /** Another started meanwhile, which is found when that one ends: that this one never ends is no second violation. */
  readonly isOvertaken: boolean
  /** A process began to work after it, so that its own may be gone. */
  readonly isCut: boolean
}

export interface Operations {
  /** Those of a session in the order they started. */
  readonly open: HashMap.HashMap<string, ReadonlyArray<Open>>
  readonly started: number
}

/** An operation as it is drawn; `to` is null if nothing ends it. */
export interface Span {
  readonly session: string
  readonly from: number | null
  readonly to: number | null
  readonly isFaulty: boolean
}

/** What one line changed, found and ended. */
export interface OperationCheck {
  readonly state: Operations
  readonly findings: ReadonlyArray<Finding>
  readonly spans: ReadonlyArray<Span>
}

/** Those that no line ever ended are given up beyond this many, the older half first. */
const MOST_OPEN = 2_000

export const noOperations: Operations = { open: HashMap.empty(), started: 0 }

export const checkOperation = (state: Operations, line: Line<OperationEvent>): OperationCheck => {
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
export const forgetRunning = (state: Operations): Operations => ({
  ...state,
  open: HashMap.map(state.open, (ops) => ops.map((op) => ({ ...op, isCut: true })))
})

/** What never ended, once no line follows. */
export const concludeOperations = (state: Operations): OperationCheck => told(noOperations, all(state).map(unended))

const start = (state: Operations, line: Line<OperationEvent>): OperationCheck => {
  const { lane, messages, operation, session } = line.event
  const ops = inSession(state, session)
  const twin = operation === null ? undefined : ops.find((op) => op.operation === operation)
  if (twin !== undefined) {
    const text = `operation ${operation} of session ${session} started twice`
    return { state, findings: [makeFinding("started-twice", session, text, twin.started, line)], spans: [] }
  }
  const overtaken = ops.findLast((op) => !op.isOvertaken && !op.isCut)
  const started: Open = {
    session,
    operation,
    lane,
    messages,
    order: state.started,
    started: withTime(line),
    overlaps: overtaken?.started ?? null,
    isOvertaken: false,
    isCut: false
  }
  const running = overtaken === undefined ? [started] : [{ ...overtaken, isOvertaken: true }, started]
  const over = ops.filter((op) => op !== overtaken)
  const next = { ...inPlace(state, session, running), started: state.started + 1 }
  return bounded(told(next, over.map(unended)))
}

const end = (state: Operations, line: Line<OperationEvent>): OperationCheck => {
  const op = counterpart(state, line.event)
  if (op === undefined) return { state, findings: [unstarted(line)], spans: [] }
  const rest = inSession(state, op.session).filter((other) => other !== op)
  if (line.event._tag !== "Skipped") return told(inPlace(state, op.session, rest), [closed(op, line)])
  // It did nothing, so what it had started beside was alone after all.
  const alone = rest.map((other) => (other.started === op.overlaps ? { ...other, isOvertaken: false } : other))
  return told(inPlace(state, op.session, alone), [closed({ ...op, overlaps: null }, line)])
}

/** The operation that a line ends: the one of its id, or the one it has most in common with, the newest of those. */
const counterpart = (state: Operations, event: OperationEvent): Open | undefined => {
  const likeness = likenessTo(event)
  const best = (ops: ReadonlyArray<Open>) =>
    ops.reduce<Open | undefined>((best, op) => (likeness(op) >= (best ? likeness(best) : 1) ? op : best), undefined)
  const near = best(inSession(state, event.session))
  return near !== undefined && likeness(near) === ALIKE ? near : best(all(state))
}

const ALIKE = 7

const likenessTo =
  (event: OperationEvent) =>
  (op: Open): number => {
    if (event.operation !== null || op.operation !== null) return op.operation === event.operation ? ALIKE : 0
    const isSession = op.session === event.session
    const isLane = op.lane === event.lane && (op.lane !== null || isSession)
    const isSize = op.messages !== null && op.messages === event.messages
    return (isSession ? 2 : 0) + (isLane ? 2 : 0) + (isSize ? 3 : 0)
  }

const inSession = ({ open }: Operations, session: string): ReadonlyArray<Open> =>
  Option.getOrElse(HashMap.get(open, session), () => [])

const inPlace = (state: Operations, session: string, ops: ReadonlyArray<Open>): Operations => ({
  ...state,
  open: ops.length === 0 ? HashMap.remove(state.open, session) : HashMap.set(state.open, session, ops)
})

const all = ({ open }: Operations): ReadonlyArray<Open> =>
  HashMap.toValues(open)
    .flat()
    .toSorted((a, b) => a.order - b.order)

const bounded = (so: OperationCheck): OperationCheck => {
  const { state } = so
  if (HashMap.size(state.open) <= MOST_OPEN) return so
  const older = new Set(
    all(state)
      .slice(0, MOST_OPEN / 2)
      .map(({ session }) => session)
  )
  const isGiven = (session: string) => older.has(session)
  const given = all(state).filter(({ session }) => isGiven(session))
  const open = HashMap.filter(state.open, (_, session) => !isGiven(session))
  const more = told({ ...state, open }, given.map(unended))
  return { ...more, findings: [...so.findings, ...more.findings], spans: [...so.spans, ...more.spans] }
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
  const never = isExcused ? [] : [makeFinding("never-ended", op.session, text, op.started)]
  return { op, to: null, findings: [...foreign(op), ...overlapping(op), ...never] }
}

/** A line written for one session, about the history of another. */
const foreign = (op: Open, end?: Line<OperationEvent>): ReadonlyArray<Finding> => {
  const lines: readonly [Timed, ...ReadonlyArray<Shown>] = end === undefined ? [op.started] : [op.started, end]
  const lane = op.lane === null || op.lane === op.session ? laneOf(op, end) : op.lane
  if (lane === null) return []
  return [makeFinding("another-session", op.session, `session ${lane} compressed session ${op.session}`, ...lines)]
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
  return [makeFinding("changed-id", op.session, text, op.started, line)]
}

const overlapping = ({ overlaps, session, started }: Open): ReadonlyArray<Finding> =>
  overlaps === null
    ? []
    : [makeFinding("overlap", session, `two operations of session ${session} overlap`, overlaps, started)]

const unstarted = (line: Line<OperationEvent>): Finding => {
  const { event } = line
  return makeFinding("never-started", event.session, `${name(event)} ended and was not running`, line)
}

/** Whatever else an operation says, it says in its session; one that was deferred does not run. */
const misnamed = (state: Operations, line: Line<OperationEvent>): ReadonlyArray<Finding> => {
  const { _tag, operation, session } = line.event
  const op = all(state).find((op) => op.operation === operation)
  if (op === undefined) return []
  if (op.session !== session) {
    const text = `operation ${operation} of session ${op.session} is named in session ${session}`
    return [makeFinding("changed-id", op.session, text, op.started, line)]
  }
  if (_tag !== "Deferred") return []
  return [makeFinding("started-twice", session, `${name(op)} was deferred while it ran`, op.started, line)]
}

const name = ({ operation, session }: { readonly operation: string | null; readonly session: string }): string =>
  operation === null ? `the compression of session ${session}` : `operation ${operation} of session ${session}`

const told = (state: Operations, ended: ReadonlyArray<Closed>): OperationCheck => ({
  state,
  findings: ended.flatMap(({ findings }) => findings),
  spans: ended.map(({ findings, op, to }) => ({
    session: op.session,
    from: op.started.at,
    to,
    isFaulty: findings.length > 0 || op.isOvertaken
  }))
})
