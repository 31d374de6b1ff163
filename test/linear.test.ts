/**
 * Time grows in proportion to the text, whoever wrote it. Here each text once stopped the process for minutes: such a test
 * ends by its timeout, not by a measured time. A thorough run looks for more, and measures.
 */
import { assert, describe, it } from "@effect/vitest"
import { isSteep, measureExpressions, measureReaders } from "./support/growth.ts"
import { fill, type Pump } from "./support/pump.ts"
import { READERS } from "./support/readers.ts"
import { isThorough } from "./support/repetitions.ts"

const pump = (unit: string, prefix = "", suffix = ""): Pump => ({ prefix, unit, suffix })

const FOUND: ReadonlyArray<readonly [reader: string, Pump]> = [
  ["redact", pump("://a:[0m--token ")],
  ["redact", pump("<--token @tcp(api_key")],
  ["redact", pump("curl -u ")],
  ["redact", pump("password ")],
  ["redact", pump("password\n")],
  ["redact", pump("a:b@tcp(")],
  ["redact", pump("sk-")],
  ["redact", pump("-----BEGIN PRIVATE KEY-----\n")],
  ["the digest of a user's message", pump("7", "Is this “prime”?\n")],
  ["the digest of a user's message", pump('{"id":"a"')],
  ["the digest of a user's message", pump("port @&& ", "é“")],
  ["files of a command", pump('\\"#', '## Goal\n"', " tee x")],
  ["files of a command", pump('\\"', '"', "\n> x")],
  ["gate", pump("<think>\n", "a\n")],
  ["gate", pump("<think>\n", "a\n", "</reasoning>")],
  ["overflow", pump("request too large ")],
  ["overflow", pump("0", "G")],
  ["JSON of a server", pump('\\"', '{"a": NaN, "', "\\")]
]

describe("time in proportion to the text", () => {
  it.each(FOUND)("%s: %o", (name, found) => {
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

  it("each reader of foreign text", { timeout: 600_000 }, () =>
    assert.deepStrictEqual(
      measureReaders(READERS).filter(({ growth }) => isSteep(growth)),
      []
    )
  )
})
