import { assert, describe, it } from "@effect/vitest"
import {
  addShares,
  listChangedInnocents,
  listChangedLater,
  measureCarried,
  measureGroups,
  measureManuals,
  measurePublished,
  measureStrangers
} from "./measureSecrets.ts"

describe("13: secrets stay, measured on a corpus", () => {
  const shareOf = (isHeldOut: boolean): number => {
    const { kept, total } = addShares("all", measureGroups(isHeldOut))
    return kept / total
  }

  it("keeps back nine of ten secrets", () => assert.isAtLeast(shareOf(false), 0.9))
  it("keeps back nine of ten of the kinds that were held out at first", () => assert.isAtLeast(shareOf(true), 0.9))
  it("keeps back nine of ten of what was written by other words", () => {
    const { kept, total } = addShares("all", measureCarried())
    assert.isAtLeast(kept / total, 0.9)
  })
  it("keeps back nine of ten of what vendors and manuals publish", () => {
    const { kept, total } = addShares("all", measurePublished())
    assert.isAtLeast(kept / total, 0.9)
  })
  it("keeps back nine of ten of what generators of passwords and manuals write", () => {
    const { kept, total } = addShares("all", measureManuals())
    assert.isAtLeast(kept / total, 0.9)
  })
  it("keeps back nine of ten of what no rule had words for", () => {
    const { kept, total } = addShares("all", measureStrangers())
    assert.isAtLeast(kept / total, 0.9)
  })
  it("changes no more than one look-alike of a hundred", () => {
    assert.isAtMost(listChangedInnocents(false).length + listChangedInnocents(true).length, 1)
    assert.isAtMost(listChangedLater().length, 4)
  })
})
