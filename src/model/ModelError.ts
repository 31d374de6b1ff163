/**
 * Errors of model calls. Each names the route it happened on and what a person needs to act; `Recovery` decides what
 * follows it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const common = { route: Schema.String }

/** A server may refuse a call without a word. */
const withDetail = (text: string, detail: string): string => (detail.trim() === "" ? text : `${text}: ${detail}`)

/**
 * The call missed a deadline, in milliseconds: `idle` if no byte came for that long, `total` if the answer was not whole.
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
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The connection failed, broke, or ended before the answer's end mark.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionError extends Schema.TaggedError<ConnectionError>()("ConnectionError", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return withDetail(`${this.route}: connection failed`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The provider broke off its answer, or `Gateway.interrupt` stopped the task. Fiber interruption is not meant.
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
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.by === "provider"
  }
}

/**
 * The provider refused the call because of too many calls. `retryAfter` is in milliseconds, null if not given.
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
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The provider refused the credential.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return withDetail(`${this.route}: credential refused`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
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
    return withDetail(`${this.route}: quota exceeded`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The model does not exist on this server, or the account may not use it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ModelUnavailable extends Schema.TaggedError<ModelUnavailable>()("ModelUnavailable", {
  ...common,
  detail: Schema.String
}) {
  override get message() {
    return withDetail(`${this.route}: model unavailable`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The input was longer than the model's window. `limit` is the window in tokens that the provider named; default null. An
 * agent's own model call may fail with it too: see `Gateway.turn`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContextOverflow extends Schema.TaggedError<ContextOverflow>()("ContextOverflow", {
  ...common,
  detail: Schema.String,
  limit: Schema.NullOr(Schema.Number).pipe(
    Schema.propertySignature,
    Schema.withConstructorDefault(() => null)
  )
}) {
  override get message() {
    return withDetail(`${this.route}: input longer than the window`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The reason why the gate rejected a summary.
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
 * The model answered, but the gate rejected its summary.
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
    return withDetail(`${this.route}: summary rejected (${this.reason})`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The provider failed in another way: a 5xx status, HTML instead of JSON, or anything else.
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
    return withDetail(`${this.route}: provider failed${this.status === null ? "" : ` (${this.status})`}`, this.detail)
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.status === null || this.status >= 500
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
 * Every route of a task failed or is paused, or its budget ran out. `errors` are in the order in which they came,
 * `paused` are the routes that were not asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted extends Schema.TaggedError<Exhausted>()("Exhausted", {
  errors: Schema.Array(ModelError),
  paused: Schema.Array(Schema.String)
}) {
  override get message() {
    const last = this.errors.at(-1)
    if (last !== undefined) return last.message
    if (this.paused.length > 0) return `paused after failures: ${this.paused.join(", ")}`
    return "no route to a model, or too little left of the budget to ask one"
  }
  /** True if the same call may succeed later, with nothing changed. */
  get isRetryable(): boolean {
    return this.paused.length > 0 || this.errors.some(({ isRetryable }) => isRetryable)
  }
}
