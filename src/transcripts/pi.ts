/**
 * Session files of the coding agent pi: a header, then a tree of entries. Its last entry is the leaf; the conversation
 * is the way from the root to there.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Message } from "../message/Message.ts"
import { assistantMessage, dataUrl, imagePart, type Part, textPart, toolMessage, userMessage } from "./content.ts"
import { type Contents, countKinds, decodeWith, failImport, type ImportError, isObject, type Row } from "./rows.ts"

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

const header = decodeWith(Schema.Struct({ id: Schema.NonEmptyString }), "a session header with an id")
const summary = decodeWith(Schema.Struct({ summary: Schema.String }), "a branch summary")
const spoken = decodeWith(Schema.Struct({ content: Content }), "a pi message with content")
const reply = decodeWith(
  Schema.Struct({ content: Schema.Array(Schema.Union(Text, Thinking, ToolCall)) }),
  "a pi assistant message"
)
const result = decodeWith(
  Schema.Struct({ toolCallId: Schema.NonEmptyString, content: Content }),
  "a pi tool result with a toolCallId"
)
const bash = decodeWith(
  Schema.Struct({
    command: Schema.String,
    output: Schema.String,
    exitCode: Schema.optional(Schema.NullOr(Schema.Number)),
    excludeFromContext: Schema.optional(Schema.Boolean)
  }),
  "a pi bash execution"
)

/**
 * @since 0.1.0
 * @category predicates
 */
export const recognizes = ({ value }: Row): boolean =>
  (value.type === "session" && typeof value.id === "string") || (value.type === "message" && isObject(value.message))

/**
 * @since 0.1.0
 * @category constructors
 */
export const read = (rows: ReadonlyArray<Row>): Either.Either<Contents, ImportError> =>
  Either.map(Either.all(files(rows).map(session)), (sessions) => ({
    sessions: sessions.map(({ messages, sessionId }) => ({ messages, sessionId })),
    skipped: countKinds(sessions.flatMap(({ skipped }) => skipped))
  }))

/** Session files written one after the other: each header begins one. */
const files = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> => {
  const files: Array<Array<Row>> = []
  for (const row of rows) {
    const last = files.at(-1)
    if (last === undefined || row.value.type === "session") files.push([row])
    else last.push(row)
  }
  return files
}

const session = (rows: ReadonlyArray<Row>) =>
  Either.gen(function* () {
    const [first] = rows
    const sessionId = first?.value.type === "session" ? (yield* header(first)).id : null
    const entries = rows.filter(({ value }) => value.type !== "session")
    const path = yield* branch(entries)
    const messages: Array<Message> = []
    const skipped: Array<string> = []
    for (const row of entries) {
      const converted = path.has(row) ? yield* convert(row) : "other branch"
      if (typeof converted === "string") skipped.push(converted)
      else messages.push(converted)
    }
    return { sessionId, messages, skipped }
  })

/** Files of the first version are no trees: their entries have no ids. */
const branch = (entries: ReadonlyArray<Row>): Either.Either<ReadonlySet<Row>, ImportError> => {
  const place = new Map(entries.map(({ value }, index) => [value.id, index]))
  if (!entries.some(({ value }) => typeof value.id === "string")) return Either.right(new Set(entries))
  const path = new Set<Row>()
  let index = entries.length - 1
  for (let row = entries[index]; row !== undefined; row = entries[index]) {
    path.add(row)
    const parentId: unknown = row.value.parentId ?? null
    if (parentId === null) break
    const parent = place.get(parentId)
    if (parent === undefined || parent >= index) {
      return Either.left(failImport(row, "a parentId that names an earlier entry", "one that does not"))
    }
    index = parent
  }
  return Either.right(path)
}

/** A message, or the kind of what is none. Compactions stand for entries that are all still here. */
const convert = (row: Row): Either.Either<Message | string, ImportError> => {
  const { type } = row.value
  switch (type) {
    case "message":
      return fromMessage(row, row.value.message)
    case "custom_message":
      return Either.map(spoken(row), ({ content }) => userMessage(parts(content)))
    case "branch_summary":
      return Either.map(summary(row), ({ summary }) =>
        userMessage([textPart(`Summary of another branch, now left:\n\n${summary}`)])
      )
    default:
      return typeof type === "string"
        ? Either.right(type)
        : Either.left(failImport(row, "an entry of a pi session", "an object without a type"))
  }
}

const fromMessage = (row: Row, message: unknown): Either.Either<Message | string, ImportError> => {
  const role = isObject(message) ? message.role : undefined
  switch (role) {
    case "assistant":
      return Either.map(reply(row, message), ({ content }) => {
        const words = content.filter((block) => block.type === "text")
        const calls = content.filter((block) => block.type === "toolCall")
        if (words.length + calls.length === 0) return "empty reply"
        return assistantMessage(
          words.map((block) => textPart(block.text)),
          calls.map((block) => ({ id: block.id, name: block.name, input: block.arguments }))
        )
      })
    case "toolResult":
      return Either.map(result(row, message), ({ content, toolCallId }) => toolMessage(toolCallId, parts(content)))
    case "bashExecution":
      return Either.map(bash(row, message), (run) =>
        run.excludeFromContext === true ? role : userMessage([textPart(ran(run))])
      )
    case "user":
    case "custom":
    case "hookMessage":
      return Either.map(spoken(row, message), ({ content }) => userMessage(parts(content)))
    default:
      return typeof role === "string"
        ? Either.right(role)
        : Either.left(failImport(row, "a message with a role", "one without"))
  }
}

const parts = (content: typeof Content.Type): ReadonlyArray<Part> =>
  typeof content === "string"
    ? [textPart(content)]
    : content.map((block) =>
        block.type === "text" ? textPart(block.text) : imagePart(dataUrl(block.mimeType, block.data))
      )

const ran = (run: {
  readonly command: string
  readonly output: string
  readonly exitCode?: number | null | undefined
}) =>
  `I ran \`${run.command}\`${typeof run.exitCode === "number" ? `, exit code ${run.exitCode}` : ""}:\n\n${run.output}`
