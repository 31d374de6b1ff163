/** Runs one task of a model on a list of routes, as `Recovery` decides. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { ModelClients, type Completion } from "../model/ModelClients.ts"
import { type ModelError, ContextOverflow, Exhausted, ProviderError } from "../model/ModelError.ts"
import * as Provider from "../model/Provider.ts"
import * as Recovery from "../model/Recovery.ts"
import { Message } from "../message/Message.ts"
import { redactMessage } from "../message/Redaction.ts"
import { LEAST_TEXT } from "../handoff/prompt.ts"
import { mendSurrogates } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { chargeWork, awaitBudget } from "../concurrency/eventLoopBudget.ts"
import type { Attempt } from "../session/CompressionResult.ts"
import * as Budget from "./budget.ts"
import type { InPlaceRequest } from "./inPlace.ts"
import { RoutePauses } from "./RoutePauses.ts"

/** A task: what to ask, and which answers to accept. */
export interface ModelTask<A> {
  readonly name: string
  readonly routes: ReadonlyArray<Provider.Route>
  readonly recovery: Recovery.Policy
  /** Builds the request for a window; `hint` tells the model why its last answer was rejected. */
  readonly request: (hint: string | null, window: number) => Provider.ModelRequest
  /** The size of the request's text in tokens. A route with a smaller window is not asked. */
  readonly tokens: number
  /** The errors because of which the text has been cut so far; null if it cannot be cut. */
  readonly cuts: ReadonlyArray<ModelError["_tag"]> | null
  readonly accept: (route: string, completion: Completion) => Either.Either<A, ModelError>
  readonly onProgress: (characters: number) => Effect.Effect<void>
  /** Asks a route for the same in place, with the reason where that is not possible. */
  readonly inPlace?: ((route: Provider.Route) => Either.Either<InPlaceRequest, string>) | undefined
}

/** An accepted answer and the label of the route that gave it. */
export interface Answer<A> {
  readonly value: A
  readonly route: string
}

/** The text has to be cut because of `error`: into chunks that fit `window`, or in halves if it is null. */
export class TooLarge extends Data.TaggedError("TooLarge")<{
  readonly error: ModelError
  readonly window: number | null
}> {}

/**
 * Asks the routes in order until one gives an answer that is accepted. Paused routes are not asked. Fails with `TooLarge`
 * if smaller chunks should be tried, and with `Exhausted` if nothing is left to try. Interruptible like any effect.
 */
export const runModelTask = <A>(task: ModelTask<A>, spending: Budget.Spending) =>
  askRoutes(task, spending, task.routes, { errors: [], paused: [] })

/** Runs a request that has no other answer than the model's words. Secrets are taken out of its messages. */
export const runAuxiliaryRequest = Effect.fnUntraced(function* (
  request: Provider.ModelRequest,
  options: Budget.BudgetOptions & {
    readonly routes: ReadonlyArray<Provider.Route>
    readonly recovery?: Recovery.Policy | undefined
    readonly counter: Counter
  }
) {
  const routes = Provider.distinctRoutes(options.routes.filter(({ provider }) => provider !== "embedded"))
  if (!isRequest(request)) return yield* new Exhausted({ errors: [NO_REQUEST], paused: [] })
  const messages = request.messages.map(redactMessage)
  const spending = yield* Budget.startSpending(Budget.makeBudget(routes[0], options))
  const task: ModelTask<Completion> = {
    name: request.task,
    routes,
    recovery: options.recovery ?? Recovery.defaults,
    request: () => ({ ...request, messages }),
    tokens: messages.reduce((sum, message) => sum + options.counter.message(message), 0),
    cuts: null,
    accept: (_, completion) => Either.right(completion),
    onProgress: () => Effect.void
  }
  const { value } = yield* Effect.catchTag(runModelTask(task, spending), "TooLarge", ({ error }) =>
    Effect.fail(new Exhausted({ errors: [error], paused: [] }))
  )
  return value
})

const isRequest = Schema.is(
  Schema.Struct({ task: Schema.String, messages: Schema.Array(Message), maxOutputTokens: Schema.Positive })
)

const NO_REQUEST = new ProviderError({
  route: "none",
  status: null,
  detail: "the request has no task, no chat messages or no number of output tokens above 0"
})

/** The results of the routes asked so far. */
interface Tried {
  readonly errors: ReadonlyArray<ModelError>
  readonly paused: ReadonlyArray<string>
}

const askRoutes = <A>(
  task: ModelTask<A>,
  spending: Budget.Spending,
  [route, ...later]: ReadonlyArray<Provider.Route>,
  tried: Tried
): Effect.Effect<Answer<A>, Exhausted | TooLarge, ModelClients | RoutePauses> =>
  Effect.gen(function* () {
    if (route === undefined) return yield* new Exhausted(tried)
    const end = yield* askRoute({ task, spending, route, routesLeft: later.length })
    const errors = [...tried.errors, ...end.errors]
    switch (end._tag) {
      case "Answered":
        return end.answer
      case "TooLarge":
        return yield* new TooLarge(end)
      case "GivenUp":
        return yield* new Exhausted({ ...tried, errors })
      case "Left": {
        const paused = end.errors.length === 0 ? [...tried.paused, Provider.label(route)] : tried.paused
        return yield* askRoutes(task, spending, later, { errors, paused })
      }
    }
  })

/** One task on one route. */
interface RouteRun<A> {
  readonly task: ModelTask<A>
  readonly spending: Budget.Spending
  readonly route: Provider.Route
  readonly routesLeft: number
  readonly isInPlace?: boolean
}

/** The end of a route. `errors` are those of its calls; a route that was left without any was not asked. */
type RouteEnd<A> = { readonly errors: ReadonlyArray<ModelError> } & (
  | { readonly _tag: "Answered"; readonly answer: Answer<A> }
  | { readonly _tag: "TooLarge"; readonly error: ModelError; readonly window: number | null }
  | { readonly _tag: "Left" }
  | { readonly _tag: "GivenUp" }
)

/** Claims the route and asks it until it answers or `Recovery` leaves it. */
const askRoute = <A>(run: RouteRun<A>): Effect.Effect<RouteEnd<A>, never, ModelClients | RoutePauses> =>
  Effect.gen(function* () {
    const { spending, route, task } = run
    const pauses = yield* RoutePauses
    const state = yield* shareRouteState(spending.routes, route, pauses.claim(route, task.name))
    const asked: Effect.Effect<RouteEnd<A>, never, ModelClients | RoutePauses> = Effect.flatMap(
      state.isLeft ? Effect.succeed(false) : state.claim,
      (isClaimed) => (isClaimed ? askInPlaceFirst(run, state) : Effect.succeed({ _tag: "Left", errors: [] }))
    )
    return yield* asked.pipe(
      Effect.tap(({ _tag }) => (_tag === "Answered" ? pauses.recordSuccess(route, task.name) : Effect.void)),
      Effect.onInterrupt(() => pauses.release(route, task.name))
    )
  })

const shareRouteState = Effect.fnUntraced(function* (
  routes: Map<Provider.Route, Budget.RouteState>,
  route: Provider.Route,
  claim: Effect.Effect<boolean>
) {
  const unknown: Budget.RouteState = { claim: yield* Effect.cached(claim), hasFailed: false, isLeft: false }
  const state = routes.get(route) ?? unknown
  routes.set(route, state)
  return state
})

/**
 * Makes one call in place if the route is the agent's own. What the server or the gate has against that request says
 * nothing against the usual one, which then follows as if it were the first. Any other failure is one of the route.
 */
const askInPlaceFirst = <A>(
  run: RouteRun<A>,
  state: Budget.RouteState
): Effect.Effect<RouteEnd<A>, never, ModelClients | RoutePauses> =>
  Effect.gen(function* () {
    const { route, task } = run
    const isAgents = route.inPlace !== undefined && route.inPlace !== false
    const prepared = isAgents ? task.inPlace?.(route) : undefined
    if (prepared === undefined) return yield* askUntilLeft(run, state, [], null)
    if (Either.isLeft(prepared)) {
      yield* noteEnd(run, { error: "NotInPlace", detail: prepared.left, inPlace: true })
      return yield* askUntilLeft(run, state, [], null)
    }
    const { conceal, ...request } = prepared.right
    const accept: typeof task.accept = (label, completion) =>
      task.accept(label, { ...completion, text: conceal(completion.text) })
    const inPlace = { ...run, task: { ...task, ...request, accept }, isInPlace: true }
    const attempted = yield* attemptCall(inPlace, state, null)
    const isRefused = attempted._tag === "Failed" && OF_REQUEST.includes(attempted.error._tag)
    return attempted._tag === "Skipped" || isRefused
      ? yield* askUntilLeft(run, state, [], null)
      : yield* continueAfter(run, state, { before: [], hint: null }, attempted)
  })

/** Failures of a request in place that another request on the same route need not share. */
const OF_REQUEST: ReadonlyArray<ModelError["_tag"]> = ["ContextOverflow", "InvalidSummary", "ProviderError"]

/** Attempts the route again and again, as long as `Recovery` stays on it. */
const askUntilLeft = <A>(
  run: RouteRun<A>,
  state: Budget.RouteState,
  before: ReadonlyArray<ModelError>,
  hint: string | null
): Effect.Effect<RouteEnd<A>, never, ModelClients | RoutePauses> =>
  Effect.flatMap(attemptCall(run, state, hint), (attempted) => continueAfter(run, state, { before, hint }, attempted))

const continueAfter = <A>(
  run: RouteRun<A>,
  state: Budget.RouteState,
  { before, hint }: { readonly before: ReadonlyArray<ModelError>; readonly hint: string | null },
  attempted: Attempted<A>
): Effect.Effect<RouteEnd<A>, never, ModelClients | RoutePauses> =>
  Effect.gen(function* () {
    switch (attempted._tag) {
      case "Accepted": {
        const answer = { value: attempted.value, route: Provider.label(run.route) }
        return { _tag: "Answered", answer, errors: before }
      }
      case "Skipped": {
        if (attempted.why === "left") return { _tag: "Left", errors: before }
        const last = before.at(-1)
        if (last !== undefined) yield* leaveRoute(run, state, decideNext(run, last, before, noneLeft))
        return { _tag: "GivenUp", errors: before }
      }
      case "Failed": {
        const { error } = attempted
        const errors = [...before, error]
        const step = yield* decideAndRenew(run, error, before)
        switch (step._tag) {
          case "Retry":
            return yield* Effect.delay(askUntilLeft(run, state, errors, step.hint), step.delay)
          case "NewCredential":
            return yield* askUntilLeft(run, state, errors, hint)
          case "SmallerChunks": {
            const window = error._tag === "ContextOverflow" ? run.spending.windows.find(run.route) : null
            return { _tag: "TooLarge", error, window, errors }
          }
          default:
            yield* leaveRoute(run, state, step)
            return { _tag: step._tag === "NextRoute" ? "Left" : "GivenUp", errors }
        }
      }
    }
  })

/** The rest of the budget, as `Recovery` needs it. */
type Left = Pick<Recovery.Attempt, "remaining" | "callsLeft" | "isRenewable">

const noneLeft: Left = { remaining: 0, callsLeft: 0, isRenewable: false }

const decideNext = <A>(
  { routesLeft, task }: RouteRun<A>,
  error: ModelError,
  before: ReadonlyArray<ModelError>,
  left: Left
): Recovery.Step =>
  Recovery.next(task.recovery, error, {
    failures: [...(task.cuts ?? []), ...before.map(({ _tag }) => _tag)],
    routesLeft,
    isDivisible: task.cuts !== null,
    ...left
  })

/** The next step, with the credential renewed if that is the step. If renewing fails, the decision is taken again. */
const decideAndRenew = <A>(run: RouteRun<A>, error: ModelError, before: ReadonlyArray<ModelError>) =>
  Effect.gen(function* () {
    const left = yield* readLeft(run)
    const step = decideNext(run, error, before, left)
    if (step._tag !== "NewCredential" || (yield* renewCredential(run))) return step
    return decideNext(run, error, before, { ...left, isRenewable: false })
  })

const readLeft = <A>({ route, spending, task }: RouteRun<A>): Effect.Effect<Left> =>
  Effect.gen(function* () {
    const hasTokens = (yield* Ref.get(spending.tokensLeft)) >= task.tokens
    return {
      remaining: yield* Budget.readTimeLeft(spending),
      callsLeft: hasTokens ? yield* Ref.get(spending.callsLeft) : 0,
      isRenewable: Provider.isRenewable(route)
    }
  })

/** False if no new credential came within the time of a call. */
const renewCredential = <A>({ route, spending }: RouteRun<A>) =>
  Effect.gen(function* () {
    const { timeout } = yield* limitToBudget(route, spending)
    return yield* Effect.orElseSucceed(Effect.timeout(Provider.renew(route), timeout), () => false)
  })

/**
 * Remembers the failure of the route, once for all chunks of the task. A text that cannot be cut may be too large for a
 * window that takes the others.
 */
const leaveRoute = <A>(
  { route, task }: RouteRun<A>,
  state: Budget.RouteState,
  step: Recovery.Step
): Effect.Effect<void, never, RoutePauses> => {
  if (step._tag !== "NextRoute" && step._tag !== "GiveUp") return Effect.void
  const isFirst = !state.hasFailed
  state.hasFailed = true
  const isOfAll = step.pause === "route" || task.cuts !== null || task.tokens <= LEAST_TEXT
  state.isLeft ||= step.isFinal && isOfAll
  if (!isFirst || step.pause === "nothing") return Effect.void
  const { pause } = step
  return Effect.flatMap(RoutePauses, ({ recordFailure }) => recordFailure(route, task.name, pause))
}

/**
 * One attempt on a route. It is skipped if another chunk has `left` the route meanwhile, or if the `budget` is not
 * enough for the call or for the wait before it.
 */
type Attempted<A> = Data.TaggedEnum<{
  Skipped: { readonly why: "left" | "budget" }
  Failed: { readonly error: ModelError }
  Accepted: { readonly value: A }
}>
interface AttemptedDefinition extends Data.TaggedEnum.WithGenerics<1> {
  readonly taggedEnum: Attempted<this["A"]>
}
const { Accepted, Failed, Skipped } = Data.taggedEnum<AttemptedDefinition>()

/** Waits for a place, reserves the call, makes it, and notes how it ended. */
const attemptCall = <A>(
  run: RouteRun<A>,
  state: Budget.RouteState,
  hint: string | null
): Effect.Effect<Attempted<A>, never, ModelClients> =>
  Effect.gen(function* () {
    const { route, spending, task } = run
    // The prompt of a chunk may be a megabyte long.
    yield* awaitBudget
    const limit = spending.windows.find(route)
    const request = yield* chargeWork(() => makeRequest(task, hint, limit))
    if (task.tokens + request.maxOutputTokens > limit) {
      const detail = `${task.tokens} tokens do not fit ${limit}`
      return Failed<A>({ error: new ContextOverflow({ route: Provider.label(route), detail, limit }) })
    }
    const { withPlace } = yield* ModelClients
    const call = Effect.suspend(() => {
      if (state.isLeft) return Effect.succeed(Skipped<A>({ why: "left" }))
      return Effect.if(Budget.reserveCall(spending, task.tokens), {
        onTrue: () => makeCall(run, request),
        onFalse: () => Effect.succeed(Skipped<A>({ why: "budget" }))
      })
    })
    const late = Effect.sync(() => Skipped<A>({ why: state.isLeft ? "left" : "budget" }))
    return yield* withPlace(route, call, { wait: yield* Budget.readTimeLeft(spending), late })
  }).pipe(Effect.tap((attempted) => noteAttempt(run, attempted)))

/** Strict servers refuse a request with half a character in it, and a log may hold any text. */
const makeRequest = <A>(task: ModelTask<A>, hint: string | null, window: number): Provider.ModelRequest => {
  const request = task.request(hint, window)
  return { ...request, messages: request.messages.map(mendSurrogates) }
}

/** One call, within the time that is left. A server that answers at all takes a request of this size. */
const makeCall = <A>(
  { route, spending, task }: RouteRun<A>,
  request: Provider.ModelRequest
): Effect.Effect<Attempted<A>, never, ModelClients> =>
  Effect.gen(function* () {
    const { completeWith } = yield* ModelClients
    const { windows } = spending
    const size = { text: task.tokens, answer: request.maxOutputTokens }
    const reserved = { task: task.name, route, reserved: task.tokens }
    yield* Ref.update(spending.calls, (calls) => calls + 1)
    const accept = (completion: Completion) =>
      Budget.chargeAnswer(spending, reserved, completion).pipe(
        Effect.zipRight(windows.pass(route, size)),
        Effect.zipRight(task.accept(Provider.label(route), completion))
      )
    return yield* completeWith(yield* limitToBudget(route, spending), request, accept, {
      onProgress: task.onProgress,
      recovery: task.recovery
    }).pipe(Effect.tapErrorTag("ContextOverflow", ({ limit }) => Effect.sync(() => windows.refuse(route, size, limit))))
  }).pipe(Effect.match({ onFailure: (error) => Failed<A>({ error }), onSuccess: (value) => Accepted({ value }) }))

const limitToBudget = (route: Provider.Route, spending: Budget.Spending): Effect.Effect<Provider.Route> =>
  Effect.map(Budget.readTimeLeft(spending), (left) => ({
    ...route,
    timeout: Duration.min(route.timeout, Duration.millis(left))
  }))

const noteAttempt = <A>(run: RouteRun<A>, attempted: Attempted<A>): Effect.Effect<void> => {
  if (attempted._tag === "Skipped") return Effect.void
  const error = attempted._tag === "Failed" ? attempted.error : undefined
  const ended = { error: error?._tag ?? null, detail: error?.message ?? null }
  return noteEnd(run, run.isInPlace === true ? { ...ended, inPlace: true } : ended)
}

const noteEnd = <A>({ route, spending, task }: RouteRun<A>, ended: Omit<Attempt, "route">): Effect.Effect<void> =>
  Budget.noteAttempt(spending, task.name, { route: Provider.label(route), ...ended })
