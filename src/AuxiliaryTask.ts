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
import type { Attempt, BudgetLeft } from "./CompressionResult.ts"
import { Pauses } from "./Pauses.ts"
import * as Provider from "./Provider.ts"
import * as Recovery from "./Recovery.ts"

/**
 * Every route failed or is paused, or the budget ran out; `errors` in the order they came, `paused` the routes that were
 * not asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted extends Schema.TaggedError<Exhausted>()("Exhausted", {
  errors: Schema.Array(AuxiliaryError),
  paused: Schema.Array(Schema.String)
}) {
  override get message() {
    const last = this.errors.at(-1)
    if (last !== undefined) return last.message
    return this.paused.length > 0 ? `paused after failures: ${this.paused.join(", ")}` : "no route to a model"
  }
}

/**
 * What a task may spend over all its retries, chunks and routes: calls, milliseconds, and tokens sent and received.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  readonly maxCalls: number
  readonly totalTimeout: Duration.Duration
  readonly maxTokens: number
}

/**
 * A budget being spent. `deadline` is in epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spending {
  readonly deadline: number
  readonly callsLeft: Ref.Ref<number>
  readonly tokensLeft: Ref.Ref<number>
  readonly calls: Ref.Ref<number>
  readonly attempts: Ref.Ref<ReadonlyArray<Attempt>>
  /** The routes given up so far: a task of many chunks counts once against each. */
  readonly givenUp: Ref.Ref<ReadonlySet<Provider.Route>>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const spending = ({ maxCalls, maxTokens, totalTimeout }: Budget): Effect.Effect<Spending> =>
  Effect.gen(function* () {
    const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(totalTimeout)
    const callsLeft = yield* Ref.make(maxCalls)
    const tokensLeft = yield* Ref.make(maxTokens)
    const calls = yield* Ref.make(0)
    const attempts = yield* Ref.make<ReadonlyArray<Attempt>>([])
    const givenUp = yield* Ref.make<ReadonlySet<Provider.Route>>(new Set())
    return { deadline, callsLeft, tokensLeft, calls, attempts, givenUp }
  })

/**
 * What is left of a budget now.
 *
 * @since 0.1.0
 * @category getters
 */
export const left = (spent: Spending): Effect.Effect<BudgetLeft> =>
  Effect.gen(function* () {
    const tokens = yield* Ref.get(spent.tokensLeft)
    return {
      calls: yield* Ref.get(spent.callsLeft),
      milliseconds: Math.max(0, Math.floor(spent.deadline - (yield* Clock.currentTimeMillis))),
      tokens: Number.isFinite(tokens) ? Math.max(0, tokens) : null
    }
  })

/**
 * A task: what to ask (`rejected` says why the last answer was turned away), and which answers are accepted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Task<A> {
  readonly name: string
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
 * `Exhausted` if nothing is left to try. Paused routes are not asked. Interruptible like any effect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = Effect.fnUntraced(function* <A>(task: Task<A>, spent: Spending) {
  const pauses = yield* Pauses
  const errors: Array<AuxiliaryError> = []
  const paused: Array<string> = []
  for (const [index, route] of task.routes.entries()) {
    if (!(yield* pauses.claim(route, task.name))) {
      paused.push(Provider.label(route))
      continue
    }
    const end = yield* onRoute(task, spent, route, task.routes.length - index - 1)
    errors.push(...end.errors)
    if (end._tag === "Answered") {
      yield* pauses.succeeded(route, task.name)
      return end.answer
    }
    if (end._tag === "TooLarge") return yield* end.overflow
    const last = end.errors.at(-1)
    if (last !== undefined && (yield* isFirst(spent, route))) yield* pauses.failed(route, task.name, last)
    if (end._tag === "GivenUp") break
  }
  return yield* new Exhausted({ errors, paused })
})

const isFirst = ({ givenUp }: Spending, route: Provider.Route) =>
  Ref.modify(givenUp, (routes) => [!routes.has(route), new Set([...routes, route])])

/** How the calls on one route ended; `errors` are those on the way. */
type End<A> = { readonly errors: ReadonlyArray<AuxiliaryError> } & (
  | { readonly _tag: "Answered"; readonly answer: Answer<A> }
  | { readonly _tag: "TooLarge"; readonly overflow: ContextOverflow }
  | { readonly _tag: "NextRoute" }
  | { readonly _tag: "GivenUp" }
)

const onRoute = <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  routesLeft: number
): Effect.Effect<End<A>, never, AuxiliaryClients> =>
  Effect.gen(function* () {
    const label = Provider.label(route)
    const errors: Array<AuxiliaryError> = []
    let rejected: string | null = null
    while (true) {
      const result: Either.Either<A, AuxiliaryError> = yield* Effect.either(call(task, spent, route, rejected))
      yield* note(spent, label, result)
      if (result._tag === "Right") return { _tag: "Answered", answer: { value: result.right, route: label }, errors }
      const error = result.left
      const step = Recovery.next(task.recovery, error, {
        failures: errors.map(({ _tag }) => _tag),
        routesLeft,
        remaining: spent.deadline - (yield* Clock.currentTimeMillis),
        callsLeft: (yield* Ref.get(spent.tokensLeft)) < task.tokens ? 0 : yield* Ref.get(spent.callsLeft)
      })
      errors.push(error)
      if (step._tag === "Retry") {
        rejected = step.hint
        yield* Effect.sleep(step.delay)
      } else if (step._tag === "SmallerChunks") {
        return { _tag: "TooLarge", overflow: new ContextOverflow({ route: label, detail: error.message }), errors }
      } else if (step._tag === "GiveUp") {
        return { _tag: "GivenUp", errors }
      } else if (step._tag === "NextRoute" || !(yield* renewed(route))) {
        return { _tag: "NextRoute", errors }
      }
    }
  })

const renewed = (route: Provider.Route) => Effect.orElseSucceed(Provider.renew(route), () => false)

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
    yield* Ref.update(spent.tokensLeft, (left) => left - task.tokens)
    const timeout = Duration.min(route.timeout, Duration.millis(remaining))
    const completion = yield* clients.complete({ ...route, timeout }, request, { onProgress: task.onProgress })
    yield* Ref.update(spent.tokensLeft, (left) => left - costBeyond(task.tokens, completion))
    return yield* task.accept(label, completion)
  })

/** What a call took beyond the estimate of its prompt, by the provider's own count if it gave one. */
const costBeyond = (estimate: number, { text, usage }: Completion): number =>
  usage === null ? Math.ceil(text.length / 4) : usage.inputTokens + usage.outputTokens - estimate

const note = (spent: Spending, route: string, result: Either.Either<unknown, AuxiliaryError>) => {
  const error = result._tag === "Left" ? result.left : undefined
  const attempt = { route, error: error?._tag ?? null, detail: error?.message ?? null }
  return Ref.update(spent.attempts, (attempts) => [...attempts, attempt])
}
