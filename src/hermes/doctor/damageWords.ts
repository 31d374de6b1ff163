/** What each damage means to the people who have it, and what a repair does about it. */
import { redact } from "../../message/Redaction.ts"
import type { Damage, Found } from "./damage.ts"

interface Words {
  readonly detail: (found: Found) => string
  readonly noticed: string
  readonly repair: string
}

const rows = ({ rows }: Found, one: string, many: string): string =>
  rows.length === 1
    ? `row ${rows[0]} ${one}`
    : `${rows.length} rows (${rows.slice(0, 5).join(", ")}${rows.length > 5 ? ", …" : ""}) ${many}`

const because = (failure: string | null): string => (failure === null ? "" : `: ${redact(failure)}`)

export const WORDS: { readonly [D in Damage]: Words } = {
  "closed-without-child": {
    detail: ({ sessionIds: [id] }) => `${id} was closed for a compression that no session follows`,
    noticed: "the chat began anew, as if nothing had been said",
    repair: "opens the session again"
  },
  forked: {
    detail: ({ sessionIds: [id, ...children] }) =>
      `${id} goes on in ${children.length} sessions: ${children.join(", ")}`,
    noticed: "the agent knew at one time what it had forgotten at another",
    repair: "goes on with the busiest under the stable id, and keeps the others as named branches"
  },
  "late-messages": {
    detail: (found) => `${rows(found, "came", "came")} into ${found.sessionIds[0]} after its split`,
    noticed: "the agent never answered these messages",
    repair: "takes them into the context, in the order they came"
  },
  "empty-child": {
    detail: ({ sessionIds: [id, child] }) => `${child} should go on with ${id} and holds nothing`,
    noticed: "the agent forgot everything at once",
    repair: "goes on with the parent, and closes the empty session"
  },
  "routing-to-closed": {
    detail: ({ sessionIds: [id] }) => `a chat is routed to ${id}, which was closed by its split`,
    noticed: "new messages had no effect, or the agent answered without knowing the last ones",
    repair: "brings the lineage back under the id the routing uses"
  },
  "missing-parent": {
    detail: ({ sessionIds: [id] }) => `${id} names a parent that does not exist`,
    noticed: "the session's history could not be shown or searched as one",
    repair: "makes it a session of its own, and notes which parent it named"
  },
  "doubled-rows": {
    detail: (found) => `${rows(found, "repeats an earlier one", "repeat earlier ones")}, and both are in use`,
    noticed: "the agent did things again, and its context was full sooner",
    repair: "archives the repeats"
  },
  "late-handoff": {
    detail: (found) => `${rows(found, "stands", "stand")} before the handoff and in it`,
    noticed: "a compression did not make the context smaller, and the agent took up old requests",
    repair: "archives what the handoff stands for"
  },
  "consecutive-handoffs": {
    detail: (found) => `${rows(found, "is a handoff", "are handoffs")} with another one right after`,
    noticed: "the agent read several summaries that contradict each other",
    repair: "archives all but the last"
  },
  "orphan-results": {
    detail: (found) => `${rows(found, "is a tool result", "are tool results")} without the call`,
    noticed: "the provider rejected every request of the session",
    repair: "archives the results"
  },
  "no-user-message": {
    detail: ({ sessionIds: [id] }) => `the compression of ${id} left no message of the user's`,
    noticed: "the provider rejected every request of the session",
    repair: "brings the last user message back, or else makes the handoff one"
  },
  "degraded-handoff": {
    detail: ({ failure, sessionIds: [id] }) => `the summary of ${id} was never made${because(failure)}`,
    noticed: "the agent knew next to nothing of what came before",
    repair:
      "brings the messages back if they are in a parent, else keeps the words archived and does not call them a summary"
  },
  "repeated-archive": {
    detail: (found) =>
      `${found.rows.length} archived rows of ${found.sessionIds[0]} are repeats, many times what is in use`,
    noticed: "the database grew by gigabytes",
    repair: "moves the repeats into a closed session beside it; nothing is deleted"
  },
  cooldown: {
    detail: ({ failure, sessionIds: [id] }) => `compressions of ${id} are put off after a failure${because(failure)}`,
    noticed: "the context grew until the provider rejected it",
    repair: "ends the wait"
  },
  "dead-lock": {
    detail: ({ sessionIds: [id] }) => `a lock on ${id} is held by a process that is gone, or was not renewed`,
    noticed: "the session was not compressed any more, or the agent did not answer",
    repair: "takes the lock away"
  }
}
