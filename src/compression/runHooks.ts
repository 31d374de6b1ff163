/**
 * Runs the application's hooks so that none, whatever it does, stands in a compression's way. To be called where no
 * interrupt reaches but in regions that say so.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { Decision, type Leaving, type Options } from "./CompressionHooks.ts"
import type { CompressionResult } from "../session/CompressionResult.ts"
import * as LogLines from "../audit/logLines.ts"
import { safeLine } from "../message/safeLine.ts"

const DEADLINE = "10 seconds"
const LONGEST_REASON = 200

const proceed = Decision.Proceed({ notes: [] })

/** What the hook decided; to proceed, where it gave no answer or may not defer. */
export const runBeforeHooks = ({ before, deadline }: Options, leaving: Leaving): Effect.Effect<Decision> =>
  Effect.gen(function* () {
    if (before === undefined) return proceed
    const answer = yield* attempt("before", leaving, () => before(leaving), deadline)
    if (Option.isNone(answer)) return proceed
    if (answer.value._tag === "Proceed") return answer.value
    const reason = inALine(answer.value.reason)
    if (!leaving.isUrgent) return Decision.Defer({ reason })
    yield* LogLines.logDeferralIgnored(leaving.sessionId, leaving.operationId, reason)
    return proceed
  })

/** Tells the hook of a result, if something was committed here. */
export const runAfterHooks = ({ after, deadline }: Options, result: CompressionResult): Effect.Effect<void> => {
  const isCommitted = result.outcome === "committed" || result.outcome === "degraded"
  return after === undefined || !isCommitted
    ? Effect.void
    : Effect.asVoid(attempt("after", result, () => after(result), deadline))
}

/** The hook's answer if it gives one in time; else a warning says why there is none. */
const attempt = <A>(
  name: "before" | "after",
  { operationId, sessionId }: Pick<Leaving, "operationId" | "sessionId">,
  hook: () => Effect.Effect<A, unknown>,
  deadline: Duration.DurationInput = DEADLINE
): Effect.Effect<Option.Option<A>> =>
  Effect.gen(function* () {
    // In a fiber of its own: its interrupts are not ours, and one that hears none is left behind.
    const fiber = yield* Effect.forkDaemon(Effect.interruptible(told(Effect.suspend(hook))))
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

/** Every way to fail, in words. Read in the hook's own fiber: even an error can throw when it is looked at. */
const told = <A>(hook: Effect.Effect<A, unknown>): Effect.Effect<A, string> =>
  Effect.mapError(Effect.sandbox(hook), (cause) => {
    const error = Cause.squash(cause)
    if (error instanceof Error) return inALine(`${error.name}: ${error.message}`)
    // What is no error may be anything, a message as well.
    return Predicate.hasProperty(error, "_tag") ? inALine(String(error._tag)) : "it failed with what is no Error"
  })

const inALine = (text: string): string => safeLine(text, LONGEST_REASON)
