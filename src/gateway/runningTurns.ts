/** The turns within which a fiber runs: none begins within itself, and what can wait for the end of one does. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type { SessionId } from "../session/Session.ts"
import { NestedTurn } from "./Turn.ts"

/** A turn that an agent is answering. What the agent forks knows of it for longer than it lasts. */
interface RunningTurn {
  readonly sessionId: SessionId
  isOver: boolean
  /** What runs at its end. */
  afterwards: Effect.Effect<void>
}

const runningTurns = FiberRef.unsafeMake<ReadonlyArray<RunningTurn>>([])

/** Runs the agent of a turn. */
export const withinTurn = <A, E, R>(sessionId: SessionId, agent: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const running: RunningTurn = { sessionId, isOver: false, afterwards: Effect.void }
  const end = Effect.suspend(() => {
    running.isOver = true
    return running.afterwards
  })
  return Effect.ensuring(
    Effect.locallyWith(agent, runningTurns, (turns) => [...turns, running]),
    end
  )
}

/** The turn of this session within which the fiber runs, if it does. */
const findTurn = (sessionId: SessionId): Effect.Effect<RunningTurn | undefined> =>
  Effect.map(FiberRef.get(runningTurns), (turns) => turns.find((turn) => turn.sessionId === sessionId && !turn.isOver))

/** Fails if the fiber runs within a turn of this session, which would have to end first. */
export const refuseNested = (sessionId: SessionId): Effect.Effect<void, NestedTurn> =>
  Effect.flatMap(findTurn(sessionId), (turn) =>
    turn === undefined ? Effect.void : Effect.fail(new NestedTurn({ sessionId }))
  )

/** Runs `work` once the turn ends within which the fiber runs, in place of what waited for that before; without one at once. */
export const runAfterTurn = (sessionId: SessionId, work: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(findTurn(sessionId), (turn) =>
    turn === undefined ? work : Effect.sync(() => void (turn.afterwards = work))
  )
