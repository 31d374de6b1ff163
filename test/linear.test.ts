/**
 * Time grows in proportion to the text, whoever wrote it. Here each text once stopped the process for minutes: such a test
 * ends by its timeout, not by a measured time. A thorough run looks for more, and measures.
 */
import { assert, describe, it } from "@effect/vitest"
import { isSteep, measureExpressions, measureReaders } from "./support/growth.ts"
import { KNOWN_TEXTS } from "./support/fragments.ts"
import { fill } from "./support/pump.ts"
import { READERS } from "./support/readers.ts"
import { isThorough } from "./support/repetitions.ts"

describe("time in proportion to the text", () => {
  it.each(KNOWN_TEXTS)("%s: %o", (name, found) => {
    READERS[name]?.(fill(found, 524_288))
  })
})

describe.runIf(isThorough)("time in proportion to the text, whatever the text", () => {
  it("each expression of src, with its own alphabet", { timeout: 600_000 }, async () => {
    const { count, measured } = await measureExpressions()
    assert.isAbove(count, 250)
    assert.deepStrictEqual(
      measured.filter(({ growth }) => isSteep(growth)),
      []
    )
  })

  it("each reader of foreign text", { timeout: 600_000 }, async () => {
    const measured = await measureReaders(READERS)
    assert.deepStrictEqual(
      measured.filter(({ growth }) => isSteep(growth)),
      []
    )
  })
})
