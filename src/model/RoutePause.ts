/**
 * When a route is left alone for a while: plain rules on plain data. A pause outlives a restart; after it, one call is
 * let through as a probe, and its end decides.
 *
 * @since 0.1.0
 */
import type { ModelError } from "./ModelError.ts"

/**
 * What is remembered of a route's bad days. `task` is `null` where the pause holds for every task. `failures` are tasks
 * that failed in a row; `level` counts the pauses in a row; `until` is in epoch milliseconds, 0 before the first pause.
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
 * How long pauses last, in milliseconds, the last one repeated; and after how many failures in a row the first begins.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  readonly durations: ReadonlyArray<number>
  readonly afterFailures: number
}

/**
 * 30, 60, 300 and 900 seconds, after two failed tasks in a row.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: Policy = { durations: [30_000, 60_000, 300_000, 900_000], afterFailures: 2 }

/**
 * A route nothing is known against.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Pause = { failures: 0, level: 0, until: 0 }

/**
 * What a failure speaks against: `task` if only this kind of call may be at fault, `route` if no call can succeed,
 * `nothing` if the route works.
 *
 * A timeout of a long summary says nothing about a short call of another task.
 *
 * @since 0.1.0
 * @category getters
 */
export const scopeOf = (error: ModelError): "task" | "route" | "nothing" => {
  switch (error._tag) {
    case "QuotaExceeded":
    case "Unauthorized":
      return "route"
    case "Timeout":
    case "ConnectionError":
      return "task"
    default:
      return "nothing"
  }
}

/**
 * What is remembered after a task failed on the route for good: without patience where no call can succeed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const afterFailure = (policy: Policy, pause: Pause, scope: "task" | "route", now: number): Pause => {
  const failures = pause.failures + 1
  if (scope === "task" && failures < policy.afterFailures) return { ...pause, failures }
  return { failures, level: pause.level + 1, until: now + durationOf(policy, pause.level) }
}

/**
 * Whether calls may go: `open` as usual, `closed` not now, `probe` for the one caller that claims it.
 *
 * @since 0.1.0
 * @category predicates
 */
export const admission = ({ until }: Pause, now: number): "open" | "closed" | "probe" => {
  if (until === 0) return "open"
  return now < until ? "closed" : "probe"
}

/**
 * What others see while a probe is on its way: closed for as long as the last pause was.
 *
 * @since 0.1.0
 * @category combinators
 */
export const probePause = (policy: Policy, pause: Pause, now: number): Pause => ({
  ...pause,
  until: now + durationOf(policy, pause.level - 1)
})

const durationOf = ({ durations }: Policy, level: number): number =>
  durations[Math.max(0, Math.min(level, durations.length - 1))] ?? 0
