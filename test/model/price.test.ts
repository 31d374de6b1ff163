/** What calls cost in money, where a route has a price. */
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { priceCall } from "../../src/model/price.ts"
import { checkRoute } from "../../src/model/Provider.ts"
import { route } from "../support/world.ts"

describe("the price of a model", () => {
  it("is that of the cache for what the cache had, and the same for all input where none is named", () => {
    const usage = { inputTokens: 1_000_000, outputTokens: 500_000, cachedTokens: 800_000 }
    assert.deepStrictEqual(priceCall({ input: 2, cached: 0.5, output: 10 }, usage), { sent: 0.8, received: 5 })
    assert.deepStrictEqual(priceCall({ input: 2, output: 10 }, usage), { sent: 2, received: 5 })
    const tooMany = { ...usage, cachedTokens: 9e9 }
    assert.deepStrictEqual(priceCall({ input: 2, cached: 0.5, output: 10 }, tooMany), { sent: 0.5, received: 5 })
  })

  it("is refused unless each part is an amount", () => {
    for (const price of [
      { input: -1, output: 1 },
      { input: 1, output: NaN },
      { input: 1, output: 1, cached: Infinity }
    ]) {
      const refused = checkRoute({ ...route, price })
      assert.isTrue(Either.isLeft(refused) && refused.left.field.includes(".price."))
    }
    assert.isTrue(Either.isRight(checkRoute({ ...route, price: { input: 0, output: 0 } })))
  })
})
