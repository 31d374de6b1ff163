/** Runs long work in slices, so that timers, sockets and other sessions get their turn in between. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import { setImmediate as renewal } from "node:timers"
import { setImmediate } from "node:timers/promises"

/** Work per turn of the event loop, in nanoseconds of the fiber's clock. With a test clock no work ever takes time. */
const BUDGET = 1_000_000

/** The rest of this turn's budget. One for the process: nine compressing sessions must not take nine budgets per turn. */
let left = BUDGET
let turns = 0
let isMeasured = false

/** Numbers the turns of the event loop. Turns in which nothing asks for the number are not counted. */
export const currentLoopTurn = (): number => {
  if (isMeasured) return turns
  isMeasured = true
  renewal(() => {
    isMeasured = false
    turns += 1
    left = BUDGET
  })
  return turns
}

let answers = 0

/** To be called when a store has read or written: what was read before may not be so any more. */
export const endMoment = (): void => {
  answers += 1
}

/** A process that another one runs and waits for can write within a turn of the event loop, but not so fast. */
const LONGEST_MOMENT = 5

/**
 * Begins a moment, and returns whether it lasts. Until it ends, at the next answer of a store or the next turn of the event
 * loop, nobody in this process can have heard of anything that was written since.
 */
export const beginMoment = (): (() => boolean) => {
  const [turn, answer, end] = [currentLoopTurn(), answers, performance.now() + LONGEST_MOMENT]
  return () => answers === answer && currentLoopTurn() === turn && performance.now() < end
}

/** Charges work to this turn of the event loop. The next turn begins with a full budget. */
const spendBudget = (nanoseconds: number): void => {
  currentLoopTurn()
  left -= nanoseconds
}

/** The part of a fiber that is needed here: its default services. */
export interface AnyFiber {
  readonly currentDefaultServices: Context.Context<DefaultServices.DefaultServices>
}

/** One line for the whole process: otherwise each turn of the event loop would take a slice of every caller. */
let last: Promise<void> = Promise.resolve()
let waiting = 0

/** The number of callers in the line. A test clock needs it to decide when time may pass. */
export const countWaiting = (): number => waiting

const waitInLine = async (): Promise<void> => {
  waiting += 1
  await (last = last.then(() => setImmediate()))
  waiting -= 1
  left = BUDGET
}

/** Yields to the event loop; `Effect.yieldNow` yields only to other fibers. */
export const yieldToLoop: Effect.Effect<void> = Effect.promise(waitInLine)

/** Runs the steps of some work to its result, and yields to the event loop whenever this turn's budget is spent. */
export const runInSlices = <A>(work: Iterator<unknown, A>): Effect.Effect<A> => {
  const slice: Effect.Effect<A> = Effect.withFiberRuntime((fiber) => {
    const last = runSlice(work, fiber)
    return last === undefined ? Effect.zipRight(yieldToLoop, slice) : Effect.succeed(last.value)
  })
  return slice
}

/** Runs steps until the budget of this turn is spent. Returns the last one if the work ends before. */
const runSlice = <A>(work: Iterator<unknown, A>, fiber: AnyFiber): IteratorReturnResult<A> | undefined => {
  const clock = clockOf(fiber)
  const begin = clock.unsafeCurrentTimeNanos()
  const end = left
  let now = 0
  let last: IteratorReturnResult<A> | undefined
  while (now < end && last === undefined) {
    const step = work.next()
    now = Number(clock.unsafeCurrentTimeNanos() - begin)
    if (step.done === true) last = step
  }
  spendBudget(now)
  return last
}

/** Runs the steps of some work to its result, without letting others have the event loop in between. */
export const runAtOnce = <A>(work: Iterator<unknown, A>): A => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Waits for a turn of the event loop with some of its budget left. */
export const awaitBudget: Effect.Effect<void> = Effect.suspend(() => (left > 0 ? Effect.void : yieldToLoop))

/** Runs indivisible work and charges it. Run `awaitBudget` first if the work may wait. */
export const chargeWork = <A>(work: () => A): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => Effect.succeed(chargeFiber(fiber, work)))

/** `chargeWork` for synchronous code within a fiber. */
export const chargeFiber = <A>(fiber: AnyFiber, work: () => A): A => {
  const clock = clockOf(fiber)
  const begin = clock.unsafeCurrentTimeNanos()
  const result = work()
  spendBudget(Number(clock.unsafeCurrentTimeNanos() - begin))
  return result
}

/** Work that nobody waits for. */
const later: Array<() => void> = []

/**
 * Does something with each item in later turns of the event loop, with what is left of their budgets. Who needs it before
 * does it alone, and is told if it fails.
 */
export const workLater = <A>(items: ReadonlyArray<A>, work: (item: A) => unknown): void => {
  const isNew = later.length === 0
  for (const item of items) later.push(() => work(item))
  if (isNew && items.length > 0) renewal(workNow)
}

const workNow = (): void => {
  const begin = performance.now()
  const end = begin + left / 1e6
  let done = 0
  // At least one, or work that comes faster than budgets are renewed would never be done.
  do {
    try {
      later[done++]?.()
    } catch {}
  } while (done < later.length && performance.now() < end)
  later.splice(0, done)
  spendBudget((performance.now() - begin) * 1e6)
  if (later.length > 0) renewal(workNow)
}

const clockOf = (fiber: AnyFiber): Clock.Clock => Context.get(fiber.currentDefaultServices, Clock.Clock)

/** Folds the entries in slices. */
export const foldInSlices = <A, B>(
  entries: ReadonlyArray<A>,
  zero: B,
  fold: (b: B, entry: A, index: number) => B
): Effect.Effect<B> => Effect.suspend(() => runInSlices(foldEntries(entries, zero, fold)))

function* foldEntries<A, B>(entries: ReadonlyArray<A>, zero: B, fold: (b: B, entry: A, index: number) => B) {
  let folded = zero
  for (const [index, entry] of entries.entries()) {
    folded = fold(folded, entry, index)
    yield
  }
  return folded
}
