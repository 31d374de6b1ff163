/** A lease held for as long as a scope is open or an effect runs, kept alive by its heartbeat. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Context from "effect/Context"
import type * as Scope from "effect/Scope"
import type { SessionId } from "../Session.ts"
import type { StoreError, UnknownSession } from "../SessionError.ts"
import type { Lease, LeaseRequest, SessionStore } from "../SessionStore.ts"
import { beat, BEATS, type Heartbeats } from "./heartbeats.ts"

/** How long a crashed holder is waited for, in milliseconds. */
export const ttl = (chosen: Duration.DurationInput = "15 seconds"): number => Duration.toMillis(chosen)

/** A lease, and who held it before if it had to be waited for. */
export interface Held {
  readonly lease: Lease
  readonly waitedFor: string | undefined
}

type Store = Context.Tag.Service<SessionStore>

/** Waits, interruptibly, for the lease. Granting and the promise to release it are one step. */
export const hold = (
  store: Store,
  sessionId: SessionId,
  request: LeaseRequest,
  onHeld: (holder: string) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<Held, UnknownSession | StoreError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(
      granted(store, sessionId, request, (holder) => Effect.zipRight(onHeld(holder), restore(pause))),
      ({ lease }) =>
        Effect.zipRight(
          Effect.addFinalizer(() => released(store, lease)),
          alone(store, request.ttl, lease)
        )
    )
  )

/** Runs `use` under the lease, which beats with others; `waiting` is how its holder is waited for. */
export const holding = <A, E, R, E2>(
  store: Store,
  heartbeats: Heartbeats,
  sessionId: SessionId,
  request: LeaseRequest,
  waiting: (holder: string) => Effect.Effect<void, E2>,
  use: (lease: Lease) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2 | UnknownSession | StoreError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      granted(store, sessionId, request, (holder) => restore(waiting(holder))),
      ({ lease }) => {
        const end = Effect.suspend(() => {
          heartbeats.leave(lease)
          return released(store, lease)
        })
        return Effect.zipRight(heartbeats.join(lease), Effect.ensuring(restore(Effect.suspend(() => use(lease))), end))
      }
    )
  )

/** Until somebody else's lease is asked for again. */
export const pause = Effect.sleep("50 millis")

const granted = <E>(
  store: Store,
  sessionId: SessionId,
  request: LeaseRequest,
  waiting: (holder: string) => Effect.Effect<void, E>,
  waitedFor?: string
): Effect.Effect<Held, E | UnknownSession | StoreError> =>
  Effect.flatMap(store.acquire(sessionId, request), (acquired) =>
    acquired._tag === "Granted"
      ? Effect.succeed({ lease: acquired.lease, waitedFor })
      : Effect.zipRight(
          waiting(acquired.holder),
          Effect.suspend(() => granted(store, sessionId, request, waiting, acquired.holder))
        )
  )

const released = (store: Store, lease: Lease) => Effect.ignoreLogged(store.release(lease))

const alone = (store: Store, ttl: number, lease: Lease) =>
  beat(store, lease, ttl).pipe(
    Effect.repeat(Schedule.spaced(ttl / BEATS)),
    Effect.delay(ttl / BEATS),
    Effect.interruptible,
    Effect.forkScoped
  )
