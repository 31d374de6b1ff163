/**
 * A test clock without real delays. Effect's own polls the fibers; this one lets everything run that can run, then jumps
 * to the fiber that wakes first. `TestClock.adjust` and its kin work on it as on the other.
 *
 * @example
 * it.effect("…", () => onVirtualClock(Effect.gen(function* () { … yield* TestClock.adjust("1 hour") … })))
 */
import { Chunk, Clock, Duration, Effect, Scheduler, type TestClock } from "effect"
import * as EventLoopBudget from "../../src/concurrency/eventLoopBudget.ts"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** A clock at 0, and a scheduler under which an idle event loop means idle fibers. */
export const onVirtualClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() =>
    effect.pipe(Effect.withClock(make()), Effect.withScheduler(new Scheduler.MixedScheduler(Number.MAX_SAFE_INTEGER)))
  )

/**
 * Lets all fibers go on until none can without time passing. They run on microtasks, every one of which comes before an
 * immediate; the second immediate is for what a finished promise of the platform set going. Long work in pieces goes on
 * until it is done.
 */
export const idle: Effect.Effect<void> = Effect.replicateEffect(
  Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void))),
  2,
  { discard: true }
).pipe(Effect.repeat({ until: () => EventLoopBudget.countWaiting() === 0 }), Effect.asVoid)

const make = (): TestClock.TestClock => {
  let now = 0
  /** In the order in which they fell asleep, which is the order of waking within an instant. */
  const sleepers = new Set<Sleeper>()

  const sleep = (duration: Duration.Duration) =>
    Effect.async<void>((resume) => {
      const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      if (sleeper.at <= now) return sleeper.wake()
      sleepers.add(sleeper)
      return Effect.sync(() => void sleepers.delete(sleeper))
    })

  /** Everything that happens at the next instant, if that is not after `end`. */
  const tick = (end: number) =>
    Effect.sync(() => {
      const at = Math.min(...Array.from(sleepers, (sleeper) => sleeper.at))
      if (at > end) return false
      now = at
      const due = Array.from(sleepers).filter((sleeper) => sleeper.at === at)
      for (const sleeper of due) sleepers.delete(sleeper)
      for (const { wake } of due) wake()
      return due.length > 0
    })

  const setTime = (end: number) =>
    Effect.zipRight(idle, tick(end)).pipe(
      Effect.repeat({ while: (hasTicked) => hasTicked }),
      Effect.zipRight(Effect.sync(() => void (now = Math.max(now, end))))
    )

  const adjust = (duration: Duration.DurationInput) =>
    Effect.suspend(() => setTime(now + Duration.toMillis(Duration.decode(duration))))

  const nanos = () => BigInt(Math.floor(now * 1_000_000))

  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(nanos),
    sleep,
    setTime,
    adjust,
    adjustWith: (duration) => (effect) => Effect.zipLeft(effect, adjust(duration), { concurrent: true }),
    save: Effect.sync(() => {
      const then = now
      return Effect.sync(() => void (now = then))
    }),
    sleeps: Effect.sync(() => Chunk.fromIterable(Array.from(sleepers, ({ at }) => at)))
  }
}
