/**
 * How a compression ended, and the error it ends with if it has no result.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ModelError } from "../model/ModelError.ts"
import { escapeId } from "../message/text.ts"
import { SessionId } from "./Session.ts"

/**
 * - `committed`: a model's summary stands for the middle now
 * - `degraded`: the embedded summarizer's extract does, since every route failed or savings do not pay for a model yet, or a
 *   summary that leaves messages out which could not be read for secrets; `reason` says which
 * - `shortened`: no message could leave the view, so the largest are shown as excerpts
 * - `joined`: an equal request was under way; the figures are that one's
 * - `nothing-to-compress`, `no-headroom`, `superseded`, `deferred` (by a hook, with its `reason`), `failed`: the session
 *   is as before
 *
 * @since 0.1.0
 * @category models
 */
export const Outcome = Schema.Literal(
  "committed",
  "degraded",
  "shortened",
  "joined",
  "nothing-to-compress",
  "no-headroom",
  "deferred",
  "superseded",
  "failed"
)
/**
 * @since 0.1.0
 * @category models
 */
export type Outcome = typeof Outcome.Type

/**
 * One model call of a compression: the route, and the tag of the error it ended with, if it did. `inPlace` is true for a
 * call that continued the agent's last request. Where that was not possible, the error is `NotInPlace`, the detail says
 * why, and no call was made.
 *
 * @since 0.1.0
 * @category models
 */
export const Attempt = Schema.Struct({
  route: Schema.String,
  error: Schema.NullOr(Schema.String),
  detail: Schema.NullOr(Schema.String),
  inPlace: Schema.optionalWith(Schema.Boolean, { exact: true })
})
/**
 * @since 0.1.0
 * @category models
 */
export type Attempt = typeof Attempt.Type

/**
 * The part of its budget that a compression did not spend; `milliseconds` and `tokens` are null without a bound on them.
 *
 * @since 0.1.0
 * @category models
 */
export const BudgetLeft = Schema.Struct({
  calls: Schema.Int,
  milliseconds: Schema.NullOr(Schema.Int),
  tokens: Schema.NullOr(Schema.Int)
})
/**
 * @since 0.1.0
 * @category models
 */
export type BudgetLeft = typeof BudgetLeft.Type

/**
 * The value `compress` returns, whatever happened: always of the session that was asked for. `model` wrote the summary,
 * if there is one; tokens and messages are those of the view. `compressions` is how many its handoff stands for.
 * `tokensSpent` is what the model calls have sent and received.
 *
 * @since 0.1.0
 * @category models
 */
export const CompressionResult = Schema.Struct({
  sessionId: SessionId,
  operationId: Schema.String,
  outcome: Outcome,
  reason: Schema.NullOr(Schema.String),
  model: Schema.NullOr(Schema.String),
  focus: Schema.NullOr(Schema.String),
  generation: Schema.Int,
  snapshotId: Schema.NullOr(Schema.String),
  messagesBefore: Schema.Int,
  messagesAfter: Schema.Int,
  tokensBefore: Schema.Int,
  tokensAfter: Schema.Int,
  compressions: Schema.Int,
  modelCalls: Schema.Int,
  tokensSpent: Schema.Int,
  attempts: Schema.Array(Attempt),
  budgetLeft: Schema.NullOr(BudgetLeft),
  durationMs: Schema.Finite
})
/**
 * @since 0.1.0
 * @category models
 */
export type CompressionResult = typeof CompressionResult.Type

/**
 * Every route failed and the policy says `onExhausted: "fail"`: the session is exactly as before.
 *
 * @since 0.1.0
 * @category errors
 */
export class CompressionFailed extends Schema.TaggedError<CompressionFailed>()("CompressionFailed", {
  sessionId: SessionId,
  operationId: Schema.String,
  errors: Schema.Array(ModelError)
}) {
  override get message() {
    const last = this.errors.at(-1)
    return `compression of session ${escapeId(this.sessionId)} failed: ${last === undefined ? "no route" : last.message}`
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.errors.some(({ isRetryable }) => isRetryable)
  }
}
