/** What the tokens of a model cost in money. The library knows no price lists, so these are the caller's. */
import { checkAll, type Checked, checkSetting } from "./InvalidSetting.ts"

/**
 * What a million tokens of a model cost, in dollars. `cached` are input tokens that the provider's cache had; default: as
 * the others.
 *
 * @since 0.1.0
 * @category models
 */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cached?: number | undefined
}

/** Refuses what is no amount. */
export const checkPrice = (field: string, price: Price | undefined): Checked =>
  checkAll(
    Object.entries({ ...price }).map(([name, dollars]) => {
      const isAmount = typeof dollars === "number" && dollars >= 0 && dollars < Infinity
      return checkSetting(`${field}.${name}`, isAmount, "the dollars of a million tokens", dollars)
    })
  )

/** The dollars of what a call sent and received. */
export const priceCall = (
  { cached: ofCache, input, output }: Price,
  {
    cachedTokens = 0,
    inputTokens,
    outputTokens
  }: { readonly inputTokens: number; readonly outputTokens: number; readonly cachedTokens?: number | undefined }
) => {
  const cached = Math.min(inputTokens, Math.max(0, cachedTokens))
  return {
    sent: (input * (inputTokens - cached) + (ofCache ?? input) * cached) / 1_000_000,
    received: (output * outputTokens) / 1_000_000
  }
}
