/**
 * Reads the `.aider.chat.history.md` of Aider: Markdown in which `####` opens what the user says and `>` what Aider itself
 * does. All else is the model's, also headings of four `#`: Aider ends what the user says with two blanks.
 */
import * as Either from "effect/Either"
import type { Message } from "../../message/Message.ts"
import { countKinds, type ImportError, makeSession, type TranscriptContents, type TranscriptSession } from "../rows.ts"

const HEADER = "# aider chat started at "
const USER = "#### "

export const isAiderText = (text: string): boolean =>
  /^(?!\s*[[{])/.test(text) && (text.startsWith(HEADER) || text.includes(`\n${HEADER}`))

/** Each start of Aider is a session of its own. The file does not name them. */
export const readAider = (text: string): Either.Either<TranscriptContents, ImportError> => {
  const sessions: Array<TranscriptSession> = []
  const skipped: Array<string> = []
  let messages: Array<Message> = []
  let block: Block = { kind: "model", lines: [] }
  let isCode = false
  const lines = text.split("\n")
  // An editor may have taken away the blanks at the ends of all lines.
  const isMarked = lines.some((line) => line.startsWith(USER) && line.endsWith("  "))
  const isUser = (line: string) => line.startsWith(USER) && (!isMarked || line.endsWith("  "))
  let isStarted = false
  const flush = (next: Block["kind"]) => {
    const content = block.lines.join("\n").trim()
    if (block.kind === "aider" && content !== "") skipped.push("aider")
    else if (block.kind === "user" && COMMAND.test(content)) skipped.push("command")
    else if (content !== "") messages.push({ role: block.kind === "user" ? "user" : "assistant", content })
    block = { kind: next, lines: [] }
  }
  for (const line of lines) {
    if (line.startsWith(HEADER)) {
      flush("model")
      if (isStarted) sessions.push(makeSession({ sessionId: null, messages }))
      else if (messages.length > 0) skipped.push("preamble")
      isStarted = true
      messages = []
      isCode = false
      continue
    }
    const kind = isCode ? "model" : isUser(line) ? "user" : line.startsWith("> ") ? "aider" : "model"
    if (kind === "model" && line.startsWith("```")) isCode = !isCode
    if (kind === "model" && line.trim() === "" && block.kind !== "model") {
      // Blank lines within what the user says are marked too.
      if (block.kind === "user") flush("model")
      continue
    }
    if (kind !== block.kind) flush(kind)
    block.lines.push(kind === "user" ? line.slice(USER.length).trimEnd() : line)
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
