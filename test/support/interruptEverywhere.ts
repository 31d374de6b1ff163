/**
 * The interruption sweep: runs an effect once for each of its operations, interrupts it exactly there, lets others run,
 * and then looks whether what must hold still does. For everything that holds a lock, a row or a slot. It needs the real
 * clock: the test clock holds a semaphore, which is what an interrupt in the wrong place would jam.
 */
import { assert } from "@effect/vitest"
import { type Duration, Effect, Fiber, FiberId, FiberRef, Random, Scheduler } from "effect"
import type { RuntimeFiber } from "effect/Fiber"
import { repetitions } from "./repetitions.ts"

/** Without `every`, a sweep takes each third operation of a run, and all operations in a thorough one. */
const STRIDE = repetitions(3, 1)

export interface Sweep {
  /** Operations that were interrupted in turn. */
  readonly operations: number
  /** Operations after whose interruption the condition did not hold. */
  readonly broken: ReadonlyArray<number>
}

export interface Options {
  /** Time to wait before a hanging run counts as broken; sound code never takes that long. */
  readonly patience?: Duration.DurationInput
  /** Only each n-th operation, from a random one of the first n. */
  readonly every?: number
  /** Counts the operations of `run`'s own fiber alone. */
  readonly own?: boolean
  /** Stops at the first broken operation. */
  readonly stopAtFirst?: boolean
}

/**
 * `make` builds a fresh system for each run. `run` is interrupted at every operation in turn, its own and those of the
 * fibers that work for it, and goes undisturbed the last time. Where `run` does not end, or `holds` is not true
 * afterwards, the operation is `broken`.
 */
export const interruptEverywhere = <S, E1, R1, E2, R2, E3, R3>(
  make: Effect.Effect<S, E1, R1>,
  run: (system: S) => Effect.Effect<unknown, E2, R2>,
  holds: (system: S) => Effect.Effect<boolean, E3, R3>,
  { every = STRIDE, own = false, patience = "10 seconds", stopAtFirst = false }: Options = {}
): Effect.Effect<Sweep, E1, R1 | R2 | R3> =>
  Effect.gen(function* () {
    const broken: Array<number> = []
    for (let at = yield* Random.nextIntBetween(1, every + 1); ; at += every) {
      const scheduler = new InterruptingScheduler(at, own)
      const system = yield* make
      const fiber = yield* Effect.forkDaemon(Effect.withScheduler(run(system), scheduler))
      const held = yield* Effect.zipRight(Fiber.await(fiber), holds(system)).pipe(
        Effect.disconnect,
        Effect.timeout(patience),
        Effect.catchAllCause(() => Effect.succeed(false))
      )
      if (!held) broken.push(at)
      if (scheduler.seen < at || (stopAtFirst && !held)) return { operations: scheduler.seen, broken }
    }
  })

export const isUnbroken = ({ broken, operations }: Sweep): void => {
  assert.deepStrictEqual(broken, [])
  assert.isAbove(operations, 5)
}

/** For a sweep of what leaks. */
export const isNoticed = ({ broken }: Sweep): void => assert.isNotEmpty(broken)

/** For implementations that leak, maybe at one operation. */
export const everyOperation: Options = { every: 1 }

/** For implementations that leak, maybe at one operation: they may hang, and should show it soon. */
export const impatient: Options = { ...everyOperation, patience: "50 millis", stopAtFirst: true }

/** Interrupts the first fiber it runs, at the `at`-th operation, and pauses there unless the code asked for no pauses. */
class InterruptingScheduler extends Scheduler.MixedScheduler {
  seen = 0
  readonly at: number
  readonly own: boolean
  target: RuntimeFiber<unknown, unknown> | undefined
  constructor(at: number, own: boolean) {
    super(2_048)
    this.at = at
    this.own = own
  }
  override shouldYield(fiber: RuntimeFiber<unknown, unknown>) {
    this.target ??= fiber
    if (this.own && fiber !== this.target) return super.shouldYield(fiber)
    this.seen += 1
    if (this.seen !== this.at) return super.shouldYield(fiber)
    this.target.unsafeInterruptAsFork(FiberId.none)
    return fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield) === Number.MAX_SAFE_INTEGER ? false : 0
  }
}
