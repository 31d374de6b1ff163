/** Plans of compressions, and the states that their commits make. */
import { Either } from "effect"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Plan from "../../src/compression/Plan.ts"
import * as SegmentTree from "../../src/handoff/segmentTree.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { Logged, Segment, State } from "../../src/session/Session.ts"
import * as View from "../../src/view/View.ts"
import { stateOf } from "./histories.ts"

export const policyOf = (options: CompressionPolicy.PolicyOptions) => Either.getOrThrow(CompressionPolicy.make(options))

export const planOf = (state: State, options: CompressionPolicy.PolicyOptions) =>
  Plan.make({ state, policy: policyOf(options), counter: estimate, overhead: overheadOf(state) })

export const overheadOf = ({ system }: State) => system.reduce((sum, { tokens }) => sum + tokens, 0)

/** The tokens of a view without its system prompt. */
export const countConversation = (state: State): number => {
  const { tokens, parts } = View.assemble(state, estimate)
  return tokens - parts.system.tokens
}

export const segmentOf = (id: string, plan: Plan.Compress, tokens: number): Segment => {
  const text = "word ".repeat(tokens).slice(0, 4 * tokens)
  const { fromSeq, toSeq } = plan
  return { id, level: 0, children: [], fromSeq, toSeq, text, tokens, degraded: "no route", focus: null, model: "m" }
}

/** The state after a commit of a summary and a ledger that take this part of the most they may take. */
export const commitPlan = (log: ReadonlyArray<Logged>, state: State, plan: Plan.Compress, part = 1): State => {
  const segment = segmentOf(`g${state.generation + 1}`, plan, Math.floor(part * plan.summaryTokens))
  const most = Math.floor(part * SegmentTree.ledgerTokens(plan.shares))
  const ledger = "fact ".repeat(plan.shares.handoff).slice(0, 4 * most)
  const { manifest, segments } = Plan.makeManifest(plan, state, { segment, condensed: [], ledger }, estimate)
  return stateOf(log, manifest, segments, state.generation + 1)
}
