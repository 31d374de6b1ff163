/** Prompts of `@effect/ai` as messages of a session, and back. */
import { Prompt, Response } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import { fromPrompt, toPrompt } from "../../src/effectAi/EffectAi.ts"
import { readResponse } from "../../src/effectAi/prompts.ts"
import * as Message from "../../src/message/Message.ts"
import { propertyRuns } from "../support/repetitions.ts"

const word = FastCheck.stringMatching(/^[a-z]{1,8}$/)
const text = FastCheck.oneof(
  word,
  FastCheck.string({ minLength: 1 }).map((s) => s.toWellFormed())
)
const json = FastCheck.jsonValue({ maxDepth: 2 }).map((value): unknown => JSON.parse(JSON.stringify(value)))
const options = FastCheck.oneof(
  FastCheck.constant({}),
  FastCheck.dictionary(word, FastCheck.dictionary(word, json, { minKeys: 1, maxKeys: 2 }), { minKeys: 1, maxKeys: 2 })
)
const bytes = FastCheck.uint8Array({ minLength: 1, maxLength: 20 }).map((array) => Uint8Array.from(array))
const base64 = bytes.map((array) => Buffer.from(array).toString("base64"))
const url = word.map((name) => `https://example.com/${name}.png`)
const data = FastCheck.oneof(
  bytes,
  base64,
  url,
  url.map((href) => new URL(href))
)
const mediaType = FastCheck.constantFrom("image/png", "image/*", "application/pdf", "audio/mp3", "text/plain")

const textPart = FastCheck.record({ type: FastCheck.constant("text" as const), text, options })
const reasoningPart = FastCheck.record({
  type: FastCheck.constant("reasoning" as const),
  text: FastCheck.oneof(text, FastCheck.constant("")),
  options
})
const filePart = FastCheck.record(
  { type: FastCheck.constant("file" as const), mediaType, data, options, fileName: word },
  { requiredKeys: ["type", "mediaType", "data", "options"] }
)
const callPart = (id: string, providerExecuted: boolean) =>
  FastCheck.record({
    type: FastCheck.constant("tool-call" as const),
    id: FastCheck.constant(id),
    name: word,
    params: FastCheck.dictionary(word, json, { maxKeys: 2 }),
    providerExecuted: FastCheck.constant(providerExecuted),
    options
  })
const resultPart = (id: string, name: string) =>
  FastCheck.record({
    type: FastCheck.constant("tool-result" as const),
    id: FastCheck.constant(id),
    name: FastCheck.constant(name),
    isFailure: FastCheck.boolean(),
    result: FastCheck.oneof(text, json),
    providerExecuted: FastCheck.constant(false),
    options
  })

const user = FastCheck.record({
  role: FastCheck.constant("user" as const),
  content: FastCheck.array(FastCheck.oneof(textPart, filePart), { minLength: 1, maxLength: 3 }),
  options
})

/** An answer with calls, and the results of the calls that the program makes. */
const answer = (n: number) =>
  FastCheck.record({
    said: FastCheck.array(FastCheck.oneof(textPart, reasoningPart, filePart), { minLength: 1, maxLength: 3 }),
    calls: FastCheck.tuple(callPart(`call_${n}_a`, false), callPart(`call_${n}_b`, false)),
    own: callPart(`call_${n}_c`, true),
    count: FastCheck.integer({ min: 0, max: 2 }),
    options
  }).chain(({ calls, count, options: messageOptions, own, said }) => {
    const made = calls.slice(0, count)
    const assistant = { role: "assistant" as const, content: [...said, own, ...made], options: messageOptions }
    if (made.length === 0) return FastCheck.constant([assistant])
    const results = FastCheck.tuple(...made.map(({ id, name }) => resultPart(id, name)))
    return FastCheck.record({ results, options }).map(({ options: toolOptions, results: content }) => [
      assistant,
      { role: "tool" as const, content, options: toolOptions }
    ])
  })

const prompt = FastCheck.record({
  system: FastCheck.array(FastCheck.record({ role: FastCheck.constant("system" as const), content: text, options }), {
    maxLength: 1
  }),
  turns: FastCheck.tuple(user, answer(1), user, answer(2), user)
}).map(({ system, turns }) => Prompt.make([...system, ...turns.flat()]))

const decode = (given: Prompt.RawInput) => Either.getOrThrow(fromPrompt(given))

/** Messages as a store gives them back. */
const store = (messages: ReadonlyArray<Message.Message>) =>
  messages.map((message) => Either.getOrThrow(Message.parse(JSON.parse(JSON.stringify(message)))))

const plain = ({ content }: Prompt.Prompt) => Schema.encodeSync(Prompt.Prompt)(Prompt.fromMessages(content)).content

describe("a prompt", () => {
  it.prop(
    "comes back from the log of a session as it was: files, reasoning, options, failures",
    [prompt],
    ([given]) => {
      assert.deepStrictEqual(plain(toPrompt(store(decode(given)))), plain(given))
    },
    propertyRuns(100, 2_000)
  )

  it.prop(
    "is read one message at a time as well as at once",
    [prompt],
    ([given]) => {
      const single = given.content.flatMap((message) => decode(Prompt.fromMessages([message])))
      assert.deepStrictEqual(single, decode(given))
    },
    propertyRuns(50, 500)
  )

  it("gives pictures and files of other doors as bytes or URLs, which models take", () => {
    const [message] = toPrompt([
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
          { type: "file", file: { file_data: "data:application/pdf;base64,AQID", filename: "a.pdf" } }
        ]
      }
    ]).content
    assert.deepStrictEqual(
      message?.role === "user" && message.content.map((part) => part.type === "file" && [part.mediaType, part.data]),
      [
        ["image/*", new URL("https://example.com/a.png")],
        ["image/png", Uint8Array.of(1, 2, 3)],
        ["application/pdf", Uint8Array.of(1, 2, 3)]
      ]
    )
  })

  it("is refused by name if it is none", () => {
    const call = { type: "tool-call", id: "", name: "x", params: {} } as const
    const read = fromPrompt([{ role: "assistant", content: [call] }])
    assert.include(String(Either.getOrThrow(Either.flip(read)).message), "toolCallId")
  })
})

describe("a response", () => {
  const openai = (n: number) => ({ openai: { itemId: `rs_${n}`, encryptedContent: `secret ${n}` } })

  it("keeps metadata as options, whether it came whole or streamed", () => {
    const whole = readResponse([
      Response.makePart("reasoning", { text: "I think", metadata: openai(1) }),
      Response.makePart("text", { text: "Hello", metadata: { openai: { itemId: "msg_1" } } }),
      Response.makePart("file", { mediaType: "image/png", data: Uint8Array.of(1) })
    ])
    const streamed = readResponse([
      Response.makePart("reasoning-start", { id: "1", metadata: { openai: { itemId: "rs_1" } } }),
      Response.makePart("text-start", { id: "1", metadata: { openai: { itemId: "msg_1" } } }),
      Response.makePart("reasoning-delta", { id: "1", delta: "I " }),
      Response.makePart("text-delta", { id: "1", delta: "Hello" }),
      Response.makePart("reasoning-delta", { id: "1", delta: "think" }),
      Response.makePart("reasoning-end", { id: "1", metadata: { openai: { encryptedContent: "secret 1" } } }),
      Response.makePart("text-end", { id: "1" }),
      Response.makePart("file", { mediaType: "image/png", data: Uint8Array.of(1) })
    ])
    assert.deepStrictEqual(streamed, whole)
    assert.deepStrictEqual(
      whole.flatMap(({ content }) => (typeof content === "string" ? [] : content.map((part) => part.options))),
      [openai(1), { openai: { itemId: "msg_1" } }, {}]
    )
  })

  it("puts the results of calls into a message of their own, but for those of the provider", () => {
    const result = { name: "look", result: 1, encodedResult: 1, isFailure: false } as const
    const read = readResponse([
      Response.makePart("tool-call", { id: "a", name: "look", params: {}, providerExecuted: true }),
      Response.makePart("tool-result", { ...result, id: "a", providerExecuted: true }),
      Response.makePart("tool-call", { id: "b", name: "look", params: {}, providerExecuted: false }),
      Response.makePart("tool-result", { ...result, id: "b", providerExecuted: false })
    ])
    assert.deepStrictEqual(
      read.map(({ content, role }) => [role, typeof content === "string" ? 0 : content.length]),
      [
        ["assistant", 3],
        ["tool", 1]
      ]
    )
    assert.deepStrictEqual(readResponse([]), [])
  })
})
