/**
 * Group commit: deliveries that arrive in one turn of the event loop wait for the disk once, together.
 *
 * - No leader: a caller that is alone in its loop turn commits its item at once. If it is not alone, or the file is
 *   busy, it becomes the leader.
 * - Leader: lets the loop turn end, commits its item and those queued meanwhile in one transaction, resumes their
 *   callers, and hands the lead to the first caller that is still in the queue.
 * - Meanwhile: every other caller queues its item.
 *
 * A caller is resumed after the commit that holds its item. If a commit fails, each item is tried alone, so that one bad
 * item fails by itself. An item that may be on disk is not tried again.
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

/** Commits all items in one transaction: a result for each, or nothing was written. */
export type CommitItems<A, B, E> = (
  fiber: AnyFiber,
  items: Arr.NonEmptyReadonlyArray<A>
) => Either.Either<Arr.NonEmptyReadonlyArray<Either.Either<B, E>>, StoreError>

interface Queued<A, B, E> {
  readonly item: A
  readonly resume: (result: Effect.Effect<B, E | StoreError>) => void
}

/** A commit is one step of the event loop, and must not hold it for long. */
const LARGEST_GROUP = 100

export const make = <A, B, E>(commitItems: CommitItems<A, B, E>) => {
  const queue: Array<Queued<A, B, E>> = []
  let hasLeader = false
  let lastCommit: { readonly turn: number; readonly by: FiberId.FiberId } = { turn: -1, by: FiberId.none }

  const commitOnce = (fiber: AnyFiber, items: Arr.NonEmptyReadonlyArray<A>) => {
    lastCommit = { turn: currentLoopTurn(), by: fiber.id() }
    return commitItems(fiber, items)
  }

  /** A fiber that commits again and again in one loop turn is alone: it gains nothing by waiting for others. */
  const isAlone = (fiber: AnyFiber) =>
    !hasLeader && (lastCommit.turn !== currentLoopTurn() || lastCommit.by === fiber.id())

  const commitWhenFree = (items: Arr.NonEmptyReadonlyArray<A>) =>
    retryWhileBusy(
      Effect.withFiberRuntime<Arr.NonEmptyReadonlyArray<Either.Either<B, E>>, StoreError>((fiber) =>
        commitOnce(fiber, items)
      )
    )

  const commitAlone = (item: A) => Effect.either(Effect.flatMap(commitWhenFree([item]), Arr.headNonEmpty))

  const commitGroup = (items: Arr.NonEmptyReadonlyArray<A>) =>
    Effect.catchAll(commitWhenFree(items), (error) =>
      isBusy(error) || error.reason === "unknown" || items.length === 1
        ? Effect.succeed(Arr.map(items, () => Either.left(error)))
        : Effect.forEach(items, commitAlone)
    )

  const lead = (own: A): Effect.Effect<B, E | StoreError> =>
    Effect.flatMap(yieldToLoop, () => {
      const others = queue.splice(0, LARGEST_GROUP - 1)
      return Effect.flatMap(commitGroup([own, ...others.map(({ item }) => item)]), (results) => {
        for (const [{ resume }, result] of Arr.zip(others, Arr.tailNonEmpty(results))) resume(result)
        handOverLead()
        return Arr.headNonEmpty(results)
      })
    })

  const handOverLead = () => {
    const next = queue.shift()
    hasLeader = next !== undefined
    next?.resume(lead(next.item))
  }

  const leadOrQueue = (item: A): Effect.Effect<B, E | StoreError> =>
    Effect.uninterruptible(
      Effect.async((resume) => {
        if (hasLeader) return void queue.push({ item, resume })
        hasLeader = true
        resume(lead(item))
      })
    )

  return (item: A): Effect.Effect<B, E | StoreError> =>
    Effect.withFiberRuntime((fiber) => {
      if (!isAlone(fiber)) return leadOrQueue(item)
      const committed = commitOnce(fiber, [item])
      if (Either.isRight(committed)) return Arr.headNonEmpty(committed.right)
      return isBusy(committed.left) ? leadOrQueue(item) : Either.left(committed.left)
    })
}
