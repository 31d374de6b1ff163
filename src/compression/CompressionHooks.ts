/**
 * Actions of the application around a compression: save what is about to leave the view, add notes to the handoff, put
 * the compression off, read its result. Without a layer there are no hooks.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { checkDuration } from "../model/InvalidSetting.ts"
import * as LogLines from "../audit/logLines.ts"
import { suspendForeign } from "../concurrency/fiberServices.ts"
import { safeLine } from "../message/text.ts"
import type { CompressionResult } from "../session/CompressionResult.ts"
import type { Logged, SessionId } from "../session/Session.ts"

/**
 * The range that is about to leave the view: entries of the log as they are, and their tokens. `isUrgent` says that a
 * step cannot go on without the compression: it is over the hard threshold, or its model call overflowed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Leaving {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly entries: ReadonlyArray<Logged>
  readonly tokens: number
  /** Redacted; null if the caller gave none. */
  readonly focus: string | null
  readonly isUrgent: boolean
}

/**
 * - `Proceed`: compress. `notes` stand in the handoff from then on, word for word but for secrets, each in one line of
 *   at most 600 characters; the newest 16 are kept, as far as the ledger has room
 * - `Defer`: do not compress, for this `reason`. The outcome is `deferred`; a background compression is not tried again
 *   without new messages. An urgent compression is not deferred
 *
 * @since 0.1.0
 * @category models
 */
export type Decision = Data.TaggedEnum<{
  Proceed: { readonly notes: ReadonlyArray<string> }
  Defer: { readonly reason: string }
}>
/**
 * @since 0.1.0
 * @category constructors
 */
export const Decision = Data.taggedEnum<Decision>()

/**
 * The hooks. One that fails, dies or takes longer than `deadline` costs a warning in the log, and the compression goes
 * on as if there were none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hooks {
  /**
   * Runs once the range is known, before a model is asked. It must not wait for its own session, neither for its turn
   * nor for its compression.
   */
  readonly before?: ((leaving: Leaving) => Effect.Effect<Decision, unknown>) | undefined
  /** Runs once for each compression that this process has committed. Only shutdown waits for it. */
  readonly after?: ((result: CompressionResult) => Effect.Effect<void, unknown>) | undefined
  /** The longest time each hook may take; default 10 seconds. */
  readonly deadline?: Duration.DurationInput | undefined
}

/**
 * The hooks in use: none, unless `layer` provides some.
 *
 * @since 0.1.0
 * @category services
 */
export class CompressionHooks extends Context.Reference<CompressionHooks>()("throughline/CompressionHooks", {
  defaultValue: (): Hooks => ({})
}) {}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (hooks: Hooks): Layer.Layer<CompressionHooks> => Layer.succeed(CompressionHooks, hooks)

// ── running them: in uninterruptible regions, so that no hook stands in the way of a compression ──

const DEADLINE = "10 seconds"
const LONGEST_REASON = 200

const proceed = Decision.Proceed({ notes: [] })

/**
 * Returns the decision of the hook; `Proceed` if it gave none or may not defer.
 *
 * @internal
 */
export const runBefore = ({ before, deadline }: Hooks, leaving: Leaving): Effect.Effect<Decision> =>
  Effect.gen(function* () {
    if (before === undefined) return proceed
    const answer = yield* runHook("before", leaving, () => before(leaving), deadline)
    if (Option.isNone(answer)) return proceed
    if (!isDecision(answer.value)) {
      yield* LogLines.logHookFailure(leaving.sessionId, leaving.operationId, "before", "it gave no decision")
      return proceed
    }
    if (answer.value._tag === "Proceed") return answer.value
    const reason = shortenReason(answer.value.reason)
    if (!leaving.isUrgent) return Decision.Defer({ reason })
    yield* LogLines.logDeferralIgnored(leaving.sessionId, leaving.operationId, reason)
    return proceed
  })

/**
 * Tells the hook of a result that was committed here.
 *
 * @internal
 */
export const runAfter = ({ after, deadline }: Hooks, result: CompressionResult): Effect.Effect<void> => {
  const isCommitted = result.outcome === "committed" || result.outcome === "degraded"
  return after === undefined || !isCommitted
    ? Effect.void
    : Effect.asVoid(runHook("after", result, () => after(result), deadline))
}

/** The hook may be of an application without types. */
const isDecision = Schema.is(
  Schema.Union(
    Schema.TaggedStruct("Proceed", { notes: Schema.Array(Schema.String) }),
    Schema.TaggedStruct("Defer", { reason: Schema.String })
  )
)

/** Returns the hook's value if it succeeds in time; else logs why not. */
const runHook = <A>(
  name: "before" | "after",
  { operationId, sessionId }: Pick<Leaving, "operationId" | "sessionId">,
  hook: () => Effect.Effect<A, unknown>,
  given: Duration.DurationInput = DEADLINE
): Effect.Effect<Option.Option<A>> =>
  Effect.gen(function* () {
    const deadline = Either.isRight(checkDuration("deadline", given)) ? given : DEADLINE
    // A fiber of its own keeps the hook's interrupts from ours. An uninterruptible hook is left behind at its deadline.
    const fiber = yield* Effect.forkDaemon(Effect.interruptible(describeFailure(suspendForeign(hook))))
    const exit = yield* Fiber.await(fiber).pipe(
      Effect.timeoutTo({
        duration: deadline,
        onSuccess: (exit) => exit,
        onTimeout: () => Exit.fail(`no answer within ${Duration.format(deadline)}`)
      }),
      Effect.interruptible,
      Effect.ensuring(Fiber.interruptFork(fiber))
    )
    if (Exit.isSuccess(exit)) return Option.some(exit.value)
    const error = Option.getOrElse(Cause.failureOption(exit.cause), () => "it broke off")
    yield* LogLines.logHookFailure(sessionId, operationId, name, error)
    return Option.none()
  })

/** Turns every failure into text. It runs in the hook's own fiber, since reading an error can throw as well. */
const describeFailure = <A>(hook: Effect.Effect<A, unknown>): Effect.Effect<A, string> =>
  Effect.mapError(Effect.sandbox(hook), (cause) => {
    const error = Cause.squash(cause)
    if (error instanceof Error)
      return shortenReason(error.message === "" ? error.name : `${error.name}: ${error.message}`)
    // Any other value may hold messages of the session: only its tag is logged.
    return Predicate.hasProperty(error, "_tag")
      ? shortenReason(String(error._tag))
      : "it failed with a value that is no Error"
  })

const shortenReason = (text: string): string => safeLine(text, LONGEST_REASON)
