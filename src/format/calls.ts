/** Finds the calls that results answer. */
import { type Call, type Draft, wordsOf } from "./template.ts"

/** By result, the call that it answers: the nearest one before it with its id. */
export const findAnswered = (messages: ReadonlyArray<Draft>): ReadonlyMap<Draft, Call> => {
  const calls = new Map<unknown, Call>()
  const answered = new Map<Draft, Call>()
  for (const message of messages) {
    for (const call of wordsOf(message).calls) calls.set(call.id, call)
    const call = message.role === "tool" ? calls.get(message.tool_call_id) : undefined
    if (call !== undefined) answered.set(message, call)
  }
  return answered
}
