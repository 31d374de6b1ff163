import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { splitLines, splitSentences, splitWords, toOneLine } from "../../src/message/text.ts"
import { propertyRuns } from "../support/repetitions.ts"

const textOf = (...pieces: ReadonlyArray<string>) =>
  FastCheck.string({ unit: FastCheck.constantFrom(...pieces), maxLength: 16 })

const SENTENCES = new Intl.Segmenter("en", { granularity: "sentence" })
const ENDS_WITHIN = /[.!?]["')*`]*\s+\S/

describe("text in pieces", () => {
  const ascii = textOf(..."aB1.!?\t\"')(],-:;_/*`<$& ", "foo", "e.g.", "...", ". ", "! ", ". B")
  it.prop(
    "a line of ASCII has the sentences that Unicode's rules find",
    [ascii],
    ([end]) => {
      const line = `x ${end}`.trim()
      const found = Array.from(SENTENCES.segment(line), ({ segment }) => segment.trim()).filter((text) => text !== "")
      assert.deepStrictEqual(splitSentences(line), ENDS_WITHIN.test(line) ? found : [line])
    },
    propertyRuns(2_000, 50_000)
  )

  const blank = textOf("a", "é", " ", "\n", "\r\n", "\t", "\u00a0", "\u0085", "\u2028", "\u3000", "\ufeff")
  it.prop(
    "one line has one space for each run of white space, and none at its ends",
    [blank],
    ([text]) => {
      assert.strictEqual(toOneLine(text), text.replace(/[\s\u0085]+/g, " ").trim())
    },
    propertyRuns(500, 20_000)
  )

  it.prop(
    "lines are parted by every line break of Unicode, and a pair is one",
    [blank],
    ([text]) => {
      assert.deepStrictEqual(splitLines(text), text.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/))
    },
    propertyRuns(500, 20_000)
  )

  it("words of scripts without spaces are pairs of neighbours, but for hiragana; others stay whole beside them", () => {
    assert.deepStrictEqual(splitWords("我们用 Port5432。"), ["我们", "们用", "port5432"])
    assert.deepStrictEqual(splitWords("東京支店のデータでした"), "東京 京支 支店 店の のデ デー ータ タで".split(" "))
    assert.deepStrictEqual(splitWords("a密b, don't"), ["密", "don"])
    assert.deepStrictEqual(splitWords("Don't stop at 3."), ["don", "stop", "at"])
  })

  const dense = String.raw`\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3031-\u9fff\uf900-\ufaff`
  const run = new RegExp(String.raw`[${dense}]+|(?:(?![${dense}])[\p{L}\p{M}\p{N}_])+`, "gu")
  const isDense = new RegExp(`^[${dense}]`)
  it.prop(
    "beside a script without spaces words are the other runs of letters and digits, and the pairs within its own",
    [textOf(...Array.from("aB1_-密码かなカーหกက한𠀀𐌰😀 、"), "e\u0301", "\ud800", "\udc00")],
    ([end]) => {
      const words = Array.from(`密${end}`.toLowerCase().matchAll(run), ([found]) => {
        if (!isDense.test(found)) return found.length > 1 ? [found] : []
        const pairs = Array.from(found.slice(1), (sign, i) => found.charAt(i) + sign)
        return pairs.length === 0 ? [found] : pairs.filter((pair) => !/^[\u3041-\u309f]{2}$/.test(pair))
      })
      assert.deepStrictEqual(splitWords(`密${end}`), words.flat())
    },
    propertyRuns(2_000, 50_000)
  )
})
