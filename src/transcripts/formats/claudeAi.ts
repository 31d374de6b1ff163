/** Reads the `conversations.json` of an export of claude.ai, in which a message names the one it follows. */
import * as Either from "effect/Either"
import { isObject, type JsonObject, listObjects } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import {
  type Call,
  makeAssistantMessage,
  makeTextPart,
  makeToolMessage,
  makeUserMessage,
  type Part
} from "../content.ts"
import {
  CallIds,
  type Converted,
  failEntry,
  getText,
  isOneOrMore,
  listDocuments,
  listEntries,
  makeTree,
  readConversations,
  readEntries,
  readTree,
  say,
  showValue,
  type Tree,
  walkBack
} from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isConversation = (value: unknown): boolean => isObject(value) && Array.isArray(value.chat_messages)

export const isClaudeAiDocument = (value: unknown): boolean => isOneOrMore(value, isConversation)

export const readClaudeAi = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  readConversations(listDocuments(document, file), (entry) => {
    const { chat_messages: messages, current_leaf_message_uuid: leaf, uuid } = entry.value
    const all = listEntries(entry, "chat_messages", messages)
    return readTree(findTree(file, all, leaf), tolerance, (branch) => {
      const ids = new CallIds()
      return Either.map(
        readEntries(branch, tolerance, (row) => convertMessage(row, ids)),
        (read) => ({ ...read, sessionId: typeof uuid === "string" ? uuid : null })
      )
    })
  })

/** Older exports do not name parents: there all messages are one conversation. */
const findTree = (file: string, said: ReadonlyArray<TranscriptRow>, leaf: unknown): Tree<TranscriptRow> => {
  const byUuid = new Map(said.map((row) => [row.value.uuid, row]))
  const follow = (leaf: TranscriptRow | undefined) =>
    walkBack(leaf, ({ value }) => byUuid.get(value.parent_message_uuid))
  const isTree = said.some(({ value }) => typeof value.parent_message_uuid === "string")
  return makeTree({ file, said, live: isTree ? follow(byUuid.get(leaf) ?? said.at(-1)) : said, follow })
}

const convertMessage = (row: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const { content, sender, text } = row.value
  const blocks = Array.isArray(content) ? content.filter(isObject) : []
  const said = blocks.length === 0 && typeof text === "string" && text !== "" ? [{ type: "text", text }] : blocks
  if (sender === "human") {
    const parts = [...listTexts(said), ...listFiles(row.value)]
    const results = convertReply(
      said.filter(({ type }) => type === "tool_result"),
      ids
    )
    if (parts.length + results.length === 0) return Either.right("empty")
    return Either.right(say(...results, ...(parts.length === 0 ? [] : [makeUserMessage(parts)])))
  }
  if (sender !== "assistant") return failEntry(row, "a message of a human or an assistant")
  const messages = convertReply(said, ids)
  return Either.right(messages.length === 0 ? "empty" : say(...messages))
}

const listTexts = (blocks: ReadonlyArray<JsonObject>): ReadonlyArray<Part> =>
  blocks.filter(({ type }) => type === "text").map((block) => makeTextPart(getText(block, "text")))

/** A file whose text was extracted may be listed as a file, too. */
const listFiles = ({ attachments, files }: JsonObject): ReadonlyArray<Part> => {
  const attached = listObjects(attachments)
  const names = new Set(attached.map(({ file_name: name }) => name))
  return [...attached, ...listObjects(files).filter(({ file_name: name }) => !names.has(name))].map((file) => {
    const extracted = getText(file, "extracted_content")
    return makeTextPart(`[${getText(file, "file_name")}]${extracted === "" ? "" : `\n${extracted}`}`)
  })
}

/** A reply may call tools and speak on: each stretch of it up to the results is a message. */
const convertReply = (blocks: ReadonlyArray<JsonObject>, ids: CallIds): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let parts: Array<Part> = []
  let calls: Array<Call> = []
  const flush = () => {
    if (parts.length + calls.length > 0) messages.push(makeAssistantMessage(parts, calls))
    parts = []
    calls = []
  }
  for (const block of blocks) {
    const name = getText(block, "name")
    if (block.type === "text" && getText(block, "text") !== "") {
      if (calls.length > 0) flush()
      parts.push(makeTextPart(getText(block, "text")))
    } else if (block.type === "tool_use") {
      calls.push({ id: ids.call(name, block.id), name, input: block.input })
    } else if (block.type === "tool_result") {
      flush()
      messages.push(makeToolMessage(ids.answer(name, block.tool_use_id), listResult(block.content)))
    }
  }
  flush()
  return messages
}

const listResult = (content: unknown): ReadonlyArray<Part> => {
  const all: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  return all.map((part) => {
    if (!isObject(part)) return makeTextPart(showValue(part))
    if (typeof part.text === "string") return makeTextPart(part.text)
    return makeTextPart(part.type === "image" ? "[image]" : showValue(part))
  })
}
