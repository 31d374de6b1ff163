/** Keeps a log the same as the conversation of another agent, which may go back to an earlier message. */
import * as Effect from "effect/Effect"
import { Gateway } from "../gateway/Gateway.ts"
import { endsTurn, type Message } from "../message/Message.ts"
import type { Logged, SessionId } from "../session/Session.ts"
import { SessionStore } from "../store/SessionStore.ts"

/**
 * Makes the log of a session hold exactly `messages`, at least one: takes back what they do not begin with, and adds the
 * rest. Returns the log.
 */
export const followBranch = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const { rewind } = yield* Gateway
    const log = yield* readLog(sessionId)
    const same = countSame(log, messages)
    if (same < log.length) yield* rewind(sessionId, log[same - 1]?.seq ?? 0)
    yield* addMessages(sessionId, messages.slice(same), log.length > 0)
    return yield* readLog(sessionId)
  })

/** Reads what was not taken back of a log; nothing for a session that has not begun. */
const readLog = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) =>
    store.state(sessionId).pipe(
      Effect.flatMap(({ lastSeq }) => store.range(sessionId, 1, lastSeq)),
      Effect.catchTag("UnknownSession", () => Effect.succeed<ReadonlyArray<Logged>>([]))
    )
  )

const countSame = (log: ReadonlyArray<Logged>, messages: ReadonlyArray<Message>): number => {
  const differs = log.findIndex(({ message }, index) => JSON.stringify(message) !== JSON.stringify(messages[index]))
  return differs < 0 ? log.length : differs
}

/**
 * Adds what turns have answered as history. What the user asked since is delivered, as a request that stays in the view
 * until it is answered.
 */
const addMessages = (sessionId: SessionId, messages: ReadonlyArray<Message>, hasBegun: boolean) =>
  Effect.gen(function* () {
    const { deliver, turn } = yield* Gateway
    const { importAll } = yield* SessionStore
    const append = (some: ReadonlyArray<Message>, isKnown: boolean) =>
      isKnown ? turn(sessionId, (turn) => turn.append(...some)) : importAll([{ sessionId, messages: some }])
    const settled = messages.findLastIndex(endsTurn) + 1
    if (settled > 0) yield* append(messages.slice(0, settled), hasBegun)
    let isKnown = hasBegun || settled > 0
    for (const run of splitRuns(messages.slice(settled))) {
      if (run[0]?.role !== "user") yield* append(run, isKnown)
      else {
        yield* Effect.forEach(run, (message) => deliver(sessionId, message), { discard: true })
        yield* turn(sessionId, ({ view }) => view())
      }
      isKnown = true
    }
  })

/** Splits messages into runs of the user's and of others. */
const splitRuns = (messages: ReadonlyArray<Message>): ReadonlyArray<ReadonlyArray<Message>> => {
  const runs: Array<Array<Message>> = []
  for (const message of messages) {
    const last = runs.at(-1)
    if (last !== undefined && (last[0]?.role === "user") === (message.role === "user")) last.push(message)
    else runs.push([message])
  }
  return runs
}
