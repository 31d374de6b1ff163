/**
 * Time grows in proportion to the text, whoever wrote it. Here each text once stopped the process for minutes: such a test
 * ends by its timeout, not by a measured time. A thorough run looks for more, and measures.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Tokens from "../src/message/Tokens.ts"
import { parseLine } from "../src/audit/parseLine.ts"
import * as Handoff from "../src/handoff/Handoff.ts"
import { findWrittenFiles } from "../src/ledger/facts.ts"
import { digestMessage } from "../src/ledger/messageDigest.ts"
import { redact } from "../src/message/Redaction.ts"
import { splitSentences, splitWords, toOneLine } from "../src/message/text.ts"
import { isOverflow, readSizeRefusal, readTokenLimit } from "../src/model/overflowText.ts"
import { parseJson } from "../src/openai/answerDecoder.ts"
import * as Gate from "../src/summary/Gate.ts"
import { listExpressions } from "./support/expressions.ts"
import {
  alphabetOf,
  combineAlphabet,
  fill,
  findSlowest,
  measureGrowth,
  type Pump,
  type Reader
} from "./support/pump.ts"

const digestCall: Reader = (command) =>
  digestMessage({
    role: "assistant",
    content: null,
    tool_calls: [{ id: "1", type: "function", function: { name: "bash", arguments: JSON.stringify({ command }) } }]
  })

const check: Reader = (text) =>
  Gate.checkSummary({
    route: "r",
    text,
    finish: "stop",
    counter: Tokens.estimate,
    coveredTokens: 1e9,
    maxTokens: 1e9,
    missing: Handoff.findMissingHeadings
  })

/** What reads text of a session, a model, a file or a log. */
const READERS: Readonly<Record<string, Reader>> = {
  redact,
  "the digest of a user's message": (content) => digestMessage({ role: "user", content }),
  "the digest of an answer": (content) => digestMessage({ role: "assistant", content }),
  "the digest of a result": (content) => digestMessage({ role: "tool", tool_call_id: "1", content }),
  "the digest of a call": digestCall,
  "files of a command": findWrittenFiles,
  sentences: splitSentences,
  words: splitWords,
  "one line": toOneLine,
  gate: check,
  handoff: (text) => Handoff.render(Handoff.parse(text)),
  overflow: (text) => [isOverflow(400, text), readTokenLimit(text), readSizeRefusal(text)],
  "JSON of a server": parseJson,
  "log line": (text) => parseLine(text, { file: "a.log", line: 1 })
}

const pump = (unit: string, prefix = "", suffix = ""): Pump => ({ prefix, unit, suffix })

const FOUND: ReadonlyArray<readonly [reader: string, Pump]> = [
  ["redact", pump("://a:[0m--token ")],
  ["redact", pump("<--token @tcp(api_key")],
  ["redact", pump("curl -u ")],
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

const exponentOf = (read: Reader, alphabet: ReadonlyArray<string>, most: number) =>
  findSlowest(read, combineAlphabet(alphabet, most), { count: 2, length: 2_048 }).map((slow) =>
    measureGrowth(read, slow)
  )

describe("time in proportion to the text", () => {
  it.each(FOUND)("%s: %o", (name, found) => {
    READERS[name]?.(fill(found, 524_288))
  })
})

/** They read a few dozen characters, whatever the text. */
const BOUNDED: ReadonlyArray<string> = [
  // `NOTHING` reads items of at most 40 characters.
  "^[\\s(*_[`]*(?:none",
  // `JOINED` and the qualifiers of a name read at most 120 characters before it.
  "(?:[\\p{L}\\p{N}]{1,40}[_-]){1,4}$",
  "((?:(?<![\\p{L}\\p{N}-])\\p{L}[\\p{L}\\p{N}_-]* ){0,2})"
]

const MOST_EXPONENT = 1.15

/** It takes more than an hour, and measures: `TEST_PUMP=1 npx vitest run --mode thorough test/linear.test.ts`. */
const isPumped = process.env.TEST_PUMP === "1"

describe.runIf(isPumped)("time in proportion to the text, whatever the text", () => {
  it("each expression of src, with its own alphabet", { timeout: 3_600_000 }, async () => {
    const expressions = (await listExpressions()).filter(
      ({ pattern }) => !pattern.sticky && !BOUNDED.some((start) => pattern.source.startsWith(start))
    )
    assert.isAbove(expressions.length, 250)
    const steep = expressions.flatMap(({ file, pattern }) => {
      const read: Reader = pattern.global ? (text) => text.replace(pattern, "") : (text) => pattern.test(text)
      return exponentOf(read, alphabetOf(pattern), 500)
        .filter(({ exponent }) => exponent > MOST_EXPONENT)
        .map((growth) => ({ file, pattern: String(pattern), ...growth }))
    })
    assert.deepStrictEqual(steep, [])
  })

  it.each(Object.keys(READERS))("%s", { timeout: 3_600_000 }, (name) => {
    const read = READERS[name] ?? assert.fail(name)
    const growths = exponentOf(read, FRAGMENTS, 4_000)
    console.info(name, JSON.stringify(growths))
    for (const growth of growths) assert.isAtMost(growth.exponent, MOST_EXPONENT, JSON.stringify(growth))
  })
})

const FRAGMENTS: ReadonlyArray<string> = [
  "a",
  "A",
  "1",
  "7",
  "-",
  "_",
  ".",
  ":",
  "/",
  "@",
  "=",
  " ",
  "\n",
  "\\",
  '"',
  "'",
  "`",
  ",",
  "{",
  "}",
  "(",
  ")",
  "[",
  "]",
  "<",
  ">",
  "!",
  "?",
  "“",
  "é",
  "密",
  "пароль",
  "```\n",
  "pass",
  "password: ",
  "token=",
  "api_key",
  "--token ",
  "curl -u a:",
  "mysql -p",
  "://a:",
  "a:",
  "@tcp(",
  "bearer ",
  "basic ",
  'auth":"',
  "sk-",
  "eyJ",
  "twilio",
  "123456789:AA",
  "\\n",
  "value=",
  "is ",
  "[redacted token]",
  "tee ",
  "&&",
  "> ",
  '\\"',
  "## Goal\n",
  "- a\n",
  "<think>\n",
  "</think>",
  "Error: ",
  "must ",
  "port ",
  "id: ",
  "hunter2",
  "[0m",
  "more than 10 ",
  "request too large ",
  "0f3a9b8c7d6e5f4a",
  "NaN",
  "#1 user",
  "throughline "
]
