/**
 * Two files are not one transaction. The side file is committed first, and says what Hermes' file gets. Before the next
 * write the store looks whether that is there, and repeats what a crash in between kept from it.
 */
import { SessionId, type State } from "../../session/Session.ts"
import * as ShowView from "./showView.ts"
import * as AppendRow from "./appendRow.ts"
import { columnsOfMessage } from "../rows.ts"
import type { HermesStatements, Pending } from "./statements.ts"
import type { TransactionOutcome } from "../../sqlite/transaction.ts"
import * as Rows from "../../sqlite/rows.ts"
import type { Statements } from "../../sqlite/statements.ts"

export const make = (sql: Statements, hermes: HermesStatements) => {
  /** The version of the side file at which both files were committed, and the one at which a transaction writes. */
  let agreedAt: number | undefined
  let writingAt: number | undefined

  /** True if both files are known to be at the same commit. */
  const isAgreed = () => agreedAt !== undefined && agreedAt === sql.dataVersion.get()

  const afterTransaction = (outcome: TransactionOutcome): void => {
    if (writingAt !== undefined && outcome !== "rolled back") {
      agreedAt = outcome === "committed" ? writingAt : undefined
    }
    writingAt = undefined
  }

  /** Finishes in Hermes' file what the last transaction left pending, unless the files are known to agree. */
  const recover = (state: (sessionId: SessionId) => State | undefined): void => {
    const wasAgreed = isAgreed()
    writingAt = sql.dataVersion.get()
    const messages = hermes.pending.all()
    const contexts = hermes.shown.all()
    if (messages.length > 0) hermes.forgetPending.run()
    if (contexts.length > 0) hermes.forgetShown.run()
    if (wasAgreed) return
    for (const pending of messages) if (!isWritten(pending)) writeAgain(pending)
    for (const { handoff, session_id } of contexts) {
      if (isShown(session_id, handoff)) continue
      hermes.archiving?.believe.forEach((statement) => statement.run({ sessionId: session_id }))
      const sessionId = SessionId.make(session_id)
      const now = state(sessionId)
      if (now !== undefined) ShowView.showView(hermes, sessionId, now)
    }
  }

  /** Compares contents: Hermes may have given the id to another row since. */
  const isWritten = ({ body, row_id, session_id }: Pending): boolean => {
    const row = hermes.row.get(row_id, session_id)
    const columns = columnsOfMessage(Rows.messageOfRow(body))
    return (
      row !== undefined &&
      (["role", "content", "tool_call_id", "tool_calls"] as const).every(
        (name) => !hermes.held.has(name) || row[name] === columns[name]
      )
    )
  }

  /** Points to the former row of a message that was to be moved, and writes one that was to be added. */
  const writeAgain = ({ body, former, former_home: home, row_id, seq, session_id }: Pending): void => {
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

  return { recover, afterTransaction, isAgreed }
}
