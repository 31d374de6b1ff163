/**
 * The whole library for programs that do not use Effect: promises, `AbortSignal`s, and errors that are thrown.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { AsyncLocalStorage } from "node:async_hooks"
import type { CompressionEvent } from "../compression/CompressionEvent.ts"
import type { CompressionRequest, Compressor } from "../compression/Compressor.ts"
import * as MessageFormat from "../format/MessageFormat.ts"
import * as BudgetTools from "../gateway/BudgetTools.ts"
import { Gateway, type Pin, type PinRequest, type Restored } from "../gateway/Gateway.ts"
import type { ResetResult, Rewound } from "../gateway/Gateway.ts"
import * as PinTools from "../gateway/PinTools.ts"
import type * as GatewayTurn from "../gateway/Turn.ts"
import type { Message, ToolCall, ToolMessage } from "../message/Message.ts"
import { type Expansion, type ExpandOptions, type Found, Recall, type RecallOptions } from "../recall/Recall.ts"
import * as RecallTools from "../recall/RecallTools.ts"
import type { CompressionResult } from "../session/CompressionResult.ts"
import { type Logged, type Receipt, SessionId } from "../session/Session.ts"
import type { SessionStats } from "../session/SessionStats.ts"
import { type Delivery, type Forgotten, SessionStore } from "../store/SessionStore.ts"
import type { View } from "../view/View.ts"
import { readLatest } from "./latest.ts"
import { makeLayer, type OpenOptions } from "./openOptions.ts"
import { callForeign, callModel, runPromise } from "./runPromise.ts"

export { NestedTurn } from "../gateway/Turn.ts"
export { InvalidMessage } from "../message/Message.ts"
export { InvalidPolicy } from "../model/InvalidSetting.ts"
export { CompressionFailed } from "../session/CompressionResult.ts"
export {
  IdempotencyConflict,
  InvalidKey,
  InvalidPin,
  InvalidRestore,
  InvalidRewind,
  PinTooLarge,
  SessionBusy,
  StoreError,
  Superseded,
  TurnInterrupted,
  TurnLost,
  UnknownSegment,
  UnknownSession,
  UnknownSnapshot,
  WindowExceeded
} from "../session/SessionError.ts"
export type { OpenOptions, SummaryModel } from "./openOptions.ts"
export type {
  CompressionEvent,
  CompressionRequest,
  CompressionResult,
  Expansion,
  ExpandOptions,
  Forgotten,
  Found,
  Logged,
  Message,
  Pin,
  PinRequest,
  Receipt,
  RecallOptions,
  ResetResult,
  Restored,
  Rewound,
  SessionStats,
  ToolCall,
  ToolMessage,
  View
}

/**
 * Options of a call. `signal` ends the wait: the call throws the signal's reason. A compression that began goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface DeliverOptions extends CallOptions {
  /** An idempotency key: the same message under the same key is stored once, and gets its first receipt again. */
  readonly key?: string | undefined
  /** A `request` is to be answered (default), a `notification` only to be known. */
  readonly kind?: Delivery["kind"] | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TurnOptions extends CallOptions {
  /** The most milliseconds to wait for another turn of the session, before `SessionBusy`. Default: no limit. */
  readonly wait?: number | undefined
}

/**
 * The system prompt and the tools of a step, and its model if it is not always the same.
 *
 * @since 0.1.0
 * @category models
 */
export type StepOptions = GatewayTurn.StepOptions

/**
 * The tokens of a model call, as its provider counted them.
 *
 * @since 0.1.0
 * @category models
 */
export type StepUsage = GatewayTurn.StepUsage

/**
 * The handle an agent answers with. It is good until the agent's promise settles or the turn is interrupted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turn {
  /** The session that is being answered. */
  readonly sessionId: string
  /** Aborted when the turn is interrupted, or its caller's signal is aborted. Give it to whatever should stop then. */
  readonly signal: AbortSignal
  /** Takes up what was delivered, and returns the messages for the next model call. They fit the window. */
  readonly view: (options?: StepOptions) => Promise<View>
  /**
   * Gets a view and passes it to `call`, which makes the model call. If the server refuses it as too long, the session is
   * compressed further and `call` runs again; other errors are thrown as they are. Throws `WindowExceeded` if nothing more
   * can be left out.
   */
  readonly step: <A>(call: (view: View, signal: AbortSignal) => A | PromiseLike<A>, options?: StepOptions) => Promise<A>
  /** Appends messages to the log: all or, if one is invalid, none. They are on disk when the promise is fulfilled. */
  readonly append: (...messages: ReadonlyArray<Message>) => Promise<void>
  /** Reports what the provider counted for the latest view, so that later estimates are calibrated. */
  readonly report: (usage: StepUsage) => Promise<void>
  /**
   * Answers a call of one of `tools` with a message to append; undefined if it is a call of another tool. `step` is that
   * within which it was called; default: the latest of this turn.
   */
  readonly answer: (call: ToolCall, step?: StepOptions) => Promise<ToolMessage | undefined>
}

/**
 * The sessions of a file. You choose their ids, texts of up to 512 characters, and they never change. Each method throws
 * the typed errors of this module; `isRetryable` says which may be tried again as they are.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sessions extends AsyncDisposable {
  /** Stores a message and returns once it is on disk. A session begins with its first message. Never waits for a turn. */
  readonly deliver: (sessionId: string, message: Message, options?: DeliverOptions) => Promise<Receipt>
  /**
   * Runs an agent on a session and returns what it returns. Turns of a session run one at a time, across all processes
   * that share the file. What the agent throws is thrown.
   */
  readonly turn: <A>(sessionId: string, agent: (turn: Turn) => A | PromiseLike<A>, options?: TurnOptions) => Promise<A>
  /**
   * Returns the message that answered a delivery, by the `arrival` of its receipt; null while it awaits its answer, and after
   * it was taken back.
   */
  readonly reply: (sessionId: string, arrival: number) => Promise<Logged | null>
  /** Stops the session's turn in this process: it throws `TurnInterrupted`. Returns whether there was one. */
  readonly interrupt: (sessionId: string) => Promise<boolean>
  /** Compresses the session now, or waits for the compression under way, and returns what came of it. */
  readonly compress: (sessionId: string, options?: CompressionRequest & CallOptions) => Promise<CompressionResult>
  /** Returns what the model would see now. */
  readonly view: (sessionId: string) => Promise<View>
  /** The newest `count` messages of the log, oldest first, back to the last reset and without those taken back. */
  readonly latest: (sessionId: string, count: number) => Promise<ReadonlyArray<Logged>>
  /** Searches all that was ever said in the session, best first. */
  readonly recall: (
    sessionId: string,
    query: string,
    options?: RecallOptions & CallOptions
  ) => Promise<ReadonlyArray<Found>>
  /** Reads the messages behind a segment of a handoff. */
  readonly expand: (segmentId: string, options?: ExpandOptions) => Promise<Expansion>
  /** Counts the session's compressions, model calls and waits. */
  readonly stats: (sessionId: string) => Promise<SessionStats>
  /** Ends the working context. The log stays, and `recall` finds what it holds. */
  readonly reset: (sessionId: string) => Promise<ResetResult>
  /** Takes back every message after number `seq`. */
  readonly rewind: (sessionId: string, seq: number) => Promise<Rewound>
  /**
   * Deletes a session with all that is stored of it; nothing brings it back. The next message to its id begins a new one.
   * Throws `SessionBusy` while a turn or a compression is under way.
   */
  readonly forget: (sessionId: string) => Promise<Forgotten>
  /** Makes the view what it was before a compression, with all that came since. */
  readonly restore: (sessionId: string, snapshotId: string) => Promise<Restored>
  /** Keeps messages or a text in every view, word for word. */
  readonly pin: (sessionId: string, request: PinRequest) => Promise<Pin>
  /** Lets a pin go. Returns whether there was one of this name. */
  readonly unpin: (sessionId: string, name: string) => Promise<boolean>
  /** Lists what is pinned. */
  readonly pins: (sessionId: string) => Promise<ReadonlyArray<Pin>>
  /** The compressions of all sessions in this process, from the first `next` on. Ends with `close`. */
  readonly events: AsyncIterable<CompressionEvent>
  /** Waits for running compressions, at most 10 seconds, and closes the file. Later calls throw `Closed`. */
  readonly close: () => Promise<void>
}

/**
 * The sessions were closed.
 *
 * @since 0.1.0
 * @category errors
 */
export class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {
  override get message() {
    return "the sessions are closed"
  }
  /** False: open them again. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Tools for the model, in the shape of Chat Completions: it can search what left its view, pin what must stay, ask how full its
 * window is, and have it compressed. Give them with your own, and let `turn.answer` answer their calls.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tools = [...RecallTools.definitions, ...PinTools.definitions, ...BudgetTools.definitions]

/**
 * These tools in the shape of OpenAI's Responses API.
 *
 * @since 0.1.0
 * @category constructors
 */
export const responsesTools = tools.map(({ function: definition, type }) => ({ type, ...definition }))

/**
 * Opens the sessions of a file, or of memory. Throws `InvalidPolicy` for settings that contradict each other, and
 * `StoreError` if the file cannot be opened.
 *
 * @example
 * await using sessions = await open({ filename: "sessions.db", contextLength: 272_000, model: "gpt-5.5" })
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = async (options: OpenOptions): Promise<Sessions> => {
  const managed = ManagedRuntime.make(makeLayer(options))
  const runtime = await runPromise(managed.runPromiseExit, managed.runtimeEffect, undefined)
  return makeSessions(runtime, () => managed.dispose())
}

type Services = Gateway | Recall | Compressor | SessionStore

const makeSessions = (runtime: Runtime.Runtime<Services>, dispose: () => Promise<void>): Sessions => {
  let closed: Promise<void> | undefined
  const runtimeOfTurn = new AsyncLocalStorage<Runtime.Runtime<Services>>()
  const run = <A, E>(effect: Effect.Effect<A, E, Services>, { signal }: CallOptions = {}): Promise<A> =>
    closed === undefined
      ? runPromise(Runtime.runPromiseExit(runtimeOfTurn.getStore() ?? runtime), effect, signal)
      : Promise.reject(new Closed())
  /** Runs what an agent asks of these sessions within its turn, so that a turn within its own turn is noticed. */
  const runAgent =
    <A>(agent: (turn: Turn) => A | PromiseLike<A>) =>
    (turn: GatewayTurn.Turn) =>
      Effect.flatMap(Effect.runtime<Services>(), (runtime) =>
        callForeign((signal) => runtimeOfTurn.run(runtime, () => agent(makeTurn(turn, runtime, signal))))
      )
  const close = () => (closed ??= dispose())

  return {
    deliver: (id, message, { key, kind = "request", ...options } = {}) =>
      run(
        Effect.flatMap(Gateway, ({ deliver }) => deliver(name(id), message, { kind, key })),
        options
      ),
    turn: (id, agent, { wait, ...options } = {}) =>
      run(
        Effect.flatMap(Gateway, ({ turn }) => turn(name(id), runAgent(agent), { wait })),
        options
      ),
    reply: (id, arrival) => run(Effect.flatMap(Gateway, ({ reply }) => reply(name(id), arrival))),
    interrupt: (id) => run(Effect.flatMap(Gateway, ({ interrupt }) => interrupt(name(id)))),
    compress: (id, { signal, ...request } = {}) =>
      run(
        Effect.flatMap(Gateway, ({ compress }) => compress(name(id), request)),
        { signal }
      ),
    view: (id) => run(Effect.flatMap(Gateway, ({ view }) => view(name(id)))),
    latest: (id, count) => run(Effect.flatMap(SessionStore, (store) => readLatest(store, name(id), count))),
    recall: (id, query, { signal, ...options } = {}) =>
      run(
        Effect.flatMap(Recall, ({ recall }) => recall(name(id), query, options)),
        { signal }
      ),
    expand: (segmentId, options) => run(Effect.flatMap(Recall, ({ expand }) => expand(segmentId, options))),
    stats: (id) => run(Effect.flatMap(Gateway, ({ stats }) => stats(name(id)))),
    reset: (id) => run(Effect.flatMap(Gateway, ({ reset }) => reset(name(id)))),
    rewind: (id, seq) => run(Effect.flatMap(Gateway, ({ rewind }) => rewind(name(id), seq))),
    forget: (id) => run(Effect.flatMap(Gateway, ({ forget }) => forget(name(id)))),
    restore: (id, snapshotId) => run(Effect.flatMap(Gateway, ({ restore }) => restore(name(id), snapshotId))),
    pin: (id, request) => run(Effect.flatMap(Gateway, ({ pin }) => pin(name(id), request))),
    unpin: (id, pinName) => run(Effect.flatMap(Gateway, ({ unpin }) => unpin(name(id), pinName))),
    pins: (id) => run(Effect.flatMap(Gateway, ({ pins }) => pins(name(id)))),
    events: Stream.toAsyncIterableRuntime(Stream.unwrap(Effect.map(Gateway, ({ events }) => events)), runtime),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** Each operation of the gateway checks its id itself. */
const name = (id: string): SessionId => SessionId.make(id, true)

/** Makes the handle. All that it runs ends with the turn. */
const makeTurn = (turn: GatewayTurn.Turn, runtime: Runtime.Runtime<Services>, signal: AbortSignal): Turn => {
  const runExit = Runtime.runPromiseExit(runtime)
  const run = <A, E>(effect: Effect.Effect<A, E, Services>) => runPromise(runExit, effect, signal)
  let step: StepOptions | undefined
  return {
    sessionId: turn.sessionId,
    signal,
    view: (options) => run(turn.view((step = options))),
    step: (call, options) => run(turn.step((view) => callModel((signal) => call(view, signal)), (step = options))),
    append: (...messages) => run(turn.append(...messages)),
    report: (usage) => run(turn.report(usage)),
    answer: async (call, of = step) => {
      if (RecallTools.isOurs(call)) return run(RecallTools.answer(turn.sessionId, call))
      if (BudgetTools.isOurs(call)) return run(BudgetTools.answer(turn.sessionId, call, of))
      return PinTools.isOurs(call) ? run(PinTools.answer(turn.sessionId, call)) : undefined
    }
  }
}

/**
 * Writes the messages of a view as another API takes them, e.g. `encode("responses", view.messages)`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode: typeof MessageFormat.encode = MessageFormat.encode

/**
 * Reads what another API answered as messages to append, e.g. `decode("responses", response.output)`. Throws
 * `InvalidMessage` if it is none of that API's.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decode = (format: MessageFormat.MessageFormat, input: unknown): ReadonlyArray<Message> =>
  Either.getOrThrowWith(MessageFormat.decode(format, input), (error) => error)
