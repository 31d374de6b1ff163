/** Leases of the native store: who may write, fenced by a token that never repeats. */
import * as Either from "effect/Either"
import type { Message } from "../message/Message.ts"
import type { SessionId } from "../session/Session.ts"
import { Superseded, TurnLost, UnknownSession } from "../session/SessionError.ts"
import { LeaseLost } from "../store/SessionStore.ts"
import type { Acquired, Lease, LeaseRequest } from "../store/SessionStore.ts"
import type { Resident } from "./residentSessions.ts"
import type { Answer, Block } from "./transaction.ts"

/** The fence: whoever is no longer the holder writes nothing. Call it inside the transaction that writes. */
export const verifyLease = ({ residents, sql }: Block, lease: Lease): Either.Either<Resident, LeaseLost> => {
  const row = sql.lease.get(lease.sessionId, lease.name)
  const current = residents.current(lease.sessionId)
  const superseded = current !== undefined && current.epoch !== lease.epoch
  return current === undefined || superseded || row?.token !== lease.token || row.holder === null
    ? Either.left(new LeaseLost({ name: lease.name, superseded }))
    : Either.right(current)
}

/** The same for a turn, in the words its agent understands. */
export const verifyTurnLease = (
  block: Block,
  lease: Lease,
  unstored: ReadonlyArray<Message>
): Either.Either<Resident, Superseded | TurnLost> =>
  Either.mapLeft(verifyLease(block, lease), ({ superseded }) => {
    const lost = { sessionId: lease.sessionId, unstored }
    return superseded ? new Superseded(lost) : new TurnLost(lost)
  })

export const make = ({ noting, sql }: Block) => {
  const acquire = (sessionId: SessionId, { holder, name, ttl }: LeaseRequest) => {
    const asked = (now: number): Answer<Acquired, UnknownSession> => {
      const [taken] = sql.takeLease.all(name, holder, now + ttl, sessionId, now)
      if (taken !== undefined) {
        return Either.right(() => ({ _tag: "Granted", lease: { sessionId, name, holder, ...taken } }))
      }
      const row = sql.lease.get(sessionId, name)
      if (row === undefined) return Either.left(new UnknownSession({ sessionId }))
      const { expires: expiresAt, holder: other } = row
      // Another process may have let go in between.
      return other === null ? asked(now) : Either.right(() => ({ _tag: "Held", holder: other, expiresAt }))
    }
    return noting("acquire", sessionId, asked)
  }

  const renew = ({ name, sessionId, token }: Lease, ttl: number) =>
    noting("renew", sessionId, (now) => {
      const { changes } = sql.renewLease.run(now + ttl, sessionId, name, token)
      return Either.right(() => changes === 1)
    })

  const release = ({ name, sessionId, token }: Lease) =>
    noting("release", sessionId, () => {
      sql.freeLease.run(sessionId, name, token)
      return Either.right(() => {})
    })

  return { acquire, renew, release }
}
