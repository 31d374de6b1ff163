/** What the demo looks at before it says that all is well. */
import type { Message } from "../../message/Message.ts"
import type { View } from "../../view/View.ts"
import { formatCount } from "../terminal/terminal.ts"

export interface Evidence {
  readonly given: string
  /** Every id that was seen anywhere. */
  readonly sessionIds: ReadonlyArray<string>
  /** What was acknowledged: the agent's side and the deliveries, each in its order. */
  readonly appended: ReadonlyArray<Message>
  readonly delivered: ReadonlyArray<Message>
  readonly log: ReadonlyArray<Message>
  readonly before: View
  readonly after: View
  readonly target: number
  /** Arrived while the compression was under way, and what the model saw at the next step. */
  readonly arrivals: ReadonlyArray<Message>
  /** Turns that were begun and answered while it was, and turns that waited for it. */
  readonly answeredMeanwhile: number
  readonly turnsWaited: number
  readonly next: View
}

export interface Check {
  readonly name: string
  readonly holds: boolean
}

export const runChecks = (e: Evidence): ReadonlyArray<Check> => [
  { name: "one session id, the one that was given", holds: e.sessionIds.every((id) => id === e.given) },
  {
    name: `all ${e.appended.length + e.delivered.length} acknowledged messages are in the log, once each and in order`,
    holds:
      e.log.length === e.appended.length + e.delivered.length &&
      isSubsequence(e.appended, e.log) &&
      isSubsequence(e.delivered, e.log)
  },
  {
    name: `the snapshot still reads as the window of ${e.before.messages.length} messages before, byte for byte`,
    holds: isAsLogged(e.before, e.log)
  },
  {
    name: `the window after is under its target of ${formatCount(e.target)} tokens`,
    holds: e.after.tokens - e.after.parts.system.tokens <= e.target
  },
  {
    name: `the ${e.arrivals.length} messages that arrived meanwhile are in the next step's view`,
    holds: isSubsequence(e.arrivals, e.next.messages)
  },
  {
    name: "a turn was begun and answered while the compression was under way, and none waited for it",
    holds: e.answeredMeanwhile > 0 && e.turnsWaited === 0
  }
]

/** The log from its beginning, and what each repair of the view put between: an arrival may have come after a tool's result. */
const isAsLogged = ({ messages, repairs }: View, log: ReadonlyArray<Message>): boolean => {
  const bodies = new Set(log.map((message) => JSON.stringify(message)))
  const logged = messages.filter((message) => bodies.has(JSON.stringify(message)))
  return logged.length + repairs.length === messages.length && asJson(logged) === asJson(log.slice(0, logged.length))
}

const asJson = (messages: ReadonlyArray<Message>) => JSON.stringify(messages)

/** Whether all of `some` stand in `all`, in the same order. */
const isSubsequence = (some: ReadonlyArray<Message>, all: ReadonlyArray<Message>): boolean => {
  const bodies = all.map((message) => JSON.stringify(message))
  let from = 0
  return some.every((message) => (from = bodies.indexOf(JSON.stringify(message), from) + 1) > 0)
}
