/**
 * What the model sees of a session, put together from its state. Derived, never stored.
 *
 * @since 0.1.0
 */
import * as Repairs from "./repairs.ts"
import { makeBaseRows, listExcerpts, makeTailRows, makeView } from "./rows.ts"
import type { Message } from "../message/Message.ts"
import type { SessionId, State } from "../session/Session.ts"
import type * as Tokens from "../message/Tokens.ts"

/**
 * How the view differs from the log, where the log itself would not be accepted or did not fit.
 *
 * @since 0.1.0
 * @category models
 */
export type Repair = Repairs.Repair

/**
 * How much of a view a part takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Size {
  readonly messages: number
  readonly tokens: number
}

/**
 * The messages of one model call, in order. Those that no repair names are the objects of the log. `tokens` estimates
 * them together with the step's tools; `parts` says what of it is what, tools left aside.
 *
 * @since 0.1.0
 * @category models
 */
export interface View {
  readonly sessionId: SessionId
  readonly generation: number
  readonly messages: ReadonlyArray<Message>
  readonly tokens: number
  readonly parts: { readonly [P in Repairs.Row["part"]]: Size }
  readonly repairs: ReadonlyArray<Repair>
}

/**
 * The view of a state: system, head, handoff, open requests, tail; accepted as it is by OpenAI, Anthropic, Mistral and
 * Gemini. A `system` prompt given replaces the one in the log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const assemble = (state: State, counter: Tokens.Counter, options: Tokens.Fixed = {}): View => {
  const mending = Repairs.beginRepairs(listExcerpts(state), counter)
  Repairs.addRepairs(mending, [...makeBaseRows(state, counter, options.system), ...makeTailRows(state.tail)])
  return makeView(state, Repairs.mendRows(mending), counter, options)
}
