/** The handle of one turn: how a step gets its view, what happens when it does not fit, and what is left at the end. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Context from "effect/Context"
import { type CompressionPolicy, forWindow, hardLimit, shares, softLimit } from "../compression/CompressionPolicy.ts"
import type { Compressor } from "../compression/Compressor.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import { isDegraded, type State } from "../session/Session.ts"
import type { Lease, SessionStore } from "../store/SessionStore.ts"
import { type Counter, calibrated, overhead, total } from "../message/Tokens.ts"
import type { StepOptions, StepUsage, Turn, TurnError } from "./Turn.ts"
import type * as View from "../view/View.ts"
import * as LogLines from "../audit/logLines.ts"
import { warmDigests } from "../ledger/messageDigest.ts"
import * as EventLoopBudget from "../concurrency/eventLoopBudget.ts"
import * as IncrementalView from "../view/incrementalView.ts"
import * as Waits from "./waits.ts"

export interface Environment {
  readonly store: Context.Tag.Service<SessionStore>
  readonly compressor: Context.Tag.Service<Compressor>
  readonly counter: Counter
}

/** How often a step waits for one more compression when the last one left too much. */
const MOST_REPLANS = 2

/** How far beyond its target a conversation has to be before it is compressed unasked. */
const WORTHWHILE = 1.25

interface Step {
  readonly state: State
  readonly view: View.View
  readonly tokens: number
}

/** `estimate` is of the view, `appended` of what has come after it. */
interface Last {
  readonly state: State
  readonly options: StepOptions
  readonly estimate: number
  appended: number
}

/** `end` belongs after the turn. */
export interface Handle {
  readonly turn: Turn
  readonly end: Effect.Effect<void>
}

export const make = ({ compressor, counter, store }: Environment, lease: Lease): Handle => {
  const { sessionId } = lease
  const waiting = Waits.make(store, sessionId)
  let last: Last | undefined

  const looked = (state: State, options: StepOptions): Effect.Effect<Step> =>
    Effect.map(EventLoopBudget.runInSlices(IncrementalView.assembleInSlices(state, counter, options)), (view) => {
      last = { state, options, estimate: view.tokens, appended: 0 }
      return { state, view, tokens: asReported(view.tokens, state, options) }
    })

  /** Whole with its lines, whoever interrupts. */
  const promote = (options: StepOptions): Effect.Effect<Step, TurnError> =>
    Effect.gen(function* () {
      const { promoted, state } = yield* store.promote(lease)
      yield* Effect.forEach(promoted, (entry) => LogLines.logPromoted(sessionId, entry), { discard: true })
      yield* EventLoopBudget.chargeWork(() => warmDigests(promoted))
      return yield* looked(state, options)
    }).pipe(Effect.uninterruptible)

  /** Tokens of the step that no compression can take away. */
  const fixed = (options: StepOptions) => {
    const logged = options.system === undefined ? (last?.state.system ?? []) : []
    return overhead(counter, options) + total(logged)
  }

  const asks = (options: StepOptions) => {
    const { contextLength, model, reservedOutput } = options
    return { overhead: fixed(options), contextLength, reservedOutput, model }
  }

  const compress = (options: StepOptions) =>
    waiting(compressor.compress(sessionId, { ...asks(options), isUrgent: true }))

  /** Where the conversation is within its target already, a compression would be for nothing. */
  const isOver = (policy: CompressionPolicy, limit: number, target: number, tokens: number, options: StepOptions) => {
    if (tokens <= limit) return false
    // `tokens` are as the provider counts them, and so is what is taken from them.
    const overhead = last === undefined ? fixed(options) : scaled(fixed(options), last.state, options)
    const room = shares(policy, overhead)
    return room !== undefined && tokens - overhead > target * room.target
  }
  const isOverHard = (policy: CompressionPolicy, tokens: number, options: StepOptions) =>
    isOver(policy, hardLimit(policy), 1, tokens, options)
  const isOverSoft = (policy: CompressionPolicy, tokens: number, options: StepOptions) =>
    policy.mode === "background" && isOver(policy, softLimit(policy), WORTHWHILE, tokens, options)

  const view = (options: StepOptions = {}): Effect.Effect<View.View, TurnError> =>
    Effect.gen(function* () {
      const policy = yield* forWindow(compressor.policy, options)
      // Steps of many sessions at once follow one after the other, not all in one turn of the event loop.
      yield* EventLoopBudget.awaitBudget
      let step = yield* promote(options)
      if (policy.mode === "manual") return step.view
      for (let plans = 0; plans <= MOST_REPLANS && isOverHard(policy, step.tokens, options); plans++) {
        yield* compress(options)
        step = yield* promote(options)
      }
      if (isOverSoft(policy, step.tokens, options)) {
        yield* compressor.start(sessionId, step.state.lastSeq, asks(options))
      }
      if (step.state.segments.some(isDegraded)) yield* compressor.startHealing(sessionId)
      return step.view
    })

  const append = (...messages: ReadonlyArray<Message>): Effect.Effect<void, TurnError | InvalidMessage> =>
    messages.length === 0
      ? Effect.void
      : Effect.flatMap(store.append(lease, messages), (entries) =>
          EventLoopBudget.chargeWork(() => {
            warmDigests(entries)
            if (last !== undefined) last.appended += total(entries)
          })
        )

  /** What is no number of tokens would make the stored session unreadable. */
  const report = ({ inputTokens: said, model = last?.options.model ?? "" }: StepUsage) =>
    Effect.suspend(() => {
      const inputTokens = Math.round(said)
      if (last === undefined || !Number.isSafeInteger(inputTokens) || inputTokens < 0) return Effect.void
      const { estimate, state } = last
      const usage = { generation: state.generation, seq: state.lastSeq, model, inputTokens, estimate }
      last = { ...last, state: { ...state, usage } }
      return store.report(sessionId, usage)
    })

  const step: Turn["step"] = (call, options = {}) =>
    Effect.catchIf(Effect.flatMap(view(options), call), isOverflow, () =>
      Effect.zipRight(compress(options), Effect.flatMap(view(options), call))
    )

  /**
   * What the turn has added may be too much, and now nobody waits. The running count decides whether to look at all; it
   * does not know of a compression that has ended meanwhile.
   */
  const end = Effect.gen(function* () {
    if (last === undefined) return
    const { appended, estimate, options, state } = last
    const policy = yield* forWindow(compressor.policy, options)
    const counted = asReported(estimate + appended, state, options)
    if (appended === 0 || !isOverSoft(policy, counted, options)) return
    const now = yield* store.state(sessionId)
    const { tokens } = yield* looked(now, options)
    if (isOverSoft(policy, tokens, options)) yield* compressor.start(sessionId, now.lastSeq, asks(options))
  }).pipe(Effect.catchAll((error) => Effect.logDebug(`the end of a turn was not looked at: ${error.message}`)))

  return { turn: { sessionId, view, append, report, step }, end }
}

/** An estimate of the whole view, as the provider would count it. */
const asReported = (estimate: number, { generation, usage }: State, { model }: StepOptions): number =>
  calibrated(estimate, generation, usage, model)

/** An estimate of a part of it: only the report's ratio applies. */
const scaled = (estimate: number, { usage }: State, { model }: StepOptions): number =>
  calibrated(estimate, -1, usage, model)

const isOverflow = (error: unknown): boolean => Predicate.isTagged(error, "ContextOverflow")
