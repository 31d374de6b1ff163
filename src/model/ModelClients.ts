/**
 * Keeps one client per endpoint for every auxiliary task, and calls models through them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as ScopedCache from "effect/ScopedCache"
import * as Stream from "effect/Stream"
import { checkWhole, type InvalidPolicy } from "./InvalidSetting.ts"
import { safeErrorText, textOf } from "./safeErrorText.ts"
import { ConnectionError, ModelError, ProviderError, Timeout } from "./ModelError.ts"
import {
  type CallUsage,
  endpointKey,
  type Event,
  label,
  modelKey,
  type ModelRequest,
  Provider,
  resolve,
  type ResolvedRoute,
  type Route,
  validUsage
} from "./Provider.ts"
import * as CallSpan from "./callSpan.ts"
import * as Recovery from "./Recovery.ts"
import * as FiberServices from "../concurrency/fiberServices.ts"

/**
 * `maxConcurrentCalls` bounds the calls that are under way to one model for all tasks together; default 16.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelClientsOptions {
  readonly maxConcurrentCalls?: number | undefined
}

/**
 * A model's whole answer. Only the finish `stop` means that the model came to the end by itself.
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
 * Bounds the wait for a place: `late` runs instead of waiting longer than `wait`.
 *
 * @since 0.1.0
 * @category models
 */
export type Patience<A, E> = FiberServices.Patience<A, E>

/**
 * `onProgress` receives the number of characters so far, reasoning included, each time more have come. `recovery`
 * decides which errors drop the client; default: `Recovery.defaults`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompleteOptions {
  readonly onProgress?: ((characters: number) => Effect.Effect<void>) | undefined
  readonly recovery?: Recovery.Policy | undefined
}

/**
 * Calls models through clients that all tasks share. A client that `Recovery.dropsClient` drops is never handed out
 * again; calls under way on it go on.
 *
 * @since 0.1.0
 * @category services
 */
export class ModelClients extends Context.Tag("throughline/ModelClients")<
  ModelClients,
  {
    /**
     * Runs `effect` in one of the places of the route's model, first come first served. Waiting for a place is
     * interruptible and does not count as time of the call. Every call of an auxiliary task needs a place.
     */
    readonly withPlace: <A, E, R, B = never, E2 = never>(
      route: Route,
      effect: Effect.Effect<A, E, R>,
      patience?: Patience<B, E2>
    ) => Effect.Effect<A | B, E | E2, R>
    /**
     * Makes one call and retries nothing. Fails with `Timeout` after the route's `timeout` for the whole call or after
     * its `idleTimeout` of silence. Interruption closes the connection.
     */
    readonly complete: (
      route: Route,
      request: ModelRequest,
      options?: CompleteOptions
    ) => Effect.Effect<Completion, ModelError>
    /** Like `complete`, and runs `accept` on the answer. An error of `accept` counts as an error of the call. */
    readonly completeWith: <A>(
      route: Route,
      request: ModelRequest,
      accept: (completion: Completion) => Effect.Effect<A, ModelError>,
      options?: CompleteOptions
    ) => Effect.Effect<A, ModelError>
  }
>() {}

/**
 * Builds the service on a `Provider`. Closing its scope closes every client, also those in use.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* ({ maxConcurrentCalls = 16 }: ModelClientsOptions = {}) {
  yield* checkWhole("maxConcurrentCalls", maxConcurrentCalls, 1)
  const { dropClient, takeClient } = yield* makeClientCache
  const queue = FiberServices.makeFairQueue<string>(maxConcurrentCalls)

  const withPlace: ModelClients["Type"]["withPlace"] = (route, effect, patience) =>
    queue.withPlace(modelKey(route), effect, patience)

  const completeWith: ModelClients["Type"]["completeWith"] = (
    route,
    request,
    accept,
    { onProgress, recovery = Recovery.defaults } = {}
  ) =>
    Effect.suspend(() => {
      let used: ClientKey | undefined
      const stream = Effect.gen(function* () {
        // Fetching a key that expires counts as time of the call.
        const resolved = yield* resolve(route)
        const client = yield* takeClient(resolved, (key) => (used = key))
        return client.stream(resolved, request)
      })
      const dropOnFailure = (cause: Cause.Cause<ModelError>) =>
        used !== undefined &&
        Option.exists(Cause.failureOption(cause), (error) => Recovery.dropsClient(recovery, error))
          ? dropClient(used)
          : Effect.void
      const makeError = (thrown: unknown) => describeThrown(route, used, thrown)
      return readAnswer(route, stream, mostCharacters(request), makeError, onProgress).pipe(
        Effect.tap((answer) => FiberServices.annotateSpan(() => CallSpan.describeAnswer(answer))),
        Effect.flatMap(accept),
        Effect.onError(dropOnFailure)
      )
    }).pipe(Effect.scoped, (call) =>
      FiberServices.traceIfKept(call, (call) => CallSpan.traceCall(route, request, call))
    )

  const complete: ModelClients["Type"]["complete"] = (route, request, options) =>
    completeWith(route, request, Effect.succeed, options)

  return ModelClients.of({ withPlace, complete, completeWith })
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: ModelClientsOptions): Layer.Layer<ModelClients, InvalidPolicy, Provider> =>
  Layer.scoped(ModelClients, make(options))

/** Names one client in the cache. No epoch is used twice, so the key of a dropped client never comes back. */
class ClientKey extends Data.Class<{
  readonly endpoint: string
  readonly epoch: number
  readonly route: ResolvedRoute
}> {}

const MAX_CLIENTS = 64

/** Opens a client per endpoint when it is first needed, and hands it out until it is dropped. */
const makeClientCache = Effect.gen(function* () {
  const provider = yield* Provider
  const scope = yield* Effect.scope
  const current = new Map<string, ClientKey>()
  let epochs = 0

  const forgetKey = (key: ClientKey): boolean => current.get(key.endpoint) === key && current.delete(key.endpoint)

  // The client has a scope of its own, because the cache leaves a client open that is in use when the cache closes.
  const openClient = (key: ClientKey) => {
    const forget = Effect.sync(() => forgetKey(key))
    const opened = FiberServices.suspendForeign(() => provider.open(key.route))
    return Effect.acquireRelease(Scope.fork(scope, ExecutionStrategy.sequential), Scope.close).pipe(
      Effect.tap((own) => Scope.addFinalizer(own, forget)),
      Effect.flatMap((own) => Effect.interruptible(Scope.extend(opened, own)))
    )
  }

  const clients = yield* ScopedCache.make({
    capacity: MAX_CLIENTS,
    timeToLive: Duration.infinity,
    lookup: openClient
  })

  const newKey = (route: ResolvedRoute): ClientKey => {
    const key = new ClientKey({ endpoint: endpointKey(route), epoch: ++epochs, route })
    current.set(key.endpoint, key)
    return key
  }

  /** A key that the capacity has pushed out is not used again: its client may still be at work. */
  const currentKey = Effect.fnUntraced(function* (route: ResolvedRoute) {
    const key = current.get(endpointKey(route))
    return key !== undefined && (yield* clients.contains(key)) ? key : newKey(route)
  })

  /** A call that fails late finds its key forgotten and leaves the fresh client alone. */
  const dropClient = (key: ClientKey) => Effect.suspend(() => (forgetKey(key) ? clients.invalidate(key) : Effect.void))

  const takeOpenClient = Effect.fnUntraced(function* (route: ResolvedRoute, onKey: (key: ClientKey) => void) {
    const key = yield* currentKey(route)
    onKey(key)
    // The cache would keep a failure as it keeps a client.
    const client = yield* Effect.onError(clients.get(key), () => dropClient(key))
    if (client.isOpen()) return client
    yield* dropClient(key)
    return yield* new ConnectionError({ route: label(route), detail: "the client was closed" })
  })

  const openings = new Set<Fiber.Fiber<unknown, unknown>>()
  yield* Effect.addFinalizer(() => Effect.forEach(openings, Fiber.interruptFork, { discard: true }))

  // A ScopedCache passes the interruption of its first caller on to the others, hence a daemon fiber. Without a yield
  // in it, choosing a key and opening its client are one step. It ends by itself, since its caller may not wait for it.
  const openAndTake = (route: ResolvedRoute, onKey: (key: ClientKey) => void) =>
    takeOpenClient(route, onKey).pipe(
      Effect.withMaxOpsBeforeYield(Number.MAX_SAFE_INTEGER),
      Effect.timeoutFail({
        duration: route.timeout,
        onTimeout: () => new ConnectionError({ route: label(route), detail: "the client was not opened in time" })
      }),
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.tap((fiber) =>
        Effect.sync(() => {
          openings.add(fiber)
          fiber.addObserver(() => openings.delete(fiber))
        })
      ),
      Effect.flatMap((fiber) => Effect.interruptible(Fiber.join(fiber))),
      Effect.retry({ times: 1 })
    )

  const takeClient = (route: ResolvedRoute, onKey: (key: ClientKey) => void) =>
    Effect.suspend(() => {
      const key = current.get(endpointKey(route))
      if (key === undefined) return openAndTake(route, onKey)
      return Effect.flatMap(clients.getOptionComplete(key), (cached) => {
        if (Option.isNone(cached) || !cached.value.isOpen()) return openAndTake(route, onKey)
        onKey(key)
        return Effect.succeed(cached.value)
      })
    }).pipe(Effect.uninterruptible)

  return { takeClient, dropClient }
})

/** Runs the call within the route's deadlines and collects its answer. */
const readAnswer = (
  route: Route,
  stream: Effect.Effect<Stream.Stream<Event, ModelError>, ModelError, Scope.Scope>,
  most: number,
  makeError: (thrown: unknown) => ModelError,
  onProgress: CompleteOptions["onProgress"]
): Effect.Effect<Completion, ModelError, Scope.Scope> =>
  withDeadlines(route, (onActivity) =>
    Effect.flatMap(Effect.flatMap(stream, Stream.toPull), (pull) =>
      collectEvents(pull, (answer, before) => {
        const characters = countCharacters(answer)
        if (characters === countCharacters(before)) return onActivity
        if (characters > most) return Effect.fail(makeError("the answer is much longer than what was asked for"))
        return Effect.zipRight(onActivity, onProgress?.(characters) ?? Effect.void)
      })
    ).pipe(
      // Defects, interrupts and errors of no type of ours, too: none of them may keep the task from the next route. An
      // interrupt that comes from outside does not pass here.
      Effect.catchAllCause((cause) => {
        const thrown = Cause.squash(cause)
        return Effect.fail(Schema.is(ModelError)(thrown) ? thrown : makeError(thrown))
      })
    )
  ).pipe(Effect.flatMap((answer) => finishAnswer(route, answer)))

/**
 * The characters of the longest answer to a request. A token is longer in no language; the rest is for reasoning, which
 * not every server counts. No answer that long is of use, and a server that never stops fills the memory.
 */
const mostCharacters = ({ maxOutputTokens }: ModelRequest): number => 500_000 + 64 * maxOutputTokens

/**
 * Runs `read`, which reports each sign of life through `onActivity`. One sleeper watches both deadlines, because a race
 * per event would cost more than the event. An interrupt reaches `read` at once.
 */
const withDeadlines = <A, E, R>(
  route: Route,
  read: (onActivity: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Timeout, R> =>
  Effect.flatMap(FiberServices.monotonicMillis, (begin) => {
    const total = Duration.toMillis(route.timeout)
    const idle = Duration.toMillis(route.idleTimeout)
    let last = begin
    const onActivity = Effect.map(FiberServices.monotonicMillis, (now) => void (last = now))

    const watch: Effect.Effect<never, Timeout> = Effect.flatMap(FiberServices.monotonicMillis, (now) => {
      if (now >= begin + total) return new Timeout({ route: label(route), phase: "total", deadline: total })
      if (now >= last + idle) return new Timeout({ route: label(route), phase: "idle", deadline: idle })
      return Effect.zipRight(Effect.sleep(Math.min(begin + total, last + idle) - now), watch)
    })

    // Without the mask, a race that is interrupted before its fibers have started waits for them for ever.
    return Effect.uninterruptibleMask((restore) =>
      Effect.raceWith(restore(read(onActivity)), Effect.interruptible(watch), {
        onSelfDone: (exit, watching) => Effect.zipRight(Fiber.interrupt(watching), exit),
        onOtherDone: (exit, running) => Effect.zipRight(stopRunning(running), exit)
      })
    )
  })

/** Waits until the connection is closed, but not for ever: a provider of the application may be deaf to interrupts. */
const stopRunning = (running: Fiber.Fiber<unknown, unknown>) =>
  Effect.zipRight(
    Fiber.interruptFork(running),
    Effect.interruptible(Effect.timeoutOption(Fiber.await(running), "1 second"))
  )

/** Pulls until the end. Running the stream with a sink would take twice as many steps. */
const collectEvents = (
  pull: Effect.Effect<Chunk.Chunk<Event>, Option.Option<ModelError>>,
  onGrown: (answer: PartialAnswer, before: PartialAnswer) => Effect.Effect<void, ModelError>,
  answer = emptyAnswer
): Effect.Effect<PartialAnswer, ModelError> =>
  Effect.matchEffect(pull, {
    onFailure: Option.match({ onNone: () => Effect.succeed(answer), onSome: Effect.fail }),
    onSuccess: (events) => {
      const grown = Chunk.reduce(events, answer, addEvent)
      return Effect.zipRight(onGrown(grown, answer), collectEvents(pull, onGrown, grown))
    }
  })

const describeThrown = (route: Route, used: ClientKey | undefined, thrown: unknown): ModelError =>
  new ProviderError({ route: label(route), status: null, detail: safeErrorText(used?.route ?? route, textOf(thrown)) })

interface PartialAnswer {
  readonly text: string
  readonly reasoning: string
  readonly ends: ReadonlyArray<Extract<Event, { readonly _tag: "Finished" }>>
}

const emptyAnswer: PartialAnswer = { text: "", reasoning: "", ends: [] }

const countCharacters = (answer: PartialAnswer): number => answer.text.length + answer.reasoning.length

/** Throws on what is no event, since a provider may be written without types. */
const addEvent = (answer: PartialAnswer, event: Event): PartialAnswer => {
  if (event._tag !== "Finished" && typeof event.text !== "string") throw new TypeError("an event is no text")
  switch (event._tag) {
    case "Text":
      return { ...answer, text: answer.text + event.text }
    case "Reasoning":
      return { ...answer, reasoning: answer.reasoning + event.text }
    case "Finished":
      return { ...answer, ends: [...answer.ends, event] }
  }
}

const finishAnswer = (
  route: Route,
  { ends, reasoning, text }: PartialAnswer
): Effect.Effect<Completion, ModelError> => {
  const [end, second] = ends
  if (end === undefined) {
    return new ConnectionError({ route: label(route), detail: "the answer stopped before its end" })
  }
  if (second !== undefined) {
    return new ProviderError({ route: label(route), status: null, detail: "the answer ended twice" })
  }
  return Effect.succeed({ text, reasoning, finish: end.reason, usage: validUsage(end.usage) })
}
