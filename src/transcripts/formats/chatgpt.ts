/**
 * Reads the `conversations.json` of an export of ChatGPT. A conversation is a tree of nodes by their ids; the one on screen
 * is the path to `current_node`.
 */
import * as Either from "effect/Either"
import { isObject, type JsonObject, parseJson } from "../../format/json.ts"
import { type Message, text as messageText } from "../../message/Message.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage, type Part } from "../content.ts"
import {
  CallIds,
  type Converted,
  type Dialogue,
  failEntry,
  getText,
  isOneOrMore,
  listDocuments,
  makeTree,
  note,
  readConversations,
  readEntries,
  readTree,
  say,
  type Tree,
  walkBack
} from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isConversation = (value: unknown): boolean => isObject(value) && isObject(value.mapping)

export const isChatgptDocument = (value: unknown): boolean => isOneOrMore(value, isConversation)

export const readChatgpt = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  readConversations(listDocuments(document, file), (entry) => {
    const { conversation_id: conversationId, id } = entry.value
    const sessionId = conversationId ?? id
    return readTree(findTree(entry), tolerance, (branch) => {
      const ids = new CallIds()
      return Either.map(
        readEntries(branch, tolerance, (node) => convertNode(node, ids)),
        (read) => ({ ...joinResults(read), sessionId: typeof sessionId === "string" ? sessionId : null })
      )
    })
  })

const hasMessage = ({ value }: TranscriptRow): boolean => isObject(value.message)

/** The nodes with a message. Live is the path to the one on screen, or to the last one if the file does not say which that is. */
const findTree = (entry: TranscriptRow): Tree<TranscriptRow> => {
  const mapping = isObject(entry.value.mapping) ? entry.value.mapping : {}
  const at = `${entry.at ?? ""}.mapping`
  const nodes = new Map(
    Object.entries(mapping).flatMap(([id, value]) => (isObject(value) ? [[id, { ...entry, at, value }] as const] : []))
  )
  const find = (id: unknown) => (typeof id === "string" ? nodes.get(id) : undefined)
  const said = Array.from(nodes.values()).filter(hasMessage)
  const follow = (leaf: TranscriptRow | undefined) =>
    walkBack(leaf, ({ value }) => find(value.parent)).filter(hasMessage)
  return makeTree({ file: entry.file, said, live: follow(find(entry.value.current_node) ?? said.at(-1)), follow })
}

const THINKING: ReadonlyArray<unknown> = ["thoughts", "reasoning_recap"]

const convertNode = (node: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const message = isObject(node.value.message) ? node.value.message : {}
  const { author, content, metadata, recipient } = message
  if (!isObject(author) || !isObject(content)) return failEntry(node, "a message with an author and content")
  if (isObject(metadata) && metadata.is_visually_hidden_from_conversation === true) return Either.right("hidden")
  if (THINKING.includes(content.content_type)) return Either.right("thinking")
  const parts = listParts(content)
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("\n")
  if (author.role === "tool") {
    const answered = ids.find(getText(author, "name"))
    return Either.right(
      answered !== undefined
        ? say(makeToolMessage(answered, parts))
        : text.trim() === ""
          ? "empty"
          : note(makeUserMessage(parts))
    )
  }
  if (text.trim() === "") return Either.right("empty")
  if (author.role === "user") return Either.right(say(makeUserMessage(parts)))
  if (author.role === "system") return Either.right(say({ role: "system", content: text }))
  if (author.role !== "assistant") return failEntry(node, "a message of user, assistant, system or tool")
  if (typeof recipient !== "string" || recipient === "all") return Either.right(say(makeAssistantMessage(parts, [])))
  const input = isObject(parseJson(text)) ? text : JSON.stringify({ input: text })
  const call = { id: ids.call(recipient, node.value.id), name: recipient, input }
  return Either.right(say(makeAssistantMessage([], [call])))
}

/** A tool may say several things of one call. */
const joinResults = ({ messages, notices, skipped }: Dialogue): Dialogue => {
  const joined: Array<Message> = []
  const noted: Array<number> = []
  const isNotice = new Set(notices)
  for (const [index, message] of messages.entries()) {
    const last = joined.at(-1)
    if (message.role === "tool" && last?.role === "tool" && last.tool_call_id === message.tool_call_id) {
      joined[joined.length - 1] = { ...last, content: [last, message].map(messageText).join("\n") }
      continue
    }
    if (isNotice.has(index)) noted.push(joined.length)
    joined.push(message)
  }
  return { messages: joined, notices: noted, skipped }
}

/** Pictures and files are no part of the export, only their names: they leave their kind. */
const listParts = (content: JsonObject): ReadonlyArray<Part> => {
  const { parts, result, text } = content
  const all: ReadonlyArray<unknown> = Array.isArray(parts) ? parts : [text ?? result]
  return all.flatMap((part) => {
    if (typeof part === "string") return part === "" ? [] : [makeTextPart(part)]
    if (!isObject(part)) return []
    return [makeTextPart(typeof part.text === "string" ? part.text : `[${showKind(part.content_type)}]`)]
  })
}

const showKind = (kind: unknown): string =>
  kind === "image_asset_pointer" ? "image" : typeof kind === "string" ? kind : "attachment"
