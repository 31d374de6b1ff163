/**
 * One auxiliary task on a list of routes: the program that obeys `Recovery`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { ModelClients, type Completion } from "../model/ModelClients.ts"
import { ModelError, ContextOverflow } from "../model/ModelError.ts"
import type { Attempt, BudgetLeft } from "../session/CompressionResult.ts"
import { chargeWork, awaitBudget } from "../concurrency/eventLoopBudget.ts"
import * as RouteMemory from "./routeMemory.ts"
import { costBeyond, reserve } from "./budget.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"
import { RoutePauses } from "./RoutePauses.ts"
import * as Provider from "../model/Provider.ts"
import * as Recovery from "../model/Recovery.ts"

/**
 * Every route failed or is paused, or the budget ran out; `errors` in the order they came, `paused` the routes that were
 * not asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted extends Schema.TaggedError<Exhausted>()("Exhausted", {
  errors: Schema.Array(ModelError),
  paused: Schema.Array(Schema.String)
}) {
  override get message() {
    const last = this.errors.at(-1)
    if (last !== undefined) return last.message
    if (this.paused.length > 0) return `paused after failures: ${this.paused.join(", ")}`
    return "no route to a model, or too little left of the budget to ask one"
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
 * A budget with its defaults: 8 calls, 1.5 times the first route's timeout for all of them, and any number of tokens.
 *
 * @since 0.1.0
 * @category constructors
 */
export const budget = (
  first: Provider.Route | undefined,
  options: {
    readonly maxCalls?: number | undefined
    readonly maxTokens?: number | undefined
    readonly totalTimeout?: Duration.DurationInput | undefined
  }
): Budget => ({
  maxCalls: options.maxCalls ?? 8,
  // Finite: what was spent is the difference to what is left.
  maxTokens: Math.min(options.maxTokens ?? Infinity, Number.MAX_SAFE_INTEGER),
  totalTimeout:
    options.totalTimeout === undefined
      ? Duration.times(first?.timeout ?? Duration.minutes(1), 1.5)
      : Duration.decode(options.totalTimeout)
})

/**
 * A budget being spent. `deadline` is in milliseconds of a clock that only goes on, whatever the time of day is set to.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spending {
  readonly deadline: number
  readonly callsLeft: Ref.Ref<number>
  readonly maxTokens: number
  readonly tokensLeft: Ref.Ref<number>
  readonly calls: Ref.Ref<number>
  readonly attempts: Ref.Ref<ReadonlyArray<Attempt>>
  /** What the chunks of the task have found out about its routes. */
  readonly known: RouteMemory.KnownRoutes
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const spending = ({ maxCalls, maxTokens, totalTimeout }: Budget): Effect.Effect<Spending> =>
  Effect.gen(function* () {
    const deadline = (yield* monotonicMillis) + Duration.toMillis(totalTimeout)
    const callsLeft = yield* Ref.make(maxCalls)
    const tokensLeft = yield* Ref.make(maxTokens)
    const calls = yield* Ref.make(0)
    const attempts = yield* Ref.make<ReadonlyArray<Attempt>>([])
    const known: RouteMemory.KnownRoutes = new Map()
    return { deadline, callsLeft, maxTokens, tokensLeft, calls, attempts, known }
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
      milliseconds: Math.max(0, Math.floor(spent.deadline - (yield* monotonicMillis))),
      tokens: spent.maxTokens < Number.MAX_SAFE_INTEGER ? Math.max(0, tokens) : null
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
  /** How often the text has been cut because a route found it too long; null if it cannot be cut. */
  readonly cuts: number | null
  readonly accept: (route: string, completion: Completion) => Either.Either<A, ModelError>
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
  const pauses = yield* RoutePauses
  const errors: Array<ModelError> = []
  const paused: Array<string> = []
  for (const [index, route] of task.routes.entries()) {
    const known = yield* RouteMemory.knownRoutesOf(spent.known, route, pauses.claim(route, task.name))
    const asked = Effect.if(known.isDone ? Effect.succeed(false) : known.claim, {
      onTrue: () => onRoute(task, spent, route, known, task.routes.length - index - 1),
      onFalse: () => Effect.succeed<End<A>>({ _tag: "NextRoute", errors: [] })
    })
    const end = yield* asked.pipe(
      Effect.tap(({ _tag }) => (_tag === "Answered" ? pauses.succeeded(route, task.name) : Effect.void)),
      Effect.onInterrupt(() => pauses.release(route, task.name))
    )
    errors.push(...end.errors)
    if (end._tag === "Answered") return end.answer
    if (end._tag === "TooLarge") return yield* end.overflow
    const last = end.errors.at(-1)
    if (last !== undefined && RouteMemory.learnRoute(known, last)) yield* pauses.failed(route, task.name, last)
    if (last === undefined && end._tag === "NextRoute") paused.push(Provider.label(route))
    if (end._tag === "GivenUp") break
  }
  return yield* new Exhausted({ errors, paused })
})

/** How the calls on one route ended; `errors` are those on the way. */
type End<A> = { readonly errors: ReadonlyArray<ModelError> } & (
  | { readonly _tag: "Answered"; readonly answer: Answer<A> }
  | { readonly _tag: "TooLarge"; readonly overflow: ContextOverflow }
  | { readonly _tag: "NextRoute" }
  | { readonly _tag: "GivenUp" }
)

const onRoute = <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  known: RouteMemory.Known,
  routesLeft: number
): Effect.Effect<End<A>, never, ModelClients> =>
  Effect.gen(function* () {
    const label = Provider.label(route)
    const errors: Array<ModelError> = []
    const cuts = Array.from({ length: task.cuts ?? 0 }, () => "ContextOverflow" as const)
    let rejected: string | null = null
    while (true) {
      // Chunks have prompts of a megabyte each.
      yield* awaitBudget
      const request = yield* chargeWork(() => task.request(rejected))
      const fits = task.tokens + request.maxOutputTokens <= route.contextLength
      const asked = fits
        ? yield* ask(task, spent, route, known, request)
        : Option.some(Either.left(tooLong(task, route)))
      if (Option.isNone(asked)) return { _tag: known.isDone ? "NextRoute" : "GivenUp", errors }
      const result = asked.value
      yield* note(spent, label, result)
      if (result._tag === "Right") return { _tag: "Answered", answer: { value: result.right, route: label }, errors }
      const error = result.left
      const step = Recovery.next(task.recovery, error, {
        failures: [...cuts, ...errors.map(({ _tag }) => _tag)],
        routesLeft,
        remaining: spent.deadline - (yield* monotonicMillis),
        callsLeft: (yield* Ref.get(spent.tokensLeft)) < task.tokens ? 0 : yield* Ref.get(spent.callsLeft)
      })
      errors.push(error)
      if (step._tag === "Retry") {
        rejected = step.hint
        yield* Effect.sleep(step.delay)
      } else if (step._tag === "SmallerChunks" && task.cuts !== null) {
        return { _tag: "TooLarge", overflow: new ContextOverflow({ route: label, detail: error.message }), errors }
      } else if (step._tag === "GiveUp") {
        return { _tag: "GivenUp", errors }
      } else if (step._tag !== "NewCredential" || !(yield* renewed(route, spent))) {
        return { _tag: "NextRoute", errors }
      }
    }
  })

/** Within the time of a call. */
const renewed = Effect.fnUntraced(function* (route: Provider.Route, spent: Spending) {
  const duration = yield* timeFor(route, spent)
  return yield* Effect.orElseSucceed(Effect.timeout(Provider.renew(route), duration), () => false)
})

const timeFor = (route: Provider.Route, spent: Spending): Effect.Effect<Duration.Duration> =>
  Effect.map(monotonicMillis, (now) => Duration.min(route.timeout, Duration.millis(spent.deadline - now)))

const tooLong = ({ tokens }: { readonly tokens: number }, route: Provider.Route) =>
  new ContextOverflow({
    route: Provider.label(route),
    detail: `${tokens} tokens do not fit ${route.contextLength}`
  })

/**
 * One call, if the route has a place for it in time, the budget is enough then, and no other chunk has found out meanwhile
 * that it is not to be asked. The place is given back at its end.
 */
const ask = <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  known: RouteMemory.Known,
  request: Provider.Request
): Effect.Effect<Option.Option<Either.Either<A, ModelError>>, never, ModelClients> =>
  Effect.gen(function* () {
    const { within } = yield* ModelClients
    const patience = { wait: spent.deadline - (yield* monotonicMillis), late: Effect.succeedNone }
    const asked = Effect.flatMap(reserve(task, spent), (isGranted) =>
      isGranted ? Effect.asSome(Effect.either(call(task, spent, route, request))) : Effect.succeedNone
    )
    return yield* within(
      route,
      Effect.suspend(() => (known.isDone ? Effect.succeedNone : asked)),
      patience
    )
  })

/** One call, within what is left of the time. */
const call = <A>(
  task: Task<A>,
  spent: Spending,
  route: Provider.Route,
  request: Provider.Request
): Effect.Effect<A, ModelError, ModelClients> =>
  Effect.gen(function* () {
    const clients = yield* ModelClients
    yield* Ref.update(spent.calls, (calls) => calls + 1)
    const timeout = yield* timeFor(route, spent)
    const completion = yield* clients.complete({ ...route, timeout }, request, { onProgress: task.onProgress })
    yield* Ref.update(spent.tokensLeft, (left) => left - costBeyond(task.tokens, completion))
    return yield* task.accept(Provider.label(route), completion)
  })

const note = (spent: Spending, route: string, result: Either.Either<unknown, ModelError>) => {
  const error = result._tag === "Left" ? result.left : undefined
  const told = { error: error?._tag ?? null, detail: error?.message ?? null }
  return Ref.update(spent.attempts, (attempts) => [...attempts, { route, ...told }])
}
