/** Reads the formats that are plain chat messages: one JSON array, one message per line, or one message of a session per line. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { HANDOFF_OPENING } from "../message/whoseWords.ts"
import * as MessageFormat from "../format/MessageFormat.ts"
import { SessionId } from "../session/Session.ts"
import {
  countKinds,
  decodeWith,
  describeValue,
  type EntryPlace,
  failImport,
  ImportError,
  type MakeMessages,
  parseMessage,
  type Steps,
  strict,
  type Tolerance,
  type TranscriptRow,
  type TranscriptContents
} from "./rows.ts"
import { isObject } from "../format/json.ts"

/** Reads an array of messages. Errors count the messages, because an array may be one long line. */
export const readMessages = (
  value: unknown,
  file: string,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const place = { file, line: null }
  const elements: unknown = isObject(value) ? value.messages : value
  if (!Array.isArray(elements)) {
    return Either.left(
      new ImportError({ ...place, expected: "a JSON array of chat messages", found: describeValue(value) })
    )
  }
  if (isObject(value) && value.system !== undefined) {
    const expected = "chat messages in the OpenAI format"
    return Either.left(new ImportError({ ...place, expected, found: "a system prompt beside them" }))
  }
  const all: ReadonlyArray<unknown> = elements
  const messages = all.flatMap((element, index) =>
    findUnsaidRole(element) === undefined
      ? [
          attempt(parseMessage(place, element, `element ${index + 1} of the array to be a chat message`), {
            value: element
          })
        ]
      : []
  )
  const id = isObject(value) && typeof value.session_id === "string" ? value.session_id : null
  return Either.map(Either.all(messages), (read) => makeContents(read, all, id))
}

/**
 * The role of what is no message. Hermes Agent writes `session_meta` before messages, for the tools and the model that they
 * had; Kimi CLI writes `_checkpoint`, `_usage` and `_system_prompt` between them.
 */
const findUnsaidRole = (value: unknown): string | undefined => {
  const role = isObject(value) ? value.role : undefined
  return typeof role === "string" && (role === "session_meta" || role.startsWith("_")) ? role : undefined
}

export const isMessageRow = ({ value }: TranscriptRow): boolean => typeof value.role === "string"

/** Reads one message per line. */
export function* readMessageRows(
  rows: ReadonlyArray<TranscriptRow>,
  { attempt, make }: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const all: Array<Message> = []
  const unsaid: Array<string> = []
  for (const row of rows) {
    yield
    const role = findUnsaidRole(row.value)
    if (role !== undefined) unsaid.push(role)
    if (role !== undefined) continue
    const messages = attempt(make([row.value], makeMessage, row), row)
    if (Either.isLeft(messages)) return Either.left(messages.left)
    for (const message of messages.right ?? []) all.push(message)
  }
  return Either.right({ sessions: [{ sessionId: null, messages: all }], skipped: countKinds(unsaid) })
}

const makeMessage: MakeMessages = ([value], place) => parseOne(place, value)

const makeContents = (
  messages: ReadonlyArray<Message | undefined>,
  values: ReadonlyArray<unknown> = [],
  sessionId: string | null = null
): TranscriptContents => ({
  sessions: [{ sessionId, messages: messages.filter((message) => message !== undefined) }],
  skipped: countKinds(values.flatMap((value) => findUnsaidRole(value) ?? []))
})

/** A message of another API and its place. */
interface Element {
  readonly file: string
  readonly line: number | null
  readonly value: unknown
}

/** Reads an array of messages of another API, or the body of a request to Anthropic's. */
export const readForeignMessages = (
  format: MessageFormat.MessageFormat,
  body: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const place = { file, line: null }
  const elements: unknown = isObject(body) ? body.messages : body
  if (!Array.isArray(elements)) {
    return Either.left(
      new ImportError({ ...place, expected: `a JSON array of ${format} messages`, found: describeValue(body) })
    )
  }
  const all: ReadonlyArray<unknown> = elements
  const nameElement = (index: number) => `element ${index + 1} of the array to be of the format ${format}`
  const rewrap = (values: ReadonlyArray<unknown>) => (isObject(body) ? { ...body, messages: values } : values)
  const placed = all.map((value) => ({ ...place, value }))
  return readElements(format, placed, nameElement, rewrap, tolerance)
}

/** Reads one message of another API per line. */
export const readForeignRows =
  (format: MessageFormat.MessageFormat) =>
  (rows: ReadonlyArray<TranscriptRow>, tolerance: Tolerance): Either.Either<TranscriptContents, ImportError> =>
    readElements(
      format,
      rows,
      () => `a message of the format ${format}`,
      (values) => values,
      tolerance
    )

/** Checks each element by itself, to say which is at fault, and reads all at once, because results belong to calls. */
const readElements = (
  format: MessageFormat.MessageFormat,
  elements: ReadonlyArray<Element>,
  nameElement: (index: number) => string,
  wrap: (values: ReadonlyArray<unknown>) => unknown,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.gen(function* () {
    const whole: Array<unknown> = []
    for (const [index, element] of elements.entries()) {
      const { file, line, value } = element
      const decoded = Either.mapLeft(
        MessageFormat.decode(format, [value]),
        ({ issue }) =>
          new ImportError({
            file,
            line,
            expected: nameElement(index),
            found: `${describeValue(value)}: ${issue.replace(/^.*?(?:messages|input)\.0[.:] ?/, "")}`
          })
      )
      if ((yield* attempt(decoded, element)) !== undefined) whole.push(value)
    }
    const file = elements[0]?.file ?? ""
    const messages = yield* Either.mapLeft(
      MessageFormat.decode(format, wrap(whole)),
      ({ issue }) => new ImportError({ file, line: null, expected: `the format ${format}`, found: issue })
    )
    return makeContents(messages.flatMap(splitAtHandoffs))
  })

/** Anthropic's API takes no two messages of the user in a row. A handoff that was joined with others stands apart again. */
const splitAtHandoffs = (message: Message): ReadonlyArray<Message> => {
  const { content, role } = message
  if (role !== "user" || typeof content === "string" || content.length < 2) return [message]
  const isHandoff = content.map((part) => part.type === "text" && part.text.startsWith(HANDOFF_OPENING))
  const starts = content.flatMap((_, at) =>
    at === 0 || isHandoff[at] === true || isHandoff[at - 1] === true ? [at] : []
  )
  return isHandoff.includes(true)
    ? starts.map((start, at) => ({ ...message, content: content.slice(start, starts[at + 1]) }))
    : [message]
}

/** True for the body of a request, or an example to train on: a line with a list of messages. */
export const isRequestRow = ({ value }: TranscriptRow): boolean =>
  Array.isArray(value.messages) && value.role === undefined

/** Reads one list of messages per line, each as a session of its own. */
export const readRequestRows = (
  rows: ReadonlyArray<TranscriptRow>,
  { attempt }: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  Either.map(Either.all(rows.map((row) => attempt(readRequestRow(row), row))), (read) => ({
    sessions: read.flatMap((contents) => contents?.sessions ?? []),
    skipped: {}
  }))

const readRequestRow = (row: TranscriptRow): Either.Either<TranscriptContents, ImportError> => {
  const format = MessageFormat.detect(row.value)
  const read =
    format === undefined || format === "chat"
      ? readMessages(row.value, row.file, strict)
      : readForeignMessages(format, row.value, row.file, strict)
  return Either.mapLeft(read, (error) => failImport(row, error.expected, error.found))
}

export const isSessionRow = ({ value }: TranscriptRow): boolean =>
  typeof value.session === "string" && isObject(value.message)

const decodeSessionRow = decodeWith(
  Schema.Struct({ session: SessionId, message: Schema.Unknown }),
  "a session id and a message"
)

const makeSessionMessage: MakeMessages = ([value], place) => parseOne(place, value?.message)

/** Parses a message that is alone in its line. */
const parseOne = (place: EntryPlace, value: unknown) => Either.map(parseMessage(place, value), (message) => [message])

/** Reads one `{session, message}` per line. Sessions may alternate, and come in the order of their first message. */
export function* readSessionRows(
  rows: ReadonlyArray<TranscriptRow>,
  { attempt, make }: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const sessions = new Map<string, Array<Message>>()
  for (const row of rows) {
    yield
    const read = attempt(
      Either.flatMap(decodeSessionRow(row), ({ session }) =>
        Either.map(make([row.value], makeSessionMessage, row), (made) => ({ session, made }))
      ),
      row
    )
    if (Either.isLeft(read)) return Either.left(read.left)
    if (read.right === undefined) continue
    const { made, session } = read.right
    const messages = sessions.get(session)
    if (messages === undefined) sessions.set(session, [...made])
    else for (const message of made) messages.push(message)
  }
  return Either.right({
    sessions: Array.from(sessions, ([sessionId, messages]) => ({ sessionId, messages })),
    skipped: {}
  })
}
