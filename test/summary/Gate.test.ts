import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { InvalidSummary, type GateReason } from "../../src/model/ModelError.ts"
import * as Gate from "../../src/summary/Gate.ts"
import { estimate } from "../../src/message/Tokens.ts"

const sections = ["## Goal", "## Done", "## Next"]
const missing = (text: string) => sections.filter((heading) => !text.includes(heading))
const summary = "## Goal\nShip the parser.\n\n## Done\nWrote `parse.ts`.\n\n## Next\nRun the tests."

const answer = (text: string, rest: Partial<Gate.GateAnswer> = {}): Gate.GateAnswer => ({
  route: "m@host",
  text,
  finish: "stop",
  counter: estimate,
  coveredTokens: 10_000,
  maxTokens: 1_000,
  missing,
  ...rest
})

const passes = (text: string, expected: string, rest: Partial<Gate.GateAnswer> = {}) =>
  assert.deepStrictEqual(Gate.checkSummary(answer(text, rest)), Either.right(expected))

const fails = (reason: GateReason, text: string, rest: Partial<Gate.GateAnswer> = {}) => {
  const result = Gate.checkSummary(answer(text, rest))
  assert.isTrue(Either.isLeft(result), `expected ${reason} for ${text.slice(0, 80)}`)
  if (Either.isLeft(result)) {
    assert.instanceOf(result.left, InvalidSummary)
    assert.strictEqual(result.left.reason, reason, text.slice(0, 80))
    assert.strictEqual(result.left.route, "m@host")
  }
}

/** Neither list asks for sections, so that only the words themselves decide. */
const noSections = { missing: () => [] }

const refusals: ReadonlyArray<string> = [
  "I'm sorry, but I can't help with that.",
  "I’m sorry, but I can’t assist with this request.",
  "I cannot summarize this conversation because it contains sensitive content.",
  "Unfortunately, I am unable to provide a summary of this material.",
  "As an AI language model, I cannot process this request.",
  "## Summary\nI apologize, but I won't be able to continue with this.",
  "I must decline to summarize this.",
  "I don't see any conversation to summarize. Please provide the text.",
  "抱歉，我无法提供帮助。",
  "Es tut mir leid, dabei kann ich nicht helfen."
]

const errors: ReadonlyArray<string> = [
  `{"error":{"message":"overloaded","type":"server_error"}}`,
  `{"detail": "Not Found"}`,
  '```json\n{"error": "bad gateway"}\n```',
  "Error: upstream connect error or disconnect/reset before headers",
  "Error code: 500 - internal",
  "502 Bad Gateway",
  "HTTP 503: service unavailable",
  "Internal Server Error",
  "API Error: 529 overloaded",
  "An error occurred while generating the summary.",
  "Rate limit exceeded. Try again later.",
  "Rate limit exceeded",
  "Request timed out.",
  'Traceback (most recent call last):\n  File "x.py", line 1',
  "[CONTEXT COMPACTION] Summary generation was unavailable. 45 messages were removed.",
  "Failed to generate summary: connection reset",
  "The model is currently overloaded."
]

const pages: ReadonlyArray<string> = [
  "<!DOCTYPE html><html><body><h1>502</h1></body></html>",
  "<html>\n<head><title>504 Gateway Time-out</title></head></html>",
  `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`,
  "```html\n<!doctype html><p>down</p>\n```"
]

const telling: ReadonlyArray<string> = [
  "Error: the user saw `Error: ENOENT` twice.",
  "I cannot reproduce the bug; I can't help noticing it needs Node 22.",
  "I'm sorry was the model's answer; it said it cannot summarize.",
  "The page answered <html><body>502 Bad Gateway</body></html>.",
  "<!doctype html> is the first line of index.html",
  "Internal Server Error came from /api/users.",
  "Summary generation was unavailable yesterday.",
  `{"error": "x"} is what the API sends.`,
  "The model wraps its reasoning in <think>…</think> and <reasoning> blocks.",
  "Rate limit exceeded: wait 30 s.",
  "Traceback (most recent call last): KeyError"
]

describe("Gate", () => {
  it("passes a summary as it is", () => passes(summary, summary))

  it("frees a summary of reasoning and of the fence around it", () => {
    for (const text of [
      `\n\n${summary}\n`,
      `<think>\nLet me see. ## Goal?\n</think>\n\n${summary}`,
      `<THINKING>a</THINKING><reasoning>b</reasoning>${summary}`,
      `Let me see what matters here.\n</think>\n${summary}`,
      `Let me see.</think>\n\n${summary}`,
      `${summary}\n<think>\nis that all?\n</think>`,
      `${summary}<think>\nis that all?\n</think>`,
      `${summary.slice(0, summary.indexOf("\n") + 1)}<think>what else?</think>${summary.slice(summary.indexOf("\n") + 1)}`,
      `${summary}\n<think>is that all?\nIt is.\n</think> `,
      "```\n" + summary + "\n```",
      "```markdown\n" + summary + "\n```\n",
      `<think>fence it</think>\n\`\`\`md\n${summary}\n\`\`\``
    ])
      passes(text, summary)
  })

  it("judges a megabyte of white space, or of fences in fences, before anybody notices", () => {
    fails("empty", " ".repeat(1_000_000))
    fails("sections-missing", `x${" \t".repeat(500_000)}y`)
    fails("sections-missing", `${"```md\n".repeat(100_000)}x${"\n```".repeat(100_000)}`)
  })

  it("keeps code blocks of the summary", () => {
    const twoBlocks = "```ts\nlet a\n```\nand\n```ts\nlet b\n```"
    passes(twoBlocks, twoBlocks, noSections)
    const inner = `${summary}\n\`\`\`sh\nnpm test\n\`\`\``
    passes(`\`\`\`markdown\n${inner}\n\`\`\``, inner)
  })

  it("7: the gate: cut off by length", () => fails("cut-off", summary, { finish: "length" }))

  it("7: the gate: a refusal", () => {
    fails("refusal", summary, { finish: "refusal" })
    fails("refusal", "", { finish: "refusal" })
    for (const text of refusals) fails("refusal", text, noSections)
  })

  it("7: the gate: reasoning only", () => {
    fails("reasoning-only", "<think>I should write ## Goal, ## Done and ## Next.</think>")
    fails("reasoning-only", `<think>never closed\n${summary}`)
  })

  it("7: the gate: empty", () => {
    for (const text of ["", " \n\t", "…", "---", "\u200b"]) fails("empty", text)
    fails("empty", "", { missing: () => [] })
  })

  it("7: the gate: html", () => pages.forEach((text) => fails("html", text, noSections)))

  it("7: the gate: an error text", () => errors.forEach((text) => fails("error-text", text, noSections)))

  it("7: the gate: missing sections, named", () => {
    const result = Gate.checkSummary(answer("## Goal\nShip it."))
    assert.isTrue(Either.isLeft(result))
    if (Either.isLeft(result)) assert.strictEqual(result.left.detail, "without ## Done, ## Next")
  })

  it("7: the gate: not smaller", () => {
    const tokens = estimate.text(summary)
    fails("not-smaller", summary, { coveredTokens: tokens })
    passes(summary, summary, { coveredTokens: tokens + 1 })
    fails("not-smaller", summary, { maxTokens: Math.floor(tokens / 2) - 1 })
    passes(summary, summary, { maxTokens: Math.ceil(tokens / 2) })
  })

  it("names the reason that explains most", () => {
    fails("cut-off", "<think>too long", { finish: "length" })
    fails("html", "<html>Error: 502</html>")
    fails("error-text", "Error: 502")
  })

  it("puts no secret into the detail", () => {
    const key = ["sk", "proj", "aB3dE5fG7hJ9kL1mN2pQ4rS6"].join("-")
    const result = Gate.checkSummary(answer(`Error: invalid key ${key}`))
    assert.isTrue(Either.isLeft(result))
    if (Either.isLeft(result)) assert.notInclude(result.left.message, key)
  })

  it.prop(
    "7: the gate: a summary may speak of errors, refusals and html as much as it likes",
    [fc.array(fc.oneof(fc.constantFrom(...telling, ...refusals, ...errors, ...pages), fc.lorem()), { maxLength: 8 })],
    ([lines]) => {
      const text = `## Goal\n${lines.join("\n- ")}\n\n## Done\n- ${lines.join("\n- ")}\n\n## Next\nRun the tests.`
      passes(text, text)
    }
  )

  it.prop(
    "7: the gate: what passes is whole, clean and smaller, and passing it again changes nothing",
    [
      fc.array(fc.constantFrom(...sections, summary, "<think>", "</think>", "```", "\n", "words", "Error: x"), {
        maxLength: 9
      }),
      fc.nat({ max: 200 }),
      fc.nat({ max: 100 })
    ],
    ([pieces, coveredTokens, maxTokens]) => {
      const rest = { coveredTokens, maxTokens }
      const result = Gate.checkSummary(answer(pieces.join("\n"), rest))
      if (Either.isLeft(result)) return
      assert.deepStrictEqual(missing(result.right), [])
      assert.isBelow(estimate.text(result.right), coveredTokens)
      assert.isAtMost(estimate.text(result.right), 2 * maxTokens)
      passes(result.right, result.right, rest)
    },
    { fastCheck: { numRuns: 500 } }
  )
})
