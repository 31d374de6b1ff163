import { assert, describe, it } from "@effect/vitest"
import { renderDrawing } from "../../src/picture/svg.ts"
import { drawWindowPicture, type WindowPicture } from "../../src/picture/windowPicture.ts"

const picture: WindowPicture = {
  title: "a session",
  points: [{ x: 1, view: 100 }],
  marks: [],
  waits: [],
  window: 1_000,
  words: { view: "seen", window: "the window", from: "#1", to: "#1" }
}

const heightsOf = (shown: Partial<WindowPicture>) => {
  const path = drawWindowPicture({ ...picture, ...shown }).shapes.find(({ tag }) => tag === "path")
  return Array.from(String(path?.attributes.d).matchAll(/[ML]\S+ (\S+?)(?=L|$)/g), ([, y]) => Number(y))
}

describe("the picture of a window", () => {
  it("keeps the highest and the lowest point of 100,000", () => {
    const flat = Array.from({ length: 100_000 }, (_, n) => ({ x: n, view: 500 }))
    const points = flat.with(33_333, { x: 33_333, view: 900 }).with(33_334, { x: 33_334, view: 10 })
    const heights = heightsOf({ points })
    assert.isBelow(heights.length, 3_000)
    const [highest, lowest] = [
      heightsOf({ points: [{ x: 1, view: 900 }] }),
      heightsOf({ points: [{ x: 1, view: 10 }] })
    ]
    assert.deepStrictEqual([Math.min(...heights), Math.max(...heights)], [highest[0], lowest[0]])
  })

  it("draws an empty session, and what is larger than the window", () => {
    assert.deepStrictEqual(heightsOf({ points: [] }), [])
    for (const y of heightsOf({
      points: [
        { x: 1, view: 0 },
        { x: 2, view: 5_000 }
      ]
    })) {
      assert.isAtLeast(y, 0)
      assert.isAtMost(y, 260)
    }
  })

  it("lets no text pass for an element or an attribute", () => {
    const hostile = `"><script>alert(1)</script>\u0000`
    const drawing = drawWindowPicture({
      ...picture,
      title: hostile,
      marks: [{ x: 1, before: 2, after: 1, title: hostile }],
      waits: [{ from: 1, to: 2, title: hostile }],
      words: { view: hostile, window: hostile, from: hostile, to: hostile }
    })
    const svg = renderDrawing(drawing, "")
    assert.notInclude(svg, "<script")
    assert.notInclude(svg, "\u0000")
    assert.strictEqual(svg.match(/&lt;script&gt;/g)?.length, 7)
  })
})
