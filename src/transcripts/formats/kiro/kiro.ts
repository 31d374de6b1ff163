/**
 * Reads Kiro's sessions: the lines of its command line, what that saves, as Amazon Q did before it, and the executions of its
 * editor.
 */
import * as Either from "effect/Either"
import { isObject, listObjects } from "../../../format/json.ts"
import { makeTextPart, makeUserMessage } from "../../content.ts"
import { type Converted, failEntry, getText, listEntries, note, readOneSession, say } from "../../entries.ts"
import { convertExecuted, isKiroExecution, listExecution } from "./editor.ts"
import { answer, gather, type Said, tell, tellText } from "./parts.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../../rows.ts"

type Read = Either.Either<TranscriptContents, ImportError>

const KINDS: ReadonlyArray<unknown> = ["Prompt", "AssistantMessage", "ToolResults"]

export const isKiroRow = ({ value }: TranscriptRow): boolean => KINDS.includes(value.kind) && isObject(value.data)

const isSave = (value: unknown): boolean =>
  isObject(value) && typeof value.conversation_id === "string" && Array.isArray(value.history)

export const isKiroDocument = (value: unknown): boolean => isKiroExecution(value) || isSave(value)

export const readKiroRows = (rows: ReadonlyArray<TranscriptRow>, tolerance: Tolerance): Read =>
  readOneSession(rows, tolerance, convertRow)

export const readKiro = (document: unknown, file: string, tolerance: Tolerance): Read => {
  const value = isObject(document) ? document : {}
  const place = { file, line: null }
  if (isKiroExecution(value)) {
    return readOneSession(listExecution(value, file), tolerance, convertExecuted, value.executionId)
  }
  const { conversation_id: id, latest_summary: summary, next_message: next } = value
  const before: unknown = Array.isArray(summary) ? summary[0] : summary
  const turns = [
    ...(typeof before === "string" ? listEntries(place, "latest_summary", [{ summary: before }]) : []),
    ...listEntries(place, "history", Array.isArray(value.history) ? value.history.map(nameTurn) : []),
    ...(isObject(next) ? listEntries(place, "next_message", [{ user: next }]) : [])
  ]
  return readOneSession(turns, tolerance, convertTurn, id)
}

const convertRow = (row: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { data, kind } = row.value
  if (!KINDS.includes(kind))
    return typeof kind === "string" ? Either.right(kind) : failEntry(row, "a line with its kind")
  if (!isObject(data) || !Array.isArray(data.content)) return failEntry(row, "a message with content")
  const blocks = listObjects(data.content).map((block): Partial<Said> => {
    const inner = isObject(block.data) ? block.data : {}
    const id = getText(inner, "toolUseId")
    if (block.kind === "text") return { parts: tellText(block.data) }
    if (block.kind === "image") return { parts: [makeTextPart("[image]")] }
    if (block.kind === "toolUse" && id !== "")
      return { calls: [{ id, name: getText(inner, "name"), input: inner.input }] }
    return block.kind === "toolResult" ? answer(id, inner.content, ["data"]) : {}
  })
  return Either.right(tell(kind !== "AssistantMessage", gather(blocks)))
}

/** Amazon Q wrote a turn as a pair. */
const nameTurn = (turn: unknown): unknown => (Array.isArray(turn) ? { user: turn[0], assistant: turn[1] } : turn)

const convertTurn = (turn: TranscriptRow): Either.Either<Converted, ImportError> => {
  const { assistant, summary, user } = turn.value
  if (typeof summary === "string") return Either.right(note(makeUserMessage([makeTextPart(summary)])))
  if (!isObject(user)) return failEntry(turn, "a turn with its user")
  const [given] = isObject(user.content) ? Object.values(user.content) : []
  const asked = isObject(given) ? given : { prompt: given, tool_use_results: given }
  const [replied] = isObject(assistant) ? Object.values(assistant).filter(isObject) : []
  const calls = listObjects(replied?.tool_uses).flatMap(({ args, id, name }) =>
    typeof id === "string" && typeof name === "string" ? [{ id, name, input: args }] : []
  )
  const said = [
    tell(true, {
      parts: tellText(asked.prompt),
      calls: [],
      results: listObjects(asked.tool_use_results).flatMap(
        (result) => answer(getText(result, "tool_use_id"), result.content, ["Text", "Json"]).results ?? []
      )
    }),
    tell(false, { parts: tellText(replied?.content), calls, results: [] })
  ]
  return Either.right(say(...said.flatMap((one) => (typeof one === "string" ? [] : one.messages))))
}
