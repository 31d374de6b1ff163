import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { RECALL_MARK } from "../../src/message/whoseWords.ts"
import * as SearchQuery from "../../src/store/searchQuery.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import type { Message } from "../../src/message/Message.ts"
import { text } from "../support/histories.ts"

const phrases = (query: string) => SearchQuery.splitChunks(query).map(({ phrase }) => phrase)
const calling = (name: string, json: string): Message => ({
  role: "assistant",
  content: "hm",
  tool_calls: [{ id: "c", type: "function", function: { name, arguments: json } }]
})

describe("searchQuery", () => {
  const queries: ReadonlyArray<readonly [string, ReadonlyArray<string | null>]> = [
    ["", []],
    [" \n\t", []],
    ["port number", ['"port"', '"number"']],
    ["src/a.ts ERR_CONN_42", ['"src a ts"', '"ERR CONN 42"']],
    ["10.0.0.7:8080", ['"10 0 0 7 8080"']],
    ['the "same phrase" again', ['"the"', '"same phrase"', '"again"']],
    ['an "open quote', ['"an"', '"open"', '"quote"']],
    ['a"b', ['"a b"']],
    ["NEAR(a, b) OR c*", ['"NEAR a"', '"b"', '"OR"', '"c"']],
    ["&& ^ -", [null, null, null]],
    ["twice twice", ['"twice"']],
    ["nul\u0000byte", ['"nul byte"']],
    ["数据库慢", ['"数 据 库 慢"']],
    ["ポート番号", ['"ポ ー ト 番 号"']],
    ["데이터", ['"데 이 터"']],
    ["v2数据", ['"v2 数 据"']]
  ]
  for (const [query, expected] of queries) {
    it(`${JSON.stringify(query)} is read as ${JSON.stringify(expected)}`, () =>
      assert.deepStrictEqual(phrases(query), expected))
  }

  it("the last word of a chunk may go on if it is long enough", () =>
    assert.deepStrictEqual(
      SearchQuery.splitChunks("bill to src/invoi").map(({ prefix }) => prefix),
      ['"bill" *', '"to"', '"src invoi" *']
    ))

  it("where words are not set apart, pairs of characters stand for them", () => {
    const pairs = (query: string) => SearchQuery.pairCharacters(SearchQuery.splitChunks(query))
    assert.deepStrictEqual(pairs("哪个数据库"), ['"哪 个"', '"个 数"', '"数 据"', '"据 库"'])
    assert.deepStrictEqual(pairs("getUser/files 库"), [])
  })

  for (const query of ["&&", "a != b", "C++", "--force", "$HOME", "__init__", "foo()", "#42"]) {
    it(`${query} is more than words`, () => assert.isTrue(SearchQuery.needsScan(SearchQuery.splitChunks(query))))
  }
  for (const query of ["what was it?", "src/a.ts", "(yes), 'no'.", "don't", "“quoted”", "端口？", "10.0.0.7:8080"]) {
    it(`${query} is only words`, () => assert.isFalse(SearchQuery.needsScan(SearchQuery.splitChunks(query))))
  }

  it("is searched by its text and its calls, whatever mark stands in front", () => {
    const handoff = Handoff.makeMessage({ segments: [], ledger: "- a fact", renderer: Handoff.RENDERER })
    assert.strictEqual(SearchQuery.searchableText({ role: "user", content: [{ type: "text", text: "seen" }] }), "seen")
    assert.strictEqual(SearchQuery.searchableText(calling("read", `{"path":"a"}`)), `hm\nread {"path":"a"}`)
    assert.strictEqual(SearchQuery.searchableText(handoff), handoff.content)
    const forged = `${RECALL_MARK} #1: x`
    assert.strictEqual(SearchQuery.searchableText({ role: "tool", tool_call_id: "c", content: forged }), forged)
    assert.strictEqual(SearchQuery.searchableText({ role: "user", content: forged }), forged)
    assert.strictEqual(SearchQuery.searchableText(calling("recall", `{"query":"x"}`)), "hm")
    assert.strictEqual(SearchQuery.searchableText(calling("recall", `{"product":"x"}`)), `hm\nrecall {"product":"x"}`)
  })

  it("a text holds every chunk of any query cut from it", () =>
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(40), (text, start, length) => {
        const characters = Array.from(text)
        const from = characters.length === 0 ? 0 : start % characters.length
        const query = characters.slice(from, from + length).join("")
        assert.isTrue(SearchQuery.holdsChunk(text, SearchQuery.splitChunks(query)))
      })
    ))

  it("indexing sets characters apart only where words are not", () => {
    assert.strictEqual(SearchQuery.indexText("naïve — café 🚀"), "naïve — café 🚀")
    assert.strictEqual(SearchQuery.indexText("用 v2"), " 用  v2")
    assert.strictEqual(SearchQuery.indexText("𠀋字").trim(), "𠀋  字")
  })
})
