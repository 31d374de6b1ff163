/**
 * Pairs tool results with their calls, and finds where a list of messages may be cut without parting a pair.
 *
 * Ids cannot be trusted: they repeat, and results may be late, doubled, or answer nothing. A result belongs to the
 * nearest call before it that has its id and no result yet.
 */
import * as Message from "./Message.ts"

/**
 * The pairs of a list of messages, as indexes into it. `results[i][k]` is the result of call `k` of message `i`, and
 * `answers[i]` is the message whose call the tool message `i` answers; `undefined` where there is no such message.
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

/** Shared by all messages without a call. */
const NONE: Results = []

/** An unanswered call by its position, and the one before it with the same id. */
interface Place {
  readonly message: number
  readonly call: number
  readonly results: Results
  readonly before: Place | undefined
}

/**
 * Returns, for each index `i`, whether the messages may be cut before `i`; the last entry is the cut after all of them.
 * A result without a call stays with the message before it, so that no part of a view begins with a tool message.
 */
export const findSafeCuts = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<boolean> => {
  const { results } = pairToolCalls(messages)
  const pending = findPending(messages, results)
  const cuts = [true]
  let reach = 0
  for (const [i, answers] of results.entries()) {
    for (const answer of answers) reach = Math.max(reach, answer ?? 0)
    cuts.push(reach <= i && i < pending && messages[i + 1]?.role !== "tool")
  }
  return cuts
}

/** The index of a last message whose results may still come. Other calls without a result do not forbid a cut. */
const findPending = (messages: ReadonlyArray<Message.Message>, results: Pairs["results"]): number => {
  const last = messages.findLastIndex(({ role }) => role !== "tool")
  return results[last]?.includes(undefined) === true ? last : Infinity
}
