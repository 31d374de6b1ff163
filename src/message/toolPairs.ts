/**
 * Which tool result answers which call, and where a list of messages may be cut without parting the two.
 *
 * Ids are not trusted: they may repeat, results may be late, doubled, or answer nothing. A result belongs to the
 * nearest call before it that has its id and no result yet.
 */
import * as Message from "./Message.ts"

/**
 * `results[i][k]` is the index of the result of call `k` of message `i`; `answers[i]` the index of the message whose
 * call the tool message `i` answers. Both are `undefined` where there is no such message.
 */
export interface Pairs {
  readonly results: ReadonlyArray<ReadonlyArray<number | undefined>>
  readonly answers: ReadonlyArray<number | undefined>
}

export const pairToolCalls = (messages: ReadonlyArray<Message.Message>): Pairs => {
  const results: Array<Results> = []
  const answers: Array<number | undefined> = []
  const unanswered = new Map<string, Place | undefined>()
  for (const [i, message] of messages.entries()) {
    const place = message.role === "tool" ? unanswered.get(message.tool_call_id) : undefined
    answers.push(place?.message)
    if (message.role === "tool" && place !== undefined) {
      unanswered.set(message.tool_call_id, place.before)
      place.results[place.call] = i
    }
    const calls = Message.toolCalls(message)
    const own = calls.length === 0 ? NONE : calls.map(() => undefined)
    calls.forEach(({ id }, call) => unanswered.set(id, { message: i, call, results: own, before: unanswered.get(id) }))
    results.push(own)
  }
  return { results, answers }
}

type Results = Array<number | undefined>

/** Of the many messages that call nothing. */
const NONE: Results = []

/** Where an unanswered call is, and the one of the same id before it. */
interface Place {
  readonly message: number
  readonly call: number
  readonly results: Results
  readonly before: Place | undefined
}

/**
 * `safeCuts(messages)[i]` says whether the messages may be cut before `i`; the last entry is the cut after all of them.
 * A result without a call stays with what it follows, so that no part of a view begins with a tool message.
 */
export const findSafeCuts = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<boolean> => {
  const { results } = pairToolCalls(messages)
  const pending = pendingFrom(messages, results)
  const cuts = [true]
  let reach = 0
  for (const [i, answers] of results.entries()) {
    for (const answer of answers) reach = Math.max(reach, answer ?? 0)
    cuts.push(reach <= i && i < pending && messages[i + 1]?.role !== "tool")
  }
  return cuts
}

/** Calls never answered do not bind, unless their results may still come. */
const pendingFrom = (messages: ReadonlyArray<Message.Message>, results: Pairs["results"]): number => {
  const last = messages.findLastIndex(({ role }) => role !== "tool")
  return results[last]?.includes(undefined) === true ? last : Infinity
}
