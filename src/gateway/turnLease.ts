/** Gives turns their session one after the other, in this process and across processes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { makeFairQueue, monotonicMillis } from "../concurrency/fiberServices.ts"
import type { SessionId } from "../session/Session.ts"
import { SessionBusy, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import * as Metrics from "./metrics.ts"
import type { Leases } from "../store/holdLease.ts"
import type { Begun } from "../store/SessionStore.ts"
import { takeUp } from "./makeTurn.ts"

/** `nameHolder` names a holder that none before it had. */
export const make = (leases: Leases, nameHolder: () => string) => {
  const line = makeFairQueue<SessionId>()

  /** Waits for the turns of this process in a fair line, which costs nothing, then for other processes by the lease. */
  return <A, E, R>(
    sessionId: SessionId,
    use: (begun: Begun) => Effect.Effect<A, E, R>,
    wait: Duration.DurationInput | undefined
  ): Effect.Effect<A, E | SessionBusy | UnknownSession | StoreError, R> => {
    const holder = nameHolder()
    const takeUpFirst = ({ promoted }: Begun) => takeUp(sessionId, promoted)
    return Metrics.measureTurnWait((begin) => {
      const useNow = (begun: Begun) => Effect.zipRight(begin, use(begun))
      if (wait === undefined) {
        return line.withPlace(sessionId, afterLogLines(leases.usingTurn(sessionId, holder, takeUpFirst, useNow)))
      }
      const makeBusy = (holder: string) => new SessionBusy({ sessionId, holder })
      return Effect.flatMap(monotonicMillis, (now) => {
        const until = now + Duration.toMillis(wait)
        const patience = { until, late: makeBusy }
        const underLease = afterLogLines(leases.usingTurn(sessionId, holder, takeUpFirst, useNow, patience))
        return line.withPlace(sessionId, underLease, {
          wait,
          late: Effect.fail(makeBusy("another turn of this process"))
        })
      })
    })
  }
}

/** Deliveries that one commit has stored get their log lines before a turn takes them up. */
const afterLogLines = <A, E, R>(turn: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.zipRight(Effect.yieldNow(), turn)
