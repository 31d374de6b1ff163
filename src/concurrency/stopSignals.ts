/** Signals that stop running effects from outside: the turns and auxiliary tasks of each session. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

interface Running {
  stop: Effect.Effect<unknown>
  isStopped: boolean
}

export const make = <K>() => {
  const running = new Map<K, Set<Running>>()

  const addRunning = (key: K): Running => {
    const entry: Running = { stop: Effect.void, isStopped: false }
    running.set(key, (running.get(key) ?? new Set()).add(entry))
    return entry
  }
  const removeRunning = (key: K, entry: Running) => {
    const ofKey = running.get(key)
    ofKey?.delete(entry)
    if (ofKey?.size === 0) running.delete(key)
  }

  /**
   * Runs `effect` until it ends or `stopAll` is called for its key, which interrupts it and makes it fail with
   * `makeError()`. It runs in a fiber of its own, so that this interrupt is not one of the caller.
   */
  const interruptible =
    <E2>(key: K, makeError: () => E2) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const entry = addRunning(key)
          const resultOf = (exit: Exit.Exit<A, E>): Effect.Effect<A, E | E2> =>
            entry.isStopped && Exit.isInterrupted(exit) ? Effect.fail(makeError()) : exit
          return Effect.flatMap(Effect.fork(restore(effect)), (fiber) => {
            entry.stop = Fiber.interruptFork(fiber)
            // The signal may have come before there was a fiber to interrupt.
            const ended = entry.isStopped ? Fiber.interrupt(fiber) : restore(Fiber.await(fiber))
            return Effect.matchCauseEffect(ended, {
              onSuccess: (exit) => {
                removeRunning(key, entry)
                return Effect.zipRight(Fiber.inheritAll(fiber), resultOf(exit))
              },
              // The caller was interrupted: the fiber ends with it.
              onFailure: (cause) =>
                Effect.flatMap(Fiber.interrupt(fiber), () => {
                  removeRunning(key, entry)
                  return Effect.failCause(cause)
                })
            })
          })
        })
      )

  /** Stops everything that runs under the key. Returns whether anything did. */
  const stopAll = (key: K): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const ofKey = [...(running.get(key) ?? [])]
      for (const entry of ofKey) entry.isStopped = true
      return Effect.as(
        Effect.forEach(ofKey, ({ stop }) => stop, { discard: true }),
        ofKey.length > 0
      )
    })

  return { interruptible, stopAll, countKeys: () => running.size }
}
