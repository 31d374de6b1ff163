import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bars from "../../src/cli/terminal/bars.ts"

const before = [
  { name: "system", tokens: 5_000 },
  { name: "messages", tokens: 80_000 }
]
const after = [
  { name: "system", tokens: 5_000 },
  { name: "handoff", tokens: 10_000 },
  { name: "tail", tokens: 5_000 }
]

const plainStyle = (width: number) => ({ width, color: false })

const drawWindow = (...args: Parameters<typeof Bars.drawWindow>) => Bars.drawWindow(...args).join("\n")

const stripColors = (colored: string) =>
  colored
    .split("\u001B[")
    .map((piece, index) => (index === 0 ? piece : piece.slice(piece.indexOf("m") + 1)))
    .join("")

describe("windowBar", () => {
  it("shows each part to scale, and what is free", () => {
    assert.strictEqual(
      drawWindow(after, 100_000, plainStyle(42)),
      [
        "[██▓▓▓▓▒▒································]",
        "  █ system    5,000    5.0%",
        "  ▓ handoff  10,000   10.0%",
        "  ▒ tail      5,000    5.0%",
        "  · free     80,000   80.0%"
      ].join("\n")
    )
  })

  it("says so when the parts are over the window", () => {
    assert.strictEqual(
      drawWindow([{ name: "messages", tokens: 150 }], 100, plainStyle(12)),
      ["[██████████!", "  █ messages         150  150.0%", "  ! over the window   50   50.0%"].join("\n")
    )
  })

  it("shows an empty window", () => {
    assert.strictEqual(drawWindow([], 100, plainStyle(12)), "[··········]\n  · free  100  100.0%")
  })

  it("leaves what is empty out of the legend, and the others their glyphs", () => {
    assert.strictEqual(
      drawWindow(
        [
          { name: "system", tokens: 0 },
          { name: "tail", tokens: 50 }
        ],
        100,
        plainStyle(12)
      ),
      ["[▓▓▓▓▓·····]", "  ▓ tail  50   50.0%", "  · free  50   50.0%"].join("\n")
    )
  })

  it("differs from its coloured form by the colours alone", () => {
    const colored = drawWindow(after, 100_000, { width: 80, color: true })
    assert.include(colored, "\u001B[34m██")
    assert.strictEqual(stripColors(colored), drawWindow(after, 100_000, plainStyle(80)))
  })

  it("gives every part that the legend names a column, as long as there are columns", () => {
    const parts = [
      { name: "system", tokens: 0 },
      { name: "head", tokens: 79 },
      { name: "handoff", tokens: 2_235 },
      { name: "tail", tokens: 29_222 }
    ]
    assert.strictEqual(Bars.drawBar(parts, 200_000, plainStyle(42)), "[▓▒▚▚▚▚··································]")
    assert.strictEqual(Bars.drawBar(parts, 200_000, plainStyle(8)), "[▚·····]")
  })

  const parts = FastCheck.array(FastCheck.record({ name: FastCheck.constant("p"), tokens: FastCheck.nat(100_000) }), {
    maxLength: 12
  })

  it.prop(
    "is as wide as it was asked to be, and filled to within a column",
    [parts, FastCheck.integer({ min: 12, max: 200 })],
    ([parts, width]) => {
      const [bar = ""] = drawWindow(parts, 200_000, plainStyle(width)).split("\n")
      assert.strictEqual(bar.length, width)
      const tokens = parts.reduce((sum, part) => sum + part.tokens, 0)
      const filled = width - 2 - [...bar].filter((glyph) => glyph === "·").length
      assert.isAtMost(Math.abs(filled - Math.min(1, tokens / 200_000) * (width - 2)), 0.5)
    }
  )
})

describe("beforeAfter", () => {
  it("puts both on one scale, with the legend of the window after", () => {
    assert.deepStrictEqual(Bars.drawBeforeAfter(before, after, 100_000, plainStyle(43)), [
      "before [█▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓···] 85,000 tokens",
      "after  [█▓▓▒················] 20,000 tokens",
      "█ system 5,000  ▓ handoff 10,000  ▒ tail 5,000  · free 80,000"
    ])
  })
})

describe("progressBar", () => {
  it("is filled as far as the work is done, and never beyond", () => {
    const drawn = (done: number, all: number) => Bars.drawProgress(done, all, plainStyle(12))
    assert.deepStrictEqual(
      [drawn(0, 0), drawn(350, 1_000), drawn(1_000, 1_000), drawn(1_001, 1_000)],
      ["[··········]", "[████······]", "[██████████]", "[██████████]"]
    )
  })
})
