import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as IncrementalView from "../../src/view/incrementalView.ts"
import type { ContentPart, Message } from "../../src/message/Message.ts"
import type { State } from "../../src/session/Session.ts"
import { estimate } from "../../src/message/Tokens.ts"
import * as View from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import { any, call, calls, type Entry, logOf, ofWire, plain, request, says, stateOf } from "../support/histories.ts"
import { problems } from "../support/providerShapes.ts"
import { propertyRuns } from "../support/repetitions.ts"

const shot = (characters: number, n: number) =>
  ({ type: "image_url", image_url: { url: `data:image/png;base64,${String(n).padStart(characters, "A")}` } }) as const

/** A turn in which a user or a tool shows a picture. */
const turn = (shape: "user" | "tool", characters: number, n: number): ReadonlyArray<Entry> => {
  const content = [{ type: "text", text: `screenshot ${n}` }, shot(characters, n)]
  if (shape === "user") return [{ message: ofWire({ role: "user", content }), kind: "request" }, says(`I see ${n}`)]
  const result = plain(ofWire({ role: "tool", tool_call_id: `c${n}`, content }))
  return [request(`take ${n}`), calls(call(`c${n}`)), result, says(`I see ${n}`)]
}

const turns = (shape: "user" | "tool", characters: number, count: number) =>
  Array.from({ length: count }, (_, n) => turn(shape, characters, n)).flat()

const bytesOf = (messages: ReadonlyArray<Message>): number => Buffer.byteLength(JSON.stringify(messages))

const partsOf = ({ content }: Message): ReadonlyArray<ContentPart> => (Array.isArray(content) ? content : [])

const picturesOf = ({ messages }: View.View) => messages.flatMap(partsOf).filter(({ type }) => type === "image_url")

describe("a request within its bytes", () => {
  for (const shape of ["user", "tool"] as const)
    it(`keeps the newest pictures of a ${shape}, and says how to recall the others`, () => {
      const options = { maxRequestBytes: 320_000, maxImages: 100 }
      for (let count = 1; count <= 20; count++) {
        const view = View.assemble(stateOf(logOf(turns(shape, 40_000, count))), estimate, options)
        assert.isAtMost(bytesOf(view.messages), options.maxRequestBytes)
        assert.deepStrictEqual(problems(view.messages), [])
        const kept = picturesOf(view)
        assert.isAtLeast(kept.length, Math.min(count, 5))
        assert.deepStrictEqual(
          kept,
          Array.from({ length: kept.length }, (_, i) => shot(40_000, count - kept.length + i))
        )
        const left = view.repairs.filter(({ kind }) => kind === "left-out-parts")
        assert.lengthOf(left, count - kept.length)
        for (const { seq } of left) assert.include(JSON.stringify(view.messages), `recall seq ${seq}]`)
      }
    })

  it("leaves pictures out a few at a time, so that most steps begin as the one before", () => {
    const texts = Array.from({ length: 60 }, (_, n) => {
      const state = stateOf(logOf(turns("user", 4_000, n + 1)))
      return JSON.stringify(View.assemble(state, estimate, { maxRequestBytes: 100_000, maxImages: 100 }).messages)
    })
    const begins = texts.slice(1).filter((text, i) => text.startsWith((texts[i] ?? "").slice(0, -1)))
    assert.isAtLeast(begins.length, 45)
  })

  it("keeps no more pictures than its provider takes, and all that it takes", () => {
    const state = stateOf(logOf(turns("user", 40, 30)))
    const count = (options?: WireLimits.WireLimits) => picturesOf(View.assemble(state, estimate, options)).length
    assert.strictEqual(count(WireLimits.openai), 30)
    assert.strictEqual(count(WireLimits.mistral), 8)
    assert.strictEqual(count(), 30)
    assert.strictEqual(count({ maxImages: 0 }), 0)
    assert.strictEqual(count({ maxImages: Number.NaN }), 30)
  })

  it("shows no picture larger than its provider takes, however new, and keeps all others", () => {
    const sizes = [300, 900, 40, 901, 900]
    const log = logOf(sizes.flatMap((size, n) => turn("user", size, n)))
    const view = View.assemble(stateOf(log), estimate, { maxImageBytes: 900 })
    assert.deepStrictEqual(
      picturesOf(view),
      sizes.flatMap((size, n) => (size <= 900 ? [shot(size, n)] : []))
    )
    assert.deepStrictEqual(view.repairs, [{ kind: "left-out-parts", seq: 7 }])
    assert.include(JSON.stringify(view.messages[6]), "larger than the model's server takes; recall seq 7]")
    const fetched = { type: "image_url", image_url: { url: `https://example.com/${"a".repeat(2_000)}` } } as const
    const url = logOf([{ message: ofWire({ role: "user", content: [fetched] }), kind: "request" }])
    assert.deepStrictEqual(picturesOf(View.assemble(stateOf(url), estimate, { maxImageBytes: 900 })), [fetched])
  })

  it("makes room with the pictures that are too large before the oldest leave", () => {
    const log = logOf([...turns("user", 4_000, 3), ...turn("user", 90_000, 3)])
    const view = View.assemble(stateOf(log), estimate, { maxRequestBytes: 20_000, maxImageBytes: 50_000 })
    assert.lengthOf(picturesOf(view), 3)
  })

  it("lets results keep their pictures where the provider takes them", () => {
    const log = logOf(turns("tool", 40, 3))
    const view = View.assemble(stateOf(log), estimate, WireLimits.anthropic)
    assert.deepStrictEqual(view.repairs, [])
    assert.deepStrictEqual(
      view.messages,
      log.map(({ message }) => message)
    )
  })

  it.prop(
    "is not larger, unless its words alone are",
    [any, FastCheck.constantFrom("user", "tool"), FastCheck.array(FastCheck.nat(9_000)), FastCheck.nat(30_000)],
    ([entries, shape, sizes, maxRequestBytes]) => {
      const all = [...entries, ...sizes.flatMap((size, n) => turn(shape === "user" ? "user" : "tool", size, n))]
      const view = View.assemble(stateOf(logOf(all)), estimate, { maxRequestBytes, maxImages: 1_000 })
      const isLarge = ({ image_url }: { image_url: { url: string } }) => image_url.url.length > 200
      const left = view.messages.flatMap(partsOf).filter((part) => part.type === "image_url" && isLarge(part))
      assert.isTrue(bytesOf(view.messages) <= maxRequestBytes || left.length === 0)
      const { tokens, parts } = view
      const counted = view.messages.reduce((sum, message) => sum + estimate.message(message), 0)
      assert.strictEqual(tokens, counted)
      assert.strictEqual(
        Object.values(parts).reduce((sum, part) => sum + part.tokens, 0),
        counted
      )
    },
    propertyRuns(100, 1_000)
  )

  it("measures no message twice", () => {
    let measured = 0
    const field = { toJSON: () => `measured ${++measured}` }
    const entries = turns("user", 4_000, 40).map(({ kind, message }) => ({ kind, message: { ...message, field } }))
    const whole = stateOf(logOf(entries))
    const before = measured
    const base = { ...whole, manifest: { ...whole.manifest } }
    const states = whole.tail.map((_, n): State => ({ ...base, tail: whole.tail.slice(0, n + 1) }))
    const limits = WireLimits.resolve({ maxRequestBytes: 50_000 })
    for (const state of states) IncrementalView.assembleView(state, estimate, { limits })
    // Once each, and the few that are shown without a picture are counted in tokens once.
    assert.isAtMost(measured - before, 2 * entries.length)
  })
})
