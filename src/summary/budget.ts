/** Taking from a budget that the chunks of a task spend together. */
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type { Completion } from "../model/ModelClients.ts"
import type { Spending } from "./modelTask.ts"
import { monotonicMillis } from "../concurrency/monotonicClock.ts"

/** Takes a call and the tokens of its text from the budget, if as much is left: other chunks spend it, too. */
export const reserve = Effect.fnUntraced(function* ({ tokens }: { readonly tokens: number }, spent: Spending) {
  if (spent.deadline <= (yield* monotonicMillis)) return false
  if (!(yield* take(spent.tokensLeft, tokens))) return false
  if (yield* take(spent.callsLeft, 1)) return true
  yield* Ref.update(spent.tokensLeft, (left) => left + tokens)
  return false
})

const take = (from: Ref.Ref<number>, amount: number) =>
  Ref.modify(from, (left) => (left < amount ? [false, left] : [true, left - amount]))

/** What a call took beyond the estimate of its prompt, by the provider's own count if it gave one. */
export const costBeyond = (estimate: number, { text, usage }: Completion): number =>
  usage === null ? Math.ceil(text.length / 4) : usage.inputTokens + usage.outputTokens - estimate
