/** What the lines of a log say of its messages: each is buffered once, then promoted once, in the order of arrival. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { type Finding, makeFinding, type Line, type MessageEvent, type Timed, withTime } from "./trail.ts"

interface Seen extends Timed {
  readonly arrival: number
  /** A violation of this message has been found: what follows from it is no other. */
  readonly isFound: boolean
}

/** What a session's lines have left open. */
interface Inbox {
  /** Buffered and not promoted, in the order of arrival. */
  readonly waiting: ReadonlyArray<Seen>
  /** Promoted, and not buffered so far. */
  readonly early: ReadonlyArray<Seen>
  readonly promoted: (Seen & { readonly seq: number | null }) | null
}

export type Messages = HashMap.HashMap<string, Inbox>

export interface MessageCheck {
  readonly state: Messages
  readonly findings: ReadonlyArray<Finding>
}

/** Two fibers, or two processes, may write their lines the other way round than they acted. */
const APART_MS = 1_000
const MOST_WAITING = 10_000
const MOST_EARLY = 100
/** Sessions of which only the last promotion is known. It tells more, never less, so it may be forgotten. */
const MOST_QUIET = 4_000

export const noMessages: Messages = HashMap.empty()

const EMPTY: Inbox = { waiting: [], early: [], promoted: null }

export const checkMessage = (state: Messages, line: Line<MessageEvent>): MessageCheck => {
  const { session } = line.event
  const before = Option.getOrElse(HashMap.get(state, session), () => EMPTY)
  const told = line.event._tag === "Buffered" ? buffer(before, line) : promote(before, line, line.event.seq)
  const { findings, inbox } = bounded(session, told.inbox, line.at)
  const next = HashMap.set(state, session, inbox)
  return {
    state: HashMap.size(next) > MOST_QUIET ? HashMap.filter(next, isOpen) : next,
    findings: [...told.findings, ...findings]
  }
}

/** What was never promoted, or never buffered, once no line follows. */
export const concludeMessages = (state: Messages): ReadonlyArray<Finding> =>
  HashMap.toEntries(state).flatMap(([session, { early, waiting }]) => [
    ...early.flatMap(unbuffered(session)),
    ...waiting.flatMap(unpromoted(session))
  ])

interface Step {
  readonly inbox: Inbox
  readonly findings: ReadonlyArray<Finding>
}

const buffer = (inbox: Inbox, line: Line<MessageEvent>): Step => {
  const { arrival, session } = line.event
  const soon = inbox.early.find((seen) => seen.arrival === arrival)
  if (soon !== undefined) {
    const text = `message ${arrival} of session ${session} was promoted before it was buffered`
    const findings = isApart(soon, line.at) ? [makeFinding("out-of-order", session, text, soon, line)] : []
    return { inbox: { ...inbox, early: inbox.early.filter((seen) => seen !== soon) }, findings }
  }
  const { promoted, waiting } = inbox
  const index = waiting.findLastIndex((seen) => seen.arrival <= arrival) + 1
  const twin = waiting[index - 1]
  if (twin?.arrival === arrival) {
    const text = `message ${arrival} of session ${session} was buffered twice`
    return { inbox, findings: [makeFinding("buffered-twice", session, text, twin, line)] }
  }
  const isLate = promoted !== null && arrival <= promoted.arrival
  const text = `message ${arrival} of session ${session} was buffered after message ${promoted?.arrival} was promoted`
  const findings = isLate ? [makeFinding("out-of-order", session, text, promoted, line)] : []
  return { inbox: { ...inbox, waiting: waiting.toSpliced(index, 0, seen(line, isLate)) }, findings }
}

const promote = (inbox: Inbox, line: Line<MessageEvent>, seq: number | null): Step => {
  const { arrival, session } = line.event
  const index = inbox.waiting.findIndex((seen) => seen.arrival === arrival)
  const known = inbox.waiting[index]
  const promoted = latest(inbox, line, seq)
  if (known === undefined) return { inbox: { ...inbox, early: [...inbox.early, seen(line)], promoted }, findings: [] }
  const overtaken = inbox.waiting.slice(0, index)
  const later = inbox.waiting.slice(index + 1)
  return {
    inbox: { ...inbox, waiting: overtaken.map(asFound).concat(later), promoted },
    findings: [
      ...overtaken.flatMap((message) => {
        const text = `message ${arrival} of session ${session} was promoted before message ${message.arrival}`
        return message.isFound ? [] : [makeFinding("out-of-order", session, text, message, line)]
      }),
      ...(known.isFound ? [] : backwards(inbox, line, seq))
    ]
  }
}

/** The log's own numbering, which must rise too. */
const backwards = ({ promoted }: Inbox, line: Line<MessageEvent>, seq: number | null): ReadonlyArray<Finding> => {
  if (promoted === null || promoted.seq === null || seq === null || seq > promoted.seq) return []
  const { arrival, session } = line.event
  const text = `message ${arrival} of session ${session} was promoted to ${seq}, after ${promoted.seq}`
  return [makeFinding("out-of-order", session, text, promoted, line)]
}

const latest = ({ promoted }: Inbox, line: Line<MessageEvent>, seq: number | null): Inbox["promoted"] =>
  promoted !== null && promoted.arrival > line.event.arrival ? promoted : { ...seen(line), seq }

/** Without what no later line can set right, and without more than there is room for. */
const bounded = (session: string, inbox: Inbox, now: number | null): Step => {
  const { early, waiting } = inbox
  if (early.length === 0 && waiting.length <= MOST_WAITING) return { inbox, findings: [] }
  const isOver = (seen: Seen, index: number) => index < early.length - MOST_EARLY || isApart(seen, now)
  return {
    inbox: {
      ...inbox,
      early: early.filter((seen, index) => !isOver(seen, index)),
      waiting: waiting.slice(-MOST_WAITING)
    },
    findings: [
      ...early.filter(isOver).flatMap(unbuffered(session)),
      ...waiting.slice(0, Math.max(0, waiting.length - MOST_WAITING)).flatMap(unpromoted(session))
    ]
  }
}

const isApart = ({ at }: Seen, now: number | null): boolean => now !== null && at !== null && now - at > APART_MS

const asFound = (message: Seen): Seen => ({ ...message, isFound: true })

const isOpen = ({ early, waiting }: Inbox): boolean => early.length > 0 || waiting.length > 0

const seen = (line: Line<MessageEvent>, isFound = false): Seen => ({
  ...withTime(line),
  arrival: line.event.arrival,
  isFound
})

const unbuffered =
  (session: string) =>
  (message: Seen): ReadonlyArray<Finding> => {
    const text = `message ${message.arrival} of session ${session} was promoted twice, or never buffered`
    return message.isFound ? [] : [makeFinding("never-buffered", session, text, message)]
  }

const unpromoted =
  (session: string) =>
  (message: Seen): ReadonlyArray<Finding> => {
    const text = `message ${message.arrival} of session ${session} was buffered and never promoted`
    return message.isFound ? [] : [makeFinding("never-promoted", session, text, message)]
  }
