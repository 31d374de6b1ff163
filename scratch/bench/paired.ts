/** Measurements that compare: each with its floor run right before it, in the same process, on a file of its own. */
import { Effect, type Scope } from "effect"
import { file, type Place } from "./place.ts"

const WARM_UPS = 2
const ROUNDS = 5

export interface Pair<A, B> {
  readonly floor: A
  readonly measured: B
}

type Run<A, E> = (file: string) => Effect.Effect<A, E, Scope.Scope>

export const runInPairs = <A, E, B, F>(
  place: Place,
  floor: Run<A, E>,
  measured: Run<B, F>
): Effect.Effect<ReadonlyArray<Pair<A, B>>, E | F> =>
  Effect.gen(function* () {
    const pairs: Array<Pair<A, B>> = []
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      const pair = { floor: yield* runAlone(place, floor), measured: yield* runAlone(place, measured) }
      if (round >= 0) pairs.push(pair)
    }
    return pairs
  })

/** Runs without the garbage of earlier runs, if node was started with `--expose-gc`. */
const runAlone = <A, E>(place: Place, run: Run<A, E>) =>
  Effect.scoped(
    Effect.flatMap(file(place), (name) => {
      globalThis.gc?.()
      return run(name)
    })
  )

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
