import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { ConnectionError, ContextOverflow } from "../../src/model/ModelError.ts"
import { Compressor } from "../../src/compression/Compressor.ts"
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../support/summaryText.ts"
import * as Prompt from "../../src/handoff/prompt.ts"
import * as Message from "../../src/message/Message.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import type { Logged } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { estimate } from "../../src/message/Tokens.ts"
import { conversation, id, route, scripted } from "../support/world.ts"

const policy = { contextLength: 64_000, mode: "manual" } as const
/** So narrow that a dozen rounds of tools push out what came before them. */
const narrow = { ...policy, contextLength: 8_000 } as const
const small = { ...route, contextLength: 12_000 }

const materialOf = ({ messages }: ModelRequest): string => messages.map(Message.text).join("\n")

/** Answers with the place where its material begins. */
const answer = (request: ModelRequest): string => {
  const [, from = ""] = /^#(\d+) /m.exec(materialOf(request)) ?? []
  return renderSummary({ ...Handoff.empty, goal: ["go on"], done: [`read from #${from} on`], facts: ["port 8123"] })
}

const compressed = Effect.gen(function* () {
  const store = yield* SessionStore
  yield* store.importAll([{ sessionId: id, messages: conversation(200) }])
  const { compress } = yield* Compressor
  const result = yield* compress(id)
  return { result, segments: (yield* store.state(id)).segments }
})

const LONE_SURROGATE = /\p{Surrogate}/u

const secret = `ghp_${"a1B2".repeat(9)}`

const logged = (message: Message.Message): Logged => ({
  seq: 1,
  arrival: 1,
  kind: "request",
  at: 0,
  message,
  tokens: estimate.message(message)
})

/** Messages whose words are the given text, each in another place. */
const CARRIERS: ReadonlyArray<readonly [string, (text: string) => Message.Message]> = [
  ["a request", (content) => ({ role: "user", content })],
  ["parts", (text) => ({ role: "user", content: [{ type: "text", text }] })],
  [
    "many parts",
    (text) => ({
      role: "user",
      content: (text.match(/[^]{1,500}(?:\n|$)|[^]{1,500}/gu) ?? []).map((text) => ({ type: "text", text }))
    })
  ],
  ["an answer", (content) => ({ role: "assistant", content })],
  ["a result", (content) => ({ role: "tool", tool_call_id: "call_1", content })],
  ["a result in parts", (text) => ({ role: "tool", tool_call_id: "call_1", content: [{ type: "text", text }] })],
  [
    "the arguments of a call",
    (text) => ({
      role: "assistant",
      content: "I write it.",
      tool_calls: [
        { id: "call_1", type: "function", function: { name: "write_file", arguments: JSON.stringify({ text }) } }
      ]
    })
  ],
  [
    "the input of a custom call",
    (input) => ({
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_1", type: "custom", custom: { name: "apply_patch", input } }]
    })
  ]
]

/** Material without its headers and indents. */
const wordsIn = (range: ReadonlyArray<Logged>): string =>
  Prompt.renderMaterial(range)
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.slice(1))
    .join("")

for (const [name, carry] of CARRIERS) {
  describe(`a message cut within its words, ${name}`, () => {
    it.prop(
      "13: secrets stay: not even half a secret is in any piece, nor half a character",
      [FastCheck.integer({ min: 0, max: 80 }), FastCheck.constantFrom("word ", "🙂")],
      ([shift, filler]) => {
        const around = filler.repeat(60)
        const entry = logged(carry(`${around}${" ".repeat(shift)} ${secret} ${around}`))
        for (const pieces of [Prompt.splitInHalves([entry], estimate), Prompt.chunkUpTo([entry], 30, estimate)]) {
          assert.isAbove(pieces.length, 1)
          for (const piece of pieces) {
            assert.notMatch(Prompt.renderMaterial(piece), /ghp_|a1B2/)
            assert.isTrue(piece.every(({ message }) => !LONE_SURROGATE.test(Message.text(message))))
          }
        }
      }
    )

    it.prop(
      "together the pieces say all its words once, none is much larger than its share, and none looks like the end of a turn",
      [
        FastCheck.string({
          minLength: 2_000,
          maxLength: 6_000,
          unit: FastCheck.constantFrom("a", "b", " ", "é", "字", "🙂")
        }),
        FastCheck.integer({ min: 100, max: 400 })
      ],
      ([text, limit]) => {
        const entry = logged(carry(text))
        const pieces = Prompt.chunkUpTo([entry], limit, estimate)
        const isSpaced = (words: string) => words.replaceAll(/\s/g, "")
        assert.strictEqual(isSpaced(pieces.map(wordsIn).join("")), isSpaced(wordsIn([entry])))
        for (const piece of pieces) {
          assert.isAtMost(
            piece.reduce((sum, { tokens }) => sum + tokens, 0),
            2 * limit + 50
          )
          for (const { message } of piece)
            assert.strictEqual(Message.endsTurn(message), Message.endsTurn(entry.message))
        }
      },
      { fastCheck: { numRuns: 30 } }
    )

    for (const times of [2, 8, 20]) {
      it.effect(`${times} times as large as the window is summarized by the model, all of it`, () => {
        const model = Scripted.make([answer])
        const giant = Array.from({ length: times * 1_900 }, (_, n) => `line ${n} of the output\n`).join("")
        const messages: ReadonlyArray<Message.Message> = [
          { role: "user", content: "Go." },
          ...withPartner(carry(giant)),
          ...conversation(12)
        ]
        return Effect.gen(function* () {
          const store = yield* SessionStore
          yield* store.importAll([{ sessionId: id, messages }])
          const { compress } = yield* Compressor
          assert.deepInclude(yield* compress(id), { outcome: "committed", reason: null })
          const shown = model.requests.map(materialOf).join("")
          const lines = new Set(shown.match(/line \d+ of the output/g))
          // A chunk may begin within a line.
          assert.isAtLeast(lines.size, times * 1_900 - 2 * model.requests.length)
        }).pipe(Effect.provide(scripted(model.layer, { policy: narrow, routes: [small] })))
      })
    }
  })
}

/** The message with the call or the result that belongs to it. */
const withPartner = (message: Message.Message): ReadonlyArray<Message.Message> => {
  const call = { id: "call_1", type: "function", function: { name: "read_file", arguments: "{}" } } as const
  if (message.role === "tool") return [{ role: "assistant", content: null, tool_calls: [call] }, message]
  const isCall = Message.toolCalls(message).length > 0
  return isCall ? [message, { role: "tool", tool_call_id: "call_1", content: "done" }] : [message]
}

it("a batch of many calls is cut into pieces that each hold their own calls, and no call is lost", () => {
  const tool_calls = Array.from({ length: 300 }, (_, n) => {
    const input = JSON.stringify({ text: `words of ${n} `.repeat(40) })
    return { id: `call_${n}`, type: "function", function: { name: "write_file", arguments: input } } as const
  })
  const pieces = Prompt.chunkUpTo([logged({ role: "assistant", content: null, tool_calls })], 1_000, estimate)
  for (const piece of pieces) {
    assert.isAtMost(
      piece.reduce((sum, { tokens }) => sum + tokens, 0),
      1_500
    )
    for (const { message } of piece) assert.isFalse(Message.endsTurn(message))
  }
  // Each call keeps its id once, where its words end.
  const ids = pieces.flat().flatMap(({ message }) => Message.toolCalls(message).map(({ id }) => id))
  assert.deepStrictEqual(
    ids.filter((id) => !id.includes("/")),
    tool_calls.map(({ id }) => id)
  )
})

describe("a window that is smaller than the route says", () => {
  it.effect("costs a few calls, not one for each chunk, if the server does not take what it names", () => {
    const model = Scripted.make([new ContextOverflow({ route: "r", detail: "too long", limit: 2_000 })])
    return Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages: conversation(300) }])
      const { compress } = yield* Compressor
      const result = yield* compress(id)
      assert.strictEqual(result.outcome, "degraded")
      assert.isAtMost(result.modelCalls, 8)
    }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [{ ...route, contextLength: 1_000_000 }] })))
  })

  for (const window of [4_096, 8_192, 16_384]) {
    it.effect(
      `is taken from the error, ${window} of 128,000: the range is cut to fit, and no call after the first is refused`,
      () => {
        const model = Scripted.make([
          (request) => {
            const size = estimate.text(materialOf(request)) + request.maxOutputTokens
            const detail = `maximum context length is ${window} tokens`
            return size > window ? new ContextOverflow({ route: "r", detail, limit: window }) : answer(request)
          }
        ])
        return Effect.gen(function* () {
          const { result } = yield* compressed
          assert.deepInclude(result, { outcome: "committed", reason: null })
          assert.deepStrictEqual(
            result.attempts.filter(({ error }) => error !== null).map(({ error }) => error),
            ["ContextOverflow"]
          )
        }).pipe(Effect.provide(scripted(model.layer, { policy, routes: [{ ...route, contextLength: 128_000 }] })))
      }
    )
  }
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

  it.effect("only with what the material does not show, such as reasoning and pictures, costs no call more", () => {
    const unseen = "I weigh it. ".repeat(2_000)
    const thinking = conversation(12).map((message): Message.Message => {
      const field = message.role === "assistant" ? { reasoning_content: unseen } : { native: { format: "x", unseen } }
      return { ...message, ...field }
    })
    const countCalls = (messages: ReadonlyArray<Message.Message>) => {
      const model = Scripted.make([answer])
      return Effect.gen(function* () {
        const store = yield* SessionStore
        yield* store.importAll([{ sessionId: id, messages }])
        const { compress } = yield* Compressor
        assert.deepInclude(yield* compress(id), { outcome: "committed", reason: null })
        return model.requests.length
      }).pipe(Effect.provide(scripted(model.layer, { policy: narrow, routes: [{ ...route, contextLength: 32_000 }] })))
    }
    return Effect.gen(function* () {
      assert.strictEqual(yield* countCalls(thinking), 1)
      // Its words are cut as if nothing else were there.
      const large = { role: "user", content: "a line of output\n".repeat(6_000) } as const
      const calls = yield* countCalls([large, ...conversation(12)])
      assert.isAbove(calls, 1)
      assert.strictEqual(yield* countCalls([large, ...thinking]), calls)
    })
  })

  it.effect("of which some chunks are smaller than any summary is none the worse for it", () => {
    const model = Scripted.make([answer])
    const giant = "a line of output\n".repeat(20_000)
    const talk = ["Go.", giant, "Thanks.", giant, "Bye."].flatMap((content): ReadonlyArray<Message.Message> => [
      { role: "user", content },
      { role: "assistant", content: "ok" }
    ])
    const messages = [...talk, ...conversation(12)]
    return Effect.gen(function* () {
      const store = yield* SessionStore
      yield* store.importAll([{ sessionId: id, messages }])
      const { compress } = yield* Compressor
      assert.deepInclude(yield* compress(id), { outcome: "committed", reason: null })
    }).pipe(Effect.provide(scripted(model.layer, { policy: narrow, routes: [{ ...route, contextLength: 64_000 }] })))
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
