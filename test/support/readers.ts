/** What reads text of a session, a model, a file or a log. */
import * as Tokens from "../../src/message/Tokens.ts"
import { parseLine } from "../../src/audit/parseLine.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "./summaryText.ts"
import { dropFilters, findWrittenFiles } from "../../src/ledger/commands.ts"
import { digestMessage } from "../../src/ledger/messageDigest.ts"
import { redact } from "../../src/message/Redaction.ts"
import { splitSentences, splitWords, toOneLine } from "../../src/message/text.ts"
import { isOverflow, readSizeRefusal, readTokenLimit } from "../../src/model/overflowText.ts"
import { parseJson } from "../../src/openai/answerDecoder.ts"
import * as Gate from "../../src/summary/Gate.ts"
import type { Reader } from "./pump.ts"

const digestCall: Reader = (command) =>
  digestMessage({
    role: "assistant",
    content: null,
    tool_calls: [{ id: "1", type: "function", function: { name: "bash", arguments: JSON.stringify({ command }) } }]
  })

const check: Reader = (text) =>
  Gate.checkSummary({
    route: "r",
    text,
    finish: "stop",
    counter: Tokens.estimate,
    coveredTokens: 1e9,
    maxTokens: 1e9,
    missing: Handoff.findMissingHeadings
  })

/** What reads text of a session, a model, a file or a log. */
export const READERS: Readonly<Record<string, Reader>> = {
  redact,
  "the digest of a user's message": (content) => digestMessage({ role: "user", content }),
  "the digest of an answer": (content) => digestMessage({ role: "assistant", content }),
  "the digest of a result": (content) => digestMessage({ role: "tool", tool_call_id: "1", content }),
  "the digest of a call": digestCall,
  "files of a command": findWrittenFiles,
  "filters of a command": dropFilters,
  sentences: splitSentences,
  words: splitWords,
  "one line": toOneLine,
  gate: check,
  handoff: (text) => renderSummary(Handoff.parse(text)),
  overflow: (text) => [isOverflow(400, text), readTokenLimit(text), readSizeRefusal(text)],
  "JSON of a server": parseJson,
  "log line": (text) => parseLine(text, { file: "a.log", line: 1 })
}
