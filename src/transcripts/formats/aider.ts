/**
 * Reads the `.aider.chat.history.md` of Aider: Markdown in which `####` opens what the user says and `>` what Aider itself
 * does. All else is the model's.
 */
import * as Either from "effect/Either"
import type { Message } from "../../message/Message.ts"
import { countKinds, type ImportError, makeSession, type TranscriptContents, type TranscriptSession } from "../rows.ts"

const HEADER = "# aider chat started at "

export const isAiderText = (text: string): boolean => text.trimStart().startsWith(HEADER)

/** Each start of Aider is a session of its own. The file does not name them. */
export const readAider = (text: string): Either.Either<TranscriptContents, ImportError> => {
  const sessions: Array<TranscriptSession> = []
  const skipped: Array<string> = []
  let messages: Array<Message> = []
  let block: Block = { kind: "model", lines: [] }
  let isCode = false
  const flush = (next: Block["kind"]) => {
    const content = block.lines.join("\n").trim()
    if (block.kind === "aider" && content !== "") skipped.push("aider")
    else if (block.kind === "user" && COMMAND.test(content)) skipped.push("command")
    else if (content !== "") messages.push({ role: block.kind === "user" ? "user" : "assistant", content })
    block = { kind: next, lines: [] }
  }
  for (const line of text.split("\n")) {
    if (line.startsWith(HEADER)) {
      flush("model")
      sessions.push(makeSession({ sessionId: null, messages }))
      messages = []
      isCode = false
      continue
    }
    const kind = isCode ? "model" : line.startsWith("#### ") ? "user" : line.startsWith("> ") ? "aider" : "model"
    if (kind === "model" && line.startsWith("```")) isCode = !isCode
    if (kind === "model" && line.trim() === "" && block.kind !== "model") continue
    if (kind !== block.kind) flush(kind)
    block.lines.push(kind === "user" ? line.slice("#### ".length).trimEnd() : line)
  }
  flush("model")
  sessions.push(makeSession({ sessionId: null, messages }))
  return Either.right({
    sessions: sessions.filter((session) => session.messages.length > 0),
    skipped: countKinds(skipped)
  })
}

interface Block {
  readonly kind: "user" | "aider" | "model"
  readonly lines: Array<string>
}

/** Commands are for Aider, except those that ask the model something. */
const COMMAND = /^(?:!|\/(?!(?:ask|code|architect|help|context) ))/
