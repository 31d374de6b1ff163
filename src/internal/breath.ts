/** Long work in pieces, so that timers, sockets and other sessions get their turn in between. */
import * as Effect from "effect/Effect"
import { setImmediate } from "node:timers/promises"
import { total } from "../Tokens.ts"

/** What is done at a time, in tokens: some 2 milliseconds of digests, where messages are looked at for the first time. */
const PIECE = 20_000

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

/** A fold that takes a breath before each piece. What is no more than one piece is done at once. */
export const paced = <A extends { readonly tokens: number }, B>(
  entries: ReadonlyArray<A>,
  zero: B,
  step: (b: B, entry: A, index: number) => B
): Effect.Effect<B> =>
  Effect.gen(function* () {
    const isLong = total(entries) > PIECE
    let folded = zero
    let done = PIECE
    for (const [index, entry] of entries.entries()) {
      if (isLong && done >= PIECE) {
        yield* breath
        done = 0
      }
      folded = step(folded, entry, index)
      done += entry.tokens
    }
    return folded
  })
