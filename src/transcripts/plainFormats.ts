/** Reads the formats that are plain chat messages: one JSON array, one message per line, or one message of a session per line. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { SessionId } from "../session/Session.ts"
import {
  decodeWith,
  describeValue,
  ImportError,
  isObject,
  parseJson,
  parseMessage,
  type TranscriptRow,
  type TranscriptContents
} from "./rows.ts"

/** True if the text can only be a JSON array. No line of another format begins with a bracket. */
export const isJsonArray = (text: string): boolean => text.trimStart().startsWith("[")

/** Reads a JSON array of messages. Errors count the messages, because an array may be one long line. */
export const readArray = (text: string, file: string): Either.Either<TranscriptContents, ImportError> => {
  const place = { file, line: null }
  const value = parseJson(text)
  if (!Array.isArray(value)) {
    return Either.left(
      new ImportError({ ...place, expected: "a JSON array of chat messages", found: describeValue(value) })
    )
  }
  const elements: ReadonlyArray<unknown> = value
  const messages = elements.map((element, index) =>
    parseMessage(place, element, `element ${index + 1} of the array to be a chat message`)
  )
  return Either.map(Either.all(messages), withoutSession)
}

export const isMessageRow = ({ value }: TranscriptRow): boolean => typeof value.role === "string"

/** Reads one message per line. */
export const readMessageRows = (rows: ReadonlyArray<TranscriptRow>): Either.Either<TranscriptContents, ImportError> =>
  Either.map(Either.all(rows.map((row) => parseMessage(row, row.value))), withoutSession)

const withoutSession = (messages: ReadonlyArray<Message>): TranscriptContents => ({
  sessions: [{ sessionId: null, messages }],
  skipped: {}
})

export const isSessionRow = ({ value }: TranscriptRow): boolean =>
  typeof value.session === "string" && isObject(value.message)

const decodeSessionRow = decodeWith(
  Schema.Struct({ session: SessionId, message: Schema.Unknown }),
  "a session id and a message"
)

/** Reads one `{session, message}` per line. Sessions may alternate, and come in the order of their first message. */
export const readSessionRows = (rows: ReadonlyArray<TranscriptRow>): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const sessions = new Map<string, Array<Message>>()
    for (const row of rows) {
      const { message: value, session } = yield* decodeSessionRow(row)
      const message = yield* parseMessage(row, value)
      const messages = sessions.get(session)
      if (messages === undefined) sessions.set(session, [message])
      else messages.push(message)
    }
    return { sessions: [...sessions].map(([sessionId, messages]) => ({ sessionId, messages })), skipped: {} }
  })
