/**
 * Two files are not one transaction. The side file is committed first, and says what the other gets: before the next
 * write we look whether that is there, and do again what a crash in between has kept from it.
 */
import { SessionId, type State } from "../../session/Session.ts"
import * as ShowView from "./showView.ts"
import * as AppendRow from "./appendRow.ts"
import { columnsOfMessage } from "../rows.ts"
import type { HermesStatements, Pending } from "./statements.ts"
import type { Outcome } from "../../sqlite/transaction.ts"
import * as Rows from "../../sqlite/rows.ts"
import type { Statements } from "../../sqlite/statements.ts"

export const make = (sql: Statements, hermes: HermesStatements) => {
  /** The version of the side file at which we saw both files committed, and the one we are writing at. */
  let settledAt: number | undefined
  let writingAt: number | undefined

  const isSettled = () => settledAt !== undefined && settledAt === sql.dataVersion.get()

  const ended = (outcome: Outcome): void => {
    if (writingAt !== undefined && outcome !== "rolled back")
      settledAt = outcome === "committed" ? writingAt : undefined
    writingAt = undefined
  }

  const settle = (state: (sessionId: SessionId) => State | undefined): void => {
    const isKnown = isSettled()
    writingAt = sql.dataVersion.get()
    const messages = hermes.pending.all()
    const contexts = hermes.shown.all()
    if (messages.length > 0) hermes.forgetPending.run()
    if (contexts.length > 0) hermes.forgetShown.run()
    if (isKnown) return
    for (const pending of messages) if (!isThere(pending)) mend(pending)
    for (const { handoff, session_id } of contexts) {
      if (isShown(session_id, handoff)) continue
      hermes.archiving?.believe.forEach((statement) => statement.run({ sessionId: session_id }))
      const sessionId = SessionId.make(session_id)
      const now = state(sessionId)
      if (now !== undefined) ShowView.showView(hermes, sessionId, now)
    }
  }

  /** By content: Hermes may have given the id to another row since. */
  const isThere = ({ body, row_id, session_id }: Pending): boolean => {
    const row = hermes.row.get(row_id, session_id)
    const columns = columnsOfMessage(Rows.messageOfRow(body))
    return (
      row !== undefined &&
      (["role", "content", "tool_call_id", "tool_calls"] as const).every(
        (name) => !hermes.held.has(name) || row[name] === columns[name]
      )
    )
  }

  /** A message that was moved is where it was before; one that is nowhere was never written. */
  const mend = ({ body, former, former_home: home, row_id, seq, session_id }: Pending): void => {
    if (former !== null && former !== row_id) return void hermes.move.run(former, home, session_id, seq)
    const { at } = hermes.entry.get(session_id, seq) ?? { at: 0 }
    hermes.move.run(AppendRow.writeRow(hermes, session_id, body, at).rowId, null, session_id, seq)
  }

  const isShown = (sessionId: string, handoff: string | null): boolean => {
    const archiving = hermes.archiving
    if (archiving === undefined) return true
    const shown = archiving.shownHandoff.all(sessionId)
    return (
      archiving.disagreeing.get({ sessionId }) === 0 &&
      shown.every(({ active, content }) => active === 1 && content === handoff)
    )
  }

  return { settle, ended, isSettled }
}
