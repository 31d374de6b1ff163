/** The handle of one turn: how a step gets its view, and what happens when it does not fit. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Context from "effect/Context"
import { hardLimit, shares, softLimit } from "../CompressionPolicy.ts"
import type { Compressor } from "../Compressor.ts"
import type { Message } from "../Message.ts"
import type { State } from "../Session.ts"
import type { Lease, SessionStore } from "../SessionStore.ts"
import { type Counter, calibrated, overhead, total } from "../Tokens.ts"
import type { StepOptions, StepUsage, Turn, TurnError } from "../Turn.ts"
import type * as View from "../View.ts"
import * as AuditLines from "./auditLines.ts"
import * as GrowingView from "./growingView.ts"
import { isDegraded } from "./healing.ts"
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

export const make = ({ compressor, counter, store }: Environment, lease: Lease): Turn => {
  const { sessionId } = lease
  const { policy } = compressor
  const waiting = Waits.make(store, sessionId)
  let last: { readonly state: State; readonly estimate: number } | undefined

  /** Whole with its lines, whoever interrupts. */
  const promote = (options: StepOptions): Effect.Effect<Step, TurnError> =>
    Effect.gen(function* () {
      const { promoted, state } = yield* store.promote(lease)
      yield* Effect.forEach(promoted, (entry) => AuditLines.promoted(sessionId, entry), { discard: true })
      const view = GrowingView.assemble(state, counter, options)
      last = { state, estimate: view.tokens }
      return { state, view, tokens: calibrated(view.tokens, state.generation, state.usage) }
    }).pipe(Effect.uninterruptible)

  /** Tokens of the step that no compression can take away. */
  const fixed = (options: StepOptions) => {
    const logged = options.system === undefined ? (last?.state.system ?? []) : []
    return overhead(counter, options) + total(logged)
  }

  const compress = (options: StepOptions) =>
    waiting(compressor.compress(sessionId, { overhead: fixed(options), isUrgent: true }))

  /** Where the conversation is within its target already, a compression would be for nothing. */
  const isOver = (limit: number, target: number, step: Step, options: StepOptions): boolean => {
    if (step.tokens <= limit) return false
    const overhead = fixed(options)
    const room = shares(policy, overhead)
    return room !== undefined && step.tokens - overhead > target * room.target
  }

  const view = (options: StepOptions = {}): Effect.Effect<View.View, TurnError> =>
    Effect.gen(function* () {
      let step = yield* promote(options)
      if (policy.mode === "manual") return step.view
      for (let plans = 0; plans <= MOST_REPLANS && isOver(hardLimit(policy), 1, step, options); plans++) {
        yield* compress(options)
        step = yield* promote(options)
      }
      if (policy.mode === "background" && isOver(softLimit(policy), WORTHWHILE, step, options)) {
        yield* compressor.start(sessionId, step.state.lastSeq, { overhead: fixed(options) })
      }
      if (step.state.segments.some(isDegraded)) yield* compressor.startHealing(sessionId)
      return step.view
    })

  const append = (...messages: ReadonlyArray<Message>): Effect.Effect<void, TurnError> =>
    messages.length === 0 ? Effect.void : Effect.asVoid(store.append(lease, messages))

  const report = ({ inputTokens, model = "" }: StepUsage) =>
    Effect.suspend(() => {
      if (last === undefined) return Effect.void
      const { estimate, state } = last
      return store.report(sessionId, { generation: state.generation, seq: state.lastSeq, model, inputTokens, estimate })
    })

  const step: Turn["step"] = (call, options = {}) =>
    Effect.catchIf(Effect.flatMap(view(options), call), isOverflow, () =>
      Effect.zipRight(compress(options), Effect.flatMap(view(options), call))
    )

  return { sessionId, view, append, report, step }
}

const isOverflow = (error: unknown): boolean => Predicate.isTagged(error, "ContextOverflow")
