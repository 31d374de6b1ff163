/** Holds a session's lease among processes: waits for it, renews it while it is used, gives it back. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Scope from "effect/Scope"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, UnknownSession } from "../session/SessionError.ts"
import type { Begun, Lease, LeaseHeld, OperationBegun, SessionStore } from "./SessionStore.ts"
import { monotonicMillis } from "../concurrency/fiberServices.ts"

/** The longest time in milliseconds between two requests for a lease: its holder may give it back at any moment. */
const POLL = 50

/** Renewals in a lease's life: one that is late does no harm. */
const RENEWALS = 3

/** What an operation begins with, and the last holder of its lease if the caller had to wait for it. */
export interface Held extends Omit<OperationBegun, "_tag"> {
  readonly waitedFor: string | undefined
}

/** Bounds the waiting: `until` is a time of the monotonic clock, `late` the error at its end. */
export interface LeasePatience<E> {
  readonly until: number
  readonly late: (holder: string) => E
}

type Failure = UnknownSession | StoreError

interface Granted {
  readonly _tag: "Granted"
  readonly lease: Lease
}

export interface Leases {
  /** Runs `use` under the lease of an operation. Only the waiting for the lease, and `use`, can be interrupted. */
  readonly usingOperation: <A, E, R, E2 = never>(
    sessionId: SessionId,
    holder: string,
    use: (held: Held) => Effect.Effect<A, E, R>,
    patience?: LeasePatience<E2>
  ) => Effect.Effect<A, E | E2 | Failure, R>
  /** Holds the lease of a turn. `takeUp` gets what it begins with, where nothing can interrupt it. */
  readonly usingTurn: <A, E, R, E2 = never>(
    sessionId: SessionId,
    holder: string,
    takeUp: (begun: Begun) => Effect.Effect<void>,
    use: (begun: Begun) => Effect.Effect<A, E, R>,
    patience?: LeasePatience<E2>
  ) => Effect.Effect<A, E | E2 | Failure, R>
}

/** `timeToLive` is how long other holders wait after a crash of this process; 15 seconds by default. */
export const make = (
  store: SessionStore["Type"],
  timeToLive: Duration.DurationInput = "15 seconds"
): Effect.Effect<Leases, never, Scope.Scope> => {
  const ttl = Duration.toMillis(timeToLive)

  return Effect.map(makeRenewer(store, ttl), ({ keepAlive, letGo }) => {
    const waitForLease = <G extends Granted, E>(
      take: Effect.Effect<G | LeaseHeld, Failure>,
      sleep: (milliseconds: number) => Effect.Effect<void>,
      patience: LeasePatience<E> | undefined,
      waitedFor?: string
    ): Effect.Effect<readonly [granted: G, waitedFor: string | undefined], E | Failure> =>
      Effect.flatMap(take, (taken) => {
        if (taken._tag === "Granted") return Effect.succeed([taken, waitedFor] as const)
        const { holder, remaining } = taken
        // The lease of a holder that crashed is free the moment it expires.
        const poll = Math.min(POLL, remaining)
        const askAgainAfter = (milliseconds: number) =>
          Effect.zipRight(sleep(milliseconds), waitForLease(take, sleep, patience, holder))
        if (patience === undefined) return askAgainAfter(poll)
        return Effect.flatMap(monotonicMillis, (now) =>
          now < patience.until
            ? askAgainAfter(Math.min(poll, patience.until - now))
            : Effect.fail(patience.late(holder))
        )
      })

    const release = (lease: Lease) =>
      Effect.suspend(() => {
        letGo(lease)
        return Effect.ignoreLogged(store.release(lease))
      })

    const hold = <G extends Granted, A, E, R, E2>(
      take: Effect.Effect<G | LeaseHeld, Failure>,
      use: (granted: G, waitedFor: string | undefined) => Effect.Effect<A, E, R>,
      patience: LeasePatience<E2> | undefined
    ): Effect.Effect<A, E | E2 | Failure, R> =>
      Effect.uninterruptibleMask((restore) => {
        const sleep = (milliseconds: number) => restore(Effect.sleep(milliseconds))
        return Effect.flatMap(waitForLease(take, sleep, patience), ([granted, waitedFor]) => {
          // Suspended: an agent may throw instead of failing.
          const used = Effect.suspend(() => use(granted, waitedFor))
          return Effect.zipRight(keepAlive(granted.lease), Effect.ensuring(restore(used), release(granted.lease)))
        })
      })

    return {
      usingOperation: (sessionId, holder, use, patience) => {
        const take = Effect.suspend(() => store.beginOperation(sessionId, { holder, ttl }))
        return hold(take, (begun, waitedFor) => use({ ...begun, waitedFor }), patience)
      },
      usingTurn: (sessionId, holder, takeUp, use, patience) => {
        const begin = Effect.suspend(() => store.begin(sessionId, { holder, ttl }))
        const take = Effect.tap(begin, (begun) => (begun._tag === "Granted" ? takeUp(begun) : Effect.void))
        return hold(take, use, patience)
      }
    }
  })
}

/**
 * Renews all leases of a process in one fiber. A turn costs an entry in a set, not a fiber: most turns end long before
 * their first renewal is due.
 */
const makeRenewer = (store: SessionStore["Type"], ttl: number) =>
  // A scope closes what was begun last first. In a scope of its own, the fiber outlives those that end with the caller's.
  Effect.map(
    Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, ExecutionStrategy.sequential)),
    (scope) => {
      const leases = new Set<Lease>()
      let isRunning = false

      // A renewal may fail: the next write finds out whether the lease is still held.
      const renewAll = Effect.suspend(() =>
        Effect.forEach(leases, (lease) => Effect.ignoreLogged(store.renew(lease, ttl)), { discard: true })
      )
      const keepRenewing = Effect.sleep(ttl / RENEWALS).pipe(
        Effect.zipRight(renewAll),
        // Noted in the step that decides to end, so that the next lease starts the fiber again.
        Effect.repeat({ while: () => (isRunning = leases.size > 0) })
      )
      /** To be run uninterruptibly: a fiber that is noted and never begun would renew no lease of the process any more. */
      const keepAlive = (lease: Lease) =>
        Effect.suspend(() => {
          leases.add(lease)
          if (isRunning) return Effect.void
          isRunning = true
          return Effect.asVoid(Effect.forkIn(Effect.interruptible(keepRenewing), scope))
        })

      return { keepAlive, letGo: (lease: Lease) => void leases.delete(lease) }
    }
  )
