/** Tells those who watch a service's compressions. One who is slow loses the oldest events, and holds nothing up. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { CompressionEvent, ended } from "./CompressionEvent.ts"
import type { CompressionResult } from "../session/CompressionResult.ts"
import type { SessionId } from "../session/Session.ts"
import * as Progress from "../summary/progress.ts"

/** What is told of; `isWaitedFor` may become true while it runs. */
export interface Watched {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly isWaitedFor: boolean
}

const CAPACITY = 1_024

export const make = Effect.gen(function* () {
  const events = yield* Effect.acquireRelease(PubSub.sliding<CompressionEvent>(CAPACITY), PubSub.shutdown)
  const tell = (event: CompressionEvent): Effect.Effect<void> => PubSub.publish(events, event)

  /** What an operation calls as it goes. */
  const listeners = (watched: Watched) => {
    let messages = 0
    const work = () => ({ ...operationOf(watched), isWaitedFor: watched.isWaitedFor, messages })
    const onStarted = (count: number, tokens: number) =>
      Effect.suspend(() => {
        messages = count
        return tell(CompressionEvent.Started({ ...work(), tokens }))
      })
    const onProgress = Progress.throttleProgress((progress, millisecondsLeft) =>
      tell(CompressionEvent.Progress({ ...work(), ...progress, millisecondsLeft }))
    )
    return { onStarted, onProgress }
  }

  return {
    events: Stream.fromPubSub(events),
    listeners,
    joined: (watched: Watched) =>
      tell(CompressionEvent.Joined({ ...operationOf(watched), isWaitedFor: watched.isWaitedFor })),
    ended: (watched: Watched, exit: Exit.Exit<CompressionResult, Error>) =>
      tell(
        Exit.match(exit, {
          onSuccess: (result) => ended(result, watched.isWaitedFor),
          onFailure: (cause) => CompressionEvent.Failed({ ...operationOf(watched), reason: reasonOf(cause) })
        })
      ),
    heldBack: (watched: Watched, tokensPerMinute: number) =>
      tell(CompressionEvent.HeldBack({ ...operationOf(watched), tokensPerMinute })),
    healed: (sessionId: SessionId, operationId: string) => (segmentId: string, generation: number) =>
      tell(CompressionEvent.Healed({ sessionId, operationId, segmentId, generation }))
  }
})

const operationOf = ({ operationId, sessionId }: Watched) => ({ sessionId, operationId })

const reasonOf = (cause: Cause.Cause<Error>): string => {
  if (Cause.isInterruptedOnly(cause)) return "shutdown"
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
