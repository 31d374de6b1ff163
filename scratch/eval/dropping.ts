/** A summarizer as real ones are: at each call it forgets every fact with the same probability, on its own. */
import * as Random from "../../src/cli/random.ts"
import * as Prompt from "../../src/handoff/prompt.ts"
import * as Oracle from "./oracle.ts"
import type { Session } from "./session.ts"

export const PROBABILITY = 0.2

export const make = (seed: number, session: Session): Oracle.Write => {
  const random = Random.make(seed ^ 0x5bd1e995)
  return Oracle.make(session, () => !random.chance(PROBABILITY))
}

/** A chain of summaries: each is made of the one before and what is new. Returns every summary of it. */
export const chain = (write: Oracle.Write, materials: ReadonlyArray<string>): ReadonlyArray<string> => {
  const summaries: Array<string> = []
  for (const material of materials) {
    const previous = summaries.at(-1)
    const together =
      previous === undefined ? material : `#0-0 summary\n ${previous.replaceAll("\n", "\n ")}\n${material}`
    const asked = {
      material: together,
      focus: null,
      instructions: null,
      requests: [],
      maxTokens: 100_000,
      rejected: null
    }
    summaries.push(write({ messages: Prompt.renderPrompt(asked) }))
  }
  return summaries
}
