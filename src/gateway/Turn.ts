/**
 * A turn: the agent answering, step by step, under the session's turn lease.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { CompressionFailed } from "../session/CompressionResult.ts"
import type { Window } from "../compression/CompressionPolicy.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import { SessionId } from "../session/Session.ts"
import { escapeId } from "../message/text.ts"
import type { StoreError, Superseded, TurnLost, UnknownSession, WindowExceeded } from "../session/SessionError.ts"
import type { View } from "../view/View.ts"
import type { WireLimits } from "../view/WireLimits.ts"

/**
 * The system prompt, tools and model of a step, and what its provider takes, such as `...WireLimits.anthropic`. A step whose model is not the policy's names the window of its own;
 * an agent that switches models does so in every step.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOptions extends Window, WireLimits {
  /** Replaces a system prompt in the log. */
  readonly system?: string | Message | undefined
  /** Tool definitions as they are sent to the model, counted in tokens. */
  readonly tools?: ReadonlyArray<unknown> | undefined
}

/**
 * The cost of a step, as its provider reported it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepUsage {
  /** All input tokens, cached ones included. */
  readonly inputTokens: number
  /** Input tokens that the provider's cache had, which cost less; default 0. Only metrics in money use it. */
  readonly cachedTokens?: number | undefined
  /**
   * The tokens that the model wrote; default: as estimated of the answers that are appended. Of a session that reported it once, nothing
   * is estimated later: report it with every call, before its answer is appended.
   */
  readonly outputTokens?: number | undefined
  /** The model that counted them; default: that of the latest view. */
  readonly model?: string | undefined
}

/**
 * The failures of a turn's own operations.
 *
 * - `TurnLost`: another holder has the session's turn lease; the error holds the messages that were not stored
 * - `Superseded`: a reset or rewind took effect since the turn began; the error holds the messages that were not stored
 * - `UnknownSession`: the session was never delivered to
 * - `StoreError`: the store failed; nothing of the operation was written
 * - `CompressionFailed`: the step had to wait for a compression, which failed under `onExhausted: "fail"`
 * - `InvalidPolicy`: the step's window contradicts the policy
 * - `WindowExceeded`: the model's server refused the step's view, and no more of it could be left out
 *
 * @since 0.1.0
 * @category errors
 */
export type TurnError =
  | TurnLost
  | Superseded
  | UnknownSession
  | StoreError
  | CompressionFailed
  | InvalidPolicy
  | WindowExceeded

/**
 * An agent asked for a turn of the session whose turn it is answering, which would wait for itself for ever. Use the turn
 * that it has, or begin the other one outside.
 *
 * @since 0.1.0
 * @category errors
 */
export class NestedTurn extends Schema.TaggedError<NestedTurn>()("NestedTurn", {
  sessionId: SessionId
}) {
  override get message() {
    return `session ${escapeId(this.sessionId)} is in a turn already, and this one would wait for its end`
  }
  /** False: it would wait for itself again. */
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The handle an agent answers with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turn {
  /** The session that is being answered. */
  readonly sessionId: SessionId
  /**
   * Moves everything delivered so far from the inbox to the log, and returns the messages for the next model call. Over
   * the hard threshold it waits for a compression first; over the soft one it starts a compression in the background.
   */
  readonly view: (options?: StepOptions) => Effect.Effect<View, TurnError>
  /**
   * Appends messages to the log, and returns when they are on disk. Stores all of them or none: one invalid message
   * fails the call with `InvalidMessage`.
   */
  readonly append: (...messages: ReadonlyArray<Message>) => Effect.Effect<void, TurnError | InvalidMessage>
  /**
   * Reports how many input tokens the provider counted for the latest view, so that later estimates are calibrated by
   * it. Never fails; a number that is not a count of tokens is ignored. A report of less than half or more than three
   * times the view's estimate corrects nothing, and a log line says so once per session and model.
   */
  readonly report: (usage: StepUsage) => Effect.Effect<void>
  /**
   * Gets a view and passes it to `call`, which makes the model call. If `call` fails with an error of the tag
   * `ContextOverflow`, the session is compressed for a window no larger than the refused view, and no larger than the
   * `limit` in tokens that the error names; then `call` runs again with the new view, and so on while it gets smaller.
   *
   * Once a smaller view passes, the session remembers that window for the model until a reset, and later steps keep
   * within it. A step tries a larger one now and then, ever more rarely as long as it is refused. Fails with
   * `WindowExceeded` if nothing more can leave.
   */
  readonly step: <A, E, R>(
    call: (view: View) => Effect.Effect<A, E, R>,
    options?: StepOptions
  ) => Effect.Effect<A, E | TurnError, R>
}
