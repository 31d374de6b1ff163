/**
 * Two files are not one transaction. The side file is committed first, and says what Hermes' file gets. Before the next
 * write the store looks whether that is there, and repeats what a crash or a failing disk kept from it. It forgets a message
 * only once a later transaction has found it there, so that repeating may fail any number of times.
 */
import { randomUUID } from "node:crypto"
import { SessionId, type State } from "../../session/Session.ts"
import * as ShowView from "./showView.ts"
import * as AppendRow from "./appendRow.ts"
import { columnsOfMessage } from "../rows.ts"
import type { HermesStatements, Pending, ShownContext } from "./statements.ts"
import type { TransactionOutcome } from "../../sqlite/transaction.ts"
import * as Rows from "../../store/rows.ts"
import type { Statements } from "../../sqlite/statements.ts"

export const make = (sql: Statements, hermes: HermesStatements) => {
  /** The version of the side file at which both files were committed, and the one at which a transaction writes. */
  let agreedAt: number | undefined
  let writingAt: number | undefined
  /** Stands in the side file after a transaction that wrote to both files. No two transactions have the same. */
  let mark = ""
  const processId = randomUUID()
  let transactions = 0

  /** True if both files are known to be at the same commit. */
  const isAgreed = () => agreedAt !== undefined && agreedAt === sql.dataVersion.get()

  const beforeCommit = (): void => {
    if (writingAt === undefined) return
    mark = `${processId} ${(transactions += 1)}`
    hermes.saveMark.run(mark)
  }

  const isOwnFileCommitted = (): boolean | undefined => {
    const isMarked = hermes.mark.get() === mark
    const isUnchanged = sql.dataVersion.get() === writingAt
    if (!isMarked) return isUnchanged ? false : undefined
    // The next write finds out whether Hermes' file was committed, too.
    agreedAt = undefined
    writingAt = undefined
    return true
  }

  const afterTransaction = (outcome: TransactionOutcome): void => {
    if (writingAt !== undefined && outcome !== "rolled back") {
      agreedAt = outcome === "committed" ? writingAt : undefined
    }
    writingAt = undefined
  }

  /**
   * Finishes in Hermes' file what the last transaction left pending, unless the files are known to agree. True if something
   * was missing there.
   */
  const recover = (state: (sessionId: SessionId) => State | undefined): boolean => {
    const wasAgreed = isAgreed()
    writingAt = sql.dataVersion.get()
    const isMissing = !wasAgreed && repeatMissing(state)
    if (isMissing) agreedAt = undefined
    else forgetPending()
    return isMissing
  }

  const repeatMissing = (state: (sessionId: SessionId) => State | undefined): boolean => {
    const messages = hermes.pending.all().filter((pending) => !isWritten(pending))
    messages.forEach(writeAgain)
    const contexts = hermes.shown.all().filter((context) => !isShown(context))
    for (const { session_id } of contexts) {
      hermes.archiving?.believe.forEach((statement) => statement.run({ sessionId: session_id }))
      const sessionId = SessionId.make(session_id)
      const now = state(sessionId)
      if (now !== undefined) ShowView.showView(hermes, sessionId, now)
    }
    return messages.length > 0 || contexts.length > 0
  }

  const forgetPending = (): void => {
    if (hermes.isAnyPending.get() === 0) return
    hermes.forgetPending.run()
    hermes.forgetShown.run()
  }

  /** Compares contents, and the time of a message that was added: Hermes may have given the id to another row since. */
  const isWritten = ({ at, body, former, row_id, session_id }: Pending): boolean => {
    const row = hermes.row.get(row_id, session_id)
    const columns = columnsOfMessage(Rows.messageOfBody(body))
    return (
      row !== undefined &&
      (former !== null || row.timestamp === at / 1_000) &&
      (["role", "content", "tool_call_id", "tool_calls"] as const).every(
        (name) => !hermes.held.has(name) || row[name] === columns[name]
      )
    )
  }

  /** Points to the former row of a message that was to be moved, and writes one that was to be added. */
  const writeAgain = ({ at, body, former, former_home: home, row_id, seq, session_id }: Pending): void => {
    if (former !== null && former !== row_id) {
      // Where the message was to have its id again, the handoff still has it.
      if (home !== null) hermes.archiving?.track.run(home, session_id)
      return void hermes.move.run(former, home, session_id, seq)
    }
    hermes.move.run(AppendRow.writeRow(hermes, session_id, body, at).rowId, null, session_id, seq)
  }

  const isShown = ({ handoff, session_id }: ShownContext): boolean => {
    const archiving = hermes.archiving
    if (archiving === undefined) return true
    const shown = archiving.shownHandoff.all(session_id)
    return (
      archiving.disagreeing.get({ sessionId: session_id }) === 0 &&
      shown.every(({ active, content }) => active === 1 && content === handoff)
    )
  }

  return { recover, beforeCommit, isOwnFileCommitted, afterTransaction, isAgreed }
}
