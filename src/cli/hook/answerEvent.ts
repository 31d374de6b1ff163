/** Answers one event of Claude Code. */
import * as Effect from "effect/Effect"
import { Gateway } from "../../gateway/Gateway.ts"
import * as Ledger from "../../ledger/Ledger.ts"
import type { Message } from "../../message/Message.ts"
import { estimate } from "../../message/Tokens.ts"
import type { SessionId } from "../../session/Session.ts"
import { formatCount, printNotice } from "../terminal/terminal.ts"
import type { HookAnswer, HookEvent, PostToolUse } from "./contract.ts"
import { describeFacts, describeSummary, type Recorded } from "./describeFacts.ts"
import { layerRecord, readFacts, recordText, recordTranscript } from "./recordSession.ts"
import { findLongTexts, shortenTexts } from "./shortenOutput.ts"
import { compareFacts, countFacts } from "./summaryCheck.ts"
import { readTranscriptEnd } from "./transcriptEnd.ts"

/** `shorten` are the tokens that a text of a tool's output may have; null leaves all of them as they are. */
export interface HookOptions {
  readonly db: string
  readonly shorten: number | null
}

const NOTHING: HookAnswer = {}

/** Records what the event is about, and answers it. Does nothing for compactions of subagents, whose messages it cannot read. */
export const answerEvent = (event: HookEvent, options: HookOptions) => {
  if (event.hook_event_name === "PostToolUse") return answerToolUse(event, options)
  if (event.agent_id !== undefined) return Effect.succeed(NOTHING)
  const { session_id: sessionId, transcript_path: file } = event
  return Effect.gen(function* () {
    if (event.hook_event_name === "SessionStart" && event.source !== "compact") return NOTHING
    const { messages, summary } = yield* readTranscriptEnd(file, sessionId)
    if (messages.length === 0) return NOTHING
    if (event.hook_event_name === "PreCompact") {
      yield* Effect.flatMap(recordTranscript(file, options.db), (recorded) =>
        digestMessages(recorded.sessionId ?? sessionId)
      ).pipe(Effect.provide(layerRecord(options.db)))
      return NOTHING
    }
    const { ledger, recorded } = yield* findFacts(event, messages, options.db)
    if (event.hook_event_name === "PostCompact") {
      const { missing } = compareFacts(ledger, event.compact_summary)
      const line = describeSummary(missing, event.compact_summary)
      return line === null ? NOTHING : { systemMessage: line }
    }
    const compared = compareFacts(ledger, summary)
    const additionalContext = describeFacts(compared, recorded)
    if (additionalContext === "") return NOTHING
    const counted = countFacts(compared.missing)
    return {
      hookSpecificOutput: { hookEventName: "SessionStart" as const, additionalContext },
      ...(counted === "" ? {} : { systemMessage: `throughline: told Claude again what a summary left out: ${counted}` })
    }
  })
}

/** Puts the facts of what the compaction drops into the stored ledger, so that later events read only what came since. */
const digestMessages = (sessionId: SessionId) => Effect.flatMap(Gateway, ({ compress }) => compress(sessionId))

/** The facts of the session in the database; of the messages alone if the database cannot be used. */
const findFacts = ({ session_id, transcript_path }: HookEvent, messages: ReadonlyArray<Message>, db: string) =>
  Effect.gen(function* () {
    const { isWhole, sessionId = session_id } = yield* recordTranscript(transcript_path, db)
    const { lastSeq, ledger } = yield* readFacts(sessionId)
    const recorded: Recorded = { sessionId, db, lastSeq }
    return { ledger: isWhole ? ledger : addMessages(ledger, messages, lastSeq), recorded }
  }).pipe(
    Effect.provide(layerRecord(db)),
    Effect.catchAll((error) =>
      Effect.as(printNotice(`throughline hook: nothing was recorded: ${error.message}`), {
        ledger: addMessages(Ledger.empty, messages, 0),
        recorded: null
      })
    )
  )

const addMessages = (ledger: Ledger.Ledger, messages: ReadonlyArray<Message>, lastSeq: number) =>
  Ledger.add(
    ledger,
    messages.map((message, index) => ({ seq: lastSeq + index + 1, message, kind: null, arrival: null }))
  )

const answerToolUse = (event: PostToolUse, { db, shorten }: HookOptions) =>
  Effect.gen(function* () {
    const { session_id: sessionId, tool_name: tool, tool_response: output, tool_use_id: id } = event
    const whole = shorten === null ? "" : findLongTexts(output, shorten)
    if (shorten === null || whole === "") return NOTHING
    const text = `The whole output of ${tool}${id === undefined ? "" : `, call ${id}`}:\n${whole}`
    const seq = yield* Effect.provide(recordText(sessionId, text, id), layerRecord(db))
    const pointer =
      `[throughline: shortened, ~${formatCount(estimate.text(whole))} tokens before. The whole output: ` +
      `throughline recall ${sessionId} "#${seq}" --db ${db} --whole]`
    const updatedToolOutput = shortenTexts(output, shorten, pointer)
    return { hookSpecificOutput: { hookEventName: "PostToolUse" as const, updatedToolOutput } }
  })
