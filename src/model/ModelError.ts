/**
 * What can go wrong with a model call beside the conversation. Each error names the route it happened on and what a
 * person needs to act; `Recovery` says what follows it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const common = { route: Schema.String }

/**
 * The call had no answer within its deadline (milliseconds): no byte for `idle`, not whole for `total`.
 *
 * @since 0.1.0
 * @category errors
 */
export class Timeout extends Schema.TaggedError<Timeout>()("Timeout", {
  ...common,
  phase: Schema.Literal("idle", "total"),
  deadline: Schema.Number
}) {
  override get message() {
    return `${this.route}: no ${this.phase === "idle" ? "sign of life" : "complete answer"} within ${this.deadline} ms`
  }
}

/**
 * The connection could not be made, broke, or ended before the answer's end mark.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionError extends Schema.TaggedError<ConnectionError>()("ConnectionError", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: connection failed: ${this.detail}`
  }
}

/**
 * The provider or the gateway's own signal broke the call off. Not fiber interruption.
 *
 * @since 0.1.0
 * @category errors
 */
export class Interrupted extends Schema.TaggedError<Interrupted>()("Interrupted", {
  ...common,
  by: Schema.Literal("provider", "gateway")
}) {
  override get message() {
    return `${this.route}: interrupted by the ${this.by}`
  }
}

/**
 * Too many calls. `retryAfter` is in milliseconds, if the provider said.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...common,
  retryAfter: Schema.NullOr(Schema.Number)
}) {
  override get message() {
    return `${this.route}: rate limited${this.retryAfter === null ? "" : `, retry after ${this.retryAfter} ms`}`
  }
}

/**
 * The credential was not accepted.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: credential refused: ${this.detail}`
  }
}

/**
 * The account has no quota or credit left.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: quota exceeded: ${this.detail}`
  }
}

/**
 * The model does not exist here or may not be used.
 *
 * @since 0.1.0
 * @category errors
 */
export class ModelUnavailable extends Schema.TaggedError<ModelUnavailable>()("ModelUnavailable", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: model unavailable: ${this.detail}`
  }
}

/**
 * The input was longer than the model's window. An agent's own model call may fail with it too: see `Gateway.turn`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContextOverflow extends Schema.TaggedError<ContextOverflow>()("ContextOverflow", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: input longer than the window: ${this.detail}`
  }
}

/**
 * Why the gate turned a summary away.
 *
 * @since 0.1.0
 * @category models
 */
export const GateReason = Schema.Literal(
  "empty",
  "error-text",
  "refusal",
  "html",
  "reasoning-only",
  "cut-off",
  "sections-missing",
  "not-smaller"
)
/**
 * @since 0.1.0
 * @category models
 */
export type GateReason = typeof GateReason.Type

/**
 * The model answered, but not with a summary that may be committed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSummary extends Schema.TaggedError<InvalidSummary>()("InvalidSummary", {
  ...common,
  reason: GateReason,
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: summary rejected (${this.reason}): ${this.detail}`
  }
}

/**
 * The provider failed in its own way: a 5xx, HTML for JSON, anything else.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  ...common,
  status: Schema.NullOr(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    return `${this.route}: provider failed${this.status === null ? "" : ` (${this.status})`}: ${this.detail}`
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export const ModelError = Schema.Union(
  Timeout,
  ConnectionError,
  Interrupted,
  RateLimited,
  Unauthorized,
  QuotaExceeded,
  ModelUnavailable,
  ContextOverflow,
  InvalidSummary,
  ProviderError
)
/**
 * @since 0.1.0
 * @category models
 */
export type ModelError = typeof ModelError.Type

/**
 * Whether the failure says that the client itself may be broken, so that no later call should get it.
 *
 * @since 0.1.0
 * @category predicates
 */
export const condemnsClient = (error: ModelError): boolean =>
  error._tag === "Timeout" || error._tag === "ConnectionError"
