/**
 * Services that every fiber carries, its clock and its tracer if one is installed; fibers that outlive their callers;
 * effects that callers' code makes; and locks that fibers wait for.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/**
 * Milliseconds since an arbitrary moment, comparable only within one process. Unlike the time of day this clock is never
 * set, so it only goes forward.
 */
export const monotonicMillis: Effect.Effect<number> = Effect.withFiberRuntime((fiber) =>
  Effect.succeed(readMonotonic(fiber))
)

/** `monotonicMillis` for synchronous code within a fiber. */
export const readMonotonic = (fiber: AnyFiber): number =>
  Number(Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos() / 1_000_000n)

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

const silent = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** True if no span of the fiber is kept: no tracer is installed, or it is off, or it does not sample this trace. */
export const isUntraced = (fiber: AnyFiber): boolean =>
  Context.get(fiber.currentDefaultServices, Tracer.Tracer) === silent ||
  fiber.currentSpan?.sampled === false ||
  !fiber.getFiberRef(FiberRef.currentTracerEnabled)

/**
 * Runs an effect between `begin` and the `end` that it returns, however the effect ends. Both are steps that no interrupt
 * parts from it. Every turn passes here: `acquireUseRelease` takes twice as many steps.
 */
export const surround = <A, E, R>(
  begin: (fiber: AnyFiber) => { readonly run: Effect.Effect<A, E, R>; readonly end: (fiber: AnyFiber) => void }
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((fiber) => {
      const { end, run } = begin(fiber)
      return Effect.matchCauseEffect(restore(run), {
        onFailure: (cause) => {
          end(fiber)
          return Effect.failCause(cause)
        },
        onSuccess: (value) => {
          end(fiber)
          return Effect.succeed(value)
        }
      })
    })
  )

/**
 * Runs what a caller's function returns, and dies if that is no effect. Effect itself says so by printing the value, and
 * a value that cannot be printed stops its fiber for ever.
 */
export const suspendForeign = <A, E, R>(make: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const made = make()
    return Effect.isEffect(made) ? made : Effect.dieMessage("it returned what is no effect")
  })

/** Runs `trace(effect)` if spans are kept and `effect` otherwise, so that the hot path does not pay for spans. */
export const traceIfKept = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  trace: (effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.withFiberRuntime((fiber) => (isUntraced(fiber) ? effect : trace(effect)))

export const withSpanIfTraced = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => traceIfKept(effect, (effect) => withSessionSpan(name, subject, effect))

export const withSessionSpan = <A, E, R>(
  name: string,
  subject: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withSpan(effect, name, { captureStackTrace: false, attributes: { session: subject } })

/** Adds attributes to the span of the fiber, if it is kept. */
export const annotateSpan = (describe: () => Readonly<Record<string, unknown>>): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => (isUntraced(fiber) ? Effect.void : Effect.annotateCurrentSpan(describe())))

/** A span that has begun; undefined if spans are not kept. */
export type OpenSpan = Tracer.Span | undefined

/** Begins a span of work that goes on without this fiber. `runInSpan` ends it. */
export const beginSpan = (name: string, attributes: Readonly<Record<string, unknown>>): Effect.Effect<OpenSpan> =>
  Effect.withFiberRuntime((fiber) =>
    isUntraced(fiber)
      ? Effect.succeed(undefined)
      : Effect.makeSpan(name, { captureStackTrace: false, attributes: { ...attributes } })
  )

export const runInSpan = <A, E, R>(span: OpenSpan, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  span === undefined
    ? effect
    : Effect.onExit(Effect.withParentSpan(effect, span), (exit) =>
        Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exit))
      )

/** Links the nearest span of that name which the fiber is in, or its innermost one, to work that it began or waits for. */
export const linkToSpan = (name: string, to: OpenSpan): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const innermost = fiber.currentSpan
    if (to === undefined || innermost?._tag !== "Span") return Effect.void
    const from = findSpan(innermost, name) ?? innermost
    if (from !== to && from.links.every(({ span }) => span !== to)) {
      from.addLinks([{ _tag: "SpanLink", span: to, attributes: {} }])
    }
    return Effect.void
  })

const findSpan = (span: Tracer.Span, name: string): Tracer.Span | undefined => {
  if (span.name === name) return span
  const parent = Option.getOrUndefined(span.parent)
  return parent?._tag === "Span" ? findSpan(parent, name) : undefined
}

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

// ── locks by key ──
//
// A fair queue for waits that must stay interruptible, and a semaphore for fibers that no interrupt reaches.
// `Semaphore.withPermits` can lose its permit when it is interrupted in a small window. A key that no fiber holds or awaits
// is forgotten.

type Place = Deferred.Deferred<void>

/** The longest wait for a place, and the effect that runs instead of waiting longer. */
export interface Patience<A, E> {
  readonly wait: Duration.DurationInput
  readonly late: Effect.Effect<A, E>
}

const waitFor = <A, E, R, B, E2>(
  place: Place,
  effect: Effect.Effect<A, E, R>,
  patience: Patience<B, E2> | undefined
): Effect.Effect<A | B, E | E2, R> => {
  if (patience === undefined) return Effect.zipRight(Deferred.await(place), effect)
  const admitted = Effect.timeoutOption(Deferred.await(place), patience.wait)
  return Effect.flatMap(admitted, ({ _tag }): Effect.Effect<A | B, E | E2, R> =>
    _tag === "Some" ? effect : patience.late
  )
}

/**
 * Makes queues in which at most `places` effects of one key run at the same time, first come, first served. Joining and
 * leaving a line are single synchronous steps, so no interrupt can strand a place.
 */
export const makeFairQueue = <K>(places = 1) => {
  const lines = new Map<K, Set<Place>>()

  const admitFirst = (line: Set<Place>) => {
    let free = places
    for (const place of line) {
      if (free-- <= 0) return
      Deferred.unsafeDone(place, Exit.void)
    }
  }
  const joinLine = (key: K) => {
    const line = lines.get(key) ?? new Set()
    const place = Deferred.unsafeMake<void>(FiberId.none)
    lines.set(key, line.add(place))
    admitFirst(line)
    return { place, isIn: line.size <= places }
  }
  const leaveLine = (key: K, place: Place) => {
    const line = lines.get(key)
    line?.delete(place)
    if (line === undefined || line.size === 0) lines.delete(key)
    else admitFirst(line)
  }

  /** Runs `effect` in a place of its key. Uses no scope: every turn passes here, and finalizers would cost more. */
  const withPlace = <A, E, R, B = never, E2 = never>(
    key: K,
    effect: Effect.Effect<A, E, R>,
    patience?: Patience<B, E2>
  ): Effect.Effect<A | B, E | E2, R> =>
    surround(() => {
      const { isIn, place } = joinLine(key)
      return {
        run: isIn ? effect : waitFor(place, effect, patience),
        end: () => leaveLine(key, place)
      }
    })

  return { withPlace, countLines: () => lines.size }
}

interface Entry {
  readonly semaphore: Effect.Semaphore
  users: number
}

/** Makes one semaphore with one permit per key. */
export const makeKeyedSemaphore = <K>() => {
  const entries = new Map<K, Entry>()

  const addUser = (key: K): Entry => {
    const entry = entries.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
    entry.users += 1
    entries.set(key, entry)
    return entry
  }
  const removeUser = (key: K, entry: Entry) => {
    entry.users -= 1
    if (entry.users === 0) entries.delete(key)
  }

  /** Runs one effect of a key at a time. Call it in an uninterruptible fiber: an interrupted wait strands the permit. */
  const withPermit =
    (key: K) =>
    <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => addUser(key)),
        ({ semaphore }) => Effect.uninterruptible(semaphore.withPermits(1)(effect)),
        (entry) => Effect.sync(() => removeUser(key, entry))
      )

  return { withPermit, size: () => entries.size }
}
