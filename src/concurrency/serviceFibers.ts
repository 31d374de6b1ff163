/** Work that belongs to a service and not to whoever asked for it. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Forks what must outlive its callers: out of reach of every interrupt but this scope's own, which comes `grace` after
 * its end has begun. Only regions marked interruptible hear that one.
 */
export const make = (grace: Duration.DurationInput) =>
  Effect.gen(function* () {
    const fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
    const awaitAll = Effect.suspend(() => Fiber.awaitAll(fibers))
    // In a fiber of its own: where the closing one was interrupted, nothing interruptible runs any more.
    const wait = Effect.forkDaemon(Effect.interruptible(Effect.timeoutOption(awaitAll, grace)))
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.flatMap(wait, Fiber.await),
        Effect.suspend(() => Fiber.interruptAll(fibers))
      )
    )
    return <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.RuntimeFiber<A, E>> =>
      Effect.tap(Effect.forkDaemon(Effect.uninterruptible(effect)), (fiber) =>
        Effect.sync(() => {
          fibers.add(fiber)
          fiber.addObserver(() => fibers.delete(fiber))
        })
      )
  })
