/** What the chunks of a task have found out about its routes. */
import * as Effect from "effect/Effect"
import type { ModelError } from "../model/ModelError.ts"
import { scopeOf } from "../model/RoutePause.ts"
import type { Route } from "../model/Provider.ts"

/** A task of many chunks is one claim to a route, and one failure of it. A route that is `done` is not asked again. */
export interface Known {
  readonly claim: Effect.Effect<boolean>
  isBlamed: boolean
  isDone: boolean
}

export type KnownRoutes = Map<Route, Known>

export const knownRoutesOf = Effect.fnUntraced(function* (
  routes: KnownRoutes,
  route: Route,
  claim: Effect.Effect<boolean>
) {
  const fresh: Known = { claim: yield* Effect.cached(claim), isBlamed: false, isDone: false }
  const known = routes.get(route) ?? fresh
  routes.set(route, known)
  return known
})

/** Whether this is the task's first failure on the route. */
export const learnRoute = (known: Known, error: ModelError): boolean => {
  const isFirst = !known.isBlamed
  known.isBlamed = true
  known.isDone ||= error._tag === "ContextOverflow" || scopeOf(error) === "route"
  return isFirst
}
