import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { ConnectionError } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Prompt from "../../src/handoff/prompt.ts"
import * as Message from "../../src/message/Message.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { Logged } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { conversation, id, route, scripted } from "../support/world.ts"

const policy = { contextLength: 64_000, mode: "manual" } as const
const small = { ...route, contextLength: 12_000 }

const materialOf = ({ messages }: ModelRequest): string => messages.map(Message.text).join("\n")

/** Answers with the place where its material begins. */
const answer = (request: ModelRequest): string => {
  const [, from = ""] = /^#(\d+) /m.exec(materialOf(request)) ?? []
  return Handoff.render({ ...Handoff.empty, goal: ["go on"], done: [`read from #${from} on`], facts: ["port 8123"] })
}

const compressed = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.importAll([{ sessionId: id, messages: conversation(100) }])
  const { compress } = yield* Compressor
  const result = yield* compress(id)
  return { result, segments: (yield* store.state(id)).segments }
})

const LONE_SURROGATE = /\p{Surrogate}/u

describe("a message cut in two", () => {
  const secret = `ghp_${"a1B2".repeat(9)}`
  const logged = (content: string): Logged => {
    const message = { role: "user", content } as const
    return { seq: 1, arrival: 1, kind: "request", at: 0, message, tokens: estimate.message(message) }
  }

  it.prop(
    "13: secrets stay: not even half a secret is in either half, nor half a character",
    [FastCheck.integer({ min: 0, max: 80 }), FastCheck.constantFrom("word ", "🙂")],
    ([shift, filler]) => {
      const around = filler.repeat(60)
      const halves = Prompt.splitInHalves([logged(`${around}${" ".repeat(shift)} ${secret} ${around}`)], estimate)
      for (const half of halves) {
        assert.notMatch(Prompt.renderMaterial(half), /ghp_|a1B2/)
        assert.isTrue(half.every(({ message }) => !LONE_SURROGATE.test(Message.text(message))))
      }
    }
  )
})

describe("a range larger than the summarizer's window", () => {
  it.effect("is summarized in chunks, each once, that together are the whole range", () => {
    const model = Scripted.make([answer])
    return Effect.gen(function* () {
      const { result, segments } = yield* compressed
      assert.strictEqual(result.outcome, "committed")
      assert.isAbove(model.requests.length, 2)
      const seen = model.requests.flatMap(
        (request) => materialOf(request).match(/^#\d+ (?=user|assistant|tool)/gm) ?? []
      )
      const [segment] = segments
      const covered = Array.from({ length: (segment?.toSeq ?? 0) - (segment?.fromSeq ?? 0) + 1 })
      assert.strictEqual(new Set(seen).size, covered.length)
      for (const request of model.requests) {
        const [, from = ""] = /^#(\d+) /m.exec(materialOf(request)) ?? []
        assert.include(segment?.text, `read from #${from} on`)
      }
    }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [small] })))
  })

  it.effect("of which some chunks are smaller than any summary is none the worse for it", () => {
    const model = Scripted.make([answer])
    const giant = "a line of output\n".repeat(20_000)
    const messages = ["Go.", giant, "Thanks.", giant, "Bye."].flatMap((content): ReadonlyArray<Message.Message> => [
      { role: "user", content },
      { role: "assistant", content: "ok" }
    ])
    return Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages }])
      const { compress } = yield* Compressor
      assert.deepInclude(yield* compress(id), { outcome: "committed", reason: null })
    }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [{ ...route, contextLength: 64_000 }] })))
  })

  it.effect("of which one chunk fails keeps the others, and asks for none of them again", () => {
    const down = new ConnectionError({ route: "r", detail: "refused" })
    const model = Scripted.make([
      (request) => (materialOf(request).includes("Please look at part 40.") ? down : answer(request))
    ])
    return Effect.gen(function* () {
      const { result, segments } = yield* compressed
      assert.strictEqual(result.outcome, "degraded")
      const failed = model.requests.filter((request) => materialOf(request).includes("Please look at part 40."))
      const others = model.requests.filter((request) => !failed.includes(request))
      assert.strictEqual(new Set(others.map(materialOf)).size, others.length)
      const asked = others.map((request) => /^#(\d+) /m.exec(materialOf(request))?.[1] ?? "")
      for (const from of asked) assert.include(segments[0]?.text, `read from #${from} on`)
      assert.strictEqual(failed.length, 2)
    }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [small] })))
  })
})
