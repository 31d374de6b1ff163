/** The promises that the demo checks when the replay is over. */
import type { Message } from "../../message/Message.ts"
import type { View } from "../../view/View.ts"
import { formatCount } from "../terminal/terminal.ts"

export interface Evidence {
  readonly sessionId: string
  /** Every session id that a receipt, a result, a view or the store named. */
  readonly seenIds: ReadonlyArray<string>
  /** The acknowledged messages: those of the agent and those of the deliveries, each in its order. */
  readonly appended: ReadonlyArray<Message>
  readonly delivered: ReadonlyArray<Message>
  readonly log: ReadonlyArray<Message>
  /** The window when the handoff was committed, read from the snapshot, and the window with the handoff. */
  readonly before: View
  readonly after: View
  readonly targetTokens: number
  /** The tokens of what came after the compression began. It could not leave. */
  readonly tokensMeanwhile: number
  /** Messages that arrived during the compression, and the view of the next step. */
  readonly arrivals: ReadonlyArray<Message>
  readonly nextView: View
  /** The turns that began and ended during the compression. */
  readonly turnsMeanwhile: ReadonlyArray<number>
  readonly turnsWaited: number
}

export interface Check {
  readonly name: string
  readonly holds: boolean
}

/** Names are short enough for one line of 60 columns. */
export const runChecks = (e: Evidence): ReadonlyArray<Check> => {
  const acknowledged = e.appended.length + e.delivered.length
  return [
    { name: "one session id, the one that was given", holds: e.seenIds.every((id) => id === e.sessionId) },
    {
      name: `all ${acknowledged} messages are in the log, once each, in order`,
      holds: e.log.length === acknowledged && isSubsequence(e.appended, e.log) && isSubsequence(e.delivered, e.log)
    },
    {
      name: `the snapshot still holds the ${e.before.messages.length} messages, byte for byte`,
      holds: isStartOfLog(e.before, e.log)
    },
    {
      name: `but for what came meanwhile, it is under ${formatCount(e.targetTokens)} tokens`,
      holds: e.after.tokens - e.after.parts.system.tokens - e.tokensMeanwhile <= e.targetTokens
    },
    {
      name: `the next step saw the ${e.arrivals.length} messages that came meanwhile`,
      holds: isSubsequence(e.arrivals, e.nextView.messages)
    },
    {
      name: `turn ${e.turnsMeanwhile.join(", ")} ran meanwhile, no turn waited for the summary`,
      holds: e.turnsMeanwhile.length > 0 && e.turnsWaited === 0
    }
  ]
}

/** True if the view is the start of the log, apart from the repairs that the view names. */
const isStartOfLog = ({ messages, repairs }: View, log: ReadonlyArray<Message>): boolean => {
  const bodies = new Set(log.map((message) => JSON.stringify(message)))
  const logged = messages.filter((message) => bodies.has(JSON.stringify(message)))
  const isComplete = logged.length + repairs.length === messages.length
  return isComplete && JSON.stringify(logged) === JSON.stringify(log.slice(0, logged.length))
}

const isSubsequence = (some: ReadonlyArray<Message>, all: ReadonlyArray<Message>): boolean => {
  const bodies = all.map((message) => JSON.stringify(message))
  let from = 0
  return some.every((message) => (from = bodies.indexOf(JSON.stringify(message), from) + 1) > 0)
}
