/** Reads the trajectories of Trae Agent: what the model was given in each step, and what it answered. */
import * as Either from "effect/Either"
import { isDeepStrictEqual } from "node:util"
import { isObject, type JsonObject, listObjects } from "../../format/json.ts"
import type { Message } from "../../message/Message.ts"
import { type Call, makeAssistantMessage, makeTextPart, makeToolMessage, makeUserMessage } from "../content.ts"
import { type Converted, failEntry, getText, listEntries, readOneSession, say, showValue } from "../entries.ts"
import type { ImportError, Tolerance, TranscriptContents, TranscriptRow } from "../rows.ts"

export const isTraeDocument = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.llm_interactions) && Array.isArray(value.agent_steps)

/** The results of the last calls stand in the steps alone, since no model was given them. */
export const readTrae = (
  document: unknown,
  file: string,
  tolerance: Tolerance
): Either.Either<TranscriptContents, ImportError> => {
  const { agent_steps: steps, llm_interactions: interactions } = isObject(document) ? document : {}
  const results = new Map(
    listObjects(steps).flatMap(({ tool_results: results }) =>
      listObjects(results).map((result) => [result.call_id, result] as const)
    )
  )
  const answered = new Set<unknown>()
  const entries = dropRepeated(listEntries({ file, line: null }, "llm_interactions", interactions))
  return readOneSession(entries, tolerance, (entry) => convertInteraction(entry, results, answered))
}

/** Some agents give the model all that was said in each step: the last step has it all. */
const dropRepeated = (interactions: ReadonlyArray<TranscriptRow>): ReadonlyArray<TranscriptRow> => {
  const last = interactions.at(-1)
  const first = listObjects(interactions[0]?.value.input_messages)
  const given = listObjects(last?.value.input_messages).slice(0, first.length)
  return last !== undefined && first.length > 0 && isDeepStrictEqual(given, first) ? [last] : interactions
}

const convertInteraction = (
  entry: TranscriptRow,
  results: ReadonlyMap<unknown, JsonObject>,
  answered: Set<unknown>
): Either.Either<Converted, ImportError> => {
  const { input_messages: given, response } = entry.value
  if (!Array.isArray(given)) return failEntry(entry, "a step with its messages")
  const answer = (result: JsonObject): ReadonlyArray<Message> => {
    const id = getText(result, "call_id")
    if (id === "" || answered.has(id)) return []
    answered.add(id)
    return [makeToolMessage(id, [makeTextPart(showValue(result.result) || showValue(result.error))])]
  }
  const reply = (text: string, calls: ReadonlyArray<Call>): ReadonlyArray<Message> =>
    text === "" && calls.length === 0 ? [] : [makeAssistantMessage(text === "" ? [] : [makeTextPart(text)], calls)]
  const messages = listObjects(given).flatMap((message): ReadonlyArray<Message> => {
    const { role, tool_call: call, tool_result: result } = message
    const text = showValue(message.content)
    const said =
      role === "assistant" ? reply(text, listCalls([call])) : text === "" ? [] : [makeSaid(role === "system", text)]
    return [...(isObject(result) ? answer(result) : []), ...said]
  })
  if (!isObject(response)) return Either.right(say(...messages))
  const calls = listCalls(response.tool_calls)
  const last = calls.flatMap(({ id }) => {
    const result = results.get(id)
    return result === undefined ? [] : answer(result)
  })
  return Either.right(say(...messages, ...reply(showValue(response.content), calls), ...last))
}

const makeSaid = (isSystem: boolean, text: string): Message =>
  isSystem ? { role: "system", content: text } : makeUserMessage([makeTextPart(text)])

const listCalls = (calls: unknown): ReadonlyArray<Call> =>
  listObjects(calls).flatMap((call) => {
    const id = getText(call, "call_id")
    return id === "" ? [] : [{ id, name: getText(call, "name"), input: call.arguments }]
  })
