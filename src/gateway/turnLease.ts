/** Gives turns their session one after the other, in this process and across processes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { makeFairQueue, monotonicMillis } from "../concurrency/fiberServices.ts"
import type { SessionId } from "../session/Session.ts"
import { SessionBusy, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import * as Metrics from "./metrics.ts"
import type { Held, Leases } from "../store/holdLease.ts"

/** `nameHolder` names a holder that none before it had. */
export const make = (leases: Leases, nameHolder: () => string) => {
  const line = makeFairQueue<SessionId>()

  /** Waits for the turns of this process in a fair line, which costs nothing, then for other processes by the lease. */
  return <A, E, R>(
    sessionId: SessionId,
    use: (held: Held) => Effect.Effect<A, E, R>,
    wait: Duration.DurationInput | undefined
  ): Effect.Effect<A, E | SessionBusy | UnknownSession | StoreError, R> => {
    const request = { name: "turn", holder: nameHolder() } as const
    return Metrics.measureTurnWait((begin) => {
      const useNow = (held: Held) => Effect.zipRight(begin, use(held))
      if (wait === undefined) return line.withPlace(sessionId, leases.using(sessionId, request, useNow))
      const makeBusy = (holder: string) => new SessionBusy({ sessionId, holder })
      return Effect.flatMap(monotonicMillis, (now) => {
        const until = now + Duration.toMillis(wait)
        const underLease = leases.using(sessionId, request, useNow, { until, late: makeBusy })
        return line.withPlace(sessionId, underLease, {
          wait,
          late: Effect.fail(makeBusy("another turn of this process"))
        })
      })
    })
  }
}
