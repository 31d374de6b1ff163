/** Leases of the native store, fenced by a token that never repeats. */
import * as Either from "effect/Either"
import type { Message } from "../message/Message.ts"
import type { SessionId } from "../session/Session.ts"
import { Superseded, TurnLost, UnknownSession } from "../session/SessionError.ts"
import { LeaseLost } from "../store/SessionStore.ts"
import type { Acquired, Lease, LeaseHeld, LeaseName, LeaseRequest } from "../store/SessionStore.ts"
import type { Resident } from "../store/residentSessions.ts"
import type { Connection } from "./transaction.ts"

/** The fence: a caller that no longer holds the lease writes nothing. Call it inside the transaction that writes. */
export const verifyLease = ({ residents, sql }: Connection, lease: Lease): Either.Either<Resident, LeaseLost> => {
  const row = sql.lease.get(lease.sessionId, lease.name)
  const current = residents.current(lease.sessionId)
  const superseded = current !== undefined && current.epoch !== lease.epoch
  return current === undefined || superseded || row?.token !== lease.token || row.holder !== lease.holder
    ? Either.left(new LeaseLost({ name: lease.name, superseded }))
    : Either.right(current)
}

/** Verifies the lease of a turn, with the errors that its agent handles. */
export const verifyTurnLease = (
  connection: Connection,
  lease: Lease,
  unstored: ReadonlyArray<Message>
): Either.Either<Resident, Superseded | TurnLost> =>
  Either.mapLeft(verifyLease(connection, lease), ({ superseded }) => {
    const lost = { sessionId: lease.sessionId, unstored }
    return superseded ? new Superseded(lost) : new TurnLost(lost)
  })

/** Takes the lease if it is free or has expired. */
export const takeLease = (
  connection: Connection,
  sessionId: SessionId,
  { holder, name, ttl }: LeaseRequest,
  now: number
): Either.Either<Acquired, UnknownSession> => {
  const { sql } = connection
  const [taken] = sql.takeLease.all(name, holder, now + ttl, sessionId, now)
  if (taken !== undefined) return Either.right({ _tag: "Granted", lease: { sessionId, name, holder, ...taken } })
  if (sql.lease.get(sessionId, name) === undefined) return Either.left(new UnknownSession({ sessionId }))
  const held = findHolder(connection, sessionId, name, now)
  // Outside a transaction another process may have released it in between.
  return held === undefined ? takeLease(connection, sessionId, { holder, name, ttl }, now) : Either.right(held)
}

/** The holder of a lease that has not expired. */
export const findHolder = (
  { sql }: Connection,
  sessionId: SessionId,
  name: LeaseName,
  now: number
): LeaseHeld | undefined => {
  const { expires, holder } = sql.lease.get(sessionId, name) ?? { expires: 0, holder: null }
  return holder === null || expires <= now ? undefined : { _tag: "Held", holder, remaining: expires - now }
}

export const make = (connection: Connection) => {
  const { runRelaxed, sql } = connection

  const acquire = (sessionId: SessionId, request: LeaseRequest) =>
    runRelaxed("acquire", sessionId, (now) =>
      Either.map(takeLease(connection, sessionId, request, now), (acquired) => () => acquired)
    )

  const renew = ({ holder, name, sessionId, token }: Lease, ttl: number) =>
    runRelaxed("renew", sessionId, (now) => {
      const { changes } = sql.renewLease.run(now + ttl, sessionId, name, token, holder)
      return Either.right(() => changes === 1)
    })

  const release = ({ holder, name, sessionId, token }: Lease) =>
    runRelaxed("release", sessionId, () => {
      sql.freeLease.run(sessionId, name, token, holder)
      return Either.right(() => {})
    })

  return { acquire, renew, release }
}
