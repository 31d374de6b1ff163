/** The requests and answers of a turn over HTTP. Times are in epoch milliseconds. */
import * as Schema from "effect/Schema"
import { SessionId } from "../../session/Session.ts"
import { ChatMessage, Format, ViewAnswer } from "./answers.ts"

const Milliseconds = Schema.Int.pipe(Schema.nonNegative())

/**
 * The wait for another turn of the session, and for how many milliseconds the client may be silent before it
 * loses the turn.
 */
export const BeginTurn = Schema.Struct({
  wait: Schema.optional(Milliseconds),
  ttl: Schema.optional(Milliseconds)
})

/** The turn is its client's until `expiresAt`, and every call of the turn extends that. */
export const Extended = Schema.Struct({ expiresAt: Schema.Int })

/** `turn` names the turn in its calls; `lastSeq` is the last message of the log. */
export const TurnBegun = Schema.Struct({
  turn: Schema.String,
  sessionId: SessionId,
  lastSeq: Schema.Int,
  ...Extended.fields
})

/**
 * The format of the answer, the system prompt and the tools that the step adds, its model and window if they are not those
 * of the service, and what the provider takes.
 */
export const StepRequest = Schema.Struct({
  format: Schema.optional(Format),
  system: Schema.optional(Schema.Union(Schema.String, ChatMessage)),
  tools: Schema.optional(Schema.Array(Schema.Unknown)),
  model: Schema.optional(Schema.String),
  contextLength: Schema.optional(Schema.Number),
  reservedOutput: Schema.optional(Schema.Number),
  maxRequestBytes: Schema.optional(Schema.Number),
  maxImages: Schema.optional(Schema.Number),
  maxImageBytes: Schema.optional(Schema.Number),
  imagesInToolResults: Schema.optional(Schema.Boolean),
  callIds: Schema.optional(Schema.Literal("common", "mistral")),
  cacheMarks: Schema.optional(Schema.Boolean)
})

export const StepAnswer = Schema.Struct({ ...ViewAnswer.fields, ...Extended.fields })

/** `detail` are the words in which the model's server refused the latest view: they may name the window that it has. */
export const Refusal = Schema.Struct({ detail: Schema.optional(Schema.String) })

/** `messages` are chat messages, or those of `format`. */
export const AppendRequest = Schema.Struct({
  messages: Schema.Array(Schema.Unknown),
  format: Schema.optional(Format),
  key: Schema.optional(Schema.NonEmptyString)
})

/** `lastSeq` is the last message of the log now; `duplicate` says that this answer was given before. */
export const AppendAnswer = Schema.Struct({ lastSeq: Schema.Int, duplicate: Schema.Boolean, ...Extended.fields })

/** All input tokens of the model call, cached ones included, those of them that the cache had, and what the model wrote. */
export const UsageReport = Schema.Struct({
  inputTokens: Schema.Number,
  cachedTokens: Schema.optional(Schema.Number),
  outputTokens: Schema.optional(Schema.Number),
  model: Schema.optional(Schema.String)
})

export const TurnEnd = Schema.Struct({ sessionId: SessionId, lastSeq: Schema.Int })
