/**
 * Group commit: what is asked for in the same turn of the event loop waits for the disk once, together. Who comes first
 * does not wait for others; each is told after the commit that holds it, and alone of what is wrong with it.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { StoreError } from "../session/SessionError.ts"
import { yieldToLoop, currentLoopTurn } from "../concurrency/eventLoopBudget.ts"
import { retryWhileBusy, isBusy } from "./transaction.ts"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** All items in one transaction: an outcome for each, or nothing was done. */
export type Attempt<A, B, E> = (
  fiber: AnyFiber,
  items: Arr.NonEmptyReadonlyArray<A>
) => Either.Either<Arr.NonEmptyReadonlyArray<Either.Either<B, E>>, StoreError>

interface Waiting<A, B, E> {
  readonly item: A
  readonly resume: (outcome: Effect.Effect<B, E | StoreError>) => void
}

/** A commit is one step of the event loop, and must not hold it for long. */
const MOST = 100

export const make = <A, B, E>(attempt: Attempt<A, B, E>) => {
  const queue: Array<Waiting<A, B, E>> = []
  /** Somebody will commit what is in the queue, after what is his own. */
  let isLed = false
  let last: { readonly turn: number; readonly by: FiberId.FiberId } = { turn: -1, by: FiberId.none }

  const once = (fiber: AnyFiber, items: Arr.NonEmptyReadonlyArray<A>) => {
    last = { turn: currentLoopTurn(), by: fiber.id() }
    return attempt(fiber, items)
  }

  /** Who commits again and again within a turn is alone: there is nothing to gain by waiting. */
  const hasCompany = (fiber: AnyFiber) => isLed || (last.turn === currentLoopTurn() && last.by !== fiber.id())

  const patiently = (items: Arr.NonEmptyReadonlyArray<A>) =>
    retryWhileBusy(
      Effect.withFiberRuntime<Arr.NonEmptyReadonlyArray<Either.Either<B, E>>, StoreError>((fiber) => once(fiber, items))
    )

  const alone = (item: A) => Effect.either(Effect.flatMap(patiently([item]), Arr.headNonEmpty))

  const together = (items: Arr.NonEmptyReadonlyArray<A>) =>
    Effect.catchAll(patiently(items), (error) =>
      isBusy(error) || items.length === 1
        ? Effect.succeed(Arr.map(items, () => Either.left(error)))
        : Effect.forEach(items, alone)
    )

  const lead = (own: A): Effect.Effect<B, E | StoreError> =>
    Effect.flatMap(yieldToLoop, () => {
      const others = queue.splice(0, MOST - 1)
      return Effect.flatMap(together([own, ...others.map(({ item }) => item)]), (outcomes) => {
        for (const [{ resume }, outcome] of Arr.zip(others, Arr.tailNonEmpty(outcomes))) resume(outcome)
        handOver()
        return Arr.headNonEmpty(outcomes)
      })
    })

  const handOver = () => {
    const next = queue.shift()
    isLed = next !== undefined
    next?.resume(lead(next.item))
  }

  const joined = (item: A): Effect.Effect<B, E | StoreError> =>
    Effect.uninterruptible(
      Effect.async((resume) => {
        if (isLed) return void queue.push({ item, resume })
        isLed = true
        resume(lead(item))
      })
    )

  return (item: A): Effect.Effect<B, E | StoreError> =>
    Effect.withFiberRuntime((fiber) => {
      if (hasCompany(fiber)) return joined(item)
      const answer = once(fiber, [item])
      if (Either.isRight(answer)) return Arr.headNonEmpty(answer.right)
      return isBusy(answer.left) ? joined(item) : Either.left(answer.left)
    })
}
