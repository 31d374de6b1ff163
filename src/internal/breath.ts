/** Long work in pieces, so that timers, sockets and other sessions get their turn in between. */
import * as Effect from "effect/Effect"
import { setImmediate } from "node:timers/promises"

/** What is done at a time, in milliseconds of the real clock: the event loop knows no other. */
const PIECE = 3

/** Of so many messages a view or a plan takes some milliseconds. */
const MANY = 1_000

/** The event loop is one for all, so there is one line for it: else each turn of it would see a piece of everybody. */
let last: Promise<void> = Promise.resolve()
let waiting = 0

/** How many wait in the line: a clock that decides when time may pass has to know. */
export const size = (): number => waiting

const queued = async (): Promise<void> => {
  waiting += 1
  await (last = last.then(() => setImmediate()))
  waiting -= 1
}

/** Lets others have the event loop; `Effect.yieldNow` lets only other fibers go on. */
export const breath: Effect.Effect<void> = Effect.promise(queued)

/** A breath after so many messages were looked at as a whole, unless they are few. */
export const rest = (entries: ReadonlyArray<unknown>): Effect.Effect<void> =>
  entries.length > MANY ? breath : Effect.void

/** Goes through the steps of some work to its result; whatever takes longer than a piece takes a breath before the next. */
export const inPieces = <A>(work: Iterator<unknown, A>): Effect.Effect<A> => {
  const piece: Effect.Effect<A> = Effect.suspend(() => {
    const end = performance.now() + PIECE
    for (;;) {
      const step = work.next()
      if (step.done === true) return Effect.succeed(step.value)
      if (performance.now() >= end) return Effect.zipRight(breath, piece)
    }
  })
  return piece
}

/** A fold in pieces. */
export const paced = <A, B>(
  entries: ReadonlyArray<A>,
  zero: B,
  fold: (b: B, entry: A, index: number) => B
): Effect.Effect<B> => Effect.suspend(() => inPieces(folding(entries, zero, fold)))

function* folding<A, B>(entries: ReadonlyArray<A>, zero: B, fold: (b: B, entry: A, index: number) => B) {
  let folded = zero
  for (const [index, entry] of entries.entries()) {
    folded = fold(folded, entry, index)
    yield
  }
  return folded
}
