/** Fibers that belong to a service, not to the caller that asked for their work. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Forks effects that must outlive their callers. They run uninterruptibly until the scope closes; `grace` after that
 * they are interrupted, which only regions marked interruptible notice.
 */
export const make = (grace: Duration.DurationInput) =>
  Effect.gen(function* () {
    const fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
    const awaitAll = Effect.suspend(() => Fiber.awaitAll(fibers))
    // In a fiber of its own: if the closing fiber was interrupted, nothing interruptible runs in it any more.
    const waitForAll = Effect.forkDaemon(Effect.interruptible(Effect.timeoutOption(awaitAll, grace)))
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.flatMap(waitForAll, Fiber.await),
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
