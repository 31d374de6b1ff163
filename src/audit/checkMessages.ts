/** Checks the lines about messages: each message is buffered once, then promoted once, in the order of arrival. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { type Finding, makeFinding, type Line, type MessageEvent, type TimedLine, toTimedLine } from "./trail.ts"

interface KnownMessage extends TimedLine {
  readonly arrival: number
  /** True if a violation of this message is reported already. What follows from it is not another one. */
  readonly isReported: boolean
}

/** The messages of a session that later lines can concern. */
interface Inbox {
  /** Buffered and not promoted, in the order of arrival. */
  readonly waiting: ReadonlyArray<KnownMessage>
  /** Promoted before a line says that they were buffered. */
  readonly early: ReadonlyArray<KnownMessage>
  /** The promoted message with the highest arrival. */
  readonly promoted: (KnownMessage & { readonly seq: number | null }) | null
  /** The session of this id was forgotten with all that arrived up to here; -1 if none was. */
  readonly forgottenTo: number
}

export type MessageState = HashMap.HashMap<string, Inbox>

export interface MessageCheckResult {
  readonly state: MessageState
  readonly findings: ReadonlyArray<Finding>
}

/** Two fibers or processes can write their lines in another order than they acted, this far apart. */
const APART_MS = 1_000
const MOST_WAITING = 10_000
const MOST_EARLY = 100
/** If there are more sessions, those without open messages are forgotten. That can hide violations, never invent one. */
const MOST_SESSIONS = 4_000

export const noMessages: MessageState = HashMap.empty()

const EMPTY: Inbox = { waiting: [], early: [], promoted: null, forgottenTo: -1 }

export const checkMessage = (state: MessageState, line: Line<MessageEvent>): MessageCheckResult => {
  const { session } = line.event
  const before = Option.getOrElse(HashMap.get(state, session), () => EMPTY)
  // Another process may write the line of a forgotten message late.
  if (line.event.arrival <= before.forgottenTo) return { state, findings: [] }
  const step =
    line.event._tag === "Buffered" ? bufferMessage(before, line) : promoteMessage(before, line, line.event.seq)
  const { findings, inbox } = boundInbox(session, step.inbox, line.at)
  const next = HashMap.set(state, session, inbox)
  return {
    state: HashMap.size(next) > MOST_SESSIONS ? HashMap.filter(next, hasOpenMessages) : next,
    findings: [...step.findings, ...findings]
  }
}

/** Forgets what arrived up to `upTo`: it is deleted, not lost. The log of a new session of this id begins with 1 again. */
export const forgetMessages = (
  state: MessageState,
  { session, upTo }: { readonly session: string; readonly upTo: number }
): MessageState => {
  const { early, waiting } = Option.getOrElse(HashMap.get(state, session), () => EMPTY)
  const isLater = ({ arrival }: KnownMessage) => arrival > upTo
  const left = { waiting: waiting.filter(isLater), early: early.filter(isLater) }
  return HashMap.set(state, session, { ...left, promoted: null, forgottenTo: upTo })
}

/** Reports the messages that are open at the end of the log. */
export const concludeMessages = (state: MessageState): ReadonlyArray<Finding> =>
  HashMap.toEntries(state).flatMap(([session, { early, waiting }]) => [
    ...early.flatMap(reportNeverBuffered(session)),
    ...waiting.flatMap(reportNeverPromoted(session))
  ])

interface InboxStep {
  readonly inbox: Inbox
  readonly findings: ReadonlyArray<Finding>
}

const bufferMessage = (inbox: Inbox, line: Line<MessageEvent>): InboxStep => {
  const { arrival, session } = line.event
  const early = inbox.early.find((message) => message.arrival === arrival)
  if (early !== undefined) {
    const text = `message ${arrival} of session ${session} was promoted before it was buffered`
    const findings = isApart(early, line.at) ? [makeFinding("out-of-order", session, text, early, line)] : []
    return { inbox: { ...inbox, early: inbox.early.filter((message) => message !== early) }, findings }
  }
  const { promoted, waiting } = inbox
  const index = waiting.findLastIndex((message) => message.arrival <= arrival) + 1
  const twin = waiting[index - 1]
  if (twin?.arrival === arrival) {
    const text = `message ${arrival} of session ${session} was buffered twice`
    return { inbox, findings: [makeFinding("buffered-twice", session, text, twin, line)] }
  }
  const isLate = promoted !== null && arrival <= promoted.arrival
  const text = `message ${arrival} of session ${session} was buffered after message ${promoted?.arrival} was promoted`
  const findings = isLate ? [makeFinding("out-of-order", session, text, promoted, line)] : []
  return { inbox: { ...inbox, waiting: waiting.toSpliced(index, 0, toKnown(line, isLate)) }, findings }
}

const promoteMessage = (inbox: Inbox, line: Line<MessageEvent>, seq: number | null): InboxStep => {
  const { arrival, session } = line.event
  const index = inbox.waiting.findIndex((message) => message.arrival === arrival)
  const known = inbox.waiting[index]
  const promoted = latestPromotion(inbox, line, seq)
  if (known === undefined)
    return { inbox: { ...inbox, early: [...inbox.early, toKnown(line)], promoted }, findings: [] }
  const overtaken = inbox.waiting.slice(0, index)
  const later = inbox.waiting.slice(index + 1)
  const reported = overtaken.map((message): KnownMessage => ({ ...message, isReported: true }))
  return {
    inbox: { ...inbox, waiting: [...reported, ...later], promoted },
    findings: [
      ...overtaken.flatMap((message) => {
        const text = `message ${arrival} of session ${session} was promoted before message ${message.arrival}`
        return message.isReported ? [] : [makeFinding("out-of-order", session, text, message, line)]
      }),
      ...(known.isReported ? [] : checkSeq(inbox, line, seq))
    ]
  }
}

/** Checks that the position in the session's log rises, too. */
const checkSeq = ({ promoted }: Inbox, line: Line<MessageEvent>, seq: number | null): ReadonlyArray<Finding> => {
  if (promoted === null || promoted.seq === null || seq === null || seq > promoted.seq) return []
  const { arrival, session } = line.event
  const text = `message ${arrival} of session ${session} was promoted to ${seq}, after ${promoted.seq}`
  return [makeFinding("out-of-order", session, text, promoted, line)]
}

const latestPromotion = ({ promoted }: Inbox, line: Line<MessageEvent>, seq: number | null): Inbox["promoted"] =>
  promoted !== null && promoted.arrival > line.event.arrival ? promoted : { ...toKnown(line), seq }

/** Gives up messages that no later line can set right, and the oldest if there are too many. */
const boundInbox = (session: string, inbox: Inbox, now: number | null): InboxStep => {
  const { early, waiting } = inbox
  if (early.length === 0 && waiting.length <= MOST_WAITING) return { inbox, findings: [] }
  const isOver = (message: KnownMessage, index: number) => index < early.length - MOST_EARLY || isApart(message, now)
  return {
    inbox: {
      ...inbox,
      early: early.filter((message, index) => !isOver(message, index)),
      waiting: waiting.slice(-MOST_WAITING)
    },
    findings: [
      ...early.filter(isOver).flatMap(reportNeverBuffered(session)),
      ...waiting.slice(0, Math.max(0, waiting.length - MOST_WAITING)).flatMap(reportNeverPromoted(session))
    ]
  }
}

const isApart = ({ at }: KnownMessage, now: number | null): boolean =>
  now !== null && at !== null && now - at > APART_MS

const hasOpenMessages = ({ early, waiting }: Inbox): boolean => early.length > 0 || waiting.length > 0

const toKnown = (line: Line<MessageEvent>, isReported = false): KnownMessage => ({
  ...toTimedLine(line),
  arrival: line.event.arrival,
  isReported
})

const reportNeverBuffered =
  (session: string) =>
  (message: KnownMessage): ReadonlyArray<Finding> => {
    const text = `message ${message.arrival} of session ${session} was promoted twice, or never buffered`
    return message.isReported ? [] : [makeFinding("never-buffered", session, text, message)]
  }

const reportNeverPromoted =
  (session: string) =>
  (message: KnownMessage): ReadonlyArray<Finding> => {
    const text = `message ${message.arrival} of session ${session} was buffered and never promoted`
    return message.isReported ? [] : [makeFinding("never-promoted", session, text, message)]
  }
