/**
 * The one cache of model clients, for every auxiliary task. A client that a call failed on is never handed out again.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InvalidPolicy } from "./InvalidSetting.ts"
import * as ClientCache from "./clientCache.ts"
import * as StreamDeadlines from "../concurrency/streamDeadlines.ts"
import { safeErrorText } from "./safeErrorText.ts"
import * as Endpoint from "./endpoint.ts"
import * as FairQueue from "../concurrency/fairQueue.ts"
import { type ModelError, condemnsClient, ConnectionError, ProviderError, Timeout } from "./ModelError.ts"
import { type CallUsage, type Event, label, type Provider, type Request, resolve, type Route } from "./Provider.ts"

/**
 * `maxConcurrentCalls` bounds the calls that are under way on one route for all tasks together; default 16.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly maxConcurrentCalls?: number | undefined
}

/**
 * A model's whole answer. Only `stop` says that the model came to the end by itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Completion {
  readonly text: string
  readonly reasoning: string
  readonly finish: "stop" | "length" | "refusal" | "other"
  readonly usage: CallUsage | null
}

/**
 * How long to wait for a place, and what happens instead of longer.
 *
 * @since 0.1.0
 * @category models
 */
export type Patience<A, E> = FairQueue.Patience<A, E>

/**
 * `onProgress` hears how many characters, reasoning included, have come so far, whenever more have come.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompleteOptions {
  readonly onProgress?: ((characters: number) => Effect.Effect<void>) | undefined
}

/**
 * Calls models. `within` runs an effect in one of the route's places, first come first served; waiting for one is
 * interruptible, and no part of a call's own time. `complete` makes one call on one route and retries
 * nothing; it fails with `Timeout` after the route's `timeout` as a whole or `idleTimeout` of silence, and closes the
 * connection when it is interrupted. Every call of an auxiliary task has its place first.
 *
 * @since 0.1.0
 * @category services
 */
export class ModelClients extends Context.Tag("throughline/ModelClients")<
  ModelClients,
  {
    readonly within: <A, E, R, B = never, E2 = never>(
      route: Route,
      effect: Effect.Effect<A, E, R>,
      patience?: Patience<B, E2>
    ) => Effect.Effect<A | B, E | E2, R>
    readonly complete: (
      route: Route,
      request: Request,
      options?: CompleteOptions
    ) => Effect.Effect<Completion, ModelError>
  }
>() {}

/**
 * Where a route leads: its base URL, normalised, and a hash of its credential. Routes of one place share a client.
 *
 * @since 0.1.0
 * @category getters
 */
export const endpointKey: (route: Route) => string = Endpoint.endpointKey

/**
 * Whether two routes reach the same model at the same place in the same way.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSameRoute = (a: Route, b: Route): boolean => identity(a) === identity(b)

/**
 * The routes in their order, those that lead to the same model at the same place once.
 *
 * @since 0.1.0
 * @category getters
 */
export const distinctRoutes = (routes: ReadonlyArray<Route>): ReadonlyArray<Route> =>
  routes.filter((route, i) => routes.findIndex((earlier) => isSameRoute(earlier, route)) === i)

/**
 * The cache over a `Provider`. Closing the scope closes every client, those in use too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* ({ maxConcurrentCalls = 16 }: Options = {}) {
  if (!Number.isInteger(maxConcurrentCalls) || maxConcurrentCalls < 1) {
    const issue = `expected a whole number from 1 on, got ${maxConcurrentCalls}`
    return yield* new InvalidPolicy({ field: "maxConcurrentCalls", issue })
  }
  const { condemn, take } = yield* ClientCache.make
  const line = FairQueue.make<string>(maxConcurrentCalls)
  const within: Context.Tag.Service<ModelClients>["within"] = (route, effect, patience) =>
    line.withPlace(identity(route), effect, patience)

  const complete = Effect.fn("ModelClients.complete")(function* (
    route: Route,
    request: Request,
    options?: CompleteOptions
  ) {
    yield* Effect.annotateCurrentSpan({ route: label(route), task: request.task })
    let used: ClientCache.ClientKey | undefined
    const stream = Effect.gen(function* () {
      // An expiring key may have to be fetched: that is a part of the call's time.
      const resolved = yield* resolve(route)
      const { client, key } = yield* take(resolved)
      used = key
      return client.stream(resolved, request)
    })
    return yield* call(route, stream, options).pipe(
      // Whatever a provider throws, the next route may do better.
      Effect.catchAllDefect((defect) => Effect.fail(thrown(route, used, defect))),
      Effect.onError((cause) =>
        used !== undefined && Option.exists(Cause.failureOption(cause), condemnsClient) ? condemn(used) : Effect.void
      )
    )
  }, Effect.scoped)

  return ModelClients.of({ within, complete })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<ModelClients, InvalidPolicy, Provider> =>
  Layer.scoped(ModelClients, make(options))

/** Two models at one place have limits of their own. */
const identity = (route: Route): string => JSON.stringify([route.model, route.api, endpointKey(route)])

const call = (
  route: Route,
  stream: Effect.Effect<Stream.Stream<Event, ModelError>, ModelError, Scope.Scope>,
  options: CompleteOptions | undefined
) =>
  StreamDeadlines.withinDeadlines(
    {
      idle: Duration.toMillis(route.idleTimeout),
      total: Duration.toMillis(route.timeout),
      late: (phase) => timeout(route, phase)
    },
    (heard) =>
      Effect.flatMap(Effect.flatMap(stream, Stream.toPull), (pull) =>
        gather(pull, (answer, before) =>
          length(answer) === length(before)
            ? heard
            : Effect.zipRight(heard, options?.onProgress?.(length(answer)) ?? Effect.void)
        )
      )
  ).pipe(Effect.flatMap((answer) => completed(route, answer)))

/** Pulls until the end: running the stream with a sink would take twice as many steps. */
const gather = (
  pull: Effect.Effect<Chunk.Chunk<Event>, Option.Option<ModelError>>,
  onGrown: (answer: Answer, before: Answer) => Effect.Effect<void>,
  answer = empty
): Effect.Effect<Answer, ModelError> =>
  Effect.matchEffect(pull, {
    onFailure: Option.match({ onNone: () => Effect.succeed(answer), onSome: Effect.fail }),
    onSuccess: (events) => {
      const grown = Chunk.reduce(events, answer, grow)
      return Effect.zipRight(onGrown(grown, answer), gather(pull, onGrown, grown))
    }
  })

const thrown = (route: Route, used: ClientCache.ClientKey | undefined, defect: unknown) =>
  new ProviderError({ route: label(route), status: null, detail: safeErrorText(used?.route.apiKey, String(defect)) })

const timeout = (route: Route, phase: "idle" | "total") =>
  new Timeout({
    route: label(route),
    phase,
    deadline: Duration.toMillis(phase === "idle" ? route.idleTimeout : route.timeout)
  })

interface Answer {
  readonly text: string
  readonly reasoning: string
  readonly ends: ReadonlyArray<Extract<Event, { readonly _tag: "Finished" }>>
}

const empty: Answer = { text: "", reasoning: "", ends: [] }

const length = (answer: Answer): number => answer.text.length + answer.reasoning.length

const grow = (answer: Answer, event: Event): Answer => {
  switch (event._tag) {
    case "Text":
      return { ...answer, text: answer.text + event.text }
    case "Reasoning":
      return { ...answer, reasoning: answer.reasoning + event.text }
    case "Finished":
      return { ...answer, ends: [...answer.ends, event] }
  }
}

const completed = (route: Route, { ends, reasoning, text }: Answer): Effect.Effect<Completion, ModelError> => {
  const [end, second] = ends
  if (end === undefined) {
    return Effect.fail(new ConnectionError({ route: label(route), detail: "the answer stopped before its end" }))
  }
  if (second !== undefined) {
    return Effect.fail(new ProviderError({ route: label(route), status: null, detail: "the answer ended twice" }))
  }
  return Effect.succeed({ text, reasoning, finish: end.reason, usage: counted(end.usage) })
}

/** Budgets are kept by these counts, and stored: what is no count of anything is better estimated. */
const counted = (usage: CallUsage | null): CallUsage | null =>
  usage !== null && [usage.inputTokens, usage.outputTokens].every((n) => Number.isSafeInteger(n) && n >= 0)
    ? usage
    : null
