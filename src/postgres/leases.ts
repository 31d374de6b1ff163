/** Leases: one statement each, by the server's clock, and never waiting for the disk. */
import * as Effect from "effect/Effect"
import type { SessionId } from "../session/Session.ts"
import { makeUnknownSession, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Acquired, Lease, LeaseRequest } from "../store/SessionStore.ts"
import type { Link } from "./link.ts"
import { leases } from "./statements.ts"
import { keepId, keepText, readText } from "./texts.ts"

export const make = ({ leaseTime, run, write }: Link) => {
  const acquire = (sessionId: SessionId, request: LeaseRequest): Effect.Effect<Acquired, UnknownSession | StoreError> =>
    Effect.gen(function* () {
      const { holder, name, ttl } = request
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
      // It was given back, or it ended, while the statement waited for the row.
      if (row.holder === null || row.remaining === null || row.remaining < 1) return yield* acquire(sessionId, request)
      return { _tag: "Held", holder: readText(row.holder), remaining: row.remaining } as const
    })

  const renew = ({ holder, name, sessionId, token }: Lease, ttl: number) =>
    Effect.gen(function* () {
      const now = yield* leaseTime
      const parameters = [keepId(sessionId), token, keepText(holder), Math.ceil(ttl), now] as const
      const rows = yield* run(leases[name].renew, ...parameters)
      return rows.length === 1
    })

  const release = ({ holder, name, sessionId, token }: Lease) =>
    Effect.asVoid(run(leases[name].release, keepId(sessionId), token, keepText(holder)))

  return { acquire, renew, release }
}

/** The token by which a statement knows the lease; that of another purpose is the token of none. */
export const tokenOf = (lease: Lease, name: Lease["name"]): number => (lease.name === name ? lease.token : -1)
