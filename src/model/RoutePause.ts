/**
 * Rules for how long a failing route is left alone. A pause outlives a restart. After it, one call is let through as a
 * probe, and the end of that call decides.
 */

/**
 * The memory of a route. `failures` counts the tasks that failed in a row, `level` the pauses in a row. `until`
 * is in epoch milliseconds, 0 before the first pause.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pause {
  readonly failures: number
  readonly level: number
  readonly until: number
}

/**
 * `durations` are those of the pauses in a row, in milliseconds; the last one repeats. `afterFailures` is the number of
 * failed tasks in a row after which the first pause begins.
 *
 * @since 0.1.0
 * @category models
 */
export interface PausePolicy {
  readonly durations: ReadonlyArray<number>
  readonly afterFailures: number
}

/** Pauses of 30, 60, 300 and 900 seconds, after two failed tasks in a row. */
export const defaults: PausePolicy = { durations: [30_000, 60_000, 300_000, 900_000], afterFailures: 2 }

/** The memory of a route that has not failed. */
export const none: Pause = { failures: 0, level: 0, until: 0 }

/**
 * The memory after a task has left the route with a failure. A failure of the whole route pauses it at once, because no
 * call can succeed.
 */
export const afterFailure = (policy: PausePolicy, pause: Pause, scope: "task" | "route", now: number): Pause => {
  const failures = pause.failures + 1
  if (scope === "task" && failures < policy.afterFailures) return { ...pause, failures }
  return { failures, level: pause.level + 1, until: now + pauseDuration(policy, pause.level) }
}

/** Returns whether calls may go to the route: `allowed`, `paused` for now, or `probe` for the one caller that claims it. */
export const admission = ({ until }: Pause, now: number): "allowed" | "paused" | "probe" => {
  if (until === 0) return "allowed"
  return now < until ? "paused" : "probe"
}

/** The memory while a probe is under way: paused for as long as the last pause was. */
export const probePause = (policy: PausePolicy, pause: Pause, now: number): Pause => ({
  ...pause,
  until: now + pauseDuration(policy, pause.level - 1)
})

const pauseDuration = ({ durations }: PausePolicy, level: number): number =>
  durations[Math.max(0, Math.min(level, durations.length - 1))] ?? 0
