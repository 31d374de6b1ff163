/**
 * Reads runs that were exported from LangSmith. Each call of a model repeats what was said before: of each thread, the call
 * that was given most messages tells the conversation.
 */
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../../format/json.ts"
import { failEntry, listEntries, readConversations, readEntries } from "../../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../../rows.ts"
import { convertMessage } from "./messages.ts"

type Read = Either.Either<TranscriptContents, ImportError>

const isRun = (value: unknown): boolean =>
  isObject(value) && typeof value.run_type === "string" && ("trace_id" in value || "dotted_order" in value)

export const isLangsmithDocument = (value: unknown): boolean => listRuns(value).some(isRun)

export const isLangsmithRow = ({ value }: TranscriptRow): boolean => isRun(value)

const listRuns = (value: unknown): ReadonlyArray<unknown> => {
  const runs = isObject(value) && Array.isArray(value.runs) ? value.runs : value
  return Array.isArray(runs) ? runs : isObject(runs) ? [runs] : []
}

export const readLangsmith = (document: unknown, file: string, tolerance: Tolerance): Read =>
  readLangsmithRows(listEntries({ file, line: null }, "", listRuns(document)), tolerance)

export const readLangsmithRows = (rows: ReadonlyArray<TranscriptRow>, tolerance: Tolerance): Read =>
  Either.gen(function* () {
    const longest = new Map<string, Call>()
    const skipped: Array<string> = []
    for (const row of rows) {
      const call = yield* tolerance.attempt(readRun(row), row)
      if (call === undefined) continue
      if (typeof call === "string") skipped.push(call)
      else {
        const other = longest.get(call.thread)
        if (other === undefined || call.messages.length >= other.messages.length) longest.set(call.thread, call)
        if (other !== undefined) skipped.push("other call")
      }
    }
    return yield* readConversations(
      longest,
      ([thread, { messages }]) =>
        Either.map(readEntries(messages, tolerance, convertMessage), (read) => ({
          ...read,
          sessionId: thread === "" ? null : thread
        })),
      skipped
    )
  })

interface Call {
  readonly thread: string
  readonly messages: ReadonlyArray<TranscriptRow>
}

/** The call of a model that a run was, or the kind of any other run. */
const readRun = (row: TranscriptRow): Either.Either<Call | string, ImportError> => {
  const { inputs, outputs, run_type: kind, trace_id: trace } = row.value
  if (typeof kind !== "string") return failEntry(row, "a run with a run_type")
  if (kind !== "llm") return Either.right(kind)
  const input = isObject(inputs) ? flatten(inputs.messages) : []
  const messages = [...listEntries(row, "inputs", input), ...listEntries(row, "outputs", findReply(outputs))]
  const thread = findThread(row.value) ?? (typeof trace === "string" ? trace : "")
  return Either.right(messages.length === 0 ? "empty" : { thread, messages })
}

/** Programs name the thread of a run in its metadata. */
const findThread = ({ extra, thread_id: own }: JsonObject): string | undefined => {
  const metadata = isObject(extra) && isObject(extra.metadata) ? extra.metadata : {}
  return [own, metadata.thread_id, metadata.session_id, metadata.conversation_id].find(
    (id): id is string => typeof id === "string" && id !== ""
  )
}

/** LangChain gives a list of conversations, of which there is one. */
const flatten = (messages: unknown): ReadonlyArray<unknown> => (Array.isArray(messages) ? messages.flat(1) : [])

const findReply = (outputs: unknown): ReadonlyArray<unknown> => {
  if (!isObject(outputs)) return []
  const { choices, generations, message, messages, role } = outputs
  if (typeof role === "string") return [outputs]
  if (message !== undefined) return [message]
  if (messages !== undefined) return flatten(messages)
  const [first] = flatten(generations ?? choices)
  return isObject(first) && first.message !== undefined ? [first.message] : []
}
