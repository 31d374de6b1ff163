import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Gateway } from "../../src/gateway/Gateway.ts"
import { makeLearnedLimits } from "../../src/gateway/learnedLimits.ts"
import { ContextOverflow } from "../../src/model/ModelError.ts"
import { parts } from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Tokens from "../../src/message/Tokens.ts"
import { assemble, type View } from "../../src/view/View.ts"
import * as WireLimits from "../../src/view/WireLimits.ts"
import { call, logOf, ofWire, request, stateOf } from "../support/histories.ts"
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

const countImages = ({ messages }: View): number =>
  messages.reduce((sum, message) => sum + parts(message).filter(({ type }) => type === "image_url").length, 0)

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

  it.effect(
    "sends as many pictures as the server names in its refusal, which comes once, and again after a reset",
    () =>
      Effect.gen(function* () {
        const { deliver, reset, turn } = yield* Gateway
        const counts: Array<number> = []
        const answerScreenshots = (from: number) =>
          Effect.forEach(
            Array.from({ length: 9 }, (_, k) => screenshot(100, from + k)),
            (content) =>
              Effect.gen(function* () {
                yield* deliver(id, ofWire({ role: "user", content }))
                yield* turn(id, ({ append, step }) =>
                  Effect.flatMap(
                    step((view) => {
                      counts.push(countImages(view))
                      return (counts.at(-1) ?? 0) > 5
                        ? Effect.fail(
                            new ContextOverflow({
                              route: "m",
                              detail: "At most 5 image(s) may be provided in one prompt."
                            })
                          )
                        : Effect.succeed(ofWire({ role: "assistant", content: "I see" }))
                    }),
                    append
                  )
                )
              })
          )
        yield* answerScreenshots(0)
        assert.deepStrictEqual(counts, [1, 2, 3, 4, 5, 6, 5, 5, 5, 5])
        yield* reset(id)
        yield* answerScreenshots(9)
        assert.deepStrictEqual(counts.slice(10), [1, 2, 3, 4, 5, 6, 5, 5, 5, 5])
      }).pipe(Effect.provide(scripted(Scripted.layer([summary("what counts")]))))
  )

  it("remembers the refusals of many sessions, and forgets the oldest of very many", () => {
    const limits = makeLearnedLimits(2)
    const images = [{ type: "image_url", image_url: { url: "https://example.com/a.png" } } as const]
    const log = logOf(Array.from({ length: 8 }, () => ({ ...request(""), message: { role: "user", content: images } })))
    const view = assemble(stateOf(log), Tokens.estimate)
    for (const name of ["a", "b", "a", "c"]) limits.learn(SessionId.make(name), view, undefined, "too many images")
    assert.deepStrictEqual(
      ["a", "b", "c"].map((name) => limits.narrow(SessionId.make(name), WireLimits.openai).maxImages),
      [4, 500, 4]
    )
  })

  for (const [what, text] of [
    ["names its limit", "messages.3.content.1.image.source.base64: image exceeds 30 KB: 40000 bytes > 30000 bytes"],
    ["names none", "image is too large"]
  ] as const)
    it.effect(`sends on without a picture too large for a server that ${what}, and with all others`, () =>
      Effect.gen(function* () {
        const { deliver, turn } = yield* Gateway
        const views: Array<View> = []
        for (const [n, characters] of [20_000, 40_000, 25_000, 24_000].entries()) {
          yield* deliver(id, ofWire({ role: "user", content: screenshot(characters, n) }))
          yield* turn(id, ({ append, step }) =>
            Effect.flatMap(
              step((view) => {
                views.push(view)
                return JSON.stringify(view.messages).includes("A".repeat(30_000))
                  ? Effect.fail(new ContextOverflow({ route: "m", detail: text }))
                  : Effect.succeed(ofWire({ role: "assistant", content: "I see" }))
              }),
              append
            )
          )
        }
        assert.deepStrictEqual(views.map(countImages), [1, 2, 1, 2, 3])
        const left = views[2]?.repairs.filter(({ kind }) => kind === "left-out-parts")
        assert.deepStrictEqual(left, [{ kind: "left-out-parts", seq: 3 }])
        assert.include(JSON.stringify(views.at(-1)?.messages), "larger than the model's server takes; recall seq 3]")
      }).pipe(Effect.provide(scripted(Scripted.layer([summary("what counts")]))))
    )

  it.effect("of 4 MB each lives on a server that takes 32 MB, with no option given", () =>
    Effect.map(takeScreenshots("user", 32_000_000, 4_000_000), (asked) => assert.lengthOf(asked, 40))
  )
})
