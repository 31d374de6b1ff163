/** Appends a message of the log as a row of Hermes. The side file is committed first, and keeps the message until then. */
import { toolCalls } from "../../message/Message.ts"
import * as HermesRows from "../rows.ts"
import type { HermesStatements } from "./statements.ts"
import * as Rows from "../../store/rows.ts"
import type { Append } from "../../sqlite/statements.ts"

/** Writes the row, and the session if Hermes does not have it. Returns the id of the row, and whether it holds all. */
export const writeRow = (hermes: HermesStatements, sessionId: string, body: string, at: number) => {
  const message = Rows.messageOfBody(body)
  const columns = HermesRows.columnsOfMessage(message)
  hermes.open.run(sessionId, at / 1_000, sessionId)
  const rowId = hermes.insert(sessionId, at / 1_000, columns)
  hermes.counters?.grow.run(1, toolCalls(message).length, sessionId)
  return { rowId, isHeld: HermesRows.isHeldByColumns(body, columns, hermes.held) }
}

export const appendRow = (hermes: HermesStatements): Append => ({
  run: (sessionId, seq, arrival, kind, tokens, total, body, at) => {
    const { isHeld, rowId } = writeRow(hermes, sessionId, body, at)
    hermes.keep.run(sessionId, seq, body, null, null)
    return hermes.put.run(sessionId, seq, rowId, arrival, kind, tokens, total, isHeld ? null : body, at)
  }
})
