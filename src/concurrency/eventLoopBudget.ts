/** Long work in pieces, so that timers, sockets and other sessions get their turn in between. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import { setImmediate as renewal } from "node:timers"
import { setImmediate } from "node:timers/promises"

/**
 * What is done in one turn of the event loop, in nanoseconds of the fiber's clock: where time stands still nobody has to
 * wait.
 */
const PIECE = 1_000_000

/** What is left of it. All share it: nine sessions that compress at once would make nine pieces of each turn. */
let left = PIECE
let turns = 0
let isMeasured = false

/** Which turn of the event loop this is, of those that somebody asked about. */
export const currentLoopTurn = (): number => {
  if (isMeasured) return turns
  isMeasured = true
  renewal(() => {
    isMeasured = false
    turns += 1
    left = PIECE
  })
  return turns
}

/** Counts what was done; the next turn of the event loop begins anew. */
const spendBudget = (nanoseconds: number): void => {
  currentLoopTurn()
  left -= nanoseconds
}

/** What is asked of a fiber, whatever it is about. */
export interface AnyFiber {
  readonly currentDefaultServices: Context.Context<DefaultServices.DefaultServices>
}

/** The event loop is one for all, so there is one line for it: else each turn of it would see a piece of everybody. */
let last: Promise<void> = Promise.resolve()
let waiting = 0

/** How many wait in the line: a clock that decides when time may pass has to know. */
export const countWaiting = (): number => waiting

const queued = async (): Promise<void> => {
  waiting += 1
  await (last = last.then(() => setImmediate()))
  waiting -= 1
  left = PIECE
}

/** Lets others have the event loop; `Effect.yieldNow` lets only other fibers go on. */
export const yieldToLoop: Effect.Effect<void> = Effect.promise(queued)

/** Goes through the steps of some work to its result, with a breath wherever this turn of the loop has had its piece. */
export const runInSlices = <A>(work: Iterator<unknown, A>): Effect.Effect<A> => {
  const piece: Effect.Effect<A> = Effect.withFiberRuntime((fiber) => {
    const passed = stopwatch(fiber)
    const end = left
    let now = 0
    while (now < end) {
      const step = work.next()
      now = passed()
      if (step.done !== true) continue
      spendBudget(now)
      return Effect.succeed(step.value)
    }
    spendBudget(now)
    return Effect.zipRight(yieldToLoop, piece)
  })
  return piece
}

/** Runs the steps of some work to its result, without letting others have the event loop in between. */
export const runAtOnce = <A>(work: Iterator<unknown, A>): A => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Waits for a turn of the loop that has something left of its piece. */
export const awaitBudget: Effect.Effect<void> = Effect.suspend(() => (left > 0 ? Effect.void : yieldToLoop))

/** What cannot be done in pieces: it counts, and who is to make room for it does so before. */
export const chargeWork = <A>(work: () => A): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => Effect.succeed(chargeFiber(fiber, work)))

/** The same within a step of the fiber. */
export const chargeFiber = <A>(fiber: AnyFiber, work: () => A): A => {
  const passed = stopwatch(fiber)
  const result = work()
  spendBudget(passed())
  return result
}

/** Nanoseconds since now. */
const stopwatch = (fiber: AnyFiber): (() => number) => {
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const begin = clock.unsafeCurrentTimeNanos()
  return () => Number(clock.unsafeCurrentTimeNanos() - begin)
}

/** A fold in pieces. */
export const foldInSlices = <A, B>(
  entries: ReadonlyArray<A>,
  zero: B,
  fold: (b: B, entry: A, index: number) => B
): Effect.Effect<B> => Effect.suspend(() => runInSlices(folding(entries, zero, fold)))

function* folding<A, B>(entries: ReadonlyArray<A>, zero: B, fold: (b: B, entry: A, index: number) => B) {
  let folded = zero
  for (const [index, entry] of entries.entries()) {
    folded = fold(folded, entry, index)
    yield
  }
  return folded
}
