import { assert, describe, it } from "@effect/vitest"
import { addShares, listChangedInnocents, measureGroups } from "./measureSecrets.ts"

describe("13: secrets stay, measured on a corpus", () => {
  const shareOf = (isHeldOut: boolean): number => {
    const { kept, total } = addShares("all", measureGroups(isHeldOut))
    return kept / total
  }

  it("keeps back nine of ten secrets", () => assert.isAtLeast(shareOf(false), 0.9))
  it("keeps back most of the kinds that no rule was written for", () => assert.isAtLeast(shareOf(true), 0.85))
  it("changes no more than one look-alike of a hundred", () => assert.isAtMost(listChangedInnocents(false).length, 1))
})
