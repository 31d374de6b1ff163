/**
 * The way in: deliver messages to sessions, answer them in turns, and never mind the window.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import * as ModelClients from "../model/ModelClients.ts"
import { Interrupted } from "../model/ModelError.ts"
import * as ModelTask from "../summary/modelTask.ts"
import * as Compressor from "../compression/Compressor.ts"
import * as LogLines from "../audit/logLines.ts"
import * as Rewind from "./rewind.ts"
import * as HoldLease from "../store/holdLease.ts"
import { withSpanIfTraced } from "../concurrency/tracedOnly.ts"
import * as StopSignals from "../concurrency/stopSignals.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"
import * as MakeTurn from "./makeTurn.ts"
import * as FairQueue from "../concurrency/fairQueue.ts"
import * as Message from "../message/Message.ts"
import type * as RoutePause from "../model/RoutePause.ts"
import * as RoutePauses from "../summary/RoutePauses.ts"
import { label, type Request, type Route } from "../model/Provider.ts"
import * as Recall from "../recall/Recall.ts"
import * as Recovery from "../model/Recovery.ts"
import { redactMessage } from "../message/Redaction.ts"
import type { Receipt, SessionId } from "../session/Session.ts"
import {
  type IdempotencyConflict,
  type InvalidRewind,
  SessionBusy,
  type StoreError,
  TurnInterrupted,
  type UnknownSession
} from "../session/SessionError.ts"
import { type Delivery, SessionStore } from "../store/SessionStore.ts"
import * as Summarizer from "../summary/Summarizer.ts"
import { inUse } from "../message/Tokens.ts"
import type { Turn } from "./Turn.ts"
import * as View from "../view/View.ts"

/**
 * The policy of the conversation's window, the model routes for summaries and for other auxiliary tasks, and how long
 * shutdown waits for a running compression.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Compressor.Options, Summarizer.Options, ModelClients.Options {
  /** How long failing routes are left alone. */
  readonly pauses?: RoutePause.Policy | undefined
  /** The routes of a task other than `compression`; default: those of `compression`. */
  readonly taskRoutes?: ((task: string) => ReadonlyArray<Route>) | undefined
}

/**
 * How long to wait for the session's turn before `SessionBusy`; default: as long as it takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface TurnOptions {
  readonly wait?: Duration.DurationInput | undefined
}

/**
 * The generation a rewind led to, and how many messages it took back.
 *
 * @since 0.1.0
 * @category models
 */
export type Rewound = Rewind.Rewound

/**
 * A model call for a session beside its conversation, e.g. to flush memories.
 *
 * @since 0.1.0
 * @category models
 */
export type AuxiliaryRequest = Request

/**
 * How a turn can fail besides its agent.
 *
 * @since 0.1.0
 * @category errors
 */
export type TurnFailure = SessionBusy | TurnInterrupted | UnknownSession | StoreError

/**
 * - `deliver` returns when the message is on disk and numbered; it never waits for a turn or a compression.
 * - `turn` runs an agent on a session, one at a time, here and in other processes.
 * - `compress` compresses now, `heal` replaces what was summarized without a model.
 * - `events` tells of compressions under way, `stats` what they have come to so far.
 * - `view` looks without taking anything up; `reset` ends the working context.
 * - `rewind` takes back every message after `seq`, 0 being the log's beginning; the inbox is not touched. Nothing
 *   happens if there are none. Both take effect at once: the turn under way gets `Superseded`.
 * - `auxiliary` runs another task on its routes, secrets taken out of its messages; unlike a compression it can be
 *   interrupted.
 * - `interrupt` stops the session's turn and auxiliary tasks, never a compression. Says whether there was one.
 *
 * @since 0.1.0
 * @category services
 */
export class Gateway extends Context.Tag("throughline/Gateway")<
  Gateway,
  {
    readonly deliver: (
      sessionId: SessionId,
      message: unknown,
      delivery?: Partial<Delivery>
    ) => Effect.Effect<Receipt, Message.InvalidMessage | IdempotencyConflict | StoreError>
    readonly turn: <A, E, R>(
      sessionId: SessionId,
      agent: (turn: Turn) => Effect.Effect<A, E, R>,
      options?: TurnOptions
    ) => Effect.Effect<A, E | TurnFailure, R>
    readonly compress: Context.Tag.Service<Compressor.Compressor>["compress"]
    readonly heal: Context.Tag.Service<Compressor.Compressor>["heal"]
    readonly events: Context.Tag.Service<Compressor.Compressor>["events"]
    readonly stats: Context.Tag.Service<SessionStore>["stats"]
    readonly view: (sessionId: SessionId) => Effect.Effect<View.View, UnknownSession | StoreError>
    readonly reset: (sessionId: SessionId) => Effect.Effect<void, UnknownSession | StoreError>
    readonly rewind: (
      sessionId: SessionId,
      seq: number
    ) => Effect.Effect<Rewound, InvalidRewind | UnknownSession | StoreError>
    readonly auxiliary: (
      sessionId: SessionId,
      request: AuxiliaryRequest
    ) => Effect.Effect<ModelClients.Completion, ModelTask.Exhausted | Interrupted>
    readonly interrupt: (sessionId: SessionId) => Effect.Effect<boolean>
  }
>() {}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const store = yield* SessionStore
  const compressor = yield* Compressor.Compressor
  const services = yield* Effect.context<ModelClients.ModelClients | RoutePauses.RoutePauses>()
  const counter = yield* inUse
  const process = randomUUID()
  const line = FairQueue.make<SessionId>()
  const signals = StopSignals.make<SessionId>()
  const leases = yield* HoldLease.make(store, options.leaseTtl)

  const deliver = (sessionId: SessionId, input: unknown, { key, kind = "request" }: Partial<Delivery> = {}) =>
    Effect.flatMap(Message.parse(input), (message) => store.deliver(sessionId, message, { kind, key })).pipe(
      Effect.tap((receipt) => (receipt.duplicate ? Effect.void : LogLines.logBuffered(receipt, kind))),
      // What is on disk has its line, whoever interrupts.
      Effect.uninterruptible
    )

  const request = { name: "turn", holder: `turn of ${process}` } as const

  /** First the line within this process, which is fair and costs nothing, then the lease among processes. */
  const admitted = <A, E, R>(
    sessionId: SessionId,
    answer: (held: HoldLease.Held) => Effect.Effect<A, E, R>,
    wait: Duration.DurationInput | undefined
  ): Effect.Effect<A, E | SessionBusy | UnknownSession | StoreError, R> => {
    if (wait === undefined) return line.pass(sessionId, leases.using(sessionId, request, answer))
    const busy = (holder: string) => new SessionBusy({ sessionId, holder })
    return Effect.flatMap(monotonicMillis, (now) => {
      const until = now + Duration.toMillis(wait)
      const underLease = leases.using(sessionId, request, answer, { until, late: busy })
      return line.pass(sessionId, underLease, { wait, late: Effect.fail(busy("another turn of this process")) })
    })
  }

  const turn = <A, E, R>(
    sessionId: SessionId,
    agent: (turn: Turn) => Effect.Effect<A, E, R>,
    { wait }: TurnOptions = {}
  ): Effect.Effect<A, E | TurnFailure, R> => {
    const stoppable = signals.stoppable(sessionId, () => new TurnInterrupted({ sessionId }))
    const answer = ({ lease }: HoldLease.Held) => {
      const { end, turn } = MakeTurn.make({ store, compressor, counter }, lease)
      return Effect.ensuring(stoppable(agent(turn)), end)
    }
    const answering = admitted(sessionId, answer, wait)
    return withSpanIfTraced("Gateway.turn", sessionId, Effect.annotateLogs(answering, { session: sessionId }))
  }

  const view = (sessionId: SessionId) => Effect.map(store.state(sessionId), (state) => View.assemble(state, counter))

  const reset = (sessionId: SessionId) => Effect.asVoid(Rewind.resetSession(store, sessionId))
  const rewind = (sessionId: SessionId, seq: number) => Rewind.rewindSession(store, counter, sessionId, seq)

  const auxiliary = (sessionId: SessionId, request: AuxiliaryRequest) =>
    Effect.gen(function* () {
      const routes = (options.taskRoutes?.(request.task) ?? options.routes).filter((r) => r.provider !== "embedded")
      const [first] = routes
      const messages = request.messages.map(redactMessage)
      const { maxCalls, maxTokens } = options
      const spent = yield* ModelTask.spending(ModelTask.budget(first, { maxCalls, maxTokens }))
      const task: ModelTask.Task<ModelClients.Completion> = {
        name: request.task,
        routes: ModelClients.distinctRoutes(routes),
        recovery: options.recovery ?? Recovery.defaults,
        cuts: null,
        tokens: messages.reduce((sum, message) => sum + counter.message(message), 0),
        request: () => ({ ...request, messages }),
        accept: (_, completion) => Either.right(completion),
        onProgress: () => Effect.void
      }
      const route = first === undefined ? request.task : label(first)
      return yield* ModelTask.run(task, spent).pipe(
        Effect.catchTag("ContextOverflow", (overflow) => new ModelTask.Exhausted({ errors: [overflow], paused: [] })),
        Effect.map(({ value }) => value),
        signals.stoppable(sessionId, () => new Interrupted({ route, by: "gateway" }))
      )
    }).pipe(Effect.provide(services))

  return Gateway.of({
    deliver,
    turn,
    compress: compressor.compress,
    heal: compressor.heal,
    events: compressor.events,
    stats: store.stats,
    view,
    reset,
    rewind,
    auxiliary,
    interrupt: signals.stop
  })
})

/**
 * The whole library on a `SessionStore` and a `Provider`.
 *
 * @example
 * Gateway.layer({ policy: { contextLength: 128_000 }, routes: [route] }).pipe(
 *   Layer.provide([Sqlite.layer({ filename: "sessions.db" }), OpenAi.layer])
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options) =>
  Layer.scoped(Gateway, make(options)).pipe(
    Layer.provideMerge(Compressor.layer(options)),
    Layer.provideMerge(Recall.layer),
    Layer.provide(Summarizer.layer({ ...options, routes: ModelClients.distinctRoutes(options.routes) })),
    Layer.provide([ModelClients.layer(options), RoutePauses.layer(options.pauses)])
  )
