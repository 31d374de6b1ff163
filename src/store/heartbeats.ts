/**
 * Leases kept alive together. A turn pays for a place in a set, not for a fiber: most end long before their first beat
 * is due.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import type { Lease, SessionStore } from "./SessionStore.ts"

/** Three beats in a lease's life, so that one that is missed does no harm. */
const BEATS = 3

export interface Heartbeats {
  /** Keeps the lease alive until it is dropped. */
  readonly keep: (lease: Lease) => Effect.Effect<void>
  readonly drop: (lease: Lease) => void
  readonly size: () => number
}

/** `ttl` in milliseconds. The fiber that beats ends when there is nothing to keep alive. */
export const make = (
  store: Context.Tag.Service<SessionStore>,
  ttl: number
): Effect.Effect<Heartbeats, never, Scope.Scope> =>
  // A scope of its own: what was begun last in one ends first, and who awaits others at the end needs their leases alive.
  Effect.map(
    Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential)),
    (scope) => {
      const held = new Set<Lease>()
      let isBeating = false

      // Goes on when a beat fails: whether the lease still holds is decided by the fence, not here.
      const beat = (lease: Lease) => Effect.ignoreLogged(store.renew(lease, ttl))
      const beating = Effect.sleep(ttl / BEATS).pipe(
        Effect.zipRight(Effect.suspend(() => Effect.forEach(held, beat, { discard: true }))),
        // Said in the same step as it is found out: who comes next begins anew.
        Effect.repeat({ while: () => (isBeating = held.size > 0) })
      )
      const keep = (lease: Lease) =>
        Effect.suspend(() => {
          held.add(lease)
          if (isBeating) return Effect.void
          isBeating = true
          return Effect.asVoid(Effect.forkIn(Effect.interruptible(beating), scope))
        })

      return { keep, drop: (lease) => void held.delete(lease), size: () => held.size }
    }
  )
