/**
 * Reads the `conversations.json` of an export of ChatGPT. A conversation is a tree of nodes by their ids; the one on screen
 * is the path to `current_node`.
 */
import * as Either from "effect/Either"
import { isObject, type JsonObject, parseJson } from "../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage, type Part } from "../content.ts"
import {
  CallIds,
  type Converted,
  failEntry,
  getText,
  isOneOrMore,
  listDocuments,
  readConversations,
  readEntries,
  say,
  skipBranches,
  walkBack
} from "../entries.ts"
import { type ImportError, type Tolerance, type TranscriptContents, type TranscriptRow } from "../rows.ts"

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
    const path = findPath(entry)
    const ids = new CallIds()
    return Either.map(
      readEntries(path, tolerance, (node) => convertNode(node, ids)),
      ({ messages, skipped }) => ({
        sessionId: typeof sessionId === "string" ? sessionId : null,
        messages,
        skipped: [...skipped, ...skipBranches(countMessages(entry) - path.length)]
      })
    )
  })

const listNodes = ({ value: { mapping } }: TranscriptRow): JsonObject => (isObject(mapping) ? mapping : {})

const hasMessage = (node: unknown): node is JsonObject => isObject(node) && isObject(node.message)

const countMessages = (entry: TranscriptRow): number => Object.values(listNodes(entry)).filter(hasMessage).length

/** The nodes with a message on the path to the one on screen, or to the last one if the file does not say which that is. */
const findPath = (entry: TranscriptRow): ReadonlyArray<TranscriptRow> => {
  const nodes = listNodes(entry)
  const find = (id: unknown): JsonObject | undefined => {
    const node = typeof id === "string" && Object.hasOwn(nodes, id) ? nodes[id] : undefined
    return isObject(node) ? node : undefined
  }
  const newest = find(entry.value.current_node) ?? Object.values(nodes).filter(hasMessage).at(-1)
  const path = walkBack(newest, ({ parent }) => find(parent))
  return path.filter(hasMessage).map((value) => ({ ...entry, at: `${entry.at ?? ""}.mapping`, value }))
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
    return Either.right(say(makeToolMessage(ids.answer(getText(author, "name")), parts)))
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
