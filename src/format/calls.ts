/** Finds the calls that results answer. */
import { type Call, type Draft, wordsOf } from "./template.ts"

/** For each message, the call that it answers: the nearest one before it with its id. */
export const findAnswered = (messages: ReadonlyArray<Draft>): ReadonlyArray<Call | undefined> => {
  const calls = new Map<unknown, Call>()
  return messages.map((message) => {
    for (const call of wordsOf(message).calls) calls.set(call.id, call)
    return message.role === "tool" ? calls.get(message.tool_call_id) : undefined
  })
}
