/**
 * The memory of routes that failed: stored, so that a restart keeps it and every process of the host shares it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { endpointKey } from "../model/ModelClients.ts"
import type { ModelError } from "../model/ModelError.ts"
import * as RoutePause from "../model/RoutePause.ts"
import type { Route } from "../model/Provider.ts"
import { SessionStore } from "../store/SessionStore.ts"

/**
 * - `claim` says whether the route may be called for the task now; after a pause the first caller gets it as a probe.
 * - `release` tells that the caller broke off before it knew: a probe of its is the next one's.
 * - `failed` tells that the task gave the route up, with its last error; `succeeded` that the route answered.
 *
 * A store that cannot be reached pauses nothing.
 *
 * @since 0.1.0
 * @category services
 */
export class RoutePauses extends Context.Tag("throughline/RoutePauses")<
  RoutePauses,
  {
    readonly claim: (route: Route, task: string) => Effect.Effect<boolean>
    readonly release: (route: Route, task: string) => Effect.Effect<void>
    readonly failed: (route: Route, task: string, error: ModelError) => Effect.Effect<void>
    readonly succeeded: (route: Route, task: string) => Effect.Effect<void>
  }
>() {}

/** A pause of the route holds for every task on its place, one of the task for this model alone. */
const keyOf = {
  route: (route: Route) => endpointKey(route),
  task: (route: Route, task: string) => `${endpointKey(route)} ${route.model} ${task}`
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (policy: RoutePause.Policy = RoutePause.defaults) {
  const store = yield* SessionStore

  const change = <A>(
    key: string,
    otherwise: A,
    rule: (pause: RoutePause.Pause, now: number) => readonly [A, RoutePause.Pause]
  ) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => store.pause(key, (pause) => rule(pause, now))).pipe(
      Effect.catchAll((error) => Effect.as(Effect.logWarning(error.message), otherwise))
    )

  /** Until when the pauses are that a probe of this process has begun. */
  const probes = new Map<string, number>()

  const claimKey = (key: string) =>
    change(key, true, (pause, now) => {
      const gate = RoutePause.admission(pause, now)
      if (gate !== "probe") return [gate === "open", pause]
      const probing = RoutePause.probePause(policy, pause, now)
      probes.set(key, probing.until)
      return [true, probing]
    })

  const releaseKey = (key: string) =>
    Effect.suspend(() => {
      const until = probes.get(key)
      if (until === undefined) return Effect.void
      probes.delete(key)
      // Whatever has been learned of the route since then holds.
      return change(key, undefined, (pause, now) => [
        undefined,
        pause.until === until ? { ...pause, until: now } : pause
      ])
    })

  const release = (route: Route, task: string) =>
    Effect.zipRight(releaseKey(keyOf.route(route)), releaseKey(keyOf.task(route, task)))

  const forget = (key: string) => change(key, undefined, () => [undefined, RoutePause.none])

  const isClosed = (key: string) =>
    change(key, false, (pause, now) => [RoutePause.admission(pause, now) === "closed", pause])

  /** A task that may not go leaves the probe of the route to others. */
  const claim = Effect.fnUntraced(function* (route: Route, task: string) {
    if (yield* isClosed(keyOf.task(route, task))) return false
    return (yield* claimKey(keyOf.route(route))) && (yield* claimKey(keyOf.task(route, task)))
  })

  const failed = (route: Route, task: string, error: ModelError) => {
    const scope = RoutePause.scopeOf(error)
    if (scope === "nothing") return Effect.void
    const key = scope === "route" ? keyOf.route(route) : keyOf.task(route, task)
    return change(key, undefined, (pause, now) => [undefined, RoutePause.afterFailure(policy, pause, scope, now)])
  }

  const succeeded = (route: Route, task: string) =>
    Effect.zipRight(forget(keyOf.route(route)), forget(keyOf.task(route, task)))

  return RoutePauses.of({ claim, release, failed, succeeded })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (policy?: RoutePause.Policy): Layer.Layer<RoutePauses, never, SessionStore> =>
  Layer.effect(RoutePauses, make(policy))
