/**
 * Services that every fiber carries, its clock and its tracer if one is installed; fibers that outlive their callers; and
 * effects that callers' code makes.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

/**
 * Milliseconds since an arbitrary moment, comparable only within one process. Unlike the time of day this clock is never
 * set, so it only goes forward.
 */
export const monotonicMillis: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) =>
  Number(nanos / 1_000_000n)
)

const silent = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** True if the fiber has the default tracer, which drops every span. */
export const isUntraced = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  Context.get(fiber.currentDefaultServices, Tracer.Tracer) === silent

/**
 * Runs what a caller's function returns, and dies if that is no effect. Effect itself says so by printing the value, and
 * a value that cannot be printed stops its fiber for ever.
 */
export const suspendForeign = <A, E, R>(make: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const made = make()
    return Effect.isEffect(made) ? made : Effect.dieMessage("it returned what is no effect")
  })

/** Wraps `effect` in a span about a session if a tracer is installed, so that the hot path does not pay for spans. */
export const withSpanIfTraced = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => (isUntraced(fiber) ? effect : withSessionSpan(name, subject, effect)))

export const withSessionSpan = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withSpan(effect, name, { captureStackTrace: false, attributes: { session: subject } })

/**
 * Forks effects that must outlive their callers. They run uninterruptibly until the scope closes; `grace` after that
 * they are interrupted, which only regions marked interruptible notice.
 */
export const makeServiceFibers = (grace: Duration.DurationInput) =>
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
