import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { ContextOverflow } from "../../src/model/ModelError.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { call, ofWire } from "../support/histories.ts"
import { id, scripted, summary } from "../support/world.ts"

const screenshot = (characters: number, n: number) => [
  { type: "text", text: `screenshot ${n}` },
  { type: "image_url", image_url: { url: `data:image/png;base64,${String(n).padStart(characters, "A")}` } }
]

/** Counts the data of pictures by its length, since text of megabytes takes long to be made. */
const countBytes = (value: unknown): number => {
  let data = 0
  const rest = JSON.stringify(value, (_, field: unknown) => {
    if (typeof field !== "string" || !field.startsWith("data:")) return field
    data += field.length
    return ""
  })
  return data + Buffer.byteLength(rest)
}

/** A session in which each turn takes a screenshot, on a server that takes `limit` bytes; the bytes of each request. */
const takeScreenshots = (shape: "user" | "tool", limit: number, characters: number, options = {}) =>
  Effect.gen(function* () {
    const { deliver, turn } = yield* Gateway
    const asked: Array<number> = []
    for (let n = 0; n < 20; n++) {
      const content = shape === "user" ? screenshot(characters, n) : `take screenshot ${n}`
      yield* deliver(id, ofWire({ role: "user", content }))
      yield* turn(id, ({ append, step }) =>
        Effect.forEach([{ content: null, tool_calls: [call(`c${n}`)] }, { content: `I see ${n}` }], (fields) =>
          Effect.gen(function* () {
            const reply = yield* step(({ messages }) => {
              asked.push(countBytes(messages))
              return (asked.at(-1) ?? 0) > limit
                ? Effect.fail(new ContextOverflow({ route: "m", detail: "413 request_too_large" }))
                : Effect.succeed(ofWire({ role: "assistant", ...fields }))
            }, options)
            yield* append(reply)
            const output = shape === "tool" ? screenshot(characters, n) : "done"
            if (fields.content === null) yield* append(ofWire({ role: "tool", tool_call_id: `c${n}`, content: output }))
          })
        )
      )
    }
    return asked
  }).pipe(Effect.provide(scripted(Scripted.layer([summary("what counts")]), { policy: { contextLength: 200_000 } })))

describe("a session of screenshots", () => {
  for (const shape of ["user", "tool"] as const) {
    it.effect(`of a ${shape} never sends more bytes than its step allows`, () =>
      Effect.gen(function* () {
        const asked = yield* takeScreenshots(shape, 320_000, 40_000, { maxRequestBytes: 320_000, maxImages: 100 })
        assert.lengthOf(asked, 40)
        assert.isAbove(Math.max(...asked), 200_000)
      })
    )
  }

  it.effect("sends fewer pictures where the server takes fewer bytes, and learns no window", () =>
    Effect.map(takeScreenshots("user", 100_000, 20_000), (asked) => {
      assert.isAtMost(asked.filter((bytes) => bytes > 100_000).length, 2)
    })
  )

  it.effect("of 4 MB each lives on a server that takes 32 MB, with no option given", () =>
    Effect.map(takeScreenshots("user", 32_000_000, 4_000_000), (asked) => assert.lengthOf(asked, 40))
  )
})
