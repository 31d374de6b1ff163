import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { excerptAroundHit } from "../../src/recall/foundExcerpt.ts"
import { splitChunks } from "../../src/store/searchQuery.ts"
import { text } from "../support/histories.ts"

const filler = "nothing of note happened here. ".repeat(40)

describe("foundExcerpt", () => {
  it("a short text is shown whole, in one line", () =>
    assert.strictEqual(excerptAroundHit("one\n  two\r\nthree", [], 240), "one two three"))

  it("shows the place with the most of what was looked for", () => {
    const text = `the port. ${filler}the port is 8123 for billing. ${filler}billing.`
    const excerpt = excerptAroundHit(text, splitChunks("billing port 8123"), 240)
    assert.match(excerpt, /^….*the port is 8123 for billing.*…$/)
  })

  it("finds it without its accents and in another case", () =>
    assert.include(excerptAroundHit(`${filler}Café Zürich${filler}`, splitChunks("cafe zurich"), 60), "Café Zürich"))

  it("without any place it is the beginning", () =>
    assert.match(excerptAroundHit(filler, splitChunks("absent"), 60), /^nothing of note.*[^…]…$/))

  it("no half of a surrogate pair, no line break, about as long as asked", () =>
    fc.assert(
      fc.property(text, text, fc.integer({ min: 1, max: 300 }), (text, query, length) => {
        const excerpt = excerptAroundHit(`${text}🚀${text}`, splitChunks(query), length)
        assert.notMatch(excerpt, /\p{Surrogate}/u)
        assert.notMatch(excerpt, /[\r\n]/)
        assert.isAtMost(excerpt.length, length + 3)
      })
    ))
})
