/** Metrics of the sessions of a host, for a dashboard. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

const sessions = Metric.gauge("throughline_cluster_sessions", {
  description: "Sessions that this host has, counted from their first request until a minute after their last"
})
const moves = Metric.counter("throughline_cluster_moves", {
  description: "Sessions that left this host while they were in use, because another host has them now",
  incremental: true
})
const reruns = Metric.counter("throughline_cluster_reruns", {
  description: "Turns that lost their session to another holder and were run again on this host",
  incremental: true
})

/** Counts a session while it is on this host. `isHere` tells at its end whether it only fell idle. */
export const measureSession = (isHere: () => boolean): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(Metric.increment(sessions), () =>
    Effect.zipRight(
      Metric.incrementBy(sessions, -1),
      Effect.suspend(() => (isHere() ? Effect.void : Metric.increment(moves)))
    )
  )

export const measureRerun: Effect.Effect<void> = Metric.increment(reruns)
