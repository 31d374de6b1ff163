/** Tells whether an agent asks for a turn within its own turn of that session. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import type { SessionId } from "../session/Session.ts"
import { NestedTurn } from "./Turn.ts"

/** A turn that an agent is answering. What the agent forks knows of it for longer than it lasts. */
interface RunningTurn {
  readonly sessionId: SessionId
  isOver: boolean
}

/** The turns within which a fiber runs. */
const runningTurns = FiberRef.unsafeMake<ReadonlyArray<RunningTurn>>([])

/** Runs the agent of a turn. */
export const withinTurn = <A, E, R>(sessionId: SessionId, agent: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const running: RunningTurn = { sessionId, isOver: false }
  const end = Effect.sync(() => void (running.isOver = true))
  return Effect.ensuring(
    Effect.locallyWith(agent, runningTurns, (turns) => [...turns, running]),
    end
  )
}

/** Fails if the fiber runs within a turn of this session, which would have to end first. */
export const refuseNested = (sessionId: SessionId): Effect.Effect<void, NestedTurn> =>
  Effect.flatMap(FiberRef.get(runningTurns), (turns) =>
    turns.some((turn) => turn.sessionId === sessionId && !turn.isOver)
      ? Effect.fail(new NestedTurn({ sessionId }))
      : Effect.void
  )
