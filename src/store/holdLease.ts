/** A session's leases among processes: waited for, kept alive for as long as they are used, given back. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { Lease, LeaseRequest, SessionStore } from "./SessionStore.ts"
import * as Heartbeats from "./heartbeats.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

/** In milliseconds. */
const POLL = 50

/** A lease, and who held it before if it had to be waited for. */
export interface Held {
  readonly lease: Lease
  readonly waitedFor: string | undefined
}

/** Until when to wait, by the steady clock, and what happens instead of longer. */
export interface Patience<E> {
  readonly until: number
  readonly late: (holder: string) => E
}

type Failure = UnknownSession | StoreError

export interface Leases {
  /** Runs `use` under the lease. Waiting for it is interruptible; granting it and the promise to return it are one step. */
  readonly using: <A, E, R, E2 = never>(
    sessionId: SessionId,
    request: Omit<LeaseRequest, "ttl">,
    use: (held: Held) => Effect.Effect<A, E, R>,
    patience?: Patience<E2>
  ) => Effect.Effect<A, E | E2 | Failure, R>
}

/** `chosen` is how long a crashed holder is waited for; default 15 seconds. */
export const make = (
  store: Context.Tag.Service<SessionStore>,
  chosen: Duration.DurationInput = "15 seconds"
): Effect.Effect<Leases, never, Scope.Scope> => {
  const ttl = Duration.toMillis(chosen)

  return Effect.map(Heartbeats.make(store, ttl), ({ drop, keep }) => {
    const take = <E>(
      sessionId: SessionId,
      request: LeaseRequest,
      pause: (milliseconds: number) => Effect.Effect<void>,
      patience: Patience<E> | undefined,
      waitedFor?: string
    ): Effect.Effect<Held, E | Failure> =>
      Effect.flatMap(store.acquire(sessionId, request), (acquired): Effect.Effect<Held, E | Failure> => {
        if (acquired._tag === "Granted") return Effect.succeed({ lease: acquired.lease, waitedFor })
        const { holder } = acquired
        const again = (milliseconds: number) =>
          Effect.zipRight(pause(milliseconds), take(sessionId, request, pause, patience, holder))
        if (patience === undefined) return again(POLL)
        return Effect.flatMap(monotonicMillis, (now) =>
          now < patience.until ? again(Math.min(POLL, patience.until - now)) : Effect.fail(patience.late(holder))
        )
      })

    const giveBack = (lease: Lease) =>
      Effect.suspend(() => {
        drop(lease)
        return Effect.ignoreLogged(store.release(lease))
      })

    return {
      using: (sessionId, request, use, patience) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(
            take(sessionId, { ...request, ttl }, (milliseconds) => restore(Effect.sleep(milliseconds)), patience),
            (held) => {
              // An agent may throw instead of failing.
              const used = Effect.suspend(() => use(held))
              return Effect.ensuring(restore(Effect.zipRight(keep(held.lease), used)), giveBack(held.lease))
            }
          )
        )
    }
  })
}
