/**
 * Pauses routes that fail. The memory of a route is stored, so that a restart keeps it and all processes of the host
 * share it. After a pause one call is let through as a probe, and the end of that call decides.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkAll, checkSetting, checkWhole, type Checked, type InvalidPolicy } from "../model/InvalidSetting.ts"
import { endpointKey, type Route } from "../model/Provider.ts"
import { MOST_LIVES } from "../store/model.ts"
import { noPause, type Pause, RouteMemory } from "../store/SessionStore.ts"

/**
 * `durations` are those of the pauses in a row, in whole milliseconds; the last one repeats. `afterFailures` is the number
 * of failed tasks in a row after which the first pause begins, at least 1.
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

/** Admits tasks to routes and remembers how they ended. A store that cannot be reached pauses nothing. */
export class RoutePauses extends Context.Tag("throughline/RoutePauses")<
  RoutePauses,
  {
    /** Returns whether the task may call the route now. After a pause only the first caller may, as a probe. */
    readonly claim: (route: Route, task: string) => Effect.Effect<boolean>
    /** Ends a claim whose outcome is unknown. If it was a probe, the next caller gets one. */
    readonly release: (route: Route, task: string) => Effect.Effect<void>
    /** Counts a failure against the task on this model, or against every task on the route. */
    readonly recordFailure: (route: Route, task: string, scope: "task" | "route") => Effect.Effect<void>
    /** Forgets what was counted against the route and against the task on it. */
    readonly recordSuccess: (route: Route, task: string) => Effect.Effect<void>
  }
>() {}

/** A pause of the route holds for every task at its endpoint, a pause of the task for this model alone. */
const pauseKey = {
  route: (route: Route, _task: string) => endpointKey(route),
  task: (route: Route, task: string) => `${endpointKey(route)} ${route.model} ${task}`
}

const keysOf = (route: Route, task: string) => [pauseKey.route(route, task), pauseKey.task(route, task)]

/** Builds the service on the store's memory of routes. */
export const make = Effect.fnUntraced(function* (policy: PausePolicy = defaults) {
  yield* checkPausePolicy(policy)
  const memory = yield* RouteMemory
  /** The keys without failures, as this process last saw them. */
  const clean = new Set<string>()

  const noteClean = (keys: ReadonlyArray<string>, pauses: ReadonlyArray<Pause>) => {
    for (const [key, { failures }] of Arr.zip(keys, pauses)) {
      if (failures === 0) clean.add(key)
      else clean.delete(key)
    }
  }

  const updatePauses = <A>(
    keys: ReadonlyArray<string>,
    fallback: A,
    update: (pauses: ReadonlyArray<Pause>, now: number) => readonly [A, ReadonlyArray<Pause>]
  ) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      memory.modify(keys, (pauses) => {
        const updated = update(pauses, now)
        noteClean(keys, updated[1])
        return updated
      })
    ).pipe(Effect.catchAll((error) => Effect.as(Effect.logWarning(error.message), fallback)))

  /** The ends of the pauses that this process is probing, by key. */
  const probes = new Map<string, number>()

  /** Looks at both at once, so that a paused task does not use up the probe of the route. */
  const claim = (route: Route, task: string) => {
    const keys = keysOf(route, task)
    return updatePauses(keys, true, (pauses, now) => {
      const admissions = pauses.map((pause) => admit(policy, pause, now))
      if (admissions.includes("paused")) return [false, pauses]
      const changed = Arr.zip(keys, pauses).map(([key, pause], i) => {
        if (admissions[i] !== "probe") return pause
        const probing = probePause(policy, pause, now)
        // Noted before it is stored: an interrupt may come right after that.
        probes.set(key, probing.until)
        return probing
      })
      return [true, changed]
    })
  }

  const release = (route: Route, task: string) =>
    Effect.suspend(() => {
      const probed = keysOf(route, task).flatMap((key) => {
        const until = probes.get(key)
        return until === undefined ? [] : [{ key, until }]
      })
      for (const { key } of probed) probes.delete(key)
      if (probed.length === 0) return Effect.void
      // A pause that has changed since then tells more than the probe, and stays.
      return updatePauses(
        probed.map(({ key }) => key),
        undefined,
        (pauses, now) => [
          undefined,
          pauses.map((pause, i) => (pause.until === probed[i]?.until ? { ...pause, until: now } : pause))
        ]
      )
    })

  const recordFailure = (route: Route, task: string, scope: "task" | "route") =>
    updatePauses([pauseKey[scope](route, task)], undefined, (pauses, now) => [
      undefined,
      pauses.map((pause) => afterFailure(policy, pause, scope, now))
    ])

  /** What another process has counted since the claim is newer than the call, and stays until the next success. */
  const recordSuccess = (route: Route, task: string) =>
    Effect.suspend(() => {
      const keys = keysOf(route, task)
      return keys.every((key) => clean.has(key))
        ? Effect.void
        : updatePauses(keys, undefined, (pauses) => [undefined, pauses.map(() => noPause)])
    })

  return RoutePauses.of({ claim, release, recordFailure, recordSuccess })
})

export const layer = (policy?: PausePolicy): Layer.Layer<RoutePauses, InvalidPolicy, RouteMemory> =>
  Layer.effect(RoutePauses, make(policy))

const checkPausePolicy = ({ afterFailures, durations }: PausePolicy): Checked =>
  checkAll([
    checkSetting("pauses.durations", durations.length > 0, "at least one duration", "none"),
    ...durations.map((duration) => checkWhole("pauses.durations", duration)),
    checkWhole("pauses.afterFailures", afterFailures, 1)
  ])

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
export const admit = ({ durations }: PausePolicy, { until }: Pause, now: number): "allowed" | "paused" | "probe" => {
  if (until === 0) return "allowed"
  // A pause that ends later than any can was begun by a clock that ran ahead.
  return now < until && until <= now + MOST_LIVES * Math.max(...durations) ? "paused" : "probe"
}

/** The memory while a probe is under way: paused for as long as the last pause was. */
export const probePause = (policy: PausePolicy, pause: Pause, now: number): Pause => ({
  ...pause,
  until: now + pauseDuration(policy, pause.level - 1)
})

const pauseDuration = ({ durations }: PausePolicy, level: number): number =>
  durations[Math.max(0, Math.min(level, durations.length - 1))] ?? 0
