import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { splitChunks } from "../../src/store/searchQuery.ts"
import { readQuery, weighKeys, weightOf } from "../../src/store/wordKeys.ts"
import { text } from "../support/histories.ts"

const termsOf = (query: string) => readQuery(splitChunks(query)).terms.map(({ keys }) => keys)
const tellingOf = (query: string) => readQuery(splitChunks(query)).telling.map(({ text }) => text)

describe("wordKeys", () => {
  const questions: ReadonlyArray<readonly [query: string, telling: ReadonlyArray<string>]> = [
    ["What did Ada paint?", ["Ada", "paint?"]],
    ["Wann wurde die Rechnung bezahlt?", ["Rechnung", "bezahlt?"]],
    ["Où est la facture de Lyon ?", ["facture", "Lyon", "?"]],
    ["какой сервер упал", ["сервер", "упал"]],
    ["أين ذهب إلى المدرسة", ["ذهب", "المدرسة"]],
    ["Hvornår skal rapporten være færdig?", ["rapporten", "færdig?"]],
    ["who are you", ["who", "are", "you"]],
    ["bin directory", ["bin", "directory"]]
  ]
  for (const [query, telling] of questions) {
    it(`${query} is about ${telling.join(", ")}`, () => assert.deepStrictEqual(tellingOf(query), telling))
  }

  it("a question is stemmed in its language and in English, a name in every language", () => {
    assert.deepStrictEqual(termsOf("what are the companies?"), [["compani"]])
    assert.isAbove(termsOf("companies")[0]?.length ?? 0, 2)
  })

  it("what stands alone in quotes has no stems", () => assert.deepStrictEqual(termsOf('"the companies"'), []))

  it("a word weighs more the more often it is there, and less in a longer text", () => {
    const weight = (said: string) => weightOf(weighKeys(said).get("appl") ?? Number.POSITIVE_INFINITY)
    assert.isAbove(weight("apple apples apple"), weight("apple pears plums"))
    assert.isAbove(weight("an apple"), weight(`an apple ${"and pears ".repeat(100)}`))
    assert.isAbove(weight(`an apple ${"and pears ".repeat(9_000)}`), 0)
  })

  it("a sign that is only an accent has no key", () => assert.deepStrictEqual([...weighKeys("῭ x῭").keys()], ["x"]))

  it("no key of any text has a character that would separate it in an index, and each has one of 32 weights", () =>
    fc.assert(
      fc.property(text, (said) => {
        for (const [key, level] of weighKeys(said)) {
          assert.match(key, /^[\p{L}\p{M}\p{N}\p{Co}]+$/u)
          assert.include(
            Array.from({ length: 32 }, (_, i) => i),
            level
          )
        }
      })
    ))
})
