/** One summary by a model: what is asked, and what of the answer is kept. */
import type * as ModelTask from "./modelTask.ts"
import * as Gate from "./Gate.ts"
import * as Handoff from "../handoff/Handoff.ts"
import type { Route } from "../model/Provider.ts"
import type * as Recovery from "../model/Recovery.ts"
import { redact } from "../message/Redaction.ts"
import type { Counter } from "../message/Tokens.ts"

export interface Environment {
  readonly routes: ReadonlyArray<Route>
  readonly recovery: Recovery.Policy
  readonly instructions: string | null
  readonly counter: Counter
}

/** `covered` is what the material stands for, in tokens; `cuts` is that of an `ModelTask.Task`. */
export interface SummaryRequest extends Omit<Handoff.PromptInput, "instructions" | "rejected"> {
  readonly covered: number
  readonly cuts: number | null
  readonly onProgress: ModelTask.Task<string>["onProgress"]
}

/** The summarizer's own instructions beside the material. */
export const PROMPT_TOKENS = 1_500

export const makeSummaryTask = (env: Environment, about: SummaryRequest): ModelTask.Task<string> => {
  const { counter, instructions } = env
  const { covered, cuts, material, maxTokens, onProgress } = about
  return {
    ...env,
    name: "compression",
    cuts,
    tokens: counter.text(material) + PROMPT_TOKENS,
    request: (rejected) => ({
      task: "compression",
      messages: Handoff.prompt({ ...about, instructions, rejected }),
      // Room for the model's reasoning; the length of the answer itself is asked for in the prompt.
      maxOutputTokens: maxTokens * 2 + 1_000
    }),
    accept: (route, { finish, reasoning, text }) => {
      const measure = { counter, coveredTokens: covered, maxTokens, missing: Handoff.missing }
      return Gate.checkSummary({ route, text, reasoning, finish, ...measure })
    },
    onProgress
  }
}

/** A model may have been told a secret elsewhere, make up what looks like one, or write more than it was asked for. */
export const redactAndTrim = (answer: string, maxTokens: number, counter: Counter): string => {
  const text = redact(answer)
  return counter.text(text) <= maxTokens ? text : Handoff.render(Handoff.fit(Handoff.parse(text), counter, maxTokens))
}
