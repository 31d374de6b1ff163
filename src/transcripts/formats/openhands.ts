/** Reads the events of OpenHands: actions with a source and observations that name their cause, and those of its SDK. */
import * as Either from "effect/Either"
import { isObject, type JsonObject } from "../../format/json.ts"
import { makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage, type Part } from "../content.ts"
import { type Converted, failEntry, getText, listEntries, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

const isEvent = (value: unknown): value is JsonObject =>
  isObject(value) &&
  typeof value.source === "string" &&
  (typeof value.action === "string" ||
    typeof value.observation === "string" ||
    (typeof value.kind === "string" && value.kind.endsWith("Event")))

const listEvents = (value: unknown): unknown => (isObject(value) ? value.history : value)

export const isOpenhandsDocument = (value: unknown): boolean => {
  const events = listEvents(value)
  return Array.isArray(events) && events.length > 0 && events.slice(0, 3).every(isEvent)
}

export const isOpenhandsRow = ({ value }: TranscriptRow): boolean => isEvent(value) && value.role === undefined

export const readOpenhands = (document: unknown, file: string, tolerance: Tolerance) =>
  readOpenhandsRows(
    listEntries({ file, line: null }, isObject(document) ? "history" : "", listEvents(document)),
    tolerance,
    isObject(document) ? document.instance_id : null
  )

export const readOpenhandsRows = (
  events: ReadonlyArray<TranscriptRow>,
  tolerance: Tolerance,
  id: unknown = null
): Either.Either<TranscriptContents, ImportError> => {
  const calls = new Map<unknown, string>()
  return readOneSession(events, tolerance, (event) => convertEvent(event, calls), id)
}

const convertEvent = (event: TranscriptRow, calls: Map<unknown, string>): Either.Either<Converted, ImportError> => {
  const { action, kind, observation } = event.value
  if (typeof kind === "string") return convertSdkEvent(event, kind)
  if (typeof action === "string") return convertAction(event, action, calls)
  if (typeof observation !== "string") return failEntry(event, "an action or an observation")
  const call = calls.get(event.value.cause)
  if (call === undefined) return Either.right(observation)
  return Either.right(say(makeToolMessage(call, [makeTextPart(getText(event.value, "content"))])))
}

/** What the program does by itself, and what only the panel shows. */
const UNSAID = ["system", "change_agent_state", "recall", "null", "think", "condensation", "pause", "resume"]

const convertAction = (
  { value }: TranscriptRow,
  action: string,
  calls: Map<unknown, string>
): Either.Either<Converted, ImportError> => {
  const { args, id, source, tool_call_metadata: metadata } = value
  const { thought, ...input } = isObject(args) ? args : {}
  if (UNSAID.includes(action)) return Either.right(action)
  if (action === "message" || action === "finish") {
    // The message of an end without a thought is the program's own.
    const last = getText(input, "final_thought") || showValue(thought)
    const words = action === "finish" ? last : getText(input, "content") || getText(value, "message")
    if (words === "") return Either.right("empty")
    const parts = [makeTextPart(words)]
    return Either.right(say(source === "user" ? makeUserMessage(parts) : makeAssistantMessage(parts, [])))
  }
  const { function_name: name, tool_call_id: callId } = isObject(metadata) ? metadata : {}
  const call = typeof callId === "string" ? callId : `event_${String(id)}`
  calls.set(id, call)
  const parts = typeof thought === "string" && thought !== "" ? [makeTextPart(thought)] : []
  return Either.right(
    say(makeAssistantMessage(parts, [{ id: call, name: typeof name === "string" ? name : action, input }]))
  )
}

const listTexts = (content: unknown): ReadonlyArray<Part> => {
  const all: ReadonlyArray<unknown> = Array.isArray(content) ? content : [content]
  return all.flatMap((part) => {
    const text = isObject(part) ? getText(part, "text") : showValue(part)
    return text === "" ? [] : [makeTextPart(text)]
  })
}

const convertSdkEvent = (event: TranscriptRow, kind: string): Either.Either<Converted, ImportError> => {
  const { action, llm_message: message, observation, source, thought, tool_call: call } = event.value
  const id = getText(event.value, "tool_call_id")
  const name = getText(event.value, "tool_name")
  if (kind === "MessageEvent" && isObject(message)) {
    const parts = listTexts(message.content)
    if (parts.length === 0) return Either.right("empty")
    return Either.right(say(source === "user" ? makeUserMessage(parts) : makeAssistantMessage(parts, [])))
  }
  if (kind === "ActionEvent" && id !== "") {
    const input = isObject(call) && typeof call.arguments === "string" ? call.arguments : action
    return Either.right(say(makeAssistantMessage(listTexts(thought), [{ id, name, input }])))
  }
  if (kind === "ObservationEvent" && id !== "") {
    const { content, output } = isObject(observation) ? observation : {}
    return Either.right(say(makeToolMessage(id, listTexts(content ?? output ?? observation))))
  }
  if (kind === "AgentErrorEvent" && id !== "") {
    return Either.right(say(makeToolMessage(id, [makeTextPart(getText(event.value, "error"))])))
  }
  return Either.right(kind)
}
