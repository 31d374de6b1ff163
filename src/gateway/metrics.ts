/** Shows turns, and what waits for them, to a dashboard, through Effect's metrics. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import type * as MetricLabel from "effect/MetricLabel"
import * as Predicate from "effect/Predicate"
import type { PromptCache } from "../cost/PromptCache.ts"
import { setNewest } from "../concurrency/newestEntries.ts"
import { readMonotonic, surround } from "../concurrency/fiberServices.ts"
import type { DeliveryKind, Logged, SessionId } from "../session/Session.ts"

const SECONDS = MetricBoundaries.fromIterable([0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300])

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const delivered = counter("throughline_messages_delivered", "Messages that were stored in an inbox, by kind")
const deliveredOf = {
  request: Metric.tagged(delivered, "kind", "request"),
  notification: Metric.tagged(delivered, "kind", "notification")
}
const takenUp = counter("throughline_messages_taken_up", "Messages that a step moved from an inbox to the log")
const forgotten = counter(
  "throughline_messages_forgotten",
  "Messages that were deleted from an inbox with their session"
)
const inboxLength = Metric.histogram(
  "throughline_inbox_length",
  MetricBoundaries.fromIterable([1, 2, 3, 5, 10, 20, 50, 100]),
  "Messages that waited in an inbox when a step took them up, where any did"
)

const turns = counter(
  "throughline_turns",
  "Turns that ended, by outcome: ok, interrupted, defect, or the tag of the error"
)
const turnsSucceeded = Metric.tagged(turns, "outcome", "ok")
const turnsWaiting = Metric.gauge("throughline_turns_waiting", {
  description: "Turns that wait now for another turn of their session"
})
const turnWait = Metric.histogram("throughline_turn_wait_seconds", SECONDS, "How long a turn waited for its session")
const stepWait = Metric.histogram("throughline_step_wait_seconds", SECONDS, "How long a step waited for a compression")

const agentTokens = counter("throughline_agent_tokens", "Tokens of the agent's own model calls, by direction")
const tokensIn = Metric.tagged(agentTokens, "direction", "in")
const tokensOut = Metric.tagged(agentTokens, "direction", "out")
const agentDollars = counter("throughline_agent_dollars", "What these tokens cost, in dollars, where a price is set")
const dollarsIn = Metric.tagged(agentDollars, "direction", "in")
const dollarsOut = Metric.tagged(agentDollars, "direction", "out")

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

const labelsOf = (fiber: AnyFiber): Labels => fiber.getFiberRef(FiberRef.currentMetricLabels)

/** Updates metrics in one step of the fiber, with the labels that it carries, since every turn passes here. */
const measure = (update: (labels: Labels) => void): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    update(labelsOf(fiber))
    return Effect.void
  })

export const measureDelivered = (kind: DeliveryKind): Effect.Effect<void> =>
  measure((labels) => deliveredOf[kind].unsafeUpdate(1, labels))

export const measureForgotten = ({ waiting }: { readonly waiting: number }): Effect.Effect<void> =>
  measure((labels) => forgotten.unsafeUpdate(waiting, labels))

export const measureTakenUp = ({ length }: ReadonlyArray<unknown>): Effect.Effect<void> =>
  length === 0
    ? Effect.void
    : measure((labels) => {
        takenUp.unsafeUpdate(length, labels)
        inboxLength.unsafeUpdate(length, labels)
      })

/** Counts what the provider counted; `cached` are those of the tokens that its cache had. */
export const measureTokensIn = (
  tokens: number,
  cached: number,
  { dollarsPerMillion, read }: PromptCache
): Effect.Effect<void> => {
  const found = Math.min(tokens, cached)
  return measure((labels) => {
    tokensIn.unsafeUpdate(tokens, labels)
    if (dollarsPerMillion === undefined) return
    dollarsIn.unsafeUpdate(toDollars(dollarsPerMillion, tokens - found + read * found), labels)
  })
}

/** Counts what the models of agents write: as an agent reports it, or else as estimated of what it appends. */
export const makeOutputMeter = ({ dollarsPerMillion, output }: PromptCache) => {
  /** The sessions whose agents report it, where an estimate would count it twice. */
  const reporting = new Map<SessionId, true>()
  const count = (tokens: number): Effect.Effect<void> => {
    if (tokens === 0) return Effect.void
    return measure((labels) => {
      tokensOut.unsafeUpdate(tokens, labels)
      if (dollarsPerMillion !== undefined)
        dollarsOut.unsafeUpdate(toDollars(dollarsPerMillion, output * tokens), labels)
    })
  }
  return {
    report: (sessionId: SessionId, tokens: number | undefined): Effect.Effect<void> => {
      if (tokens === undefined || !Number.isFinite(tokens)) return Effect.void
      setNewest(reporting, sessionId, true, MOST_REPORTING)
      return count(tokens)
    },
    estimate: (sessionId: SessionId, appended: ReadonlyArray<Logged>): Effect.Effect<void> =>
      reporting.has(sessionId)
        ? Effect.void
        : count(appended.reduce((sum, { message, tokens }) => sum + (message.role === "assistant" ? tokens : 0), 0))
  }
}

const MOST_REPORTING = 10_000

const toDollars = (dollarsPerMillion: number, tokens: number): number => (dollarsPerMillion * tokens) / 1_000_000

export const measureStepWait = (milliseconds: number): Effect.Effect<void> =>
  measure((labels) => stepWait.unsafeUpdate(milliseconds / 1_000, labels))

/** Measures the wait of a turn, which ends when it calls `begin`, or without it. */
export const measureTurnWait = <A, E, R>(
  wait: (begin: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  surround((fiber) => {
    const asked = readMonotonic(fiber)
    let isWaiting = true
    turnsWaiting.unsafeModify(1, labelsOf(fiber))
    const end = (now: AnyFiber) => {
      if (!isWaiting) return
      isWaiting = false
      turnsWaiting.unsafeModify(-1, labelsOf(now))
      turnWait.unsafeUpdate((readMonotonic(now) - asked) / 1_000, labelsOf(now))
    }
    const begin = Effect.withFiberRuntime<void>((now) => {
      end(now)
      return Effect.void
    })
    return { run: wait(begin), end }
  })

/** Counts a turn by how it ended. */
export const measureTurn = <A, E, R>(turn: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExit(turn, (exit) =>
    measure((labels) => {
      const ended = Exit.isSuccess(exit) ? turnsSucceeded : Metric.tagged(turns, "outcome", describeFailure(exit.cause))
      ended.unsafeUpdate(1, labels)
    })
  )

const describeFailure = (cause: Cause.Cause<unknown>): string => {
  if (Cause.isInterruptedOnly(cause)) return "interrupted"
  const failure = Cause.failureOption(cause)
  if (failure._tag === "None") return "defect"
  return Predicate.hasProperty(failure.value, "_tag") ? String(failure.value._tag) : "failure"
}
