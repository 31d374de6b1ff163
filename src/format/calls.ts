/** Finds the calls that results answer, and keeps results with what they follow. */
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

/** Splits messages into rounds: each message that is no result, with the results after it. */
export const splitRounds = (messages: ReadonlyArray<Draft>): ReadonlyArray<ReadonlyArray<Draft>> => {
  const rounds: Array<Array<Draft>> = []
  for (const message of messages) {
    const last = rounds.at(-1)
    if (message.role === "tool" && last !== undefined) last.push(message)
    else rounds.push([message])
  }
  return rounds
}
