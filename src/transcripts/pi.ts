/**
 * Reads session files of the coding agent pi: a header, then a tree of entries. The conversation is the path from the root
 * to the last entry.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import {
  makeAssistantMessage,
  makeDataUrl,
  makeImagePart,
  type Part,
  makeTextPart,
  makeToolMessage,
  makeUserMessage
} from "./content.ts"
import {
  type Conversation,
  type Converted,
  inOneStep,
  makeTranscript,
  readEntriesInSteps,
  readTreeInSteps,
  say,
  walkBack
} from "./entries.ts"
import {
  type TranscriptContents,
  decodeWith,
  failImport,
  type ImportError,
  type MakeMessages,
  pickFields,
  pickWithin,
  type Steps,
  type Tolerance,
  type TranscriptRow
} from "./rows.ts"
import { isObject, type JsonObject } from "../format/json.ts"

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const Image = Schema.Struct({ type: Schema.Literal("image"), data: Schema.String, mimeType: Schema.String })
const Content = Schema.Union(Schema.String, Schema.Array(Schema.Union(Text, Image)))
const Thinking = Schema.Struct({ type: Schema.Literal("thinking") })
const ToolCall = Schema.Struct({
  type: Schema.Literal("toolCall"),
  id: Schema.NonEmptyString,
  name: Schema.String,
  arguments: Schema.Unknown
})

const decodeHeader = decodeWith(Schema.Struct({ id: Schema.NonEmptyString }), "a session header with an id")
const decodeSummary = decodeWith(Schema.Struct({ summary: Schema.String }), "a branch summary")
const decodeContent = decodeWith(Schema.Struct({ content: Content }), "a pi message with content")
const decodeReply = decodeWith(
  Schema.Struct({ content: Schema.Array(Schema.Union(Text, Thinking, ToolCall)) }),
  "a pi assistant message"
)
const decodeResult = decodeWith(
  Schema.Struct({ toolCallId: Schema.NonEmptyString, content: Content }),
  "a pi tool result with a toolCallId"
)
const decodeBash = decodeWith(
  Schema.Struct({
    command: Schema.String,
    output: Schema.String,
    exitCode: Schema.optional(Schema.NullOr(Schema.Number)),
    excludeFromContext: Schema.optional(Schema.Boolean)
  }),
  "a pi bash execution"
)

export const isPiRow = ({ value }: TranscriptRow): boolean =>
  (value.type === "session" && typeof value.id === "string") || (value.type === "message" && isObject(value.message))

export const outlinePi = (value: JsonObject): JsonObject =>
  pickWithin(
    pickFields(value, "type", "id", "parentId", "message", "summary", "content"),
    "message",
    "role",
    "content",
    "toolCallId",
    "command",
    "output",
    "exitCode",
    "excludeFromContext"
  )

export function* readPi(
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Steps<Either.Either<TranscriptContents, ImportError>> {
  const conversations: Array<Conversation> = []
  for (const file of yield* splitFiles(rows)) {
    const read = yield* readSession(file, tolerance)
    if (Either.isLeft(read)) return Either.left(read.left)
    for (const conversation of read.right) conversations.push(conversation)
  }
  return Either.right(makeTranscript(conversations))
}

/** Splits a text of several session files. Each header begins one. */
function* splitFiles(rows: ReadonlyArray<TranscriptRow>): Steps<ReadonlyArray<ReadonlyArray<TranscriptRow>>> {
  const files: Array<Array<TranscriptRow>> = []
  for (const row of rows) {
    yield
    const last = files.at(-1)
    if (last === undefined || row.value.type === "session") files.push([row])
    else last.push(row)
  }
  return files
}

function* readSession(
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Steps<Either.Either<ReadonlyArray<Conversation>, ImportError>> {
  const [first] = rows
  const isHeaded = first?.value.type === "session"
  const header = isHeaded ? tolerance.attempt(decodeHeader(first), first) : Either.right(undefined)
  if (Either.isLeft(header)) return Either.left(header.left)
  const sessionId = header.right?.id ?? null
  const entries = isHeaded ? rows.slice(1) : rows
  const parents = yield* findParents(entries)
  const follow = (leaf: TranscriptRow | undefined) => walkBack(leaf, (row) => parents.get(row)?.row)
  const live = follow(entries.at(-1))
  const orphan = live.findLast((row) => parents.get(row)?.isNamed === false)
  if (orphan !== undefined && tolerance.isStrict) {
    const expected = "a parentId that names an earlier entry"
    return Either.left(failImport(orphan, expected, "one that does not"))
  }
  const tree = {
    file: first?.file ?? "",
    said: entries,
    live,
    follow: (leaf: TranscriptRow) => inOneStep(follow(leaf)),
    keyOf: (row: TranscriptRow) => row
  }
  return yield* readTreeInSteps(tree, tolerance, function* (branch) {
    const read = yield* readEntriesInSteps(branch, tolerance, (row) => convertRow(row, tolerance))
    return Either.map(read, (dialogue) => ({ ...dialogue, sessionId }))
  })
}

const convertRow = (row: TranscriptRow, { make }: Tolerance): Either.Either<Converted, ImportError> =>
  Either.flatMap(convertEntry(row), (converted) =>
    typeof converted === "string"
      ? Either.right(converted)
      : Either.map(make([row.value], makeMessages, row), (messages) => say(...messages))
  )

const makeMessages: MakeMessages = ([value = {}], { file, line }) =>
  readPiLine({ file, line, value, numbersAsText: [] })

/** The parent of an entry, and whether the entry names it. */
interface Parent {
  readonly row: TranscriptRow | undefined
  readonly isNamed: boolean
}

/**
 * Finds the parent of each entry. In files of the first version entries have no ids, and follow each other. An entry whose
 * parent is not there follows the one before it, too: its line may be lost.
 */
function* findParents(entries: ReadonlyArray<TranscriptRow>): Steps<ReadonlyMap<TranscriptRow, Parent>> {
  const parents = new Map<TranscriptRow, Parent>()
  const place = new Map<unknown, number>()
  let isTree = false
  for (const [index, { value }] of entries.entries()) {
    yield
    place.set(value.id, index)
    isTree ||= typeof value.id === "string"
  }
  for (const [index, row] of entries.entries()) {
    yield
    const parentId: unknown = row.value.parentId ?? null
    if (isTree && parentId === null) continue
    const named = isTree ? place.get(parentId) : index - 1
    const isNamed = named !== undefined && named < index
    parents.set(row, { row: entries[isNamed ? named : index - 1], isNamed })
  }
  return parents
}

/** Reads a line by itself, whatever its branch. */
export const readPiLine = (row: TranscriptRow): Either.Either<ReadonlyArray<Message>, ImportError> =>
  Either.map(convertEntry(row), (converted) => (typeof converted === "string" ? [] : [converted]))

/** Converts an entry, or returns its kind if it is not a message. Compactions are skipped: their entries are in the file. */
const convertEntry = (row: TranscriptRow): Either.Either<Message | string, ImportError> => {
  const { type } = row.value
  switch (type) {
    case "message":
      return convertMessage(row, row.value.message)
    case "custom_message":
      return Either.map(decodeContent(row), ({ content }) => makeUserMessage(convertContent(content)))
    case "branch_summary":
      return Either.map(decodeSummary(row), ({ summary }) =>
        makeUserMessage([makeTextPart(`Summary of another branch, now left:\n\n${summary}`)])
      )
    default:
      return typeof type === "string"
        ? Either.right(type)
        : Either.left(failImport(row, "an entry of a pi session", "an object without a type"))
  }
}

const convertMessage = (row: TranscriptRow, message: unknown): Either.Either<Message | string, ImportError> => {
  const role = isObject(message) ? message.role : undefined
  switch (role) {
    case "assistant":
      return Either.map(decodeReply(row, message), ({ content }) => {
        const words = content.filter((block) => block.type === "text")
        const calls = content.filter((block) => block.type === "toolCall")
        if (words.length + calls.length === 0) return "empty reply"
        return makeAssistantMessage(
          words.map((block) => makeTextPart(block.text)),
          calls.map((block) => ({ id: block.id, name: block.name, input: block.arguments }))
        )
      })
    case "toolResult":
      return Either.map(decodeResult(row, message), ({ content, toolCallId }) =>
        makeToolMessage(toolCallId, convertContent(content))
      )
    case "bashExecution":
      return Either.map(decodeBash(row, message), (run) =>
        run.excludeFromContext === true ? role : makeUserMessage([makeTextPart(describeRun(run))])
      )
    case "user":
    case "custom":
    case "hookMessage":
      return Either.map(decodeContent(row, message), ({ content }) => makeUserMessage(convertContent(content)))
    default:
      return typeof role === "string"
        ? Either.right(role)
        : Either.left(failImport(row, "a message with a role", "one without"))
  }
}

const convertContent = (content: typeof Content.Type): ReadonlyArray<Part> =>
  typeof content === "string"
    ? [makeTextPart(content)]
    : content.map((block) =>
        block.type === "text" ? makeTextPart(block.text) : makeImagePart(makeDataUrl(block.mimeType, block.data))
      )

const describeRun = (run: {
  readonly command: string
  readonly output: string
  readonly exitCode?: number | null | undefined
}) =>
  `I ran \`${run.command}\`${typeof run.exitCode === "number" ? `, exit code ${run.exitCode}` : ""}:\n\n${run.output}`
