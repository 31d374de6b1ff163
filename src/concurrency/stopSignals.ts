/** Who can be told to stop: the running turns and interruptible tasks of each session. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Something that is running, and whether it was told to stop. */
interface Running {
  stop: Effect.Effect<unknown>
  isStopped: boolean
}

export const make = <K>() => {
  const running = new Map<K, Set<Running>>()

  const enter = (key: K): Running => {
    const entry: Running = { stop: Effect.void, isStopped: false }
    running.set(key, (running.get(key) ?? new Set()).add(entry))
    return entry
  }
  const leave = (key: K, entry: Running) => {
    const ofSession = running.get(key)
    ofSession?.delete(entry)
    if (ofSession?.size === 0) running.delete(key)
  }

  /**
   * Runs `effect` until it ends or the session is told to stop; then it is interrupted and `stopped` is the failure. It
   * runs in a fiber of its own, so that its interrupt is not that of who waits for it.
   */
  const stoppable =
    <E2>(key: K, stopped: () => E2) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const entry = enter(key)
          const conclude = (exit: Exit.Exit<A, E>): Effect.Effect<A, E | E2> =>
            entry.isStopped && Exit.isInterrupted(exit) ? Effect.fail(stopped()) : exit
          return Effect.flatMap(Effect.fork(restore(effect)), (fiber) => {
            entry.stop = Fiber.interruptFork(fiber)
            // It may have been told before there was anything to stop.
            const ended = entry.isStopped ? Fiber.interrupt(fiber) : restore(Fiber.await(fiber))
            return Effect.matchCauseEffect(ended, {
              onSuccess: (exit) => {
                leave(key, entry)
                return Effect.zipRight(Fiber.inheritAll(fiber), conclude(exit))
              },
              // Whoever waited was interrupted, and takes along what he waited for.
              onFailure: (cause) =>
                Effect.flatMap(Fiber.interrupt(fiber), () => {
                  leave(key, entry)
                  return Effect.failCause(cause)
                })
            })
          })
        })
      )

  /** Whether there was anybody to stop. */
  const stop = (key: K): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const ofSession = [...(running.get(key) ?? [])]
      for (const entry of ofSession) entry.isStopped = true
      return Effect.as(
        Effect.forEach(ofSession, ({ stop }) => stop, { discard: true }),
        ofSession.length > 0
      )
    })

  return { stoppable, stop, size: () => running.size }
}
