/**
 * What onlookers hear of compressions, and a ready text for those who talk to the session's user.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { CompressionResult } from "../session/CompressionResult.ts"
export { progressShare } from "../summary/progress.ts"
import { progressShare } from "../summary/progress.ts"
import type { SessionId } from "../session/Session.ts"

/** Which compression or healing an event is about. */
interface Operation {
  readonly sessionId: SessionId
  readonly operationId: string
}

/** The messages to be summarized. `isWaitedFor`: a step cannot go on without it. */
interface Work extends Operation {
  readonly messages: number
  readonly isWaitedFor: boolean
}

/**
 * - `Started`: a model is about to be asked to summarize so many messages of so many tokens
 * - `Progress`: tokens written so far and expected at most, by all calls together; `millisecondsLeft` is null until the
 *   models have a speed
 * - `Joined`: an equal request waits for it as well
 * - `Committed`, `Degraded`: a new handoff stands for the middle, by a model or without one
 * - `Healed`: a degraded segment was summarized anew
 * - `NoHeadroom`, `Unchanged`: it ended, and the session is as before
 * - `Failed`: it ended without a result, and the session is as before
 * - `HeldBack`: the last three that nobody asked for covered next to nothing; until the hard threshold no more are begun
 *   unasked. So many tokens a minute come anew
 *
 * Each `Started` is followed by one of `Committed`, `Degraded`, `Unchanged` and `Failed`.
 *
 * @since 0.1.0
 * @category models
 */
export type CompressionEvent = Data.TaggedEnum<{
  Started: Work & { readonly tokens: number }
  Progress: Work & {
    readonly tokensWritten: number
    readonly tokensExpected: number
    readonly millisecondsLeft: number | null
  }
  Joined: Operation & { readonly isWaitedFor: boolean }
  Committed: Operation & { readonly result: CompressionResult }
  Degraded: Operation & { readonly result: CompressionResult }
  Healed: Operation & { readonly segmentId: string; readonly generation: number }
  NoHeadroom: Operation & { readonly result: CompressionResult }
  Unchanged: Operation & { readonly result: CompressionResult }
  Failed: Operation & { readonly reason: string }
  HeldBack: Operation & { readonly tokensPerMinute: number }
}>
/**
 * @since 0.1.0
 * @category constructors
 */
export const CompressionEvent = Data.taggedEnum<CompressionEvent>()

/**
 * The event of a compression that has ended. One that another process had begun before was joined.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ended = (result: CompressionResult, isWaitedFor: boolean): CompressionEvent => {
  const { operationId, outcome, sessionId } = result
  const about = { sessionId, operationId, result }
  switch (outcome) {
    case "committed":
      return CompressionEvent.Committed(about)
    case "degraded":
      return CompressionEvent.Degraded(about)
    case "joined":
      return CompressionEvent.Joined({ sessionId, operationId, isWaitedFor })
    case "no-headroom":
      return CompressionEvent.NoHeadroom(about)
    default:
      return CompressionEvent.Unchanged(about)
  }
}

/**
 * One or two sentences for the user of the session, in plain words; null where there is nothing they need to know. The
 * text of a `Progress` takes the place of the one before.
 *
 * @example
 * notice(event) // "Compressing the earlier part of this conversation (212 messages) in the background; you can go on."
 *
 * @since 0.1.0
 * @category getters
 */
export const notice: (event: CompressionEvent) => string | null = CompressionEvent.$match({
  Started: ({ isWaitedFor, messages }) =>
    isWaitedFor
      ? `${compressing(messages)} before the next answer.`
      : `${compressing(messages)} in the background; you can go on.`,
  Progress: (event) =>
    event.isWaitedFor ? `${compressing(event.messages)} before the next answer, ${howFar(event)}.` : null,
  Joined: ({ isWaitedFor }) =>
    isWaitedFor ? "The next answer waits until the earlier part of this conversation is compressed." : null,
  Committed: ({ result }) =>
    `Compressed the earlier part of this conversation: ${saved(result)}. All of it can still be looked up.${
      result.compressions < MANY
        ? ""
        : " This has happened many times: where one piece of work ends and another begins, consider a reset."
    }`,
  Degraded: ({ result }) =>
    `Shortened the earlier part of this conversation without a model, as none could be reached: ${saved(result)}. A proper summary follows.`,
  Healed: () => "The earlier part of this conversation has its proper summary now.",
  NoHeadroom: () =>
    "This conversation cannot be compressed: its instructions and tools alone leave no room. A model with a larger window, or fewer tools, would help.",
  Unchanged: ({ result }) => (result.outcome === "failed" ? FAILED : null),
  Failed: () => FAILED,
  HeldBack: ({ tokensPerMinute }) =>
    `Compressing this conversation in the background does not help: something else fills its window, which refills by about ${count(tokensPerMinute)} tokens a minute. The next compression waits until it cannot be avoided.`
})

const FAILED = "The earlier part of this conversation could not be compressed; nothing has changed."

/** So many compressions, one upon the other, that a fresh start is worth a thought. */
const MANY = 8

const compressing = (messages: number): string =>
  `Compressing the earlier part of this conversation (${messages === 1 ? "1 message" : `${count(messages)} messages`})`

const howFar = (event: {
  readonly tokensWritten: number
  readonly tokensExpected: number
  readonly millisecondsLeft: number | null
}): string => {
  const done = `${progressShare(event)} %`
  return event.millisecondsLeft === null ? `${done} done` : `about ${duration(event.millisecondsLeft)} left (${done})`
}

/**
 * A span of time as one says it: `40 s`, `3 min`.
 *
 * @since 0.1.0
 * @category getters
 */
export const duration = (milliseconds: number): string => {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1_000))
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}

const saved = ({ messagesAfter, messagesBefore }: CompressionResult): string =>
  `${count(messagesBefore)} messages are ${count(messagesAfter)} now`

const count = (n: number): string => n.toLocaleString("en-US")
