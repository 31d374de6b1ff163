/**
 * A turn: the agent answering, step by step, under the session's turn lease.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { InvalidPolicy } from "../model/InvalidSetting.ts"
import type { CompressionFailed } from "../session/CompressionResult.ts"
import type { Window } from "../compression/CompressionPolicy.ts"
import type { InvalidMessage, Message } from "../message/Message.ts"
import type { SessionId } from "../session/Session.ts"
import type { StoreError, Superseded, TurnLost, UnknownSession } from "../session/SessionError.ts"
import type { View } from "../view/View.ts"

/**
 * What a step sends beside the messages. A `system` prompt given here replaces one in the log. A step whose model is not
 * the policy's says which window that one has; where models change, each step names its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepOptions extends Window {
  readonly system?: string | Message | undefined
  readonly tools?: ReadonlyArray<unknown> | undefined
}

/**
 * What the provider said a step had cost: all input tokens, cached ones included. The model is the step's, if it is not
 * given.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepUsage {
  readonly inputTokens: number
  readonly model?: string | undefined
}

/**
 * @since 0.1.0
 * @category errors
 */
export type TurnError = TurnLost | Superseded | UnknownSession | StoreError | CompressionFailed | InvalidPolicy

/**
 * The handle an agent answers with. `view` takes up everything delivered so far and, over the hard threshold, waits for
 * a compression; `append` returns when the messages are on disk, and stores none of them if one is no message; `step`
 * is `view` and a model call, which runs once more after a compression if it fails with `ContextOverflow`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turn {
  readonly sessionId: SessionId
  readonly view: (options?: StepOptions) => Effect.Effect<View, TurnError>
  readonly append: (...messages: ReadonlyArray<Message>) => Effect.Effect<void, TurnError | InvalidMessage>
  readonly report: (usage: StepUsage) => Effect.Effect<void>
  readonly step: <A, E, R>(
    call: (view: View) => Effect.Effect<A, E, R>,
    options?: StepOptions
  ) => Effect.Effect<A, E | TurnError, R>
}
