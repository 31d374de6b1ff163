/** Reads conversations in the form of ShareGPT, as data to train on is written: `{from, value}` for each message. */
import * as Either from "effect/Either"
import { isObject, parseJson } from "../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import {
  CallIds,
  type Converted,
  failEntry,
  getText,
  isOneOrMore,
  listDocuments,
  listEntries,
  readConversations,
  readEntries,
  say,
  showValue
} from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isConversation = (value: unknown): boolean =>
  isObject(value) &&
  Array.isArray(value.conversations) &&
  value.conversations.some((turn) => isObject(turn) && typeof turn.from === "string" && "value" in turn)

export const isSharegptDocument = (value: unknown): boolean => isOneOrMore(value, isConversation)

export const isSharegptRow = ({ value }: TranscriptRow): boolean => isConversation(value)

export const readSharegpt = (document: unknown, file: string, tolerance: Tolerance) =>
  readSharegptRows(listDocuments(document, file), tolerance)

/** Each row is a session of its own, with its id, if that is one. */
export const readSharegptRows = (
  rows: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> =>
  readConversations(rows, (row) => {
    const ids = new CallIds()
    const { conversations, id, system } = row.value
    const turns = listEntries(row, "conversations", conversations)
    const prompt = typeof system === "string" && system !== "" ? [{ role: "system", content: system } as const] : []
    const sessionId = typeof id === "string" && id !== "" ? id : null
    return Either.map(
      readEntries(turns, tolerance, (turn) => convertTurn(turn, ids)),
      ({ messages, skipped }) => ({ sessionId, messages: [...prompt, ...messages], skipped })
    )
  })

const convertTurn = (turn: TranscriptRow, ids: CallIds): Either.Either<Converted, ImportError> => {
  const text = showValue(turn.value.value)
  const parts = [makeTextPart(text)]
  switch (getText(turn.value, "from").replaceAll("-", "_")) {
    case "human":
    case "user":
      return Either.right(say(makeUserMessage(parts)))
    case "gpt":
    case "assistant":
    case "chatgpt":
    case "model":
      return Either.right(say(makeAssistantMessage(parts, [])))
    case "system":
      return Either.right(say({ role: "system", content: text }))
    case "function_call":
    case "tool_call": {
      const call = parseJson(text)
      const { arguments: input, name } = isObject(call) ? call : {}
      if (typeof name !== "string") return failEntry(turn, "a call with a name and arguments")
      return Either.right(say(makeAssistantMessage([], [{ id: ids.call("call"), name, input }])))
    }
    case "observation":
    case "function_response":
    case "tool":
      return Either.right(say(makeToolMessage(ids.answer("call"), parts)))
    default:
      return failEntry(turn, "a turn of human, gpt, system, function_call or observation")
  }
}
