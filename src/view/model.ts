/** The data a view is made of: rows on their way in, the repairs they needed, and the view itself. */
import * as Schema from "effect/Schema"
import { Message } from "../message/Message.ts"
import { SessionId } from "../session/Session.ts"
import type { Counter } from "../message/Tokens.ts"

const seq = Schema.Int

/**
 * One difference between a view and the log. `seq` is the message concerned, 0 for one that is not in the log.
 *
 * - `unreadable`: what is stored of the message is damaged; another one stands in its place and says so
 * - `lost-segment`: the summary of the messages from `seq` to `toSeq` is lost; the handoff says so
 * - `excerpt`: the message is shown in at most `tokens` tokens; 0 leaves it out
 * - `left-out-fields`: fields that its provider may want back do not fit the excerpt
 * - `no-result`: the call was never answered; a result saying so follows it
 * - `moved-result`: a late result, shown after its call at `callSeq`
 * - `orphaned-result`, `duplicate-result`: a result without a call, or a second one; left out
 * - `renamed-call`: the id was used before in this view, is too long, or has characters that providers refuse, or is not
 *   as long as its provider wants; its result is renamed with it
 * - `renamed-tool`: a name of a tool that providers refuse, `from`, is shown as `to`
 * - `renamed-author`: the `name` of a message that providers refuse, `from`, is shown as `to`; left out if that is empty
 * - `invalid-arguments`: not the text of a JSON object; shown as an object that holds the text
 * - `lone-surrogate`: halves of surrogate pairs that stand alone are shown as U+FFFD
 * - `words-as-text`: a refusal, the transcript of audio, or a legacy `function_call` is shown as the text of the message
 * - `moved-parts`: pictures and other parts of a result, or of an assistant, stand in a user message after it
 * - `left-out-parts`: such parts are left out, and a note says so
 * - `empty-message`: neither text nor call; left out
 * - `empty-content`: empty text, parts or lists of calls are left out, or replaced by stand-in text
 * - `bridge`: a short assistant message stands before it, since only an assistant may follow a tool
 * - `system-as-user`: an instruction in a place where none may stand, shown as a marked user message
 * - `opening`: a short user message stands before it, since a conversation has to begin with a user; also where a step has
 *   no message at all, with the `seq` 0
 * - `closing`: a short user message stands at the end, since what the model has to answer is left out or moved
 *
 * @since 0.1.0
 * @category models
 */
export const Repair = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("lost-segment"), seq, toSeq: seq }),
  Schema.Struct({ kind: Schema.Literal("excerpt"), seq, tokens: Schema.Int }),
  Schema.Struct({ kind: Schema.Literal("left-out-fields"), seq, fields: Schema.Array(Schema.String) }),
  Schema.Struct({ kind: Schema.Literal("no-result", "invalid-arguments"), seq, toolCallId: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("orphaned-result", "duplicate-result"), seq, toolCallId: Schema.String }),
  Schema.Struct({ kind: Schema.Literal("moved-result"), seq, callSeq: seq }),
  Schema.Struct({
    kind: Schema.Literal("renamed-call", "renamed-tool", "renamed-author"),
    seq,
    from: Schema.String,
    to: Schema.String
  }),
  Schema.Struct({ kind: Schema.Literal("lone-surrogate", "words-as-text", "moved-parts", "left-out-parts"), seq }),
  Schema.Struct({ kind: Schema.Literal("unreadable", "empty-message", "empty-content"), seq }),
  Schema.Struct({ kind: Schema.Literal("bridge", "system-as-user", "opening", "closing"), seq })
)
/**
 * @since 0.1.0
 * @category models
 */
export type Repair = typeof Repair.Type

/**
 * The size of one part of a view.
 *
 * @since 0.1.0
 * @category models
 */
export const Size = Schema.Struct({ messages: Schema.Int, tokens: Schema.Int })
/**
 * @since 0.1.0
 * @category models
 */
export type Size = typeof Size.Type

/**
 * The size of each part of a view, in the order the parts are shown.
 *
 * @since 0.1.0
 * @category models
 */
export const Parts = Schema.Struct({ system: Size, head: Size, handoff: Size, live: Size, tail: Size })
/**
 * @since 0.1.0
 * @category models
 */
export type Parts = typeof Parts.Type

/**
 * A request that no turn has answered yet. `arrival` is that of its receipt; null if it did not come by delivery.
 *
 * @since 0.1.0
 * @category models
 */
export const OpenRequest = Schema.Struct({ seq, arrival: Schema.NullOr(Schema.Int) })
/**
 * @since 0.1.0
 * @category models
 */
export type OpenRequest = typeof OpenRequest.Type

/**
 * The messages of one model call, in order. They are copies that their reader may change. A message that no repair names
 * equals that of the log, except that its `native` stands under the symbol `Message.Native`, which no JSON has.
 *
 * - `tokens`: an estimate of all messages and of the step's tools
 * - `parts`: messages and tokens of each part, without the tools
 * - `open`: what awaits an answer, oldest first. Without any there is nothing to ask the model
 *
 * @since 0.1.0
 * @category models
 */
export const View = Schema.Struct({
  sessionId: SessionId,
  generation: Schema.Int,
  messages: Schema.mutable(Schema.Array(Message)),
  tokens: Schema.Int,
  parts: Parts,
  repairs: Schema.Array(Repair),
  open: Schema.Array(OpenRequest)
})
/**
 * @since 0.1.0
 * @category models
 */
export type View = typeof View.Type

/** A message on its way into a view; `seq` is 0 if it is not in the log. */
export interface Row {
  readonly part: keyof Parts
  readonly seq: number
  readonly message: Message
  readonly tokens: number
  /** True for a message that stands in the place of one that cannot be read. */
  readonly isUnreadable?: boolean
  /** True for a message made of parts that were moved out of the messages before it. */
  readonly isMoved?: boolean
}

/** The tools of a repair: a counter for what it rewrites, and a list for what it did. */
export interface RepairContext {
  readonly counter: Counter
  readonly note: (repair: Repair) => void
}
