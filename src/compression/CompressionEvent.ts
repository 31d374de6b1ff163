/**
 * Events of compressions for observers, and a ready text for the user of a session.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { UNPAID } from "../handoff/Handoff.ts"
import { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import { SessionId } from "../session/Session.ts"
import type * as SessionStats from "../session/SessionStats.ts"
import type { SessionCounters } from "../store/SessionStore.ts"
import { annotateSpan, monotonicMillis } from "../concurrency/fiberServices.ts"

/** The compression or healing an event belongs to. */
const ofOperation = { sessionId: SessionId, operationId: Schema.String }

/** The number of messages to be summarized. `isWaitedFor`: a step cannot go on without the compression. */
const whileRunning = { ...ofOperation, messages: Schema.Int, isWaitedFor: Schema.Boolean }

const amount = Schema.Finite.pipe(Schema.nonNegative())

const withResult = { ...ofOperation, result: CompressionResult }

/** A window that proved smaller than configured: the server refused a view of `learned` tokens, or named that limit. */
const ofWindow = {
  sessionId: SessionId,
  /** The empty text if the steps name no model. */
  model: Schema.String,
  configured: Schema.Int,
  learned: Schema.Int,
  isNamed: Schema.Boolean
}

/** @internal What `WindowLearned` tells. */
export type WindowEvent = Schema.Struct.Type<typeof ofWindow>

/**
 * The schema of an event, for what crosses a wire.
 *
 * @since 0.1.0
 * @category models
 */
export const Event = Schema.Union(
  Schema.TaggedStruct("Started", { ...whileRunning, tokens: Schema.Int }),
  Schema.TaggedStruct("Progress", {
    ...whileRunning,
    tokensWritten: amount,
    tokensExpected: amount,
    millisecondsLeft: Schema.NullOr(amount)
  }),
  Schema.TaggedStruct("Joined", { ...ofOperation, isWaitedFor: Schema.Boolean }),
  Schema.TaggedStruct("Committed", withResult),
  Schema.TaggedStruct("Degraded", withResult),
  Schema.TaggedStruct("Shortened", withResult),
  Schema.TaggedStruct("Healed", { ...ofOperation, segmentId: Schema.String, generation: Schema.Int }),
  Schema.TaggedStruct("NoHeadroom", withResult),
  Schema.TaggedStruct("Unchanged", withResult),
  Schema.TaggedStruct("Failed", { ...ofOperation, reason: Schema.String }),
  Schema.TaggedStruct("HeldBack", { ...ofOperation, tokensPerMinute: amount }),
  Schema.TaggedStruct("WindowLearned", ofWindow)
)

/**
 * - `Started`: a model is about to be asked to summarize `messages` messages of `tokens` tokens
 * - `Progress`: tokens written so far and expected at most, by all model calls together; `millisecondsLeft` is null until
 *   the models have a speed
 * - `Joined`: an equal request waits for the same compression
 * - `Committed`, `Degraded`: a new handoff stands for the middle, written by a model or without one
 * - `Shortened`: no message could leave, so the largest are shown as excerpts
 * - `Healed`: a degraded segment was summarized again by a model
 * - `NoHeadroom`, `Unchanged`: the compression ended, and the session is as before
 * - `Failed`: the compression ended without a result, and the session is as before
 * - `HeldBack`: three background compressions in a row each freed less than a quarter of the target, so none is begun
 *   in the background any more. The session refills by `tokensPerMinute`
 * - `WindowLearned`: the server of the session's model takes less than configured, and from now on the session is kept
 *   within `learned` tokens. Comes once for a session and model, until a reset
 *
 * Each `Started` is followed by one of `Committed`, `Degraded`, `Unchanged` and `Failed`.
 *
 * @since 0.1.0
 * @category models
 */
export type CompressionEvent = typeof Event.Type
/**
 * @since 0.1.0
 * @category constructors
 */
export const CompressionEvent = Data.taggedEnum<CompressionEvent>()

/**
 * Returns the event of a compression that has ended. A result another process committed meanwhile counts as joined.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromResult = (result: CompressionResult, isWaitedFor: boolean): CompressionEvent => {
  const { operationId, outcome, sessionId } = result
  const event = { sessionId, operationId, result }
  switch (outcome) {
    case "committed":
      return CompressionEvent.Committed(event)
    case "degraded":
      return CompressionEvent.Degraded(event)
    case "shortened":
      return CompressionEvent.Shortened(event)
    case "joined":
      return CompressionEvent.Joined({ sessionId, operationId, isWaitedFor })
    case "no-headroom":
      return CompressionEvent.NoHeadroom(event)
    default:
      return CompressionEvent.Unchanged(event)
  }
}

/**
 * Returns one or two plain sentences for the user of the session; null if the user need not know. The text of a
 * `Progress` replaces the one before.
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
      ? `${describeCompressing(messages)} before the next answer.`
      : `${describeCompressing(messages)} in the background; you can go on.`,
  Progress: (event) =>
    event.isWaitedFor
      ? `${describeCompressing(event.messages)} before the next answer, ${describeProgress(event)}.`
      : null,
  Joined: ({ isWaitedFor }) =>
    isWaitedFor ? "The next answer waits until the earlier part of this conversation is compressed." : null,
  Committed: ({ result }) =>
    `Compressed the earlier part of this conversation: ${describeSaving(result)}. All of it can still be looked up.${
      result.compressions < MANY
        ? ""
        : " This has happened many times: where one piece of work ends and another begins, consider a reset."
    }`,
  Degraded: ({ result }) =>
    result.model === "embedded"
      ? `Shortened the earlier part of this conversation without a model${result.reason === UNPAID ? "" : ", as none could be reached"}: ${describeSaving(result)}. A proper summary follows.`
      : `Compressed the earlier part of this conversation, but could not summarize all of it: ${describeSaving(result)}. All of it can still be looked up.`,
  Healed: () => "The earlier part of this conversation has its proper summary now.",
  Shortened: () =>
    "Shows the largest messages of this conversation shortened, as they would not fit otherwise. All of them can still be looked up.",
  WindowLearned: ({ configured, isNamed, learned }) =>
    `The model's window is set to ${formatCount(configured)} tokens, but its server ${
      isNamed ? "says it takes" : "refused about"
    } ${formatCount(learned)}. This conversation is kept smaller from now on; set the window to what the server has.`,
  NoHeadroom: () =>
    "This conversation cannot be compressed: its instructions and tools alone leave no room. A model with a larger window, or fewer tools, would help.",
  Unchanged: ({ result }) => (result.outcome === "failed" ? FAILED : null),
  Failed: () => FAILED,
  HeldBack: ({ tokensPerMinute }) =>
    `Compressing this conversation in the background does not help: something else fills its window, which refills by about ${formatCount(tokensPerMinute)} tokens a minute. The next compression waits until it cannot be avoided.`
})

const FAILED = "The earlier part of this conversation could not be compressed; nothing has changed."

/** After so many compressions the notice suggests a reset. */
const MANY = 8

const describeCompressing = (messages: number): string =>
  `Compressing the earlier part of this conversation (${messages === 1 ? "1 message" : `${formatCount(messages)} messages`})`

const describeProgress = (event: {
  readonly tokensWritten: number
  readonly tokensExpected: number
  readonly millisecondsLeft: number | null
}): string => {
  const done = `${progressShare(event)} %`
  return event.millisecondsLeft === null
    ? `${done} done`
    : `about ${formatDuration(event.millisecondsLeft)} left (${done})`
}

/**
 * Formats a span of time as people say it: `40 s`, `3 min`.
 *
 * @since 0.1.0
 * @category getters
 */
export const formatDuration = (milliseconds: number): string => {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1_000))
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}

const describeSaving = ({ messagesAfter, messagesBefore }: CompressionResult): string =>
  `${formatCount(messagesBefore)} messages are ${formatCount(messagesAfter)} now`

const formatCount = (n: number): string => n.toLocaleString("en-US")

// ── the stream ──

/** An operation that observers are told of. `isWaitedFor` may become true while it runs. */
interface Observed {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly isWaitedFor: boolean
}

/** A slow observer misses the oldest events beyond this number, so that it never holds up a compression. */
const CAPACITY = 1_024

/**
 * Makes the hub of one service. Its methods publish one event each.
 *
 * @internal
 */
export const makeEventHub = Effect.gen(function* () {
  const pubsub = yield* Effect.acquireRelease(PubSub.sliding<CompressionEvent>(CAPACITY), PubSub.shutdown)
  const publish = (event: CompressionEvent): Effect.Effect<void> => PubSub.publish(pubsub, event)

  /** Returns the callbacks of one operation. */
  const observe = (observed: Observed) => {
    let messages = 0
    const describe = () => ({ ...operationOf(observed), isWaitedFor: observed.isWaitedFor, messages })
    const onStarted = (count: number, tokens: number) =>
      Effect.suspend(() => {
        messages = count
        return publish(CompressionEvent.Started({ ...describe(), tokens }))
      })
    const onProgress: (progress: Omit<Sample, "at">) => Effect.Effect<void> = throttleProgress(
      (progress, millisecondsLeft) =>
        publish(CompressionEvent.Progress({ ...describe(), ...progress, millisecondsLeft }))
    )
    return { onStarted, onProgress }
  }

  return {
    events: Stream.fromPubSub(pubsub),
    observe,
    publishJoined: (observed: Observed) =>
      publish(CompressionEvent.Joined({ ...operationOf(observed), isWaitedFor: observed.isWaitedFor })),
    publishEnd: (observed: Observed, exit: Exit.Exit<CompressionResult, Error>) =>
      publish(
        Exit.match(exit, {
          onSuccess: (result) => fromResult(result, observed.isWaitedFor),
          onFailure: (cause) => CompressionEvent.Failed({ ...operationOf(observed), reason: describeCause(cause) })
        })
      ),
    publishHeldBack: (observed: Observed, tokensPerMinute: number) =>
      publish(CompressionEvent.HeldBack({ ...operationOf(observed), tokensPerMinute })),
    publishWindow: (window: WindowEvent) => publish(CompressionEvent.WindowLearned(window)),
    publishHealed: (sessionId: SessionId, operationId: string, segmentId: string, generation: number) =>
      publish(CompressionEvent.Healed({ sessionId, operationId, segmentId, generation }))
  }
})

const operationOf = ({ operationId, sessionId }: Observed) => ({ sessionId, operationId })

const describeCause = (cause: Cause.Cause<Error>): string => {
  if (Cause.isInterruptedOnly(cause)) return "shutdown"
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

// ── metrics ──

const compressions = Metric.counter("throughline_compressions", {
  description: "Compressions that ended, by outcome and model",
  incremental: true
})
const duration = Metric.histogram(
  "throughline_compression_duration_seconds",
  MetricBoundaries.fromIterable([0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300]),
  "How long compressions took that changed a session, by outcome"
)
const saved = Metric.counter("throughline_compression_tokens_saved", {
  description: "Tokens by which compressions made views smaller",
  incremental: true
})

/** Measures a compression that ended. @internal */
export const measureEnd = (exit: Exit.Exit<CompressionResult, Error>): Effect.Effect<void> => {
  const { model, outcome } = Exit.isSuccess(exit) ? exit.value : { model: null, outcome: "failed" }
  const ended = Effect.zipRight(
    annotateSpan(() => (Exit.isSuccess(exit) ? describeResult(exit.value) : { outcome })),
    Metric.increment(Metric.tagged(Metric.tagged(compressions, "outcome", outcome), "model", model ?? "none"))
  )
  if (Exit.isFailure(exit) || exit.value.snapshotId === null || outcome === "joined") return ended
  const { durationMs, tokensAfter, tokensBefore } = exit.value
  return Effect.all(
    [
      ended,
      Metric.update(Metric.tagged(duration, "outcome", outcome), durationMs / 1_000),
      Metric.incrementBy(saved, Math.max(0, tokensBefore - tokensAfter))
    ],
    { discard: true }
  )
}

const describeResult = ({ generation, outcome, tokensAfter, tokensBefore }: CompressionResult) => ({
  outcome,
  generation,
  "tokens.before": tokensBefore,
  "tokens.after": tokensAfter
})

/** Counts the end of a compression, unless its commit has. @internal */
export const countEnd = (
  { count }: SessionCounters["Type"],
  sessionId: SessionId,
  exit: Exit.Exit<CompressionResult, unknown>,
  spent?: SessionStats.Counts
): Effect.Effect<void> => {
  if (!Exit.isSuccess(exit)) return Effect.ignoreLogged(count(sessionId, { ...spent, failed: 1 }))
  const { outcome, snapshotId } = exit.value
  return snapshotId !== null && outcome !== "joined"
    ? Effect.void
    : Effect.ignoreLogged(count(sessionId, { ...spent, [outcome]: 1 }))
}

/** What a commit adds to the counters of its session. @internal */
export const countsOfCommit = (result: CompressionResult): SessionStats.Counts => ({
  modelCalls: result.modelCalls,
  tokensSpent: result.tokensSpent,
  [result.outcome]: 1,
  tokensSaved: Math.max(0, result.tokensBefore - result.tokensAfter)
})

// ── for other processes ──

const OutcomeText = Schema.parseJson(Schema.Union(CompressionFailed, CompressionResult))

/** Encodes an outcome as text for the store. The codec is made at the first call: most imports never need it. @internal */
export const encodeOutcome = (outcome: typeof OutcomeText.Type): string => Schema.encodeSync(OutcomeText)(outcome)
/** @internal */
export const decodeOutcome = (text: string) => Schema.decode(OutcomeText)(text)

/** Drops details that may quote a rejected summary: none of its words may reach the store. @internal */
export const encodeResult = ({ attempts, ...result }: CompressionResult): string =>
  encodeOutcome({ ...result, attempts: attempts.map((attempt) => ({ ...attempt, detail: null })) })

// ── progress ──

/** The progress at a moment of the monotonic clock. @internal */
export interface Sample {
  readonly at: number
  readonly tokensWritten: number
  readonly tokensExpected: number
}

/** Estimates from the speed since the first words came; null before that. @internal */
export const estimateMillisecondsLeft = (first: Sample, now: Sample): number | null => {
  const written = now.tokensWritten - first.tokensWritten
  const elapsed = now.at - first.at
  return written <= 0 || elapsed <= 0 ? null : Math.ceil((elapsed * (now.tokensExpected - now.tokensWritten)) / written)
}

/** Reports each percent once. @internal */
export const throttleProgress = (
  report: (progress: Omit<Sample, "at">, millisecondsLeft: number | null) => Effect.Effect<void>
) => {
  let first: Sample | undefined
  let lastShare = -1
  return (progress: Omit<Sample, "at">): Effect.Effect<void> =>
    Effect.flatMap(monotonicMillis, (at) => {
      const now = { ...progress, at }
      first ??= now
      if (progressShare(now) === lastShare) return Effect.void
      lastShare = progressShare(now)
      return report(progress, estimateMillisecondsLeft(first, now))
    })
}

/**
 * Returns how far a compression is, in whole percent from 0 to 100.
 *
 * @since 0.1.0
 * @category getters
 */
export const progressShare = (progress: { readonly tokensWritten: number; readonly tokensExpected: number }): number =>
  Math.floor((100 * progress.tokensWritten) / Math.max(1, progress.tokensExpected))
