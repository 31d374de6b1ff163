import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { checkConfig } from "../../src/cli/config/check.ts"

const MODEL = "model: { default: m, base_url: 'http://h/v1', api_key: k, context_length: 272000 }"
const OTHER = "provider: openai, model: n, base_url: 'http://n/v1', api_key: k"

const checkText = (text: string) => checkConfig(`${MODEL}\n${text}`, "config.yaml", {})
const listFindings = (text: string) => checkText(text).findings.map(({ issue, path }) => `${path}: ${issue}`)

describe("a config that is checked", () => {
  for (const text of [
    "",
    "compression: { threshold: 0.5, hard_threshold: 0.85, target_ratio: 0.2 }",
    // Hermes' own defaults
    "auxiliary: { compression: { provider: auto, timeout: 120 }, vision: { timeout: 30 }, web_extract: { timeout: 30 } }",
    `auxiliary: { compression: { ${OTHER}, context_length: 1000000 } }`,
    // The embedded summarizer calls nobody.
    "auxiliary: { compression: { provider: embedded, timeout: 1, context_length: 8000 } }"
  ]) {
    it(`has no problem: ${text === "" ? "an empty file" : text}`, () => {
      assert.deepStrictEqual(listFindings(text), [])
      assert.isNotNull(checkText(text).settings)
    })
  }

  for (const [text, ...expected] of [
    [
      "compression: { threshold: 0.9, hard_threshold: 0.8 }",
      "compression.hard_threshold: expected a ratio from the threshold 0.9 to 1, got 0.8"
    ],
    [
      "compression: { threshold: 0.95, hard_threshold: 1 }",
      "compression.threshold: 0.95 is never reached, as the answer needs 16,384 of the window's 272,000 tokens; " +
        "set it to 0.845 or less"
    ],
    [
      "compression: { threshold: 0.83 }",
      "compression.threshold: a compression that begins at 0.83 has no time before turns wait for it; " +
        "set it to 0.765 or less"
    ],
    [
      "compression: { threshold: 0.5, target_ratio: 0.48 }",
      "compression.target_ratio: a session that is brought to 0.48 is at the threshold 0.5 again at once; " +
        "set it to 0.45 or less"
    ],
    [
      "auxiliary: { compression: { timeout: 30 }, vision: { timeout: 10 } }",
      "auxiliary.compression.timeout: 30 s cut off calls that would have answered; set at least 60",
      "auxiliary.vision.timeout: 10 s cut off calls that would have answered; set at least 30"
    ],
    [
      "auxiliary: { compression: { timeout: 100, total_timeout: 90 } }",
      "auxiliary.compression.total_timeout: 90 s for all calls are less than the 100 of one; set at least 150"
    ],
    [
      `auxiliary: { compression: { ${OTHER}, context_length: 32000 }, vision: { ${OTHER}, context_length: 8000 } }`,
      "auxiliary.compression.context_length: 32,000 tokens are less than the main model's 272,000: the conversation is cut to fit; " +
        "take a model whose window is as large",
      "auxiliary.vision.context_length: 8,000 tokens are less than the main model's 272,000: the conversation is cut to fit; " +
        "take a model whose window is as large"
    ],
    [
      `auxiliary: { compression: { ${OTHER} }, vision: { ${OTHER} } }`,
      "auxiliary.compression.context_length: 128,000 tokens are assumed and are less than the main model's 272,000: " +
        "the conversation is cut to fit; set its window if it is larger"
    ],
    [
      "compression: { threshold: 2 }\nauxiliary: { vision: { timeout: 1 } }",
      "compression.threshold: expected a ratio above the target ratio 0.2 and at most 1, got 2",
      "auxiliary.vision.timeout: 1 s cut off calls that would have answered; set at least 30"
    ],
    ["compression: { threshold: { tokens: 64000 } }"],
    ["compression: { threshold: cost }"],
    [
      "compression: { threshold: { tokens: 230000 } }",
      "compression.threshold: a compression that begins at 230,000 tokens has no time before turns wait for it; " +
        "set it to 208,080 tokens or less"
    ],
    [
      "compression: { threshold: { tokens: 100 } }",
      "compression.threshold: expected a whole number of tokens from 1024 to 10000000, got 100"
    ],
    ["compression: [1]", "compression: expected a mapping"]
  ] as const) {
    it(`is told of ${text}`, () => assert.deepStrictEqual(listFindings(text), [...expected]))
  }

  it("names the keys that mean nothing here", () => {
    assert.deepStrictEqual(checkText("colour: red\ncompression: { max_attempts: 3 }").ignored, [
      "colour",
      "compression.max_attempts"
    ])
  })

  const ratio = fc.integer({ min: 6, max: 100 }).map((n) => n / 100)

  it.prop(
    "advice about a threshold that is followed leaves nothing to say about it",
    [
      fc.record({ threshold: ratio, hard_threshold: ratio, target_ratio: ratio }),
      fc.integer({ min: 2_048, max: 400_000 })
    ],
    ([ratios, window]) => {
      const model = { default: "m", base_url: "http://h/v1", api_key: "k", context_length: window }
      const again = (compression: object) =>
        checkConfig(JSON.stringify({ model, compression }), "config.yaml", {}).findings
      for (const { issue, path } of again(ratios)) {
        const [, value] = /set it to ([\d.]+) or less$/.exec(issue) ?? []
        if (value === undefined || path === null) continue
        const mended = again({ ...ratios, [path.replace("compression.", "")]: Number(value) })
        assert.isFalse(mended.some((other) => other.path === path && other.issue.endsWith(" or less")))
      }
    }
  )
})
