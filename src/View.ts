/**
 * What the model sees of a session, put together from its state. Derived, never stored.
 *
 * @since 0.1.0
 */
import * as Handoff from "./Handoff.ts"
import { mend, type Repair as Mended, type Row } from "./internal/repairs.ts"
import type { Message } from "./Message.ts"
import type { Logged, SessionId, State } from "./Session.ts"
import * as Tokens from "./Tokens.ts"

/**
 * How the view differs from the log, where the log itself would not be accepted or did not fit.
 *
 * @since 0.1.0
 * @category models
 */
export type Repair = Mended

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
  readonly parts: { readonly [P in Row["part"]]: Size }
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
  const excerpts = new Map(state.manifest.excerpts.map(({ seq, tokens }) => [seq, tokens] as const))
  const { rows, repairs } = mend(rowsOf(state, counter, options.system), excerpts, counter)
  return {
    sessionId: state.sessionId,
    generation: state.generation,
    messages: rows.map(({ message }) => message),
    tokens: rows.reduce((sum, { tokens }) => sum + tokens, Tokens.overhead(counter, { tools: options.tools })),
    parts: sizesOf(rows),
    repairs
  }
}

const rowsOf = (state: State, counter: Tokens.Counter, system: Tokens.Fixed["system"]): ReadonlyArray<Row> => {
  const made = (part: Row["part"], message: Message): Row => ({
    part,
    seq: 0,
    message,
    tokens: counter.message(message)
  })
  const logged = (part: Row["part"], entries: ReadonlyArray<Logged>): ReadonlyArray<Row> =>
    entries.map(({ seq, message, tokens }) => ({ part, seq, message, tokens }))
  const { renderer, ledger } = state.manifest
  const handsOff = state.segments.length > 0 || ledger !== ""
  return [
    ...(system === undefined ? logged("system", state.system) : [made("system", promptOf(system))]),
    ...logged("head", state.head),
    ...(handsOff ? [made("handoff", Handoff.message({ segments: state.segments, ledger, renderer }))] : []),
    ...logged("live", state.live),
    ...logged("tail", state.tail)
  ]
}

const promptOf = (system: string | Message): Message =>
  typeof system === "string" ? { role: "system", content: system } : system

const sizesOf = (rows: ReadonlyArray<Row>): View["parts"] => {
  const none = () => ({ messages: 0, tokens: 0 })
  const sizes = { system: none(), head: none(), handoff: none(), live: none(), tail: none() }
  for (const { part, tokens } of rows) {
    sizes[part].messages += 1
    sizes[part].tokens += tokens
  }
  return sizes
}
