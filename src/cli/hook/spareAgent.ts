/** Keeps what goes wrong in a hook from the agent that waits for it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import process from "node:process"
import { CommandError } from "../io.ts"
import { printNotice } from "../terminal/terminal.ts"

/** Longer than any hook takes, and shorter than Claude Code waits. */
const DEADLINE = "20 seconds"

/**
 * Runs the work of a hook. A failure becomes a line on stderr: by its exit code Claude Code would show an error, or stop what
 * it was about to do. What takes too long is given up, even where it cannot be interrupted.
 */
export const spareAgent = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  work.pipe(
    Effect.disconnect,
    Effect.timeoutFail({
      duration: DEADLINE,
      onTimeout: () => new CommandError({ message: `gave up after ${DEADLINE}` })
    }),
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.interrupt : printNotice(`throughline hook: ${explain(cause)}`)
    ),
    Effect.asVoid,
    // An event that was never written to its end would keep the process.
    Effect.ensuring(Effect.sync(() => process.stdin.destroy()))
  )

const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
