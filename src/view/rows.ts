/**
 * What a view is made of: the rows of a state, before any repair, and what became of them.
 */
import * as Handoff from "../handoff/Handoff.ts"
import type { Message } from "../message/Message.ts"
import type { Logged, State } from "../session/Session.ts"
import * as Tokens from "../message/Tokens.ts"
import type { View } from "./View.ts"
import type { Mended, Row } from "./repairs.ts"

/** All but the tail: a generation's, as long as the system prompt is the same. */
export const makeBaseRows = (
  state: State,
  counter: Tokens.Counter,
  system: Tokens.Fixed["system"]
): ReadonlyArray<Row> => {
  const made = (part: Row["part"], message: Message): Row => ({
    part,
    seq: 0,
    message,
    tokens: counter.message(message)
  })
  const { renderer, ledger } = state.manifest
  const handsOff = state.segments.length > 0 || ledger !== ""
  return [
    ...(system === undefined ? logged("system", state.system) : [made("system", promptOf(system))]),
    ...logged("head", state.head),
    ...(handsOff ? [made("handoff", Handoff.message({ segments: state.segments, ledger, renderer }))] : []),
    ...logged("live", state.live)
  ]
}

export const makeTailRows = (tail: ReadonlyArray<Logged>): ReadonlyArray<Row> => logged("tail", tail)

const logged = (part: Row["part"], entries: ReadonlyArray<Logged>): ReadonlyArray<Row> =>
  entries.map(({ seq, message, tokens }) => ({ part, seq, message, tokens }))

const promptOf = (system: string | Message): Message =>
  typeof system === "string" ? { role: "system", content: system } : system

/** Which `seq` may take how many tokens. */
export const listExcerpts = ({ manifest }: State): ReadonlyMap<number, number> =>
  new Map(manifest.excerpts.map(({ seq, tokens }) => [seq, tokens] as const))

export const makeView = (
  { generation, sessionId }: State,
  mended: Mended,
  counter: Tokens.Counter,
  { tools }: Tokens.Fixed
): View => ({
  sessionId,
  generation,
  messages: mended.messages,
  tokens: Object.values(mended.parts).reduce((sum, { tokens }) => sum + tokens, Tokens.overhead(counter, { tools })),
  parts: mended.parts,
  repairs: mended.repairs
})
