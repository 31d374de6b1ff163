/** Words for the model and the user: what a session holds, and what a summary of it leaves out. */
import * as Ledger from "../../ledger/Ledger.ts"
import type { SessionId } from "../../session/Session.ts"
import { make, type Counter } from "../../message/Tokens.ts"
import { formatCount } from "../terminal/terminal.ts"
import { MOST_CHARACTERS } from "./contract.ts"
import { type Comparison, countFacts, findFault } from "./summaryCheck.ts"

/** Where the messages of a session were kept, and how many there are. */
export interface Recorded {
  readonly sessionId: SessionId
  readonly db: string
  readonly lastSeq: number
}

const CHARACTERS: Counter = make(({ length }) => length)

/**
 * The text for the model after a compaction, of at most 10,000 characters: first what the newest known summary leaves out.
 * It states facts, since Claude Code distrusts instructions that a hook gives. The empty text if there are none.
 */
export const describeFacts = ({ missing, others }: Comparison, recorded: Recorded | null): string => {
  const head = `Facts of this session before the compaction, taken from its messages by plain code. ${describeRecall(recorded)}`
  const room = MOST_CHARACTERS - head.length - MISSING_TITLE.length - TITLE.length - 8
  const first = Ledger.render(missing, CHARACTERS, Math.floor(room * MISSING_SHARE))
  const rest = Ledger.render(others, CHARACTERS, room - first.length)
  const parts = [
    ...(first === "" ? [] : [`${MISSING_TITLE}\n${first}`]),
    ...(rest === "" ? [] : [first === "" ? rest : `${TITLE}\n${rest}`])
  ]
  return parts.length === 0 ? "" : [head, ...parts].join("\n\n")
}

const MISSING_TITLE = "## Not in the last summary that the transcript holds"
const TITLE = "## All other facts"
const MISSING_SHARE = 0.6

const describeRecall = (recorded: Recorded | null): string =>
  recorded === null
    ? "A # is the number of a message."
    : `A # is the number of a message. ${formatCount(recorded.lastSeq)} messages are kept whole, also those that were ` +
      "compacted away: the tool `recall` of the MCP server `throughline mcp` finds them, and so does " +
      `\`throughline recall ${recorded.sessionId} "words or #number" --db ${recorded.db} --whole\`.`

/** The line for the user about a summary; null if there is nothing to say. */
export const describeSummary = (missing: Ledger.Ledger, summary: string): string | null => {
  const fault = findFault(summary)
  if (fault !== null) return `throughline: the summary of this compaction is none (${fault})`
  const counted = countFacts(missing)
  if (counted === "") return null
  const [, ...lines] = Ledger.render(missing, CHARACTERS, MOST_QUOTED).split("\n")
  return [`throughline: the summary leaves out ${counted}.`, ...lines].join("\n")
}

/** In characters. */
const MOST_QUOTED = 600
