/**
 * What an application does around a compression: save what is about to leave the view, add notes to the handoff, put
 * the compression off, hear of its result. Without a layer there are no hooks.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CompressionResult } from "../session/CompressionResult.ts"
import type { Logged, SessionId } from "../session/Session.ts"

/**
 * What is about to leave the view: entries of the log as they are, and their tokens. `isUrgent` says that a step waits
 * which cannot go on as it is: it is over the hard threshold, or its model call overflowed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Leaving {
  readonly sessionId: SessionId
  readonly operationId: string
  readonly entries: ReadonlyArray<Logged>
  readonly tokens: number
  /** Redacted; null if none was asked for. */
  readonly focus: string | null
  readonly isUrgent: boolean
}

/**
 * - `Proceed`: compress. `notes` stand in the handoff from then on, word for word but for secrets, each in one line of
 *   at most 600 characters; the newest 16 are kept, as far as the ledger has room
 * - `Defer`: do not, for this `reason`: the outcome is `deferred`, and what began unasked is not tried again without new
 *   material. Not followed where the compression is urgent
 *
 * @since 0.1.0
 * @category models
 */
export type Decision = Data.TaggedEnum<{
  Proceed: { readonly notes: ReadonlyArray<string> }
  Defer: { readonly reason: string }
}>
/**
 * @since 0.1.0
 * @category constructors
 */
export const Decision = Data.taggedEnum<Decision>()

/**
 * The hooks. One that fails, dies or takes longer than `deadline` (default 10 seconds) costs a warning in the log, and
 * the compression goes on as if there were none.
 *
 * - `before`: once the range is known, before a model is asked. It must not wait for its own session: neither for its
 *   turn nor for its compression
 * - `after`: once for each compression that this process has committed; nobody waits for it but shutdown
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly before?: ((leaving: Leaving) => Effect.Effect<Decision, unknown>) | undefined
  readonly after?: ((result: CompressionResult) => Effect.Effect<void, unknown>) | undefined
  readonly deadline?: Duration.DurationInput | undefined
}

/**
 * The hooks in use: none, unless `layer` provides some.
 *
 * @since 0.1.0
 * @category services
 */
export class CompressionHooks extends Context.Reference<CompressionHooks>()("throughline/CompressionHooks", {
  defaultValue: (): Options => ({})
}) {}

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<CompressionHooks> => Layer.succeed(CompressionHooks, options)
