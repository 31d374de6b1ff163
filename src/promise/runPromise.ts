/** Runs effects as promises, and a caller's promises as effects. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ContextOverflow } from "../model/ModelError.ts"
import { isOverflow, makeAgentOverflow } from "../model/overflowText.ts"

/** A value that a function of the caller threw. It reaches the caller again as it was. */
class Thrown {
  readonly value: unknown
  constructor(value: unknown) {
    this.value = value
  }
}

/** Runs an effect until it ends or the signal aborts it, and tells how it ended. */
export type RunExit<R> = <A, E>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly signal?: AbortSignal }
) => Promise<Exit.Exit<A, unknown>>

/**
 * Runs an effect. Throws its typed error, what a function of the caller threw in it, or the signal's reason if the signal
 * aborted it.
 */
export const runPromise = async <A, E, R>(
  runExit: RunExit<R>,
  effect: Effect.Effect<A, E, R>,
  signal: AbortSignal | undefined
): Promise<A> => {
  const exit = await runExit(effect, signal === undefined ? {} : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (failure instanceof Thrown) throw failure.value
  if (failure !== undefined) throw failure
  if (signal?.aborted === true && Cause.isInterrupted(exit.cause)) throw signal.reason
  throw Cause.squash(exit.cause)
}

type Call<A> = (signal: AbortSignal) => A | PromiseLike<A>

/** Calls a function of the caller. The signal that it gets is aborted when the effect is interrupted. */
export const callForeign = <A>(call: Call<A>): Effect.Effect<A, Thrown> =>
  Effect.tryPromise({ try: async (signal) => await call(signal), catch: (thrown) => new Thrown(thrown) })

/** Calls the caller's model. A refusal because of the input's length becomes a `ContextOverflow`, which a step knows how to mend. */
export const callModel = <A>(call: Call<A>): Effect.Effect<A, Thrown | ContextOverflow> =>
  Effect.catchIf(
    callForeign(call),
    ({ value }) => isTooLong(value),
    ({ value }) => Effect.fail(makeAgentOverflow(String(value)))
  )

/** Returns whether a model's server refused the input because of its length. */
export const isTooLong = (thrown: unknown): boolean =>
  thrown instanceof Error && isOverflow(statusOf(thrown), thrown.message)

/** SDKs call the HTTP status `status` or `statusCode`. */
const statusOf = (error: Error): number | null => {
  if ("status" in error && typeof error.status === "number") return error.status
  return "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : null
}
