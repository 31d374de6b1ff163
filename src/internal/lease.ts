/** A lease held for as long as a scope is open, kept alive by its heartbeat. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Context from "effect/Context"
import type * as Scope from "effect/Scope"
import type { SessionId } from "../Session.ts"
import type { StoreError, UnknownSession } from "../SessionError.ts"
import type { Lease, LeaseRequest, SessionStore } from "../SessionStore.ts"
import { beat, BEATS } from "./heartbeats.ts"

/** How long a crashed holder is waited for, in milliseconds. */
export const ttl = (chosen: Duration.DurationInput = "15 seconds"): number => Duration.toMillis(chosen)

const POLL = "50 millis"

/** A lease, and who held it before if it had to be waited for. */
export interface Held {
  readonly lease: Lease
  readonly waitedFor: string | undefined
}

/** Waits, interruptibly, for the lease. Granting and the promise to release it are one step; `keep` keeps it alive. */
export const hold = (
  store: Context.Tag.Service<SessionStore>,
  sessionId: SessionId,
  request: LeaseRequest,
  onHeld: (holder: string) => Effect.Effect<void> = () => Effect.void,
  keep: (lease: Lease) => Effect.Effect<unknown, never, Scope.Scope> = alone(store, request.ttl)
): Effect.Effect<Held, UnknownSession | StoreError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      let waitedFor: string | undefined
      while (true) {
        const acquired = yield* store.acquire(sessionId, request)
        if (acquired._tag === "Granted") {
          const { lease } = acquired
          yield* Effect.addFinalizer(() => Effect.ignoreLogged(store.release(lease)))
          yield* keep(lease)
          return { lease, waitedFor }
        }
        waitedFor = acquired.holder
        yield* onHeld(acquired.holder)
        yield* restore(Effect.sleep(POLL))
      }
    })
  )

const alone = (store: Context.Tag.Service<SessionStore>, ttl: number) => (lease: Lease) =>
  beat(store, lease, ttl).pipe(
    Effect.repeat(Schedule.spaced(ttl / BEATS)),
    Effect.delay(ttl / BEATS),
    Effect.interruptible,
    Effect.forkScoped
  )
