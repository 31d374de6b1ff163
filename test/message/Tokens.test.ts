import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { hideNative, type Message } from "../../src/message/Message.ts"
import { ofWire } from "../support/histories.ts"
import type { Usage } from "../../src/session/Session.ts"
import { calibrate, estimate, make, overhead, Tokens } from "../../src/message/Tokens.ts"
import * as GptTokenizer from "../../src/message/GptTokenizer.ts"

const image = (url: string, detail?: "low" | "high"): Message => ({
  role: "user",
  content: [{ type: "image_url", image_url: detail === undefined ? { url } : { url, detail } }]
})
const user = (content: string): Message => ({ role: "user", content })
const usage = (generation: number, inputTokens: number, estimate: number): Usage => ({
  generation,
  seq: 1,
  model: "m",
  inputTokens,
  estimate
})

const anyUsage = fc.option(
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 500_000 }), fc.nat({ max: 500_000 })).map((report) => usage(...report))
)

describe("Tokens", () => {
  describe("estimate", () => {
    it.each([
      ["nothing", "", 0],
      ["a letter", "a", 1],
      ["Latin", "four letters each!!!", 5],
      ["Latin with accents", "déjà vu à la française", 6],
      ["Cyrillic", "сжатие контекста", 8],
      ["Chinese", "我们明天见面", 6],
      ["Korean", "회의", 2],
      ["Latin beside Chinese", "hello 世界", 4]
    ])("counts %s by its script", (_, text, tokens) => assert.strictEqual(estimate.text(text), tokens))

    it.prop(
      "is never negative, and longer text never takes fewer",
      [fc.string({ unit: "binary" }), fc.string()],
      ([a, b]) => {
        assert.isAtLeast(estimate.text(a), a === "" ? 0 : 1)
        assert.isAtLeast(estimate.text(a + b), estimate.text(a))
        assert.isTrue(Number.isInteger(estimate.text(a)))
      }
    )
  })

  describe("message", () => {
    it("counts tool calls, results and unknown parts", () => {
      const plain = estimate.message(user("12345678"))
      assert.strictEqual(plain, 6)
      const call = { id: "c1", type: "function", function: { name: "read", arguments: `{"p":"abc"}` } } as const
      assert.strictEqual(estimate.message({ role: "assistant", content: null }), 4)
      assert.strictEqual(estimate.message({ role: "assistant", content: null, tool_calls: [call, call] }), 4 + 2 * 12)
      assert.isAbove(estimate.message({ role: "tool", tool_call_id: "c1", content: "12345678" }), plain)
      const file = { type: "file", file_id: "f-123456" }
      assert.strictEqual(
        estimate.message(ofWire({ role: "user", content: [file, { type: "text", text: "12345678" }] })),
        plain + 10_000 + estimate.text(JSON.stringify(file))
      )
    })

    it("counts every field that goes out, by its JSON text", () => {
      const reasoning = "thinking about it ".repeat(2_500)
      const signature = "s".repeat(1_500)
      const bare = { id: "c1", type: "function", function: { name: "read", arguments: "{}" } }
      const replies: ReadonlyArray<readonly [object, object]> = [
        [{ reasoning_content: reasoning }, {}],
        [{ reasoning_details: [{ type: "reasoning.text", text: reasoning }] }, {}],
        [{ thinking_blocks: [{ type: "thinking", thinking: reasoning, signature }] }, {}],
        [{ native: { format: "anthropic", signature: reasoning } }, {}],
        [{ refusal: reasoning }, {}],
        [{ audio: { id: "a", transcript: reasoning } }, {}],
        [{ function_call: { name: "read", arguments: reasoning } }, {}],
        [{ name: reasoning }, {}],
        [{ content: [{ type: "text", text: "", cache: reasoning }] }, { content: [{ type: "text", text: "" }] }],
        [{ content: [{ type: "thinking", thinking: reasoning }] }, {}],
        [{ tool_calls: [{ ...bare, extra_content: reasoning }] }, { tool_calls: [bare] }],
        [{ tool_calls: [{ ...bare, function: { ...bare.function, signature: reasoning } }] }, { tool_calls: [bare] }],
        [
          { tool_calls: [{ id: "c1", type: "custom", custom: { name: "read", input: reasoning } }] },
          { tool_calls: [{ id: "c1", type: "custom", custom: { name: "read", input: "" } }] }
        ]
      ]
      for (const [full, empty] of replies) {
        const [more, less] = [full, empty].map((fields) => ofWire({ role: "assistant", content: null, ...fields }))
        if (more === undefined || less === undefined) continue
        const tokens = estimate.message(more) - estimate.message(less)
        assert.isAtLeast(tokens, estimate.text(reasoning), Object.keys(full).join())
        assert.isAtMost(tokens, estimate.text(JSON.stringify(full)) + 4, Object.keys(full).join())
      }
    })

    it("counts files that are only named, by an id or a URL, as those of a few pages", () => {
      const url = "https://files.example/report"
      const named: ReadonlyArray<readonly [tokens: number, part: object]> = [
        [10_000, { type: "file", file: { file_id: "file-1" } }],
        [10_000, { type: "file", file_id: "file-1" }],
        [10_000, { type: "input_file", file_id: "file-1" }],
        [10_000, { type: "input_file", file_url: url }],
        [10_000, { type: "document", source: { type: "url", url } }],
        [10_000, { type: "document", source: { type: "file", file_id: "file-1" } }],
        [1_000, { type: "input_image", file_id: "file-1" }],
        [1_000, { type: "image", source: { type: "file", file_id: "file-1" } }],
        [0, { type: "file_citation", file_id: "file-1", url }],
        [0, { type: "container_upload", file_id: "file-1" }]
      ]
      for (const [tokens, part] of named) {
        const places = [
          // Parts of another API are refused here.
          ...("type" in part && part.type === "file" ? [{ content: [part] }] : []),
          { content: "", native: { format: "responses", slots: [{ raw: part }] } },
          { content: "", future: [part] }
        ]
        for (const place of places) {
          const counted = estimate.message(ofWire({ role: "user", ...place }))
          assert.closeTo(counted, tokens, 60, JSON.stringify(place))
        }
      }
      const raw = { type: "document", source: { type: "url", url }, context: "words ".repeat(400) }
      const native = { format: "anthropic", slots: [{ raw }] }
      assert.isAbove(estimate.message(ofWire({ role: "user", content: "", native })), 10_600)
    })

    it("counts what is native to a format the same in a log and in a view", () => {
      const native = { format: "anthropic", signature: "s".repeat(1_500) }
      const logged = ofWire({ role: "assistant", content: "yes", reasoning: "hm", native })
      assert.strictEqual(estimate.message(hideNative(logged)), estimate.message(logged))
    })

    it("counts nothing for fields that servers leave null", () => {
      const nothing = { refusal: null, audio: null, function_call: null, tool_calls: null, reasoning: null }
      const plain = ofWire({ role: "assistant", content: "yes" })
      assert.strictEqual(estimate.message(ofWire({ ...plain, ...nothing })), estimate.message(plain))
    })

    it("counts pictures and files by what they are, wherever they are, never by their base64", () => {
      const megabyte = (mark: string) => Buffer.from(mark.padEnd(999_900, "\u0000"), "latin1").toString("base64")
      const picture = megabyte("\u0089PNG")
      const pdf = megabyte("%PDF-1.7")
      const unmarked = megabyte("")
      const places = (field: string, data: string, beside = {}) => [
        { content: [{ type: "future", [field]: data, ...beside }] },
        {
          content: "",
          native: { format: "responses", slots: [{ raw: { type: "future", [field]: data, ...beside } }] }
        },
        { content: "", future: [{ [field]: data, ...beside }] }
      ]
      const files: ReadonlyArray<readonly [tokens: number, holders: ReadonlyArray<object>]> = [
        [1_000, places("result", picture)],
        [1_000, places("image_url", `data:image/png;base64,${unmarked}`)],
        [1_000, places("data", unmarked, { media_type: "image/png" })],
        [20 * 2_500, places("data", pdf)],
        [20 * 2_500, places("file_data", `data:application/pdf;base64,${unmarked}`)],
        [20 * 2_500, [{ content: [{ type: "file", file: { file_data: pdf } }] }]],
        [100 * 2_500, places("data", pdf.repeat(8), { mediaType: "application/pdf" })],
        [2_000, places("data", unmarked, { format: "wav" })],
        [2_000, places("data", `data:audio/mpeg;base64,${unmarked}`)],
        [250_000, places("data", unmarked, { mediaType: "text/csv" })],
        [unmarked.length / 4, places("signature", unmarked)]
      ]
      for (const [tokens, holders] of files) {
        for (const holder of holders) {
          const counted = estimate.message(ofWire({ role: "user", content: "", ...holder }))
          assert.approximately(counted, tokens, 50, Object.keys(holder).join())
        }
      }
    })

    it("counts an image by its detail, not by its data", () => {
      const data = `data:image/png;base64,${"A".repeat(4_000_000)}`
      assert.strictEqual(estimate.message(image(data)), estimate.message(image("https://x.test/a.png")))
      assert.strictEqual(estimate.message(image(data, "low")), 4 + 85)
      assert.strictEqual(estimate.message(image(data, "high")), 4 + 1_000)
    })
  })

  describe("overhead", () => {
    it("is what system prompt and tools take", () => {
      const tools = [{ type: "function", function: { name: "read" } }]
      const system = "You are a helper."
      assert.strictEqual(overhead(estimate, {}), 0)
      assert.strictEqual(overhead(estimate, { tools: [] }), 0)
      assert.strictEqual(overhead(estimate, { system }), estimate.message({ role: "system", content: system }))
      assert.strictEqual(
        overhead(estimate, { system: { role: "developer", content: system }, tools }),
        overhead(estimate, { system }) + estimate.text(JSON.stringify(tools))
      )
    })
  })

  describe("calibrate", () => {
    it("is the report where it was made, and the estimate without one", () => {
      assert.strictEqual(calibrate(1_000, 2, usage(2, 1_300, 1_000)), 1_300)
      assert.strictEqual(calibrate(1_000, 2, null), 1_000)
      assert.strictEqual(calibrate(1_000, 2, usage(2, 0, 0)), 1_000)
    })

    it("scales what came after by the report's ratio", () => {
      assert.strictEqual(calibrate(1_100, 2, usage(2, 1_500, 1_000)), 1_650)
      assert.strictEqual(calibrate(400, 3, usage(2, 1_500, 1_000)), 600)
    })

    it("takes nothing from a report of another model", () => {
      assert.strictEqual(calibrate(1_100, 2, usage(2, 1_500, 1_000), "another"), 1_100)
      for (const same of ["m", ""]) assert.strictEqual(calibrate(1_100, 2, usage(2, 1_500, 1_000), same), 1_650)
    })

    it("takes nothing from a report below half or above three times its estimate", () => {
      assert.strictEqual(calibrate(100, 3, usage(2, 500, 1_000)), 50)
      assert.strictEqual(calibrate(100, 3, usage(2, 3_000, 1_000)), 300)
      for (const [reported, estimate] of [
        [499, 1_000],
        [0, 1_000],
        [3_001, 1_000],
        [1e15, 10]
      ] as const) {
        for (const generation of [2, 3]) {
          assert.strictEqual(calibrate(100, generation, usage(2, reported, estimate)), 100)
        }
      }
    })

    it.prop(
      "grows with the estimate, is whole and never negative",
      [fc.nat({ max: 1_000_000 }), fc.nat({ max: 1_000_000 }), fc.nat({ max: 3 }), anyUsage],
      ([less, more, generation, report]) => {
        const tokens = calibrate(less, generation, report)
        assert.isTrue(Number.isInteger(tokens) && tokens >= 0)
        assert.isAtLeast(calibrate(less + more, generation, report), tokens)
      },
      { fastCheck: { numRuns: 500 } }
    )
  })

  describe("the service", () => {
    it.effect("is the estimate unless another is provided", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Tokens, estimate)
        const words = make((text) => text.split(" ").length)
        const provided = yield* Effect.provideService(Tokens, Tokens, words)
        assert.strictEqual(provided.text("a b c"), 3)
        assert.strictEqual(provided.message(user("a b c")), 7)
      })
    )
  })
})

describe("GptTokenizer", () => {
  it.layer(GptTokenizer.layer)((it) => {
    it.effect("counts with o200k_base", () =>
      Effect.gen(function* () {
        const counter = yield* Tokens
        assert.strictEqual(counter.text("hello world"), 2)
        assert.strictEqual(counter.text(""), 0)
        assert.strictEqual(counter.message(user("hello world")), 6)
      })
    )

    it.effect("counts reasoning and whatever else goes out", () =>
      Effect.gen(function* () {
        const counter = yield* Tokens
        const reply = ofWire({ role: "assistant", content: "yes", reasoning_content: "hello world ".repeat(100) })
        assert.isAbove(counter.message(reply), 200)
      })
    )

    it.effect("takes special tokens for text", () =>
      Effect.gen(function* () {
        const counter = yield* Tokens
        assert.isAbove(counter.text("<|endoftext|>"), 1)
      })
    )

    it.effect("counts a long unbroken run in pieces, near enough to the whole", () =>
      Effect.gen(function* () {
        const counter = yield* Tokens
        const text = "abcdefgh".repeat(250)
        const { countTokens } = yield* Effect.promise(() => import("gpt-tokenizer/encoding/o200k_base"))
        assert.closeTo(counter.text(text), countTokens(text), 4)
      })
    )

    const transcript = "../shared/transcripts/airline-desk.jsonl"
    it.effect.skipIf(!existsSync(transcript))("the estimate is near it (needs the shared transcripts)", () =>
      Effect.gen(function* () {
        const counter = yield* Tokens
        const texts = readFileSync(transcript, "utf8").split("\n").slice(0, 300)
        const sum = (count: (text: string) => number) => texts.reduce((total, text) => total + count(text), 0)
        assert.closeTo(sum(estimate.text) / sum(counter.text), 1, 0.35)
      })
    )
  })
})
