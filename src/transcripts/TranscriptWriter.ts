/**
 * Writes a session as a file of another agent, or as messages of another API.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { isObject } from "../format/json.ts"
import * as MessageFormat from "../format/MessageFormat.ts"
import * as Message from "../message/Message.ts"
import * as Transcripts from "./Transcripts.ts"
import { writeClaudeCode } from "./writers/claudeCode.ts"
import { writeCodex } from "./writers/codex.ts"
import { type WritableSession, writeLines } from "./writers/lines.ts"
import { writePi } from "./writers/pi.ts"

export type {
  /**
   * A message, and the time of it in milliseconds since 1970.
   *
   * @since 0.1.0
   * @category models
   */
  WritableEntry,
  /**
   * A session, and the folder that its agent shall work in.
   *
   * @since 0.1.0
   * @category models
   */
  WritableSession
} from "./writers/lines.ts"

/**
 * The formats that can be written; see `Format` of `throughline/Transcripts`.
 *
 * @since 0.1.0
 * @category models
 */
export const WritableFormat = Schema.Literal(
  "claude-code",
  "codex",
  "pi",
  "messages",
  "jsonl",
  "anthropic",
  "responses",
  "ai-sdk-model",
  "ai-sdk-ui",
  "legacy-functions"
)
/**
 * @since 0.1.0
 * @category models
 */
export type WritableFormat = typeof WritableFormat.Type

/**
 * The text of a file. `changed` are the indexes of the messages that `Transcripts.parse` does not read from it as they
 * were: the format has no place for a part of them, or keeps them elsewhere, as a system prompt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Written {
  readonly text: string
  readonly changed: ReadonlyArray<number>
}

/**
 * Writes a session in a format. A text is also read as a lone part with it, where an agent writes it so. What was read from a file of this format is written so that the same is read again. Ids of
 * entries are made from the id of the session, so that two calls write the same.
 *
 * @since 0.1.0
 * @category constructors
 */
export const write = (
  session: WritableSession,
  format: WritableFormat
): Either.Either<Written, Message.InvalidMessage> =>
  Either.map(
    Either.try({
      try: () => writeText(session, format),
      catch: (cause) => {
        if (cause instanceof Message.InvalidMessage) return cause
        throw cause
      }
    }),
    (text) => {
      const read = Transcripts.parse(text, { file: "", format })
      const again = Either.isRight(read) ? read.right.sessions.flatMap(({ messages }) => messages) : []
      return {
        text,
        changed: findChanged(
          session.entries.map(({ message }) => message),
          again
        )
      }
    }
  )

const writeText = (session: WritableSession, format: WritableFormat): string => {
  const messages = session.entries.map(({ message }) => message)
  switch (format) {
    case "claude-code":
      return writeClaudeCode(session)
    case "codex":
      return writeCodex(session)
    case "pi":
      return writePi(session)
    case "jsonl":
      return writeLines(messages)
    case "messages":
      return writeValue(messages)
    default:
      return writeValue(MessageFormat.encode(format, messages))
  }
}

const writeValue = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** The indexes of the messages that are not among those that were read again. */
const findChanged = (messages: ReadonlyArray<Message.Message>, again: ReadonlyArray<Message.Message>) => {
  const counts = new Map<string, number>()
  for (const message of again) {
    const key = keyOf(message)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return messages.flatMap((message, index) => {
    const key = keyOf(message)
    const left = counts.get(key) ?? 0
    counts.set(key, left - 1)
    return left > 0 ? [] : [index]
  })
}

/** Equal for messages that differ in the order of their keys, or in whether a text stands in a part, alone. */
const keyOf = (message: Message.Message): string => {
  const [part, ...others] = Message.parts(message)
  const isText = part?.type === "text" && others.length === 0 && Object.keys(part).length === 2
  return JSON.stringify(isText ? { ...message, content: part.text } : message, (_, field: unknown) =>
    isObject(field) ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1))) : field
  )
}
