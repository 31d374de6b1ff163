/** Checks the lines about operations: each operation starts and ends once, in one session, alone in it. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import {
  type Finding,
  makeFinding,
  type Line,
  type OperationLine,
  type OperationFields,
  type QuotedLine,
  type TimedLine,
  toTimedLine
} from "./trail.ts"

/** An operation that has not ended. */
interface OpenOperation extends OperationFields {
  /** Counts the operations of the log. */
  readonly order: number
  readonly started: TimedLine
  /** The start of an operation that still ran when this one started. */
  readonly overlaps: TimedLine | null
  /** Overlaps with operations that have ended while this one is open. Its end may still show that it was over before. */
  readonly unproven: ReadonlyArray<Overlap>
  /** True if another operation started meanwhile. That is reported with the other one, so never ending is excused. */
  readonly isOvertaken: boolean
  /** True if its process may be gone, since another one opened, or if a reset or rewind has taken its lease. */
  readonly isCut: boolean
}

interface Overlap {
  readonly finding: Finding
  /** The generation that the other operation began with. */
  readonly generation: number | null
}

export interface OperationState {
  /** The open operations of each session, in the order they started. */
  readonly open: HashMap.HashMap<string, ReadonlyArray<OpenOperation>>
  readonly started: number
  /** The generation that the last reset or rewind of a session wrote. */
  readonly superseded: HashMap.HashMap<string, number>
}

/** An operation as the timeline draws it; `to` is null if no line ends it. */
export interface Span {
  readonly session: string
  readonly from: number | null
  readonly to: number | null
  readonly isFaulty: boolean
}

export interface OperationCheckResult {
  readonly state: OperationState
  readonly findings: ReadonlyArray<Finding>
  readonly spans: ReadonlyArray<Span>
}

/**
 * More sessions with open operations are not remembered: the operations of the older half are given up. Nor are more
 * sessions with a reset or rewind.
 */
const MOST_OPEN = 2_000
/** Most open operations of one session. The oldest are given up. */
const MOST_LATE = 4

export const noOperations: OperationState = { open: HashMap.empty(), started: 0, superseded: HashMap.empty() }

export const checkOperation = (state: OperationState, line: Line<OperationLine>): OperationCheckResult => {
  switch (line.event._tag) {
    case "Started":
      return startOperation(state, line)
    case "Ended":
    case "Skipped":
      return endOperation(state, line)
    default:
      return { state, findings: checkNamedSession(state, line), spans: [] }
  }
}

/** Excuses the open operations from ending: a process opened, so theirs may be gone. */
export const forgetRunning = (state: OperationState): OperationState => ({
  ...state,
  open: HashMap.map(state.open, (ops) => ops.map((op) => ({ ...op, isCut: true })))
})

/**
 * Excuses the open operations of a session: a reset or rewind has taken their lease, and another operation may begin
 * before they notice. Its line may come after the line of that other one.
 */
export const supersedeRunning = (
  state: OperationState,
  session: string,
  generation: number | null
): OperationState => ({
  ...setOpen(
    state,
    session,
    openIn(state, session).map((op) => ({ ...op, overlaps: null, unproven: [], isOvertaken: false, isCut: true }))
  ),
  superseded: rememberGeneration(state.superseded, session, generation)
})

const rememberGeneration = (
  superseded: OperationState["superseded"],
  session: string,
  generation: number | null
): OperationState["superseded"] => {
  if (generation === null) return HashMap.remove(superseded, session)
  return HashMap.set(HashMap.size(superseded) < MOST_OPEN ? superseded : HashMap.empty(), session, generation)
}

/** Reports the operations that are open at the end of the log. */
export const concludeOperations = (state: OperationState): OperationCheckResult =>
  makeResult(noOperations, listOpen(state).map(giveUp))

const startOperation = (state: OperationState, line: Line<OperationLine>): OperationCheckResult => {
  const { generation, messages, operation, session, writtenFor } = line.event
  const ops = openIn(state, session)
  const twin = operation === null ? undefined : ops.find((op) => op.operation === operation)
  if (twin !== undefined) {
    const text = `operation ${operation} of session ${session} started twice`
    return { state, findings: [makeFinding("started-twice", session, text, twin.started, line)], spans: [] }
  }
  // A reset or rewind took its lease before its line was written, so it will write nothing.
  const isCut = generation !== null && generation < lastSuperseded(state, session)
  const overtaken = isCut ? undefined : ops.findLast((op) => !op.isOvertaken && !op.isCut)
  const started: OpenOperation = {
    session,
    operation,
    writtenFor,
    messages,
    generation,
    order: state.started,
    started: toTimedLine(line),
    overlaps: overtaken?.started ?? null,
    unproven: [],
    isOvertaken: false,
    isCut
  }
  const running = overtaken === undefined ? [started] : [{ ...overtaken, isOvertaken: true }, started]
  const others = ops.filter((op) => op !== overtaken)
  // Those that are cut or overtaken may still end. Only throughline's lines name them then.
  const kept = others.filter(({ operation }) => operation !== null).slice(-MOST_LATE)
  const next = { ...setOpen(state, session, [...kept, ...running]), started: state.started + 1 }
  return boundOpen(makeResult(next, others.filter((op) => !kept.includes(op)).map(giveUp)))
}

const endOperation = (state: OperationState, line: Line<OperationLine>): OperationCheckResult => {
  const { event } = line
  const op = findEnded(state, event)
  if (op === undefined) {
    const text = `${describeOperation(event)} ended and was not running`
    return { state, findings: [makeFinding("never-started", event.session, text, line)], spans: [] }
  }
  const rest = openIn(state, op.session).filter((other) => other !== op)
  if (event._tag !== "Skipped") return endStarted(state, op, rest, line)
  // A skipped operation did nothing, so the one it overlapped was alone after all.
  const alone = rest.map((other) => (other.started === op.overlaps ? { ...other, isOvertaken: false } : other))
  return makeResult(setOpen(state, op.session, alone), [closeOperation({ ...op, overlaps: null }, line)])
}

/**
 * Ends an operation that did something. Lines of two processes may stand in another order than they acted: an operation
 * was over before the next began if that one began with the generation that it wrote, or if it was refused.
 */
const endStarted = (
  state: OperationState,
  op: OpenOperation,
  others: ReadonlyArray<OpenOperation>,
  line: Line<OperationLine>
): OperationCheckResult => {
  const last = line.event.generation
  const wasOver = ({ generation }: { readonly generation: number | null }) =>
    last !== null && generation !== null && last <= generation
  const overlapped = others.find((other) => other.operation !== null && other.started === op.overlaps)
  const [found] = overlapped === undefined ? [] : checkOverlap(op)
  const rest = others.map((other) => {
    if (other === overlapped && found !== undefined)
      return { ...other, unproven: [...other.unproven, { finding: found, generation: op.generation }] }
    return other.overlaps === op.started && wasOver(other) ? { ...other, overlaps: null } : other
  })
  const closed = closeOperation(overlapped === undefined ? op : { ...op, overlaps: null }, line)
  const unproven = op.unproven.filter((overlap) => !wasOver(overlap)).map(({ finding }) => finding)
  return makeResult(setOpen(state, op.session, rest), [{ ...closed, findings: [...closed.findings, ...unproven] }])
}

/**
 * Finds the open operation that a line ends. Throughline names it. Hermes does not, so there it is the one that has most
 * in common with the line, and the newest of equals. Operations of the same session are tried first, because most logs
 * are correct.
 */
const findEnded = (state: OperationState, event: OperationLine): OpenOperation | undefined => {
  const likeness = likenessTo(event)
  const findMostAlike = (ops: ReadonlyArray<OpenOperation>) =>
    ops.reduce<OpenOperation | undefined>(
      (best, op) => (likeness(op) >= (best ? likeness(best) : 1) ? op : best),
      undefined
    )
  const near = findMostAlike(openIn(state, event.session))
  return near !== undefined && likeness(near) === ALIKE ? near : findMostAlike(listOpen(state))
}

/**
 * The weight of each field that a line of Hermes has in common with an operation. The number of messages weighs most:
 * sessions run side by side, but rarely with histories of the same length.
 */
const WEIGHTS = { session: 2, writtenFor: 2, messages: 3 } as const
const ALIKE = WEIGHTS.session + WEIGHTS.writtenFor + WEIGHTS.messages

const likenessTo =
  (event: OperationLine) =>
  (op: OpenOperation): number => {
    if (event.operation !== null || op.operation !== null) return op.operation === event.operation ? ALIKE : 0
    const isSameSession = op.session === event.session
    const isEqual = {
      session: isSameSession,
      writtenFor: op.writtenFor === event.writtenFor && (op.writtenFor !== null || isSameSession),
      messages: op.messages !== null && op.messages === event.messages
    }
    return Struct.keys(WEIGHTS).reduce((sum, field) => sum + (isEqual[field] ? WEIGHTS[field] : 0), 0)
  }

const openIn = ({ open }: OperationState, session: string): ReadonlyArray<OpenOperation> =>
  Option.getOrElse(HashMap.get(open, session), () => [])

const lastSuperseded = ({ superseded }: OperationState, session: string): number =>
  Option.getOrElse(HashMap.get(superseded, session), () => 0)

const setOpen = (state: OperationState, session: string, ops: ReadonlyArray<OpenOperation>): OperationState => ({
  ...state,
  open: ops.length === 0 ? HashMap.remove(state.open, session) : HashMap.set(state.open, session, ops)
})

const listOpen = ({ open }: OperationState): ReadonlyArray<OpenOperation> =>
  HashMap.toValues(open)
    .flat()
    .toSorted((a, b) => a.order - b.order)

/** Gives up the operations of the sessions that have had one open for longest, if there are too many. */
const boundOpen = (result: OperationCheckResult): OperationCheckResult => {
  const { findings, spans, state } = result
  if (HashMap.size(state.open) <= MOST_OPEN) return result
  const open = listOpen(state)
  const oldest = new Set(open.slice(0, MOST_OPEN / 2).map(({ session }) => session))
  const kept = HashMap.filter(state.open, (_, session) => !oldest.has(session))
  const givenUp = makeResult({ ...state, open: kept }, open.filter(({ session }) => oldest.has(session)).map(giveUp))
  return { ...givenUp, findings: [...findings, ...givenUp.findings], spans: [...spans, ...givenUp.spans] }
}

interface ClosedOperation {
  readonly op: OpenOperation
  readonly to: number | null
  readonly findings: ReadonlyArray<Finding>
}

const closeOperation = (op: OpenOperation, line: Line<OperationLine>): ClosedOperation => ({
  op,
  to: line.at,
  findings: [...checkHistory(op, line), ...checkId(op, line), ...checkOverlap(op)]
})

/** Closes an operation that no line ends. */
const giveUp = (op: OpenOperation): ClosedOperation => {
  const text = `${describeOperation(op)} started and never ended`
  const isExcused = op.isOvertaken || op.isCut || op.overlaps !== null
  const never = isExcused ? [] : [makeFinding("never-ended", op.session, text, op.started)]
  const unproven = op.unproven.map(({ finding }) => finding)
  return { op, to: null, findings: [...checkHistory(op), ...checkOverlap(op), ...unproven, ...never] }
}

/** Finds a line that is written for one session and about the history of another. */
const checkHistory = (op: OpenOperation, end?: Line<OperationLine>): ReadonlyArray<Finding> => {
  const lines: readonly [TimedLine, ...ReadonlyArray<QuotedLine>] = end === undefined ? [op.started] : [op.started, end]
  const isStartRight = op.writtenFor === null || op.writtenFor === op.session
  const other = isStartRight ? foreignSessionOf(op, end) : op.writtenFor
  if (other === null) return []
  return [makeFinding("another-session", op.session, `session ${other} compressed session ${op.session}`, ...lines)]
}

/** The session that only the last line was written for. If that line names another session, `changed-id` reports it. */
const foreignSessionOf = (op: OpenOperation, end: Line<OperationLine> | undefined): string | null => {
  if (end === undefined || end.event.session !== op.session) return null
  return end.event.writtenFor === op.session ? null : end.event.writtenFor
}

const checkId = (op: OpenOperation, line: Line<OperationLine>): ReadonlyArray<Finding> => {
  const { session } = line.event
  if (session === op.session) return []
  const text = `session ${op.session} became ${session}, an id that no started line of this operation has`
  return [makeFinding("changed-id", op.session, text, op.started, line)]
}

const checkOverlap = ({ overlaps, session, started }: OpenOperation): ReadonlyArray<Finding> =>
  overlaps === null
    ? []
    : [makeFinding("overlap", session, `two operations of session ${session} overlap`, overlaps, started)]

/** Checks a line that names an operation: it is about the operation's session, and a deferred operation does not run. */
const checkNamedSession = (state: OperationState, line: Line<OperationLine>): ReadonlyArray<Finding> => {
  const { _tag, operation, session } = line.event
  const op = listOpen(state).find((op) => op.operation === operation)
  if (op === undefined) return []
  if (op.session !== session) {
    const text = `operation ${operation} of session ${op.session} is named in session ${session}`
    return [makeFinding("changed-id", op.session, text, op.started, line)]
  }
  if (_tag !== "Deferred") return []
  const text = `${describeOperation(op)} was deferred while it ran`
  return [makeFinding("started-twice", session, text, op.started, line)]
}

const describeOperation = ({ operation, session }: OperationFields): string =>
  operation === null ? `the compression of session ${session}` : `operation ${operation} of session ${session}`

const makeResult = (state: OperationState, closed: ReadonlyArray<ClosedOperation>): OperationCheckResult => ({
  state,
  findings: closed.flatMap(({ findings }) => findings),
  spans: closed.map(({ findings, op, to }) => ({
    session: op.session,
    from: op.started.at,
    to,
    isFaulty: findings.length > 0 || op.isOvertaken
  }))
})
