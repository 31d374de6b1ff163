import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { parseExactly } from "../../src/transcripts/exactJson.ts"
import * as Transcripts from "../../src/transcripts/Transcripts.ts"
import { propertyRuns } from "../support/repetitions.ts"

/** What a text says, as a reader without doubles would see it. */
type Said =
  | { readonly text: string; readonly value: unknown; readonly inexact?: true }
  | { readonly items: ReadonlyArray<Said> }
  | { readonly fields: ReadonlyArray<readonly [key: string, value: Said]> }

const exact = [
  ["0", 0],
  ["-0", -0],
  ["1.0", 1],
  ["1e2", 100],
  ["1E+2", 100],
  ["0.1", 0.1],
  ["-12.50", -12.5],
  ["9007199254740992", 9007199254740992],
  ["123456789012345680", 123456789012345680],
  ["5e-324", 5e-324],
  ["0e999999999999", 0],
  ["100000000000000000000000", 1e23],
  ["0.30000000000000004", 0.30000000000000004]
] as const
const inexact = [
  "9007199254740993",
  "-9007199254740993",
  "1e400",
  "-1E+400",
  "1e-400",
  "1e99999999999999999999",
  "123456789012345678",
  "9007199254740993.0",
  "0.1234567890123456789",
  "9".repeat(400)
]

const number = fc.oneof(
  fc.constantFrom(...exact).map(([text, value]): Said => ({ text, value })),
  fc.constantFrom(...inexact).map((text): Said => ({ text, value: text, inexact: true })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n): Said => ({ text: JSON.stringify(n), value: n + 0 })),
  fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((n): Said => {
    const text = String(n)
    return BigInt(String(Number(n))) === n ? { text, value: Number(n) } : { text, value: text, inexact: true }
  })
)
const key = fc.constantFrom("a", "b", "__proto__", 'q"\\', "1", "\u00e9", "")
const words = fc.oneof(
  fc.string(),
  fc.constantFrom("1e400", '"9007199254740993"', '{"a":1,"a":2}', "\\", '\\"', "\\\\")
)

const { said } = fc.letrec<{ said: Said }>((tie) => ({
  said: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    words.map((text): Said => ({ text: JSON.stringify(text), value: text })),
    fc.constantFrom(true, false, null).map((value): Said => ({ text: String(value), value })),
    fc.array(tie("said"), { maxLength: 4 }).map((items): Said => ({ items })),
    fc.array(fc.tuple(key, tie("said")), { maxLength: 4 }).map((fields): Said => ({ fields }))
  )
}))

const write = (said: Said, space: string): string => {
  if ("text" in said) return said.text
  if ("items" in said) return `[${space}${said.items.map((item) => write(item, space)).join(`${space},${space}`)}]`
  return `{${said.fields.map(([key, value]) => `${space}${writeKey(key)}${space}:${write(value, space)}`).join(",")}${space}}`
}

/** The same key can be written in two ways. */
const writeKey = (key: string) => (key === "a" ? `"\\u0061"` : JSON.stringify(key))

const read = (said: Said): unknown => {
  if ("text" in said) return said.value
  if ("items" in said) return said.items.map(read)
  const object: { [key: string]: unknown } = {}
  for (const [key, value] of said.fields)
    Object.defineProperty(object, key, { value: read(value), enumerable: true, writable: true, configurable: true })
  return object
}

const listInexact = (said: Said, path: ReadonlyArray<string | number>): ReadonlyArray<string> => {
  if ("text" in said) return said.inexact === true ? [path.join(".")] : []
  if ("items" in said) return said.items.flatMap((item, i) => listInexact(item, [...path, i]))
  return said.fields.flatMap(([key, value]) => listInexact(value, [...path, key]))
}

const hasRepeated = (said: Said): boolean => {
  if ("text" in said) return false
  if ("items" in said) return said.items.some(hasRepeated)
  const keys = said.fields.map(([key]) => key)
  return new Set(keys).size < keys.length || said.fields.some(([, value]) => hasRepeated(value))
}

describe("JSON that is read exactly", () => {
  it.prop(
    "a number that no double holds is its own text and listed, a key that stands twice is told, all else is as it was",
    { said, space: fc.constantFrom("", " ", "\n\t") },
    ({ said, space }) => {
      const parsed = parseExactly(write(said, space))
      assert.strictEqual(parsed?.repeatedKey !== undefined, hasRepeated(said))
      assert.deepStrictEqual(parsed?.numbersAsText, listInexact(said, []))
      if (!hasRepeated(said)) assert.deepStrictEqual(parsed?.value, read(said))
    },
    propertyRuns(300, 20_000)
  )

  it("names the path of a number and of a key, and reads what is nested deeply", () => {
    assert.deepStrictEqual(parseExactly(`{"a":[1,{"b":9007199254740993}]}`), {
      value: { a: [1, { b: "9007199254740993" }] },
      numbersAsText: ["a.1.b"],
      repeatedKey: undefined
    })
    assert.strictEqual(parseExactly(`{"a":[{"b":1,"c":2,"b":3}]}`)?.repeatedKey, "a.0.b")
    assert.isUndefined(parseExactly(`{"a":`))
    assert.deepStrictEqual(parseExactly(`${"[".repeat(5_000)}1e400${"]".repeat(5_000)}`)?.numbersAsText.length, 1)
  })
})

const parse = (text: string, salvage = false) => Transcripts.parse(text, { file: "chat.jsonl", salvage })

const odd = `{"role":"user","content":"hi","metadata":{"id":9007199254740993}}`
const twice = `{"role":"user","content":"hi","metadata":{"id":1,"id":2}}`
const plain = `{"role":"assistant","content":"hello","cost":1.0}`

it("takes no longer for a number in each of very many levels than for as many beside each other", () => {
  const levels = 100_000
  const nested = `${"[9007199254740993,".repeat(levels)}1${"]".repeat(levels)}`
  assert.lengthOf(parseExactly(nested)?.numbersAsText ?? [], levels)
})

describe("an import", () => {
  for (const salvage of [false, true]) {
    it(`keeps a number that no double holds as text, and tells its line${salvage ? ", also with salvage" : ""}`, () => {
      for (const [text, place] of [
        [`${plain}\n${odd}`, { line: 2, path: "metadata.id" }],
        [`[${plain},\n${odd}]`, { line: null, path: "1.metadata.id" }]
      ] as const) {
        const { numbersAsText, sessions } = Either.getOrThrow(parse(text, salvage))
        assert.deepStrictEqual(numbersAsText, [place])
        assert.strictEqual(
          JSON.stringify(sessions[0]?.messages),
          `[${plain.replace("1.0", "1")},${odd.replace("9007199254740993", `"9007199254740993"`)}]`
        )
      }
    })
  }

  it("refuses a key that stands twice in an object, and with salvage leaves its line out", () => {
    for (const [text, message] of [
      [`${plain}\n${twice}`, "chat.jsonl:2: expected each key of an object once, found metadata.id twice"],
      [`[${plain},${twice}]`, "chat.jsonl: expected each key of an object once, found 1.metadata.id twice"]
    ] as const) {
      const refused = parse(text)
      assert(Either.isLeft(refused))
      assert.strictEqual(refused.left.message, message)
      const { left, sessions } = Either.getOrThrow(parse(text, true))
      assert.deepStrictEqual(
        left.map(({ error }) => error.message),
        [message]
      )
      assert.lengthOf(sessions[0]?.messages ?? [], 1)
    }
  })
})
