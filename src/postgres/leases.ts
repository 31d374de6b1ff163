/** Leases: one statement each, by the server's clock, and never waiting for the disk. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Acquired, Lease, LeaseName, LeaseRequest } from "../store/SessionStore.ts"
import type { Link } from "./link.ts"
import { leases } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

/** The scope in which it is made waits for the leases on their way back. */
export const make = Effect.fnUntraced(function* ({ leaseTime, run, write }: Link) {
  const scope = yield* Effect.scope
  /** The leases on their way back, by session and purpose. */
  const returning = new Map<string, Deferred.Deferred<void>>()

  const keyOf = (sessionId: SessionId, name: LeaseName) => `${name} ${sessionId}`

  /** Waits for the lease that is on its way back: otherwise its session would look held. */
  const awaitReturn = (sessionId: SessionId, name: LeaseName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const returned = returning.get(keyOf(sessionId, name))
      return returned === undefined ? Effect.void : Deferred.await(returned)
    })

  const acquire = (sessionId: SessionId, request: LeaseRequest): Effect.Effect<Acquired, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const { holder, name, ttl } = request
      yield* awaitReturn(sessionId, name)
      const now = yield* leaseTime
      const [row] = yield* write(leases[name].acquire, (_, again) => [
        keepId(sessionId),
        keepText(holder),
        Math.ceil(ttl),
        now,
        again
      ])
      if (row === undefined) return yield* makeUnknownSession(sessionId)
      const { epoch, token } = row
      if (token !== null && epoch !== null) {
        return { _tag: "Granted", lease: { sessionId, name, holder, token, epoch } } as const
      }
      return readHeld(row) ?? (yield* acquire(sessionId, request))
    })

  const renew = ({ holder, name, sessionId, token }: Lease, ttl: number) =>
    Effect.gen(function* () {
      yield* awaitReturn(sessionId, name)
      const now = yield* leaseTime
      const parameters = [keepId(sessionId), token, keepText(holder), Math.ceil(ttl), now] as const
      const rows = yield* run(leases[name].renew, ...parameters)
      return rows.length === 1
    })

  const giveBack = ({ holder, name, sessionId, token }: Lease): Effect.Effect<void> =>
    Effect.catchAll(
      Effect.asVoid(run(leases[name].release, keepId(sessionId), token, keepText(holder))),
      ({ message }) => Effect.logWarning(`a lease was not given back, and holds its session until it ends: ${message}`)
    )

  /** Returns at once. The next request for the session waits for it. */
  const release = (lease: Lease): Effect.Effect<void> =>
    Effect.suspend(() => {
      const key = keyOf(lease.sessionId, lease.name)
      const returned = Deferred.unsafeMake<void>(FiberId.none)
      const settle = Effect.sync(() => {
        if (returning.get(key) === returned) returning.delete(key)
        Deferred.unsafeDone(returned, Effect.void)
      })
      returning.set(key, returned)
      // Uninterruptible from the start: the scope would interrupt a fiber that has not begun.
      return Effect.asVoid(Effect.uninterruptible(Effect.forkIn(Effect.ensuring(giveBack(lease), settle), scope)))
    })

  return { awaitReturn, store: { acquire, renew, release } }
})

export type Leases = Effect.Effect.Success<ReturnType<typeof make>>

/** The holder of a lease. Undefined if it was given back, or ended, while the statement waited for the row. */
export const readHeld = ({
  holder,
  remaining
}: {
  readonly holder: string | null
  readonly remaining: number | null
}) =>
  holder === null || remaining === null || remaining < 1
    ? undefined
    : ({ _tag: "Held", holder: readText(holder), remaining } as const)

/** The token by which a statement knows the lease; that of another purpose is the token of none. */
export const tokenOf = (lease: Lease, name: Lease["name"]): number => (lease.name === name ? lease.token : -1)
