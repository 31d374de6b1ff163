/** Reads the sessions of Droid: a line of what the session is, then messages of Anthropic's API among what Droid notes. */
import * as Either from "effect/Either"
import { isObject } from "../../format/json.ts"
import * as MessageFormat from "../../format/MessageFormat.ts"
import type { Message } from "../../message/Message.ts"
import { type Converted, failEntry, note, readOneSession, say } from "../entries.ts"
import { failImport, type ImportError, type Tolerance, type TranscriptContents, type TranscriptRow } from "../rows.ts"

export const isDroidRow = ({ value }: TranscriptRow): boolean =>
  value.type === "session_start" && typeof value.id === "string"

export const readDroid = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const id = rows.find(isDroidRow)?.value.id
  return readOneSession(rows.flatMap(splitReminders), tolerance, convertRow, id)
}

/** What Droid itself says in the name of the user stands in blocks of its own. */
const isReminder = (block: unknown): boolean =>
  isObject(block) && typeof block.text === "string" && block.text.trimStart().startsWith("<system-reminder>")

const splitReminders = (row: TranscriptRow): ReadonlyArray<TranscriptRow> => {
  const { message } = row.value
  const blocks: ReadonlyArray<unknown> = isObject(message) && Array.isArray(message.content) ? message.content : []
  const reminders = blocks.filter(isReminder)
  if (reminders.length === 0 || reminders.length === blocks.length) return [row]
  const others = blocks.filter((block) => !isReminder(block))
  return (isReminder(blocks[0]) ? [reminders, others] : [others, reminders]).map((content) => ({
    ...row,
    value: { ...row.value, message: { ...(isObject(message) ? message : {}), content } }
  }))
}

const convertRow = (row: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { message, type } = row.value
  if (type !== "message") return Either.right(typeof type === "string" ? type : "unknown")
  if (!isObject(message)) return failEntry(row, "a line with its message")
  const { content, role } = message
  const isContext = Array.isArray(content) && content.length > 0 && content.every(isReminder)
  return Either.mapBoth(MessageFormat.decode("anthropic", [{ role, content }]), {
    onLeft: ({ issue }) => failImport(row, "a message of Anthropic's API", issue),
    onRight: (messages) => (isContext ? note(...messages) : say(...messages.filter(isSaid)))
  })
}

/** A reply that only thinks says nothing. */
const isSaid = (message: Message): boolean =>
  message.role !== "assistant" || message.content !== null || (message.tool_calls ?? []).length > 0
