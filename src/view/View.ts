/**
 * The messages a model sees of a session, derived from its state and never stored.
 *
 * @since 0.1.0
 */
import * as IncrementalView from "./incrementalView.ts"
import type { View } from "./model.ts"
import type { State } from "../session/Session.ts"
import type * as Tokens from "../message/Tokens.ts"
import * as WireLimits from "./WireLimits.ts"

export { OpenRequest, Parts, Repair, Size, View } from "./model.ts"

/**
 * The view of a state: system, head, handoff, open requests, tail. OpenAI, Anthropic, Mistral and Gemini accept it as
 * it is. A `system` prompt in the options replaces the one in the log. Other limits in the options make it a view for one
 * provider.
 *
 * @since 0.1.0
 * @category constructors
 */
export const assemble = (
  state: State,
  counter: Tokens.Counter,
  options: Tokens.Fixed & WireLimits.WireLimits = {}
): View =>
  IncrementalView.copyView(
    IncrementalView.assembleWhole(state, counter, { ...options, limits: WireLimits.resolve(options) })
  )
