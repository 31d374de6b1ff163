/** Leases: one statement each, by the server's clock, and never waiting for the disk. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import { MOST_LIVES } from "../store/model.ts"
import type { Acquired, Lease, LeaseName, LeaseRequest } from "../store/SessionStore.ts"
import { MICROSECONDS } from "./functions.ts"
import { type Link, prepare } from "./link.ts"
import { type Id, type LeaseRow, RELAXED } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

const leaseStatements = (name: LeaseName) => {
  const isFree = `(s.${name}_holder IS NULL
    OR throughline.clock_1($4) NOT BETWEEN s.${name}_expires - ${MOST_LIVES} * s.${name}_ttl AND s.${name}_expires - 1)`
  return {
    /** One row: of the lease that was taken, or of its holder. None without the session. */
    acquire: prepare<[Id, holder: string, ttl: number, now: number | null, again: boolean], LeaseRow>(
      `acquire ${name}`,
      `WITH ${RELAXED}, taken AS (
         UPDATE throughline.session s SET ${name}_token = greatest(s.${name}_token + 1, ${MICROSECONDS}), ${name}_holder = $2, ${name}_ttl = $3,
           ${name}_expires = throughline.clock_1($4) + $3
         FROM quick WHERE s.id = $1 AND (${isFree} OR $5 AND s.${name}_holder = $2)
         RETURNING s.${name}_token::float8 AS token, s.epoch::float8 AS epoch)
       SELECT token, epoch, NULL AS holder, NULL::float8 AS remaining FROM taken UNION ALL
       SELECT NULL, NULL, ${name}_holder, (${name}_expires - throughline.clock_1($4))::float8
         FROM throughline.session WHERE id = $1 AND NOT EXISTS (SELECT FROM taken)`
    ),
    renew: prepare<[Id, token: number, holder: string, ttl: number, now: number | null], { readonly renewed: number }>(
      `renew ${name}`,
      `WITH ${RELAXED} UPDATE throughline.session SET ${name}_expires = throughline.clock_1($5) + $4
       FROM quick WHERE id = $1 AND ${name}_token = $2 AND ${name}_holder = $3 RETURNING 1 AS renewed`
    ),
    release: prepare<[Id, token: number, holder: string], never>(
      `release ${name}`,
      `WITH ${RELAXED} UPDATE throughline.session SET ${name}_holder = NULL, ${name}_expires = 0
       FROM quick WHERE id = $1 AND ${name}_token = $2 AND ${name}_holder = $3`
    )
  }
}

const leases = { turn: leaseStatements("turn"), operation: leaseStatements("operation") }

/** The scope in which it is made waits for the leases on their way back. */
export const make = Effect.fnUntraced(function* ({ leaseTime, run, write }: Link) {
  const scope = yield* Effect.scope
  /** The leases on their way back, by session and purpose. */
  const returning = new Map<string, Deferred.Deferred<void>>()

  /** The leases that a commit has given back. */
  const returned = new WeakSet<Lease>()

  const keyOf = (sessionId: SessionId, name: LeaseName) => `${name} ${sessionId}`

  /** Waits for the lease that is on its way back: otherwise its session would look held. */
  const awaitReturn = (sessionId: SessionId, name: LeaseName): Effect.Effect<void> =>
    Effect.suspend(() => {
      const underWay = returning.get(keyOf(sessionId, name))
      return underWay === undefined ? Effect.void : Deferred.await(underWay)
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
      if (returned.has(lease)) return Effect.void
      const key = keyOf(lease.sessionId, lease.name)
      const underWay = Deferred.unsafeMake<void>(FiberId.none)
      const settle = Effect.sync(() => {
        if (returning.get(key) === underWay) returning.delete(key)
        Deferred.unsafeDone(underWay, Effect.void)
      })
      returning.set(key, underWay)
      // Uninterruptible from the start: the scope would interrupt a fiber that has not begun.
      return Effect.asVoid(Effect.uninterruptible(Effect.forkIn(Effect.ensuring(giveBack(lease), settle), scope)))
    })

  return { awaitReturn, noteReturned: (lease: Lease) => void returned.add(lease), store: { acquire, renew, release } }
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
