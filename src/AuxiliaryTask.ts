/**
 * One auxiliary task on a list of routes: the program that obeys `Recovery`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import type * as Either from "effect/Either"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { AuxiliaryClients } from "./AuxiliaryClients.ts"
import type { Completion } from "./AuxiliaryClients.ts"
import { AuxiliaryError, ContextOverflow, Timeout } from "./AuxiliaryError.ts"
import type { Attempt } from "./CompressionResult.ts"
import * as Provider from "./Provider.ts"
import * as Recovery from "./Recovery.ts"

/**
 * Every route failed, or the budget ran out; `errors` in the order they came.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted extends Schema.TaggedError<Exhausted>()("Exhausted", {
  errors: Schema.Array(AuxiliaryError)
}) {
  override get message() {
    return this.errors.at(-1)?.message ?? "no route to a model"
  }
}

/**
 * What a task may still spend, and what it has done so far, over all its retries, chunks and routes. `deadline` is in
 * epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spending {
  readonly deadline: number
  readonly callsLeft: Ref.Ref<number>
  readonly calls: Ref.Ref<number>
  readonly attempts: Ref.Ref<ReadonlyArray<Attempt>>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const spending = (options: {
  readonly maxCalls: number
  readonly totalTimeout: Duration.Duration
}): Effect.Effect<Spending> =>
  Effect.gen(function* () {
    const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.totalTimeout)
    const callsLeft = yield* Ref.make(options.maxCalls)
    const calls = yield* Ref.make(0)
    const attempts = yield* Ref.make<ReadonlyArray<Attempt>>([])
    return { deadline, callsLeft, calls, attempts }
  })

/**
 * A task: what to ask (`rejected` says why the last answer was turned away), and which answers are accepted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Task<A> {
  readonly routes: ReadonlyArray<Provider.Route>
  readonly recovery: Recovery.Policy
  readonly request: (rejected: string | null) => Provider.Request
  /** The size of the request's text, in tokens: a route with a smaller window is not asked. */
  readonly tokens: number
  readonly accept: (route: string, completion: Completion) => Either.Either<A, AuxiliaryError>
  readonly onProgress: (characters: number) => Effect.Effect<void>
}

/**
 * An accepted answer and the label of the route that gave it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer<A> {
  readonly value: A
  readonly route: string
}

/**
 * Runs the task until an answer is accepted. Fails with `ContextOverflow` if smaller chunks should be tried, with
 * `Exhausted` if nothing is left to try. Interruptible like any effect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = Effect.fnUntraced(function* <A>(task: Task<A>, spent: Spending) {
  const errors: Array<AuxiliaryError> = []
  for (const [index, route] of task.routes.entries()) {
    const routesLeft = task.routes.length - index - 1
    const answer = yield* onRoute(task, spent, route, routesLeft, errors)
    if (answer !== undefined) return answer
  }
  return yield* new Exhausted({ errors })
})

/** The calls on one route, until an answer, or nothing: the next route's turn. */
const onRoute = Effect.fnUntraced(function* <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  routesLeft: number,
  errors: Array<AuxiliaryError>
) {
  const label = Provider.label(route)
  const failures: Array<AuxiliaryError["_tag"]> = []
  let rejected: string | null = null
  while (true) {
    const result = yield* Effect.either(call(task, spent, route, rejected))
    yield* note(spent, label, result)
    if (result._tag === "Right") return { value: result.right, route: label } satisfies Answer<A>
    const error = result.left
    errors.push(error)
    const step = Recovery.next(task.recovery, error, {
      failures: failures.slice(),
      routesLeft,
      remaining: spent.deadline - (yield* Clock.currentTimeMillis),
      callsLeft: yield* Ref.get(spent.callsLeft)
    })
    failures.push(error._tag)
    switch (step._tag) {
      case "Retry":
        rejected = step.hint
        yield* Effect.sleep(step.delay)
        break
      case "SmallerChunks":
        return yield* new ContextOverflow({ route: label, detail: error.message })
      case "NewCredential":
      case "NextRoute":
        return undefined
      case "GiveUp":
        return yield* new Exhausted({ errors })
    }
  }
})

/** One call, within what is left of the time, if its text can fit at all. */
const call = <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  rejected: string | null
): Effect.Effect<A, AuxiliaryError, AuxiliaryClients> =>
  Effect.gen(function* () {
    const label = Provider.label(route)
    const request = task.request(rejected)
    if (task.tokens + request.maxOutputTokens > route.contextLength) {
      return yield* new ContextOverflow({
        route: label,
        detail: `${task.tokens} tokens do not fit ${route.contextLength}`
      })
    }
    const remaining = spent.deadline - (yield* Clock.currentTimeMillis)
    if (remaining <= 0) return yield* new Timeout({ route: label, phase: "total", deadline: 0 })
    const clients = yield* AuxiliaryClients
    yield* Ref.update(spent.callsLeft, (left) => left - 1)
    yield* Ref.update(spent.calls, (calls) => calls + 1)
    const timeout = Duration.min(route.timeout, Duration.millis(remaining))
    const completion = yield* clients.complete({ ...route, timeout }, request, { onProgress: task.onProgress })
    return yield* task.accept(label, completion)
  })

const note = (spent: Spending, route: string, result: Either.Either<unknown, AuxiliaryError>) => {
  const error = result._tag === "Left" ? result.left : undefined
  const attempt = { route, error: error?._tag ?? null, detail: error?.message ?? null }
  return Ref.update(spent.attempts, (attempts) => [...attempts, attempt])
}
